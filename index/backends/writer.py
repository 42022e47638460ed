"""Changing a store in a folder: one writer, one transaction, one new generation."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from index.backends.lock import write_lock
from index.backends.segments import Segment, keep_up, remove_segments
from index.backends.truth import (
    ARTICLE_COLUMNS,
    article_from_row,
    blob_from_vector,
    chunks,
    connect,
    create,
    current_truth,
    digest_article,
    digest_passage,
    guarded,
    meta,
    point_current,
    set_meta,
    unit,
    vector_rows,
)
from index.errors import ArticleMissing, StoreDamaged, StoreError, StoreMismatch, StoreMissing
from index.protocols import Vectors
from index.records import Article, Passage

__all__ = ["LocalWriter", "open_writer"]


class LocalWriter:
    """One transaction on a store; nothing is seen by readers before ``commit`` returns.

    An article lives as long as some source holds it. Not for use by several threads.
    """

    def __init__(
        self, folder: Path, truth: Path, connection: sqlite3.Connection, *, swap: bool
    ) -> None:
        self._folder = folder
        self._truth = truth
        self._connection = connection
        self._swap = swap
        self._changed = False
        self._done = False
        self._position = int(meta(connection, "next_position"))
        self._dimension = int(meta(connection, "dimension"))

    @property
    def generation(self) -> int:
        """The generation this transaction started from."""
        return int(meta(self._connection, "generation"))

    @property
    def fresh(self) -> bool:
        """Whether this truth is still to be put in force."""
        return self._swap

    @property
    def folder(self) -> Path:
        """The store's folder."""
        return self._folder

    def stamps(self) -> dict[str, str | None]:
        """Every source and the stamp it had when it was last read (None: read it again)."""
        with self._guard():
            return dict(self._connection.execute("SELECT source, stamp FROM sources").fetchall())

    def vectors_of(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Stored vectors by the hash of the text they were made of; missing keys are left out."""
        found: dict[bytes, Vectors] = {}
        with self._guard():
            for some in chunks(keys):
                marks = ",".join("?" * len(some))
                rows = self._connection.execute(
                    f"SELECT passage, vector, crc, key FROM vectors WHERE key IN ({marks})", some
                ).fetchall()
                if rows:
                    block = unit(
                        vector_rows(self._truth, [row[:3] for row in rows], self._dimension)
                    )
                    found.update(
                        {bytes(row[3]): vector for row, vector in zip(rows, block, strict=True)}
                    )
        return found

    def same(self, article: Article, shape: str) -> bool:
        """Whether just this article, facts and all, chunked in this shape, is stored already."""
        with self._guard():
            row = self._connection.execute(
                "SELECT digest, shape FROM articles WHERE article_id = ?", (article.article_id,)
            ).fetchone()
        return row is not None and row == (digest_article(article), shape)

    def ids_of(self, source: str) -> list[str]:
        """Identifiers of the articles a source holds."""
        with self._guard():
            return [
                str(row[0])
                for row in self._connection.execute(
                    "SELECT DISTINCT article_id FROM places JOIN articles ON articles.id = article"
                    " JOIN sources ON sources.id = source WHERE sources.source = ?",
                    (source,),
                )
            ]

    def put(
        self,
        article: Article,
        passages: Sequence[Passage],
        vectors: Vectors,
        keys: Sequence[bytes],
        shape: str = "",
    ) -> None:
        """Store an article with its passages, or replace it; link it with ``set_source``.

        ``vectors`` has shape (len(passages), dimension), rows of length 1; ``keys`` are hashes
        of the texts they were made of. ``shape`` is remembered for ``same``.
        """
        if vectors.shape != (len(passages), self._dimension):
            raise StoreMismatch(
                f"{self._folder}: vectors of shape {vectors.shape} for {len(passages)} passages"
                f" in a store of dimension {self._dimension}"
            )
        run = self._connection.execute
        with self._guard():
            row = run(
                "SELECT id FROM articles WHERE article_id = ?", (article.article_id,)
            ).fetchone()
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
                shape,
                digest_article(article),
            )
            if row is None:
                number = (
                    run(
                        "INSERT INTO articles (article_id, title, text, language, published,"
                        " published_at, url, outlet, author, comments, passages, shape, digest)"
                        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
                    " passages = ?, shape = ?, digest = ? WHERE id = ?",
                    (*values, number),
                )
            for passage, vector, key in zip(passages, vectors, keys, strict=True):
                if article.text[passage.start : passage.end] != passage.text:
                    raise StoreError(
                        f"passage {passage.passage_id} is not the text it names; nothing was kept"
                    )
                facts = (passage.passage_id, number, passage.ordinal, passage.start, passage.end)
                at = run(
                    "INSERT INTO passages (passage_id, article, ordinal, start, stop, crc)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (*facts, digest_passage(*facts)),
                ).lastrowid
                blob, crc = blob_from_vector(vector)
                run("INSERT INTO vectors VALUES (?, ?, ?, ?)", (at, key, blob, crc))
        self._changed = True

    def set_source(
        self,
        source: str,
        stamp: str | None,
        articles: Iterable[tuple[str, str, str]],
    ) -> None:
        """Say which stored articles a source holds, replacing what it held before.

        ``articles`` are (article_id, the name to cite, found_as); ``found_as`` differs from
        ``article_id`` when the source holds a near copy. Raises ArticleMissing.
        """
        run = self._connection.execute
        with self._guard():
            run(
                "INSERT INTO sources (source, stamp) VALUES (?, ?)"
                " ON CONFLICT (source) DO UPDATE SET stamp = excluded.stamp",
                (source, stamp),
            )
            number = run("SELECT id FROM sources WHERE source = ?", (source,)).fetchone()[0]
            wanted: dict[tuple[int, str], str] = {}
            for article_id, name, found_as in articles:
                row = run("SELECT id FROM articles WHERE article_id = ?", (article_id,)).fetchone()
                if row is None:
                    raise ArticleMissing(f"no article {article_id} to link {source} to")
                wanted.setdefault((row[0], name), found_as)
            held = {
                (row[0], str(row[1])): str(row[2])
                for row in run(
                    "SELECT article, name, found_as FROM places WHERE source = ?", (number,)
                )
            }
            for (article, name), found_as in held.items():
                if wanted.get((article, name)) != found_as:
                    run(
                        "DELETE FROM places WHERE article = ? AND source = ? AND name = ?",
                        (article, number, name),
                    )
                    self._changed = True
            for (article, name), found_as in wanted.items():
                if held.get((article, name)) != found_as:
                    run(
                        "INSERT INTO places (article, source, name, position, found_as)"
                        " VALUES (?, ?, ?, ?, ?)",
                        (article, number, name, self._position, found_as),
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
        """Remove one article wherever it was found. Raises ArticleMissing."""
        with self._guard():
            row = self._connection.execute(
                "SELECT id FROM articles WHERE article_id = ?", (article_id,)
            ).fetchone()
            if row is None:
                raise ArticleMissing(
                    f"no article {article_id} in {self._folder}; `konkyo index list` shows all"
                )
            self._connection.execute("DELETE FROM places WHERE article = ?", (row[0],))
        self._changed = True

    def commit(self) -> int:
        """Make all of it the newest generation, at once and durably; give its number.

        Nothing changed: no new generation.
        """
        with self._guard():
            self._drop_orphans()
            generation = self.generation
            if self._changed or self._swap:
                if not self._swap:
                    generation += 1
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

    def stored(self) -> Iterator[tuple[Article, str]]:
        """Every article and its shape, in the order they came."""
        with self._guard():
            for row in self._connection.execute(
                f"SELECT {ARTICLE_COLUMNS}, shape FROM articles ORDER BY id"
            ):
                yield article_from_row(self._truth, row[:-1], ())[1], str(row[-1])

    def _guard(self) -> contextlib.AbstractContextManager[None]:
        return guarded(self._truth)

    def _checkpoint(self) -> None:
        # Readers may be holding the log: then it is folded in by a later writer.
        with contextlib.suppress(sqlite3.OperationalError):
            self._connection.execute("PRAGMA busy_timeout = 200")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.execute("PRAGMA busy_timeout = 10000")

    def _drop_orphans(self) -> None:
        rows = self._connection.execute(
            "SELECT id FROM articles a WHERE NOT EXISTS"
            " (SELECT 1 FROM places WHERE places.article = a.id)"
        ).fetchall()
        numbers = [row[0] for row in rows]
        if numbers:
            self._changed = True
            self._drop_passages(numbers)
            self._connection.executemany(
                "DELETE FROM articles WHERE id = ?", [(number,) for number in numbers]
            )

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
    with write_lock(folder, wait):
        truth, swap = _choose(folder, fingerprint, encoder, dimension, rebuild)
        connection = connect(truth, write=True)
        try:
            with guarded(truth):
                connection.execute("BEGIN IMMEDIATE")
            writer = LocalWriter(folder, truth, connection, swap=swap)
            yield writer
        finally:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            connection.close()
            _sweep(folder)


def _choose(
    folder: Path, fingerprint: str | None, encoder: str, dimension: int, rebuild: bool
) -> tuple[Path, bool]:
    """The truth to write to, and whether it is a new one."""
    generation = 0
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
            return truth, False
    except StoreMissing:
        if fingerprint is None:
            raise
    except StoreDamaged:
        if fingerprint is None or not rebuild:
            raise
    path = create(
        folder,
        fingerprint=fingerprint,
        encoder=encoder,
        dimension=dimension,
        generation=generation + 1,
    )
    return path, True


def _sweep(folder: Path) -> None:
    """Remove truths that are not in force, left by a swap or a crash; under the lock."""
    try:
        current = current_truth(folder)
    except StoreError:
        current = None
    if current is None and (folder / "CURRENT").exists():
        return  # Damaged: leave everything to be looked at.
    for path in folder.glob("truth-*.sqlite"):
        if path != current:
            for victim in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
                with contextlib.suppress(OSError):
                    victim.unlink(missing_ok=True)
    if current is None:
        remove_segments(folder, set())
