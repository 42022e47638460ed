"""Changing a store in a folder: one writer, one transaction, one new generation."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import ArticleMissing, StoreDamaged, StoreError, StoreMissing
from konkyo.index.records import Article, Passage, text_id_for
from konkyo.index.stores.base import Exclusion
from konkyo.index.stores.local.database import (
    StoreOutdated,
    blob_from_vector,
    chunks,
    connect,
    create,
    current_truth,
    digest_article,
    guarded,
    meta,
    must_fit,
    point_current,
    row_crc,
    set_meta,
    unit,
    vector_rows,
)
from konkyo.index.stores.local.lock import write_lock
from konkyo.index.stores.local.removals import (
    carry_removals,
    exclusions_in,
    keep_removals,
    know_texts,
    put_exclusions,
)
from konkyo.index.stores.local.segments import Segment, keep_up, remove_segments
from konkyo.index.stores.local.undo import (
    forget_previous,
    previous_truth,
    record_changes,
    restore_changes,
    save_changes,
    set_previous,
)

__all__ = ["LocalWriter", "open_writer"]


class LocalWriter:
    """One transaction on a store; nothing is seen by readers before ``commit`` returns.

    An article lives as long as some source holds it. Not for use by several threads.
    """

    def __init__(
        self,
        folder: Path,
        truth: Path,
        connection: sqlite3.Connection,
        *,
        swap: bool,
        replaces: bool = False,
        elder: sqlite3.Connection | None = None,
    ) -> None:
        self._folder = folder
        self._truth = truth
        self._connection = connection
        self._swap = swap
        self._replaces = replaces
        self._elder = elder
        self._changed = False
        self._done = False
        if not swap:
            with self._guard():
                record_changes(connection)
        self._position = int(meta(connection, "next_position"))
        self._dimension = int(meta(connection, "dimension"))

    @property
    def generation(self) -> int:
        """The generation this transaction started from."""
        return int(meta(self._connection, "generation"))

    @property
    def replaces(self) -> bool:
        """Whether this is a new truth that will take the place of another."""
        return self._replaces

    @property
    def folder(self) -> Path:
        """The store's folder."""
        return self._folder

    def stamps(self) -> dict[str, str | None]:
        """Every source and the stamp it had when it was last read (None: read it again)."""
        with self._guard():
            return dict(self._connection.execute("SELECT source, stamp FROM sources").fetchall())

    def vectors_of(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Stored vectors by the hash of the text they were made of; missing keys are left out.

        A truth being rebuilt also finds those of the one it replaces, if the encoder is the same.
        """
        found: dict[bytes, Vectors] = {}
        for source in (self._connection, self._elder):
            missing = [key for key in keys if key not in found]
            if source is None or not missing:
                continue
            with self._guard():
                for some in chunks(missing):
                    marks = ",".join("?" * len(some))
                    rows = source.execute(
                        f"SELECT passage, vector, crc, key FROM vectors WHERE key IN ({marks})",
                        some,
                    ).fetchall()
                    block = vector_rows(self._truth, [row[:3] for row in rows], self._dimension)
                    for row, vector in zip(rows, unit(block), strict=True):
                        found[bytes(row[3])] = vector
        return found

    def teller(self, article_id: str) -> tuple[str | None, bytes] | None:
        """Whose facts a stored article has, and their checksum; None: it is not stored.

        The first is None when that source no longer holds the article.
        """
        with self._guard():
            row = self._connection.execute(
                "SELECT (SELECT s.source FROM places JOIN sources s ON s.id = places.source"
                " WHERE places.article = a.id AND s.id = a.told_by AND found_as = a.article_id),"
                " digest FROM articles a WHERE article_id = ?",
                (article_id,),
            ).fetchone()
        return None if row is None else (row[0], bytes(row[1]))

    def alike(self, bands: Sequence[int]) -> list[tuple[str, str, str]]:
        """(article_id, teller, text) of stored articles that share a band, oldest first.

        Articles that no source holds as they are, but only as a near copy, are left out.
        """
        marks = ",".join("?" * len(bands))
        with self._guard():
            return [
                (str(row[0]), str(row[1]), str(row[2]))
                for row in self._connection.execute(
                    "SELECT article_id, (SELECT source FROM sources s WHERE s.id = told_by), text"
                    " FROM articles a WHERE id IN"
                    f" (SELECT article FROM sketches WHERE band IN ({marks})) AND EXISTS"
                    " (SELECT 1 FROM places WHERE article = a.id AND found_as = a.article_id)"
                    " ORDER BY id",
                    list(bands),
                )
            ]

    def tellers(self) -> dict[str, str]:
        """Every stored article and the source whose facts it has (empty: a source that is gone)."""
        with self._guard():
            return dict(
                self._connection.execute(
                    "SELECT article_id, coalesce(s.source, '') FROM articles"
                    " LEFT JOIN sources s ON s.id = told_by"
                ).fetchall()
            )

    def excluded(self) -> dict[str, str]:
        """Titles of articles removed by hand, by their identifiers and those of their texts."""
        with self._guard():
            found = exclusions_in(self._connection)
        texts = {e.text_id: e.title for e in found if e.text_id}
        return texts | {e.article_id: e.title for e in found}

    def bereaved(self) -> list[str]:
        """Sources to be read again: they hold a story whose teller no longer does."""
        with self._guard():
            return [
                str(row[0])
                for row in self._connection.execute(
                    "SELECT DISTINCT s.source FROM places p JOIN articles a ON a.id = p.article"
                    " JOIN sources s ON s.id = p.source WHERE NOT EXISTS (SELECT 1 FROM places t"
                    " WHERE t.article = a.id AND t.source = a.told_by"
                    " AND t.found_as = a.article_id) ORDER BY p.position"
                )
            ]

    def set_fingerprint(self, fingerprint: str) -> None:
        """Say what made this store: a copy says it only when it is whole."""
        with self._guard():
            set_meta(self._connection, "fingerprint", fingerprint)
        self._changed = True

    def set_stamp(self, source: str, stamp: str | None) -> None:
        """Remember what a source looked like; None has it read again by the next build."""
        with self._guard():
            self._connection.execute(
                "UPDATE sources SET stamp = ? WHERE source = ?", (stamp, source)
            )

    def described(self, source: str) -> dict[str, tuple[str, str]]:
        """Text -> (title, language) of the articles whose facts a source gave."""
        with self._guard():
            return {
                str(text): (str(title), str(language))
                for text, title, language in self._connection.execute(
                    "SELECT text, title, language FROM articles"
                    " JOIN sources s ON s.id = told_by WHERE s.source = ?",
                    (source,),
                )
            }

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
        must_fit(self._folder, article, passages, vectors, self._dimension)
        run = self._connection.execute
        with self._guard():
            row = run(
                "SELECT id FROM articles WHERE article_id = ?", (article.article_id,)
            ).fetchone()
            told_by = self._source_number(article.source)
            values = (
                article.title,
                article.text,
                article.language,
                article.published,
                article.published_at,
                article.url,
                article.outlet,
                article.author,
                json.dumps(list(article.comments), ensure_ascii=False),
                len(passages),
                told_by,
                digest_article(article),
                row_crc(article.article_id, len(passages), told_by),
            )
            if row is None:
                number = (
                    run(
                        "INSERT INTO articles (article_id, title, text, language, published,"
                        " published_at, url, outlet, author, comments, passages, told_by, digest, crc)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (article.article_id, *values),
                    ).lastrowid
                    or 0
                )
            else:
                number = int(row[0])
                self._drop_passages([number])
                run(
                    "UPDATE articles SET title = ?, text = ?, language = ?, published = ?,"
                    " published_at = ?, url = ?, outlet = ?, author = ?, comments = ?,"
                    " passages = ?, told_by = ?, digest = ?, crc = ? WHERE id = ?",
                    (*values, number),
                )
            run("DELETE FROM sketches WHERE article = ?", (number,))
            for band in dict.fromkeys(bands):
                run("INSERT INTO sketches VALUES (?, ?)", (band, number))
            for passage, vector, key in zip(passages, vectors, keys, strict=True):
                facts = (passage.passage_id, number, passage.ordinal, passage.start, passage.end)
                at = run(
                    "INSERT INTO passages (passage_id, article, ordinal, start, stop, crc)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (*facts, row_crc(*facts)),
                ).lastrowid
                blob, crc = blob_from_vector(vector)
                run("INSERT INTO vectors VALUES (?, ?, ?, ?)", (at, key, blob, crc))
                if payloads:
                    payload = payloads[passage.ordinal]
                    run("INSERT INTO payloads VALUES (?, ?, ?)", (at, payload, row_crc(payload)))
        self._changed = True

    def set_source(
        self, source: str, stamp: str | None, articles: Iterable[tuple[str, str]]
    ) -> None:
        """Say which stored articles a source holds, in its order, replacing what it held before.

        ``articles`` are (article_id, found_as); the two differ when the source holds a near copy.
        Raises ArticleMissing.
        """
        run = self._connection.execute
        with self._guard():
            number = self._source_number(source)
            run("UPDATE sources SET stamp = ? WHERE id = ?", (stamp, number))
            wanted: dict[tuple[int, str], None] = {}
            for article_id, found_as in articles:
                row = run("SELECT id FROM articles WHERE article_id = ?", (article_id,)).fetchone()
                if row is None:
                    raise ArticleMissing(f"no article {article_id} to link {source} to")
                wanted[row[0], found_as] = None
            held = {
                (int(row[0]), str(row[1]))
                for row in run("SELECT article, found_as FROM places WHERE source = ?", (number,))
            }
            for article, found_as in held - wanted.keys():
                run(
                    "DELETE FROM places WHERE article = ? AND source = ? AND found_as = ?",
                    (article, number, found_as),
                )
                self._changed = True
            for article, found_as in wanted:
                if (article, found_as) not in held:
                    run(
                        "INSERT INTO places (article, source, found_as, position, crc)"
                        " VALUES (?, ?, ?, ?, ?)",
                        (
                            article,
                            number,
                            found_as,
                            self._position,
                            row_crc(article, number, found_as, self._position),
                        ),
                    )
                    self._position += 1
                    self._changed = True

    def remove_source(self, source: str) -> bool:
        """Forget a source and what only it held; say whether it was there."""
        with self._guard():
            removed = self._connection.execute(
                "DELETE FROM sources WHERE source = ?", (source,)
            ).rowcount
        self._changed = self._changed or removed > 0
        return removed > 0

    def remove_article(self, article_id: str) -> None:
        """Remove one article wherever it was found, and near copies of it, for good.

        Builds pass over it until ``take_back``. Raises ArticleMissing.
        """
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        with self._guard():
            row = self._connection.execute(
                "SELECT id, title, text FROM articles WHERE article_id = ?", (article_id,)
            ).fetchone()
            if row is None:
                raise ArticleMissing(
                    f"no article {article_id} in {self._folder}; `konkyo index list` shows all"
                )
            number, title, text = row
            copies = self._connection.execute(
                "SELECT DISTINCT found_as FROM places WHERE article = ? AND found_as != ?",
                (number, article_id),
            ).fetchall()
            put_exclusions(
                self._connection,
                [
                    *(Exclusion(str(copy), title, since) for (copy,) in copies),
                    Exclusion(article_id, title, since, text_id_for(text)),
                ],
            )
            self._connection.execute("DELETE FROM places WHERE article = ?", (number,))
        self._changed = True

    def exclude(self, exclusions: Iterable[Exclusion]) -> None:
        """Have builds pass over articles, stored or not."""
        with self._guard():
            put_exclusions(self._connection, exclusions)

    def take_back(self, article_id: str) -> bool:
        """Let builds index a removed article again; say whether it had been removed."""
        with self._guard():
            removed = self._connection.execute(
                "DELETE FROM excluded WHERE article_id = ?", (article_id,)
            ).rowcount
            if removed:
                # No telling which source holds it: all are read again, nothing is encoded twice.
                self._connection.execute("UPDATE sources SET stamp = NULL")
        return removed > 0

    def undo(self) -> None:
        """Bring back the last generation before the newest; ``commit`` puts it in force.

        Raises StoreError when no earlier generation is kept.
        """
        with self._guard():
            previous = previous_truth(self._connection)
            if previous is None:
                restore_changes(self._folder, self._truth, self._connection, self._drop_passages)
                self._changed = True
                return
            # The whole truth before this one is still there: it is put in force again.
            generation = self.generation
            elder = connect(self._folder / previous, write=True)
            self.close()
            self._connection = elder
            elder.execute("BEGIN IMMEDIATE")
            know_texts(elder)
            set_previous(elder, self._truth)
            set_meta(elder, "generation", str(generation + 1))
            self._truth = self._folder / previous
            self._swap = True
            self._position = int(meta(elder, "next_position"))

    def close(self) -> None:
        """Undo what is not committed and let go of the file."""
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
        self._connection.close()

    def commit(self) -> int:
        """Make all of it the newest generation, at once and durably; give its number.

        Nothing changed: no new generation.
        """
        with self._guard():
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
            self._done = True
            self._checkpoint()
            if self._swap:
                point_current(self._folder, self._truth)
            keep_removals(self._folder, self._connection)
        return generation

    def keep_up(
        self, *, compact: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> list[Segment]:
        """After ``commit``: bring the caches on disk up to it."""
        with self._guard():
            self._connection.execute("BEGIN")
            try:
                return keep_up(
                    self._folder, self._truth, self._connection, compact=compact, say=say
                )
            finally:
                self._connection.execute("COMMIT")

    def vacuum(self) -> None:
        """After ``commit``: give freed space back to the disk."""
        with self._guard():
            self._connection.execute("VACUUM")
            self._checkpoint()

    def _source_number(self, source: str) -> int:
        run = self._connection.execute
        run(
            "INSERT INTO sources (source, crc) VALUES (?, ?) ON CONFLICT DO NOTHING",
            (source, row_crc(source)),
        )
        return int(run("SELECT id FROM sources WHERE source = ?", (source,)).fetchone()[0])

    def _guard(self) -> contextlib.AbstractContextManager[None]:
        return guarded(self._truth)

    def _checkpoint(self) -> None:
        # Readers may be holding the log: then it is folded in by a later writer.
        with contextlib.suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA busy_timeout = 200")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("PRAGMA busy_timeout = 10000")

    def drop_orphans(self) -> None:
        """Remove articles no source holds any more; ``commit`` does it, too."""
        with self._guard():
            rows = self._connection.execute(
                "SELECT id FROM articles a WHERE NOT EXISTS"
                " (SELECT 1 FROM places WHERE places.article = a.id)"
            ).fetchall()
            if rows:
                self._changed = True
                self._drop_passages([row[0] for row in rows])
                self._connection.executemany("DELETE FROM articles WHERE id = ?", rows)

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


@contextlib.contextmanager
def open_writer(
    folder: Path,
    *,
    fingerprint: str | None = None,
    encoder: str = "",
    dimension: int = 0,
    wait: float = 0.0,
    rebuild: bool = False,
) -> Iterator[LocalWriter]:
    """Lock a store and start a transaction; whatever is not committed is undone.

    With a ``fingerprint``, a missing store is made, and one of another fingerprint (or with
    ``rebuild``) is replaced: the new truth grows beside the old one and is put in force by
    ``commit``. Without one, only an existing store is changed. ``wait`` is in seconds. Raises
    StoreLocked, StoreMissing, StoreDamaged, StoreError.
    """
    if fingerprint is None and not folder.exists():
        raise StoreMissing(
            f"{folder}: no index here; make one with `konkyo index build SOURCE... --store {folder}`"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise StoreError(f"{folder}: cannot be made ({exc.strerror})") from exc
    with write_lock(folder, wait), contextlib.ExitStack() as stack:
        stack.callback(_sweep, folder)
        truth, elder = _choose(folder, fingerprint, encoder, dimension, rebuild)
        connection = connect(truth, write=True)
        stack.callback(connection.close)
        swap = fingerprint is not None and not _in_force(folder, truth)
        old = _elder(elder, encoder, dimension)
        if old is not None:
            stack.callback(old.close)
        with guarded(truth):
            connection.execute("BEGIN IMMEDIATE")
            know_texts(connection)
            if elder is not None:
                set_previous(connection, elder)
            if swap:
                carry_removals(folder, elder, connection)
        writer = LocalWriter(
            folder, truth, connection, swap=swap, replaces=elder is not None, elder=old
        )
        try:
            yield writer
        finally:
            writer.close()


def _in_force(folder: Path, truth: Path) -> bool:
    try:
        return current_truth(folder) == truth
    except StoreError:
        return False


def _elder(path: Path | None, encoder: str, dimension: int) -> sqlite3.Connection | None:
    """The truth about to be replaced, if its vectors can be used again."""
    if path is None:
        return None
    try:
        connection = connect(path)
    except StoreError:
        return None
    with contextlib.suppress(StoreError), guarded(path):
        if (meta(connection, "encoder"), meta(connection, "dimension")) == (
            encoder,
            str(dimension),
        ):
            return connection
    connection.close()
    return None


def _choose(
    folder: Path, fingerprint: str | None, encoder: str, dimension: int, rebuild: bool
) -> tuple[Path, Path | None]:
    """The truth to write to, and the one it is to replace."""
    generation = 0
    elder = None
    try:
        truth = current_truth(folder)
        connection = connect(truth)
        try:
            with guarded(truth):
                generation = int(meta(connection, "generation"))
                found = meta(connection, "fingerprint")
        finally:
            connection.close()
        if fingerprint is None or (found == fingerprint and not rebuild):
            return truth, None
        elder = truth
    except StoreOutdated:
        if fingerprint is None:
            raise
        elder = current_truth(folder)
    except StoreMissing:
        if fingerprint is None:
            raise
    except StoreDamaged:
        if fingerprint is None or not rebuild:
            raise
        with contextlib.suppress(StoreError):
            elder = current_truth(folder)
    path = create(
        folder,
        fingerprint=fingerprint,
        encoder=encoder,
        dimension=dimension,
        generation=generation + 1,
    )
    return path, elder


def _sweep(folder: Path) -> None:
    """Remove truths that are neither in force nor the one before; under the lock."""
    previous = None
    try:
        current = current_truth(folder)
        connection = connect(current)
        with contextlib.closing(connection), guarded(current):
            previous = previous_truth(connection)
    except StoreError:
        current = None
    if current is None and (folder / "CURRENT").exists():
        return  # Damaged: leave everything to be looked at.
    for path in folder.glob("truth-*.sqlite"):
        if path != current and path.name != previous:
            for victim in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
                with contextlib.suppress(OSError):
                    victim.unlink(missing_ok=True)
    if current is None:
        remove_segments(folder, set())
