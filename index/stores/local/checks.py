"""Does a store keep its promises? Every invariant and every checksum, one finding each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from konkyo.index.errors import StoreDamaged, StoreError
from konkyo.index.records import article_id_for
from konkyo.index.stores.findings import Finding, PassageOrder, finding
from konkyo.index.stores.local.database import (
    ARTICLE_COLUMNS,
    META_KEYS,
    connect,
    current_database,
    meta,
    translated_errors,
)
from konkyo.index.stores.local.segments import Segment, find_chain
from konkyo.index.stores.local.snapshot import CacheDamaged
from konkyo.index.stores.local.undo import check_changes
from konkyo.index.stores.rows import article_from_row, passage_from_row, row_crc, vector_rows

__all__ = ["verify"]

_REBUILD = "run `konkyo index build SOURCE... --rebuild` with all your sources"
_SELF_REPAIR = (
    "nothing: it is made again from the index by the next `konkyo index build` or question"
)
_NO_UNDO = "nothing: the next change keeps another generation; until then, do not undo"
_EPSILON = 2e-3


def verify(folder: Path) -> list[Finding]:
    """Check everything. Raises StoreMissing when there is no store at all."""
    try:
        database = current_database(folder)
        connection = connect(database)
    except StoreDamaged as exc:
        return [Finding("the index can be opened", False, str(exc), _REBUILD)]
    try:
        with translated_errors(database):
            connection.execute("BEGIN")
        facts = _finding(
            database, "the index says what it was made with", lambda: _facts(connection)
        )
        if not facts.ok:
            # All other checks begin with what it says.
            return [facts]
        checks: list[tuple[str, Callable[[], Iterator[str]]]] = [
            ("SQLite finds its file whole", lambda: _sqlite(connection)),
            ("references lead somewhere", lambda: _references(connection)),
            ("articles are what was written", lambda: _articles(database, connection)),
            ("passages are exact spans of their articles", lambda: _passages(database, connection)),
            ("every passage has one unit vector", lambda: _vectors(database, connection)),
            ("counts agree", lambda: _counts(connection)),
            ("every article has a source", lambda: _places(connection)),
        ]
        undo = ("the generation before can be gone back to", lambda: _undo(database, connection))
        findings = [facts, *(_finding(database, what, check) for what, check in checks)]
        findings.append(_finding(database, *undo, advice=_NO_UNDO))
        findings += _caches(folder, database, connection)
    finally:
        connection.close()
    return findings


def _finding(
    database: Path, what: str, check: Callable[[], Iterator[str]], advice: str = _REBUILD
) -> Finding:
    def checked() -> list[str]:
        with translated_errors(database):
            return list(check())

    return finding(what, checked, advice)


def _sqlite(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check(20)"):
        if line != "ok":
            yield str(line)


def _facts(connection: sqlite3.Connection) -> Iterator[str]:
    for key in META_KEYS:
        try:
            value = meta(connection, key)
        except StoreDamaged as exc:
            yield str(exc)
            continue
        if not value:
            yield f"its {key} is empty"


def _references(connection: sqlite3.Connection) -> Iterator[str]:
    for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"{table} row {row} names a missing row of {parent}"


def _articles(database: Path, connection: sqlite3.Connection) -> Iterator[str]:
    for row in connection.execute(f"SELECT {ARTICLE_COLUMNS} FROM articles"):
        try:
            _, article = article_from_row(database, row, ())
        except StoreDamaged as exc:
            yield str(exc)
            continue
        if article.article_id != article_id_for(article.title, article.text):
            yield f"article {article.article_id} does not have the identifier of its text"


def _passages(database: Path, connection: sqlite3.Connection) -> Iterator[str]:
    bodies: dict[int, tuple[str, str, int]] = {}
    order = PassageOrder()
    for row in connection.execute(
        "SELECT id, passage_id, article, ordinal, start, stop, crc FROM passages"
        " ORDER BY article, ordinal"
    ):
        number = row[2]
        if number not in bodies:
            bodies.clear()
            found = connection.execute(
                "SELECT article_id, text, passages FROM articles WHERE id = ?", (number,)
            ).fetchone()
            if found is None:
                yield f"passage {row[1]} has no article"
                continue
            bodies[number] = found
        article_id, text, _ = bodies[number]
        try:
            passage = passage_from_row(database, row, text, article_id).passage
        except StoreDamaged as exc:
            yield str(exc)
            continue
        yield from order.problems(number, passage, text)
    for number, article_id, count in connection.execute(
        "SELECT id, article_id, passages FROM articles"
    ):
        yield from order.missing(number, article_id, count)


def _vectors(database: Path, connection: sqlite3.Connection) -> Iterator[str]:
    dimension = int(meta(connection, "dimension"))
    cursor = connection.execute("SELECT passage, vector, crc FROM vectors")
    while rows := cursor.fetchmany(4096):
        lengths = np.linalg.norm(vector_rows(database, rows, dimension).astype(np.float32), axis=1)
        for at in np.flatnonzero(np.abs(lengths - 1) > _EPSILON):
            yield f"the vector of passage number {rows[at][0]} has length {lengths[at]:.4f}"
    for (passage_id,) in connection.execute(
        "SELECT passage_id FROM passages WHERE id NOT IN (SELECT passage FROM vectors)"
    ):
        yield f"passage {passage_id} has no vector"


def _counts(connection: sqlite3.Connection) -> Iterator[str]:
    count = connection.execute("SELECT count(*) FROM passages").fetchone()[0]
    if count != int(meta(connection, "passages")):
        yield f"passages: {count}, but the index says {meta(connection, 'passages')}"
    alive = connection.execute(
        "SELECT count(*) FROM deletions JOIN passages ON passages.id = deletions.passage"
    ).fetchone()[0]
    if alive:
        yield f"passages: {alive}, there and said to be deleted"


def _places(connection: sqlite3.Connection) -> Iterator[str]:
    for (article_id,) in connection.execute(
        "SELECT article_id FROM articles WHERE id NOT IN (SELECT article FROM places)"
    ):
        yield f"article {article_id} has no source"
    for source, crc in connection.execute("SELECT source, crc FROM sources"):
        if row_crc(source) != crc:
            yield f"the name of source {source!r} fails its checksum"
    for *values, crc in connection.execute(
        "SELECT article, source, found_as, position, crc FROM places"
    ):
        if row_crc(*values) != crc:
            yield f"a place of article number {values[0]} fails its checksum"
    for *values, crc in connection.execute(
        "SELECT article_id, passages, told_by, crc FROM articles"
    ):
        if row_crc(*values) != crc:
            yield f"article {values[0]} fails its checksum"


def _undo(database: Path, connection: sqlite3.Connection) -> Iterator[str]:
    check_changes(database, connection)
    yield from ()


def _caches(folder: Path, database: Path, connection: sqlite3.Connection) -> list[Finding]:
    """Compare every byte of the caches, and what they hold with the database."""
    with translated_errors(database):
        chain, reasons = find_chain(
            folder,
            meta(connection, "store_id"),
            int(meta(connection, "generation")),
            int(meta(connection, "deletions_since")),
        )
        problems = list(reasons)
        for segment in chain:
            try:
                segment.verify()
                problems.extend(_against_database(segment, database, connection))
            except (CacheDamaged, StoreError) as exc:
                problems.append(str(exc))
    what = f"caches agree with the index ({len(chain)} segments)"
    if not problems:
        return [Finding(what, True)]
    return [Finding(what, False, problem, _SELF_REPAIR) for problem in problems]


def _against_database(
    segment: Segment, database: Path, connection: sqlite3.Connection
) -> Iterator[str]:
    gone = {
        row[0]
        for row in connection.execute(
            "SELECT passage FROM deletions WHERE generation > ?", (segment.generation,)
        )
    }
    held = {int(n): at for at, n in enumerate(segment.numbers) if int(n) not in gone}
    cursor = connection.execute(
        "SELECT passage, vector, crc FROM vectors WHERE passage > ? AND passage <= ?"
        " ORDER BY passage",
        (segment.after, segment.last),
    )
    dimension = int(meta(connection, "dimension"))
    found = 0
    while rows := cursor.fetchmany(4096):
        found += len(rows)
        unknown = [row[0] for row in rows if row[0] not in held]
        if unknown:
            yield f"{segment.folder}: does not hold passage number {unknown[0]}"
            continue
        at = np.array([held[row[0]] for row in rows], np.int64)
        if not np.array_equal(segment.rows.take(at), vector_rows(database, rows, dimension)):
            yield f"{segment.folder}: other vectors than the index has"
    if found != len(held):
        yield f"{segment.folder}: holds {len(held)} passages where the index has {found}"
