"""``konkyo eval retrieval``: whether the paragraph that answers is found."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from konkyo.eval.questions import Dataset, Question
    from konkyo.eval.retrieval import Arm, RetrievalResult
from konkyo.ui.cli.eval_options import JSON_OPTION
from konkyo.ui.cli.eval_tables import new_console
from konkyo.ui.cli.progress import progress_bar

__all__ = ["RetrievalMeasurement", "retrieval_command"]


@click.command(
    name="retrieval",
    epilog="""
    \b
    Examples:
      konkyo eval retrieval --squad jsquad-valid.json --json
      konkyo eval retrieval --squad xquad.en.json --queries xquad.zh.json --arms dense,fused
      konkyo eval retrieval --squad xquad.en.json --mixed xquad.zh.json --mixed xquad.es.json
      konkyo eval retrieval --squad xquad.en.json --table en,zh,es,de --titles 24:48
    """,
)
@click.option(
    "--squad",
    type=click.Path(path_type=Path, exists=True, dir_okay=True),
    required=True,
    help="SQuAD file (or BEIR folder) whose paragraphs are searched.",
)
@click.option(
    "--queries",
    type=click.Path(path_type=Path, exists=True),
    default=None,
    help="Parallel file whose questions are asked instead (same ids).",
)
@click.option(
    "--mixed",
    type=click.Path(path_type=Path, exists=True),
    multiple=True,
    help="Parallel file whose paragraphs join the collection; repeatable.",
)
@click.option(
    "--table", default=None, help="Languages, e.g. en,zh: each asked in each, as a table."
)
@click.option("--titles", default=None, help="Only questions on titles FROM:TO, counted from 0.")
@click.option(
    "--arms", default="fused", show_default=True, help="Of fused, dense, lexical; comma between."
)
@click.option("--limit", type=click.IntRange(1), default=None, help="Only the first N questions.")
@click.option("--embedding", default=None, help="Embedding model.  [default: from settings]")
@JSON_OPTION
def retrieval_command(
    squad: Path,
    queries: Path | None,
    mixed: tuple[Path, ...],
    table: str | None,
    titles: str | None,
    arms: str,
    limit: int | None,
    embedding: str | None,
    as_json: bool,
) -> int:
    """Is the paragraph that answers found first, or among ten?

    Builds an index of the file's paragraphs (kept in the cache), asks every question through
    the retrieval the chat uses, and ranks paragraphs by their best passage.
    """
    from konkyo.eval.formats.load import load
    from konkyo.eval.retrieval import arm_json, asked_in, titles_between

    chosen = chosen_arms(arms)
    measurement = RetrievalMeasurement(embedding)
    if table is not None:
        if queries or mixed:
            raise click.UsageError(
                "--table asks every language in every other: it takes neither --queries nor --mixed"
            )
        return _table(measurement, squad, table.split(","), titles, chosen[0], limit, as_json)
    passages = load(squad)
    questions = (
        passages.questions
        if titles is None
        else titles_between(passages, *titles_between_numbers(titles))
    )
    if queries is not None:
        kept = {q.id for q in questions}
        questions = tuple(q for q in asked_in(passages, load(queries)) if q.id in kept)
    questions = questions[:limit]
    found = measurement.measure(passages, questions, chosen)
    about: dict[str, object] = {
        "passages": squad.name,
        "queries": (queries or squad).name,
        "articles": len(passages.articles),
        "encoder": measurement.encoder.fingerprint,
    }
    tables = {f"{(queries or squad).name} over {squad.name}": found}
    if mixed:
        others = [load(path) for path in mixed]
        about["mixed"], more = _in_mixed_collection(
            measurement, passages, others, questions, chosen
        )
        tables |= more
    answer: dict[str, object] = {**arm_json(found[chosen[0]]), "arm": chosen[0], **about}
    if len(chosen) > 1:
        answer["arms"] = {arm: arm_json(result) for arm, result in found.items()}
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        for title, results in tables.items():
            _print_arms(title, results)
    return 0


def _in_mixed_collection(
    measurement: RetrievalMeasurement,
    passages: Dataset,
    others: Sequence[Dataset],
    questions: Sequence[Question],
    chosen: Sequence[Arm],
) -> tuple[dict[str, object], dict[str, dict[Arm, RetrievalResult]]]:
    """What is found among the passages of all languages: as JSON, and a table a title."""
    from konkyo.eval.retrieval import arm_json, merged, rescored, versions

    collection = merged([passages, *others])
    own = measurement.measure(collection, questions, chosen)
    wider = versions(questions, others)
    any_version = {arm: rescored(result, wider) for arm, result in own.items()}
    told: dict[str, object] = {
        "articles": len(collection.articles),
        "own_language": {arm: arm_json(result) for arm, result in own.items()},
        "any_language": {arm: arm_json(result) for arm, result in any_version.items()},
    }
    return told, {
        "the same in the mixed collection: own paragraph": own,
        "the same in the mixed collection: any language's version": any_version,
    }


def chosen_arms(text: str) -> list[Arm]:
    from konkyo.eval.retrieval import ARMS

    chosen = [arm for name in text.split(",") for arm in ARMS if arm == name.strip()]
    if len(chosen) != len(text.split(",")):
        raise click.BadParameter(f"{text!r}: use {', '.join(ARMS)}", param_hint="--arms")
    return chosen


def titles_between_numbers(text: str) -> tuple[int, int]:
    first, colon, last = text.partition(":")
    if not colon or not first.isdigit() or not last.isdigit() or int(first) >= int(last):
        raise click.BadParameter(f"{text!r}: write FROM:TO, as in 24:48", param_hint="--titles")
    return int(first), int(last)


class RetrievalMeasurement:
    """One encoder for all collections of a command, and the progress bars."""

    def __init__(self, embedding: str | None) -> None:
        from konkyo.index.embedding.encoders import load_encoder
        from konkyo.index.settings import load_settings

        self._settings = load_settings()
        threads = self._settings.embedding.threads or None
        self.encoder = load_encoder(embedding or self._settings.embedding.model, threads=threads)

    def folder(self, collection: Dataset, base: Path | None = None) -> Path:
        """The store of a collection's own articles, built if the cache has none."""
        from konkyo.eval.corpus import corpus_store
        from konkyo.index.embedding.model_files import home

        with progress_bar(f"index {collection.name}") as told:
            return corpus_store(
                collection.articles,
                self.encoder,
                home(),
                budget=self._settings.chunks.budget,
                overlap=self._settings.chunks.overlap,
                base=base,
                progress=told,
            )

    def measure(
        self, collection: Dataset, questions: Sequence[Question], arms: Sequence[Arm]
    ) -> dict[Arm, RetrievalResult]:
        """What each arm finds in one collection."""
        from konkyo.eval.retrieval import search_paragraphs
        from konkyo.index.stores.open import open_store

        store = open_store(self.folder(collection))
        found: dict[Arm, RetrievalResult] = {}
        for arm in arms:
            with progress_bar(f"ask {collection.name} ({arm})") as told:
                found[arm] = search_paragraphs(
                    store, self.encoder, questions, arm=arm, progress=told
                )
        store.close()
        return found


def _table(
    measurement: RetrievalMeasurement,
    squad: Path,
    languages: list[str],
    titles: str | None,
    arm: Arm,
    limit: int | None,
    as_json: bool,
) -> int:
    from konkyo.eval.formats.load import load
    from konkyo.eval.retrieval import arm_json, asked_in, titles_between

    own = next((part for part in squad.name.split(".") if part in languages), None)
    if own is None:
        raise click.UsageError(
            f"--table needs a file named by its language, such as xquad.{languages[0]}.json"
        )
    sets = {}
    for language in languages:
        path = squad.with_name(squad.name.replace(f".{own}.", f".{language}."))
        sets[language] = load(path, language=language)
    rows: dict[str, dict[str, RetrievalResult]] = {}
    for language, passages in sets.items():
        kept = (
            passages.questions
            if titles is None
            else titles_between(passages, *titles_between_numbers(titles))
        )
        ids = {q.id for q in kept[:limit]}
        for asked, questions in sets.items():
            wanted = [q for q in asked_in(passages, questions) if q.id in ids]
            rows.setdefault(asked, {})[language] = measurement.measure(passages, wanted, [arm])[arm]
    if as_json:
        table = {a: {p: arm_json(r) for p, r in cells.items()} for a, cells in rows.items()}
        answer = {"arm": arm, "table": table, "encoder": measurement.encoder.fingerprint}
        click.echo(json.dumps(answer, ensure_ascii=False))
        return 0
    _print_table(rows, arm)
    return 0


def _print_table(rows: Mapping[str, Mapping[str, RetrievalResult]], arm: str) -> None:
    from rich.table import Table

    shown = Table(title=f"hit@1 / MRR@10, {arm}: question language down, passage language across")
    shown.add_column("")
    for language in next(iter(rows.values())):
        shown.add_column(language, justify="right")
    for asked, cells in rows.items():
        figures = [{str(m): v.value for m, v in r.means.items()} for r in cells.values()]
        shown.add_row(asked, *(f"{f['hit@1']:.3f} / {f['MRR@10']:.3f}" for f in figures))
    new_console().print(shown)


def _print_arms(title: str, found: Mapping[Arm, RetrievalResult]) -> None:
    from rich.table import Table

    shown = Table(title=title)
    for name in ("arm", "hit@1", "hit@10", "MRR@10", "n", "seconds"):
        shown.add_column(name, justify="left" if name == "arm" else "right")
    for arm, result in found.items():
        cells = [f"{m.value:.3f} ({m.low:.3f}-{m.high:.3f})" for m in result.means.values()]
        shown.add_row(arm, *cells, str(len(result.rankings)), f"{result.seconds:.1f}")
    new_console().print(shown)
