"""Reading rows of a store's SQLite file, each compared with its checksum."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from konkyo.index.errors import StoreError
from konkyo.index.records import Article, ArticleQuery, EditorMark, Filter, Passage
from konkyo.index.stores.base import KeptArticle, KeptPlace
from konkyo.index.stores.filters import Condition, conditions
from konkyo.index.stores.listing import order_by, word_conditions, word_pattern
from konkyo.index.stores.local.database import ARTICLE_COLUMNS
from konkyo.index.stores.rows import (
    article_from_row,
    article_missing,
    as_bytes,
    chunks,
    damaged,
    marks_of,
    passage_from_row,
    row_crc,
    stamps_of,
    vector_rows,
)

__all__ = ["EDITOR_MARKS", "LocalRows"]

EDITOR_MARKS = (
    "SELECT article_id, url, coalesce(s.source, ''), status, correction FROM articles"
    " LEFT JOIN sources s ON s.id = told_by WHERE status_by_editor = 1 ORDER BY article_id"
)
"""The statement that gives what editors said of articles."""


class LocalRows:
    """Reads rows in the transaction that its connection has open."""

    def __init__(
        self, folder: Path, database: Path, connection: sqlite3.Connection, dimension: int
    ) -> None:
        self._folder = folder
        self._database = database
        self._connection = connection
        self._dimension = dimension

    # -- articles -------------------------------------------------------------------------

    def articles(self, article_ids: Sequence[str]) -> list[tuple[Article, int]]:
        """Return articles and how many passages each has. Raises ArticleMissing."""
        found: dict[str, tuple[Article, int]] = {}
        for row in self._some(
            f"SELECT {ARTICLE_COLUMNS}, passages, told_by, crc FROM articles"
            " WHERE article_id IN ({marks})",
            list(dict.fromkeys(article_ids)),
        ):
            *facts, passages, told_by, crc = row
            sources = self._sources_of(int(str(facts[0])))
            _, article = article_from_row(self._database, facts, sources)
            if row_crc(article.article_id, int(str(passages)), int(str(told_by))) != crc:
                raise damaged(self._database, f"article {article.article_id}")
            found[article.article_id] = (article, int(str(passages)))
        for article_id in article_ids:
            if article_id not in found:
                raise article_missing(article_id, gone=self._was_here(article_id))
        return [found[article_id] for article_id in article_ids]

    def names(self, where: Filter) -> list[str]:
        """Return the identifiers of all articles that pass, newest first, undated last."""
        passes, values = _clause(where)
        rows = self._connection.execute(
            f"SELECT article_id FROM articles a WHERE {passes}"
            " ORDER BY published IS NULL, published DESC, id",
            values,
        )
        return [str(row[0]) for row in rows]

    def named_page(self, query: ArticleQuery, where: Filter) -> tuple[list[str], int]:
        """Return the identifiers of a part of a list of articles, and how long the list is."""
        passes, values = _clause(where)
        in_source = "EXISTS (SELECT 1 FROM places p JOIN sources s ON s.id = p.source"
        in_source += " WHERE p.article = a.id AND"
        for word in query.words:
            mark = f"?{len(values) + 1}"
            passes += f" AND {word_conditions('LIKE', mark, in_source)}"
            values.append(word_pattern(word))
        run = self._connection.execute
        (total,) = run(f"SELECT count(*) FROM articles a WHERE {passes}", values).fetchone()
        rows = run(
            f"SELECT article_id FROM articles a WHERE {passes} ORDER BY {order_by(query, 'id')}"
            f" LIMIT {query.limit} OFFSET {query.offset}",
            values,
        )
        return [str(row[0]) for row in rows], int(total)

    def found_at(self, place: str) -> list[str]:
        """Return the identifiers of articles with that address, or found in that source."""
        rows = self._connection.execute(
            "SELECT article_id FROM articles WHERE url = ?1 UNION SELECT article_id FROM articles a"
            " JOIN places p ON p.article = a.id JOIN sources s ON s.id = p.source"
            " WHERE s.source = ?1 ORDER BY article_id",
            (place,),
        )
        return [str(row[0]) for row in rows]

    def editor_marks(self) -> list[EditorMark]:
        """Return what editors said of articles, ordered by identifier."""
        return marks_of(self._connection.execute(EDITOR_MARKS))

    def _was_here(self, article_id: str) -> bool:
        """Whether an article was stored once, or removed by hand."""
        found = self._connection.execute(
            "SELECT 1 FROM former_articles WHERE article_id = ?1"
            " UNION SELECT 1 FROM excluded WHERE article_id = ?1",
            (article_id,),
        )
        return found.fetchone() is not None

    def languages(self, where: Filter) -> dict[str, int]:
        """Return how many articles that pass there are in each language, most first."""
        passes, values = _clause(where)
        rows = self._connection.execute(
            f"SELECT language, count(*) FROM articles a WHERE {passes}"
            " GROUP BY language ORDER BY count(*) DESC, language",
            values,
        )
        return {str(language): int(count) for language, count in rows}

    def numbers(self, where: Filter) -> npt.NDArray[np.int64]:
        """Return the numbers of all articles that pass."""
        passes, values = _clause(where)
        rows = self._connection.execute(f"SELECT id FROM articles a WHERE {passes}", values)
        return np.array([row[0] for row in rows], np.int64)

    def _sources_of(self, number: int) -> list[str]:
        """Where an article was found, the first place first."""
        names: dict[str, None] = {}
        for name, name_crc, source, found_as, position, crc in self._connection.execute(
            "SELECT s.source, s.crc, p.source, found_as, position, p.crc FROM places p"
            " LEFT JOIN sources s ON s.id = p.source WHERE article = ? ORDER BY position",
            (number,),
        ):
            if name is None or row_crc(name) != name_crc:
                raise damaged(self._database, "the name of a source")
            if row_crc(number, source, found_as, position) != crc:
                raise damaged(self._database, f"a place of article number {number}")
            names[str(name)] = None
        if not names:
            raise damaged(self._database, f"the places of article number {number}")
        return list(names)

    # -- passages -------------------------------------------------------------------------

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """Return passages in the order asked for. Raises StoreError for an unknown one."""
        rows = self._by_passage_id(
            "SELECT passage_id, id, passage_id, article, ordinal, start, stop, crc FROM passages"
            " WHERE passage_id IN ({marks})",
            passage_ids,
        )
        bodies = self._bodies({int(str(row[3])) for row in rows})
        found = []
        for row in rows:
            article = bodies[int(str(row[3]))]
            found.append(
                passage_from_row(self._database, row[1:], article.text, article.article_id).passage
            )
        return found

    def passages_of(self, article: Article) -> list[Passage]:
        """Return the passages of one article, in order."""
        rows = self._connection.execute(
            "SELECT p.id, passage_id, article, ordinal, start, stop, p.crc FROM passages p"
            " JOIN articles a ON a.id = p.article WHERE a.article_id = ? ORDER BY ordinal",
            (article.article_id,),
        ).fetchall()
        return [
            passage_from_row(self._database, row, article.text, article.article_id).passage
            for row in rows
        ]

    def vectors(self, passage_ids: Sequence[str]) -> npt.NDArray[np.float16]:
        """Return the vectors as stored, shape (len(passage_ids), dimension)."""
        rows = self._by_passage_id(
            "SELECT passage_id, id, vector, vectors.crc FROM passages"
            " JOIN vectors ON passage = id WHERE passage_id IN ({marks})",
            passage_ids,
        )
        triples = [(int(str(row[1])), as_bytes(row[2]), int(str(row[3]))) for row in rows]
        return vector_rows(self._database, triples, self._dimension)

    def payloads(self, passage_ids: Sequence[str]) -> list[str | None]:
        """Return what was put beside each passage, in the order asked for; None: nothing."""
        rows = self._by_passage_id(
            "SELECT passage_id, payload, payloads.crc FROM passages"
            " LEFT JOIN payloads ON passage = id WHERE passage_id IN ({marks})",
            passage_ids,
        )
        for name, payload, crc in rows:
            if payload is not None and row_crc(str(payload)) != crc:
                raise damaged(self._database, f"what is beside passage {name}")
        return [None if row[1] is None else str(row[1]) for row in rows]

    def passage_names(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the identifiers of passages by their numbers."""
        rows = self._some("SELECT id, passage_id FROM passages WHERE id IN ({marks})", numbers)
        return {int(str(number)): str(name) for number, name in rows}

    def _bodies(self, numbers: set[int]) -> dict[int, Article]:
        found = dict(
            article_from_row(self._database, row, ())
            for row in self._some(
                f"SELECT {ARTICLE_COLUMNS} FROM articles WHERE id IN ({{marks}})", sorted(numbers)
            )
        )
        if len(found) != len(numbers):
            raise damaged(self._database, "a passage's article")
        return found

    def _by_passage_id(
        self, statement: str, passage_ids: Sequence[str]
    ) -> list[tuple[object, ...]]:
        """Rows that begin with passage_id, in the order asked for."""
        names = list(dict.fromkeys(passage_ids))
        found = {str(row[0]): row for row in self._some(statement, names)}
        missing = [name for name in passage_ids if name not in found]
        if missing:
            raise StoreError(f"no passage {missing[0]} in {self._folder}; search again")
        return [found[name] for name in passage_ids]

    # -- all that is kept -----------------------------------------------------------------

    def kept(self, article_id: str) -> KeptArticle:
        """Return all that is kept of an article. Raises ArticleMissing."""
        run = self._connection.execute
        ((article, _),) = self.articles([article_id])
        passages = self.passages_of(article)
        names = [passage.passage_id for passage in passages]
        number, source = run(
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
            article=replace(article, source=article.source if source is None else str(source)),
            passages=tuple(passages),
            vectors=self.vectors(names),
            keys=tuple(bytes(row[0]) for row in keys),
            bands=tuple(int(row[0]) for row in bands),
            payloads=tuple(p for p in self.payloads(names) if p is not None),
        )

    def kept_places(self) -> list[KeptPlace]:
        """Return where all articles were found, in the order of finding."""
        rows = self._connection.execute(
            "SELECT s.source, article_id, found_as FROM places p JOIN sources s"
            " ON s.id = p.source JOIN articles a ON a.id = p.article ORDER BY p.position"
        )
        return [KeptPlace(*map(str, row)) for row in rows]

    def stamps(self) -> dict[str, str | None]:
        """Return every source and the stamp it had when last read (None: read it again)."""
        return stamps_of(self._connection.execute("SELECT source, stamp FROM sources ORDER BY id"))

    def _some(self, statement: str, values: Sequence[object]) -> Iterator[tuple[object, ...]]:
        """Yield rows of a statement with a list of values, some values at a time."""
        for some in chunks(values):
            marks = ",".join("?" * len(some))
            yield from self._connection.execute(statement.format(marks=marks), some).fetchall()


def _clause(where: Filter) -> tuple[str, list[str]]:
    """A filter as SQL over ``articles a``."""
    parts: list[str] = ["1"]
    values: list[str] = []
    for condition in conditions(where):
        parts.append(_condition(condition))
        values += condition.values
    return " AND ".join(parts), values


def _condition(condition: Condition) -> str:
    marks = ",".join("?" * len(condition.values))
    if condition.field == "source":
        return (
            "EXISTS (SELECT 1 FROM places JOIN sources ON sources.id = places.source"
            f" WHERE places.article = a.id AND sources.source IN ({marks}))"
        )
    if condition.operator in ("in", "not in"):
        return f"a.{condition.field} {condition.operator.upper()} ({marks})"
    return f"a.{condition.field} {condition.operator} ?"
