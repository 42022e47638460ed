"""Changing a store on servers: one writer, one transaction, one new generation."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import (
    ArticleMissing,
    KonkyoError,
    StoreDamaged,
    StoreError,
    StoreLocked,
    StoreMissing,
)
from konkyo.index.records import Article, Passage, text_id_for
from konkyo.index.stores.base import Exclusion
from konkyo.index.stores.bm25 import Postings
from konkyo.index.stores.local.database import (
    article_from_row,
    blob_from_vector,
    chunks,
    digest_article,
    must_fit,
    passage_from_row,
    row_crc,
    searched_text,
    unit,
    vector_rows,
)
from konkyo.index.stores.postgres.address import parse
from konkyo.index.stores.postgres.database import CONTROL, Database, in_force, run, value
from konkyo.index.stores.postgres.postings import SEGMENT_LIMIT, merged, packed
from konkyo.index.stores.postgres.reader import ARTICLE_COLUMNS, EXCLUSION, SCHEMA, meta_of
from konkyo.index.stores.postgres.vectors import VectorEngine, VectorRow, engine_for

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["SqlWriter", "open_writer"]

_COPY_ROWS = 2_000
_KEEP_SECONDS = 3_600
_SMALL_SEGMENT = 8_192
_SMALL_SEGMENTS = 10
_PASSAGE_COLUMNS = (
    "id, article, born, passage_id, ordinal, start, stop, crc, language, published, outlet, key,"
    " vector, vector_crc, payload, payload_crc"
)


class PassageRow(NamedTuple):
    """A passage as the table keeps it; ``vector`` is little-endian float16."""

    number: int
    article: int
    passage_id: str
    ordinal: int
    start: int
    stop: int
    crc: int
    language: str
    published: str | None
    outlet: str | None
    key: bytes
    vector: bytes
    vector_crc: int
    payload: str | None
    payload_crc: int | None


class SqlWriter:
    """One transaction on a store; nothing is seen by readers before ``commit`` returns.

    An article lives as long as some source holds it. Not for use by several threads.
    """

    def __init__(
        self,
        database: Database,
        connection: Connection,
        engine: VectorEngine,
        truth: str,
        *,
        swap: bool,
        replaces: bool = False,
        elder: str | None = None,
    ) -> None:
        self._database = database
        self._shown = database.shown
        self._connection = connection
        self._engine = engine
        self._truth = truth
        self._swap = swap
        self._replaces = replaces
        self._elder = elder
        self._changed = False
        facts = meta_of(connection, self._shown, engine.name)
        self._dimension = int(facts["dimension"])
        self._position = int(facts["next_position"])
        self._generation = int(facts["generation"])
        self._new = self._generation + (0 if swap else 1)
        self._rows: list[tuple[object, ...]] = []
        self._vectors: list[VectorRow] = []
        self._numbers: list[int] = []
        self._texts: list[str] = []
        self._sources_before: dict[str, str | None] | None = None
        self._excluded_before: list[tuple[object, ...]] | None = None

    @property
    def generation(self) -> int:
        """The generation this transaction started from."""
        return self._generation

    @property
    def replaces(self) -> bool:
        """Whether this is a new truth that will take the place of another."""
        return self._replaces

    def stamps(self) -> dict[str, str | None]:
        """Every source and the stamp it had when it was last read (None: read it again)."""
        rows = self._all("SELECT source, stamp FROM sources ORDER BY number")
        return {str(s): None if stamp is None else str(stamp) for s, stamp in rows}

    def vectors_of(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Stored vectors by the hash of the text they were made of; missing keys are left out.

        A truth being rebuilt also finds those of the one it replaces, if the encoder is the same.
        """
        self._flush()
        found: dict[bytes, Vectors] = {}
        for schema in (self._truth, self._elder):
            missing = [key for key in keys if key not in found]
            if schema is None or not missing:
                continue
            for some in chunks(missing, 2000):
                rows = self._all(
                    f"SELECT DISTINCT ON (key) id, {self._engine.selected('vector')}, vector_crc,"
                    f' key FROM "{schema}".passages WHERE key = ANY(:keys)',
                    keys=list(some),
                )
                triples = [
                    (int(str(n)), self._engine.from_bytes(_bytes(blob)), int(str(crc)))
                    for n, blob, crc, _ in rows
                ]
                block = vector_rows(self._shown, triples, self._dimension)
                for row, vector in zip(rows, unit(block), strict=True):
                    found[_bytes(row[3])] = vector
        return found

    def teller(self, article_id: str) -> tuple[str | None, bytes] | None:
        """Whose facts a stored article has, and their checksum; None: it is not stored.

        The first is None when that source no longer holds the article.
        """
        rows = self._all(
            "SELECT (SELECT max(source) FROM places p WHERE p.article = a.number"
            " AND p.source = a.told_by AND p.found_as = a.article_id AND p.died IS NULL), digest"
            " FROM articles a WHERE article_id = :name AND died IS NULL",
            name=article_id,
        )
        if not rows:
            return None
        source, digest = rows[0]
        return None if source is None else str(source), _bytes(digest)

    def alike(self, bands: Sequence[int]) -> list[tuple[str, str, str]]:
        """(article_id, teller, text) of stored articles that share a band, oldest first.

        Articles that no source holds as they are, but only as a near copy, are left out.
        """
        rows = self._all(
            "SELECT article_id, told_by, text FROM articles a WHERE died IS NULL AND number IN"
            " (SELECT article FROM sketches WHERE band = ANY(:bands)) AND EXISTS (SELECT 1 FROM"
            " places p WHERE p.article = a.number AND p.found_as = a.article_id AND p.died IS NULL)"
            " ORDER BY number",
            bands=list(bands),
        )
        return [(str(name), str(teller), str(text)) for name, teller, text in rows]

    def tellers(self) -> dict[str, str]:
        """Every stored article and the source whose facts it has (empty: a source that is gone)."""
        rows = self._all(
            "SELECT article_id, coalesce(s.source, '') FROM articles a"
            " LEFT JOIN sources s ON s.source = a.told_by WHERE died IS NULL"
        )
        return {str(name): str(source) for name, source in rows}

    def excluded(self) -> dict[str, str]:
        """Titles of articles removed by hand, by their identifiers and those of their texts."""
        rows = self._all("SELECT article_id, text_id, title FROM excluded")
        texts = {str(text_id): str(title) for _, text_id, title in rows if text_id}
        return texts | {str(name): str(title) for name, _, title in rows}

    def bereaved(self) -> list[str]:
        """Sources to be read again: they hold a story whose teller no longer does."""
        rows = self._all(
            "SELECT p.source FROM places p JOIN articles a ON a.number = p.article"
            " AND a.died IS NULL WHERE p.died IS NULL AND NOT EXISTS (SELECT 1 FROM places t"
            " WHERE t.article = a.number AND t.source = a.told_by AND t.died IS NULL"
            " AND t.found_as = a.article_id) GROUP BY p.source ORDER BY min(p.position)"
        )
        return [str(row[0]) for row in rows]

    def set_fingerprint(self, fingerprint: str) -> None:
        """Say what made this store: a copy says it only when it is whole."""
        with self._database.guarded():
            set_meta(self._connection, "fingerprint", fingerprint)
        self._changed = True

    def set_stamp(self, source: str, stamp: str | None) -> None:
        """Remember what a source looked like; None has it read again by the next build."""
        self._note_sources()
        self._run("UPDATE sources SET stamp = :stamp WHERE source = :s", stamp=stamp, s=source)

    def described(self, source: str) -> dict[str, tuple[str, str]]:
        """Text -> (title, language) of the articles whose facts a source gave."""
        rows = self._all(
            "SELECT text, title, language FROM articles WHERE told_by = :source AND died IS NULL",
            source=source,
        )
        return {str(text): (str(title), str(language)) for text, title, language in rows}

    def put(
        self,
        article: Article,
        passages: Sequence[Passage],
        vectors: Vectors,
        keys: Sequence[bytes],
        bands: Sequence[int] = (),
        payloads: Sequence[str] = (),
    ) -> None:
        """Store an article with its passages, or replace it; link it with ``set_source``.

        Its facts are those of ``article.source``. ``vectors`` has shape (len(passages),
        dimension), rows of length 1; ``keys`` are hashes of the texts they were made of;
        ``bands`` are the article's sketch; ``payloads``, if any, are one a passage and come
        back with it.
        """
        must_fit(self._shown, article, passages, vectors, self._dimension)
        if "\0" in article.text + article.title:
            raise StoreError(
                f"{self._shown}: article {article.article_id} holds a NUL character, which"
                " PostgreSQL cannot keep; nothing was kept"
            )
        self._changed = True
        rows = self._all(
            "SELECT number FROM articles WHERE article_id = :name AND died IS NULL",
            name=article.article_id,
        )
        if rows:
            number = int(str(rows[0][0]))
            self._drop([number])
        else:
            number = self._next("article_numbers", 1)[0]
        self._know(article.source)
        self._run(
            "INSERT INTO articles (number, born, article_id, title, text, language, published,"
            " published_at, url, outlet, author, comments, passages, told_by, digest, crc) VALUES"
            " (:number, :born, :article_id, :title, :text, :language, :published, :published_at,"
            " :url, :outlet, :author, :comments, :passages, :told_by, :digest, :crc)",
            number=number,
            born=self._new,
            article_id=article.article_id,
            title=article.title,
            text=article.text,
            language=article.language,
            published=article.published,
            published_at=article.published_at,
            url=article.url,
            outlet=article.outlet,
            author=article.author,
            comments=json.dumps(list(article.comments), ensure_ascii=False),
            passages=len(passages),
            told_by=article.source,
            digest=digest_article(article),
            crc=row_crc(article.article_id, len(passages), article.source),
        )
        if bands:
            run(
                self._connection,
                "INSERT INTO sketches VALUES (:band, :article) ON CONFLICT DO NOTHING",
                [{"band": band, "article": number} for band in dict.fromkeys(bands)],
            )
        self._put_passages(article, number, passages, vectors, keys, payloads)

    def _put_passages(
        self,
        article: Article,
        number: int,
        passages: Sequence[Passage],
        vectors: Vectors,
        keys: Sequence[bytes],
        payloads: Sequence[str],
    ) -> None:
        ids = self._next("passage_numbers", len(passages))
        for at, passage, vector, key in zip(ids, passages, vectors, keys, strict=True):
            blob, crc = blob_from_vector(vector)
            facts = (passage.passage_id, number, passage.ordinal, passage.start, passage.end)
            payload = payloads[passage.ordinal] if payloads else None
            self._take_in(
                PassageRow(
                    number=at,
                    article=number,
                    passage_id=passage.passage_id,
                    ordinal=passage.ordinal,
                    start=passage.start,
                    stop=passage.end,
                    crc=row_crc(*facts),
                    language=article.language,
                    published=article.published,
                    outlet=article.outlet,
                    key=key,
                    vector=blob,
                    vector_crc=crc,
                    payload=payload,
                    payload_crc=None if payload is None else row_crc(payload),
                ),
                searched_text(article.title, passage.text),
            )

    def _take_in(self, row: PassageRow, text: str) -> None:
        """Queue a passage: for the table, for near vectors and, with ``text``, for words."""
        half = np.frombuffer(row.vector, "<f2")
        facts = (row.number, row.article, self._new, *row[2:11])
        column = self._engine.to_column(half)
        self._rows.append((*facts, column, row.vector_crc, row.payload, row.payload_crc))
        self._vectors.append(
            VectorRow(row.number, row.article, row.language, row.published, row.outlet, half)
        )
        self._numbers.append(row.number)
        self._texts.append(text)
        if len(self._rows) >= _COPY_ROWS:
            self._flush()
        if len(self._texts) >= SEGMENT_LIMIT:
            self._write_segments()

    def set_source(
        self, source: str, stamp: str | None, articles: Iterable[tuple[str, str]]
    ) -> None:
        """Say which stored articles a source holds, in its order, replacing what it held before.

        ``articles`` are (article_id, found_as); the two differ when the source holds a near copy.
        Raises ArticleMissing.
        """
        links = list(articles)
        self._know(source)
        self.set_stamp(source, stamp)
        names = sorted({article_id for article_id, _ in links})
        numbers = {
            str(name): int(str(number))
            for name, number in self._all(
                "SELECT article_id, number FROM articles"
                " WHERE article_id = ANY(:names) AND died IS NULL",
                names=names,
            )
        }
        for name in names:
            if name not in numbers:
                raise ArticleMissing(f"no article {name} to link {source} to")
        wanted = dict.fromkeys((numbers[article_id], found_as) for article_id, found_as in links)
        held = {
            (int(str(article)), str(found_as))
            for article, found_as in self._all(
                "SELECT article, found_as FROM places WHERE source = :source AND died IS NULL",
                source=source,
            )
        }
        for article, found_as in sorted(held - wanted.keys()):
            self._run(
                "UPDATE places SET died = :new WHERE article = :article AND source = :source"
                " AND found_as = :found_as AND died IS NULL",
                new=self._new,
                article=article,
                source=source,
                found_as=found_as,
            )
            self._changed = True
        fresh = []
        for article, found_as in wanted:
            if (article, found_as) not in held:
                crc = row_crc(article, source, found_as, self._position)
                fresh.append(
                    {
                        "article": article,
                        "source": source,
                        "found_as": found_as,
                        "position": self._position,
                        "crc": crc,
                        "born": self._new,
                    }
                )
                self._position += 1
        if fresh:
            self._changed = True
            run(
                self._connection,
                "INSERT INTO places (article, source, found_as, position, crc, born)"
                " VALUES (:article, :source, :found_as, :position, :crc, :born)",
                fresh,
            )

    def remove_source(self, source: str) -> bool:
        """Forget a source and what only it held; say whether it was there."""
        self._note_sources()
        removed = self._run("DELETE FROM sources WHERE source = :source", source=source) > 0
        if removed:
            self._run(
                "UPDATE places SET died = :new WHERE source = :source AND died IS NULL",
                new=self._new,
                source=source,
            )
        self._changed = self._changed or removed
        return removed

    def remove_article(self, article_id: str) -> None:
        """Remove one article wherever it was found, and near copies of it, for good.

        Builds pass over it until ``take_back``. Raises ArticleMissing.
        """
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        rows = self._all(
            "SELECT number, title, text FROM articles WHERE article_id = :name AND died IS NULL",
            name=article_id,
        )
        if not rows:
            raise ArticleMissing(
                f"no article {article_id} in {self._shown}; `konkyo index list` shows all"
            )
        number, title = int(str(rows[0][0])), str(rows[0][1])
        copies = self._all(
            "SELECT DISTINCT found_as FROM places WHERE article = :number AND died IS NULL",
            number=number,
        )
        names = {str(row[0]): "" for row in copies} | {article_id: text_id_for(str(rows[0][2]))}
        self.exclude(Exclusion(name, title, since, text_id) for name, text_id in names.items())
        self._run(
            "UPDATE places SET died = :new WHERE article = :number AND died IS NULL",
            new=self._new,
            number=number,
        )
        self._changed = True

    def exclude(self, exclusions: Iterable[Exclusion]) -> None:
        """Have builds pass over articles, stored or not."""
        rows = [asdict(one) for one in exclusions]
        if rows:
            self._note_exclusions()
            run(
                self._connection,
                "INSERT INTO excluded AS e (article_id, title, since, text_id)"
                " VALUES (:article_id, :title, :since, :text_id) ON CONFLICT (article_id)"
                " DO UPDATE SET title = EXCLUDED.title, since = EXCLUDED.since,"
                " text_id = EXCLUDED.text_id",
                rows,
            )

    def take_back(self, article_id: str) -> bool:
        """Let builds index a removed article again; say whether it had been removed."""
        self._note_exclusions()
        removed = self._run("DELETE FROM excluded WHERE article_id = :name", name=article_id)
        if removed:
            # No telling which source holds it: all are read again, nothing is encoded twice.
            self._run("UPDATE sources SET stamp = NULL")
        return removed > 0

    def drop_orphans(self) -> None:
        """Remove articles no source holds any more; ``commit`` does it, too."""
        rows = self._all(
            "SELECT number FROM articles a WHERE died IS NULL AND NOT EXISTS"
            " (SELECT 1 FROM places p WHERE p.article = a.number AND p.died IS NULL)"
        )
        if rows:
            self._changed = True
            self._drop([int(str(row[0])) for row in rows])

    def undo(self) -> None:
        """Bring back the last generation before the newest; ``commit`` puts it in force.

        Raises StoreError when no earlier generation is kept.
        """
        before = self._generation - 1
        if self._all("SELECT 1 FROM generations WHERE generation = :before", before=before):
            self._restore()
            return
        # This truth took over from another one, which is still there.
        current = in_force(self._connection, self._database.address.store)
        if current is None or current.previous is None:
            raise StoreError(
                f"{self._shown}: there is no earlier generation to go back to; one is kept from"
                " the next change on"
            )
        with self._database.guarded():
            self._database.use(self._connection, current.previous, lasting=True)
            facts = meta_of(self._connection, self._shown, self._engine.name)
            self._dimension = int(facts["dimension"])
            _migrate(self._connection, self._engine, current.previous, self._dimension)
        self._truth = current.previous
        self._position = int(facts["next_position"])
        self._new = self._generation + 1
        self._swap = True

    def _restore(self) -> None:
        """Let what came with the newest generation die, and what died with it be born again."""
        last = self._generation
        self._drop(
            [
                int(str(row[0]))
                for row in self._all(
                    "SELECT number FROM articles WHERE born = :last AND died IS NULL", last=last
                )
            ]
        )
        for row in self._all(f"SELECT {ARTICLE_COLUMNS} FROM articles WHERE died = :g", g=last):
            article_from_row(self._shown, row, ())
        self._again("articles", last)
        self._restore_passages(last)
        self._run(
            "UPDATE places SET died = :new WHERE born = :last AND died IS NULL",
            new=self._new,
            last=last,
        )
        self._again("places", last)
        self._restore_sources()
        self._restore_exclusions()
        self._changed = True

    def _again(self, table: str, last: int) -> None:
        """Have rows that died with a generation be born again with the new one."""
        names = [
            str(row[0])
            for row in self._all(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = :truth"
                " AND table_name = :table AND column_name NOT IN ('born', 'died')",
                truth=self._truth,
                table=table,
            )
        ]
        columns = ", ".join(f'"{name}"' for name in names)
        self._run(
            f"INSERT INTO {table} ({columns}, born) SELECT {columns}, :new FROM {table}"
            " WHERE died = :last",
            new=self._new,
            last=last,
        )

    def _restore_passages(self, last: int) -> None:
        """Put back passages that died with a generation, under new numbers."""
        ids = [
            int(str(row[0]))
            for row in self._all("SELECT id FROM passages WHERE died = :g ORDER BY id", g=last)
        ]
        columns = "passage_id, ordinal, start, stop, crc, language, published, outlet, key"
        for some in chunks(ids, _COPY_ROWS):
            rows = self._all(
                f"SELECT p.article, {', '.join('p.' + name for name in columns.split(', '))},"
                f" {self._engine.selected('p.vector')}, p.vector_crc, p.payload, p.payload_crc,"
                " a.article_id, a.title, a.text FROM passages p JOIN articles a"
                " ON a.number = p.article AND a.died = :last"
                " WHERE p.died = :last AND p.id = ANY(:ids) ORDER BY p.id",
                last=last,
                ids=list(some),
            )
            for number, row in zip(self._next("passage_numbers", len(rows)), rows, strict=True):
                *facts, article_id, title, text = row
                article, passage_id, ordinal, start, stop, crc = facts[:6]
                span = (number, passage_id, article, ordinal, start, stop, crc)
                passage = passage_from_row(self._shown, span, str(text), str(article_id)).passage
                facts[9:11] = [_bytes(facts[9]), self._engine.from_bytes(_bytes(facts[10]))]
                restored = PassageRow(number, *facts)  # type: ignore[arg-type]
                vector_rows(
                    self._shown,
                    [(number, restored.vector, restored.vector_crc)],
                    self._dimension,
                )
                self._take_in(restored, searched_text(str(title), passage.text))
            self._flush()
            self._write_segments()

    def _note_exclusions(self) -> None:
        """Remember the articles removed by hand as they were before this transaction."""
        if self._excluded_before is None:
            self._excluded_before = self._all(
                "SELECT article_id, title, since, text_id FROM excluded"
            )

    def _note_sources(self) -> None:
        """Remember the sources as they were before this transaction."""
        if self._sources_before is None:
            self._sources_before = self.stamps()

    def _restore_sources(self) -> None:
        self._note_sources()
        for statement in (
            "DELETE FROM sources WHERE source IN"
            " (SELECT source FROM sources_before WHERE NOT existed)",
            "INSERT INTO sources (source, number, stamp) SELECT source,"
            " nextval('source_numbers'), stamp FROM sources_before WHERE existed"
            " ON CONFLICT (source) DO UPDATE SET stamp = EXCLUDED.stamp",
        ):
            self._run(statement)

    def _restore_exclusions(self) -> None:
        self._note_exclusions()
        self._run("DELETE FROM excluded")
        columns = "article_id, title, since, text_id"
        self._run(f"INSERT INTO excluded ({columns}) SELECT {columns} FROM excluded_before")

    def _save_before(self) -> None:
        """Keep what this transaction changed in tables that have no generations."""
        now = self.stamps()
        before = now if self._sources_before is None else self._sources_before
        changed = [
            (source, source in before, before.get(source))
            for source in before.keys() | now.keys()
            if source not in before or source not in now or before[source] != now[source]
        ]
        self._run("DELETE FROM sources_before")
        self._copy("sources_before", "source, existed, stamp", ["text", "bool", "text"], changed)
        self._run("DELETE FROM excluded_before")
        columns = "article_id, title, since, text_id"
        if self._excluded_before is None:
            self._run(f"INSERT INTO excluded_before ({columns}) SELECT {columns} FROM excluded")
        else:
            self._copy("excluded_before", columns, ["text"] * 4, self._excluded_before)

    def commit(self) -> int:
        """Make all of it the newest generation, at once and durably; give its number.

        Nothing changed: no new generation.
        """
        with self._database.guarded():
            self.drop_orphans()
            self._flush()
            self._write_segments()
            generation = self._generation
            gone: list[str] = []
            forgotten: list[int] = []
            if self._changed or self._swap:
                generation = self._new
                count = self._count("SELECT count(*) FROM passages WHERE died IS NULL")
                self._run(
                    "INSERT INTO generations (generation, passages) VALUES (:new, :count)",
                    new=generation,
                    count=count,
                )
                set_meta(self._connection, "generation", str(generation))
                set_meta(self._connection, "next_position", str(self._position))
                if not self._swap:
                    self._save_before()
                forgotten = self._prune()
                self._engine.settle(self._connection, self._truth, count)
            if self._swap:
                gone = self._take_over()
            self._connection.commit()
            if forgotten:
                self._engine.forget(self._truth, forgotten)
            for truth in gone:
                self._engine.drop(truth)
        self._generation = generation
        return generation

    def keep_up(
        self, *, compact: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """After ``commit``: join small segments of postings; bring Milvus up to the truth."""
        with self._database.guarded():
            self._connection.rollback()
            self._join(compact)
            self._connection.commit()
            self._engine.keep_up(self._connection, self._truth, self._dimension)
            self._connection.commit()

    def vacuum(self) -> None:
        """After ``commit``: have the server reuse freed space and renew its statistics."""
        with self._database.guarded():
            self._connection.rollback()
            self._connection.execution_options(isolation_level="AUTOCOMMIT")
            try:
                rows = self._all(
                    "SELECT tablename FROM pg_tables WHERE schemaname = :truth", truth=self._truth
                )
                for row in rows:
                    self._run(f'VACUUM (ANALYZE) "{self._truth}"."{row[0]}"')
            finally:
                self._connection.rollback()
                self._connection.execution_options(isolation_level="READ COMMITTED")

    # -- statements -----------------------------------------------------------------------

    def _all(self, sql: str, **values: object) -> list[tuple[object, ...]]:
        with self._database.guarded():
            return [tuple(row) for row in run(self._connection, sql, values)]

    def _run(self, sql: str, **values: object) -> int:
        with self._database.guarded():
            return run(self._connection, sql, values).rowcount

    def _count(self, sql: str) -> int:
        return int(str(self._all(sql)[0][0]))

    def _next(self, sequence: str, count: int) -> list[int]:
        rows = self._all(
            f"SELECT nextval('{sequence}') FROM generate_series(1, :count)", count=count
        )
        return [int(str(row[0])) for row in rows]

    def _know(self, source: str) -> None:
        self._note_sources()
        self._run(
            "INSERT INTO sources (source, number) VALUES (:source, nextval('source_numbers'))"
            " ON CONFLICT (source) DO NOTHING",
            source=source,
        )

    def _drop(self, numbers: Sequence[int]) -> None:
        """Have articles and their passages die with this generation."""
        self._flush()
        for some in chunks(numbers, 5000):
            gone = {"numbers": list(some), "new": self._new}
            for statement in (
                "INSERT INTO deletions SELECT id, :new FROM passages"
                " WHERE article = ANY(:numbers) AND died IS NULL",
                "UPDATE passages SET died = :new WHERE article = ANY(:numbers) AND died IS NULL",
                "UPDATE articles SET died = :new WHERE number = ANY(:numbers) AND died IS NULL",
            ):
                self._run(statement, **gone)

    def _flush(self) -> None:
        """Copy what waits to the server."""
        if not self._rows:
            return
        types = ["int8", "int8", "int4", "text", "int4", "int4", "int4", "int8"]
        types += ["text", "text", "text", "bytea"]
        types += [re.sub(r"\(.*", "", self._engine.column(self._dimension))]
        types += ["int8", "text", "int8"]
        self._copy("passages", _PASSAGE_COLUMNS, types, self._rows)
        self._engine.grow(self._truth, self._dimension, self._vectors)
        self._rows = []
        self._vectors = []

    def _copy(
        self, table: str, columns: str, types: Sequence[str], rows: Iterable[tuple[object, ...]]
    ) -> None:
        driver = self._connection.connection.driver_connection
        assert driver is not None
        if self._engine.name == "pgvector":
            from pgvector.psycopg import register_vector

            register_vector(driver)
        with (
            self._database.guarded(),
            driver.cursor() as cursor,
            cursor.copy(f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)") as copy,
        ):
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    # -- words ----------------------------------------------------------------------------

    def _write_segments(self) -> None:
        """Index the words of the passages put since the last segment."""
        for at in range(0, len(self._texts), SEGMENT_LIMIT):
            postings = Postings.build(self._texts[at : at + SEGMENT_LIMIT])
            numbers = np.array(self._numbers[at : at + SEGMENT_LIMIT], np.int64)
            self._write_segment(numbers, postings.lengths, packed(postings))
        self._texts = []
        self._numbers = []

    def _write_segment(
        self,
        numbers: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.uint32],
        postings: Iterable[tuple[int, bytes, bytes]],
    ) -> None:
        (number,) = self._next("segment_numbers", 1)
        self._run(
            "INSERT INTO segments (number, low, offsets, lengths)"
            " VALUES (:number, :low, :offsets, :lengths)",
            number=number,
            low=int(numbers[0]),
            offsets=(numbers - numbers[0]).astype("<u4").tobytes(),
            lengths=lengths.astype("<u4").tobytes(),
        )
        self._copy(
            "postings",
            "term, segment, docs, frequencies",
            ["int8", "int8", "bytea", "bytea"],
            ((term, number, docs, frequencies) for term, docs, frequencies in postings),
        )

    def _join(self, compact: bool) -> None:
        """Join small segments, and those of which much is gone, leaving out what is gone."""
        self._run(
            "DELETE FROM postings WHERE segment IN (SELECT number FROM segments"
            " WHERE retired < now() - make_interval(secs => :keep))",
            keep=_KEEP_SECONDS,
        )
        self._run(
            "DELETE FROM segments WHERE retired < now() - make_interval(secs => :keep)",
            keep=_KEEP_SECONDS,
        )
        gone = np.array(
            sorted(int(str(r[0])) for r in self._all("SELECT passage FROM deletions")), np.int64
        )
        found = []
        for number, low, offsets, lengths in self._all(
            "SELECT number, low, offsets, lengths FROM segments WHERE retired IS NULL ORDER BY low"
        ):
            numbers = np.frombuffer(_bytes(offsets), "<u4").astype(np.int64) + int(str(low))
            stays = ~np.isin(numbers, gone)
            found.append((int(str(number)), numbers, np.frombuffer(_bytes(lengths), "<u4"), stays))
        small = [f for f in found if int(f[3].sum()) <= _SMALL_SEGMENT or f[3].mean() < 0.75]
        if not compact and len(small) < _SMALL_SEGMENTS:
            return
        for group in _groups(found if compact else small):
            if len(group) == 1 and group[0][3].all():
                continue
            parts = []
            for number, _, _, stays in group:
                rows = self._all(
                    "SELECT term, docs, frequencies FROM postings WHERE segment = :number",
                    number=number,
                )
                parts.append((stays, {int(str(t)): (_bytes(d), _bytes(f)) for t, d, f in rows}))
            numbers = np.concatenate([n[stays] for _, n, _, stays in group])
            lengths = np.concatenate([size[stays] for _, _, size, stays in group])
            if len(numbers):
                joined = merged(parts)
                self._write_segment(
                    numbers, lengths, ((term, *joined[term]) for term in sorted(joined))
                )
            self._run(
                "UPDATE segments SET retired = now() WHERE number = ANY(:numbers)",
                numbers=[number for number, *_ in group],
            )
            dropped = np.concatenate([n[~stays] for _, n, _, stays in group]).tolist()
            self._run("DELETE FROM deletions WHERE passage = ANY(:dropped)", dropped=dropped)

    # -- generations ----------------------------------------------------------------------

    def _prune(self) -> list[int]:
        """Remove what no reader may ask for any more; give the passages' numbers."""
        oldest = self._count(
            "SELECT coalesce(max(generation), 0) FROM generations WHERE generation < "
            "(SELECT max(generation) FROM generations) AND committed"
            f" < now() - make_interval(secs => {_KEEP_SECONDS})"
        )
        if not oldest:
            return []
        set_meta(self._connection, "readable_from", str(oldest))
        rows = self._all("DELETE FROM passages WHERE died <= :oldest RETURNING id", oldest=oldest)
        for table in ("articles", "places"):
            self._run(f"DELETE FROM {table} WHERE died <= :oldest", oldest=oldest)
        self._run(
            "DELETE FROM sketches s WHERE NOT EXISTS"
            " (SELECT 1 FROM articles a WHERE a.number = s.article)"
        )
        self._run("DELETE FROM generations WHERE generation < :oldest", oldest=oldest)
        return [int(str(row[0])) for row in rows]

    def _take_over(self) -> list[str]:
        """Put this truth in force, keep the one before, drop the one before that."""
        store = self._database.address.store
        current = in_force(self._connection, store)
        self._run(
            f"INSERT INTO {CONTROL}.stores (name, truth) VALUES (:name, :truth)"
            " ON CONFLICT (name) DO UPDATE SET truth = EXCLUDED.truth,"
            " previous = stores.truth, changed = now()",
            name=store,
            truth=self._truth,
        )
        gone = [current.previous] if current is not None and current.previous else []
        gone = [name for name in gone if name != self._truth]
        for name in gone:
            self._run(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')
        return gone


def set_meta(connection: Connection, key: str, value: str) -> None:
    """Write one fact about the store itself."""
    run(
        connection,
        "INSERT INTO meta VALUES (:key, :value)"
        " ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value",
        {"key": key, "value": value},
    )


@contextlib.contextmanager
def open_writer(
    address: str,
    *,
    fingerprint: str | None = None,
    encoder: str = "",
    dimension: int = 0,
    wait: float = 0.0,
    rebuild: bool = False,
) -> Iterator[SqlWriter]:
    """Lock a store and start a transaction; as ``konkyo.index.stores.open.open_writer``."""
    with contextlib.ExitStack() as stack:
        database = Database(parse(address))
        stack.callback(database.close)
        engine = engine_for(database)
        stack.callback(engine.close)
        connection = stack.enter_context(database.writing())
        with database.guarded():
            _lock(database, connection, wait)
            truth, swap, elder = _choose(
                database, connection, engine, fingerprint, encoder, dimension, rebuild
            )
            reusable = elder and _usable(connection, elder, engine, encoder, dimension)
        try:
            yield SqlWriter(
                database,
                connection,
                engine,
                truth,
                swap=swap,
                replaces=elder is not None,
                elder=elder if reusable else None,
            )
        except BaseException:
            if swap:
                # The first error is the one to be told.
                with contextlib.suppress(KonkyoError):
                    engine.drop(truth)
            raise
        finally:
            with contextlib.suppress(KonkyoError), database.guarded():
                connection.rollback()


def _lock(database: Database, connection: Connection, wait: float) -> None:
    """One writer a store: an advisory lock that goes with its connection."""
    name = f"konkyo {database.address.store}".encode()
    key = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little", signed=True)
    deadline = time.monotonic() + wait
    while True:
        taken = value(connection, "SELECT pg_try_advisory_lock(:key)", {"key": key})
        if taken:
            connection.commit()
            return
        if time.monotonic() >= deadline:
            raise StoreLocked(
                f"{database.shown}: {_holder(connection, key)} is writing to this index; wait for"
                " it to end, or let this command wait with `--wait SECONDS`"
            )
        connection.commit()
        time.sleep(0.05)


def _holder(connection: Connection, key: int) -> str:
    row = run(
        connection,
        "SELECT a.application_name, host(a.client_addr), to_char(a.backend_start,"
        " 'YYYY-MM-DD\"T\"HH24:MI:SSOF') FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
        " AND l.classid = CAST(:high AS oid) AND l.objid = CAST(:low AS oid)",
        {"high": (key >> 32) & 0xFFFFFFFF, "low": key & 0xFFFFFFFF},
    ).fetchone()
    if row is None:
        return "another process"
    found = re.fullmatch(r"konkyo (\d+)@(.+)", str(row[0]))
    who = f"process {found[1]} on {found[2]}" if found else f"{row[0]} from {row[1]}"
    return f"{who} (since {row[2]})" if row[2] else who


def _choose(
    database: Database,
    connection: Connection,
    engine: VectorEngine,
    fingerprint: str | None,
    encoder: str,
    dimension: int,
    rebuild: bool,
) -> tuple[str, bool, str | None]:
    """The truth to write to, whether it is a new one, and the one it is to replace."""
    store = database.address.store
    current = in_force(connection, store)
    generation = 0
    elder = None
    if current is not None:
        database.use(connection, current.truth, lasting=True)
        try:
            facts = meta_of(connection, database.shown, engine.name)
            generation = int(facts["generation"])
            if fingerprint is None or (facts["fingerprint"] == fingerprint and not rebuild):
                _migrate(connection, engine, current.truth, int(facts["dimension"]))
                set_meta(connection, "schema", SCHEMA)
                return current.truth, False, None
        except StoreDamaged:
            if fingerprint is None or not rebuild:
                raise
        elder = current.truth
    if fingerprint is None:
        raise StoreMissing(
            f"{database.shown}: no index here; make one with `konkyo index build SOURCE..."
            f" --store {database.shown}`"
        )
    run(connection, f"CREATE SCHEMA IF NOT EXISTS {CONTROL}")
    run(
        connection,
        f"CREATE TABLE IF NOT EXISTS {CONTROL}.stores (name text PRIMARY KEY, truth text NOT NULL,"
        " previous text, changed timestamptz NOT NULL DEFAULT now())",
    )
    truth = f"konkyo_{store}_{uuid.uuid4().hex[:12]}"
    database.use(connection, None, lasting=True)
    engine.prepare(connection)
    run(connection, f'CREATE SCHEMA "{truth}"')
    database.use(connection, truth, lasting=True)
    _migrate(connection, engine, truth, dimension)
    facts = {
        "schema": SCHEMA,
        "store_id": uuid.uuid4().hex,
        "engine": engine.name,
        "fingerprint": fingerprint,
        "encoder": encoder,
        "dimension": str(dimension),
        "generation": str(generation + 1),
        "readable_from": str(generation + 1),
        "next_position": "0",
        "created": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    for key, fact in facts.items():
        set_meta(connection, key, fact)
    if elder is not None:
        # What was removed by hand stays removed when everything else is made anew.
        run(
            connection,
            f"INSERT INTO excluded (article_id, title, since, text_id) SELECT {EXCLUSION}"
            f' FROM "{elder}".excluded e',
        )
    return truth, True, elder


def _migrate(connection: Connection, engine: VectorEngine, truth: str, dimension: int) -> None:
    """Bring a truth's tables to this version, in the transaction under way."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option(
        "script_location", str(Path(__file__).parent / "migrations").replace("%", "%%")
    )
    citus = run(connection, "SELECT 1 FROM pg_extension WHERE extname = 'citus'").fetchone()
    config.attributes.update(
        connection=connection,
        schema=truth,
        vector=engine.column(dimension),
        citus=citus is not None,
    )
    command.upgrade(config, "head")


def _usable(
    connection: Connection, elder: str, engine: VectorEngine, encoder: str, dimension: int
) -> bool:
    """Whether the vectors of the truth about to be replaced can be used again."""
    rows = run(connection, f'SELECT key, value FROM "{elder}".meta').fetchall()
    facts = {str(key): str(value) for key, value in rows}
    wanted = (encoder, str(dimension), engine.name)
    return (facts.get("encoder"), facts.get("dimension"), facts.get("engine")) == wanted


def _groups(
    segments: Sequence[
        tuple[int, npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.bool_]]
    ],
) -> Iterator[
    list[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.bool_]]]
]:
    """Cut segments into runs of at most ``SEGMENT_LIMIT`` living passages."""
    group: list[
        tuple[int, npt.NDArray[np.int64], npt.NDArray[np.uint32], npt.NDArray[np.bool_]]
    ] = []
    size = 0
    for segment in segments:
        living = int(segment[3].sum())
        if group and size + living > SEGMENT_LIMIT:
            yield group
            group, size = [], 0
        group.append(segment)
        size += living
    if group:
        yield group


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else b""
