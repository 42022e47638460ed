"""Reads watched sources again on a schedule, while the chat goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from konkyo.index.errors import KonkyoError, StoreError, StoreLocked
from konkyo.index.settings import WatchSettings
from konkyo.index.watching import WatchedSource, next_run, run_due, watched_sources
from konkyo.ui.server.index_jobs import IndexJobs

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

__all__ = ["WatchState", "Watcher"]

_EVERY_SECONDS = 60.0
_UNREADY_SECONDS = 1.0
_BEGIN = "begin"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WatchState:
    """A watched source and when it is read next (None: as soon as possible)."""

    watched: WatchedSource
    following: datetime | None


class Watcher:
    """Looks every minute which sources are due; of several servers one reads them.

    ``ready`` is whether the server has its index open; the first look waits for that alone.
    """

    def __init__(
        self,
        index_jobs: IndexJobs,
        settings: WatchSettings,
        *,
        ready: Callable[[], bool] = lambda: True,
        every: float = _EVERY_SECONDS,
    ) -> None:
        self._index_jobs = index_jobs
        self.settings = settings
        self._ready = ready
        self._every = every
        self._scheduler: BackgroundScheduler | None = None

    def start(self) -> None:
        """Begin to look, in the background; nothing is loaded where nothing is watched."""
        if self._scheduler is not None or not self.settings.sources:
            return
        from apscheduler.schedulers.background import BackgroundScheduler

        late_is_well = {"misfire_grace_time": None}
        self._scheduler = BackgroundScheduler(timezone=UTC, job_defaults=late_is_well)
        self._look(self._begin_once_ready, _UNREADY_SECONDS, id=_BEGIN)
        self._scheduler.start()

    def _begin_once_ready(self) -> None:
        if self._ready() and self._scheduler is not None:
            self._scheduler.remove_job(_BEGIN)
            self._look(self.run, self._every)

    def _look(self, how: Callable[[], None], seconds: float, **job: str) -> None:
        """Look so from now on: at once, and then after every so many seconds."""
        assert self._scheduler is not None
        now = datetime.now(UTC)
        self._scheduler.add_job(how, "interval", seconds=seconds, next_run_time=now, **job)

    def change(self, settings: WatchSettings) -> None:
        """Watch other sources from now on."""
        self.settings = settings
        self.start()

    def close(self) -> None:
        """Look no more; a reading under way is the index job's."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)

    def states(self) -> list[WatchState]:
        """Return what is known of every watched source. Raises StoreError."""
        if not self.settings.sources:
            return []
        known = watched_sources(self._index_jobs.store, self.settings.sources)
        return [WatchState(one, next_run(one, self.settings.hours)) for one in known]

    def failing(self) -> int:
        """Return how many watched sources could not be read the last time; 0 if that is unknown."""
        try:
            return sum(bool(state.watched.error) for state in self.states())
        except StoreError:
            return 0

    def run(self, *, all_now: bool = False) -> None:
        """Read what is due (or all); what goes wrong is logged and shown on the page."""
        if not self.settings.sources or not self._ready():
            return
        try:
            run_due(
                self._index_jobs.store,
                self.settings.sources,
                self.settings.hours,
                self._read,
                now=datetime.now(UTC),
                all_now=all_now,
            )
        except StoreLocked:
            _log.info("the index is being changed; watched sources are read later")
        except KonkyoError as exc:
            _log.warning("watched sources: %s", exc)

    def _read(self, sources: Sequence[str]) -> Mapping[str, str]:
        """Add sources as an index job, wait for it, and give what could not be read."""
        self._index_jobs.start("add", sources, who="watch")
        job = self._index_jobs.wait()
        if job.state != "done":
            raise StoreError(job.message or "cancelled")
        failures = (job.report or {}).get("failures")
        rows = failures if isinstance(failures, list) else []
        return {str(row["source"]): str(row["reason"]) for row in rows if isinstance(row, dict)}
