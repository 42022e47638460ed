"""The tables in which conversations and shared answers are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import MetaData

__all__ = ["CONVERSATIONS", "SHARES", "TURNS", "conversation_tables"]

CONVERSATIONS = "reader_conversations"
TURNS = "reader_turns"
SHARES = "shared_answers"


def conversation_tables(schema: str | None = None) -> MetaData:
    """Returns the tables; ``words`` holds what is searched, ``version`` the form of ``content``.

    ``deleted`` is when the reader deleted a conversation that can still be restored; times are in
    seconds since 1970.
    """
    from sqlalchemy import (
        Boolean,
        Column,
        Float,
        ForeignKeyConstraint,
        Integer,
        MetaData,
        Table,
        Text,
    )

    made = MetaData(schema=schema)
    own = f"{schema}.{CONVERSATIONS}" if schema else CONVERSATIONS
    key = ("store", "reader", "conversation")
    Table(
        CONVERSATIONS,
        made,
        *(Column(name, Text, primary_key=True) for name in key),
        Column("title", Text, nullable=False),
        Column("words", Text, nullable=False),
        Column("pinned", Boolean, nullable=False),
        Column("filter", Text, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("created", Float, nullable=False),
        Column("updated", Float, nullable=False, index=True),
        Column("deleted", Float, index=True),
    )
    Table(
        TURNS,
        made,
        *(Column(name, Text, primary_key=True) for name in key),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("version", Integer, nullable=False),
        Column("words", Text, nullable=False),
        Column("content", Text, nullable=False),
        ForeignKeyConstraint(key, [f"{own}.{name}" for name in key], ondelete="CASCADE"),
    )
    Table(
        SHARES,
        made,
        Column("store", Text, primary_key=True),
        Column("token", Text, primary_key=True),
        Column("reader", Text, nullable=False, index=True),
        Column("conversation", Text, nullable=False),
        Column("number", Integer, nullable=False),
        Column("question", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("content", Text, nullable=False),
        Column("created", Float, nullable=False),
    )
    return made
