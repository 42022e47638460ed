"""Everything searched of a store in a folder, as of one generation."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import StoreDamaged
from konkyo.index.records import Filter
from konkyo.index.stores.base import SearchLimits
from konkyo.index.stores.bm25 import Searcher
from konkyo.index.stores.local.database import meta
from konkyo.index.stores.local.lock import try_lock
from konkyo.index.stores.local.segment_writer import keep_up, tail_after
from konkyo.index.stores.local.segments import Part, Segment, find_chain, remove_segments
from konkyo.index.stores.local.snapshot import CacheDamaged
from konkyo.index.stores.local.vector_index import Mask

__all__ = ["Found", "View", "ViewLoader"]

_PERSIST_FROM = 2_000
_MASKS = 16
_PARTS = 12

Found = list[tuple[int, int, float]]
"""Part, row in it and score of each passage that was found, best first."""


def _masks() -> LRUCache[Filter, tuple[Mask, ...]]:
    return LRUCache(maxsize=_MASKS)


@dataclass(frozen=True, slots=True)
class View:
    """Parts of a store and masks of what is still there; ``masks`` are those of filters."""

    generation: int
    passages: int
    reached: int
    parts: tuple[Part, ...]
    alive: tuple[Mask | None, ...]
    searcher: Searcher
    masks: LRUCache[Filter, tuple[Mask, ...]] = field(default_factory=_masks)

    def number(self, part: int, row: int) -> int:
        """Return the passage number of a row."""
        return int(self.parts[part].numbers[row])

    def dense(self, vector: Vectors, k: int, masks: tuple[Mask, ...] | None) -> Found:
        """Find the k passages nearest a vector, among rows where ``masks`` are true."""
        if k <= 0:
            return []
        found: Found = []
        for number, (part, alive) in enumerate(zip(self.parts, self.alive, strict=True)):
            allowed = _both(alive, None if masks is None else masks[number])
            rows, scores = part.nearest(vector, k, allowed)
            found += [(number, int(r), float(s)) for r, s in zip(rows, scores, strict=True)]
        found.sort(key=lambda row: (-row[2], row[0], row[1]))
        return found[:k]

    def lexical(self, query: Mapping[str, float], k: int, masks: tuple[Mask, ...] | None) -> Found:
        """Find the k passages that share most terms, among rows where ``masks`` are true."""
        return self.searcher.search(query, k, masks)

    def describe(self) -> dict[str, object]:
        """Return facts about the caches, for ``konkyo index status``."""
        segments = [part for part in self.parts if isinstance(part, Segment)]
        largest = max(segments, key=lambda segment: len(segment.numbers), default=None)
        tuning = None if largest is None else largest.dense.tuning
        return {
            "kind": "flat" if largest is None else largest.dense.kind,
            "segments": [len(segment.numbers) for segment in segments],
            "in_memory": sum(
                len(part.numbers) for part in self.parts if not isinstance(part, Segment)
            ),
            "probes": None if tuning is None else tuning.probes,
            "rescored": None if tuning is None else tuning.rescore,
            "recall_at_10": 1.0 if tuning is None else tuning.recall,
        }


class ViewLoader:
    """Loads views of the transaction that a connection has open.

    Caches that are missing or damaged are made again from the database: on disk where that is
    allowed, in memory otherwise.
    """

    def __init__(
        self, folder: Path, database: Path, connection: sqlite3.Connection, limits: SearchLimits
    ) -> None:
        self._folder = folder
        self._database = database
        self._connection = connection
        self._limits = limits

    def load(self, *, distrust: bool = False) -> View:
        """Build the view from the segments and what changed since them."""
        generation = int(meta(self._connection, "generation"))
        since = int(meta(self._connection, "deletions_since"))
        passages = int(meta(self._connection, "passages"))
        chain: list[Segment] = []
        if not distrust:
            store_id = meta(self._connection, "store_id")
            chain, _ = find_chain(self._folder, store_id, generation, since, self._limits)
        if distrust or self._waiting(chain[-1].last if chain else 0) >= _PERSIST_FROM:
            chain = self._repaired(chain, distrust=distrust)
        try:
            return self._caught_up(generation, chain)
        except CacheDamaged:
            chain = self._repaired([], distrust=True)
        try:
            return self._caught_up(generation, chain)
        except CacheDamaged as exc:
            raise StoreDamaged(
                f"{self._database}: the index itself is damaged ({exc} of {passages}); rebuild it"
                " with `konkyo index build SOURCE... --rebuild`"
            ) from exc

    def advance(self, view: View) -> View:
        """Make the next view of an earlier one and what changed between the two."""
        generation = int(meta(self._connection, "generation"))
        if generation == view.generation:
            return view
        since = int(meta(self._connection, "deletions_since"))
        if since > view.generation or len(view.parts) >= _PARTS:
            return self.load()
        if self._waiting(view.reached) >= _PERSIST_FROM:
            return self.load()
        tail = tail_after(self._connection, self._database, view.reached)
        gone = self._deleted_since(view.generation)
        parts = list(view.parts)
        alive = [
            _without(part.numbers, mask, gone)
            for part, mask in zip(view.parts, view.alive, strict=True)
        ]
        if len(tail.numbers):
            parts.append(tail)
            alive.append(None)
        return self._view_of(generation, parts, alive)

    def _waiting(self, number: int) -> int:
        """How many passages there are above a number."""
        count: int = self._connection.execute(
            "SELECT count(*) FROM passages WHERE id > ?", (number,)
        ).fetchone()[0]
        return count

    def _repaired(self, chain: list[Segment], *, distrust: bool) -> list[Segment]:
        """Make caches on disk again, where nobody else is writing and it is allowed."""
        try:
            with try_lock(self._folder) as held:
                if not held:
                    return chain
                if distrust:
                    remove_segments(self._folder, set())
                return keep_up(self._folder, self._database, self._connection, limits=self._limits)
        except (OSError, CacheDamaged):
            return []

    def _caught_up(self, generation: int, chain: Sequence[Segment]) -> View:
        """Segments (or none) and everything that happened since."""
        tail = tail_after(self._connection, self._database, chain[-1].last if chain else 0)
        alive = [
            _without(segment.numbers, None, self._deleted_since(segment.generation))
            for segment in chain
        ]
        parts: list[Part] = list(chain)
        if len(tail.numbers):
            parts.append(tail)
            alive.append(None)
        return self._view_of(generation, parts, alive)

    def _view_of(
        self, generation: int, parts: Sequence[Part], alive: Sequence[Mask | None]
    ) -> View:
        """Put a view together. Raises CacheDamaged when it does not add up to the database."""
        living = sum(
            len(part.numbers) if mask is None else int(mask.sum())
            for part, mask in zip(parts, alive, strict=True)
        )
        passages = int(meta(self._connection, "passages"))
        if living != passages:
            raise CacheDamaged(f"{living} passages found instead of {passages}")
        return View(
            generation=generation,
            passages=passages,
            reached=max((int(part.numbers[-1]) for part in parts), default=0),
            parts=tuple(parts),
            alive=tuple(alive),
            searcher=Searcher([part.postings for part in parts], alive),
        )

    def _deleted_since(self, generation: int) -> npt.NDArray[np.int64]:
        rows = self._connection.execute(
            "SELECT passage FROM deletions WHERE generation > ?", (generation,)
        ).fetchall()
        return np.array([row[0] for row in rows], np.int64)


def _without(
    numbers: npt.NDArray[np.int64], alive: Mask | None, gone: npt.NDArray[np.int64]
) -> Mask | None:
    """Strike passage numbers off a mask; None stays None while nothing is struck off."""
    struck = np.isin(numbers, gone)
    if alive is None:
        return ~struck if struck.any() else None
    mask: Mask = alive & ~struck
    return mask


def _both(one: Mask | None, other: Mask | None) -> Mask | None:
    if one is None:
        return other
    if other is None:
        return one
    both: Mask = one & other
    return both
