"""Evaluations run from the page: one at a time, with the chat's own pipeline, in the background.

Questions wait in the same line before the language model as readers' do.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from konkyo.index.errors import KonkyoError, UsageError
from konkyo.index.stores.open import companion
from konkyo.rag.pipeline import Pipeline
from konkyo.ui.server.audit import AuditLog, recorded

__all__ = ["MEASURED", "EvaluationJobs", "EvaluationRun"]

MEASURED = ("Handled", "Right", "RefusalRecall")
"""What the page shows of a run; the report holds the rest."""

State = Literal["running", "done", "failed", "stopped"]


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """One run: ``done`` of ``total`` questions.

    ``figures`` are shares by measure, then how many.
    """

    name: str
    state: State = "running"
    done: int = 0
    total: int = 0
    message: str = ""
    folder: Path | None = None
    figures: Mapping[str, tuple[float, int]] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether it is still going on."""
        return self.state == "running"


class EvaluationJobs:
    """Runs sets of questions. ``sets`` names the files there are; ``pipeline`` is what is asked."""

    def __init__(
        self,
        store: str,
        sets: Callable[[], Mapping[str, Path]],
        pipeline: Callable[[], Pipeline],
        audit: AuditLog | None = None,
    ) -> None:
        self._audit = audit
        self._out = companion(store, "-evaluations")
        self._sets = sets
        self._pipeline = pipeline
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._run: EvaluationRun | None = None

    @property
    def examination(self) -> EvaluationRun | None:
        """The run under way, or the last one."""
        return self._run

    def sets(self) -> Sequence[str]:
        """The names of the sets there are."""
        return list(self._sets())

    def start(self, name: str, limit: int, who: str = "") -> None:
        """Ask the first ``limit`` questions of a set (0: all); ``who`` is for the audit log.

        Raises UsageError for an unknown set or while one is running, DatasetError.
        """
        with recorded(self._audit, who, "evaluate", [name]):
            self._start(name, limit)

    def _start(self, name: str, limit: int) -> None:
        from konkyo.eval.formats.load import load

        path = self._sets().get(name)
        if path is None:
            raise UsageError(f"{name}: there is no such set of questions")
        dataset = load(path)
        if limit:
            dataset = replace(dataset, questions=dataset.questions[:limit])
        pipeline = self._pipeline()
        with self._lock:
            if self._run is not None and self._run.running:
                raise UsageError("an evaluation is running; wait, or cancel it first")
            self._stop.clear()
            out = self._out / f"{datetime.now():%Y%m%d-%H%M%S}-{Path(name).stem}"
            run = EvaluationRun(name, total=len(dataset.questions), folder=out)
            self._run = run

        def work() -> None:
            from konkyo.eval.answering import PipelineAsker
            from konkyo.eval.run import Part
            from konkyo.eval.run import run as ask_all
            from konkyo.eval.scoring import Row

            def on_row(row: Row, done: int, planned: int) -> None:
                self._run = replace(run, done=done, total=planned)

            try:
                part = Part(dataset, lambda: PipelineAsker(pipeline))
                result = ask_all([part], out, on_row=on_row, stop=self._stop.is_set)
            except (KonkyoError, OSError) as exc:
                self._run = replace(self._run or run, state="failed", message=_why(exc, out))
                return
            figures = {
                measure: (value.value, value.n)
                for measure in MEASURED
                if (value := result.summary.measures[measure]).n and not math.isnan(value.value)
            }
            state: State = "stopped" if result.interrupted else "done"
            ended = replace(self._run or run, state=state, done=len(result.rows), figures=figures)
            self._run = ended

        threading.Thread(target=work, name="konkyo-evaluate", daemon=True).start()

    def cancel(self, who: str = "") -> None:
        """Stop after the question under way; what was asked is kept."""
        run = self._run
        named = [run.name] if run is not None and run.running else []
        with recorded(self._audit, who, "evaluate: cancel", named):
            self._stop.set()

    def report(self) -> str:
        """The last run as one HTML page. Raises UsageError when there is none to show."""
        from konkyo.eval.report import report
        from konkyo.eval.run import about_run, read_rows

        run = self._run
        if run is None or run.folder is None or not run.done:
            raise UsageError("nothing has been evaluated yet")
        return report(
            read_rows(run.folder), title=f"Konkyo: {run.name}", about=about_run(run.folder)
        )


def _why(error: KonkyoError | OSError, out: Path) -> str:
    """Returns why a run ended; a folder that cannot be written is named."""
    if isinstance(error, OSError):
        return f"{out}: cannot be written ({error.strerror or error})"
    return str(error)
