"""A store in a folder on one machine, for reading: one consistent view, moved on by ``refresh``."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import StoreError
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
from konkyo.index.stores.local.database import (
    connect,
    current_database,
    meta,
    translated_errors,
)
from konkyo.index.stores.local.removals import exclusions_in, former_in
from konkyo.index.stores.local.rows import LocalRows
from konkyo.index.stores.local.segments import LIMITS
from konkyo.index.stores.local.snapshot import CacheDamaged
from konkyo.index.stores.local.vector_index import Mask
from konkyo.index.stores.local.view import Found, View, ViewLoader
from konkyo.index.stores.rows import checked_query, chunks, summary, unit
from konkyo.index.text.tokens import query_tokens

__all__ = ["LocalStore"]

_EVERYTHING = Filter()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Opened:
    """An open file and the view of its transaction."""

    database: Path
    connection: sqlite3.Connection
    rows: LocalRows
    loader: ViewLoader
    fingerprint: str
    encoder: str
    dimension: int
    view: View


class LocalStore:
    """Reads a store's folder; implements ``konkyo.index.stores.base.Store``.

    A read transaction is held open on the database, so that text, vectors and search results are
    of one generation however long a writer has been at work beside it. Caches that are missing or
    damaged are made again from the database: on disk where that is allowed, in memory otherwise.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limits: SearchLimits | None = None,
        after: LocalStore | None = None,
    ) -> None:
        """Open the newest generation; what ``after`` has read of an earlier one is used again."""
        self._folder = folder
        self._limits = limits or LIMITS
        self._lock = threading.RLock()
        self._closed = False
        self._opened: _Opened = self._open(None if after is None else after._opened)

    @property
    def generation(self) -> int:
        """A number that grows by one with every committed change."""
        return self._opened.view.generation

    @property
    def fingerprint(self) -> str:
        """The names of the encoder and the chunking that made this store."""
        return self._opened.fingerprint

    @property
    def encoder(self) -> str:
        """The fingerprint of the encoder alone."""
        return self._opened.encoder

    @property
    def created(self) -> str:
        """When this store was made: ISO 8601 with time zone."""
        with self._reading():
            return meta(self._opened.connection, "created")

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return self._opened.dimension

    @property
    def passage_count(self) -> int:
        """How many passages there are."""
        return self._opened.view.passages

    def describe(self) -> dict[str, object]:
        """Return facts about the caches, for ``konkyo index status``."""
        return self._opened.view.describe()

    # -- versions -------------------------------------------------------------------------

    def refresh(self) -> bool:
        """Move to the newest committed generation; return whether anything changed."""
        with self._lock:
            self._open_or_fail()
            opened = self._opened
            if current_database(self._folder) != opened.database:
                self._opened = self._open(None)
                opened.connection.close()
                return True
            with translated_errors(opened.database):
                opened.connection.execute("COMMIT")
                opened.connection.execute("BEGIN")
                if int(meta(opened.connection, "generation")) == opened.view.generation:
                    return False
                self._opened = replace(
                    opened,
                    fingerprint=meta(opened.connection, "fingerprint"),
                    view=opened.loader.advance(opened.view),
                )
            return True

    def renewed(self) -> LocalStore:
        """Return a store at the newest committed generation; this one when nothing changed.

        This one stays where it is, for whoever is still using it; its file is closed with it.
        """
        with self._lock:
            self._open_or_fail()
            fresh = LocalStore(self._folder, limits=self._limits, after=self)
            if (fresh._opened.database, fresh.generation) == (
                self._opened.database,
                self.generation,
            ):
                fresh.close()
                return self
        weakref.finalize(fresh, fresh._opened.connection.close)
        return fresh

    def close(self) -> None:
        """Close files; the value is not used afterwards."""
        with self._lock:
            self._closed = True
            self._opened.connection.close()

    def __enter__(self) -> LocalStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- rows -----------------------------------------------------------------------------

    def article(self, article_id: str) -> Article:
        """Return the whole article. Raises ArticleMissing."""
        with self._reading() as rows:
            return rows.articles([article_id])[0][0]

    def summaries(self, article_ids: Sequence[str]) -> list[ArticleSummary]:
        """Return summaries in the order asked for. Raises ArticleMissing."""
        with self._reading() as rows:
            return [summary(article, count) for article, count in rows.articles(article_ids)]

    def articles(self, where: Filter = _EVERYTHING) -> Iterator[ArticleSummary]:
        """Yield all articles that pass, newest first, undated last."""
        with self._reading() as rows:
            names = rows.names(where)
        for part in chunks(names):
            yield from self.summaries(part)

    def article_page(self, query: ArticleQuery, where: Filter = _EVERYTHING) -> ArticlePage:
        """Return a part of a sorted list of articles, and how long the list is."""
        with self._reading() as rows:
            names, total = rows.named_page(query, where)
            return ArticlePage(tuple(self.summaries(names)), total)

    def found_at(self, place: str) -> list[str]:
        """Return the identifiers of articles with that address, or found in that source."""
        with self._reading() as rows:
            return rows.found_at(place)

    def languages(self, where: Filter = _EVERYTHING) -> dict[str, int]:
        """Return how many articles that pass there are in each language, most first."""
        with self._reading() as rows:
            return rows.languages(where)

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """Return passages in the order asked for. Raises StoreError for an unknown identifier."""
        with self._reading() as rows:
            return rows.passages(passage_ids)

    def passages_of(self, article_id: str) -> list[Passage]:
        """Return the passages of one article, in order. Raises ArticleMissing."""
        with self._reading() as rows:
            return rows.passages_of(rows.articles([article_id])[0][0])

    def vectors(self, passage_ids: Sequence[str]) -> Vectors:
        """Return the stored vectors: float32, shape (len(passage_ids), dimension), length 1."""
        with self._reading() as rows:
            return unit(rows.vectors(passage_ids))

    def payloads(self, passage_ids: Sequence[str]) -> list[str | None]:
        """Return what was put beside each passage, in the order asked for; None: nothing."""
        with self._reading() as rows:
            return rows.payloads(passage_ids)

    def kept(self, article_ids: Sequence[str]) -> list[KeptArticle]:
        """Return all that is kept of articles, in the order asked for. Raises ArticleMissing."""
        with self._reading() as rows:
            return [rows.kept(article_id) for article_id in article_ids]

    def kept_places(self) -> list[KeptPlace]:
        """Return where all articles were found, in the order of finding."""
        with self._reading() as rows:
            return rows.kept_places()

    def stamps(self) -> dict[str, str | None]:
        """Return every source and the stamp it had when last read (None: read it again)."""
        with self._reading() as rows:
            return rows.stamps()

    def exclusions(self) -> list[Exclusion]:
        """Return the articles removed by hand, ordered by identifier."""
        with self._reading():
            return exclusions_in(self._opened.connection)

    def former_articles(self) -> list[FormerArticle]:
        """Return the articles that were stored once, ordered by identifier."""
        with self._reading():
            return former_in(self._opened.connection)

    def editor_marks(self) -> list[EditorMark]:
        """Return what editors said of articles, ordered by identifier."""
        with self._reading() as rows:
            return rows.editor_marks()

    # -- searching ------------------------------------------------------------------------

    def dense(self, vector: Vectors, k: int, where: Filter = _EVERYTHING) -> list[ScoredPassage]:
        """Return the k passages nearest one query vector of shape (dimension,), best first."""
        query = checked_query(self._folder, vector, self.dimension)
        return self._searched(lambda view: view.dense(query, k, self._masks(view, where)))

    def lexical(self, text: str, k: int, where: Filter = _EVERYTHING) -> list[ScoredPassage]:
        """Return the k passages that share most terms with a question (BM25), best first."""
        query = query_tokens(text)
        return self._searched(lambda view: view.lexical(query, k, self._masks(view, where)))

    def lexical_ceiling(self, text: str) -> float:
        """Return the weight of all of a question's terms, in the units of lexical scores."""
        query = query_tokens(text)
        return self._trusting(lambda view: view.searcher.ceiling(query))[1]

    def _trusting(self, run: Callable[[View], T]) -> tuple[View, T]:
        """Run something on the current view; a damaged cache is made again, once."""
        view = self._opened.view
        try:
            return view, run(view)
        except CacheDamaged:
            with self._reading():
                if self._opened.view is view:
                    fresh = self._opened.loader.load(distrust=True)
                    self._opened = replace(self._opened, view=fresh)
                view = self._opened.view
            return view, run(view)

    def _searched(self, run: Callable[[View], Found]) -> list[ScoredPassage]:
        """Search the current view and name what was found in that same view.

        Numbers of one generation mean nothing in another: where another thread has refreshed
        meanwhile, the search is made again.
        """
        while True:
            view, found = self._trusting(run)
            with self._lock:
                if self._opened.view is view:
                    return self._named(view, found)

    def _named(self, view: View, found: Found) -> list[ScoredPassage]:
        numbers = [view.number(part, row) for part, row, _ in found]
        with self._reading() as rows:
            names = rows.passage_names(numbers)
        return [
            ScoredPassage(names[number], score)
            for number, (_, _, score) in zip(numbers, found, strict=True)
        ]

    def _masks(self, view: View, where: Filter) -> tuple[Mask, ...] | None:
        """Which rows of each part a filter lets through; None: all."""
        if where.empty:
            return None
        with self._reading() as rows:
            if where not in view.masks:
                allowed = rows.numbers(where)
                view.masks[where] = tuple(np.isin(part.owners, allowed) for part in view.parts)
            return view.masks[where]

    # -- the file -------------------------------------------------------------------------

    @contextlib.contextmanager
    def _reading(self) -> Iterator[LocalRows]:
        """Give the rows to one thread at a time. Raises StoreError after ``close``."""
        with self._lock:
            self._open_or_fail()
            with translated_errors(self._opened.database):
                yield self._opened.rows

    def _open(self, earlier: _Opened | None) -> _Opened:
        """Open the database in force, using what was read of an earlier generation of it."""
        database = current_database(self._folder)
        connection = connect(database)
        try:
            with translated_errors(database):
                connection.execute("BEGIN")
                dimension = int(meta(connection, "dimension"))
                loader = ViewLoader(self._folder, database, connection, self._limits)
                if earlier is None or earlier.database != database:
                    view = loader.load()
                else:
                    view = loader.advance(earlier.view)
                return _Opened(
                    database=database,
                    connection=connection,
                    rows=LocalRows(self._folder, database, connection, dimension),
                    loader=loader,
                    fingerprint=meta(connection, "fingerprint"),
                    encoder=meta(connection, "encoder"),
                    dimension=dimension,
                    view=view,
                )
        except BaseException:
            connection.close()
            raise

    def _open_or_fail(self) -> None:
        if self._closed:
            raise StoreError(f"{self._folder}: this store was closed")
