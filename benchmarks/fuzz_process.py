"""Runs numbered inputs in a forked process and watches it: crashes, hangs and memory.

The process says before each input which it is, in memory that both share. One that takes more
processor time than allowed on one input is ended; a new one goes on with the next input.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import mmap
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from konkyo.index.ingest.worker import processor_seconds

__all__ = ["Findings", "run"]

_STATE = struct.Struct("<qqq")
_POLL = 0.05


@dataclass(slots=True)
class Findings:
    """What came of inputs: how many were read and refused, and those that broke a promise."""

    read: int = 0
    refused: int = 0
    broken: dict[int, str] = field(default_factory=dict)

    @property
    def done(self) -> int:
        """How many inputs were run."""
        return self.read + self.refused + len(self.broken)


def run(
    one: Callable[[int], str | None],
    numbers: range,
    *,
    seconds: float,
    memory: int,
    until: float,
    found: Findings,
) -> int:
    """Run inputs and return the first number that was not run; ``found`` is added to.

    ``one`` gives nothing for an input that was read, a reason for one that was refused, and raises
    for a fault. ``seconds`` of processor time and ``memory`` (MB) are allowed for each;
    nothing is begun after ``until`` (``time.monotonic``).
    """
    number = numbers.start
    while number < numbers.stop and time.monotonic() < until:
        number = _one_process(one, range(number, numbers.stop), seconds, memory, until, found)
    return number


def _one_process(
    one: Callable[[int], str | None],
    numbers: range,
    seconds: float,
    memory: int,
    until: float,
    found: Findings,
) -> int:
    """Run inputs in one process until it ends; return the number to go on with."""
    shared = mmap.mmap(-1, _STATE.size)
    shared[:] = _STATE.pack(numbers.start, 0, 0)
    with tempfile.TemporaryFile() as said:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 2)
            _work(one, numbers, memory, until, shared)
        try:
            reason = _watch(child, shared, seconds)
        except BaseException:
            # Interrupted: nothing may go on by itself.
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            raise
        number, read, refused = _STATE.unpack(shared[:])
        found.read += read
        found.refused += refused
        if reason:
            found.broken[number] = f"{reason}{_last_line(said)}"
            number += 1
    shared.close()
    return int(number)


def _work(
    one: Callable[[int], str | None], numbers: range, memory: int, until: float, shared: mmap.mmap
) -> None:
    """Run inputs in the forked process, which never returns."""
    faulthandler.disable()
    code = 1
    try:
        _run_inputs(one, numbers, memory, until, shared)
        code = 0
    finally:
        if sys.exc_info()[1] is not None:
            os.write(2, traceback.format_exc().encode("utf-8", "replace"))
        os._exit(code)


def _run_inputs(
    one: Callable[[int], str | None], numbers: range, memory: int, until: float, shared: mmap.mmap
) -> None:
    gc.freeze()
    first = _data_size()
    read = refused = 0
    for number in numbers:
        shared[:] = _STATE.pack(number, read, refused)
        size = _data_size()
        if size - first > memory * 2**20 // 2 or time.monotonic() > until:
            # What inputs left behind must not be counted as the next one's.
            return
        resource.setrlimit(resource.RLIMIT_DATA, (size + memory * 2**20, resource.RLIM_INFINITY))
        refusal = one(number)
        read, refused = read + (not refusal), refused + bool(refusal)
    shared[:] = _STATE.pack(numbers.stop, read, refused)


def _watch(child: int, shared: mmap.mmap, seconds: float) -> str:
    """Wait for a process; return why its last input broke a promise, or nothing."""
    number, since = -1, 0.0
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return "" if code == 0 else f"ended the process ({code})"
        now = processor_seconds(child)
        current = _STATE.unpack(shared[:])[0]
        if current != number:
            number, since = current, now or 0.0
        elif now is not None and now - since > seconds:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return f"takes longer than {seconds:g} s"
        time.sleep(_POLL)


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
    return f": {lines[-1]}" if lines else ""


def _data_size() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[5])
    return pages * resource.getpagesize()
