"""Everything searched of a store on servers, as of one generation of one schema."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from konkyo.index.errors import StoreDamaged
from konkyo.index.records import Filter
from konkyo.index.stores.bm25 import Searcher
from konkyo.index.stores.postgres.database import Database, run, tuples
from konkyo.index.stores.postgres.filters import VISIBLE, clause
from konkyo.index.stores.postgres.postings import SqlSegment, TermCache
from konkyo.index.stores.postgres.schema import meta_of
from konkyo.index.stores.postgres.vectors import VectorEngine
from konkyo.index.stores.rows import as_bytes

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Passing", "View", "next_view"]

_FILTERS = 16

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Passing:
    """What a filter lets through: a mask a segment, how many in all and, if few, their numbers."""

    masks: tuple[Mask, ...]
    count: int
    numbers: tuple[int, ...] | None


def _passing() -> LRUCache[Filter, Passing]:
    return LRUCache(maxsize=_FILTERS)


@dataclass(frozen=True, slots=True)
class View:
    """Segments of words and masks of what is still there; ``passing`` is that of filters."""

    schema: str
    facts: dict[str, str]
    generation: int
    passages: int
    segments: tuple[SqlSegment, ...]
    searcher: Searcher
    cache: TermCache
    passing: LRUCache[Filter, Passing] = field(default_factory=_passing)

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return int(self.facts["dimension"])

    @property
    def reached(self) -> int:
        """The highest passage number."""
        return max((int(s.numbers[-1]) for s in self.segments), default=0)

    def load_terms(self, terms: Sequence[str]) -> None:
        """Read the postings that a question needs, in one go."""
        self.cache.load([segment.number for segment in self.segments], terms)

    def passing_of(self, connection: Connection, where: Filter, few: int) -> Passing:
        """Read what a filter lets through, with the passages' numbers if they are ``few``."""
        passes, values = clause(where, "p", "article")
        rows = run(
            connection,
            f"SELECT id FROM passages p WHERE {VISIBLE} AND {passes}",
            {**values, "generation": self.generation},
        )
        allowed = np.array([int(str(row[0])) for row in rows], np.int64)
        return Passing(
            tuple(np.isin(segment.numbers, allowed) for segment in self.segments),
            len(allowed),
            tuple(allowed.tolist()) if len(allowed) <= few else None,
        )


def next_view(
    database: Database,
    connection: Connection,
    engine: VectorEngine,
    schema: str,
    old: View | None,
) -> View:
    """Return the newest view; the old one when nothing changed. Raises StoreDamaged."""
    row = run(
        connection, "SELECT generation, passages FROM generations ORDER BY generation DESC LIMIT 1"
    ).fetchone()
    if row is None:
        raise StoreDamaged(f"{database.shown}: the index does not say its generation")
    generation, passages = int(str(row[0])), int(str(row[1]))
    if old is not None and old.schema == schema:
        # A replica that is behind does not move a reader back.
        if generation <= old.generation:
            return old
        cache, known = old.cache, {s.number: s for s in old.segments}
    else:
        cache, known = TermCache(_fetcher(database, schema)), {}
    facts = meta_of(connection, database.shown, engine)
    segments = _segments(connection, cache, known)
    alive = _alive(connection, segments, generation)
    living = sum(
        segment.size if mask is None else int(mask.sum())
        for segment, mask in zip(segments, alive, strict=True)
    )
    if living != passages:
        raise StoreDamaged(
            f"{database.shown}: {living} passages found instead of {passages}; rebuild with"
            " `konkyo index build SOURCE... --rebuild`"
        )
    return View(
        schema=schema,
        facts=facts,
        generation=generation,
        passages=passages,
        segments=tuple(segments),
        searcher=Searcher(segments, alive),
        cache=cache,
    )


def _segments(
    connection: Connection, cache: TermCache, known: dict[int, SqlSegment]
) -> list[SqlSegment]:
    """The segments in force, in the order of their passages; only new ones are read."""
    rows = tuples(connection, "SELECT number FROM segments WHERE retired IS NULL ORDER BY low")
    numbers = [int(str(row[0])) for row in rows]
    found = dict(known)
    for number, low, offsets, lengths in tuples(
        connection,
        "SELECT number, low, offsets, lengths FROM segments WHERE number = ANY(:numbers)",
        {"numbers": [n for n in numbers if n not in known]},
    ):
        found[int(str(number))] = SqlSegment(
            int(str(number)),
            np.frombuffer(as_bytes(offsets), "<u4").astype(np.int64) + int(str(low)),
            np.frombuffer(as_bytes(lengths), "<u4"),
            cache,
        )
    return [found[number] for number in numbers]


def _alive(
    connection: Connection, segments: Sequence[SqlSegment], generation: int
) -> list[Mask | None]:
    """Masks of what is still there; None where nothing of a segment is gone."""
    rows = tuples(
        connection,
        "SELECT passage FROM deletions WHERE generation <= :generation",
        {"generation": generation},
    )
    dead = np.array(sorted(int(str(row[0])) for row in rows), np.int64)
    struck = [np.isin(segment.numbers, dead) for segment in segments]
    return [~mask if mask.any() else None for mask in struck]


def _fetcher(
    database: Database, schema: str
) -> Callable[[Sequence[int], Sequence[int]], list[tuple[int, int, bytes, bytes]]]:
    def fetch(segments: Sequence[int], terms: Sequence[int]) -> list[tuple[int, int, bytes, bytes]]:
        rows = database.read(
            lambda c: tuples(
                c,
                "SELECT segment, term, docs, frequencies FROM postings"
                " WHERE term = ANY(:terms) AND segment = ANY(:segments)",
                {"terms": list(terms), "segments": list(segments)},
            ),
            schema,
        )
        return [(int(str(s)), int(str(t)), as_bytes(d), as_bytes(f)) for s, t, d, f in rows]

    return fetch
