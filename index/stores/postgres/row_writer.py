"""The rows of a store on servers, as a change writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import StoreError
from konkyo.index.records import Article, FormerArticle, Passage
from konkyo.index.stores.base import Exclusion
from konkyo.index.stores.new_rows import NewPassage, NewPlace, SourceKey, StoredVector
from konkyo.index.stores.postgres.passage_queue import PassageQueue, PassageRow
from konkyo.index.stores.postgres.rows import MARKED_ARTICLES
from konkyo.index.stores.postgres.schema import meta_of
from konkyo.index.stores.postgres.statements import Statements
from konkyo.index.stores.postgres.undo import STAMPS, EarlierRows
from konkyo.index.stores.postgres.vectors import VectorEngine
from konkyo.index.stores.rows import as_bytes, chunks, searched_text
from konkyo.index.stores.writer import BaseWriter, Queries

__all__ = ["SqlRowWriter"]


_QUERIES = Queries(
    stamps=STAMPS,
    source_of_facts="SELECT (SELECT max(source) FROM places p WHERE p.article = a.number"
    " AND p.source = a.told_by AND p.found_as = a.article_id AND p.died IS NULL), digest"
    " FROM articles a WHERE article_id = :name AND died IS NULL",
    sources_of_facts="SELECT article_id, coalesce(s.source, '') FROM articles a"
    " LEFT JOIN sources s ON s.source = a.told_by WHERE died IS NULL",
    sources_to_reread="SELECT p.source FROM places p JOIN articles a ON a.number = p.article"
    " AND a.died IS NULL WHERE p.died IS NULL AND NOT EXISTS (SELECT 1 FROM places t"
    " WHERE t.article = a.number AND t.source = a.told_by AND t.died IS NULL"
    " AND t.found_as = a.article_id) GROUP BY p.source ORDER BY min(p.position)",
    described="SELECT text, title, language FROM articles WHERE told_by = :source AND died IS NULL",
    held_by="SELECT a.article_id, p.found_as, a.url FROM places p JOIN articles a"
    " ON a.number = p.article AND a.died IS NULL WHERE p.source = :source AND p.died IS NULL"
    " ORDER BY p.position",
    editor_marks=f"{MARKED_ARTICLES} AND died IS NULL ORDER BY article_id",
)


class SqlRowWriter(BaseWriter):
    """Writes rows of a new generation.

    Rows are never changed but born with one generation and dead with another.
    """

    queries = _QUERIES

    def __init__(
        self,
        statements: Statements,
        engine: VectorEngine,
        schema: str,
        *,
        swap: bool,
        replaces: bool = False,
        elder: str | None = None,
    ) -> None:
        """Begin a change.

        With ``swap``, ``schema`` is a new one that ``commit`` puts in force; ``elder`` is the one
        it replaces, if vectors can be taken from it.
        """
        self._statements = statements
        self._database = statements.database
        self._connection = statements.connection
        self._engine = engine
        self._schema = schema
        self._swap = swap
        self._elder = elder
        with self._database.translated_errors():
            facts = meta_of(self._connection, self._database.shown, engine)
        super().__init__(
            self._database.shown,
            dimension=int(facts["dimension"]),
            position=int(facts["next_position"]),
            replaces=replaces,
        )
        self._generation = int(facts["generation"])
        self._new = self._generation + (0 if swap else 1)
        self._queue = PassageQueue(statements, engine, schema, self._dimension)
        self._earlier = EarlierRows(statements)

    @property
    def generation(self) -> int:
        """The generation this transaction started from."""
        return self._generation

    # -- articles -------------------------------------------------------------------------

    def vectors_of(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Return stored vectors by the hash of the text they were made of, as far as known.

        A store being rebuilt also finds those of the one it replaces, if the encoder is the same.
        """
        self._queue.copy()
        return super().vectors_of(keys)

    def put(
        self,
        article: Article,
        passages: Sequence[Passage],
        vectors: Vectors,
        keys: Sequence[bytes],
        bands: Sequence[int] = (),
        payloads: Sequence[str] = (),
    ) -> None:
        """Store an article with its passages, or replace it; as ``BaseWriter.put``."""
        if "\0" in article.text + article.title:
            raise StoreError(
                f"{self._shown}: article {article.article_id} holds a NUL character, which"
                " PostgreSQL cannot keep; nothing was kept"
            )
        super().put(article, passages, vectors, keys, bands, payloads)

    def alike(self, bands: Sequence[int]) -> list[tuple[str, str, str]]:
        """Return (article_id, source of its facts, text) of articles that share a band.

        The oldest comes first. Articles that no source holds as they are, but only as a near
        copy, are left out.
        """
        rows = self._all(
            "SELECT article_id, told_by, text FROM articles a WHERE died IS NULL AND number IN"
            " (SELECT article FROM sketches WHERE band = ANY(:bands)) AND EXISTS (SELECT 1 FROM"
            " places p WHERE p.article = a.number AND p.found_as = a.article_id AND p.died IS NULL)"
            " ORDER BY number",
            bands=list(bands),
        )
        return [(str(name), str(source), str(text)) for name, source, text in rows]

    # -- sources --------------------------------------------------------------------------

    def set_stamp(self, source: str, stamp: str | None) -> None:
        """Remember what a source looked like; None has it read again by the next build."""
        self._earlier.note_sources()
        super().set_stamp(source, stamp)

    # -- articles removed by hand ---------------------------------------------------------

    def exclude(self, exclusions: Iterable[Exclusion]) -> None:
        """Have builds pass over articles, stored or not."""
        self._earlier.note_exclusions()
        self._statements.many(
            "INSERT INTO excluded AS e (article_id, title, since, text_id)"
            " VALUES (:article_id, :title, :since, :text_id) ON CONFLICT (article_id)"
            " DO UPDATE SET title = EXCLUDED.title, since = EXCLUDED.since,"
            " text_id = EXCLUDED.text_id",
            [asdict(one) for one in exclusions],
        )

    def take_back(self, article_id: str) -> bool:
        """Let builds index a removed article again; return whether it had been removed."""
        self._earlier.note_exclusions()
        self._earlier.note_sources()
        return super().take_back(article_id)

    def remember(self, former: Iterable[FormerArticle]) -> None:
        """Say of articles that they were stored once, here or in a store this one replaces."""
        self._statements.many(
            "INSERT INTO former_articles (article_id, since) VALUES (:article_id, :since)"
            " ON CONFLICT (article_id) DO UPDATE SET since = EXCLUDED.since",
            [asdict(one) for one in former],
        )

    # -- rows -----------------------------------------------------------------------------

    def _all(self, sql: str, **values: object) -> list[tuple[object, ...]]:
        return self._statements.all(sql, **values)

    def _run(self, sql: str, **values: object) -> int:
        return self._statements.run(sql, **values)

    def _stored_vectors(self, keys: Sequence[bytes], *, replaced: bool) -> list[StoredVector]:
        schema = self._elder if replaced else self._schema
        if schema is None:
            return []
        rows = self._all(
            f"SELECT DISTINCT ON (key) id, {self._engine.column.selected('vector')}, vector_crc,"
            f' key FROM "{schema}".passages WHERE key = ANY(:keys)',
            keys=list(keys),
        )
        return [
            StoredVector(
                int(str(number)),
                self._engine.column.from_bytes(as_bytes(blob)),
                int(str(crc)),
                as_bytes(key),
            )
            for number, blob, crc, key in rows
        ]

    def _stored_article(self, article_id: str) -> tuple[int, str, str] | None:
        rows = self._all(
            "SELECT number, title, text FROM articles WHERE article_id = :name AND died IS NULL",
            name=article_id,
        )
        return (int(str(rows[0][0])), str(rows[0][1]), str(rows[0][2])) if rows else None

    def _identifiers(self, numbers: Sequence[int]) -> list[str]:
        rows = self._all(
            "SELECT article_id FROM articles WHERE number = ANY(:numbers) AND died IS NULL",
            numbers=list(numbers),
        )
        return [str(row[0]) for row in rows]

    def _article_numbers(self, article_ids: Sequence[str]) -> dict[str, int]:
        rows = self._all(
            "SELECT article_id, number FROM articles"
            " WHERE article_id = ANY(:names) AND died IS NULL",
            names=list(article_ids),
        )
        return {str(name): int(str(number)) for name, number in rows}

    def _names_of(self, number: int) -> list[str]:
        rows = self._all(
            "SELECT DISTINCT found_as FROM places WHERE article = :number AND died IS NULL",
            number=number,
        )
        return [str(row[0]) for row in rows]

    def _orphans(self) -> list[int]:
        rows = self._all(
            "SELECT number FROM articles a WHERE died IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM places p WHERE p.article = a.number AND p.died IS NULL)"
        )
        return [int(str(row[0])) for row in rows]

    def _known_source(self, source: str) -> SourceKey:
        self._earlier.note_sources()
        self._run(
            "INSERT INTO sources (source, number) VALUES (:source, nextval('source_numbers'))"
            " ON CONFLICT (source) DO NOTHING",
            source=source,
        )
        return source

    def _places_of(self, source: SourceKey) -> set[tuple[int, str]]:
        rows = self._all(
            "SELECT article, found_as FROM places WHERE source = :source AND died IS NULL",
            source=source,
        )
        return {(int(str(article)), str(found_as)) for article, found_as in rows}

    def _put_article(self, article_id: str, columns: dict[str, object]) -> int:
        rows = self._all(
            "SELECT number FROM articles WHERE article_id = :name AND died IS NULL", name=article_id
        )
        if rows:
            number = int(str(rows[0][0]))
            self._drop_articles([number])
        else:
            (number,) = self._statements.next("article_numbers", 1)
        values = {"number": number, "born": self._new, **columns}
        marks = ", ".join(f":{name}" for name in values)
        self._run(f"INSERT INTO articles ({', '.join(values)}) VALUES ({marks})", **values)
        return number

    def _put_sketch(self, number: int, bands: Sequence[int]) -> None:
        self._statements.many(
            "INSERT INTO sketches VALUES (:band, :article) ON CONFLICT DO NOTHING",
            [{"band": band, "article": number} for band in bands],
        )

    def _put_passages(self, article: Article, number: int, passages: Iterable[NewPassage]) -> None:
        rows = list(passages)
        numbers = self._statements.next("passage_numbers", len(rows))
        for at, row in zip(numbers, rows, strict=True):
            passage = row.passage
            stored = PassageRow(
                number=at,
                article=number,
                passage_id=passage.passage_id,
                ordinal=passage.ordinal,
                start=passage.start,
                stop=passage.end,
                crc=row.crc,
                language=article.language,
                published=article.published,
                outlet=article.outlet,
                key=row.key,
                vector=row.vector,
                vector_crc=row.vector_crc,
                payload=row.payload,
                payload_crc=row.payload_crc,
            )
            self._queue.add(stored, self._new, searched_text(article.title, passage.text))

    def _put_places(self, places: Sequence[NewPlace]) -> None:
        self._statements.many(
            "INSERT INTO places (article, source, found_as, position, crc, born)"
            " VALUES (:article, :source, :found_as, :position, :crc, :born)",
            [{**asdict(place), "born": self._new} for place in places],
        )

    def _remove_places(self, source: SourceKey, places: Sequence[tuple[int, str]]) -> None:
        for article, found_as in places:
            self._run(
                "UPDATE places SET died = :new WHERE article = :article AND source = :source"
                " AND found_as = :found_as AND died IS NULL",
                new=self._new,
                article=article,
                source=source,
                found_as=found_as,
            )

    def _unlink_article(self, number: int) -> None:
        self._run(
            "UPDATE places SET died = :new WHERE article = :number AND died IS NULL",
            new=self._new,
            number=number,
        )

    def _delete_source(self, source: str) -> bool:
        self._earlier.note_sources()
        removed = self._run("DELETE FROM sources WHERE source = :source", source=source) > 0
        if removed:
            self._run(
                "UPDATE places SET died = :new WHERE source = :source AND died IS NULL",
                new=self._new,
                source=source,
            )
        return removed

    def _drop_articles(self, numbers: Sequence[int]) -> None:
        """Have articles and their passages die with this generation."""
        self._queue.copy()
        for some in chunks(numbers, 5000):
            for statement in (
                "INSERT INTO deletions SELECT id, :new FROM passages"
                " WHERE article = ANY(:numbers) AND died IS NULL",
                "UPDATE passages SET died = :new WHERE article = ANY(:numbers) AND died IS NULL",
                "UPDATE articles SET died = :new WHERE number = ANY(:numbers) AND died IS NULL",
            ):
                self._run(statement, numbers=list(some), new=self._new)
