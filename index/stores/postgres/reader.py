"""A store on servers, for reading: one generation, whatever connection or replica answers."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import (
    ArticleMissing,
    StoreDamaged,
    StoreError,
    StoreMismatch,
    StoreMissing,
)
from konkyo.index.records import Article, ArticleSummary, Filter, Passage, ScoredPassage
from konkyo.index.stores.address import masked
from konkyo.index.stores.base import Exclusion, KeptArticle, KeptPlace
from konkyo.index.stores.bm25 import Searcher
from konkyo.index.stores.local.database import (
    article_from_row,
    chunks,
    damaged,
    passage_from_row,
    row_crc,
    summary,
    unit,
    vector_rows,
)
from konkyo.index.stores.postgres.address import parse
from konkyo.index.stores.postgres.database import Database, Moved, Rows, in_force, run, value
from konkyo.index.stores.postgres.postings import SqlSegment, TermCache
from konkyo.index.stores.postgres.vectors import EXACT_FILTERED, Seen, clause, engine_for
from konkyo.index.text.tokens import query_tokens

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["ARTICLE_COLUMNS", "EXCLUSION", "SCHEMA", "SqlStore", "meta_of", "size"]

SCHEMA = "0001"
"""The newest revision of the tables that this version reads."""

ARTICLE_COLUMNS = (
    "number, article_id, title, text, language, published, published_at, url, outlet, author,"
    " comments, digest"
)

EXCLUSION = "article_id, title, since, coalesce(to_jsonb(e) ->> 'text_id', '')"
"""An article removed by hand, of a table ``e`` that an earlier version may have made."""

_EVERYTHING = Filter()
_FILTERS = 16
_VISIBLE = "born <= :generation AND (died IS NULL OR died > :generation)"

T = TypeVar("T")
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Passing:
    """What a filter lets through: a mask a segment, how many in all and, if few, their numbers."""

    masks: tuple[Mask, ...]
    count: int
    numbers: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class _View:
    """Everything searched, as of one generation of one truth."""

    truth: str
    facts: dict[str, str]
    generation: int
    passages: int
    segments: tuple[SqlSegment, ...]
    searcher: Searcher
    cache: TermCache
    passing: OrderedDict[Filter, _Passing] = field(default_factory=OrderedDict)

    @property
    def reached(self) -> int:
        """The highest passage number."""
        return max((int(s.numbers[-1]) for s in self.segments), default=0)


class SqlStore:
    """Reads a store on PostgreSQL, with vectors there or in Milvus; implements ``Store``.

    Rows are never changed but born with one generation and dead with another, so this value
    stays at its generation over any number of connections, also to replicas, until ``refresh``.
    Generations are readable for an hour after they were superseded. A lost connection is made
    again, for up to 20 s; a server that is behind is waited for as long.
    """

    def __init__(self, address: str) -> None:
        self._database = Database(parse(address))
        self._shown = self._database.shown
        self._engine = engine_for(self._database)
        self._lock = threading.RLock()
        self._closed = False
        try:
            self._view = self._load(None)
        except BaseException:
            self.close()
            raise

    @property
    def generation(self) -> int:
        """Grows by one with every committed change."""
        return self._view.generation

    @property
    def fingerprint(self) -> str:
        """Names the encoder and the chunking that made this store."""
        return self._view.facts["fingerprint"]

    @property
    def encoder(self) -> str:
        """Fingerprint of the encoder alone."""
        return self._view.facts["encoder"]

    @property
    def created(self) -> str:
        """When this store was made: ISO 8601 with time zone."""
        return self._view.facts["created"]

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._view.facts["dimension"])

    @property
    def passage_count(self) -> int:
        """How many passages there are."""
        return self._view.passages

    def describe(self) -> dict[str, object]:
        """Facts about how this store searches, for ``konkyo index status``."""
        view = self._view
        found = self._read(lambda c: self._engine.describe(c, view.truth), view)
        return {
            "engine": self._engine.name,
            **found,
            "segments": [segment.size for segment in view.segments],
        }

    def refresh(self) -> bool:
        """Move to the newest committed generation; say whether anything changed."""
        with self._lock:
            fresh = self._load(self._view)
            changed = fresh is not self._view
            self._view = fresh
            return changed

    def renewed(self) -> SqlStore:
        """Another value at the newest committed generation; this very one when nothing changed.

        Both share connections: closing one closes the other.
        """
        with self._lock:
            fresh = self._load(self._view)
            if fresh is self._view:
                return self
            other = copy.copy(self)
            other._lock = threading.RLock()
            other._view = fresh
            return other

    def article(self, article_id: str) -> Article:
        """The whole article. Raises ArticleMissing."""
        view = self._view
        return self._read(lambda c: self._articles(c, view, [article_id]), view)[0][0]

    def summaries(self, article_ids: Sequence[str]) -> list[ArticleSummary]:
        """Summaries in the order asked for. Raises ArticleMissing."""
        view = self._view
        found = self._read(lambda c: self._articles(c, view, article_ids), view)
        return [summary(article, passages) for article, passages, _ in found]

    def articles(self, where: Filter = _EVERYTHING) -> Iterator[ArticleSummary]:
        """All articles that pass, newest first, undated last."""
        view = self._view
        passes, values = clause(where, "a", "number")
        names = self._read(
            lambda c: _all(
                c,
                f"SELECT article_id FROM articles a WHERE {_VISIBLE} AND {passes}"
                " ORDER BY published IS NULL, published DESC, number",
                {**values, "generation": view.generation},
            ),
            view,
        )
        for part in chunks([str(row[0]) for row in names]):
            ids = [str(name) for name in part]
            found = self._read(lambda c, ids=ids: self._articles(c, view, ids), view)  # type: ignore[misc]
            yield from (summary(article, passages) for article, passages, _ in found)

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """Passages in the order asked for; an unknown identifier is a StoreError."""
        view = self._view
        return self._read(lambda c: self._passages(c, view, passage_ids), view)

    def passages_of(self, article_id: str) -> list[Passage]:
        """The passages of one article, in order. Raises ArticleMissing."""
        view = self._view

        def work(connection: Connection) -> list[Passage]:
            self._articles(connection, view, [article_id])
            return self._passages(connection, view, self._names_of(connection, view, article_id))

        return self._read(work, view)

    def vectors(self, passage_ids: Sequence[str]) -> Vectors:
        """The stored vectors, shape (len(passage_ids), dimension), float32, rows of length 1."""
        view = self._view
        return unit(self._read(lambda c: self._vectors(c, view, passage_ids), view))

    def payloads(self, passage_ids: Sequence[str]) -> list[str | None]:
        """What was put beside each passage, in the order asked for; None: nothing."""
        view = self._view
        rows = self._read(
            lambda c: self._by_passage_id(c, view, "payload, payload_crc", passage_ids), view
        )
        for name, payload, crc in rows:
            if payload is not None and row_crc(str(payload)) != crc:
                raise damaged(self._shown, f"what is beside passage {name}")
        return [None if row[1] is None else str(row[1]) for row in rows]

    def kept(self, article_ids: Sequence[str]) -> list[KeptArticle]:
        """All that is kept of some articles, in the order asked for. Raises ArticleMissing."""
        view = self._view

        def work(connection: Connection) -> list[KeptArticle]:
            return [
                self._kept(connection, view, article, teller)
                for article, _, teller in self._articles(connection, view, article_ids)
            ]

        return self._read(work, view)

    def kept_places(self) -> list[KeptPlace]:
        """Where all articles were found, in the order of finding."""
        view = self._view
        rows = self._read(
            lambda c: _all(
                c,
                "SELECT p.source, a.article_id, p.found_as FROM places p JOIN articles a"
                " ON a.number = p.article AND a.born <= :generation"
                " AND (a.died IS NULL OR a.died > :generation)"
                " WHERE p.born <= :generation AND (p.died IS NULL OR p.died > :generation)"
                " ORDER BY p.position",
                {"generation": view.generation},
            ),
            view,
        )
        return [KeptPlace(*map(str, row)) for row in rows]

    def stamps(self) -> dict[str, str | None]:
        """Every source and the stamp it had when it was last read (None: read it again).

        Stamps are for builds: they are the newest, not those of this generation.
        """
        view = self._view
        rows = self._read(
            lambda c: _all(c, "SELECT source, stamp FROM sources ORDER BY number"), view
        )
        return {str(s): None if stamp is None else str(stamp) for s, stamp in rows}

    def exclusions(self) -> list[Exclusion]:
        """Articles removed by hand, by their identifiers."""
        view = self._view
        rows = self._read(
            lambda c: _all(c, f"SELECT {EXCLUSION} FROM excluded e ORDER BY article_id"),
            view,
        )
        return [Exclusion(*map(str, row)) for row in rows]

    def dense(self, vector: Vectors, k: int, where: Filter = _EVERYTHING) -> list[ScoredPassage]:
        """The k passages nearest one query vector of shape (dimension,), best first."""
        view = self._view
        if vector.shape != (int(view.facts["dimension"]),):
            raise StoreMismatch(
                f"{self._shown}: holds vectors of length {view.facts['dimension']}, the question's"
                f" has shape {vector.shape}; ask with the model the index was built with"
            )
        query = np.ascontiguousarray(vector, np.float32)

        def work(connection: Connection) -> list[ScoredPassage]:
            passing = self._passing(connection, view, where)
            count = view.passages if passing is None else passing.count
            if k <= 0 or count == 0:
                return []
            numbers = None if passing is None else passing.numbers
            seen = Seen(view.truth, view.generation, count, where, view.reached, numbers)
            found = self._engine.nearest(connection, query, k, seen)
            return self._named(connection, view, found)

        return self._read(work, view)

    def lexical(self, text: str, k: int, where: Filter = _EVERYTHING) -> list[ScoredPassage]:
        """The k passages that share most terms with a question (BM25), best first."""
        view = self._view
        query = query_tokens(text)
        view.cache.load([s.number for s in view.segments], list(query))

        def work(connection: Connection) -> list[ScoredPassage]:
            passing = self._passing(connection, view, where)
            found = view.searcher.search(query, k, None if passing is None else passing.masks)
            numbers = [
                (int(view.segments[segment].numbers[at]), score) for segment, at, score in found
            ]
            return self._named(connection, view, numbers)

        return self._read(work, view)

    def lexical_ceiling(self, text: str) -> float:
        """The weight of all of a question's terms together, in the units of lexical scores."""
        view = self._view
        query = query_tokens(text)
        view.cache.load([s.number for s in view.segments], list(query))
        return view.searcher.ceiling(query)

    def close(self) -> None:
        """Let go of connections; the value is not used afterwards."""
        with self._lock:
            self._closed = True
            self._engine.close()
            self._database.close()

    def __enter__(self) -> SqlStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- one generation -------------------------------------------------------------------

    def _read(self, work: Callable[[Connection], T], view: _View) -> T:
        """Read rows of a view's generation, from a server that has it."""
        if self._closed:
            raise StoreError(f"{self._shown}: this store was closed")

        def guarded(connection: Connection) -> T:
            newest, oldest = run(
                connection,
                "SELECT (SELECT max(generation) FROM generations),"
                " (SELECT CAST(value AS integer) FROM meta WHERE key = 'readable_from')",
            ).one()
            if newest is None or int(str(newest)) < view.generation:
                raise Moved(
                    f"the server that answers is at generation {newest}, this reader at"
                    f" {view.generation}; a replica is behind, or a change was lost in a failover:"
                    " open the index again"
                )
            if int(str(oldest)) > view.generation:
                raise StoreError(
                    f"{self._shown}: generation {view.generation} was superseded long ago;"
                    " refresh, or open the index again"
                )
            return work(connection)

        return self._database.read(guarded, view.truth)

    def _load(self, old: _View | None) -> _View:
        """The newest view; the old one when nothing changed."""
        if self._closed:
            raise StoreError(f"{self._shown}: this store was closed")
        store = self._database.address.store
        # A replica may not have heard of an index that is new.
        current = self._database.read(lambda c: in_force(c, store)) or self._database.read(
            lambda c: in_force(c, store), primary=True
        )
        if current is None:
            raise StoreMissing(
                f"{self._shown}: no index here; make one with `konkyo index build SOURCE..."
                f" --store {self._shown}`"
            )
        return self._database.read(lambda c: self._view_of(c, current.truth, old), current.truth)

    def _view_of(self, connection: Connection, truth: str, old: _View | None) -> _View:
        row = run(
            connection,
            "SELECT generation, passages FROM generations ORDER BY generation DESC LIMIT 1",
        ).fetchone()
        if row is None:
            raise StoreDamaged(f"{self._shown}: the index does not say its generation")
        generation, passages = int(str(row[0])), int(str(row[1]))
        if old is not None and old.truth == truth:
            # A replica that is behind does not move a reader back.
            if generation <= old.generation:
                return old
            cache, known = old.cache, {s.number: s for s in old.segments}
        else:
            cache, known = TermCache(self._fetcher(truth)), {}
        facts = meta_of(connection, self._shown, self._engine.name)
        segments = self._segments(connection, cache, known)
        rows = _all(
            connection,
            "SELECT passage FROM deletions WHERE generation <= :generation",
            {"generation": generation},
        )
        dead = np.array(sorted(int(str(r[0])) for r in rows), np.int64)
        alive = [_without(segment.numbers, dead) for segment in segments]
        living = sum(
            s.size if mask is None else int(mask.sum())
            for s, mask in zip(segments, alive, strict=True)
        )
        if living != passages:
            raise StoreDamaged(
                f"{self._shown}: {living} passages found instead of {passages}; rebuild with"
                " `konkyo index build SOURCE... --rebuild`"
            )
        return _View(
            truth=truth,
            facts=facts,
            generation=generation,
            passages=passages,
            segments=tuple(segments),
            searcher=Searcher(segments, alive),
            cache=cache,
        )

    def _segments(
        self, connection: Connection, cache: TermCache, known: dict[int, SqlSegment]
    ) -> list[SqlSegment]:
        """The segments in force, in the order of their passages; only new ones are read."""
        numbers = [
            int(str(row[0]))
            for row in _all(
                connection, "SELECT number FROM segments WHERE retired IS NULL ORDER BY low"
            )
        ]
        rows = _all(
            connection,
            "SELECT number, low, offsets, lengths FROM segments WHERE number = ANY(:numbers)",
            {"numbers": [n for n in numbers if n not in known]},
        )
        found = dict(known)
        for number, low, offsets, lengths in rows:
            found[int(str(number))] = SqlSegment(
                int(str(number)),
                np.frombuffer(_bytes(offsets), "<u4").astype(np.int64) + int(str(low)),
                np.frombuffer(_bytes(lengths), "<u4"),
                cache,
            )
        return [found[number] for number in numbers]

    def _fetcher(
        self, truth: str
    ) -> Callable[[Sequence[int], Sequence[int]], list[tuple[int, int, bytes, bytes]]]:
        def fetch(
            segments: Sequence[int], terms: Sequence[int]
        ) -> list[tuple[int, int, bytes, bytes]]:
            rows = self._database.read(
                lambda c: _all(
                    c,
                    "SELECT segment, term, docs, frequencies FROM postings"
                    " WHERE term = ANY(:terms) AND segment = ANY(:segments)",
                    {"terms": list(terms), "segments": list(segments)},
                ),
                truth,
            )
            return [(int(str(s)), int(str(t)), _bytes(d), _bytes(f)) for s, t, d, f in rows]

        return fetch

    def _passing(self, connection: Connection, view: _View, where: Filter) -> _Passing | None:
        """What a filter lets through; None: everything."""
        if where.empty:
            return None
        with self._lock:
            if where in view.passing:
                view.passing.move_to_end(where)
                return view.passing[where]
        passes, values = clause(where, "p", "article")
        rows = _all(
            connection,
            f"SELECT id FROM passages p WHERE {_VISIBLE} AND {passes}",
            {**values, "generation": view.generation},
        )
        allowed = np.array([int(str(row[0])) for row in rows], np.int64)
        passing = _Passing(
            tuple(np.isin(segment.numbers, allowed) for segment in view.segments),
            len(allowed),
            tuple(allowed.tolist()) if len(allowed) <= EXACT_FILTERED else None,
        )
        with self._lock:
            view.passing[where] = passing
            while len(view.passing) > _FILTERS:
                view.passing.popitem(last=False)
        return passing

    def _named(
        self, connection: Connection, view: _View, found: Sequence[tuple[int, float]]
    ) -> list[ScoredPassage]:
        """Identifiers of what was found; what this generation does not have is left out."""
        names: dict[int, str] = {}
        for part in chunks([number for number, _ in found], 5000):
            rows = _all(
                connection,
                f"SELECT id, passage_id FROM passages WHERE id = ANY(:numbers) AND {_VISIBLE}",
                {"numbers": list(part), "generation": view.generation},
            )
            names |= {int(str(number)): str(name) for number, name in rows}
        return [ScoredPassage(names[n], score) for n, score in found if n in names]

    # -- rows -----------------------------------------------------------------------------

    def _articles(
        self, connection: Connection, view: _View, article_ids: Sequence[str]
    ) -> list[tuple[Article, int, str]]:
        """Articles, how many passages each has and whose facts they are."""
        found: dict[str, tuple[Article, int, str]] = {}
        for part in chunks(list(dict.fromkeys(article_ids))):
            values = {"ids": list(part), "generation": view.generation}
            rows = _all(
                connection,
                f"SELECT {ARTICLE_COLUMNS}, passages, told_by, crc FROM articles"
                f" WHERE article_id = ANY(:ids) AND {_VISIBLE}",
                values,
            )
            places = self._places(connection, view, [int(str(row[0])) for row in rows])
            for *facts, passages, told_by, crc in rows:
                number = int(str(facts[0]))
                if number not in places:
                    raise damaged(self._shown, f"the places of article number {number}")
                _, article = article_from_row(self._shown, facts, places[number])
                if row_crc(article.article_id, int(str(passages)), str(told_by)) != crc:
                    raise damaged(self._shown, f"article {article.article_id}")
                found[article.article_id] = (article, int(str(passages)), str(told_by))
        for article_id in article_ids:
            if article_id not in found:
                raise ArticleMissing(
                    f"no article {article_id} in {self._shown}; `konkyo index list` shows all"
                )
        return [found[article_id] for article_id in article_ids]

    def _places(
        self, connection: Connection, view: _View, numbers: Sequence[int]
    ) -> dict[int, list[str]]:
        """Where articles were found, the first place first."""
        found: dict[int, dict[str, None]] = {}
        for article, source, found_as, position, crc in _all(
            connection,
            "SELECT article, source, found_as, position, crc FROM places"
            f" WHERE article = ANY(:numbers) AND {_VISIBLE} ORDER BY position",
            {"numbers": list(numbers), "generation": view.generation},
        ):
            number = int(str(article))
            if row_crc(number, str(source), str(found_as), int(str(position))) != crc:
                raise damaged(self._shown, f"a place of article number {number}")
            found.setdefault(number, {})[str(source)] = None
        return {number: list(names) for number, names in found.items()}

    def _names_of(self, connection: Connection, view: _View, article_id: str) -> list[str]:
        rows = _all(
            connection,
            "SELECT p.passage_id FROM passages p JOIN articles a ON a.number = p.article"
            " WHERE a.article_id = :name"
            " AND p.born <= :generation AND (p.died IS NULL OR p.died > :generation)"
            " AND a.born <= :generation AND (a.died IS NULL OR a.died > :generation)"
            " ORDER BY p.ordinal",
            {"name": article_id, "generation": view.generation},
        )
        return [str(row[0]) for row in rows]

    def _passages(
        self, connection: Connection, view: _View, passage_ids: Sequence[str]
    ) -> list[Passage]:
        rows = self._by_passage_id(
            connection, view, "id, passage_id, article, ordinal, start, stop, crc", passage_ids
        )
        numbers = sorted({int(str(row[3])) for row in rows})
        bodies: dict[int, Article] = {}
        for part in chunks(numbers):
            for row in _all(
                connection,
                f"SELECT {ARTICLE_COLUMNS} FROM articles"
                f" WHERE number = ANY(:numbers) AND {_VISIBLE}",
                {"numbers": list(part), "generation": view.generation},
            ):
                number, article = article_from_row(self._shown, row, ())
                bodies[number] = article
        if len(bodies) != len(numbers):
            raise damaged(self._shown, "a passage's article")
        found = []
        for row in rows:
            article = bodies[int(str(row[3]))]
            found.append(passage_from_row(self._shown, row[1:], article.text, article.article_id))
        return [row.passage for row in found]

    def _vectors(
        self, connection: Connection, view: _View, names: Sequence[str]
    ) -> npt.NDArray[np.float16]:
        rows = self._by_passage_id(
            connection, view, f"id, {self._engine.selected('vector')}, vector_crc", names
        )
        triples = [
            (int(str(number)), self._engine.from_bytes(_bytes(blob)), int(str(crc)))
            for _, number, blob, crc in rows
        ]
        return vector_rows(self._shown, triples, int(view.facts["dimension"]))

    def _kept(
        self, connection: Connection, view: _View, article: Article, teller: str
    ) -> KeptArticle:
        names = self._names_of(connection, view, article.article_id)
        rows = self._by_passage_id(connection, view, "key, payload", names)
        bands = _all(
            connection,
            "SELECT band FROM sketches WHERE article IN (SELECT number FROM articles"
            " WHERE article_id = :name) ORDER BY band",
            {"name": article.article_id},
        )
        return KeptArticle(
            article=replace(article, source=teller),
            passages=tuple(self._passages(connection, view, names)),
            vectors=self._vectors(connection, view, names),
            keys=tuple(_bytes(row[1]) for row in rows),
            bands=tuple(int(str(row[0])) for row in bands),
            payloads=tuple(str(row[2]) for row in rows if row[2] is not None),
        )

    def _by_passage_id(
        self, connection: Connection, view: _View, columns: str, passage_ids: Sequence[str]
    ) -> Rows:
        """Rows that begin with passage_id, in the order asked for."""
        found: dict[str, tuple[object, ...]] = {}
        for part in chunks(list(dict.fromkeys(passage_ids)), 5000):
            for row in _all(
                connection,
                f"SELECT passage_id, {columns} FROM passages"
                f" WHERE passage_id = ANY(:names) AND {_VISIBLE}",
                {"names": list(part), "generation": view.generation},
            ):
                found[str(row[0])] = row
        missing = [name for name in passage_ids if name not in found]
        if missing:
            raise StoreError(
                f"no passage {missing[0]} in {self._shown} (generation {view.generation});"
                " search again"
            )
        return [found[name] for name in passage_ids]


def meta_of(connection: Connection, shown: str, engine: str) -> dict[str, str]:
    """Facts about a truth whose tables are in sight. Raises StoreMismatch, StoreDamaged."""
    facts = {str(k): str(v) for k, v in _all(connection, "SELECT key, value FROM meta")}
    missing = {"fingerprint", "encoder", "dimension", "created", "engine", "schema"} - facts.keys()
    if missing:
        raise StoreDamaged(
            f"{shown}: the index does not say its {min(missing)}; rebuild with"
            " `konkyo index build SOURCE... --rebuild`"
        )
    if facts["schema"] > SCHEMA:
        raise StoreMismatch(
            f"{shown}: made by a later version of Konkyo (schema {facts['schema']}, this one reads"
            f" up to {SCHEMA}); upgrade, or name another store"
        )
    if facts["engine"] != engine:
        named = "milvus://..." if facts["engine"] == "milvus" else "postgresql://..."
        raise StoreMismatch(
            f"{shown}: this index keeps its vectors in {facts['engine']}; name it as {named}"
        )
    return facts


def size(address: str) -> int:
    """Bytes of a store's tables, the truth before it included, and of its engine."""
    database = Database(parse(address))
    engine = engine_for(database)
    try:
        current = database.read(lambda c: in_force(c, database.address.store))
        if current is None:
            raise StoreMissing(f"{masked(address)}: no index here")
        names = [name for name in (current.truth, current.previous) if name]

        def work(connection: Connection) -> int:
            total = value(
                connection,
                "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind IN ('r', 'S') AND n.nspname = ANY(:names)",
                {"names": names},
            )
            return int(str(total)) + sum(engine.bytes(connection, name) for name in names)

        return database.read(work, current.truth)
    finally:
        engine.close()
        database.close()


def _all(connection: Connection, sql: str, values: dict[str, object] | None = None) -> Rows:
    return [tuple(row) for row in run(connection, sql, values)]


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _without(numbers: npt.NDArray[np.int64], dead: npt.NDArray[np.int64]) -> Mask | None:
    struck = np.isin(numbers, dead)
    return ~struck if struck.any() else None
