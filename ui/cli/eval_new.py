"""``konkyo eval new``: questions from one's own articles, accepted by a person."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from konkyo.ui.cli.eval_tables import plain
from konkyo.ui.cli.llm_options import BASE_URL_OPTION, MODEL_OPTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from konkyo.eval.drafts import Draft, DraftFile
    from konkyo.rag.generation.llm import LLM

__all__ = ["new"]


@click.command(
    name="new",
    epilog="""
    \b
    Examples:
      konkyo eval new --store .konkyo/store --out own.jsonl              # asks you, one by one
      konkyo eval new --out own.jsonl --count 30 --llm none              # no model: at once
      konkyo eval new --out drafts.jsonl --count 50 --llm none --yes    # read them later
      konkyo eval new --out own.jsonl --language ja --language ko
    Stop with q or Ctrl-C at any time: the same command goes on, and offers nothing twice.
    Then: konkyo eval run own.jsonl --out out/own
    """,
)
@click.option(
    "--store",
    default=None,
    envvar="KONKYO_STORE",
    help="Folder of the index.  [default: .konkyo/store]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Dataset (JSONL) that the questions are added to.",
)
@click.option(
    "--count",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Questions it shall hold.",
)
@click.option("--language", "languages", multiple=True, help="Only articles in it; repeatable.")
@click.option(
    "--llm",
    default=None,
    help="Who phrases the questions: embedded, openai, ollama, or none (templates).  [default: "
    "from settings]",
)
@MODEL_OPTION
@BASE_URL_OPTION
@click.option("--seed", type=int, default=0, show_default=True, help="Which sentences come first.")
@click.option("--yes", is_flag=True, help="Accept every draft, unread. Read the file before use.")
def new(
    store: str | None,
    out: Path,
    count: int,
    languages: tuple[str, ...],
    llm: str | None,
    model: str | None,
    base_url: str | None,
    seed: int,
    yes: bool,
) -> int:
    """Draft questions from the articles of an index: from sentences with a number, a day or a name.

    Each draft is shown with its sentence; accept it, change question or answers, or reject it.
    """
    from konkyo.eval.drafts import DraftFile, drafts
    from konkyo.index.settings import load_settings
    from konkyo.index.stores.open import open_store
    from konkyo.index.text.sentences import sentences

    settings = load_settings()
    file = DraftFile(out)
    if len(file.questions) >= count:
        click.echo(
            f"{out} holds {len(file.questions)} questions already; ask for more with --count"
        )
        return 0
    opened = open_store(store or settings.store)
    writer = _writer(llm, model, base_url)
    found = drafts(
        opened, sentences=sentences, languages=frozenset(languages), skip=file.decided, seed=seed
    )
    try:
        ended = _decide(found, file, writer, count, yes)
    except click.Abort as exc:
        if sys.stdin.isatty():
            raise
        raise click.UsageError(
            "there is nobody to ask: run it in a terminal, or accept every draft unread with --yes"
        ) from exc
    finally:
        opened.close()
    click.echo(f"{out}: {len(file.questions)} questions")
    if ended:
        click.echo(
            "no sentence is left to draft from: write more rows by hand (docs/evaluation.md)",
            err=True,
        )
    if file.questions:
        click.echo(
            f"next: add questions the articles do not answer, then: konkyo eval run {out} --out "
            f"{out.with_suffix('')}"
        )
    return 0


def _writer(llm: str | None, model: str | None, base_url: str | None) -> LLM | None:
    from konkyo.index.settings import load_settings
    from konkyo.rag.factory import open_llm

    settings = load_settings().llm
    kind = llm or settings.kind
    if kind == "none":
        return None
    same = kind == settings.kind
    return open_llm(
        kind,
        model=model or (settings.model if same else ""),
        base_url=base_url or (settings.base_url if same else ""),
        api_key=os.environ.get(settings.api_key_env, "") if same and settings.api_key_env else "",
        timeout=settings.timeout,
    )


def _decide(
    found: Iterator[Draft], file: DraftFile, writer: LLM | None, count: int, yes: bool
) -> bool:
    """Ask until there are enough; tell whether the drafts ran out."""
    for draft in found:
        drafted = draft if writer is None else _phrased(draft, writer)
        if yes:
            file.accept(drafted)
        elif not _one(drafted, file, count):
            return False
        if len(file.questions) >= count:
            return False
    return True


def _phrased(plain: Draft, writer: LLM) -> Draft:
    from konkyo.eval.drafts import phrased

    return phrased(plain, writer)


def _one(drafted: Draft, file: DraftFile, count: int) -> bool:
    """Show one draft and do what is said; False means to stop."""
    current = drafted
    _show(current, f"[{len(file.questions) + 1}/{count}]")
    while True:
        said = click.prompt(
            "accept, edit, reject, quit",
            type=click.Choice(["a", "e", "r", "q"], case_sensitive=False),
            default="a",
        )
        if said == "a":
            file.accept(current)
            return True
        if said == "r":
            file.reject(current)
            return True
        if said == "q":
            return False
        current = _edited(current)
        _show(current, "  ")


def _show(drafted: Draft, mark: str) -> None:
    sentence = (
        plain(drafted.sentence[: drafted.at])
        + click.style(plain(drafted.answer), bold=True, underline=True)
        + plain(drafted.sentence[drafted.until :])
    )
    click.echo(f"\n{mark} {plain(drafted.title)}")
    click.echo(f"    {sentence}")
    click.echo(f"  Q {click.style(plain(drafted.question), bold=True)}")
    click.echo(f"  A {plain(' | '.join(drafted.answers))}")


def _edited(drafted: Draft) -> Draft:
    question = click.prompt("  question", default=drafted.question).strip()
    answers = click.prompt("  answers, | between", default=" | ".join(drafted.answers))
    kept = tuple(part.strip() for part in answers.split("|") if part.strip())
    return replace(drafted, question=question or drafted.question, answers=kept or drafted.answers)
