"""BM25 over postings kept in PostgreSQL: arrays for each term and segment.

Measured on 20,000 Japanese passages against one row a posting and against an array column with a
GIN index (benchmarks/LOG.md): arrays are the smallest and the fastest, and the scores are those
of a store on one machine because the same code adds them up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from konkyo.index.errors import StoreDamaged
from konkyo.index.stores.bm25 import Postings, term_key

__all__ = ["SEGMENT_LIMIT", "SqlSegment", "TermCache", "merged", "packed", "signed"]

SEGMENT_LIMIT = 65_536
"""Passages of one segment at most: a posting's document number is 16 bits."""

_CACHED_BYTES = 64 << 20

Entry = tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]
Fetch = Callable[[Sequence[int], Sequence[int]], list[tuple[int, int, bytes, bytes]]]
"""Segments and terms (signed keys) -> rows of postings: segment, term, docs, frequencies."""


def signed(key: int) -> int:
    """A 64-bit key as PostgreSQL's bigint."""
    return key - (1 << 64) if key >= 1 << 63 else key


def packed(postings: Postings) -> list[tuple[int, bytes, bytes]]:
    """(term, docs, frequencies) of each term as stored."""
    return [
        (
            int(key),
            postings.docs[at:end].astype("<u2").tobytes(),
            postings.frequencies[at:end].tobytes(),
        )
        for key, at, end in zip(
            postings.keys.view(np.int64),
            postings.offsets[:-1].tolist(),
            postings.offsets[1:].tolist(),
            strict=True,
        )
    ]


def unpacked(docs: bytes, frequencies: bytes) -> Entry:
    """What ``packed`` packed. Raises StoreDamaged when the two do not fit."""
    if len(docs) != 2 * len(frequencies):
        raise StoreDamaged(
            "the index itself is damaged (postings of two lengths); rebuild it with"
            " `konkyo index build SOURCE... --rebuild`"
        )
    return np.frombuffer(docs, "<u2").astype(np.uint32), np.frombuffer(frequencies, np.uint8)


class TermCache:
    """Postings that were read lately, by segment and term. Safe to share by threads."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._kept: LRUCache[tuple[int, int], Entry | None] = LRUCache(
            _CACHED_BYTES, getsizeof=_weight
        )

    def load(self, segments: Sequence[int], terms: Sequence[str]) -> None:
        """Read what a question needs and is not here, in one go."""
        keys = [signed(term_key(term)) for term in terms]
        with self._lock:
            missing = sorted({k for k in keys if any((s, k) not in self._kept for s in segments)})
        if missing and segments:
            self._keep(segments, missing)

    def entry(self, segment: int, key: int) -> Entry | None:
        """One term's postings in one segment; None: no passage has it."""
        name = (segment, signed(key))
        with self._lock:
            if name in self._kept:
                return self._kept[name]
        return self._keep([segment], [name[1]])[name]

    def _keep(
        self, segments: Sequence[int], keys: Sequence[int]
    ) -> dict[tuple[int, int], Entry | None]:
        found: dict[tuple[int, int], Entry | None] = {(s, k): None for s in segments for k in keys}
        for segment, key, docs, frequencies in self._fetch(segments, keys):
            found[segment, key] = unpacked(docs, frequencies)
        with self._lock:
            for name, entry in found.items():
                # What is larger than the whole cache is not kept.
                if _weight(entry) <= _CACHED_BYTES:
                    self._kept[name] = entry
        return found


def _weight(entry: Entry | None) -> int:
    return 120 if entry is None else 240 + entry[0].nbytes + entry[1].nbytes


@dataclass(frozen=True, slots=True)
class SqlSegment:
    """Some passages, ascending by number; a ``Segment`` of ``konkyo.index.stores.bm25``."""

    number: int
    numbers: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.uint32]
    cache: TermCache = field(repr=False)

    @property
    def size(self) -> int:
        """Number of passages."""
        return len(self.numbers)

    def postings(self, key: int) -> Entry | None:
        """Ascending documents that hold a term, and how often; None: no document."""
        return self.cache.entry(self.number, key)


def merged(
    parts: Sequence[tuple[npt.NDArray[np.bool_], Mapping[int, tuple[bytes, bytes]]]],
) -> dict[int, tuple[bytes, bytes]]:
    """Join segments: for each what of it stays, and its postings by term. Order is kept."""
    shift = 0
    joined: dict[int, tuple[list[bytes], list[bytes]]] = {}
    for stays, postings in parts:
        place = np.cumsum(stays) - 1 + shift
        shift += int(stays.sum())
        for term, (docs, frequencies) in postings.items():
            numbers, counts = unpacked(docs, frequencies)
            chosen = stays[numbers]
            if chosen.any():
                into = joined.setdefault(term, ([], []))
                into[0].append(place[numbers[chosen]].astype("<u2").tobytes())
                into[1].append(counts[chosen].tobytes())
    return {term: (b"".join(d), b"".join(f)) for term, (d, f) in joined.items()}
