"""Processes that tests start: ended whatever happens, and never waited for without end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

__all__ = ["end", "started"]

_PATIENCE = 120.0


@contextmanager
def started(
    command: Sequence[str], stop: signal.Signals = signal.SIGINT, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """A process whose standard output is read as text; it is told to end with ``stop``."""
    process = subprocess.Popen(command, **{"stdout": subprocess.PIPE, "text": True, **options})
    try:
        yield process
    finally:
        end(process, stop)


def end(process: subprocess.Popen[Any], stop: signal.Signals = signal.SIGKILL) -> None:
    """End a process that may have ended; one that does not obey is killed, and a failure."""
    try:
        if process.poll() is None:
            process.send_signal(stop)
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired as exc:
        process.kill()
        process.wait(_PATIENCE)
        raise AssertionError(f"{process.args} did not end by {stop.name}") from exc
    finally:
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
