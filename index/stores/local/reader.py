"""A store in a folder on one machine, for reading: one consistent view, moved on by ``refresh``."""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import ArticleMissing, StoreDamaged, StoreError, StoreMismatch
from konkyo.index.records import Article, ArticleSummary, Filter, Passage, ScoredPassage
from konkyo.index.stores.base import Exclusion, KeptArticle, KeptPlace
from konkyo.index.stores.bm25 import Searcher
from konkyo.index.stores.local.database import (
    ARTICLE_COLUMNS,
    article_from_row,
    chunks,
    connect,
    current_truth,
    damaged,
    guarded,
    meta,
    passage_from_row,
    row_crc,
    summary,
    unit,
    vector_rows,
)
from konkyo.index.stores.local.lock import try_lock
from konkyo.index.stores.local.removals import exclusions_in
from konkyo.index.stores.local.segments import (
    Part,
    Segment,
    find_chain,
    keep_up,
    remove_segments,
    tail_after,
)
from konkyo.index.stores.local.snapshot import CacheDamaged
from konkyo.index.stores.local.vector_index import Mask
from konkyo.index.text.tokens import query_tokens

__all__ = ["LocalStore"]

_EVERYTHING = Filter()
_PERSIST_FROM = 2_000
_MASKS = 16
_PARTS = 12


@dataclass(frozen=True, slots=True)
class _View:
    """Everything searched, as of one generation: parts and masks of what is still there."""

    generation: int
    passages: int
    reached: int
    parts: tuple[Part, ...]
    alive: tuple[Mask | None, ...]
    searcher: Searcher
    masks: OrderedDict[Filter, tuple[Mask, ...]] = field(default_factory=OrderedDict)

    def number(self, part: int, row: int) -> int:
        """Passage number of a row."""
        return int(self.parts[part].numbers[row])


_Found = list[tuple[int, int, float]]
T = TypeVar("T")


class LocalStore:
    """Reads a store's folder; implements ``konkyo.index.stores.base.Store``.

    A read transaction is held open on the truth, so that text, vectors and search results are of
    one generation however long a writer has been at work beside it. Caches that are missing or
    damaged are made again from the truth: on disk where that is allowed, in memory otherwise.
    """

    def __init__(self, folder: Path, *, after: LocalStore | None = None) -> None:
        """Open the newest generation; what ``after`` has read of an earlier one is used again."""
        self._folder = folder
        self._lock = threading.RLock()
        self._truth = current_truth(folder)
        self._connection = connect(self._truth)
        self._closed = False
        try:
            with guarded(self._truth):
                self._begin()
                self._fingerprint = meta(self._connection, "fingerprint")
                self._encoder = meta(self._connection, "encoder")
                self._dimension = int(meta(self._connection, "dimension"))
                self._store_id = meta(self._connection, "store_id")
                known = None if after is None else after._view_in(self._truth)
                self._view = self._load() if known is None else self._advance(known)
        except BaseException:
            self._connection.close()
            raise

    @property
    def generation(self) -> int:
        """Grows by one with every committed change."""
        return self._view.generation

    @property
    def fingerprint(self) -> str:
        """Names the encoder and the chunking that made this store."""
        return self._fingerprint

    @property
    def encoder(self) -> str:
        """Fingerprint of the encoder alone."""
        return self._encoder

    @property
    def created(self) -> str:
        """When this store was made: ISO 8601 with time zone."""
        with self._lock, guarded(self._truth):
            self._open_or_fail()
            return meta(self._connection, "created")

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def passage_count(self) -> int:
        """How many passages there are."""
        return self._view.passages

    def describe(self) -> dict[str, object]:
        """Facts about the caches, for ``konkyo index status``."""
        segments = [part for part in self._view.parts if isinstance(part, Segment)]
        largest = max(segments, key=lambda segment: len(segment.numbers), default=None)
        tuning = None if largest is None else largest.dense.tuning
        return {
            "kind": "flat" if largest is None else largest.dense.kind,
            "segments": [len(segment.numbers) for segment in segments],
            "in_memory": sum(
                len(part.numbers) for part in self._view.parts if not isinstance(part, Segment)
            ),
            "probes": None if tuning is None else tuning.probes,
            "rescored": None if tuning is None else tuning.rescore,
            "recall_at_10": 1.0 if tuning is None else tuning.recall,
        }

    def refresh(self) -> bool:
        """Move to the newest committed generation; say whether anything changed."""
        with self._lock:
            self._open_or_fail()
            truth = current_truth(self._folder)
            if truth != self._truth:
                fresh = LocalStore(self._folder)
                self._connection.close()
                self._truth = fresh._truth
                self._connection = fresh._connection
                self._fingerprint = fresh._fingerprint
                self._encoder = fresh._encoder
                self._dimension = fresh._dimension
                self._store_id = fresh._store_id
                self._view = fresh._view
                return True
            with guarded(self._truth):
                self._connection.execute("COMMIT")
                self._begin()
                if int(meta(self._connection, "generation")) == self._view.generation:
                    return False
                self._fingerprint = meta(self._connection, "fingerprint")
                self._view = self._advance(self._view)
            return True

    def renewed(self) -> LocalStore:
        """Another value at the newest committed generation; this very one when nothing changed.

        This one stays where it is, for whoever is still using it; its file is closed with it.
        """
        with self._lock:
            self._open_or_fail()
            fresh = LocalStore(self._folder, after=self)
            if (fresh._truth, fresh.generation) == (self._truth, self.generation):
                fresh.close()
                return self
        weakref.finalize(fresh, fresh._connection.close)
        return fresh

    def _view_in(self, truth: Path) -> _View | None:
        return self._view if self._truth == truth else None

    def article(self, article_id: str) -> Article:
        """The whole article. Raises ArticleMissing."""
        with self._lock:
            return self._articles_by_id([article_id])[0][0]

    def summaries(self, article_ids: Sequence[str]) -> list[ArticleSummary]:
        """Summaries in the order asked for. Raises ArticleMissing."""
        with self._lock:
            return [summary(a, n) for a, n in self._articles_by_id(article_ids)]

    def articles(self, where: Filter = _EVERYTHING) -> Iterator[ArticleSummary]:
        """All articles that pass, newest first, undated last."""
        clause, values = _clause(where)
        with self._lock, guarded(self._truth):
            self._open_or_fail()
            ids = [
                str(row[0])
                for row in self._connection.execute(
                    f"SELECT article_id FROM articles a WHERE {clause}"
                    " ORDER BY published IS NULL, published DESC, id",
                    values,
                )
            ]
        for part in chunks(ids):
            yield from self.summaries([str(article_id) for article_id in part])

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """Passages in the order asked for; an unknown identifier is a StoreError."""
        with self._lock, guarded(self._truth):
            self._open_or_fail()
            rows = self._by_passage_id(
                "SELECT id, passage_id, article, ordinal, start, stop, crc FROM passages"
                " WHERE passage_id IN ({marks})",
                passage_ids,
                column=1,
            )
            bodies = self._bodies({int(str(row[2])) for row in rows})
        return [
            passage_from_row(
                self._truth, row, bodies[int(str(row[2]))].text, bodies[int(str(row[2]))].article_id
            ).passage
            for row in rows
        ]

    def passages_of(self, article_id: str) -> list[Passage]:
        """The passages of one article, in order. Raises ArticleMissing."""
        with self._lock, guarded(self._truth):
            article = self.article(article_id)
            rows = self._connection.execute(
                "SELECT p.id, passage_id, article, ordinal, start, stop, p.crc FROM passages p"
                " JOIN articles a ON a.id = p.article WHERE a.article_id = ? ORDER BY ordinal",
                (article_id,),
            ).fetchall()
        return [
            passage_from_row(self._truth, row, article.text, article_id).passage for row in rows
        ]

    def vectors(self, passage_ids: Sequence[str]) -> Vectors:
        """The stored vectors, shape (len(passage_ids), dimension), float32, rows of length 1."""
        return unit(self._stored(passage_ids))

    def _stored(self, passage_ids: Sequence[str]) -> npt.NDArray[np.float16]:
        with self._lock, guarded(self._truth):
            self._open_or_fail()
            rows = self._by_passage_id(
                "SELECT id, passage_id, vector, vectors.crc FROM passages"
                " JOIN vectors ON passage = id WHERE passage_id IN ({marks})",
                passage_ids,
                column=1,
            )
        triples = [(int(str(r[0])), _bytes(r[2]), int(str(r[3]))) for r in rows]
        return vector_rows(self._truth, triples, self._dimension)

    def payloads(self, passage_ids: Sequence[str]) -> list[str | None]:
        """What was put beside each passage, in the order asked for; None: nothing."""
        with self._lock, guarded(self._truth):
            self._open_or_fail()
            rows = self._by_passage_id(
                "SELECT id, passage_id, payload, payloads.crc FROM passages"
                " LEFT JOIN payloads ON passage = id WHERE passage_id IN ({marks})",
                passage_ids,
                column=1,
            )
        for row in rows:
            if row[2] is not None and row_crc(str(row[2])) != row[3]:
                raise damaged(self._truth, f"what is beside passage {row[1]}")
        return [None if row[2] is None else str(row[2]) for row in rows]

    def kept(self, article_ids: Sequence[str]) -> list[KeptArticle]:
        """All that is kept of some articles, in the order asked for. Raises ArticleMissing."""
        with self._lock, guarded(self._truth):
            self._open_or_fail()
            return [self._kept(article_id) for article_id in article_ids]

    def _kept(self, article_id: str) -> KeptArticle:
        run = self._connection.execute
        article = self.article(article_id)
        passages = self.passages_of(article_id)
        names = [passage.passage_id for passage in passages]
        number, teller = run(
            "SELECT a.id, s.source FROM articles a LEFT JOIN sources s ON s.id = told_by"
            " WHERE article_id = ?",
            (article_id,),
        ).fetchone()
        keys = run(
            "SELECT key FROM vectors JOIN passages ON id = passage WHERE article = ?"
            " ORDER BY ordinal",
            (number,),
        )
        bands = run("SELECT band FROM sketches WHERE article = ? ORDER BY band", (number,))
        return KeptArticle(
            article=replace(article, source=article.source if teller is None else str(teller)),
            passages=tuple(passages),
            vectors=self._stored(names),
            keys=tuple(bytes(row[0]) for row in keys),
            bands=tuple(int(row[0]) for row in bands),
            payloads=tuple(p for p in self.payloads(names) if p is not None),
        )

    def kept_places(self) -> list[KeptPlace]:
        """Where all articles were found, in the order of finding."""
        with self._lock, guarded(self._truth):
            self._open_or_fail()
            rows = self._connection.execute(
                "SELECT s.source, article_id, found_as FROM places p JOIN sources s"
                " ON s.id = p.source JOIN articles a ON a.id = p.article ORDER BY p.position"
            ).fetchall()
        return [KeptPlace(*map(str, row)) for row in rows]

    def stamps(self) -> dict[str, str | None]:
        """Every source and the stamp it had when it was last read (None: read it again)."""
        with self._lock, guarded(self._truth):
            self._open_or_fail()
            return dict(
                self._connection.execute("SELECT source, stamp FROM sources ORDER BY id").fetchall()
            )

    def exclusions(self) -> list[Exclusion]:
        """Articles removed by hand, by their identifiers."""
        with self._lock, guarded(self._truth):
            self._open_or_fail()
            return exclusions_in(self._connection)

    def dense(self, vector: Vectors, k: int, where: Filter = _EVERYTHING) -> list[ScoredPassage]:
        """The k passages nearest one query vector of shape (dimension,), best first."""
        if vector.shape != (self._dimension,):
            raise StoreMismatch(
                f"{self._folder}: holds vectors of length {self._dimension}, the question's has"
                f" shape {vector.shape}; ask with the model the index was built with"
            )
        query = np.ascontiguousarray(vector, np.float32)
        return self._searched(lambda view: self._dense(view, query, k, where))

    def lexical(self, text: str, k: int, where: Filter = _EVERYTHING) -> list[ScoredPassage]:
        """The k passages that share most terms with a question (BM25), best first."""
        query = query_tokens(text)
        return self._searched(lambda view: self._lexical(view, query, k, where))

    def lexical_ceiling(self, text: str) -> float:
        """The weight of all of a question's terms together, in the units of lexical scores."""
        query = query_tokens(text)
        return self._trusting(lambda view: view.searcher.ceiling(query))[1]

    def close(self) -> None:
        """Let go of files; the value is not used afterwards."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def __enter__(self) -> LocalStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- searching ------------------------------------------------------------------------

    def _trusting(self, run: Callable[[_View], T]) -> tuple[_View, T]:
        """Run something on the current view; a damaged cache is made again, once."""
        view = self._view
        try:
            return view, run(view)
        except CacheDamaged:
            with self._lock, guarded(self._truth):
                self._open_or_fail()
                if self._view is view:
                    self._view = self._load(distrust=True)
                view = self._view
            return view, run(view)

    def _searched(self, run: Callable[[_View], _Found]) -> list[ScoredPassage]:
        """Search the current view and name what was found in that same view.

        Numbers of one generation mean nothing in another: where another thread has refreshed
        meanwhile, the search is made again.
        """
        while True:
            view, found = self._trusting(run)
            with self._lock:
                if self._view is view:
                    return self._named(view, found)

    def _named(self, view: _View, found: _Found) -> list[ScoredPassage]:
        numbers = [view.number(part, row) for part, row, _ in found]
        with guarded(self._truth):
            self._open_or_fail()
            names: dict[int, str] = {}
            for some in chunks(numbers):
                marks = ",".join("?" * len(some))
                names.update(
                    self._connection.execute(
                        f"SELECT id, passage_id FROM passages WHERE id IN ({marks})", some
                    ).fetchall()
                )
        return [
            ScoredPassage(names[number], score)
            for number, (_, _, score) in zip(numbers, found, strict=True)
        ]

    def _dense(self, view: _View, vector: Vectors, k: int, where: Filter) -> _Found:
        if k <= 0:
            return []
        masks = self._masks(view, where)
        found: _Found = []
        for number, (part, alive) in enumerate(zip(view.parts, view.alive, strict=True)):
            allowed = _both(alive, None if masks is None else masks[number])
            rows, scores = part.nearest(vector, k, allowed)
            found += [(number, int(r), float(s)) for r, s in zip(rows, scores, strict=True)]
        found.sort(key=lambda row: (-row[2], row[0], row[1]))
        return found[:k]

    def _lexical(self, view: _View, query: Mapping[str, float], k: int, where: Filter) -> _Found:
        return view.searcher.search(query, k, self._masks(view, where))

    def _masks(self, view: _View, where: Filter) -> tuple[Mask, ...] | None:
        """Which rows of each part a filter lets through; None: all."""
        if where.empty:
            return None
        with self._lock:
            if where in view.masks:
                view.masks.move_to_end(where)
                return view.masks[where]
            clause, values = _clause(where)
            with guarded(self._truth):
                self._open_or_fail()
                rows = self._connection.execute(
                    f"SELECT id FROM articles a WHERE {clause}", values
                ).fetchall()
            allowed = np.array([row[0] for row in rows], np.int64)
            masks = tuple(np.isin(part.owners, allowed) for part in view.parts)
            view.masks[where] = masks
            while len(view.masks) > _MASKS:
                view.masks.popitem(last=False)
            return masks

    # -- loading --------------------------------------------------------------------------

    def _begin(self) -> None:
        self._connection.execute("BEGIN")

    def _open_or_fail(self) -> None:
        if self._closed:
            raise StoreError(f"{self._folder}: this store was closed")

    def _load(self, *, distrust: bool = False) -> _View:
        """Build the view of this transaction from the segments and what changed since them."""
        generation = int(meta(self._connection, "generation"))
        since = int(meta(self._connection, "deletions_since"))
        passages = int(meta(self._connection, "passages"))
        chain: list[Segment] = []
        if not distrust:
            chain, _ = find_chain(self._folder, self._store_id, generation, since)
        reached = chain[-1].last if chain else 0
        waiting = self._connection.execute(
            "SELECT count(*) FROM passages WHERE id > ?", (reached,)
        ).fetchone()[0]
        if waiting >= _PERSIST_FROM or distrust:
            chain = self._repaired(chain, distrust=distrust)
        try:
            return self._caught_up(generation, chain)
        except CacheDamaged:
            chain = self._repaired([], distrust=True)
        try:
            return self._caught_up(generation, chain)
        except CacheDamaged as exc:
            raise StoreDamaged(
                f"{self._truth}: the index itself is damaged ({exc} of {passages}); rebuild it"
                " with `konkyo index build SOURCE... --rebuild`"
            ) from exc

    def _repaired(self, chain: list[Segment], *, distrust: bool) -> list[Segment]:
        """Make caches on disk again, where nobody else is writing and it is allowed."""
        try:
            with try_lock(self._folder) as held:
                if not held:
                    return chain
                if distrust:
                    remove_segments(self._folder, set())
                return keep_up(self._folder, self._truth, self._connection)
        except (OSError, CacheDamaged):
            return []

    def _caught_up(self, generation: int, chain: Sequence[Segment]) -> _View:
        """Segments (or none) and everything that happened since."""
        tail = tail_after(self._connection, self._truth, chain[-1].last if chain else 0)
        alive = [
            _without(segment.numbers, None, self._deleted_since(segment.generation))
            for segment in chain
        ]
        parts: list[Part] = list(chain)
        if len(tail.numbers):
            parts.append(tail)
            alive.append(None)
        return self._view_of(generation, parts, alive)

    def _advance(self, view: _View) -> _View:
        """The next view, made of the old one and what changed between the two."""
        generation = int(meta(self._connection, "generation"))
        if generation == view.generation:
            return view
        since = int(meta(self._connection, "deletions_since"))
        if since > view.generation or len(view.parts) >= _PARTS:
            return self._load()
        waiting = self._connection.execute(
            "SELECT count(*) FROM passages WHERE id > ?", (view.reached,)
        ).fetchone()[0]
        if waiting >= _PERSIST_FROM:
            return self._load()
        tail = tail_after(self._connection, self._truth, view.reached)
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

    def _view_of(
        self, generation: int, parts: Sequence[Part], alive: Sequence[Mask | None]
    ) -> _View:
        """Put a view together. Raises CacheDamaged when it does not add up to the truth."""
        living = sum(
            len(part.numbers) if mask is None else int(mask.sum())
            for part, mask in zip(parts, alive, strict=True)
        )
        passages = int(meta(self._connection, "passages"))
        if living != passages:
            raise CacheDamaged(f"{living} passages found instead of {passages}")
        return _View(
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

    # -- reading rows ---------------------------------------------------------------------

    def _articles_by_id(self, article_ids: Sequence[str]) -> list[tuple[Article, int]]:
        self._open_or_fail()
        found: dict[str, tuple[Article, int]] = {}
        with guarded(self._truth):
            for part in chunks(list(dict.fromkeys(article_ids))):
                marks = ",".join("?" * len(part))
                rows = self._connection.execute(
                    f"SELECT {ARTICLE_COLUMNS}, passages, told_by, crc FROM articles"
                    f" WHERE article_id IN ({marks})",
                    part,
                ).fetchall()
                for row in rows:
                    sources = self._sources_of(row[0])
                    *facts, passages, told_by, crc = row
                    _, article = article_from_row(self._truth, facts, sources)
                    if row_crc(article.article_id, passages, told_by) != crc:
                        raise damaged(self._truth, f"article {article.article_id}")
                    found[article.article_id] = (article, int(passages))
        for article_id in article_ids:
            if article_id not in found:
                raise ArticleMissing(
                    f"no article {article_id} in {self._folder}; `konkyo index list` shows all"
                )
        return [found[article_id] for article_id in article_ids]

    def _sources_of(self, number: int) -> list[str]:
        """Where an article was found, the first place first."""
        names: dict[str, None] = {}
        for name, name_crc, source, found_as, position, crc in self._connection.execute(
            "SELECT s.source, s.crc, p.source, found_as, position, p.crc FROM places p"
            " LEFT JOIN sources s ON s.id = p.source WHERE article = ? ORDER BY position",
            (number,),
        ):
            if name is None or row_crc(name) != name_crc:
                raise damaged(self._truth, "the name of a source")
            if row_crc(number, source, found_as, position) != crc:
                raise damaged(self._truth, f"a place of article number {number}")
            names[str(name)] = None
        if not names:
            raise damaged(self._truth, f"the places of article number {number}")
        return list(names)

    def _bodies(self, numbers: set[int]) -> dict[int, Article]:
        found: dict[int, Article] = {}
        for part in chunks(sorted(numbers)):
            marks = ",".join("?" * len(part))
            for row in self._connection.execute(
                f"SELECT {ARTICLE_COLUMNS} FROM articles WHERE id IN ({marks})", part
            ):
                number, article = article_from_row(self._truth, row, ())
                found[number] = article
        if len(found) != len(numbers):
            raise damaged(self._truth, "a passage's article")
        return found

    def _by_passage_id(
        self, statement: str, passage_ids: Sequence[str], column: int
    ) -> list[Sequence[object]]:
        found: dict[str, Sequence[object]] = {}
        for part in chunks(list(dict.fromkeys(passage_ids))):
            marks = ",".join("?" * len(part))
            for row in self._connection.execute(statement.format(marks=marks), part):
                found[str(row[column])] = row
        missing = [name for name in passage_ids if name not in found]
        if missing:
            raise StoreError(
                f"no passage {missing[0]} in {self._folder} (generation"
                f" {self._view.generation}); search again"
            )
        return [found[name] for name in passage_ids]


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


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


def _clause(where: Filter) -> tuple[str, list[str]]:
    """A filter as SQL over ``articles a``."""
    parts: list[str] = ["1"]
    values: list[str] = []
    if where.since:
        parts.append("a.published >= ?")
        values.append(where.since)
    if where.until:
        parts.append("a.published <= ?")
        values.append(where.until)
    for column, names in (("language", where.languages), ("outlet", where.outlets)):
        if names:
            parts.append(f"a.{column} IN ({','.join('?' * len(names))})")
            values.extend(sorted(names))
    if where.other_languages_than:
        marks = ",".join("?" * len(where.other_languages_than))
        parts.append(f"a.language NOT IN ({marks})")
        values.extend(sorted(where.other_languages_than))
    if where.sources:
        marks = ",".join("?" * len(where.sources))
        parts.append(
            "EXISTS (SELECT 1 FROM places JOIN sources ON sources.id = places.source"
            f" WHERE places.article = a.id AND sources.source IN ({marks}))"
        )
        values.extend(sorted(where.sources))
    return " AND ".join(parts), values
