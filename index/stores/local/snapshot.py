"""Arrays in files that are believed only after a checksum: the ground all caches stand on.

A ``Snapshot`` is a folder of arrays with a manifest. It is written beside its final name, made
durable and renamed, so it is there whole or not at all. Small arrays are read and compared when
opened; large ones stay memory-mapped and each block is compared the first time it is touched,
so that opening costs the same at a thousand and at a million passages.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import uuid
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from konkyo.index.stores.local.database import fsync_folder

__all__ = ["CacheDamaged", "CheckedArray", "CheckedRows", "Snapshot", "SnapshotWriter", "file_sum"]

_BLOCK_BYTES = 1 << 16
_FOLD_WORDS = 1 << 16
_EAGER_BYTES = 1 << 22
# Linux maps 64 kB around each page that is touched: so many rows may hold 64 MB.
_ROWS_RESIDENT = 1 << 10
_FORMAT = 1

T = TypeVar("T", bound=np.generic)


class CacheDamaged(Exception):
    """A cache is not what was written; it is thrown away and made again from the database."""


def file_sum(path: Path) -> str:
    """Checksum of a file at the speed of memory: any changed bit changes it."""
    size = path.stat().st_size
    if size == 0:
        return "0:0"
    data = np.memmap(path, np.uint8, "r")
    words = data[: size - size % 8].view(np.uint64)
    crc = 0
    for at in range(0, len(words), _FOLD_WORDS):
        part = words[at : at + _FOLD_WORDS]
        pair = np.array([np.add.reduce(part), np.bitwise_xor.reduce(part)], np.uint64)
        crc = zlib.crc32(pair.tobytes(), crc)
    crc = zlib.crc32(data[size - size % 8 :].tobytes(), crc)
    return f"{size}:{crc}"


def _row_sums(rows: npt.NDArray[np.generic]) -> npt.NDArray[np.uint64]:
    """One checksum a row of a two-dimensional array: words weighted by odd numbers, mod 2**64."""
    flat = np.ascontiguousarray(rows)
    width = flat.shape[1] * flat.itemsize
    kind = next(t for t in (np.uint64, np.uint32, np.uint16) if width % np.dtype(t).itemsize == 0)
    words = flat.view(kind).astype(np.uint64, copy=False)
    weights = np.arange(1, 2 * words.shape[1], 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    total: npt.NDArray[np.uint64] = (words * weights).sum(axis=1, dtype=np.uint64)
    return total


def _block_sums(flat: npt.NDArray[np.generic], per_block: int) -> npt.NDArray[np.uint64]:
    return np.array(
        [zlib.crc32(flat[at : at + per_block].tobytes()) for at in range(0, len(flat), per_block)],
        np.uint64,
    )


class CheckedArray(Generic[T]):
    """A one-dimensional array in a file; each block is compared when first touched."""

    def __init__(
        self, data: npt.NDArray[T], sums: npt.NDArray[np.uint64], per_block: int, name: str
    ) -> None:
        self._data = data
        self._sums = sums
        self._per_block = per_block
        self._name = name
        self._seen = np.zeros(len(sums), np.bool_)

    def __len__(self) -> int:
        return len(self._data)

    def span(self, start: int, stop: int) -> npt.NDArray[T]:
        """Elements start..stop. Raises CacheDamaged."""
        if not 0 <= start <= stop <= len(self._data):
            raise CacheDamaged(f"{self._name}: no elements {start}..{stop}")
        if start < stop:
            first, last = start // self._per_block, (stop - 1) // self._per_block
            if not self._seen[first : last + 1].all():
                for block in range(first, last + 1):
                    self._check(block)
        return self._data[start:stop]

    def _check(self, block: int) -> None:
        if self._seen[block]:
            return
        at = block * self._per_block
        part = self._data[at : at + self._per_block].tobytes()
        if zlib.crc32(part) != int(self._sums[block]):
            raise CacheDamaged(f"{self._name}: block {block} is not what was written")
        self._seen[block] = True

    def find(self, value: int) -> int | None:
        """Position of a value in an ascending array, or None. Raises CacheDamaged."""
        low, high = 0, len(self._data)
        while low < high:
            middle = (low + high) // 2
            if int(self.span(middle, middle + 1)[0].item()) < value:
                low = middle + 1
            else:
                high = middle
        if low < len(self._data) and int(self.span(low, low + 1)[0].item()) == value:
            return low
        return None

    def whole(self) -> npt.NDArray[T]:
        """All elements. Raises CacheDamaged."""
        return self.span(0, len(self._data))


class CheckedRows:
    """A float16 matrix in a file; each row is compared whenever it is read."""

    def __init__(
        self, data: npt.NDArray[np.float16], sums: npt.NDArray[np.uint64], name: str
    ) -> None:
        self._data = data
        self._sums = sums
        self._name = name
        self._map: mmap.mmap | None = getattr(data, "_mmap", None)
        self._taken = 0
        if self._map is not None and hasattr(mmap, "MADV_RANDOM"):
            # Rows are read here and there: pages around them would only fill the memory.
            self._map.madvise(mmap.MADV_RANDOM)

    def __len__(self) -> int:
        return len(self._data)

    @property
    def dimension(self) -> int:
        """Length of a row."""
        return int(self._data.shape[1])

    def take(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.float16]:
        """Copy rows by number. Raises CacheDamaged."""
        values = np.asarray(self._data[rows])
        if not np.array_equal(_row_sums(values), self._sums[rows]):
            raise CacheDamaged(f"{self._name}: a row is not what was written")
        self._let_go(len(rows))
        return values

    def _let_go(self, taken: int) -> None:
        """Now and then give pages back; the system's file cache still has them for a next time."""
        self._taken += taken
        if self._taken > _ROWS_RESIDENT:
            self._taken = 0
            if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
                self._map.madvise(mmap.MADV_DONTNEED)

    def span(self, start: int, stop: int) -> npt.NDArray[np.float16]:
        """Rows start..stop. Raises CacheDamaged."""
        values = np.array(self._data[start:stop])
        if not np.array_equal(_row_sums(values), self._sums[start:stop]):
            raise CacheDamaged(f"{self._name}: a row is not what was written")
        self._let_go(len(values))
        return values


class SnapshotWriter:
    """Writes a snapshot beside its final name; ``commit`` renames it into place."""

    def __init__(self, folder: Path, name: str) -> None:
        self._final = folder / f"{name}-{uuid.uuid4().hex[:8]}"
        self._draft = folder / f"tmp-{self._final.name}"
        self._draft.mkdir()
        self._arrays: dict[str, dict[str, object]] = {}
        self._files: dict[str, str] = {}

    def array(self, name: str, values: npt.NDArray[np.generic]) -> None:
        """Write a one-dimensional array."""
        per_block = max(1, _BLOCK_BYTES // values.dtype.itemsize)
        flat = np.ascontiguousarray(values)
        self._raw(f"{name}.bin", flat)
        self._raw(f"{name}.sum", _block_sums(flat, per_block))
        self._files[f"{name}.sum"] = file_sum(self._draft / f"{name}.sum")
        self._arrays[name] = {
            "dtype": flat.dtype.str,
            "shape": list(flat.shape),
            "per_block": per_block,
        }

    def rows(self, name: str, count: int, dimension: int) -> npt.NDArray[np.float16]:
        """Make room for a float16 matrix and give it, to be filled; then call ``rows_done``."""
        self._arrays[name] = {"dtype": "<f2", "shape": [count, dimension], "per_block": 0}
        path = self._draft / f"{name}.bin"
        if count == 0:
            path.touch()
            return np.empty((0, dimension), np.float16)
        return np.memmap(path, np.float16, "w+", shape=(count, dimension))

    def rows_done(self, name: str, matrix: npt.NDArray[np.float16]) -> None:
        """Checksum a filled matrix and make it durable."""
        parts = [_row_sums(matrix[at : at + 4096]) for at in range(0, len(matrix), 4096)]
        sums = np.concatenate(parts) if parts else np.empty(0, np.uint64)
        if isinstance(matrix, np.memmap):
            matrix.flush()
        self._raw(f"{name}.sum", sums)
        self._files[f"{name}.sum"] = file_sum(self._draft / f"{name}.sum")

    def path(self, name: str) -> Path:
        """Where a file of another format is to be written; then call ``file_done``."""
        return self._draft / name

    def file_done(self, name: str) -> None:
        """Checksum a file written by somebody else and make it durable."""
        path = self._draft / name
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
        self._files[name] = file_sum(path)

    def commit(self, facts: Mapping[str, object]) -> Path:
        """Write the manifest, make all durable, rename; give the final folder."""
        body = {
            "format": _FORMAT,
            "facts": dict(facts),
            "arrays": self._arrays,
            "files": self._files,
        }
        text = json.dumps(body, sort_keys=True)
        check = hashlib.sha256(text.encode()).hexdigest()
        with (self._draft / "manifest.json").open("w", encoding="utf-8") as out:
            out.write(json.dumps({"check": check, "body": text}))
            out.flush()
            os.fsync(out.fileno())
        fsync_folder(self._draft)
        self._draft.rename(self._final)
        fsync_folder(self._final.parent)
        return self._final

    def abandon(self) -> None:
        """Remove the draft."""
        shutil.rmtree(self._draft, ignore_errors=True)

    def _raw(self, name: str, values: npt.NDArray[np.generic]) -> None:
        with (self._draft / name).open("wb") as out:
            np.ascontiguousarray(values).tofile(out)
            out.flush()
            os.fsync(out.fileno())


class Snapshot:
    """A committed snapshot, opened for reading. Every doubt raises CacheDamaged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            outer = json.loads((folder / "manifest.json").read_text("utf-8"))
            text = outer["body"]
            if hashlib.sha256(text.encode()).hexdigest() != outer["check"]:
                raise CacheDamaged(f"{folder}: the manifest is not what was written")
            body = json.loads(text)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
            raise CacheDamaged(f"{folder}: no readable manifest ({exc})") from exc
        if body["format"] != _FORMAT:
            raise CacheDamaged(f"{folder}: another format")
        self.facts: dict[str, object] = body["facts"]
        self._arrays: dict[str, dict[str, object]] = body["arrays"]
        self._files: dict[str, str] = body["files"]

    def array(self, name: str, dtype: type[T]) -> CheckedArray[T]:
        """A one-dimensional array; small ones are compared now."""
        data, sums, per_block = self._map(name, np.dtype(dtype))
        checked = CheckedArray[T](data, sums, per_block, str(self.folder / name))
        if data.nbytes <= _EAGER_BYTES:
            checked.whole()
        return checked

    def rows(self, name: str) -> CheckedRows:
        """A float16 matrix."""
        data, sums, _ = self._map(name, np.dtype(np.float16))
        if data.ndim != 2 or len(sums) != len(data):
            raise CacheDamaged(f"{self.folder}: {name} has another shape")
        return CheckedRows(data, sums, str(self.folder / name))

    def file(self, name: str) -> Path | None:
        """Path of a file of another format after comparing all of it; None: there is none."""
        if name not in self._files:
            return None
        path = self.folder / name
        try:
            found = file_sum(path)
        except OSError as exc:
            raise CacheDamaged(f"{path}: {exc}") from exc
        if found != self._files[name]:
            raise CacheDamaged(f"{path}: not what was written")
        return path

    def verify(self) -> None:
        """Compare every byte. Raises CacheDamaged."""
        for name in self._files:
            self.file(name)
        for name, shape in self._arrays.items():
            if shape["per_block"]:
                self.array(name, np.dtype(str(shape["dtype"])).type).whole()
            else:
                rows = self.rows(name)
                for at in range(0, len(rows), 4096):
                    rows.span(at, min(at + 4096, len(rows)))

    def _map(
        self, name: str, dtype: np.dtype[T]
    ) -> tuple[npt.NDArray[T], npt.NDArray[np.uint64], int]:
        try:
            facts = self._arrays[name]
            shape = tuple(int(n) for n in facts["shape"])  # type: ignore[attr-defined]
            per_block = int(str(facts["per_block"]))
        except (KeyError, TypeError, ValueError) as exc:
            raise CacheDamaged(f"{self.folder}: no array {name}") from exc
        if np.dtype(str(facts["dtype"])) != dtype:
            raise CacheDamaged(f"{self.folder}: {name} has another type")
        path = self.folder / f"{name}.bin"
        sums_path = self.file(f"{name}.sum")
        if sums_path is None:
            raise CacheDamaged(f"{self.folder}: {name} has no checksums")
        try:
            expected = int(np.prod(shape)) * dtype.itemsize
            if path.stat().st_size != expected:
                raise CacheDamaged(f"{path}: {path.stat().st_size} bytes instead of {expected}")
            sums = np.fromfile(sums_path, np.uint64)
            data = np.memmap(path, dtype, "r", shape=shape) if expected else np.empty(shape, dtype)
        except OSError as exc:
            raise CacheDamaged(f"{path}: {exc}") from exc
        return data, sums, per_block
