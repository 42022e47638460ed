"""One change of a store in a folder: a transaction that makes one new generation."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from konkyo.index.records import Article, FormerArticle
from konkyo.index.stores.base import Exclusion, SearchLimits
from konkyo.index.stores.local.database import (
    checkpoint,
    connect,
    meta,
    point_current,
    set_meta,
    translated_errors,
)
from konkyo.index.stores.local.removals import (
    keep_removals,
    know_texts,
    put_exclusions,
    put_former,
)
from konkyo.index.stores.local.rows import EDITOR_MARKS
from konkyo.index.stores.local.segment_writer import keep_up
from konkyo.index.stores.local.segments import LIMITS
from konkyo.index.stores.local.undo import (
    forget_previous,
    new_articles,
    previous_database,
    record_changes,
    restore_changes,
    save_changes,
    set_previous,
)
from konkyo.index.stores.new_rows import NewPassage, NewPlace, SourceKey, StoredVector
from konkyo.index.stores.rows import chunks, row_crc
from konkyo.index.stores.writer import BaseWriter, Queries

__all__ = ["LocalWriter"]


_QUERIES = Queries(
    stamps="SELECT source, stamp FROM sources",
    source_of_facts="SELECT (SELECT s.source FROM places JOIN sources s ON s.id = places.source"
    " WHERE places.article = a.id AND s.id = a.told_by AND found_as = a.article_id),"
    " digest FROM articles a WHERE article_id = :name",
    sources_of_facts="SELECT article_id, coalesce(s.source, '') FROM articles"
    " LEFT JOIN sources s ON s.id = told_by",
    sources_to_reread="SELECT DISTINCT s.source FROM places p JOIN articles a ON a.id = p.article"
    " JOIN sources s ON s.id = p.source WHERE NOT EXISTS (SELECT 1 FROM places t"
    " WHERE t.article = a.id AND t.source = a.told_by"
    " AND t.found_as = a.article_id) ORDER BY p.position",
    described="SELECT text, title, language FROM articles"
    " JOIN sources s ON s.id = told_by WHERE s.source = :source",
    editor_marks=EDITOR_MARKS,
    held_by="SELECT article_id, found_as, url FROM places p JOIN articles a ON a.id = p.article"
    " JOIN sources s ON s.id = p.source WHERE s.source = :source ORDER BY p.position",
)


class LocalWriter(BaseWriter):
    """One transaction on a store's SQLite file; implements ``StoreWriter``."""

    queries = _QUERIES

    def __init__(
        self,
        folder: Path,
        database: Path,
        connection: sqlite3.Connection,
        *,
        swap: bool,
        replaces: bool = False,
        elder: sqlite3.Connection | None = None,
        limits: SearchLimits = LIMITS,
    ) -> None:
        """Begin a change.

        With ``swap``, ``database`` is a new one that ``commit`` puts in force; ``elder`` is the
        one it replaces, if vectors can be taken from it.
        """
        self._folder = folder
        self._database = database
        self._connection = connection
        self._swap = swap
        self._elder = elder
        self._limits = limits
        if not swap:
            with self._translated():
                record_changes(connection)
        super().__init__(
            folder,
            dimension=int(meta(connection, "dimension")),
            position=int(meta(connection, "next_position")),
            replaces=replaces,
        )

    @property
    def generation(self) -> int:
        """The generation this transaction started from."""
        return int(meta(self._connection, "generation"))

    def alike(self, bands: Sequence[int]) -> list[tuple[str, str, str]]:
        """Return (article_id, source of its facts, text) of articles that share a band.

        The oldest comes first. Articles that no source holds as they are, but only as a near
        copy, are left out.
        """
        listed = ",".join(str(int(band)) for band in bands)
        rows = self._all(
            "SELECT article_id, (SELECT source FROM sources s WHERE s.id = told_by), text"
            " FROM articles a WHERE id IN"
            f" (SELECT article FROM sketches WHERE band IN ({listed})) AND EXISTS"
            " (SELECT 1 FROM places WHERE article = a.id AND found_as = a.article_id)"
            " ORDER BY id"
        )
        return [(str(name), str(source), str(text)) for name, source, text in rows]

    def exclude(self, exclusions: Iterable[Exclusion]) -> None:
        """Have builds pass over articles, stored or not."""
        with self._translated():
            put_exclusions(self._connection, exclusions)

    def remember(self, former: Iterable[FormerArticle]) -> None:
        """Say of articles that they were stored once, here or in a store this one replaces."""
        with self._translated():
            put_former(self._connection, former)

    def undo(self) -> None:
        """Bring back the last generation before the newest; ``commit`` puts it in force.

        Raises StoreError when no earlier generation is kept.
        """
        with self._translated():
            previous = previous_database(self._connection)
            if previous is None:
                self._remember_articles(new_articles(self._connection))
                restore_changes(self._folder, self._database, self._connection, self._drop_passages)
                self._changed = True
                return
            # The whole database before this one is still there: it is put in force again.
            generation = self.generation
            elder = connect(self._folder / previous, write=True)
            self.close()
            self._connection = elder
            elder.execute("BEGIN IMMEDIATE")
            know_texts(elder)
            set_previous(elder, self._database)
            set_meta(elder, "generation", str(generation + 1))
            self._database = self._folder / previous
            self._swap = True
            self._position = int(meta(elder, "next_position"))

    def close(self) -> None:
        """Undo what is not committed and close the file."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        self._connection.close()

    def commit(self) -> int:
        """Make all of it the newest generation, at once and durably; return its number.

        Nothing changed: no new generation.
        """
        with self._translated():
            self.drop_orphans()
            generation = self.generation
            if self._changed or self._swap:
                if not self._swap:
                    generation += 1
                    save_changes(self._connection, generation)
                    forget_previous(self._connection)
                set_meta(self._connection, "generation", str(generation))
                set_meta(self._connection, "next_position", str(self._position))
                count = self._connection.execute("SELECT count(*) FROM passages").fetchone()[0]
                set_meta(self._connection, "passages", str(count))
                self._prune_deletions(generation, count)
            self._connection.execute("COMMIT")
            checkpoint(self._connection)
            if self._swap:
                point_current(self._folder, self._database)
            keep_removals(self._folder, self._connection)
        return generation

    def keep_up(self, *, compact: bool = False) -> None:
        """Bring the indexes that searches use up to the newest generation."""
        with self._translated():
            self._connection.execute("BEGIN")
            try:
                keep_up(
                    self._folder,
                    self._database,
                    self._connection,
                    compact=compact,
                    limits=self._limits,
                )
            finally:
                self._connection.execute("COMMIT")

    def vacuum(self) -> None:
        """Give freed space back to the disk."""
        with self._translated():
            self._connection.execute("VACUUM")
            checkpoint(self._connection)

    # -- statements -----------------------------------------------------------------------

    def _translated(self) -> contextlib.AbstractContextManager[None]:
        return translated_errors(self._database)

    def _all(self, sql: str, **values: object) -> list[tuple[object, ...]]:
        with self._translated():
            return self._connection.execute(sql, values).fetchall()

    def _run(self, sql: str, **values: object) -> int:
        with self._translated():
            return self._connection.execute(sql, values).rowcount

    def _many(self, sql: str, rows: Iterable[dict[str, object]]) -> None:
        with self._translated():
            self._connection.executemany(sql, rows)

    def _inserted(self, sql: str, values: dict[str, object]) -> int:
        with self._translated():
            return self._connection.execute(sql, values).lastrowid or 0

    # -- rows -----------------------------------------------------------------------------

    def _stored_vectors(self, keys: Sequence[bytes], *, replaced: bool) -> Iterator[StoredVector]:
        connection = self._elder if replaced else self._connection
        if connection is None:
            return
        for some in chunks(keys):
            marks = ",".join("?" * len(some))
            with self._translated():
                rows = connection.execute(
                    f"SELECT passage, vector, crc, key FROM vectors WHERE key IN ({marks})", some
                ).fetchall()
            for number, blob, crc, key in rows:
                yield StoredVector(number, blob, crc, bytes(key))

    def _stored_article(self, article_id: str) -> tuple[int, str, str] | None:
        rows = self._all(
            "SELECT id, title, text FROM articles WHERE article_id = :name", name=article_id
        )
        return (int(str(rows[0][0])), str(rows[0][1]), str(rows[0][2])) if rows else None

    def _identifiers(self, numbers: Sequence[int]) -> list[str]:
        listed = ",".join(str(int(number)) for number in numbers)
        rows = self._all(f"SELECT article_id FROM articles WHERE id IN ({listed})")
        return [str(row[0]) for row in rows]

    def _article_numbers(self, article_ids: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for some in chunks(article_ids):
            values = {f"n{at}": name for at, name in enumerate(some)}
            marks = ", ".join(f":{key}" for key in values)
            rows = self._all(
                f"SELECT article_id, id FROM articles WHERE article_id IN ({marks})", **values
            )
            found |= {str(name): int(str(number)) for name, number in rows}
        return found

    def _names_of(self, number: int) -> list[str]:
        rows = self._all(
            "SELECT DISTINCT found_as FROM places WHERE article = :number", number=number
        )
        return [str(row[0]) for row in rows]

    def _orphans(self) -> list[int]:
        rows = self._all(
            "SELECT id FROM articles a WHERE NOT EXISTS"
            " (SELECT 1 FROM places WHERE places.article = a.id)"
        )
        return [int(str(row[0])) for row in rows]

    def _known_source(self, source: str) -> SourceKey:
        self._run(
            "INSERT INTO sources (source, crc) VALUES (:source, :crc) ON CONFLICT DO NOTHING",
            source=source,
            crc=row_crc(source),
        )
        rows = self._all("SELECT id FROM sources WHERE source = :source", source=source)
        return int(str(rows[0][0]))

    def _places_of(self, source: SourceKey) -> set[tuple[int, str]]:
        rows = self._all("SELECT article, found_as FROM places WHERE source = :key", key=source)
        return {(int(str(article)), str(found_as)) for article, found_as in rows}

    def _put_article(self, article_id: str, columns: dict[str, object]) -> int:
        found = self._stored_article(article_id)
        if found is None:
            names = ", ".join(columns)
            marks = ", ".join(f":{name}" for name in columns)
            return self._inserted(f"INSERT INTO articles ({names}) VALUES ({marks})", columns)
        number = found[0]
        with self._translated():
            self._drop_passages([number])
        changes = ", ".join(f"{name} = :{name}" for name in columns)
        self._run(f"UPDATE articles SET {changes} WHERE id = :id", id=number, **columns)
        return number

    def _put_sketch(self, number: int, bands: Sequence[int]) -> None:
        self._run("DELETE FROM sketches WHERE article = :number", number=number)
        self._many(
            "INSERT INTO sketches VALUES (:band, :article)",
            [{"band": band, "article": number} for band in bands],
        )

    def _put_passages(self, article: Article, number: int, passages: Iterable[NewPassage]) -> None:
        for row in passages:
            passage = row.passage
            at = self._inserted(
                "INSERT INTO passages (passage_id, article, ordinal, start, stop, crc)"
                " VALUES (:passage_id, :article, :ordinal, :start, :stop, :crc)",
                {
                    "passage_id": passage.passage_id,
                    "article": number,
                    "ordinal": passage.ordinal,
                    "start": passage.start,
                    "stop": passage.end,
                    "crc": row.crc,
                },
            )
            self._run(
                "INSERT INTO vectors VALUES (:at, :key, :vector, :crc)",
                at=at,
                key=row.key,
                vector=row.vector,
                crc=row.vector_crc,
            )
            if row.payload is not None:
                self._run(
                    "INSERT INTO payloads VALUES (:at, :payload, :crc)",
                    at=at,
                    payload=row.payload,
                    crc=row.payload_crc,
                )

    def _put_places(self, places: Sequence[NewPlace]) -> None:
        self._many(
            "INSERT INTO places (article, source, found_as, position, crc)"
            " VALUES (:article, :source, :found_as, :position, :crc)",
            [asdict(place) for place in places],
        )

    def _remove_places(self, source: SourceKey, places: Sequence[tuple[int, str]]) -> None:
        self._many(
            "DELETE FROM places WHERE article = :article AND source = :source"
            " AND found_as = :found_as",
            [{"article": a, "source": source, "found_as": name} for a, name in places],
        )

    def _unlink_article(self, number: int) -> None:
        self._run("DELETE FROM places WHERE article = :number", number=number)

    def _delete_source(self, source: str) -> bool:
        return self._run("DELETE FROM sources WHERE source = :source", source=source) > 0

    def _drop_articles(self, numbers: Sequence[int]) -> None:
        with self._translated():
            self._drop_passages(numbers)
        self._many("DELETE FROM articles WHERE id = :number", [{"number": n} for n in numbers])

    def _drop_passages(self, articles: Sequence[int]) -> None:
        generation = self.generation + (0 if self._swap else 1)
        for number in articles:
            self._connection.execute(
                "INSERT INTO deletions SELECT id, ? FROM passages WHERE article = ?",
                (generation, number),
            )
            self._connection.execute("DELETE FROM passages WHERE article = ?", (number,))

    def _prune_deletions(self, generation: int, passages: int) -> None:
        """Forget deletions once they outnumber what is there; older views then load afresh."""
        count = self._connection.execute("SELECT count(*) FROM deletions").fetchone()[0]
        if count > 1000 + passages:
            self._connection.execute("DELETE FROM deletions")
            set_meta(self._connection, "deletions_since", str(generation))
