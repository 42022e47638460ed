"""One writer a store: a lock that dies with its process and says who holds it."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from konkyo.index.errors import StoreError, StoreLocked

__all__ = ["try_lock", "write_lock"]


@contextlib.contextmanager
def write_lock(folder: Path, wait: float = 0.0) -> Iterator[None]:
    """Hold the writer's lock of a store.

    ``wait`` is in seconds. Raises StoreLocked naming the holder's process, machine and start,
    StoreError when the folder may not be written to.
    """
    import filelock

    # Several Konkyo values of one process are several writers, too: no re-entering.
    lock = filelock.FileLock(folder / "LOCK", thread_local=False, is_singleton=False)
    try:
        lock.acquire(timeout=wait, poll_interval=0.05)
    except filelock.Timeout as exc:
        raise StoreLocked(
            f"{folder}: {_holder(folder)} is writing to this index; wait for it to end, or let"
            " this command wait with `--wait SECONDS`"
        ) from exc
    except OSError as exc:
        raise StoreError(f"{folder}: the folder may not be written to ({exc.strerror})") from exc
    try:
        _sign(folder)
        yield
    finally:
        with contextlib.suppress(OSError):
            (folder / "LOCK.json").unlink(missing_ok=True)
        lock.release()


@contextlib.contextmanager
def try_lock(folder: Path) -> Iterator[bool]:
    """Hold the lock if nobody does and it is allowed; gives whether it is held."""
    with contextlib.ExitStack() as stack:
        held = os.access(folder, os.W_OK)
        if held:
            try:
                stack.enter_context(write_lock(folder))
            except StoreError:
                held = False
        yield held


def _sign(folder: Path) -> None:
    since = datetime.now().astimezone().isoformat(timespec="seconds")
    facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    draft = folder / f"LOCK.json.{os.getpid()}.tmp"
    # Only a courtesy to whoever waits: a full disk must not fail the write before it began.
    try:
        draft.write_text(json.dumps(facts), "utf-8")
        draft.replace(folder / "LOCK.json")
    except OSError:
        draft.unlink(missing_ok=True)


def _holder(folder: Path) -> str:
    for _ in range(3):
        try:
            facts = json.loads((folder / "LOCK.json").read_text("utf-8"))
            return f"process {facts['pid']} on {facts['host']} (since {facts['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            time.sleep(0.02)
    return "another process"
