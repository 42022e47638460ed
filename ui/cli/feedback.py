"""``konkyo feedback``: what readers said of answers, and an evaluation set made of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

__all__ = ["feedback"]

_STORE = click.option(
    "--store",
    default=None,
    envvar="KONKYO_STORE",
    help="Folder of the index.  [default: from settings, .konkyo/store]",
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
    if as_json:
        click.echo(json.dumps([asdict(opinion) for opinion in opinions], ensure_ascii=False))
        return
    for o in opinions:
        mark = "+" if o.verdict == "up" else "-"
        reason = f" ({o.reason})" if o.reason else ""
        click.echo(clean(f"{mark} {o.at}  {o.fingerprint}  {o.status}{reason}  {o.question}"))
        if o.correction:
            click.echo(clean(f"    said: {o.correction}"))
    click.echo(f"{len(opinions)} opinions")


@feedback.command(name="export")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@_STORE
def export(out: Path, store: str | None) -> None:
    """Write an evaluation set to OUT (JSONL), for `konkyo eval run OUT`."""
    from konkyo.index.errors import UsageError
    from konkyo.index.stores.address import masked
    from konkyo.ui.server.feedback import to_questions
    from konkyo.ui.server.session_store import opinions_of

    named = _named(store)
    opinions = opinions_of(named)
    questions = to_questions(opinions)
    if not questions:
        raise UsageError(
            f"{masked(named)}: no opinion says what is right yet; thumbs up and corrections do"
        )
    lines = "".join(json.dumps(q, ensure_ascii=False) + "\n" for q in questions)
    try:
        out.write_text(lines, encoding="utf-8")
    except OSError as exc:
        raise UsageError(f"{out}: cannot be written ({exc.strerror})") from exc
    click.echo(f"{out}: {len(questions)} questions from {len(opinions)} opinions")
