"""Articles removed by hand: listed in the database, and in a file beside it.

The file still says what was removed when the database is damaged.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from konkyo.index.records import FormerArticle
from konkyo.index.stores.base import Exclusion
from konkyo.index.stores.local.database import replace_file

__all__ = [
    "carry_removals",
    "exclusions_in",
    "former_in",
    "keep_removals",
    "know_texts",
    "put_exclusions",
    "put_former",
]

_FILE = "removed.jsonl"


def know_texts(connection: sqlite3.Connection) -> None:
    """Let a database made by an earlier version say which texts were removed."""
    if not _knows_texts(connection):
        connection.execute("ALTER TABLE excluded ADD COLUMN text_id TEXT NOT NULL DEFAULT ''")


def exclusions_in(connection: sqlite3.Connection) -> list[Exclusion]:
    """What a database says was removed, by identifier."""
    text_id = "text_id" if _knows_texts(connection) else "''"
    rows = connection.execute(
        f"SELECT article_id, title, since, {text_id} FROM excluded ORDER BY article_id"
    )
    return [Exclusion(*map(str, row)) for row in rows]


def put_exclusions(connection: sqlite3.Connection, exclusions: Iterable[Exclusion]) -> None:
    """Say in a database that articles were removed."""
    connection.executemany(
        "INSERT OR REPLACE INTO excluded (article_id, title, since, text_id) VALUES (?, ?, ?, ?)",
        [(e.article_id, e.title, e.since, e.text_id) for e in exclusions],
    )


def former_in(connection: sqlite3.Connection) -> list[FormerArticle]:
    """Which articles a database says were stored once, by identifier."""
    rows = connection.execute("SELECT article_id, since FROM former_articles ORDER BY article_id")
    return [FormerArticle(*map(str, row)) for row in rows]


def put_former(connection: sqlite3.Connection, former: Iterable[FormerArticle]) -> None:
    """Say in a database that articles were stored once."""
    connection.executemany(
        "INSERT OR REPLACE INTO former_articles (article_id, since) VALUES (?, ?)",
        [(one.article_id, one.since) for one in former],
    )


def carry_removals(folder: Path, elder: Path | None, connection: sqlite3.Connection) -> None:
    """What was removed stays removed in a new database, whatever became of the one before."""
    found = None if elder is None else _read(elder)
    put_exclusions(connection, _kept(folder) if found is None else found)


def keep_removals(folder: Path, connection: sqlite3.Connection) -> None:
    """Write the list beside the database, if it is not what is written there."""
    lines = []
    for one in exclusions_in(connection):
        facts = [one.article_id, one.title, one.since, one.text_id]
        lines.append(json.dumps([*facts, _crc(facts)], ensure_ascii=False) + "\n")
    path = folder / _FILE
    content = "".join(lines).encode("utf-8", "surrogatepass")
    try:
        same = path.read_bytes() == content
    except OSError:
        same = not content
    if not same:
        # The database has it; where it cannot be written now, the next commit writes it.
        with contextlib.suppress(OSError):
            replace_file(path, content)


def _read(database: Path) -> list[Exclusion] | None:
    """The list of a database, be it of an earlier version; None: it cannot be read."""
    address = f"file:{quote(str(database.absolute()))}?mode=ro"
    with contextlib.suppress(sqlite3.Error):
        connection = sqlite3.connect(address, uri=True)
        with contextlib.closing(connection):
            return exclusions_in(connection)
    return None


def _kept(folder: Path) -> list[Exclusion]:
    """The list beside the database; a line that is not what was written is left out."""
    try:
        content = (folder / _FILE).read_bytes()
    except OSError:
        return []
    found = []
    for line in content.split(b"\n"):
        with contextlib.suppress(ValueError):
            *facts, crc = json.loads(line.decode("utf-8", "surrogatepass"))
            if len(facts) == 4 and _crc(facts) == crc:
                found.append(Exclusion(*map(str, facts)))
    return found


def _crc(facts: list[str]) -> int:
    return zlib.crc32("\0".join(map(str, facts)).encode("utf-8", "surrogatepass"))


def _knows_texts(connection: sqlite3.Connection) -> bool:
    return any(row[1] == "text_id" for row in connection.execute("PRAGMA table_info(excluded)"))
