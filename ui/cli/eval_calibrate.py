"""``konkyo eval calibrate``: thresholds fitted on one's own rows."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from konkyo.eval.calibrate import Refit
    from konkyo.rag.reading.reader import LearnedReader

__all__ = ["calibrate"]

_Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


@click.command(
    name="calibrate",
    epilog="""
    \b
    Examples:
      konkyo eval calibrate own.jsonl --store .konkyo/store --out own-calibration.json
      konkyo eval label out/own --out claims.jsonl    # say whether quotes prove shown claims
      konkyo eval calibrate own.jsonl --claims claims.jsonl --out own-calibration.json
      konkyo eval calibrate own.jsonl --out strict.json --wrong-weighs 4    # rather refuse
    To use it, put  calibration = "own-calibration.json"  into konkyo.toml, or set
    KONKYO_CALIBRATION.

    Exit codes: 0 written, 1 not better than what is shipped (nothing written), 2 wrong use.
    """,
)
@click.argument("dataset", type=click.Path(path_type=Path), required=False)
@click.option(
    "--store",
    default=None,
    envvar="KONKYO_STORE",
    help="Index that the questions are about.  [default: from settings]",
)
@click.option(
    "--claims",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Claims labelled by a person (konkyo eval label).",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Calibration file to write; what else it holds stays.",
)
@click.option(
    "--wrong-weighs",
    type=click.FloatRange(0.1, 20.0),
    default=1.5,
    show_default=True,
    help="How many wrong refusals a wrong answer weighs.",
)
@click.option(
    "--precision",
    type=click.FloatRange(0.5, 1.0),
    default=0.95,
    show_default=True,
    help="Share of supported claims among those shown.",
)
@click.option(
    "--force", is_flag=True, help="Write it even if it is no better than the shipped one."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def calibrate(
    dataset: Path | None,
    store: str | None,
    claims: Path | None,
    out: Path,
    wrong_weighs: float,
    precision: float,
    force: bool,
    as_json: bool,
) -> int:
    """Refit when to answer (DATASET) and when a claim is supported (--claims) on your own rows.

    DATASET holds questions with answers, and some your articles do not answer. The project's own
    evaluation sets are refused. Both models are drawn towards the shipped ones, so that few rows
    move them little; the figures shown are of rows left out of the fit.
    """
    from konkyo.rag.factory import open_checker
    from konkyo.ui.cli.progress import progress_bar

    if dataset is None and claims is None:
        raise click.UsageError("name a DATASET of questions, or --claims, or both")
    checker = open_checker()
    if checker is None:
        raise click.ClickException(
            "the learned checker is not here, so there is nothing to calibrate; run: konkyo "
            "models pull"
        )
    entries = _entries(out)
    done: dict[str, tuple[str, Refit]] = {}
    if dataset is not None:
        done["answers"] = _answers(dataset, store, checker, wrong_weighs, progress_bar)
    if claims is not None:
        done["support"] = _support(claims, checker, precision, progress_bar)
    kept = {name: r.to_json(text) for name, (text, r) in done.items() if r.better or force}
    if kept:
        from konkyo.eval.run import write_json

        write_json(out, {**entries, **kept})
    if as_json:
        about = {n: {**r.to_json(t), "better": r.better} for n, (t, r) in done.items()}
        click.echo(
            json.dumps({"written": sorted(kept), "out": str(out), **about}, ensure_ascii=False)
        )
    else:
        for name, (text, found) in done.items():
            _print(name, text, found, written=name in kept)
        if kept:
            click.echo(f'wrote {out}; to use it, put  calibration = "{out}"  into konkyo.toml')
    return 0 if len(kept) == len(done) else 1


def _answers(
    path: Path, store: str | None, checker: LearnedReader, wrong_weighs: float, bar: _Bar
) -> tuple[str, Refit]:
    from konkyo.eval.calibrate import refit
    from konkyo.eval.calibration_rows import answer_examples, refuse_shipped
    from konkyo.eval.formats.load import load
    from konkyo.index.embedding.encoders import load_encoder
    from konkyo.index.settings import load_settings
    from konkyo.index.text.sentences import sentences
    from konkyo.rag.calibration import load_calibration
    from konkyo.rag.factory import open_retriever
    from konkyo.rag.options import Options, with_retrieval
    from konkyo.rag.reading.answerability import Answerability

    loaded = load(path)
    refuse_shipped([q.question for q in loaded.questions], str(path))
    settings = load_settings()
    encoder = load_encoder(settings.embedding.model, threads=settings.embedding.threads or None)
    shipped = load_calibration("answers")
    retriever = open_retriever(
        store or settings.store, encoder=encoder, retrieval=settings.retrieval
    )
    try:
        with bar(f"ask {loaded.name}") as told:
            examples = answer_examples(
                loaded.questions,
                retriever,
                encoder,
                checker,
                Answerability(shipped),
                sentences=sentences,
                options=with_retrieval(Options(), encoder, settings.retrieval),
                progress=told,
            )
    finally:
        retriever.store.close()
    found = refit(examples, shipped, wrong_weighs=wrong_weighs)
    text = f"{path.name}: {len(loaded.questions)} questions ({loaded.fingerprint})"
    return text, found


def _support(path: Path, checker: LearnedReader, precision: float, bar: _Bar) -> tuple[str, Refit]:
    from konkyo.eval.calibrate import refit
    from konkyo.eval.calibration_rows import claim_examples, read_claims, refuse_shipped
    from konkyo.index.embedding.encoders import load_encoder
    from konkyo.index.settings import load_settings
    from konkyo.rag.calibration import load_calibration
    from konkyo.rag.factory import open_verifier

    labelled = read_claims(path)
    refuse_shipped([c.claim for c in labelled], str(path))
    settings = load_settings()
    encoder = load_encoder(settings.embedding.model, threads=settings.embedding.threads or None)
    with bar(f"read {path.name}") as told:
        examples = claim_examples(labelled, open_verifier(encoder, checker), told)
    found = refit(examples, load_calibration("support"), precision=precision)
    return f"{path.name}: {len(labelled)} claims labelled by a person", found


def _entries(out: Path) -> dict[str, object]:
    """What an existing calibration file holds; it must be one, or it is not written over."""
    if not out.exists():
        return {}
    try:
        table = json.loads(out.read_text("utf-8"))
    except (OSError, ValueError):
        table = None
    if not isinstance(table, dict) or not table.keys() <= {"answers", "support"}:
        raise click.UsageError(f"{out} exists and is no calibration; name another --out")
    return table


def _print(name: str, text: str, found: Refit, *, written: bool) -> None:
    words = {
        "answers": (
            "do the quotes answer?",
            "answered of those they answer",
            "refused of the others",
        ),
        "support": ("do the quotes support?", "shown of the supported", "withheld of the others"),
    }[name]
    click.echo(f"\n{name}: {words[0]}")
    click.echo(f"  data: {text}")
    click.echo(
        f"  rows: {found.yes} yes, {found.no} no; {found.derived} of the noes made by taking "
        f"away what answers or proves"
    )
    click.echo(f"  {'on rows left out':34}{'shipped':>9}{'refitted':>10}")
    for title, key in (
        ("order right (AUC)", "auc"),
        (words[1], "passed"),
        (words[2], "stopped"),
        ("yes among those that pass", "precision"),
        ("log loss (lower is better)", "log_loss"),
    ):
        click.echo(
            f"  {title:34}{getattr(found.before, key):9.3f}{getattr(found.after, key):10.3f}"
        )
    if not found.better:
        said = "written all the same" if written else "nothing written (--force writes it)"
        click.echo(f"  not better than the shipped one on rows left out: {said}")
