"""Writing segments: what a change added is written, small ones are joined, dead ones replaced."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from konkyo.index.records import Article
from konkyo.index.stores.base import SearchLimits
from konkyo.index.stores.bm25 import Postings
from konkyo.index.stores.local.database import ARTICLE_COLUMNS, meta
from konkyo.index.stores.local.segments import (
    LAYOUT,
    LIMITS,
    Segment,
    Tail,
    find_chain,
    remove_segments,
)
from konkyo.index.stores.local.snapshot import CacheDamaged, SnapshotWriter
from konkyo.index.stores.local.vector_index import (
    FLAT_AT_MOST,
    LEAST_RECALL,
    Tuning,
    build_ivf,
)
from konkyo.index.stores.rows import (
    article_from_row,
    damaged,
    passage_from_row,
    searched_text,
    vector_rows,
)
from konkyo.index.text.tokens import TOKENS_VERSION

__all__ = ["keep_up", "tail_after"]

_SMALLEST = 256
_RATIO = 4
_DEAD_SHARE = 0.3
_ALL = 2**62


def _texts(
    connection: sqlite3.Connection, database: Path, after: int, last: int | None
) -> Iterator[tuple[int, int, str]]:
    """(passage number, article number, searched text) of a range of passages, ascending.

    The title is searched with every passage of its article. Raises StoreDamaged for rows that
    are not what was written.
    """
    article: Article | None = None
    current = None
    for row in connection.execute(
        "SELECT id, passage_id, article, ordinal, start, stop, crc FROM passages"
        " WHERE id > ? AND id <= ? ORDER BY id",
        (after, _ALL if last is None else last),
    ):
        if row[2] != current or article is None:
            found = connection.execute(
                f"SELECT {ARTICLE_COLUMNS} FROM articles WHERE id = ?", (row[2],)
            ).fetchone()
            if found is None:
                raise damaged(database, f"the article of passage {row[1]}")
            current, article = article_from_row(database, found, ())
        passage = passage_from_row(database, row, article.text, article.article_id)
        text = searched_text(article.title, passage.passage.text)
        yield passage.number, passage.article_number, text


def _vectors(
    connection: sqlite3.Connection, database: Path, after: int, last: int | None
) -> Iterator[npt.NDArray[np.float16]]:
    """Vectors of a range of passages, ascending, in blocks."""
    dimension = int(meta(connection, "dimension"))
    cursor = connection.execute(
        "SELECT passage, vector, crc FROM vectors WHERE passage > ? AND passage <= ?"
        " ORDER BY passage",
        (after, _ALL if last is None else last),
    )
    while rows := cursor.fetchmany(4096):
        yield vector_rows(database, rows, dimension)


def tail_after(connection: sqlite3.Connection, database: Path, number: int) -> Tail:
    """Every passage above a number. Raises CacheDamaged when vectors are missing."""
    rows = list(_texts(connection, database, number, None))
    blocks = list(_vectors(connection, database, number, None))
    dimension = int(meta(connection, "dimension"))
    vectors = np.concatenate([np.empty((0, dimension), np.float16), *blocks])
    if len(vectors) != len(rows):
        raise CacheDamaged(f"{len(vectors)} vectors for {len(rows)} passages")
    return Tail(
        numbers=np.array([row[0] for row in rows], np.int64),
        owners=np.array([row[1] for row in rows], np.int64),
        vectors=vectors,
        postings=Postings.build(row[2] for row in rows),
    )


def _write(
    folder: Path,
    database: Path,
    connection: sqlite3.Connection,
    after: int,
    last: int,
    limits: SearchLimits,
) -> Segment:
    """Write the segment of a range as the connection's transaction sees it, and open it."""
    generation = int(meta(connection, "generation"))
    dimension = int(meta(connection, "dimension"))
    numbers: list[int] = []
    owners: list[int] = []

    def texts() -> Iterator[str]:
        for number, owner, text in _texts(connection, database, after, last):
            numbers.append(number)
            owners.append(owner)
            yield text

    writer = SnapshotWriter(folder, f"seg-{after}-{last}-{generation}")
    try:
        postings = Postings.build(texts())
        writer.array("numbers", np.asarray(numbers, np.int64))
        writer.array("owners", np.asarray(owners, np.int64))
        writer.array("terms", postings.keys)
        writer.array("offsets", postings.offsets)
        writer.array("docs", postings.docs)
        writer.array("frequencies", postings.frequencies)
        writer.array("lengths", postings.lengths)
        blocks = _vectors(connection, database, after, last)
        tuning = _write_vectors(writer, blocks, len(numbers), dimension, limits)
        store_id = meta(connection, "store_id")
        facts: dict[str, object] = {
            "layout": LAYOUT,
            "tokens": TOKENS_VERSION,
            "store_id": store_id,
            "generation": generation,
            "after": after,
            "last": last,
            "tuning": None,
        }
        if tuning is not None:
            facts["tuning"] = [tuning.lists, tuning.probes, tuning.rescore, tuning.recall]
        return Segment(writer.commit(facts), store_id, limits)
    except BaseException:
        writer.abandon()
        raise


def _write_vectors(
    writer: SnapshotWriter,
    blocks: Iterable[npt.NDArray[np.float16]],
    count: int,
    dimension: int,
    limits: SearchLimits,
) -> Tuning | None:
    """Write vectors and, if they are many, an index of them. Raises CacheDamaged."""
    matrix = writer.rows("vectors", count, dimension)
    at = 0
    for block in blocks:
        if at + len(block) > count:
            raise CacheDamaged("more vectors than passages")
        matrix[at : at + len(block)] = block
        at += len(block)
    if at != count:
        raise CacheDamaged(f"{at} vectors for {count} passages")
    writer.rows_done("vectors", matrix)
    if count <= limits.whole:
        return None
    tuning = build_ivf(matrix, writer.path("dense.faiss"))
    if tuning.recall < LEAST_RECALL and count <= FLAT_AT_MOST:
        writer.path("dense.faiss").unlink()
        return None
    writer.file_done("dense.faiss")
    return tuning


def keep_up(
    folder: Path,
    database: Path,
    connection: sqlite3.Connection,
    *,
    compact: bool = False,
    limits: SearchLimits = LIMITS,
) -> list[Segment]:
    """Write, merge and remove segments so that little is left to each reader; give the chain.

    Call it under the writer's lock, inside a read transaction. ``compact`` makes one segment of
    everything.
    """
    generation = int(meta(connection, "generation"))
    since = int(meta(connection, "deletions_since"))
    chain, _ = find_chain(folder, meta(connection, "store_id"), generation, since, limits)
    kept, after, last = _plan(connection, chain, compact)
    if last > after:
        count = connection.execute(
            "SELECT count(*) FROM passages WHERE id > ? AND id <= ?", (after, last)
        ).fetchone()[0]
        if count:
            kept = [*kept, _write(folder, database, connection, after, last, limits)]
    remove_segments(folder, {segment.folder for segment in kept})
    return kept


def _plan(
    connection: sqlite3.Connection, chain: list[Segment], compact: bool
) -> tuple[list[Segment], int, int]:
    """Which segments stay, and the range (after, last] to be written anew; empty: none."""
    newest = connection.execute("SELECT coalesce(max(id), 0) FROM passages").fetchone()[0]
    reached = chain[-1].last if chain else 0
    if compact:
        whole = len(chain) == 1 and reached == newest and _dead(connection, chain[0]) == 0
        return (chain, 0, 0) if whole else ([], 0, newest)
    waiting = connection.execute(
        "SELECT count(*) FROM passages WHERE id > ?", (reached,)
    ).fetchone()[0]
    dying = [
        at
        for at, segment in enumerate(chain)
        if _dead(connection, segment) > max(_SMALLEST, _DEAD_SHARE * len(segment.numbers))
    ]
    if waiting < _SMALLEST and not dying and (chain or waiting == 0):
        return chain, 0, 0
    kept = chain[: dying[0]] if dying else list(chain)
    size = waiting + sum(len(segment.numbers) for segment in chain[len(kept) :])
    while kept and len(kept[-1].numbers) < _RATIO * size:
        size += len(kept.pop().numbers)
    return kept, kept[-1].last if kept else 0, max(newest, reached)


def _dead(connection: sqlite3.Connection, segment: Segment) -> int:
    count: int = connection.execute(
        "SELECT count(*) FROM deletions WHERE generation > ? AND passage > ? AND passage <= ?",
        (segment.generation, segment.after, segment.last),
    ).fetchone()[0]
    return count
