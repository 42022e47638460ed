"""Sources that are read again on a schedule: which are due, and what came of it.

What is known of them is a note in the index itself, so that one of several servers reads them: the
one that wrote down, under the lock of the index, that it began.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from konkyo.index.errors import KonkyoError, StoreLocked
from konkyo.index.stores.base import Transaction
from konkyo.index.stores.open import open_writer, read_note

__all__ = ["Failures", "WatchedSource", "next_run", "run_due", "watched_sources"]

Failures = Mapping[str, str]
"""Why documents could not be read, by their sources."""

_NOTE = "watch"


@dataclass(frozen=True, slots=True)
class WatchedSource:
    """A feed, page, file or folder that is watched.

    ``tried`` and ``succeeded`` are ISO 8601 with time zone, empty: never; ``error`` is why the last
    reading failed, or failed in part.
    """

    source: str
    tried: str = ""
    succeeded: str = ""
    error: str = ""


def watched_sources(store: str, sources: Sequence[str]) -> list[WatchedSource]:
    """Return what is known of watched sources, in their order. Raises StoreError."""
    return _known(read_note(store, _NOTE), sources)


def next_run(watched: WatchedSource, hours: float) -> datetime | None:
    """Return when a source is read next; None: as soon as possible."""
    if not watched.tried:
        return None
    return datetime.fromisoformat(watched.tried) + timedelta(hours=hours)


def run_due(
    store: str,
    sources: Sequence[str],
    hours: float,
    read: Callable[[Sequence[str]], Failures],
    *,
    now: datetime,
    all_now: bool = False,
) -> list[str]:
    """Read the sources that are due and write down what came of it; return which they were.

    ``read`` adds them to the index and gives what could not be read. With ``all_now`` every source
    is due. Raises StoreLocked when somebody else changes the index, and whatever ``read`` raises.
    """
    stamp = now.isoformat(timespec="seconds")

    def due(known: WatchedSource) -> bool:
        following = next_run(known, hours)
        return all_now or following is None or following <= now

    # Looked at without the lock first: most of the time there is nothing to do.
    if not any(map(due, watched_sources(store, sources))):
        return []
    with open_writer(store) as writer:
        before = [known for known in _known(writer.note(_NOTE), sources) if due(known)]
        if not before:
            return []
        begun = [replace(known, tried=stamp) for known in before]
        _set_rows(writer, begun)
    names = [known.source for known in begun]
    try:
        failures = read(names)
    except StoreLocked:
        _write(store, before)
        raise
    except KonkyoError as exc:
        _write(store, [_ended(known, {known.source: str(exc)}, stamp) for known in begun])
        raise
    _write(store, [_ended(known, failures, stamp) for known in begun])
    return names


def _ended(known: WatchedSource, failures: Failures, stamp: str) -> WatchedSource:
    """A source after it was read: it succeeded unless it failed as a whole."""
    prefix = known.source.rstrip("/") + "/"
    of_it = {s: why for s, why in failures.items() if s == known.source or s.startswith(prefix)}
    told = "; ".join(why if s == known.source else f"{s}: {why}" for s, why in of_it.items())
    succeeded = known.succeeded if known.source in of_it else stamp
    return replace(known, succeeded=succeeded, error=told[:1000])


def _write(store: str, known: Sequence[WatchedSource]) -> None:
    with open_writer(store, wait=30.0) as writer:
        _set_rows(writer, known)


def _set_rows(writer: Transaction, known: Sequence[WatchedSource]) -> None:
    """Write down and commit some sources; what is known of others, whoever watches them, stays."""
    rows = _rows(writer.note(_NOTE)) | {one.source: one for one in known}
    text = json.dumps([asdict(row) for row in rows.values()], ensure_ascii=False)
    writer.set_note(_NOTE, text)
    writer.commit()


def _known(note: str | None, sources: Sequence[str]) -> list[WatchedSource]:
    found = _rows(note)
    return [found.get(source, WatchedSource(source)) for source in dict.fromkeys(sources)]


def _rows(note: str | None) -> dict[str, WatchedSource]:
    return {row["source"]: WatchedSource(**row) for row in json.loads(note or "[]")}
