"""Keeps answers that readers share by a link, in the tables of the conversations."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from konkyo.ui.server.conversation_store import ConversationStore, KeptTurn

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["ShareEntry", "ShareStore"]

_TOKEN_BYTES = 24
"""192 bits of chance: nobody finds a link by trying."""
_MOST_SHARES = 200


@dataclass(frozen=True, slots=True)
class ShareEntry:
    """One answer that a reader shares; ``created`` is in seconds since 1970."""

    token: str
    question: str
    created: float


class ShareStore:
    """Shared answers by their token. Threads may share it. Every method raises StoreError.

    A shared answer is a copy: what becomes of its conversation changes nothing of it, but when the
    reader deletes the conversation, it is no longer shared.
    """

    def __init__(self, conversations: ConversationStore) -> None:
        self._conversations = conversations
        self._database = conversations.database
        self._table = conversations.shares
        self._own = self._table.c.store == conversations.store

    def share(self, reader: str, conversation: str, turn: KeptTurn, question: str) -> str | None:
        """Returns the token under which a turn is shared from now on, or has been.

        None where the reader shares too many already.
        """
        from sqlalchemy import func, select

        table, mine = self._table, (self._own, self._table.c.reader == reader)

        def write(connection: Connection) -> str | None:
            same = (table.c.conversation == conversation, table.c.number == turn.number)
            known = connection.execute(select(table.c.token).where(*mine, *same)).scalar()
            if known is not None:
                return str(known)
            if (
                connection.execute(select(func.count()).where(*mine)).scalar() or 0
            ) >= _MOST_SHARES:
                return None
            token = secrets.token_urlsafe(_TOKEN_BYTES)
            values = {
                "store": self._conversations.store,
                "token": token,
                "reader": reader,
                "conversation": conversation,
                "number": turn.number,
                "question": question,
                "version": turn.version,
                "content": turn.content,
                "created": self._conversations.clock(),
            }
            connection.execute(table.insert().values(**values))
            return token

        return self._database.run(write)

    def entries(self, reader: str) -> tuple[ShareEntry, ...]:
        """Returns what a reader shares, the latest first."""
        from sqlalchemy import select

        table = self._table
        wanted = select(table.c.token, table.c.question, table.c.created).where(
            self._own, table.c.reader == reader, ~self._conversations.is_deleted(table)
        )
        ordered = wanted.order_by(table.c.created.desc(), table.c.token)
        rows = self._database.run(lambda connection: connection.execute(ordered).all())
        return tuple(ShareEntry(*row) for row in rows)

    def revoke(self, reader: str, token: str) -> None:
        """Share one answer no longer; that of another reader stays."""
        table = self._table
        named = (self._own, table.c.reader == reader, table.c.token == token)
        self._database.run(lambda connection: connection.execute(table.delete().where(*named)))

    def shared(self, token: str) -> KeptTurn | None:
        """Returns the turn that is shared under a token; None if there is none."""
        from sqlalchemy import select

        table = self._table
        wanted = select(table.c.number, table.c.version, table.c.content).where(
            self._own, table.c.token == token, ~self._conversations.is_deleted(table)
        )
        row = self._database.run(lambda connection: connection.execute(wanted).first())
        return None if row is None else KeptTurn(*row)
