"""Changes to the index while the chat goes on: one job at a time, in a process of its own.

The child says how far it is in lines of JSON; it is stopped by an interrupt, which leaves the
index as it was and keeps what was encoded. Readers answer from the old generation meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

from konkyo.index.builder import mark_article
from konkyo.index.errors import KonkyoError, RemovalRefused, StoreLocked, UsageError
from konkyo.index.ingest.object_store import is_object_address
from konkyo.index.inventory import Confirm
from konkyo.index.records import ArticleStatus
from konkyo.index.stores.open import companion
from konkyo.ui.server.audit import AuditLog, recorded

__all__ = ["IndexJobs", "Job", "Order", "main"]

Order = Literal["add", "refresh", "rebuild", "remove", "undo", "verify", "cancel"]
State = Literal["running", "done", "failed", "stopped"]

_CHILD = "from konkyo.ui.server.index_jobs import main; main()"
_WEB = ("http://", "https://")
_MARK_WAIT = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """One change of the index and how far it is.

    ``stage`` is read, embed or index; ``done`` and ``total`` count documents or passages.
    ``report`` is what ``konkyo index build --json`` prints, ``findings`` what ``verify`` found.
    ``asks``: it was refused because it would remove many articles; ``yes`` consents to that.
    """

    number: int
    action: Order
    sources: tuple[str, ...]
    state: State = "running"
    stage: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    report: Mapping[str, object] | None = None
    findings: tuple[Mapping[str, object], ...] = field(default=())
    asks: bool = False
    yes: bool = False

    @property
    def running(self) -> bool:
        """Whether it is still going on."""
        return self.state == "running"


class IndexJobs:
    """Keeps one index. ``roots`` are the folders whose files may be added (None: all).

    ``known`` gives the sources of all articles that are indexed now; ``changed`` is called after a
    change.
    """

    def __init__(
        self,
        store: str,
        *,
        known: Callable[[], Sequence[str]],
        roots: Sequence[Path] | None = None,
        changed: Callable[[], object] = lambda: None,
        audit: AuditLog | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        self.store = store
        self._known = known
        self._roots = None if roots is None else [root.resolve() for root in roots]
        self._changed = changed
        self.audit = audit
        self._command = list(command or (sys.executable, "-P", "-c", _CHILD))
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._following: threading.Thread | None = None
        self._child: subprocess.Popen[str] | None = None

    @property
    def job(self) -> Job | None:
        """The job under way, or the last one."""
        return self._job

    @property
    def uploads(self) -> Path:
        """Where files that a reader hands over are kept: beside the index."""
        return companion(self.store, "-files")

    def sources(self) -> list[str]:
        """What is indexed now, by name."""
        return sorted(set(self._known()))

    def start(
        self, action: Order, sources: Sequence[str] = (), *, yes: bool = False, who: str = ""
    ) -> Job:
        """Start a job. Raises StoreLocked while one is running, UsageError for a wrong source.

        Raises what ``known`` raises, too: without it nothing is started.
        ``yes`` consents to the removal of more articles than ``index.removal_limit`` allows;
        ``who`` orders it, for the audit log.
        """
        with recorded(self.audit, who, action, sources):
            return self._start(action, sources, yes)

    def _start(self, action: Order, sources: Sequence[str], yes: bool) -> Job:
        named = [source.strip() for source in sources if source.strip()]
        if action in ("refresh", "rebuild"):
            named = self.sources()
        elif action in ("add", "remove") and not named:
            raise UsageError(f"{action}: name at least one source")
        if action == "add":
            for source in named:
                self.require_allowed(source)
        with self._lock:
            if self._job is not None and self._job.running:
                raise StoreLocked("the index is being changed; wait, or cancel that first")
            before = set(self._known())
            number = self._job.number + 1 if self._job is not None else 1
            job = Job(number, action, tuple(named), yes=yes)
            # A session of its own: Ctrl-C in the terminal is for the server, which ends us then.
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
            self._job = job
        self._following = threading.Thread(
            target=self._follow, args=(job, self._child, before), daemon=True
        )
        self._following.start()
        return job

    def cancel(self, who: str = "") -> None:
        """Stop the job under way, if there is one; the index stays as it was."""
        with recorded(self.audit, who, "cancel"):
            self._interrupt()

    def _interrupt(self) -> None:
        child = self._child
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGINT)

    def wait(self, seconds: float | None = None) -> Job:
        """Wait for the job under way, return how it is then. Raises UsageError if there is none."""
        if self._following is None or self._job is None:
            raise UsageError("no job was started")
        self._following.join(seconds)
        return self._job

    def mark(
        self, article_id: str, status: ArticleStatus | None, correction: str | None, who: str = ""
    ) -> None:
        """Say what became of an article. Raises ArticleMissing, StoreLocked."""
        with recorded(self.audit, who, f"mark {status or 'none'}", [article_id]):
            mark_article(article_id, status, self.store, correction=correction, wait=_MARK_WAIT)
        self._changed()

    def close(self) -> None:
        """Stop and wait."""
        self._interrupt()
        if self._child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(10)

    def require_allowed(self, source: str) -> None:
        """Raise UsageError for a source that may not be added here."""
        if source.lower().startswith(_WEB):
            return
        objects = is_object_address(source)
        if "://" in source and not objects:
            raise UsageError(f"{source}: not an http or https address, and not a path")
        if self._roots is None:
            return
        if objects:
            raise UsageError(
                f"{source}: object stores are read with this server's own rights; index them by"
                " `konkyo index add`"
            )
        path = Path(source).resolve()
        if not any(path.is_relative_to(root) for root in (*self._roots, self.uploads.resolve())):
            raise UsageError(
                f"{source}: outside the folders this server may read; start it with --allow-path"
            )

    def _follow(self, job: Job, child: subprocess.Popen[str], before: Set[str]) -> None:
        order = {
            "action": job.action,
            "sources": job.sources,
            "store": self.store,
            "yes": job.yes,
        }
        assert child.stdin is not None
        assert child.stdout is not None
        with contextlib.suppress(OSError):
            child.stdin.write(json.dumps(order))
            child.stdin.close()
        try:
            for line in child.stdout:
                with contextlib.suppress(ValueError, TypeError):
                    job = replace(job, **json.loads(line))
                    if job.running:
                        self._job = job
                    else:
                        self._conclude(job, before)
        finally:
            child.stdout.close()
            code = child.wait()
        if job.running:
            stopped = code in (-signal.SIGINT, -signal.SIGTERM, 130)
            message = "" if stopped else f"the process ended with code {code}; see the terminal"
            ended = replace(job, state="stopped" if stopped else "failed", message=message)
            self._conclude(ended, before)

    def _conclude(self, job: Job, before: Set[str]) -> None:
        """Call ``changed``, delete files that are not needed, and show the job as ended.

        It is shown as ended whatever fails before that.
        """
        try:
            if job.state == "done":
                self._changed()
            # Only then: what is known of an index that was not read again lacks what was added.
            self._tidy(job, before)
        except KonkyoError as exc:
            _log.warning("after %s, what is indexed cannot be read: %s", job.action, exc)
        finally:
            self._job = job

    def _tidy(self, job: Job, before: Set[str]) -> None:
        """Delete files that were handed over and are not in the index: they failed or were removed.

        ``before`` are the sources before the job. What still waits for consent is left.
        """
        named = job.sources if job.action == "add" and not job.asks else ()
        folder = self.uploads.resolve()
        for source in {*named, *before}.difference(self._known()):
            # A name that no file can have raises ValueError.
            with contextlib.suppress(OSError, ValueError):
                path = Path(source).resolve()
                if "://" not in source and path.parent == folder:
                    path.unlink()


def main() -> None:
    """The child: one order on standard input, its course on standard output."""
    # What libraries print must not end up between our lines.
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**facts: object) -> None:
        with contextlib.suppress(BrokenPipeError):
            told.write(json.dumps(facts, ensure_ascii=False) + "\n")
            told.flush()

    try:
        order = json.loads(sys.stdin.read())
        consent = (lambda removed, total: True) if order["yes"] else None
        said = _obey(order["action"], order["sources"], order["store"], consent, say)
        say(state="done", **said)
    except KeyboardInterrupt:
        say(state="stopped")
        os._exit(130)
    except KonkyoError as exc:
        say(state="failed", message=str(exc), asks=isinstance(exc, RemovalRefused))
        os._exit(1)


def _obey(
    action: str,
    sources: Sequence[str],
    store: str,
    consent: Confirm | None,
    say: Callable[..., None],
) -> dict[str, object]:
    assert action in get_args(Order)
    from konkyo.index import builder as building

    if action == "verify":
        from konkyo.index.stores.open import verify_store

        return {"findings": [asdict(finding) for finding in verify_store(store)]}
    if action == "undo":
        generation, changes = building.undo(store)
        return {"report": {"generation": generation, **asdict(changes)}}
    from konkyo.index.settings import load_settings

    settings = load_settings()
    limit = settings.index.removal_limit
    if action == "remove":
        generation, again = building.remove(sources, store, removal_limit=limit, confirm=consent)
        return {"report": {"generation": generation, "read_again": again}}
    from konkyo.index.embedding.encoders import load_encoder
    from konkyo.index.ingest.fetch import WebFetcher
    from konkyo.index.settings import load_settings

    def progress(stage: building.Stage, done: int, total: int) -> None:
        say(stage=stage, done=done, total=total)

    say(stage="read")
    encoder = load_encoder(settings.embedding.model, threads=settings.embedding.threads or None)
    report = building.build(
        sources,
        store,
        encoder,
        settings.chunks,
        progress=progress,
        fetch=WebFetcher() if any(s.lower().startswith(_WEB) for s in sources) else None,
        prune=action == "rebuild",
        rebuild=action == "rebuild",
        removal_limit=limit,
        confirm=consent,
        limits=settings.reading,
    )
    return {"report": asdict(report)}
