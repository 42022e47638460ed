"""Exact BM25 over the terms of ``konkyo.index.text.tokens``.

Pure: texts and arrays in, scores out; files belong to the stores. A ``Postings`` is
one immutable segment; a search runs over several of them (a memory-mapped base and small
additions) and a mask of what is still there, with statistics of exactly the living passages,
so its scores are those of an index built afresh.

BM25 as in Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond"
(2009), with the never-negative idf ``ln(1 + (N - df + 0.5) / (df + 0.5))``.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache, cachedmethod

from konkyo.index.text.tokens import tokens

__all__ = [
    "BM25_B",
    "BM25_K1",
    "Postings",
    "Searcher",
    "Segment",
    "term_key",
]

# Fitted on JaQuAD train, 3,000 questions (benchmarks/LOG.md); nothing is reported on that set.
BM25_K1 = 0.3
BM25_B = 0.7

_MAX_FREQUENCY = 255
_LONG_POSTINGS = 4_096
_KEPT_BYTES = 16_000_000
_ENTRY_BYTES = 500


def term_key(term: str) -> int:
    """Give the 64-bit key a term has in a postings file."""
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest(), "little")


_Entry = tuple[int, npt.NDArray[np.uint32], npt.NDArray[np.uint8]]


def _bytes_of(found: tuple[list[_Entry], int]) -> int:
    """What postings take that are kept; those in a file count as if they were in memory."""
    entries = sum(docs.nbytes + frequencies.nbytes for _, docs, frequencies in found[0])
    return entries + _ENTRY_BYTES


class Segment(Protocol):
    """What a search needs of a set of postings; documents are numbered 0..size-1."""

    @property
    def size(self) -> int:
        """Number of documents."""

    @property
    def lengths(self) -> npt.NDArray[np.uint32]:
        """Terms in each document, shape (size,)."""

    def postings(self, key: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]] | None:
        """Ascending documents that hold a term, and how often (at most 255); None: no document."""


@dataclass(frozen=True, slots=True)
class Postings:
    """An inverted index in memory.

    ``keys`` ascend; the documents of ``keys[i]`` are ``docs[offsets[i]:offsets[i + 1]]``.
    """

    keys: npt.NDArray[np.uint64]
    offsets: npt.NDArray[np.int64]
    docs: npt.NDArray[np.uint32]
    frequencies: npt.NDArray[np.uint8]
    lengths: npt.NDArray[np.uint32]

    @classmethod
    def build(cls, texts: Iterable[str]) -> Postings:
        """Index texts; document numbers follow their order."""
        from scipy.sparse import csr_matrix

        numbers: dict[str, int] = {}
        term_parts: list[npt.NDArray[np.int32]] = []
        count_parts: list[npt.NDArray[np.uint8]] = []
        widths: list[int] = []
        lengths: list[int] = []
        for text in texts:
            counts = Counter(tokens(text))
            lengths.append(counts.total())
            widths.append(len(counts))
            term_parts.append(
                np.fromiter(
                    (numbers.setdefault(term, len(numbers)) for term in counts),
                    np.int32,
                    len(counts),
                )
            )
            values = np.fromiter(counts.values(), np.int64, len(counts))
            count_parts.append(np.minimum(values, _MAX_FREQUENCY).astype(np.uint8))
        keys = np.fromiter((term_key(term) for term in numbers), np.uint64, len(numbers))
        order = np.argsort(keys, kind="stable")
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        indptr = np.concatenate([[0], np.cumsum(widths, dtype=np.int64)])
        columns = rank[np.concatenate(term_parts)] if term_parts else np.empty(0, np.int32)
        data = np.concatenate(count_parts) if count_parts else np.empty(0, np.uint8)
        by_document = csr_matrix((data, columns, indptr), shape=(len(lengths), len(keys)))
        by_term = by_document.tocsc()
        return cls(
            keys=keys[order],
            offsets=by_term.indptr.astype(np.int64),
            docs=by_term.indices.astype(np.uint32),
            frequencies=by_term.data.astype(np.uint8),
            lengths=np.asarray(lengths, np.uint32),
        )

    @property
    def size(self) -> int:
        """Number of documents."""
        return len(self.lengths)

    def postings(self, key: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]] | None:
        """Documents that hold a term, and how often; None: no document."""
        at = int(np.searchsorted(self.keys, np.uint64(key)))
        if at == len(self.keys) or int(self.keys[at]) != key:
            return None
        span = slice(int(self.offsets[at]), int(self.offsets[at + 1]))
        return self.docs[span], self.frequencies[span]


class Searcher:
    """BM25 over several segments and masks of what is still there; immutable, safe for threads.

    ``alive`` has a mask of shape (size,) for each segment, or None for "all of it": the
    statistics are those of the living documents alone.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        alive: Sequence[npt.NDArray[np.bool_] | None],
        *,
        k1: float = BM25_K1,
        b: float = BM25_B,
    ) -> None:
        self._segments = tuple(segments)
        self._alive = tuple(alive)
        self._k1 = k1
        # A question is searched for in several languages, and its terms are weighed each time.
        self._kept: LRUCache[int, tuple[list[_Entry], int]] = LRUCache(_KEPT_BYTES, _bytes_of)
        self._lock = Lock()
        documents = total = 0
        for segment, mask in zip(segments, alive, strict=True):
            lengths = segment.lengths if mask is None else segment.lengths[mask]
            documents += len(lengths)
            total += int(lengths.sum(dtype=np.int64))
        self._documents = documents
        average = max(total / max(documents, 1), 1e-9)
        self._norms = [
            (k1 * (1 - b + b * segment.lengths / average)).astype(np.float32)
            for segment in segments
        ]

    def search(
        self,
        query: Mapping[str, float],
        k: int,
        allowed: Sequence[npt.NDArray[np.bool_]] | None = None,
    ) -> list[tuple[int, int, float]]:
        """At most k of (segment, document, score > 0), best first; ties go to the earlier one.

        ``allowed`` narrows what may be found without touching the statistics.
        """
        if self._documents == 0 or k <= 0:
            return []
        terms = self._terms(query)
        scores = [np.zeros(segment.size, np.float32) for segment in self._segments]
        # MaxScore (Turtle and Flood, 1995): once the terms left cannot lift an untouched
        # document into the best k, they are only looked up for documents they can still move.
        left = np.cumsum([weight for weight, _ in reversed(terms)])[::-1].tolist()
        candidates: list[npt.NDArray[np.intp]] | None = None
        for at, (weight, found) in enumerate(terms):
            longest = max(len(docs) for _, docs, _ in found)
            if candidates is None and at and longest > _LONG_POSTINGS:
                candidates = _candidates(scores, allowed, k, left[at])
            for number, docs, frequencies in found:
                if candidates is not None:
                    chosen = _common(docs, candidates[number])
                    docs, frequencies = docs[chosen], frequencies[chosen]
                tf = frequencies.astype(np.float32)
                scores[number][docs] += np.float32(weight) * tf / (tf + self._norms[number][docs])
        ranked: list[tuple[int, int, float]] = []
        for number, values in enumerate(scores):
            if candidates is not None:
                kept = candidates[number]
                ranked.extend((number, int(kept[i]), s) for i, s in _top(values[kept], k))
                continue
            if allowed is not None:
                values = np.where(allowed[number], values, np.float32(0))
            ranked.extend((number, i, score) for i, score in _top(values, k))
        ranked.sort(key=lambda row: (-row[2], row[0], row[1]))
        return ranked[:k]

    def ceiling(self, query: Mapping[str, float]) -> float:
        """The weight of all terms of a question together, known here or not.

        A score divided by it is a share that compares across questions and languages.
        """
        total = 0.0
        for term, times in query.items():
            _, holding = self._living(term_key(term))
            total += times * self._idf(holding)
        return total

    def _idf(self, holding: int) -> float:
        return math.log1p((self._documents - holding + 0.5) / (holding + 0.5))

    def _terms(self, query: Mapping[str, float]) -> list[tuple[float, list[_Entry]]]:
        """Weight and postings of each term that is there at all, the heaviest first."""
        terms: list[tuple[float, list[_Entry]]] = []
        for term, times in query.items():
            found, holding = self._living(term_key(term))
            if holding:
                terms.append((times * self._idf(holding) * (self._k1 + 1), found))
        terms.sort(key=lambda item: -item[0])
        return terms

    @cachedmethod(lambda self: self._kept, key=lambda self, key: key, lock=lambda self: self._lock)
    def _living(self, key: int) -> tuple[list[_Entry], int]:
        """Postings of one term in each segment without what is gone, and how many there are."""
        found: list[_Entry] = []
        holding = 0
        for number, (segment, mask) in enumerate(zip(self._segments, self._alive, strict=True)):
            entry = segment.postings(key)
            if entry is None:
                continue
            docs, frequencies = entry
            if mask is not None:
                living = mask[docs]
                docs, frequencies = docs[living], frequencies[living]
            holding += len(docs)
            found.append((number, docs, frequencies))
        return found, holding


def _candidates(
    scores: Sequence[npt.NDArray[np.float32]],
    allowed: Sequence[npt.NDArray[np.bool_]] | None,
    k: int,
    left: float,
) -> list[npt.NDArray[np.intp]] | None:
    """Documents of each segment that may still be among the best k; None: any may."""
    touched = []
    for number, values in enumerate(scores):
        found = np.flatnonzero(values)
        touched.append(found if allowed is None else found[allowed[number][found]])
    reached = np.concatenate([values[found] for values, found in zip(scores, touched, strict=True)])
    if len(reached) < k:
        return None
    threshold = float(np.partition(reached, len(reached) - k)[len(reached) - k])
    # A little slack, as sums of float32 depend on their order.
    if threshold * (1 - 1e-4) <= left:
        return None
    return [
        found[values[found] >= threshold * (1 - 1e-4) - left]
        for values, found in zip(scores, touched, strict=True)
    ]


def _common(docs: npt.NDArray[np.uint32], candidates: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Positions in ascending ``docs`` of those that are candidates (ascending, too)."""
    wanted = candidates.astype(np.uint32)
    at = np.searchsorted(docs, wanted)
    inside = at < len(docs)
    at, wanted = at[inside], wanted[inside]
    common: npt.NDArray[np.intp] = at[docs[at] == wanted]
    return common


def _top(values: npt.NDArray[np.float32], k: int) -> list[tuple[int, float]]:
    """At most k (position, value > 0), the largest first, then the earliest."""
    positive = np.flatnonzero(values > 0)
    if len(positive) > k:
        threshold = np.partition(values[positive], len(positive) - k)[len(positive) - k]
        positive = positive[values[positive] >= threshold]
    order = np.lexsort((positive, -values[positive]))[:k]
    return [(int(at), float(values[at])) for at in positive[order]]
