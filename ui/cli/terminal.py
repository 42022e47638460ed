"""Answers for people at a terminal: coloured with footnotes there, plain when piped; and a chat."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol
from unicodedata import category

import click

from konkyo.index.errors import KonkyoError
from konkyo.index.records import ArticleSummary
from konkyo.rag.conversation import Turn
from konkyo.rag.messages import notice_text, removed_text
from konkyo.rag.short_answer.short import short_text
from konkyo.rag.types import (
    Answer,
    ClaimChecked,
    ClaimDrafted,
    ClaimRemoved,
    Event,
    EvidenceReady,
    Finished,
    Outcome,
    Refusal,
    Removed,
)

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Asked", "clean", "converse", "print_outcome", "working"]

# Besides line ends: what Persian and emoji are joined by.
_KEPT = "\n\t\u200c\u200d"


class Asked(Protocol):
    """What a chat at a terminal needs of a pipeline."""

    def stream(self, question: str, *, history: Sequence[Turn] = ...) -> Iterator[Event]:
        """Events in order; the last one carries the outcome. Raises KonkyoError."""


def clean(text: str) -> str:
    """Text from articles may not steer a terminal: control characters are dropped."""
    return "".join(c for c in text if c.isprintable() or c in _KEPT or category(c) == "Zs")


def _console() -> Console:
    from rich.console import Console

    # Piped, nothing is coloured and no line is broken.
    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[str], None]]:
    """Say on standard error what is being done, where that is a terminal.

    Gives a way to say more.
    """
    from rich.console import Console

    with Console(stderr=True).status(what) as status:
        yield status.update


def print_outcome(outcome: Outcome) -> None:
    """Print an answer with its footnotes, or a refusal with what is near."""
    from rich.text import Text

    console = _console()
    answered = isinstance(outcome, Answer)
    if isinstance(outcome, Answer) and outcome.short is not None:
        said = short_text(outcome.short, outcome.language)
        console.print(Text(clean(said), style="bold green"))
    body = Text(clean(outcome.text), style="bold" if answered else "yellow")
    body.highlight_regex(r"\[\d+\]", "cyan")
    console.print(body)
    if isinstance(outcome, Answer):
        console.print()
        for c in outcome.citations:
            place = " · ".join(x for x in (c.title, c.outlet, c.published, c.url) if x)
            console.print(Text(f"[{c.id}] ", "cyan") + Text(clean(c.quote), ""))
            console.print(Text(clean(f"    {place} ({c.article_id} {c.start}:{c.end})"), "dim"))
    elif isinstance(outcome, Refusal):
        _print_articles(console, outcome.related)
    else:
        _print_articles(console, outcome.articles)
        for question in outcome.suggestions:
            console.print(Text(clean(f"  ? {question}"), "cyan"))
    if outcome.removed:
        console.print(Text(clean(_left_out(outcome.removed, outcome.language)), "dim red"))
    for notice in outcome.notices:
        console.print(Text(clean(notice), "yellow"))


def _left_out(removed: Sequence[Removed], language: str) -> str:
    """How many sentences failed a check, and why; what they say is not to be read as fact."""
    reasons = dict.fromkeys(removed_text(one.reason, language) for one in removed)
    why = notice_text("apart", language).join(reasons)
    return notice_text("left_out", language, count=str(len(removed)), why=why)


def _print_articles(console: Console, articles: Sequence[ArticleSummary]) -> None:
    from rich.text import Text

    for article in articles:
        place = ", ".join(x for x in (article.published, article.article_id) if x)
        console.print(Text(clean(f"  · {article.title} ({place})"), "dim"))


def converse(load: Callable[[], Asked]) -> None:
    """Ask and answer until Ctrl-D; follow-ups are understood."""
    from rich.console import Console

    told = Console(stderr=True)
    with told.status("getting the models ready …"):
        pipeline = load()
    if sys.stdin.isatty():
        told.print("Ask about the articles. /new starts anew, Ctrl-D ends.", style="dim")
        _line_editing()
    history: list[Turn] = []
    while (question := _next_question()) is not None:
        if question == "/new":
            history.clear()
            told.print("A new conversation.", style="dim")
            continue
        if not question:
            continue
        try:
            outcome = _answer(pipeline, question, history, told)
        except KonkyoError as exc:
            told.print(f"konkyo: {clean(str(exc))}", style="red", markup=False)
            continue
        except KeyboardInterrupt:
            told.print("stopped", style="yellow")
            continue
        print_outcome(outcome)
        if sys.stdin.isatty():
            told.print()
        if isinstance(outcome, Answer):
            history.append(Turn(question, outcome.text))


def _line_editing() -> None:
    # Importing it is what makes input() edit lines and remember them; Windows has none.
    try:
        import readline  # noqa: F401
    except ImportError:
        return


def _next_question() -> str | None:
    prompt = click.style("? ", fg="cyan", bold=True) if sys.stdin.isatty() else ""
    try:
        return input(prompt).strip()
    except (EOFError, KeyboardInterrupt):
        return None


def _answer(pipeline: Asked, question: str, history: Sequence[Turn], told: Console) -> Outcome:
    outcome: Outcome | None = None
    passed = removed = 0
    with told.status("looking through the articles …") as status:
        for event in pipeline.stream(question, history=tuple(history)):
            match event:
                case EvidenceReady(evidence=quotes):
                    status.update(f"writing from {len(quotes)} passages …")
                case ClaimDrafted():
                    status.update("checking a sentence …")
                case ClaimChecked():
                    passed += 1
                    status.update(f"{passed} sentences checked …")
                case ClaimRemoved():
                    removed += 1
                    status.update(f"{passed} sentences checked, {removed} removed …")
                case Finished(outcome=outcome):
                    pass
    assert outcome is not None
    return outcome
