"""Ask every question of a set, one row each, written as it goes; resumable."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import IO, Protocol

from konkyo.eval.citation_metrics import Judge
from konkyo.eval.questions import Dataset, Question
from konkyo.eval.scoring import Row, judge_outcome, skipped
from konkyo.eval.summary import Summary, summarise, summary_json
from konkyo.index.errors import DatasetError, KonkyoError, UsageError
from konkyo.index.records import Article
from konkyo.rag.conversation import Turn
from konkyo.rag.types import Outcome

__all__ = [
    "Asker",
    "Part",
    "RunResult",
    "about_run",
    "code_fingerprint",
    "fingerprint_of",
    "read_rows",
    "run",
    "setting_of",
    "write_json",
    "write_summary",
]

_VERSION = 1
_ERRORS_IN_A_ROW = 5
_PACKAGES = ("index", "rag", "eval")


class Asker(Protocol):
    """What an evaluation needs of a pipeline."""

    @property
    def fingerprint(self) -> str:
        """Names index, models, prompt and options; rows of another one are not mixed in."""

    def ask(self, question: str, *, history: Sequence[Turn]) -> Outcome:
        """Answer or refuse. ``history`` holds the earlier turns, oldest first."""

    def article(self, article_id: str) -> Article:
        """The whole article. Raises ArticleMissing."""


@dataclass(frozen=True, slots=True)
class Part:
    """Questions and how to open what they are asked of; opened once, when its turn comes."""

    dataset: Dataset
    open: Callable[[], Asker]


@dataclass(frozen=True, slots=True)
class RunResult:
    """The rows so far, in the order of the questions, out of ``planned``."""

    rows: tuple[Row, ...]
    planned: int
    resumed: int
    interrupted: bool
    identity: Mapping[str, str]

    @property
    def summary(self) -> Summary:
        """The figures over the rows so far."""
        return summarise(self.rows)


@cache
def code_fingerprint() -> str:
    """Sixteen hexadecimal digits over the source of index, rag and eval.

    Read once a process: files that are edited later are not the code that runs.
    """
    return fingerprint_of({p: resources.files(f"konkyo.{p}") for p in _PACKAGES})


def fingerprint_of(packages: Mapping[str, Traversable]) -> str:
    """Sixteen hexadecimal digits over all source and data files of packages, by name.

    Not over weights: a pipeline's own fingerprint names the version of each model.
    """
    digest = hashlib.sha256()
    for package, folder in packages.items():
        for name, data in sorted(_sources(folder)):
            digest.update(f"{package}/{name}\0".encode())
            digest.update(data)
    return digest.hexdigest()[:16]


def _sources(package: Traversable) -> Iterator[tuple[str, bytes]]:
    """Path inside the package and bytes of every source and data file, sub-packages included."""
    folders = [("", package)]
    while folders:
        above, folder = folders.pop()
        for entry in folder.iterdir():
            path = f"{above}{entry.name}"
            if entry.is_dir() and entry.name not in {"__pycache__", "datasets"}:
                folders.append((f"{path}/", entry))
            elif entry.name.endswith((".py", ".json", ".toml", ".xz")):
                yield path, entry.read_bytes()


def run(
    parts: Sequence[Part],
    out: Path,
    *,
    judges: Callable[[Asker], Sequence[Judge]] = lambda asker: (),
    settings: Mapping[str, str] | None = None,
    fresh: bool = False,
    may_differ: frozenset[str] = frozenset(),
    on_row: Callable[[Row, int, int], None] = lambda row, done, planned: None,
    stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.perf_counter,
) -> RunResult:
    """Ask what is left to ask; ``out`` gets run.json and rows.jsonl, one flushed line a question.

    A second call goes on where the first ended; rows of a failed question are asked again.
    ``settings`` is anything else that must be equal to go on; ``may_differ`` names what need not
    be (such as "code"), and run.json then keeps what it was continued with. ``on_row`` is told of
    each new row with the count so far and the total. An interrupt (Ctrl-C), or ``stop`` saying so
    before a question, keeps all rows and gives ``interrupted=True``. Raises UsageError if ``out``
    holds another run (unless ``fresh``), somebody is writing to it or a question says no right
    answer, and the pipeline's own error after five failures in a row.
    """
    planned = [q for part in parts for q in part.dataset.questions]
    _require_unique(planned)
    _require_answers(planned)
    out.mkdir(parents=True, exist_ok=True)
    with _locked(out):
        # In a list: who asks it takes it out, so that it is not kept while the next one is opened.
        opened = [parts[0].open()]
        identity = {
            "dataset": " ".join(part.dataset.fingerprint for part in parts),
            "pipeline": opened[0].fingerprint,
            "code": code_fingerprint(),
            **(settings or {}),
        }
        _claim(out, identity, parts, fresh, may_differ)
        done = {row.question.id: row for row in _recover(out / "rows.jsonl") if row.error is None}
        resumed = len(done)
        interrupted = False
        try:
            _ask_all(parts, opened, done, out, judges, on_row, stop, clock)
        except KeyboardInterrupt:
            interrupted = True
    rows = tuple(done[q.id] for q in planned if q.id in done)
    return RunResult(rows, len(planned), resumed, interrupted, identity)


def _ask_all(
    parts: Sequence[Part],
    opened: list[Asker],
    done: dict[str, Row],
    out: Path,
    judges: Callable[[Asker], Sequence[Judge]],
    on_row: Callable[[Row, int, int], None],
    stop: Callable[[], bool],
    clock: Callable[[], float],
) -> None:
    planned = sum(len(part.dataset.questions) for part in parts)
    failures = 0
    with (out / "rows.jsonl").open("a", encoding="utf-8", newline="\n") as file:
        for part in parts:
            left = [q for q in part.dataset.questions if q.id not in done]
            if not left:
                opened.clear()
                continue
            asker = opened.pop() if opened else part.open()
            bench = judges(asker)
            for question in left:
                if stop():
                    raise KeyboardInterrupt
                row, error = _ask(asker, question, bench, clock)
                _append(file, row)
                done[question.id] = row
                on_row(row, len(done), planned)
                failures = failures + 1 if error else 0
                if error and failures >= _ERRORS_IN_A_ROW:
                    raise error
            # Let go of the pipeline before the next one is opened; the traceback holds it, too.
            del asker, bench, error


def _ask(
    asker: Asker, question: Question, judges: Sequence[Judge], clock: Callable[[], float]
) -> tuple[Row, KonkyoError | None]:
    start = clock()
    try:
        outcome = asker.ask(question.question, history=question.history)
        seconds = clock() - start
        # A judge that cannot be reached leaves no verdict: the question is asked again.
        return judge_outcome(question, outcome, seconds, article=asker.article, judges=judges), None
    except KonkyoError as exc:
        return skipped(question, f"{type(exc).__name__}: {exc}", clock() - start), exc


def _append(file: IO[str], row: Row) -> None:
    file.write(json.dumps(row.to_json(), ensure_ascii=False) + "\n")
    file.flush()
    os.fsync(file.fileno())


def _require_unique(questions: Sequence[Question]) -> None:
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise UsageError(f"the id {question.id!r} is used by two questions of the run")
        seen.add(question.id)


def _require_answers(questions: Sequence[Question]) -> None:
    without = [q.id for q in questions if q.answerable and not (q.answers or q.all_of)]
    if without:
        raise UsageError(
            f"the question {without[0]!r} is answerable but says no right answer "
            f"({len(without)} of {len(questions)}): give 'answers' or 'all_of', or measure what is "
            "found with konkyo eval retrieval"
        )


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as exc:
        raise UsageError(f"{out}: another evaluation is writing here; name another --out") from exc
    try:
        yield
    finally:
        lock.release()


def _claim(
    out: Path,
    identity: Mapping[str, str],
    parts: Sequence[Part],
    fresh: bool,
    may_differ: frozenset[str],
) -> None:
    """Make ``out`` this run's folder, or see that it is already."""
    head, rows = out / "run.json", out / "rows.jsonl"
    if fresh:
        rows.unlink(missing_ok=True)
        (out / "summary.json").unlink(missing_ok=True)
    elif head.exists():
        old = _read_identity(head)
        _require_same(out, old, identity, may_differ)
        if dict(old) != dict(identity):
            _note_change(head, identity)
        return
    elif rows.exists():
        raise UsageError(f"{out}: rows.jsonl without run.json; name another --out, or --fresh")
    about = {
        "version": _VERSION,
        "dataset": [part.dataset.name for part in parts],
        "questions": sum(len(part.dataset.questions) for part in parts),
        "identity": dict(identity),
    }
    write_json(head, about)


def about_run(out: Path) -> dict[str, str]:
    """What run.json says of a run, for people; empty if there is none to read."""
    try:
        value = json.loads((out / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(value, dict):
        return {}
    identity = value.get("identity")
    found = {"dataset": " + ".join(map(str, value.get("dataset") or []))}
    for name, text in identity.items() if isinstance(identity, dict) else ():
        found[f"fingerprint of {name}"] = str(text)
    return found


def setting_of(out: Path, name: str) -> str | None:
    """What run.json says of a setting that must be equal to go on; None where it says nothing."""
    return about_run(out).get(f"fingerprint of {name}")


def _read_identity(head: Path) -> Mapping[str, object]:
    try:
        found = json.loads(head.read_text("utf-8"))["identity"]
    except (ValueError, KeyError, TypeError) as exc:
        raise UsageError(
            f"{head}: damaged; start over with --fresh, or name another --out"
        ) from exc
    if not isinstance(found, dict):
        raise UsageError(f"{head}: damaged; start over with --fresh, or name another --out")
    return found


def _note_change(head: Path, identity: Mapping[str, str]) -> None:
    about = json.loads(head.read_text("utf-8"))
    continued = about.setdefault("continued_with", [])
    if dict(identity) not in continued:
        continued.append(dict(identity))
        write_json(head, about)


def _require_same(
    out: Path,
    old: Mapping[str, object],
    new: Mapping[str, str],
    may_differ: frozenset[str] = frozenset(),
) -> None:
    names = (old.keys() | new.keys()) - may_differ
    changed = sorted(k for k in names if old.get(k) != new.get(k))
    if changed:
        raise UsageError(
            f"{out} holds a run with another {', '.join(changed)}; its rows cannot be mixed with "
            "new ones. Name another --out, or throw them away with --fresh"
        )


def _recover(path: Path) -> list[Row]:
    """The rows written so far; a last line cut short by a crash is taken off the file."""
    if not path.exists():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return read_rows(path) if whole else []


def read_rows(path: Path) -> list[Row]:
    """The rows of a run (a rows.jsonl or its folder), the last one of each question.

    Raises DatasetError, naming file and line.
    """
    file = path / "rows.jsonl" if path.is_dir() else path
    try:
        text = file.read_text("utf-8")
    except OSError as exc:
        raise DatasetError(f"{file}: cannot be read: {exc.strerror}; run eval run first") from exc
    except UnicodeDecodeError as exc:
        raise DatasetError(f"{file}: not UTF-8 at byte {exc.start}") from exc
    rows: dict[str, Row] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line:
            continue
        where = f"{file}:{number}"
        try:
            value = json.loads(line)
        except json.JSONDecodeError as exc:
            raise DatasetError(f"{where}: not JSON: {exc.msg}") from exc
        if not isinstance(value, dict):
            raise DatasetError(f"{where}: not a row of an evaluation")
        row = Row.from_json(where, value)
        rows[row.question.id] = row
    return list(rows.values())


def write_summary(
    result: RunResult, out: Path, more: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Write summary.json, with what else there is to say, and give its object."""
    value = {
        "complete": not result.interrupted and len(result.rows) == result.planned,
        "planned": result.planned,
        "identity": dict(result.identity),
        **summary_json(result.summary),
        **(more or {}),
    }
    write_json(out / "summary.json", value)
    return value


def write_json(path: Path, value: object) -> None:
    """Write a file whole or not at all."""
    new = path.with_suffix(".new")
    new.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    new.replace(path)
