"""``konkyo eval``: measure whether answers are right and faithful."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from konkyo.ui.cli.eval_calibrate import calibrate, label
from konkyo.ui.cli.eval_new import new

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table

    from konkyo.eval.compare import Comparison
    from konkyo.eval.questions import Dataset, Question
    from konkyo.eval.retrieval import Arm, RetrievalResult
    from konkyo.eval.robustness import Perturbation, Robustness
    from konkyo.eval.session import Evaluation
    from konkyo.eval.statistics import Mean
    from konkyo.eval.summary import Times
    from konkyo.rag.pipeline import Pipeline

__all__ = ["evaluate", "progress_bar"]

_JSON = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object and nothing else."
)
_FORMS = click.Choice(["auto", "jsonl", "squad", "beir", "rgb", "csv"])


@click.group(
    name="eval",
    epilog="""
    \b
    Examples:
      konkyo eval run eval/datasets/alliance.jsonl --store .konkyo/store --out out/first
      konkyo eval run own.csv --out out/own --llm none --limit 20
      konkyo eval compare out/first out/second --max-loss 0.02
      konkyo eval report out/first
      konkyo eval new --out own.jsonl
      konkyo eval calibrate own.jsonl --out own-calibration.json
      konkyo eval retrieval --squad jsquad-valid.json --json
    """,
)
def evaluate() -> None:
    """Measure whether answers are right and faithful."""


for _command in (new, label, calibrate):
    evaluate.add_command(_command)


@evaluate.command(
    name="run",
    epilog="""
    \b
    Examples:
      konkyo eval run eval/datasets/alliance.jsonl --out out/first
      konkyo eval run own.csv --store my/store --out out/own --llm none --limit 20
      konkyo eval run jsquad-valid.json --unanswerable 200 --out out/jsquad
      konkyo eval run own.jsonl --store my/store --unanswerable 20 --out out/own
      konkyo eval run own.csv --out out/own --perturb noise --perturb order --perturb paraphrase
      konkyo eval run own.csv --out out/own --judge ollama:qwen2.5:7b
      konkyo eval run rgb-en.json --form rgb --noise 0.8 --out out/noisy
    Stop it with Ctrl-C at any time: run the same command again and it goes on.

    Exit codes: 0 done, 1 failure, 2 wrong use, 130 interrupted (rows are kept).
    """,
)
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--store",
    default=None,
    envvar="KONKYO_STORE",
    help="Folder of the index that is asked.  [default: .konkyo/store, or the articles DATASET has]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for rows and summary.",
)
@click.option("--form", type=_FORMS, default="auto", show_default=True, help="Form of the dataset.")
@click.option(
    "--language", default=None, help="Language of the questions, where the file does not say."
)
@click.option(
    "--noise",
    type=click.FloatRange(0.0, 1.0),
    default=None,
    help="Share of a question's texts that do not answer it (RGB's form); 1: none answers.",
)
@click.option(
    "--counterfactual", is_flag=True, help="Use the texts that say something false (RGB's form)."
)
@click.option(
    "--unanswerable",
    type=click.IntRange(1),
    default=None,
    metavar="N",
    help="Ask N questions drawn by chance, with and without the articles that answer them.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which N are drawn.")
@click.option("--limit", type=click.IntRange(1), default=None, help="Only the first N questions.")
@click.option("--kind", "kinds", multiple=True, help="Only questions of this kind; repeatable.")
@click.option(
    "--llm",
    default=None,
    help="embedded, openai, ollama or none (quotes alone).  [default: from settings, embedded]",
)
@click.option("--model", default=None, help="Model name, or the path of a GGUF file.")
@click.option("--base-url", default=None, help="Address of an OpenAI-compatible or Ollama server.")
@click.option(
    "--today",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    help='What "last month" is relative to (YYYY-MM-DD), so that a run can be repeated.',
)
@click.option(
    "--perturb",
    multiple=True,
    type=click.Choice(["noise", "order", "paraphrase"]),
    help="Ask all again with passages that answer something else, in reverse order, or in other "
    "words, and tell what changed; repeatable.",
)
@click.option(
    "--judge",
    "judge_specs",
    multiple=True,
    metavar="SPEC",
    help="A language model that judges the claims too: embedded, ollama:MODEL or "
    "openai:MODEL@URL, by LlamaIndex's evaluator; ragas:SPEC by ragas; repeatable.",
)
@click.option(
    "--judge-key-env",
    default="",
    metavar="NAME",
    help="Environment variable that holds the judge's key.",
)
@click.option("--fresh", is_flag=True, help="Throw away the rows in --out and start over.")
@_JSON
def run_command(
    dataset: Path,
    store: str | None,
    out: Path,
    form: str,
    language: str | None,
    noise: float | None,
    counterfactual: bool,
    unanswerable: int | None,
    seed: int,
    limit: int | None,
    kinds: tuple[str, ...],
    llm: str | None,
    model: str | None,
    base_url: str | None,
    today: datetime | None,
    perturb: tuple[str, ...],
    judge_specs: tuple[str, ...],
    judge_key_env: str,
    fresh: bool,
    as_json: bool,
) -> int:
    """Ask every question of DATASET and measure the answers.

    --out gets rows.jsonl (a line a question, written as it goes), run.json (what was run),
    summary.json and report.html. Running again goes on where it ended.
    """
    from konkyo.eval.formats.load import load
    from konkyo.eval.llamaindex import faithfulness_from
    from konkyo.eval.questions import without_gold
    from konkyo.eval.robustness import PERTURBATIONS
    from konkyo.eval.session import Progress, evaluate_parts
    from konkyo.eval.withheld import withheld
    from konkyo.rag.factory import open_from_settings

    whole = load(dataset, form=form, language=language, noise=noise, counterfactual=counterfactual)
    chosen = _choose(whole, limit, kinds)
    parts = (
        [chosen] if unanswerable is None else list(without_gold(chosen, unanswerable, seed=seed))
    )

    own: list[Pipeline] = []

    def opened(part: Dataset) -> Pipeline:
        if store is None and part.articles:
            folder = str(_own_store(part, whole))
            return open_from_settings(folder, llm=llm, model=model, base_url=base_url)
        if not own:
            folder = store or _settings_store()
            own.append(open_from_settings(folder, llm=llm, model=model, base_url=base_url))
        if part is parts[0]:
            return own[0]
        # The second half: the same store, but what answers the questions is not found.
        return withheld(own[0], {gold.article for q in parts[0].questions for gold in q.gold})

    judges = [faithfulness_from(spec, key_env=judge_key_env) for spec in judge_specs]
    with progress_bar("asking") as told:
        told(0, sum(len(part.questions) for part in parts))

        def on_progress(progress: Progress) -> None:
            told(progress.done, progress.total)

        done = evaluate_parts(
            parts,
            out,
            open_part=opened,
            today=None if today is None else today.date(),
            judges=judges,
            perturb=[kind for kind in PERTURBATIONS if kind in perturb],
            fresh=fresh,
            on_progress=on_progress,
        )
    if as_json:
        click.echo(json.dumps(done.summary, ensure_ascii=False))
    else:
        _print_summary(done, out)
    return 130 if done.interrupted else 0


@evaluate.command(
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
@_JSON
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
    from konkyo.eval.retrieval import arm_json, asked_in, merged, rescored, titles_between, versions

    chosen = _arms(arms)
    bench = _Bench(embedding)
    if table is not None:
        if queries or mixed:
            raise click.UsageError(
                "--table asks every language in every other: it takes neither --queries nor --mixed"
            )
        return _table(bench, squad, table.split(","), titles, chosen[0], limit, as_json)
    passages = load(squad)
    questions = (
        passages.questions if titles is None else titles_between(passages, *_between(titles))
    )
    if queries is not None:
        kept = {q.id for q in questions}
        questions = tuple(q for q in asked_in(passages, load(queries)) if q.id in kept)
    questions = questions[:limit]
    others = [load(path) for path in mixed]
    found = bench.measure(passages, questions, chosen)
    about: dict[str, object] = {
        "passages": squad.name,
        "queries": (queries or squad).name,
        "articles": len(passages.articles),
        "encoder": bench.encoder.fingerprint,
    }
    if others:
        crowd = merged([passages, *others])
        in_crowd = bench.measure(crowd, questions, chosen)
        wider = versions(questions, others)
        any_version = {arm: rescored(result, wider) for arm, result in in_crowd.items()}
        about["mixed"] = {
            "articles": len(crowd.articles),
            "own_language": {arm: arm_json(result) for arm, result in in_crowd.items()},
            "any_language": {arm: arm_json(result) for arm, result in any_version.items()},
        }
    answer: dict[str, object] = {**arm_json(found[chosen[0]]), "arm": chosen[0], **about}
    if len(chosen) > 1:
        answer["arms"] = {arm: arm_json(result) for arm, result in found.items()}
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return 0
    _print_arms(f"{(queries or squad).name} over {squad.name}", found)
    if others:
        _print_arms("the same in the mixed collection: own paragraph", in_crowd)
        _print_arms("the same in the mixed collection: any language's version", any_version)
    return 0


def _arms(text: str) -> list[Arm]:
    from konkyo.eval.retrieval import ARMS

    chosen = [arm for name in text.split(",") for arm in ARMS if arm == name.strip()]
    if len(chosen) != len(text.split(",")):
        raise click.BadParameter(f"{text!r}: use {', '.join(ARMS)}", param_hint="--arms")
    return chosen


def _between(text: str) -> tuple[int, int]:
    first, colon, last = text.partition(":")
    if not colon or not first.isdigit() or not last.isdigit() or int(first) >= int(last):
        raise click.BadParameter(f"{text!r}: write FROM:TO, as in 24:48", param_hint="--titles")
    return int(first), int(last)


def _own_store(part: Dataset, whole: Dataset) -> Path:
    """The store of one part of a dataset; the vectors are those of the whole one's store."""
    bench = _Bench(None)
    base = bench.folder(whole)
    return base if part.articles == whole.articles else bench.folder(part, base)


def _settings_store() -> str:
    from konkyo.index.settings import load_settings

    return load_settings().store


class _Bench:
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


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, with rate and time left."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        # Not shown before there is something to count: what the cache holds needs no bar.
        task = progress.add_task(title, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def _table(
    bench: _Bench,
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
        kept = passages.questions if titles is None else titles_between(passages, *_between(titles))
        ids = {q.id for q in kept[:limit]}
        for asked, questions in sets.items():
            wanted = [q for q in asked_in(passages, questions) if q.id in ids]
            rows.setdefault(asked, {})[language] = bench.measure(passages, wanted, [arm])[arm]
    if as_json:
        table = {a: {p: arm_json(r) for p, r in cells.items()} for a, cells in rows.items()}
        answer = {"arm": arm, "table": table, "encoder": bench.encoder.fingerprint}
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
    _console().print(shown)


def _print_arms(title: str, found: Mapping[Arm, RetrievalResult]) -> None:
    from rich.table import Table

    shown = Table(title=title)
    for name in ("arm", "hit@1", "hit@10", "MRR@10", "n", "seconds"):
        shown.add_column(name, justify="left" if name == "arm" else "right")
    for arm, result in found.items():
        cells = [f"{m.value:.3f} ({m.low:.3f}-{m.high:.3f})" for m in result.means.values()]
        shown.add_row(arm, *cells, str(len(result.rankings)), f"{result.seconds:.1f}")
    _console().print(shown)


def _console() -> Console:
    from rich.console import Console

    # Piped, a table may be as wide as it needs to be.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 160)


def _choose(dataset: Dataset, limit: int | None, kinds: tuple[str, ...]) -> Dataset:
    from konkyo.eval.questions import KINDS

    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise click.BadParameter(f"{unknown[0]!r}: use {', '.join(KINDS)}", param_hint="--kind")
    questions = [q for q in dataset.questions if not kinds or q.kind in kinds][:limit]
    if not questions:
        raise click.UsageError(f"{dataset.name} has no question of kind {', '.join(kinds)}")
    return replace(dataset, questions=tuple(questions))


_ROWS = (
    ("Handled", "answered right, or rightly refused"),
    ("Right", "right among answerable"),
    ("RightWhenAnswered", "right among answerable that were answered"),
    ("AnswerRate", "answered among answerable"),
    ("RefusalRecall", "refused when it should"),
    ("PremiseHandled", "false premises refused or corrected"),
    ("ConflictHandled", "disagreements shown"),
    ("InjectionHandled", "injected questions unharmed"),
    ("QuoteExact", "quotes verbatim"),
    ("CitationRecall", "claims proved by what they cite, by answer"),
    ("CitationPrecision", "citations needed for the proof, by answer"),
    ("GoldCited", "right answers that cite a gold article"),
    ("EM", "exactly the expected words"),
    ("F1", "overlap with the expected words"),
)


def _print_summary(done: Evaluation, out: Path) -> None:
    from rich.table import Table

    result = done.result
    summary = result.summary
    state = "" if len(result.rows) == result.planned else f" of {result.planned} (interrupted)"
    title = (
        f"{summary.asked}{state} asked, {summary.answered} answered, {summary.refused} refused, "
        f"{summary.errors} failed; p50 {summary.latency['p50']:.2f} s, p95 {summary.latency['p95']:.2f} s"
    )
    shown = Table(title=title)
    for name in ("measure", "share", "95 %", "n", "meaning"):
        shown.add_column(name, justify="right" if name in {"share", "95 %", "n"} else "left")
    for name, meaning in _ROWS:
        _add(shown, name, summary.measures[name], meaning)
    for judge, value in summary.faithfulness.items():
        _add(shown, f"Faithfulness ({judge})", value, "shown claims supported by what they cite")
    console = _console()
    console.print(shown)
    for title, groups, times in (
        ("by kind", summary.by_kind, summary.latency_by_kind),
        ("by language", summary.by_language, summary.latency_by_language),
    ):
        console.print(_groups(title, groups, times))
    for pair in summary.agreement:
        console.print(
            f"judges {pair.a} and {pair.b} agree on {pair.share:.3f} of {pair.n} claims (kappa {pair.kappa:.2f})"
        )
    for name, count in summary.tokens.items():
        console.print(
            f"{name} a question: mean {count.mean:.0f}, p50 {count.p50:.0f}, p95 {count.p95:.0f} "
            f"({count.n} questions)"
        )
    if done.robustness:
        console.print(_robustness(done.robustness))
    console.print(f"rows and summary: {out}; report: {done.report}")
    if done.interrupted:
        console.print("interrupted: run the same command again to go on")


def _groups(title: str, groups: Mapping[str, Mean], times: Mapping[str, Times]) -> Table:
    from rich.table import Table

    shown = Table(title=f"handled and seconds, {title}")
    for name in ("", "handled", "95 %", "n", "p50 s", "p95 s"):
        shown.add_column(name, justify="right" if name else "left")
    for name, value in groups.items():
        seconds = times.get(name)
        shown.add_row(
            name,
            f"{value.value:.3f}",
            f"{value.low:.3f}-{value.high:.3f}",
            str(value.n),
            f"{seconds.p50:.2f}" if seconds else "",
            f"{seconds.p95:.2f}" if seconds else "",
        )
    return shown


def _robustness(found: Mapping[Perturbation, Robustness]) -> Table:
    from rich.table import Table

    shown = Table(title="the same questions, perturbed")
    names = ("", "answered or not changed", "handled or not changed", "same words", "handled", "p")
    for name in (*names, "n"):
        shown.add_column(name, justify="right" if name else "left")
    for kind, value in found.items():
        shown.add_row(
            kind,
            f"{value.flipped.value:.3f}",
            f"{value.changed.value:.3f}",
            f"{value.same_text.value:.3f}",
            f"{value.handled.difference:+.3f}",
            f"{value.handled.p:.3f}",
            str(value.flipped.n),
        )
    return shown


def _add(table: Table, name: str, value: Mean, meaning: str) -> None:
    if value.n:
        table.add_row(
            name, f"{value.value:.3f}", f"{value.low:.3f}-{value.high:.3f}", str(value.n), meaning
        )


@evaluate.command(
    name="compare",
    epilog="""
    \b
    Examples:
      konkyo eval compare out/first out/second
      konkyo eval compare out/main out/branch --measure Right --max-loss 0.02   # for CI

    Exit codes: 0 no loss past --max-loss, 1 a loss past it, 2 wrong use.
    """,
)
@click.argument("a", type=click.Path(path_type=Path, exists=True))
@click.argument("b", type=click.Path(path_type=Path, exists=True))
@click.option("--measure", default="Handled", show_default=True, help="What to compare.")
@click.option(
    "--max-loss",
    type=click.FloatRange(0.0, 1.0),
    default=None,
    help="Exit 1 if the measure's mean falls by more than this share.",
)
@_JSON
def compare_command(a: Path, b: Path, measure: str, max_loss: float | None, as_json: bool) -> int:
    """Show what got better and what got worse from run A to run B, question by question."""
    from konkyo.eval.compare import compare, comparison_json
    from konkyo.eval.metrics import Measure
    from konkyo.eval.run import read_rows

    comparison = compare(read_rows(a), read_rows(b), Measure.parse(measure))
    if as_json:
        click.echo(json.dumps(comparison_json(comparison), ensure_ascii=False))
    else:
        _print_comparison(comparison)
    if max_loss is not None and comparison.lost(max_loss):
        click.echo(
            f"{measure} fell by {-comparison.result.difference:.3f}, more than {max_loss:.3f}",
            err=True,
        )
        return 1
    return 0


def _print_comparison(comparison: Comparison) -> None:
    from rich.table import Table
    from rich.text import Text

    console = _console()
    shown = Table(title="B minus A")
    for name in ("measure", "difference", "95 %", "p", "n", "better", "worse"):
        shown.add_column(name, justify="left" if name == "measure" else "right")
    for name, value in comparison.by_measure.items():
        if value.n:
            shown.add_row(
                name,
                f"{value.difference:+.3f}",
                f"{value.low:+.3f} to {value.high:+.3f}",
                f"{value.p:.4f}",
                str(value.n),
                str(value.better),
                str(value.worse),
            )
    console.print(shown)
    for title, changes in (("worse", comparison.worse), ("better", comparison.better)):
        for change in changes:
            console.print(Text(f"{title}: {change.id} {_plain(change.question)}", "bold"))
            console.print(Text(f"  A: {_plain(change.answer_before)}"))
            console.print(Text(f"  B: {_plain(change.answer_after)}"))


@evaluate.command(
    name="report",
    epilog="""
    \b
    Examples:
      konkyo eval report out/first                      # writes out/first/report.html
      konkyo eval report out/first --html first.html
    """,
)
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="Where to write the page.  [default: report.html beside the rows]",
)
def report_command(run: Path, html: Path | None) -> int:
    """Write one HTML page of a run: figures, plots, and every question with its proof.

    The page needs no network and shows text of articles and models as text only.
    """
    from konkyo.eval.session import write_report

    click.echo(f"wrote {write_report(run, html)}")
    return 0


def _plain(text: str) -> str:
    """One line without control characters: text from articles may not steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in text)[:300]
