"""Reading rows of one generation of a store on servers, each compared with its checksum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from konkyo.index.errors import StoreError
from konkyo.index.records import (
    Article,
    ArticleQuery,
    EditorMark,
    Filter,
    FormerArticle,
    Passage,
    ScoredPassage,
)
from konkyo.index.stores.base import KeptArticle, KeptPlace
from konkyo.index.stores.listing import order_by, word_conditions, word_pattern
from konkyo.index.stores.postgres.database import Rows, tuples
from konkyo.index.stores.postgres.filters import VISIBLE, clause, visible
from konkyo.index.stores.postgres.schema import article_columns, knows_former
from konkyo.index.stores.postgres.vectors import VectorColumn
from konkyo.index.stores.rows import (
    article_from_row,
    article_missing,
    as_bytes,
    chunks,
    damaged,
    marks_of,
    passage_from_row,
    row_crc,
    vector_rows,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["MARKED_ARTICLES", "SqlRows"]

MARKED_ARTICLES = (
    "SELECT article_id, url, told_by, status, correction FROM articles WHERE status_by_editor = 1"
)
"""The beginning of a statement that gives what editors said of articles."""

_IDS = 5000


class SqlRows:
    """Reads rows of one generation on one connection."""

    def __init__(
        self,
        connection: Connection,
        shown: str,
        generation: int,
        facts: Mapping[str, str],
        column: VectorColumn,
    ) -> None:
        self._connection = connection
        self._shown = shown
        self._generation = generation
        self._dimension = int(facts["dimension"])
        self._columns = article_columns(facts)
        self._knows_former = knows_former(facts)
        self._column = column

    # -- articles -------------------------------------------------------------------------

    def articles(self, article_ids: Sequence[str]) -> list[tuple[Article, int, str]]:
        """Return articles, how many passages each has and whose facts they are.

        Raises ArticleMissing.
        """
        found: dict[str, tuple[Article, int, str]] = {}
        for part in chunks(list(dict.fromkeys(article_ids))):
            rows = self._all(
                f"SELECT {self._columns}, passages, told_by, crc FROM articles"
                f" WHERE article_id = ANY(:ids) AND {VISIBLE}",
                ids=list(part),
            )
            places = self._places([int(str(row[0])) for row in rows])
            for *facts, passages, source, crc in rows:
                number = int(str(facts[0]))
                if number not in places:
                    raise damaged(self._shown, f"the places of article number {number}")
                _, article = article_from_row(self._shown, facts, places[number])
                if row_crc(article.article_id, int(str(passages)), str(source)) != crc:
                    raise damaged(self._shown, f"article {article.article_id}")
                found[article.article_id] = (article, int(str(passages)), str(source))
        for article_id in article_ids:
            if article_id not in found:
                raise article_missing(article_id, gone=self._was_here(article_id))
        return [found[article_id] for article_id in article_ids]

    def names(self, where: Filter) -> list[str]:
        """Return the identifiers of all articles that pass, newest first, undated last."""
        passes, values = clause(where, "a", "number")
        rows = self._all(
            f"SELECT article_id FROM articles a WHERE {VISIBLE} AND {passes}"
            " ORDER BY published IS NULL, published DESC, number",
            **values,
        )
        return [str(row[0]) for row in rows]

    def named_page(self, query: ArticleQuery, where: Filter) -> tuple[list[str], int]:
        """Return the identifiers of a part of a list of articles, and how long the list is."""
        passes, values = clause(where, "a", "number")
        in_source = "EXISTS (SELECT 1 FROM places s WHERE s.article = a.number"
        in_source += f" AND {visible('s')} AND"
        for number, word in enumerate(query.words):
            passes += f" AND {word_conditions('ILIKE', f':word_{number}', in_source)}"
            values[f"word_{number}"] = word_pattern(word)
        listed = f"FROM articles a WHERE {VISIBLE} AND {passes}"
        rows = self._all(
            f"SELECT article_id {listed} ORDER BY {order_by(query, 'number')}"
            f" LIMIT {query.limit} OFFSET {query.offset}",
            **values,
        )
        (total,) = self._all(f"SELECT count(*) {listed}", **values)[0]
        return [str(row[0]) for row in rows], int(str(total))

    def found_at(self, place: str) -> list[str]:
        """Return the identifiers of articles with that address, or found in that source."""
        rows = self._all(
            f"SELECT article_id FROM articles WHERE url = :place AND {VISIBLE}"
            " UNION SELECT article_id FROM articles a JOIN places p ON p.article = a.number"
            f" WHERE p.source = :place AND {visible('a', 'p')} ORDER BY article_id",
            place=place,
        )
        return [str(row[0]) for row in rows]

    def former_articles(self) -> list[FormerArticle]:
        """Return the articles that were stored once, ordered by identifier."""
        if not self._knows_former:
            return []
        rows = self._all("SELECT article_id, since FROM former_articles ORDER BY article_id")
        return [FormerArticle(*map(str, row)) for row in rows]

    def editor_marks(self) -> list[EditorMark]:
        """Return what editors said of articles, ordered by identifier."""
        if not self._knows_former:
            return []
        statement = f"{MARKED_ARTICLES} AND {VISIBLE} ORDER BY article_id"
        return marks_of(self._all(statement))

    def _was_here(self, article_id: str) -> bool:
        """Whether an article was stored once, or removed by hand."""
        former = "UNION SELECT 1 FROM former_articles WHERE article_id = :name"
        rows = self._all(
            "SELECT 1 FROM excluded WHERE article_id = :name"
            f" {former if self._knows_former else ''}",
            name=article_id,
        )
        return bool(rows)

    def languages(self, where: Filter) -> dict[str, int]:
        """Return how many articles that pass there are in each language, most first."""
        passes, values = clause(where, "a", "number")
        rows = self._all(
            f"SELECT language, count(*) FROM articles a WHERE {VISIBLE} AND {passes}"
            " GROUP BY language ORDER BY count(*) DESC, language",
            **values,
        )
        return {str(language): int(str(count)) for language, count in rows}

    def _places(self, numbers: Sequence[int]) -> dict[int, list[str]]:
        """Where articles were found, the first place first."""
        found: dict[int, dict[str, None]] = {}
        for article, source, found_as, position, crc in self._all(
            "SELECT article, source, found_as, position, crc FROM places"
            f" WHERE article = ANY(:numbers) AND {VISIBLE} ORDER BY position",
            numbers=list(numbers),
        ):
            number = int(str(article))
            if row_crc(number, str(source), str(found_as), int(str(position))) != crc:
                raise damaged(self._shown, f"a place of article number {number}")
            found.setdefault(number, {})[str(source)] = None
        return {number: list(names) for number, names in found.items()}

    # -- passages -------------------------------------------------------------------------

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """Return passages in the order asked for. Raises StoreError for an unknown one."""
        rows = self._by_passage_id(
            "id, passage_id, article, ordinal, start, stop, crc", passage_ids
        )
        numbers = sorted({int(str(row[3])) for row in rows})
        bodies: dict[int, Article] = {}
        for part in chunks(numbers):
            for row in self._all(
                f"SELECT {self._columns} FROM articles WHERE number = ANY(:numbers) AND {VISIBLE}",
                numbers=list(part),
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

    def passage_ids(self, article_id: str) -> list[str]:
        """Return the identifiers of an article's passages, in order."""
        rows = self._all(
            "SELECT p.passage_id FROM passages p JOIN articles a ON a.number = p.article"
            f" WHERE a.article_id = :name AND {visible('p', 'a')} ORDER BY p.ordinal",
            name=article_id,
        )
        return [str(row[0]) for row in rows]

    def vectors(self, passage_ids: Sequence[str]) -> npt.NDArray[np.float16]:
        """Return the vectors as stored, shape (len(passage_ids), dimension)."""
        rows = self._by_passage_id(
            f"id, {self._column.selected('vector')}, vector_crc", passage_ids
        )
        triples = [
            (int(str(number)), self._column.from_bytes(as_bytes(blob)), int(str(crc)))
            for _, number, blob, crc in rows
        ]
        return vector_rows(self._shown, triples, self._dimension)

    def payloads(self, passage_ids: Sequence[str]) -> list[str | None]:
        """Return what was put beside each passage, in the order asked for; None: nothing."""
        rows = self._by_passage_id("payload, payload_crc", passage_ids)
        for name, payload, crc in rows:
            if payload is not None and row_crc(str(payload)) != crc:
                raise damaged(self._shown, f"what is beside passage {name}")
        return [None if row[1] is None else str(row[1]) for row in rows]

    def named(self, found: Sequence[tuple[int, float]]) -> list[ScoredPassage]:
        """Return what was found by its identifiers; what this generation lacks is left out."""
        names: dict[int, str] = {}
        for part in chunks([number for number, _ in found], _IDS):
            rows = self._all(
                f"SELECT id, passage_id FROM passages WHERE id = ANY(:numbers) AND {VISIBLE}",
                numbers=list(part),
            )
            names |= {int(str(number)): str(name) for number, name in rows}
        return [ScoredPassage(names[n], score) for n, score in found if n in names]

    def _by_passage_id(self, columns: str, passage_ids: Sequence[str]) -> Rows:
        """Rows that begin with passage_id, in the order asked for."""
        found: dict[str, tuple[object, ...]] = {}
        for part in chunks(list(dict.fromkeys(passage_ids)), _IDS):
            for row in self._all(
                f"SELECT passage_id, {columns} FROM passages"
                f" WHERE passage_id = ANY(:names) AND {VISIBLE}",
                names=list(part),
            ):
                found[str(row[0])] = row
        missing = [name for name in passage_ids if name not in found]
        if missing:
            raise StoreError(
                f"no passage {missing[0]} in {self._shown} (generation {self._generation});"
                " search again"
            )
        return [found[name] for name in passage_ids]

    # -- all that is kept -----------------------------------------------------------------

    def kept(self, article_ids: Sequence[str]) -> list[KeptArticle]:
        """Return all that is kept of articles. Raises ArticleMissing."""
        return [self._kept(article, source) for article, _, source in self.articles(article_ids)]

    def _kept(self, article: Article, source: str) -> KeptArticle:
        names = self.passage_ids(article.article_id)
        rows = self._by_passage_id("key, payload", names)
        bands = self._all(
            "SELECT band FROM sketches WHERE article IN (SELECT number FROM articles"
            " WHERE article_id = :name) ORDER BY band",
            name=article.article_id,
        )
        return KeptArticle(
            article=replace(article, source=source),
            passages=tuple(self.passages(names)),
            vectors=self.vectors(names),
            keys=tuple(as_bytes(row[1]) for row in rows),
            bands=tuple(int(str(row[0])) for row in bands),
            payloads=tuple(str(row[2]) for row in rows if row[2] is not None),
        )

    def kept_places(self) -> list[KeptPlace]:
        """Return where all articles were found, in the order of finding."""
        rows = self._all(
            "SELECT p.source, a.article_id, p.found_as FROM places p JOIN articles a"
            f" ON a.number = p.article AND {visible('a')} WHERE {visible('p')} ORDER BY p.position"
        )
        return [KeptPlace(*map(str, row)) for row in rows]

    def _all(self, sql: str, **values: object) -> Rows:
        return tuples(self._connection, sql, {**values, "generation": self._generation})
