"""Keeps the conversations of every reader, by the reader's name, in the database of an index."""

from __future__ import annotations

import contextlib
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from konkyo.index.errors import StoreError
from konkyo.index.stores.address import kind_of
from konkyo.index.stores.open import companion
from konkyo.ui.server.conversation_tables import (
    CONVERSATIONS,
    SHARES,
    TURNS,
    conversation_tables,
)
from konkyo.ui.server.sql_tables import PostgresTables, SqliteTables, SqlTables

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, MetaData, Table

__all__ = [
    "UNDO_SECONDS",
    "ConversationEntry",
    "ConversationLimits",
    "ConversationStore",
    "KeptConversation",
    "KeptTurn",
    "open_conversation_store",
]

UNDO_SECONDS = 30.0
"""For how long a deleted conversation can be restored."""

_TITLE_LIMIT = 120
_WORDS_LIMIT = 4000
_SEARCHED_WORDS = 8
_OF_ALL_READERS = 100_000
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class ConversationLimits:
    """How many conversations a reader keeps, of how many turns each, and for how many days.

    Days count from the last change, and not for pinned conversations; 0 means for ever.
    """

    conversations: int = 100
    turns: int = 50
    days: int = 365


@dataclass(frozen=True, slots=True)
class ConversationEntry:
    """A row of the list of conversations; ``updated`` is in seconds since 1970."""

    conversation: str
    title: str
    pinned: bool
    updated: float


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """One turn as it is kept: ``content`` in the form that ``version`` names."""

    number: int
    version: int
    content: str
    words: str = ""
    """What is searched: question and answer."""


@dataclass(frozen=True, slots=True)
class KeptConversation:
    """A conversation as it is kept; ``revision`` grows with every change of it."""

    where: str
    revision: int
    turns: tuple[KeptTurn, ...]


def open_conversation_store(
    store: str, limits: ConversationLimits | None = None
) -> ConversationStore:
    """Where conversations over an index are kept: a file beside it, or its database.

    Nothing is read or written yet. Raises UsageError, ExtraMissing.
    """
    chosen = limits or ConversationLimits()
    if kind_of(store) == "local":
        tables = conversation_tables()
        file = companion(store, "-conversations.sqlite")
        return ConversationStore(SqliteTables(file, tables), tables, "", chosen)
    tables = conversation_tables("konkyo")
    database = PostgresTables(store, tables, before=_drop_former)
    return ConversationStore(database, tables, database.store, chosen)


def _drop_former(connection: Connection) -> None:
    """Remove the table of tabs that came before these, so that nothing said stays in it."""
    from sqlalchemy import text

    connection.execute(text("DROP TABLE IF EXISTS konkyo.conversations"))


class ConversationStore:
    """Conversations by reader and name. Threads may share it. Every method raises StoreError.

    ``undo_seconds`` is for how long a deleted one can be restored; then it is gone.
    """

    def __init__(
        self,
        database: SqlTables,
        tables: MetaData,
        store: str,
        limits: ConversationLimits,
        *,
        undo_seconds: float = UNDO_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = database
        self.limits = limits
        self.store = store
        self.clock = clock
        self._undo_seconds = undo_seconds
        prefix = f"{tables.schema}." if tables.schema else ""
        self.shares = tables.tables[prefix + SHARES]
        self._conversations = tables.tables[prefix + CONVERSATIONS]
        self._turns = tables.tables[prefix + TURNS]

    # --- one conversation --------------------------------------------------------------------

    def revision(self, reader: str, conversation: str) -> int | None:
        """Returns how often a conversation has changed; None if there is none."""
        from sqlalchemy import select

        table = self._conversations
        wanted = select(table.c.revision).where(*self.present(reader, conversation))
        found: int | None = self.database.run(lambda c: c.execute(wanted).scalar())
        return found

    def load(self, reader: str, conversation: str) -> KeptConversation | None:
        """Returns a conversation with its turns, oldest first; None if there is none."""
        from sqlalchemy import select

        table, turns = self._conversations, self._turns

        def read(connection: Connection) -> KeptConversation | None:
            wanted = select(table.c.filter, table.c.revision)
            row = connection.execute(wanted.where(*self.present(reader, conversation))).first()
            if row is None:
                return None
            rows = connection.execute(
                select(turns.c.number, turns.c.version, turns.c.content)
                .where(*self._named(turns, reader, conversation))
                .order_by(turns.c.number)
            )
            return KeptConversation(row.filter, row.revision, tuple(KeptTurn(*r) for r in rows))

        return self.database.run(read)

    def save(
        self, reader: str, conversation: str, where: str, turn: KeptTurn | None, title: str
    ) -> int | None:
        """Keep the filter and a turn of a conversation, which is made if there is none.

        Makes room for it by deleting the reader's oldest that is not pinned. ``title`` is that of
        a new one. Returns its revision; None if the reader has deleted it meanwhile.
        """

        def write(connection: Connection) -> int | None:
            revision = self._put_conversation(connection, reader, conversation, where, title)
            if revision is None:
                return None
            if turn is not None:
                self._put_turn(connection, reader, conversation, turn)
            if revision == 1:
                self._make_room(connection, reader, conversation)
            return revision

        return self.database.run(write)

    def _put_conversation(
        self, connection: Connection, reader: str, conversation: str, where: str, title: str
    ) -> int | None:
        from sqlalchemy import case, select

        table, now = self._conversations, self.clock()
        values = {
            **self._key(reader, conversation),
            "title": _line(title),
            "words": searchable(title),
            "pinned": False,
            "filter": where,
            "revision": 1,
            "created": now,
            "updated": now,
        }
        statement = self.insert(connection)(table).values(**values)
        untitled = table.c.title == ""
        upsert = statement.on_conflict_do_update(
            index_elements=["store", "reader", "conversation"],
            set_={
                "filter": statement.excluded.filter,
                "updated": statement.excluded.updated,
                "revision": table.c.revision + 1,
                "title": case((untitled, statement.excluded.title), else_=table.c.title),
                "words": case((untitled, statement.excluded.words), else_=table.c.words),
            },
            where=table.c.deleted.is_(None),
        )
        connection.execute(upsert)
        wanted = select(table.c.revision).where(*self.present(reader, conversation))
        found: int | None = connection.execute(wanted).scalar()
        return found

    def _put_turn(
        self, connection: Connection, reader: str, conversation: str, turn: KeptTurn
    ) -> None:
        table = self._turns
        statement = self.insert(connection)(table).values(
            **self._key(reader, conversation),
            number=turn.number,
            version=turn.version,
            words=searchable(turn.words),
            content=turn.content,
        )
        changed = {name: statement.excluded[name] for name in ("version", "words", "content")}
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["store", "reader", "conversation", "number"], set_=changed
            )
        )
        named = self._named(table, reader, conversation)
        oldest = turn.number - self.limits.turns
        connection.execute(table.delete().where(*named, table.c.number <= oldest))

    def _make_room(self, connection: Connection, reader: str, new: str) -> None:
        from sqlalchemy import func, select

        table = self._conversations
        own = (table.c.store == self.store, table.c.reader == reader, table.c.deleted.is_(None))
        everybody = (table.c.store == self.store, table.c.deleted.is_(None))
        bounds = ((own, self.limits.conversations), (everybody, _OF_ALL_READERS))
        for among, limit in bounds:
            count = connection.execute(select(func.count()).where(*among)).scalar() or 0
            if count <= limit:
                continue
            oldest = connection.execute(
                select(table.c.reader, table.c.conversation)
                .where(*among, ~table.c.pinned, table.c.conversation != new)
                .order_by(table.c.updated)
                .limit(count - limit)
            ).all()
            for owner, name in oldest:
                connection.execute(table.delete().where(*self._named(table, owner, name)))

    # --- the list of a reader ----------------------------------------------------------------

    def entries(self, reader: str, search: str = "") -> tuple[ConversationEntry, ...]:
        """Returns a reader's conversations, pinned ones first, then the one changed last.

        ``search`` keeps those whose title, questions or answers have all of its words.
        """
        from sqlalchemy import exists, or_, select

        table, turns = self._conversations, self._turns
        same = [table.c[name] == turns.c[name] for name in ("store", "reader", "conversation")]
        wanted = select(table.c.conversation, table.c.title, table.c.pinned, table.c.updated)
        wanted = wanted.where(
            table.c.store == self.store,
            table.c.reader == reader,
            table.c.deleted.is_(None),
            exists().where(*same),
        )
        for word in searchable(search).split()[:_SEARCHED_WORDS]:
            in_turn = exists().where(*same, turns.c.words.contains(word, autoescape=True))
            wanted = wanted.where(or_(table.c.words.contains(word, autoescape=True), in_turn))
        ordered = wanted.order_by(table.c.pinned.desc(), table.c.updated.desc())
        rows = self.database.run(lambda connection: connection.execute(ordered).all())
        return tuple(ConversationEntry(*row) for row in rows)

    def rename(self, reader: str, conversation: str, title: str) -> None:
        """Give a conversation another title; an empty one changes nothing."""
        title = _line(title)
        if title:
            self._update(reader, conversation, title=title, words=searchable(title))

    def pin(self, reader: str, conversation: str, pinned: bool) -> None:
        """Keep a conversation at the top and from being deleted for newer ones, or no longer.

        One of those that may be kept is never pinned, so that there is room for the next.
        """
        from sqlalchemy import func, select

        table = self._conversations
        own = (table.c.store == self.store, table.c.reader == reader, table.c.pinned)
        counted = select(func.count()).where(*own)
        count = self.database.run(lambda connection: connection.execute(counted).scalar()) or 0
        if not pinned or count < self.limits.conversations - 1:
            self._update(reader, conversation, pinned=pinned)

    def _update(self, reader: str, conversation: str, **values: object) -> None:
        statement = self._conversations.update().where(*self.present(reader, conversation))
        self.database.run(lambda connection: connection.execute(statement.values(**values)))

    # --- deleting ----------------------------------------------------------------------------

    def delete(self, reader: str, conversation: str) -> None:
        """Delete a conversation; it can be restored for a while, and is then gone."""
        self._update(reader, conversation, deleted=self.clock())
        later = threading.Timer(self._undo_seconds + 1, self._purge_quietly)
        later.daemon = True
        later.start()

    def restore(self, reader: str, conversation: str) -> bool:
        """Take back the deletion of a conversation; returns whether there was still time."""
        table = self._conversations
        named = self._named(table, reader, conversation)
        in_time = table.c.deleted > self.clock() - self._undo_seconds
        statement = table.update().where(*named, in_time).values(deleted=None)
        return self.database.run(lambda c: c.execute(statement).rowcount) > 0

    def _purge_quietly(self) -> None:
        # What is left is deleted with the next one, or when a server starts.
        with contextlib.suppress(StoreError):
            self.purge()

    def purge(self) -> None:
        """Remove what was deleted and cannot be restored any more, and what nobody uses."""
        self.database.run(self._purge)

    def _purge(self, connection: Connection) -> None:
        from sqlalchemy import or_

        table, shares, now = self._conversations, self.shares, self.clock()
        gone = table.c.deleted <= now - self._undo_seconds
        connection.execute(shares.delete().where(self.is_deleted(shares, gone)))
        if self.limits.days:
            unused = table.c.updated < now - self.limits.days * _DAY
            gone = or_(gone, unused & ~table.c.pinned)
        connection.execute(table.delete().where(table.c.store == self.store, gone))

    # --- what the tables are asked by --------------------------------------------------------

    def _key(self, reader: str, conversation: str) -> dict[str, str]:
        return {"store": self.store, "reader": reader, "conversation": conversation}

    def _named(self, table: Table, reader: str, name: str) -> Sequence[ColumnElement[bool]]:
        key = self._key(reader, name)
        return [table.c[column] == value for column, value in key.items()]

    def is_deleted(
        self, table: Table, how: ColumnElement[bool] | None = None
    ) -> ColumnElement[bool]:
        """Returns the condition that the conversation a row belongs to was deleted."""
        from sqlalchemy import exists

        kept = self._conversations
        same = [kept.c[name] == table.c[name] for name in ("store", "reader", "conversation")]
        return exists().where(*same, kept.c.deleted.is_not(None) if how is None else how)

    def present(self, reader: str, conversation: str) -> Sequence[ColumnElement[bool]]:
        """Returns the conditions for a conversation that is not deleted."""
        table = self._conversations
        return [*self._named(table, reader, conversation), table.c.deleted.is_(None)]

    def insert(self, connection: Connection) -> Callable[[Table], Any]:
        """Returns how the database inserts a row or changes the one there is."""
        from sqlalchemy.dialects import postgresql, sqlite

        return sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert


def searchable(text: str) -> str:
    """Returns text as it is searched: width and letter case do not count."""
    return unicodedata.normalize("NFKC", text[:_WORDS_LIMIT]).casefold()


def _line(title: str) -> str:
    flat = " ".join(title.split())
    return flat if len(flat) <= _TITLE_LIMIT else flat[: _TITLE_LIMIT - 1] + "…"
