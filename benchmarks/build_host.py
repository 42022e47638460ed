"""Builds in forks of a process that has already loaded what they need: something to kill often.

To start a program and the process that reads its documents takes most of the time of a small
build, in which nothing is written; a fork begins with the build.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from fixtures_store import ToyEncoder, yes  # noqa: E402

from konkyo.index.builder import build  # noqa: E402
from konkyo.index.ingest.preparation import (  # noqa: E402
    DocumentTask,
    Reading,
    chunker,
    read_document,
)
from konkyo.index.settings import ChunkSettings  # noqa: E402

__all__ = ["BuildHost", "build_here"]


def build_here(news: Path, store: Path, budget: int, pause: float = 0.0) -> None:
    """Build with the toy encoder, ``pause`` seconds slower a batch; this process reads."""
    encoder, chunks = ToyEncoder(slow=pause), ChunkSettings(budget=budget)
    cut = chunker(encoder.count_tokens, chunks)

    def read(tasks: Iterator[DocumentTask]) -> Iterator[Reading]:
        return (read_document(task, None, cut) for task in tasks)

    build([str(news)], store, encoder, chunks, confirm=yes, reader=read)


class BuildHost:
    """The process that forks; it ends when this is closed."""

    def __enter__(self) -> BuildHost:
        self._host = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.build_host"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._build: int | None = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._build is not None:
            os.kill(self._build, signal.SIGKILL)
        with self._host:
            with contextlib.suppress(OSError):
                self._pipe(self._host.stdin).close()
            self._host.kill()

    def begin(self, news: Path, store: Path, budget: int, pause: float) -> None:
        """Begin a build, ``pause`` seconds slower a batch."""
        self._tell(json.dumps([str(news), str(store), budget, pause]))
        self._build = int(self._line())

    def end(self, seconds: float) -> tuple[int, str]:
        """Kill the build after so many seconds; return its exit code and what it said."""
        # The host leaves an ended build unreaped until it is told: this number is no one else's.
        if not select.select([self._pipe(self._host.stdout)], [], [], seconds)[0]:
            assert self._build is not None
            os.kill(self._build, signal.SIGKILL)
        code, said = json.loads(self._line())
        self._build = None
        self._tell("reap")
        return code, said

    def _tell(self, line: str) -> None:
        pipe = self._pipe(self._host.stdin)
        pipe.write(f"{line}\n")
        pipe.flush()

    def _line(self) -> str:
        line = self._pipe(self._host.stdout).readline()
        if not line:
            raise RuntimeError(f"the process that builds ended with {self._host.wait()}")
        return line

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


def _serve() -> None:
    """Fork a build for each line of the standard input, and say how it ended."""
    import yaml  # noqa: F401
    from scipy import sparse  # noqa: F401

    from konkyo.index.stores.local import writer  # noqa: F401

    while line := sys.stdin.readline():
        with tempfile.TemporaryFile("w+") as said:
            child = os.fork()
            if child == 0:
                news, store, budget, pause = json.loads(line)
                _build_and_exit(partial(build_here, Path(news), Path(store), budget, pause), said)
            print(child, flush=True)
            status = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
            assert status is not None
            code = status.si_status if status.si_code == os.CLD_EXITED else -status.si_status
            said.seek(0)
            print(json.dumps([code, said.read()[-300:]]), flush=True)
            sys.stdin.readline()
            os.waitpid(child, 0)


def _build_and_exit(build: Callable[[], None], said: IO[str]) -> NoReturn:
    code = 1
    try:
        build()
        code = 0
    finally:
        if code:
            traceback.print_exc(file=said)
            said.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
