"""The caches of a database: segments of passages with their vectors and postings.

A segment covers a range of passage numbers as of one generation. It is written by whoever
changed the store, is never changed afterwards, and is merged with its neighbour when it has
grown large beside it, so that keeping up costs what changed and not what is there. The newest
passages, too few for a segment, are a ``Tail`` in each reader's memory. A segment of another
store, of a generation the database cannot be caught up from, or with a wrong bit is not used.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.stores.base import SearchLimits
from konkyo.index.stores.bm25 import Postings
from konkyo.index.stores.bm25 import Segment as LexicalSegment
from konkyo.index.stores.local.snapshot import CacheDamaged, CheckedArray, Snapshot
from konkyo.index.stores.local.vector_index import (
    LIMITS,
    DenseIndex,
    Mask,
    Tuning,
    unit_scores,
)
from konkyo.index.text.tokens import TOKENS_VERSION

__all__ = ["LAYOUT", "LIMITS", "Part", "Segment", "Tail", "find_chain", "remove_segments"]

LAYOUT = 1
_NAME = re.compile(r"seg-(\d+)-(\d+)-(\d+)-[0-9a-f]{8}")


class Part(Protocol):
    """A searchable run of passages; rows are numbered 0..size-1 by ascending passage number."""

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Passage numbers in the database, ascending."""

    @property
    def owners(self) -> npt.NDArray[np.int64]:
        """The articles' numbers in the database."""

    @property
    def postings(self) -> LexicalSegment:
        """What the lexical arm searches."""

    def nearest(
        self, vector: Vectors, k: int, mask: Mask | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """At most k (row, dot product), best first, among rows where ``mask`` is true."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Passages read straight from the database into memory."""

    numbers: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float16]
    postings: Postings

    def nearest(
        self, vector: Vectors, k: int, mask: Mask | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Flat search."""
        rows = np.arange(len(self.numbers)) if mask is None else np.flatnonzero(mask)
        scores = unit_scores(self.vectors[rows], vector)
        best = np.argsort(-scores, kind="stable")[:k]
        return rows[best].astype(np.int64), scores[best]


class _FilePostings:
    """Postings read from a segment's files."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._keys: CheckedArray[np.uint64] = snapshot.array("terms", np.uint64)
        self._offsets: CheckedArray[np.int64] = snapshot.array("offsets", np.int64)
        self._docs: CheckedArray[np.uint32] = snapshot.array("docs", np.uint32)
        self._frequencies: CheckedArray[np.uint8] = snapshot.array("frequencies", np.uint8)
        self._lengths = snapshot.array("lengths", np.uint32).whole()

    @property
    def size(self) -> int:
        """Number of documents."""
        return len(self._lengths)

    @property
    def lengths(self) -> npt.NDArray[np.uint32]:
        """Terms in each document."""
        return self._lengths

    def postings(self, key: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]] | None:
        """Documents that hold a term, and how often; None: no document."""
        at = self._keys.find(key)
        if at is None:
            return None
        start, stop = (int(n) for n in self._offsets.span(at, at + 2))
        return self._docs.span(start, stop), self._frequencies.span(start, stop)


class Segment:
    """One opened segment. Raises CacheDamaged from everything that reads."""

    def __init__(self, folder: Path, store_id: str, limits: SearchLimits = LIMITS) -> None:
        snapshot = Snapshot(folder)
        facts = snapshot.facts
        if facts.get("layout") != LAYOUT or facts.get("tokens") != TOKENS_VERSION:
            raise CacheDamaged(f"{folder}: made by another version")
        if facts.get("store_id") != store_id:
            raise CacheDamaged(f"{folder}: belongs to another store")
        self.folder = folder
        self.generation = int(str(facts["generation"]))
        self.after = int(str(facts["after"]))
        self.last = int(str(facts["last"]))
        self.numbers = snapshot.array("numbers", np.int64).whole()
        self.owners = snapshot.array("owners", np.int64).whole()
        self.rows = snapshot.rows("vectors")
        self.postings: LexicalSegment = _FilePostings(snapshot)
        if not len(self.numbers) == len(self.owners) == len(self.rows) == self.postings.size:
            raise CacheDamaged(f"{folder}: its arrays differ in length")
        self.dense = DenseIndex(
            self.rows, snapshot.file("dense.faiss"), _tuning(facts), limits.filtered
        )
        self._snapshot = snapshot

    def nearest(
        self, vector: Vectors, k: int, mask: Mask | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """At most k (row, dot product), best first, among rows where ``mask`` is true."""
        return self.dense.search(vector, k, mask)

    def verify(self) -> None:
        """Compare every byte with its checksum. Raises CacheDamaged."""
        self._snapshot.verify()


def _tuning(facts: dict[str, object]) -> Tuning | None:
    value = facts.get("tuning")
    if not isinstance(value, list) or len(value) != 4:
        return None
    lists, probes, rescore, recall = value
    return Tuning(int(lists), int(probes), int(rescore), float(recall))


def find_chain(
    folder: Path, store_id: str, generation: int, since: int, limits: SearchLimits = LIMITS
) -> tuple[list[Segment], list[str]]:
    """The usable segments from the first passage on, without gaps, and why others are not used.

    ``since``: the generation from which on deletions are still known.
    """
    named: list[tuple[int, int, int, Path]] = []
    for path in folder.glob("seg-*"):
        match = _NAME.fullmatch(path.name)
        if match and path.is_dir():
            after, last, made = (int(group) for group in match.groups())
            named.append((after, last, made, path))
    chain: list[Segment] = []
    reasons: list[str] = []
    reached = 0
    while True:
        # The longest first; of two as long, the newer one.
        options = sorted(
            (n for n in named if n[0] == reached and since <= n[2] <= generation),
            key=lambda n: (-n[1], -n[2], n[3].name),
        )
        for after, last, made, path in options:
            try:
                segment = Segment(path, store_id, limits)
                if (segment.after, segment.last, segment.generation) != (after, last, made):
                    raise CacheDamaged(f"{path}: not what its name says")
            except CacheDamaged as exc:
                reasons.append(str(exc))
                continue
            chain.append(segment)
            reached = last
            break
        else:
            return chain, reasons


def remove_segments(folder: Path, keep: set[Path]) -> None:
    """Remove other segments and abandoned drafts; only under the writer's lock."""
    for path in [*folder.glob("seg-*"), *folder.glob("tmp-seg-*")]:
        if path not in keep:
            with contextlib.suppress(OSError):
                shutil.rmtree(path)
