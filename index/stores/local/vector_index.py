"""Nearest neighbours among stored vectors; the one owner of FAISS.

Small collections are searched flat. Above ``LIMITS.whole`` vectors, an inverted file of one-bit
RaBitQ codes (Gao and Long, SIGMOD 2024) proposes candidates, and their exact scores come from
the memory-mapped vectors, so a score is always a true dot product and only recall is traded.
How many lists are probed is tuned on the collection itself until a sample's recall@10 against
flat search reaches ``TARGET_RECALL``; the recall reached is kept and shown. Up to
``FLAT_AT_MOST`` vectors, a collection the codes cannot bring to ``LEAST_RECALL`` stays flat.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.stores.base import SearchLimits
from konkyo.index.stores.local.snapshot import CacheDamaged, CheckedRows

if TYPE_CHECKING:
    import faiss

__all__ = [
    "FLAT_AT_MOST",
    "LEAST_RECALL",
    "LIMITS",
    "TARGET_RECALL",
    "DenseIndex",
    "Tuning",
    "build_ivf",
]

LIMITS = SearchLimits(whole=20_000, filtered=4_000)
"""Above these, codes propose candidates; measured in benchmarks/LOG.md."""

FLAT_AT_MOST = 150_000
LEAST_RECALL = 0.95
TARGET_RECALL = 0.99
_SAMPLE_QUERIES = 200
_PROBES = (8, 16, 32, 64, 128, 256, 512)
_RESCORE = (100, 200, 400)

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How an inverted file is searched, and the share of true neighbours a sample then found."""

    lists: int
    probes: int
    rescore: int
    recall: float


class DenseIndex:
    """Exact scores over a base of vectors; ``ivf`` proposes candidates when there is one."""

    def __init__(
        self,
        rows: CheckedRows,
        ivf: Path | None,
        tuning: Tuning | None,
        filtered: int = LIMITS.filtered,
    ) -> None:
        """Search ``rows``; at most ``filtered`` that pass a filter are compared one by one."""
        self._filtered = filtered
        self._rows = rows
        self._tuning = tuning
        self._ivf: faiss.IndexIVF | None = None
        self._flat: faiss.IndexFlatIP | None = None
        if ivf is not None and tuning is not None:
            self._ivf = _open(ivf, len(rows), rows.dimension)
        elif len(rows):
            self._flat = _flat(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def kind(self) -> str:
        """Name of the index, as ``konkyo index status`` shows it."""
        if self._tuning is None:
            return "flat"
        return f"IVF{self._tuning.lists},RaBitQ"

    @property
    def tuning(self) -> Tuning | None:
        """None: flat, and therefore exact."""
        return self._tuning

    def search(
        self, vector: Vectors, k: int, mask: Mask | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """At most k (row, dot product), best first, among rows where ``mask`` is true."""
        if mask is not None:
            allowed = np.flatnonzero(mask)
            if len(allowed) <= max(self._filtered, k):
                return self._exact(vector, k, allowed)
        k = min(k, len(self))
        if k == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if self._flat is not None:
            return _flat_search(self._flat, vector, k, mask)
        if self._ivf is None or self._tuning is None:
            return self._exact(vector, k, np.arange(len(self)))
        share = 1.0 if mask is None else len(np.flatnonzero(mask)) / len(self)
        probes = min(self._tuning.lists, round(self._tuning.probes * min(8.0, share**-0.5)))
        wanted = max(self._tuning.rescore, 4 * k)
        found = _ivf_search(self._ivf, vector, wanted, probes, mask)
        candidates = found[(found >= 0) & (found < len(self))]
        if len(candidates) < k:
            found = _ivf_search(self._ivf, vector, wanted, self._tuning.lists, mask)
            candidates = found[(found >= 0) & (found < len(self))]
        return self._exact(vector, k, candidates)

    def _exact(
        self, vector: Vectors, k: int, rows: npt.NDArray[np.integer]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        if len(rows) == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        order = np.sort(rows)
        scores = unit_scores(self._rows.take(order), vector)
        best = np.lexsort((order, -scores))[:k]
        return order[best].astype(np.int64), scores[best]


def unit_scores(rows: npt.NDArray[np.float16], vector: Vectors) -> Vectors:
    """Dot products of stored rows, brought back to length 1, with a query."""
    wide = rows.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    scores: Vectors = (wide @ vector) / np.maximum(lengths, 1e-12)
    return scores


def _flat(rows: CheckedRows) -> faiss.IndexFlatIP:
    import faiss

    index = faiss.IndexFlatIP(rows.dimension)
    for at in range(0, len(rows), 4096):
        wide = rows.span(at, min(at + 4096, len(rows))).astype(np.float32)
        wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
        index.add(wide)
    return index


def _open(path: Path, count: int, dimension: int) -> faiss.IndexIVF:
    """Map an inverted file; it is only ever read (adding to a mapped index aborts the process)."""
    import faiss

    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as exc:
        raise CacheDamaged(f"{path}: {exc}") from exc
    if not isinstance(index, faiss.IndexIVF):
        raise CacheDamaged(f"{path}: not an inverted file")
    if index.ntotal != count or index.d != dimension:
        raise CacheDamaged(f"{path}: holds {index.ntotal} vectors instead of {count}")
    return index


def _selector(mask: Mask | None) -> tuple[faiss.IDSelector | None, npt.NDArray[np.uint8] | None]:
    if mask is None:
        return None, None
    import faiss

    bits = np.packbits(mask, bitorder="little")
    return faiss.IDSelectorBitmap(len(mask), faiss.swig_ptr(bits)), bits


def _flat_search(
    index: faiss.IndexFlatIP, vector: Vectors, k: int, mask: Mask | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    import faiss

    faiss.omp_set_num_threads(1)
    # ``bits`` is what the selector points at: it has to outlive the search.
    selector, bits = _selector(mask)
    parameters = None
    if selector is not None:
        parameters = faiss.SearchParameters()
        parameters.sel = selector
    scores, rows = index.search(vector[None, :], k, params=parameters)
    del bits
    found = rows[0] >= 0
    return rows[0][found], scores[0][found]


def _ivf_search(
    index: faiss.IndexIVF, vector: Vectors, k: int, probes: int, mask: Mask | None
) -> npt.NDArray[np.int64]:
    import faiss

    # A second thread brings nothing to one query and hurts on a busy machine.
    faiss.omp_set_num_threads(1)
    selector, bits = _selector(mask)
    parameters = faiss.IVFRaBitQSearchParameters()
    parameters.nprobe = probes
    if selector is not None:
        parameters.sel = selector
    _, rows = index.search(vector[None, :], min(k, index.ntotal), params=parameters)
    del bits
    found: npt.NDArray[np.int64] = rows[0]
    return found


def build_ivf(rows: npt.NDArray[np.float16], path: Path, seed: int = 20261122) -> Tuning:
    """Train, fill, write and tune an inverted file over all rows; deterministic."""
    import faiss

    # Searches in this process have set it to one.
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    count, dimension = rows.shape
    lists = int(2 ** round(np.log2(4 * np.sqrt(count))))
    random = np.random.default_rng(seed)
    sample = np.sort(random.choice(count, min(count, lists * 48), replace=False))
    quantizer = faiss.IndexFlatL2(dimension)
    index = faiss.IndexIVFRaBitQ(quantizer, dimension, lists, faiss.METRIC_L2)
    index.cp.min_points_per_centroid = 1
    index.train(rows[sample].astype(np.float32))
    for at in range(0, count, 65_536):
        index.add(rows[at : at + 65_536].astype(np.float32))
    faiss.write_index(index, str(path))
    return _tune(index, rows, lists, random)


def _tune(
    index: faiss.IndexIVF, rows: npt.NDArray[np.float16], lists: int, random: np.random.Generator
) -> Tuning:
    """Find the fewest probes that reach the target on a sample of the collection's own vectors."""
    count = len(rows)
    picked = np.sort(random.choice(count, min(_SAMPLE_QUERIES, count), replace=False))
    queries = rows[picked].astype(np.float32)
    expected = _neighbours(rows, queries, 11)
    best = Tuning(lists, min(lists, _PROBES[0]), _RESCORE[0], 0.0)
    for probes in (p for p in _PROBES if p <= lists):
        for rescore in _RESCORE:
            hits = 0.0
            for number, query in enumerate(queries):
                found = _ivf_search(index, query, rescore, probes, None)
                found = np.sort(found[found >= 0])
                scores = unit_scores(np.asarray(rows[found]), query)
                top = found[np.argsort(-scores, kind="stable")[:11]]
                hits += len(np.intersect1d(top, expected[number])) / expected.shape[1]
            recall = hits / len(queries)
            if recall > best.recall:
                best = Tuning(lists, probes, rescore, round(recall, 4))
            if recall >= TARGET_RECALL:
                return best
    return best


def _neighbours(rows: npt.NDArray[np.float16], queries: Vectors, k: int) -> npt.NDArray[np.int64]:
    """The k nearest rows of each query by flat search, shape (len(queries), k)."""
    k = min(k, len(rows))
    scores = np.empty((len(queries), 0), np.float32)
    numbers = np.empty((len(queries), 0), np.int64)
    for at in range(0, len(rows), 65_536):
        wide = np.asarray(rows[at : at + 65_536]).astype(np.float32)
        wide /= np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
        part = queries @ wide.T
        scores = np.concatenate([scores, part], axis=1)
        span = np.broadcast_to(np.arange(at, at + len(wide)), part.shape)
        numbers = np.concatenate([numbers, span], axis=1)
        keep = np.argpartition(-scores, min(k, scores.shape[1]) - 1, axis=1)[:, :k]
        scores = np.take_along_axis(scores, keep, axis=1)
        numbers = np.take_along_axis(numbers, keep, axis=1)
    return numbers
