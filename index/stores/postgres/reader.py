"""A store on servers, for reading: one generation, whatever connection or replica answers."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import StoreError, StoreMissing
from konkyo.index.records import (
    Article,
    ArticlePage,
    ArticleQuery,
    ArticleSummary,
    EditorMark,
    Filter,
    FormerArticle,
    Passage,
    ScoredPassage,
)
from konkyo.index.stores.base import Exclusion, KeptArticle, KeptPlace, SearchLimits
from konkyo.index.stores.postgres.address import parse
from konkyo.index.stores.postgres.database import Database, Moved, in_force, run, tuples
from konkyo.index.stores.postgres.engines import close_engine, engine_for
from konkyo.index.stores.postgres.rows import SqlRows
from konkyo.index.stores.postgres.schema import EXCLUSION
from konkyo.index.stores.postgres.vectors import Seen
from konkyo.index.stores.postgres.view import Passing, View, next_view
from konkyo.index.stores.rows import checked_query, chunks, stamps_of, summary, unit
from konkyo.index.text.tokens import query_tokens

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["SqlStore"]

_EVERYTHING = Filter()

T = TypeVar("T")


class SqlStore:
    """Reads a store on PostgreSQL, with vectors there or in Milvus; implements ``Store``.

    Rows are never changed but born with one generation and dead with another, so this value
    stays at its generation over any number of connections, also to replicas, until ``refresh``.
    Generations are readable for an hour after they were superseded. A lost connection is made
    again, for up to 20 s; a server that is behind is waited for as long.
    """

    def __init__(self, address: str, *, limits: SearchLimits | None = None) -> None:
        self._database = Database(parse(address))
        self._shown = self._database.shown
        self._engine = engine_for(self._database, limits)
        self._lock = threading.RLock()
        self._closed = False
        try:
            self._view = self._load(None)
        except BaseException:
            self.close()
            raise

    @property
    def generation(self) -> int:
        """A number that grows by one with every committed change."""
        return self._view.generation

    @property
    def fingerprint(self) -> str:
        """The names of the encoder and the chunking that made this store."""
        return self._view.facts["fingerprint"]

    @property
    def encoder(self) -> str:
        """The fingerprint of the encoder alone."""
        return self._view.facts["encoder"]

    @property
    def created(self) -> str:
        """When this store was made: ISO 8601 with time zone."""
        return self._view.facts["created"]

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self._view.dimension

    @property
    def passage_count(self) -> int:
        """How many passages there are."""
        return self._view.passages

    def describe(self) -> dict[str, object]:
        """Return facts about how this store searches, for ``konkyo index status``."""
        view = self._view
        found = self._read(lambda c: self._engine.describe(c, view.schema), view)
        return {
            "engine": self._engine.name,
            **found,
            "segments": [segment.size for segment in view.segments],
        }

    # -- versions -------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Move to the newest committed generation; return whether anything changed."""
        with self._lock:
            fresh = self._load(self._view)
            changed = fresh is not self._view
            self._view = fresh
            return changed

    def renewed(self) -> SqlStore:
        """Return a store at the newest committed generation; this one when nothing changed.

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

    def close(self) -> None:
        """Close connections; the value is not used afterwards."""
        with self._lock:
            self._closed = True
            close_engine(self._engine)
            self._database.close()

    def __enter__(self) -> SqlStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- rows -----------------------------------------------------------------------------

    def article(self, article_id: str) -> Article:
        """Return the whole article. Raises ArticleMissing."""
        return self._rows(lambda rows: rows.articles([article_id]))[0][0]

    def summaries(self, article_ids: Sequence[str]) -> list[ArticleSummary]:
        """Return summaries in the order asked for. Raises ArticleMissing."""
        found = self._rows(lambda rows: rows.articles(article_ids))
        return [summary(article, passages) for article, passages, _ in found]

    def articles(self, where: Filter = _EVERYTHING) -> Iterator[ArticleSummary]:
        """Yield all articles that pass, newest first, undated last."""
        view = self._view
        for names in chunks(self._rows(lambda rows: rows.names(where), view)):
            found = self._rows(lambda rows, names=names: rows.articles(names), view)  # type: ignore[misc]
            yield from (summary(article, passages) for article, passages, _ in found)

    def article_page(self, query: ArticleQuery, where: Filter = _EVERYTHING) -> ArticlePage:
        """Return a part of a sorted list of articles, and how long the list is."""

        def work(rows: SqlRows) -> ArticlePage:
            names, total = rows.named_page(query, where)
            found = rows.articles(names)
            return ArticlePage(tuple(summary(a, passages) for a, passages, _ in found), total)

        return self._rows(work)

    def found_at(self, place: str) -> list[str]:
        """Return the identifiers of articles with that address, or found in that source."""
        return self._rows(lambda rows: rows.found_at(place))

    def languages(self, where: Filter = _EVERYTHING) -> dict[str, int]:
        """Return how many articles that pass there are in each language, most first."""
        return self._rows(lambda rows: rows.languages(where))

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """Return passages in the order asked for. Raises StoreError for an unknown identifier."""
        return self._rows(lambda rows: rows.passages(passage_ids))

    def passages_of(self, article_id: str) -> list[Passage]:
        """Return the passages of one article, in order. Raises ArticleMissing."""

        def work(rows: SqlRows) -> list[Passage]:
            rows.articles([article_id])
            return rows.passages(rows.passage_ids(article_id))

        return self._rows(work)

    def vectors(self, passage_ids: Sequence[str]) -> Vectors:
        """Return the stored vectors: float32, shape (len(passage_ids), dimension), length 1."""
        return unit(self._rows(lambda rows: rows.vectors(passage_ids)))

    def payloads(self, passage_ids: Sequence[str]) -> list[str | None]:
        """Return what was put beside each passage, in the order asked for; None: nothing."""
        return self._rows(lambda rows: rows.payloads(passage_ids))

    def kept(self, article_ids: Sequence[str]) -> list[KeptArticle]:
        """Return all that is kept of articles, in the order asked for. Raises ArticleMissing."""
        return self._rows(lambda rows: rows.kept(article_ids))

    def kept_places(self) -> list[KeptPlace]:
        """Return where all articles were found, in the order of finding."""
        return self._rows(lambda rows: rows.kept_places())

    def stamps(self) -> dict[str, str | None]:
        """Return every source and the stamp it had when last read (None: read it again).

        Stamps are for builds: they are the newest, not those of this generation.
        """
        statement = "SELECT source, stamp FROM sources ORDER BY number"
        return stamps_of(self._read(lambda c: tuples(c, statement), self._view))

    def exclusions(self) -> list[Exclusion]:
        """Return the articles removed by hand, ordered by identifier."""
        statement = f"SELECT {EXCLUSION} FROM excluded e ORDER BY article_id"
        rows = self._read(lambda c: tuples(c, statement), self._view)
        return [Exclusion(*map(str, row)) for row in rows]

    def former_articles(self) -> list[FormerArticle]:
        """Return the articles that were stored once, ordered by identifier."""
        return self._rows(lambda rows: rows.former_articles())

    def editor_marks(self) -> list[EditorMark]:
        """Return what editors said of articles, ordered by identifier."""
        return self._rows(lambda rows: rows.editor_marks())

    # -- searching ------------------------------------------------------------------------

    def dense(self, vector: Vectors, k: int, where: Filter = _EVERYTHING) -> list[ScoredPassage]:
        """Return the k passages nearest one query vector of shape (dimension,), best first."""
        view = self._view
        query = checked_query(self._shown, vector, view.dimension)

        def work(connection: Connection) -> list[ScoredPassage]:
            passing = self._passing(connection, view, where)
            count = view.passages if passing is None else passing.count
            if k <= 0 or count == 0:
                return []
            numbers = None if passing is None else passing.numbers
            seen = Seen(view.schema, view.generation, count, where, view.reached, numbers)
            found = self._engine.nearest(connection, query, k, seen)
            return self._rows_of(connection, view).named(found)

        return self._read(work, view)

    def lexical(self, text: str, k: int, where: Filter = _EVERYTHING) -> list[ScoredPassage]:
        """Return the k passages that share most terms with a question (BM25), best first."""
        view = self._view
        query = query_tokens(text)
        view.load_terms(list(query))

        def work(connection: Connection) -> list[ScoredPassage]:
            passing = self._passing(connection, view, where)
            found = view.searcher.search(query, k, None if passing is None else passing.masks)
            numbers = [
                (int(view.segments[segment].numbers[at]), score) for segment, at, score in found
            ]
            return self._rows_of(connection, view).named(numbers)

        return self._read(work, view)

    def lexical_ceiling(self, text: str) -> float:
        """Return the weight of all of a question's terms, in the units of lexical scores."""
        view = self._view
        query = query_tokens(text)
        view.load_terms(list(query))
        return view.searcher.ceiling(query)

    def _passing(self, connection: Connection, view: View, where: Filter) -> Passing | None:
        """What a filter lets through; None: everything."""
        if where.empty:
            return None
        with self._lock:
            known = view.passing.get(where)
        if known is not None:
            return known
        passing = view.passing_of(connection, where, self._engine.limits.filtered)
        with self._lock:
            view.passing[where] = passing
        return passing

    # -- one generation -------------------------------------------------------------------

    def _rows(self, work: Callable[[SqlRows], T], view: View | None = None) -> T:
        """Read rows of a view's generation; without one, of the newest view."""
        chosen = view or self._view
        return self._read(lambda connection: work(self._rows_of(connection, chosen)), chosen)

    def _rows_of(self, connection: Connection, view: View) -> SqlRows:
        return SqlRows(connection, self._shown, view.generation, view.facts, self._engine.column)

    def _read(self, work: Callable[[Connection], T], view: View) -> T:
        """Read at a view's generation, from a server that has it."""
        self._open_or_fail()

        def checked(connection: Connection) -> T:
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

        return self._database.read(checked, view.schema)

    def _load(self, old: View | None) -> View:
        """The newest view; the old one when nothing changed."""
        self._open_or_fail()
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
        schema = current.schema
        return self._database.read(
            lambda c: next_view(self._database, c, self._engine, schema, old), schema
        )

    def _open_or_fail(self) -> None:
        if self._closed:
            raise StoreError(f"{self._shown}: this store was closed")
