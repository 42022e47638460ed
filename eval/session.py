"""One evaluation from start to report, for the command line, the chat's page and programs.

from konkyo.eval.session import evaluate_with

done = evaluate_with(
    pipeline, load(Path("own.csv")), Path("out/own"),
    on_progress=lambda p: print(p.stage, p.done, p.total), stop=cancelled.is_set,
)
print(done.report)      # one HTML page that needs no network
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from konkyo.eval.answering import PipelineAsker
from konkyo.eval.citation_metrics import Judge
from konkyo.eval.judges import default_judges
from konkyo.eval.questions import Dataset
from konkyo.eval.report import report
from konkyo.eval.robustness import (
    PERTURBATIONS,
    Perturbation,
    PerturbedRetriever,
    Robustness,
    paraphrased,
    robustness,
    robustness_json,
)
from konkyo.eval.run import (
    Asker,
    Part,
    RunResult,
    about_run,
    read_rows,
    run,
    setting_of,
    write_summary,
)
from konkyo.eval.scoring import Row
from konkyo.index.errors import UsageError
from konkyo.rag.pipeline import Pipeline

__all__ = ["Evaluation", "Progress", "evaluate_parts", "evaluate_with", "write_report"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an evaluation stands after a question.

    ``stage`` is ``questions`` or a perturbation; ``done`` of ``total`` questions of the stage
    have an outcome; ``row`` is the newest; ``handled`` of the ``asked`` new ones were handled.
    """

    stage: str
    done: int
    total: int
    handled: int
    asked: int
    row: Row


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What came of it: the run, what each perturbation changed, summary.json's object, the page."""

    result: RunResult
    robustness: Mapping[Perturbation, Robustness]
    summary: Mapping[str, object]
    report: Path
    interrupted: bool


def evaluate_with(
    pipeline: Pipeline,
    dataset: Dataset,
    out: Path,
    *,
    today: date | None = None,
    judges: Sequence[Judge] = (),
    perturb: Sequence[Perturbation] = (),
    fresh: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Ask every question of an open pipeline; ``out`` gets rows, summary and report.html.

    Resumable, and stopped by ``stop`` before the next question. Raises UsageError if ``out``
    holds another run (then name another one, or ask for ``fresh``).
    """
    return evaluate_parts(
        [dataset],
        out,
        open_part=lambda part: pipeline,
        today=today,
        judges=judges,
        perturb=perturb,
        fresh=fresh,
        on_progress=on_progress,
        stop=stop,
    )


def evaluate_parts(
    datasets: Sequence[Dataset],
    out: Path,
    *,
    open_part: Callable[[Dataset], Pipeline],
    today: date | None = None,
    judges: Sequence[Judge] = (),
    perturb: Sequence[Perturbation] = (),
    fresh: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """The same over several parts, each asked of its own store, opened once when its turn comes.

    Without ``today`` it is the day on which the run began, also where it goes on later.
    ``judges`` join the project's checker and the overlap judge. Each of ``perturb`` asks all
    questions again into a folder of its name within ``out``.
    """
    pipeline_of = _one_at_a_time(datasets, open_part)
    today = today or (None if fresh else _day_of(out)) or date.today()
    settings = {"today": today.isoformat()}
    if judges:
        settings["judges"] = " ".join(judge.name for judge in judges)

    def asked(name: str, parts: Sequence[Part], folder: Path) -> RunResult:
        return run(
            parts,
            folder,
            judges=lambda asker: _judges_of(asker, judges),
            settings=settings,
            fresh=fresh,
            on_row=_counted(name, on_progress),
            stop=stop,
        )

    plain = [
        Part(part, partial(_asker, pipeline_of, number, today))
        for number, part in enumerate(datasets)
    ]
    result = asked("questions", plain, out)
    found: dict[Perturbation, Robustness] = {}
    interrupted = result.interrupted
    for kind in perturb:
        if interrupted:
            break
        parts = [
            _perturbed_part(part, kind, partial(pipeline_of, number), today)
            for number, part in enumerate(datasets)
        ]
        again = asked(kind, parts, out / kind)
        write_summary(again, out / kind)
        found[kind] = robustness(result.rows, again.rows)
        interrupted = again.interrupted
    more = {"robustness": robustness_json(found)} if found else {}
    summary = write_summary(result, out, more)
    return Evaluation(result, found, summary, write_report(out), interrupted)


def _day_of(out: Path) -> date | None:
    """The day that a run was asked on; None where its folder says none."""
    try:
        return date.fromisoformat(setting_of(out, "today") or "")
    except ValueError:
        return None


def _one_at_a_time(
    datasets: Sequence[Dataset], open_part: Callable[[Dataset], Pipeline]
) -> Callable[[int], Pipeline]:
    """Opens the pipeline of a part when it is asked for and lets go of the one before.

    A pipeline holds a store and perhaps a language model.
    """
    opened: dict[int, Pipeline] = {}

    def pipeline_of(number: int) -> Pipeline:
        if number not in opened:
            opened.clear()
            opened[number] = open_part(datasets[number])
        return opened[number]

    return pipeline_of


def _asker(pipeline_of: Callable[[int], Pipeline], number: int, today: date | None) -> Asker:
    return PipelineAsker(pipeline_of(number), today=today)


def _judges_of(asker: Asker, judges: Sequence[Judge]) -> list[Judge]:
    """The project's checker and the overlap judge, then those that were named."""
    check = asker.pipeline.check if isinstance(asker, PipelineAsker) else None
    return [*default_judges(check), *judges]


def _counted(name: str, on_progress: Callable[[Progress], None]) -> Callable[[Row, int, int], None]:
    """Counts rows and those handled, and tells the progress of one stage."""
    handled = asked = 0

    def on_row(row: Row, done: int, total: int) -> None:
        nonlocal handled, asked
        handled += row.scores["Handled"] == 1.0
        asked += 1
        on_progress(Progress(name, done, total, handled, asked, row))

    return on_row


def _perturbed_part(
    part: Dataset, kind: Perturbation, pipeline: Callable[[], Pipeline], today: date | None
) -> Part:
    others = [question.question for question in part.questions]
    asked = tuple(paraphrased(q) if kind == "paraphrase" else q for q in part.questions)

    def opened() -> PipelineAsker:
        # The same models and store; only what is retrieved differs.
        whole = pipeline()
        read = whole.options.limits.passages
        changed = PerturbedRetriever(whole.retriever, kind, others=others, read=read)
        return PipelineAsker(whole.over(changed), today=today)

    return Part(Dataset(part.name, asked, part.articles), opened)


def write_report(
    run_folder: Path, page: Path | None = None, others: Mapping[str, Path] | None = None
) -> Path:
    """Write the HTML page of a run (a folder or a rows.jsonl) and give its path.

    ``others`` are runs of other systems over the same questions, by name. A perturbed run beside it
    is left out where it was made by another version or with other settings.
    Raises DatasetError where there are no rows, UsageError where the page cannot be written.
    """
    folder = run_folder if run_folder.is_dir() else run_folder.parent
    target = page or folder / "report.html"
    rows = read_rows(run_folder)
    perturbed = {
        kind: robustness(rows, read_rows(folder / kind))
        for kind in PERTURBATIONS
        if (folder / kind / "rows.jsonl").exists() and _same_but_questions(folder, folder / kind)
    }
    text = report(
        rows,
        title=f"Konkyo evaluation: {folder.name}",
        about=about_run(folder),
        perturbed=perturbed,
        others={name: read_rows(other) for name, other in (others or {}).items()},
    )
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise UsageError(
            f"{target}: cannot be written: {exc.strerror}; name another --html"
        ) from exc
    return target


def _same_but_questions(one: Path, other: Path) -> bool:
    """Whether pipeline, code and settings of two runs are equal, whatever their questions are."""
    first, second = (
        {
            name: text
            for name, text in about_run(out).items()
            if name not in {"dataset", "fingerprint of dataset"}
        }
        for out in (one, other)
    )
    return first == second
