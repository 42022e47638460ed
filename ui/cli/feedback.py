"""``konkyo feedback``: what readers said of answers, and an evaluation set made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from konkyo.index.stores.base import Store
    from konkyo.rag.citation_state import CitationState

__all__ = ["feedback"]

_STORE = click.option(
    "--store",
    default=None,
    envvar="KONKYO_STORE",
    help="Folder of the index.  [default: from settings, .konkyo/store]",
)
_LEFT_OUT = (
    "{number} left out: a quote has changed or gone since, or its article was corrected or"
    " retracted; ask again and give a new opinion"
)


def _named(store: str | None) -> str:
    from konkyo.index.settings import load_settings

    return store or load_settings().store


@click.group(name="feedback")
def feedback() -> None:
    """List readers' feedback, or make an evaluation set of it.

    \b
    Examples:
      konkyo feedback list
      konkyo feedback export readers.jsonl
      konkyo eval run readers.jsonl --out out/readers
    """


@feedback.command(name="list")
@_STORE
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array and nothing else.")
def list_feedback(store: str | None, as_json: bool) -> None:
    """Print every opinion, oldest first."""
    from konkyo.ui.cli.terminal import clean
    from konkyo.ui.server.session_store import opinions_of

    opinions = opinions_of(_named(store))
    index = _index(_named(store))
    if as_json:
        rows = [{**asdict(o), "quotes": _quotes(index, o.outcome)} for o in opinions]
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for o in opinions:
        mark = "+" if o.verdict == "up" else "-"
        reason = f" ({o.reason})" if o.reason else ""
        click.echo(clean(f"{mark} {o.at}  {o.fingerprint}  {o.status}{reason}  {o.question}"))
        if o.correction:
            click.echo(clean(f"    said: {o.correction}"))
        for note in _notes(index, o.outcome):
            click.echo(clean(f"    {note}"))
    click.echo(f"{len(opinions)} opinions")


def _index(store: str) -> Store | None:
    """The index that the opinions are on; None: there is none any more."""
    from konkyo.index.errors import StoreError
    from konkyo.index.stores.open import open_store

    try:
        return open_store(store)
    except StoreError:
        return None


def _notes(index: Store | None, outcome: Mapping[str, object]) -> list[str]:
    """What became of the quotes of an answer since somebody had an opinion on it."""
    from konkyo.ui.web.citation_notes import citation_notes, kept_citations

    return [] if index is None else citation_notes(index, kept_citations(outcome), "en")


def _quotes(index: Store | None, outcome: Mapping[str, object]) -> list[dict[str, object]] | None:
    """What became of each quote of an answer, as rows; None: there is no index any more."""
    from konkyo.rag.citation_state import citation_state
    from konkyo.ui.web.citation_notes import kept_citations

    if index is None:
        return None
    return [_quote_row(c.id, citation_state(index, c)) for c in kept_citations(outcome)]


def _quote_row(number: int, state: CitationState) -> dict[str, object]:
    """What became of one quote, what stands in its place, and what is said of its article now."""
    from konkyo.rag.citation_state import Changed, Same

    article = state.article if isinstance(state, Same | Changed) else None
    return {
        "id": number,
        "state": type(state).__name__.lower(),
        "now": state.now if isinstance(state, Changed) else None,
        "status": article.status if article is not None else None,
    }


@feedback.command(name="export")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@_STORE
def export(out: Path, store: str | None) -> None:
    """Write an evaluation set to OUT (JSONL), for `konkyo eval run OUT`.

    Praised answers are left out where a quote of theirs has changed or gone since, or its article
    was corrected or retracted.
    """
    from konkyo.index.errors import UsageError
    from konkyo.index.stores.address import masked
    from konkyo.ui.server.feedback import to_questions
    from konkyo.ui.server.session_store import opinions_of

    named = _named(store)
    opinions = opinions_of(named)
    said, index = to_questions(opinions), _index(named)
    if not said:
        raise UsageError(
            f"{masked(named)}: no opinion says what is right yet; thumbs up and corrections do"
        )
    questions = to_questions(opinions, lambda opinion: bool(_notes(index, opinion.outcome)))
    left_out = _LEFT_OUT.format(number=len(said) - len(questions))
    if not questions:
        raise UsageError(f"{masked(named)}: nothing to export; {left_out}")
    lines = "".join(json.dumps(q, ensure_ascii=False) + "\n" for q in questions)
    try:
        out.write_text(lines, encoding="utf-8")
    except OSError as exc:
        raise UsageError(f"{out}: cannot be written ({exc.strerror})") from exc
    click.echo(f"{out}: {len(questions)} questions from {len(opinions)} opinions")
    if len(questions) < len(said):
        click.echo(left_out)
