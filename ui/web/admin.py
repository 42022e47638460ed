"""What editors do beside the chat: evaluate, and hand over files, with tickets."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal

from cachetools import TTLCache

from konkyo.index.errors import KonkyoError, UsageError
from konkyo.ui.server.evaluation_jobs import EvaluationJobs
from konkyo.ui.server.feedback import feedback_file, to_questions
from konkyo.ui.server.index_jobs import IndexJobs
from konkyo.ui.server.session_store import opinions_of
from konkyo.ui.web.html.admin_evaluation import evaluation_page
from konkyo.ui.web.html.article import notice_page
from konkyo.ui.web.i18n import Language, say

__all__ = ["UPLOAD_LIMIT", "AdminPages", "Tickets", "question_sets"]

UPLOAD_LIMIT = 64 * 1024 * 1024
"""Bytes of one file that the browser sends."""

_TICKETS = 1000
_NAME_BYTES = 180
_SUFFIX_BYTES = 30
"""A file system takes names of 255 bytes; a digest of 32 letters and a hyphen come first."""

Purpose = Literal["upload", "report"]


class Tickets:
    """Random tokens that each give access to one thing for a while. Threads may share it."""

    def __init__(self, seconds: float = 3600, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._issued: TTLCache[str, Purpose] = TTLCache(_TICKETS, seconds, clock)

    def issue(self, purpose: Purpose) -> str:
        """Returns a new ticket; the oldest are forgotten when there are too many."""
        ticket = secrets.token_urlsafe(24)
        with self._lock:
            self._issued[ticket] = purpose
        return ticket

    def valid(self, ticket: str, purpose: Purpose) -> bool:
        """Whether a ticket was issued for this purpose and is still valid."""
        with self._lock:
            return self._issued.get(ticket) == purpose


def question_sets(store: str) -> dict[str, Path]:
    """Returns the sets of questions by name: those of Konkyo, and one made of feedback.

    Raises UsageError, StoreError.
    """
    found: dict[str, Path] = {}
    folder = Path(str(files("konkyo.eval").joinpath("datasets")))
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            first = json.loads(file.readline() or "{}")
        if {"question", "answerable"} <= first.keys():
            found[path.name] = path
    rows = to_questions(opinions_of(store))
    if rows:
        own = feedback_file(store).with_suffix(".jsonl")
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        try:
            _write_whole(own, lines.encode())
        except OSError as exc:
            raise UsageError(f"{own}: cannot be kept ({exc.strerror})") from exc
        found[own.name] = own
    return found


def _write_whole(file: Path, content: bytes) -> None:
    """Write a file that others may be reading: they find all of it. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{secrets.token_hex(8)}")
    try:
        draft.write_bytes(content)
        draft.replace(file)
    finally:
        # On a full disk half of it would stay.
        draft.unlink(missing_ok=True)


class AdminPages:
    """The pages for editors, and the files they upload."""

    def __init__(
        self, index_jobs: IndexJobs | None, evaluation_jobs: EvaluationJobs | None
    ) -> None:
        self.tickets = Tickets()
        self._index_jobs = index_jobs
        self._evaluation_jobs = evaluation_jobs

    @property
    def open(self) -> bool:
        """Whether this server has pages for editors."""
        return self._index_jobs is not None

    def evaluate(
        self,
        language: Language,
        *,
        editor: bool,
        act: str = "",
        name: str = "",
        limit: int = 0,
        who: str = "",
    ) -> str:
        """Returns the page of evaluation after ``start``, ``stop`` or nothing."""
        evaluation_jobs = self._evaluation_jobs
        if not editor or evaluation_jobs is None:
            return notice_page(say(language, "not_editor"), language)
        problem = ""
        sets: Sequence[str] = ()
        ticket = ""
        try:
            if act == "stop":
                evaluation_jobs.cancel(who)
            elif act == "start":
                evaluation_jobs.start(name, limit, who)
        except KonkyoError as exc:
            problem = str(exc)
        run = evaluation_jobs.examination
        # The page asks again and again while one is running, and shows neither meanwhile.
        if run is None or not run.running:
            ticket = self.tickets.issue("report")
            try:
                sets = evaluation_jobs.sets()
            except KonkyoError as exc:
                problem = problem or str(exc)
        return evaluation_page(sets, run, language, ticket=ticket, problem=problem)

    def report(self, ticket: str) -> str | None:
        """Returns the report as HTML; None without a ticket or a run."""
        if self._evaluation_jobs is None or not self.tickets.valid(ticket, "report"):
            return None
        try:
            return self._evaluation_jobs.report()
        except KonkyoError:
            return None

    def receive(self, ticket: str, name: str, content: bytes) -> Mapping[str, str] | None:
        """Save an uploaded file; returns its path on the server, or None without a ticket.

        It is named by its content, so that no other file is replaced and the same one is saved
        once.
        Raises UsageError when it cannot be kept.
        """
        if self._index_jobs is None or not self.tickets.valid(ticket, "upload"):
            return None
        folder = self._index_jobs.uploads
        safe = _safe_name(name)
        digest = hashlib.sha256(content).hexdigest()[:32]
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for held in folder.glob(f"{digest}-*"):
                # What a file is, its ending says.
                if held.suffix == Path(safe).suffix and held.read_bytes() == content:
                    return {"path": str(held)}
            place = folder / f"{digest}-{safe}"
            _write_whole(place, content)
        except OSError as exc:
            raise UsageError(f"{safe}: cannot be kept ({exc.strerror})") from exc
        return {"path": str(place)}


def _safe_name(name: str) -> str:
    """Returns a file's own name without letters that mean something in a path."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c if c.isalnum() or c in "._- " else "_" for c in base).strip(". ")
    stem, dot, suffix = kept.rpartition(".")
    short = _cut(stem, _NAME_BYTES) + dot + _cut(suffix, _SUFFIX_BYTES) if dot else ""
    return short or _cut(kept, _NAME_BYTES) or "file"


def _cut(text: str, most: int) -> str:
    """Returns the beginning of a text that takes so many bytes; no letter is cut in two."""
    return text.encode()[:most].decode("utf-8", "ignore")
