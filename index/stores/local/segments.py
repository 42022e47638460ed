"""The caches of a database: segments of passages with their vectors and postings.

A segment covers a range of passage numbers as of one generation. It is written by whoever
changed the store, is never changed afterwards, and is merged with its neighbour when it has
grown large beside it, so that keeping up costs what changed and not what is there. The newest
passages, too few for a segment, are a ``Tail`` in each reader's memory. A segment of another
store, of a generation the database cannot be caught up from, or with a wrong bit is not used.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.records import Article
from konkyo.index.stores.base import SearchLimits
from konkyo.index.stores.bm25 import Postings
from konkyo.index.stores.bm25 import Segment as LexicalSegment
from konkyo.index.stores.local.database import ARTICLE_COLUMNS, meta
from konkyo.index.stores.local.snapshot import CacheDamaged, CheckedArray, Snapshot, SnapshotWriter
from konkyo.index.stores.local.vector_index import (
    FLAT_AT_MOST,
    LEAST_RECALL,
    LIMITS,
    DenseIndex,
    Mask,
    Tuning,
    build_ivf,
    unit_scores,
)
from konkyo.index.stores.rows import (
    article_from_row,
    damaged,
    passage_from_row,
    searched_text,
    vector_rows,
)
from konkyo.index.text.tokens import TOKENS_VERSION

__all__ = [
    "LIMITS",
    "Part",
    "Segment",
    "Tail",
    "find_chain",
    "keep_up",
    "remove_segments",
    "tail_after",
]

_LAYOUT = 1
_NAME = re.compile(r"seg-(\d+)-(\d+)-(\d+)-[0-9a-f]{8}")
_SMALLEST = 256
_RATIO = 4
_DEAD_SHARE = 0.3
_ALL = 2**62


class Part(Protocol):
    """A searchable run of passages; rows are numbered 0..size-1 by ascending passage number."""

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """Passage numbers in the database, ascending."""

    @property
    def owners(self) -> npt.NDArray[np.int64]:
        """The articles' numbers in the database."""

    @property
    def postings(self) -> LexicalSegment:
        """What the lexical arm searches."""

    def nearest(
        self, vector: Vectors, k: int, mask: Mask | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """At most k (row, dot product), best first, among rows where ``mask`` is true."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Passages read straight from the database into memory."""

    numbers: npt.NDArray[np.int64]
    owners: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float16]
    postings: Postings

    def nearest(
        self, vector: Vectors, k: int, mask: Mask | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Flat search."""
        rows = np.arange(len(self.numbers)) if mask is None else np.flatnonzero(mask)
        scores = unit_scores(self.vectors[rows], vector)
        best = np.argsort(-scores, kind="stable")[:k]
        return rows[best].astype(np.int64), scores[best]


class _FilePostings:
    """Postings read from a segment's files."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._keys: CheckedArray[np.uint64] = snapshot.array("terms", np.uint64)
        self._offsets: CheckedArray[np.int64] = snapshot.array("offsets", np.int64)
        self._docs: CheckedArray[np.uint32] = snapshot.array("docs", np.uint32)
        self._frequencies: CheckedArray[np.uint8] = snapshot.array("frequencies", np.uint8)
        self._lengths = snapshot.array("lengths", np.uint32).whole()

    @property
    def size(self) -> int:
        """Number of documents."""
        return len(self._lengths)

    @property
    def lengths(self) -> npt.NDArray[np.uint32]:
        """Terms in each document."""
        return self._lengths

    def postings(self, key: int) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]] | None:
        """Documents that hold a term, and how often; None: no document."""
        at = self._keys.find(key)
        if at is None:
            return None
        start, stop = (int(n) for n in self._offsets.span(at, at + 2))
        return self._docs.span(start, stop), self._frequencies.span(start, stop)


class Segment:
    """One opened segment. Raises CacheDamaged from everything that reads."""

    def __init__(self, folder: Path, store_id: str, limits: SearchLimits = LIMITS) -> None:
        snapshot = Snapshot(folder)
        facts = snapshot.facts
        if facts.get("layout") != _LAYOUT or facts.get("tokens") != TOKENS_VERSION:
            raise CacheDamaged(f"{folder}: made by another version")
        if facts.get("store_id") != store_id:
            raise CacheDamaged(f"{folder}: belongs to another store")
        self.folder = folder
        self.generation = int(str(facts["generation"]))
        self.after = int(str(facts["after"]))
        self.last = int(str(facts["last"]))
        self.numbers = snapshot.array("numbers", np.int64).whole()
        self.owners = snapshot.array("owners", np.int64).whole()
        self.rows = snapshot.rows("vectors")
        self.postings: LexicalSegment = _FilePostings(snapshot)
        if not len(self.numbers) == len(self.owners) == len(self.rows) == self.postings.size:
            raise CacheDamaged(f"{folder}: its arrays differ in length")
        self.dense = DenseIndex(
            self.rows, snapshot.file("dense.faiss"), _tuning(facts), limits.filtered
        )
        self._snapshot = snapshot

    def nearest(
        self, vector: Vectors, k: int, mask: Mask | None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """At most k (row, dot product), best first, among rows where ``mask`` is true."""
        return self.dense.search(vector, k, mask)

    def verify(self) -> None:
        """Compare every byte with its checksum. Raises CacheDamaged."""
        self._snapshot.verify()


def _tuning(facts: dict[str, object]) -> Tuning | None:
    value = facts.get("tuning")
    if not isinstance(value, list) or len(value) != 4:
        return None
    lists, probes, rescore, recall = value
    return Tuning(int(lists), int(probes), int(rescore), float(recall))


def find_chain(
    folder: Path, store_id: str, generation: int, since: int, limits: SearchLimits = LIMITS
) -> tuple[list[Segment], list[str]]:
    """The usable segments from the first passage on, without gaps, and why others are not used.

    ``since``: the generation from which on deletions are still known.
    """
    named: list[tuple[int, int, int, Path]] = []
    for path in folder.glob("seg-*"):
        match = _NAME.fullmatch(path.name)
        if match and path.is_dir():
            after, last, made = (int(group) for group in match.groups())
            named.append((after, last, made, path))
    chain: list[Segment] = []
    reasons: list[str] = []
    reached = 0
    while True:
        # The longest first; of two as long, the newer one.
        options = sorted(
            (n for n in named if n[0] == reached and since <= n[2] <= generation),
            key=lambda n: (-n[1], -n[2], n[3].name),
        )
        for after, last, made, path in options:
            try:
                segment = Segment(path, store_id, limits)
                if (segment.after, segment.last, segment.generation) != (after, last, made):
                    raise CacheDamaged(f"{path}: not what its name says")
            except CacheDamaged as exc:
                reasons.append(str(exc))
                continue
            chain.append(segment)
            reached = last
            break
        else:
            return chain, reasons


def remove_segments(folder: Path, keep: set[Path]) -> None:
    """Remove other segments and abandoned drafts; only under the writer's lock."""
    for path in [*folder.glob("seg-*"), *folder.glob("tmp-seg-*")]:
        if path not in keep:
            with contextlib.suppress(OSError):
                shutil.rmtree(path)


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
        matrix = writer.rows("vectors", len(numbers), dimension)
        at = 0
        for block in _vectors(connection, database, after, last):
            if at + len(block) > len(matrix):
                raise CacheDamaged(f"{database}: more vectors than passages")
            matrix[at : at + len(block)] = block
            at += len(block)
        if at != len(matrix):
            raise CacheDamaged(f"{database}: {at} vectors for {len(matrix)} passages")
        writer.rows_done("vectors", matrix)
        tuning = None
        if len(numbers) > limits.whole:
            tuning = build_ivf(matrix, writer.path("dense.faiss"))
            if tuning.recall < LEAST_RECALL and len(numbers) <= FLAT_AT_MOST:
                tuning = None
                writer.path("dense.faiss").unlink()
            else:
                writer.file_done("dense.faiss")
        store_id = meta(connection, "store_id")
        facts: dict[str, object] = {
            "layout": _LAYOUT,
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
