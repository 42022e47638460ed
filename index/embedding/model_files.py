"""Models on this machine: where each is, whether it is whole, and how it is put in place.

A model that was verified gets a stamp with the sha256 of its files and with their size, times and
inode. While those are the same nothing is hashed; where one differs, the content is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

from konkyo.index.embedding.catalogue import CatalogueModel

__all__ = [
    "WEIGHTS",
    "Report",
    "Source",
    "State",
    "commit",
    "expected_sha256",
    "home",
    "is_present",
    "partial_place",
    "place_of",
    "remove",
    "remove_partial",
    "sha256_of",
    "state_of_model",
    "verify_files",
]

Source = Literal["index", "hub"]
Report = Callable[[str, int, int], None]
"""Called with a stage (``fetch``, ``join``, ``convert``, ``verify``), bytes done, bytes in all."""

State = Literal["here", "not pulled", "damaged"]

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


def _identity(part: Path) -> tuple[int, int, int, int]:
    """What changes when a file is written to or replaced, even if its time was set back."""
    stat = part.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_ctime_ns


@lru_cache(maxsize=256)
def _hashed(part: Path, identity: tuple[int, int, int, int]) -> str:
    """The sha256 of a file of that identity, computed once in a process."""
    return sha256_of(part)


def _identities(place: Path) -> dict[str, list[int]]:
    root = place if place.is_dir() else place.parent
    return {part.relative_to(root).as_posix(): [*_identity(part)] for part in _parts(place)}


def _hashes(place: Path, weights_sha256: str) -> dict[str, str]:
    root = place if place.is_dir() else place.parent
    weights = _weights(place)
    return {
        part.relative_to(root).as_posix(): (
            weights_sha256 if part == weights else _hashed(part, _identity(part))
        )
        for part in _parts(place)
    }


def _write_stamp(place: Path, sha256: str, source: Source) -> None:
    # ``files`` is what earlier versions compare, who may share the folder.
    stamp = {
        "sha256": sha256,
        "source": source,
        "files": _seen(place),
        "hashes": _hashes(place, sha256),
        "identities": _identities(place),
    }
    target = _stamp_file(place)
    temporary = target.with_name(f"{target.name}.{os.getpid()}.partial")
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


def expected_sha256(model: CatalogueModel, source: Source) -> str:
    """The hash of the weights as the catalogue pins it for a source."""
    return (model.hub_sha256 if source == "hub" else None) or model.sha256


def is_present(model: CatalogueModel) -> bool:
    """Whether the model is there, whole, and unchanged since it was verified (no hashing)."""
    place = place_of(model)
    try:
        return place.exists() and _read_stamp(place).get("identities") == _identities(place)
    except OSError:
        return False


def state_of_model(model: CatalogueModel) -> State:
    """Whether a model can be used; hashes it if it is not what was verified before."""
    weights = _weights(place_of(model))
    if not weights.is_file():
        return "not pulled"
    if is_present(model) or _accept(model, _hashed(weights, _identity(weights))):
        return "here"
    return "damaged"


def verify_files(model: CatalogueModel, report: Report) -> bool:
    """Hash what is there; if it is right, stamp it and return true."""
    weights = _weights(place_of(model))
    if not weights.is_file():
        return False
    size = weights.stat().st_size
    return _accept(model, sha256_of(weights, lambda done: report("verify", done, size)))


def _accept(model: CatalogueModel, found: str) -> bool:
    """Stamp a model whose weights have the hash ``found``, if all of it is right."""
    place = place_of(model)
    stamp = _read_stamp(place)
    source: Source = "hub" if stamp.get("source") == "hub" else "index"
    if found != expected_sha256(model, source):
        return False
    if place.is_dir() and not _small_files_unchanged(place, stamp, found):
        return False
    # A folder that cannot be written to is hashed once in every process instead.
    with suppress(OSError):
        _write_stamp(place, found, source)
    return True


def _small_files_unchanged(place: Path, stamp: dict[str, object], weights_sha256: str) -> bool:
    """Whether tokenizer and configuration are those that were written beside the weights."""
    hashes = stamp.get("hashes")
    if hashes is None:  # A stamp of an earlier version.
        return stamp.get("files") == _seen(place)
    return hashes == _hashes(place, weights_sha256)


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
