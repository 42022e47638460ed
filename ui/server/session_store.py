"""What several servers keep together, in the database of their index.

Readers' opinions, sign-ins, limits and what editors did, each in a table of the schema ``konkyo``.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING

from cachetools import TTLCache

from konkyo.index.stores.address import kind_of
from konkyo.ui.server.conversation_tables import conversation_tables
from konkyo.ui.server.feedback import (
    Opinion,
    Reason,
    Verdict,
    feedback_file,
    opinion_row,
    read_opinions,
)
from konkyo.ui.server.sql_tables import PostgresTables

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData, Table

__all__ = ["SessionStore", "SignIns", "opinions_of", "session_store_of"]

_DAYS = 7
"""How long a sign-in is kept."""

_TRUST_SECONDS = 60.0
_SEEN = 10_000
_COLUMNS = (
    "at",
    "conversation",
    "turn",
    "verdict",
    "reason",
    "correction",
    "question",
    "language",
    "status",
    "fingerprint",
    "history",
    "outcome",
)


def session_store_of(store: str) -> SessionStore | None:
    """The session store of an index on a server; None for one in a folder of this machine."""
    return None if kind_of(store) == "local" else SessionStore(store)


def opinions_of(store: str) -> list[Opinion]:
    """All opinions on an index, oldest first. Raises UsageError, StoreError."""
    session_store = session_store_of(store)
    return (
        read_opinions(feedback_file(store)) if session_store is None else session_store.opinions()
    )


class SessionStore:
    """The tables of one index. Safe to share by threads. Raises StoreError, ExtraMissing."""

    def __init__(self, address: str) -> None:
        self._tables = _tables()
        self._sql = PostgresTables(address, self._tables)
        self._store = self._sql.store

    # --- opinions ----------------------------------------------------------------------------

    def keep(
        self,
        conversation: str,
        turn: int,
        verdict: Verdict,
        outcome: Mapping[str, object],
        *,
        reason: Reason = "",
        correction: str = "",
        history: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Keep one opinion; a second one on the same answer takes the place of the first."""
        row = opinion_row(conversation, turn, verdict, outcome, reason, correction, history)
        values = dict(zip(_COLUMNS, row, strict=True))
        self._put("feedback", ("store", "conversation", "turn"), {"store": self._store, **values})

    def opinions(self) -> list[Opinion]:
        """All opinions on this index, oldest first."""
        from sqlalchemy import select

        table = self._table("feedback")

        def read(connection: Connection) -> list[Opinion]:
            wanted = select(table).where(table.c.store == self._store)
            rows = connection.execute(wanted.order_by(table.c.at, table.c.id)).mappings()
            return [
                Opinion(
                    row["at"],
                    row["verdict"],
                    row["reason"],
                    row["correction"],
                    row["question"],
                    row["language"],
                    row["status"],
                    row["fingerprint"],
                    tuple((str(q), str(a)) for q, a in json.loads(row["history"])),
                    json.loads(row["outcome"]),
                )
                for row in rows
            ]

        return self._sql.run(read)

    # --- sign-ins ----------------------------------------------------------------------------

    def signed_in(self, token: str) -> str | None:
        """Who got a token when signing in, in the last seven days."""
        from sqlalchemy import select

        table = self._table("sign_ins")
        wanted = select(table.c.reader).where(
            table.c.token == _digest(token), table.c.at >= time.time() - _DAYS * 86400
        )
        found = self._sql.run(lambda connection: connection.execute(wanted).scalar())
        return None if found is None else str(found)

    def sign_in(self, token: str, user: str) -> None:
        """Remember who got a token."""
        values = {"token": _digest(token), "reader": user, "at": time.time()}
        self._put("sign_ins", ("token",), values)

    def sign_out(self, token: str) -> None:
        """Forget a token."""
        table = self._table("sign_ins")
        self._sql.run(lambda c: c.execute(table.delete().where(table.c.token == _digest(token))))

    # --- limits: ui.server.shared_limits -------------------------------------------------------

    def count(self, key: str, seconds: int, amount: int = 1) -> int:
        """Add to a count that begins anew after some seconds of the database's clock."""
        from sqlalchemy import text

        statement = text(
            "INSERT INTO konkyo.limits AS held (key, count, until)"
            " VALUES (:key, :amount, extract(epoch FROM now()) + :seconds)"
            " ON CONFLICT (key) DO UPDATE SET"
            " count = CASE WHEN held.until > extract(epoch FROM now())"
            " THEN held.count ELSE 0 END + excluded.count,"
            " until = CASE WHEN held.until > extract(epoch FROM now())"
            " THEN held.until ELSE excluded.until END RETURNING count"
        )
        over = text("DELETE FROM konkyo.limits WHERE until < extract(epoch FROM now()) - 3600")

        def add(connection: Connection) -> int:
            values = {"key": key, "amount": amount, "seconds": seconds}
            found = int(connection.execute(statement, values).scalar_one())
            if found == 1:
                connection.execute(over)
            return found

        return self._sql.run(add)

    def counted(self, key: str) -> tuple[int, float]:
        """A count and the seconds until it begins anew; zeros where there is none."""
        from sqlalchemy import text

        wanted = text(
            "SELECT count, until - extract(epoch FROM now()) FROM konkyo.limits"
            " WHERE key = :key AND until > extract(epoch FROM now())"
        )
        row = self._sql.run(lambda c: c.execute(wanted, {"key": key}).one_or_none())
        return (0, 0.0) if row is None else (int(row[0]), float(row[1]))

    def forget_counts(self, key: str | None = None) -> int:
        """Forget one count, or all; return how many there were."""
        table = self._table("limits")
        statement = table.delete() if key is None else table.delete().where(table.c.key == key)
        return self._sql.run(lambda c: int(c.execute(statement).rowcount))

    # --- places of requests under way: ui.server.shared_limits ---------------------------------

    def take_place(self, caller: str, place: str, most: int, seconds: float) -> bool:
        """Hold a place for some seconds, unless a caller holds ``most``; return whether it does."""
        from sqlalchemy import text

        values = {"caller": caller, "place": place, "seconds": seconds}
        # One at a time for a caller: two that count at once would both find the last place free.
        alone = text("SELECT pg_advisory_xact_lock(hashtext('konkyo places'), hashtext(:caller))")
        over = text("DELETE FROM konkyo.places WHERE until < extract(epoch FROM clock_timestamp())")
        held = text("SELECT count(*) FROM konkyo.places WHERE caller = :caller")
        hold = text(
            "INSERT INTO konkyo.places (place, caller, until) VALUES"
            " (:place, :caller, extract(epoch FROM clock_timestamp()) + :seconds)"
        )

        def take(connection: Connection) -> bool:
            connection.execute(alone, values)
            connection.execute(over)
            if int(connection.execute(held, values).scalar_one()) >= most:
                return False
            connection.execute(hold, values)
            return True

        return self._sql.run(take)

    def renew_places(self, places: Sequence[str], seconds: float) -> None:
        """Hold places for some seconds from now on."""
        from sqlalchemy import text

        renew = text(
            "UPDATE konkyo.places SET until = extract(epoch FROM clock_timestamp()) + :seconds"
            " WHERE place = ANY(:places)"
        )
        values = {"places": list(places), "seconds": seconds}
        self._sql.run(lambda connection: connection.execute(renew, values))

    def give_back_place(self, place: str) -> None:
        """Free a place."""
        table = self._table("places")
        self._sql.run(lambda c: c.execute(table.delete().where(table.c.place == place)))

    # --- what editors did: ui.server.audit -----------------------------------------------------

    def keep_entry(self, entry: Mapping[str, object], most: int) -> None:
        """Keep an entry of the audit log, and of all those on this index the ``most`` last."""
        from sqlalchemy import insert, select

        table = self._table("audit")
        own = table.c.store == self._store
        first_over = (
            select(table.c.id).where(own).order_by(table.c.id.desc()).offset(most).limit(1)
        ).scalar_subquery()

        def keep(connection: Connection) -> None:
            row = {"store": self._store, "entry": json.dumps(entry)}
            connection.execute(insert(table).values(**row))
            connection.execute(table.delete().where(own, table.c.id <= first_over))

        self._sql.run(keep)

    def entries(self) -> list[dict[str, object]]:
        """The entries of the audit log on this index, oldest first."""
        from sqlalchemy import select

        table = self._table("audit")
        wanted = select(table.c.entry).where(table.c.store == self._store).order_by(table.c.id)
        rows = self._sql.run(lambda connection: connection.execute(wanted).scalars().all())
        return [json.loads(row) for row in rows]

    # --- the database ------------------------------------------------------------------------

    def _put(self, name: str, keys: Sequence[str], values: Mapping[str, object]) -> None:
        from sqlalchemy.dialects.postgresql import insert

        table = self._table(name)
        statement = insert(table).values(**values)
        changed = {k: statement.excluded[k] for k in values if k not in keys}
        upsert = statement.on_conflict_do_update(index_elements=list(keys), set_=changed)

        def put(connection: Connection) -> None:
            connection.execute(upsert)
            if name != "feedback":
                connection.execute(table.delete().where(table.c.at < time.time() - _DAYS * 86400))

        self._sql.run(put)

    def _table(self, name: str) -> Table:
        return self._tables.tables[f"konkyo.{name}"]


def _tables() -> MetaData:
    from sqlalchemy import (
        BigInteger,
        Column,
        Float,
        Identity,
        Integer,
        Table,
        Text,
        UniqueConstraint,
    )

    made = conversation_tables("konkyo")
    Table(
        "feedback",
        made,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("store", Text, nullable=False),
        *(Column(name, Integer if name == "turn" else Text, nullable=False) for name in _COLUMNS),
        UniqueConstraint("store", "conversation", "turn"),
    )
    Table(
        "sign_ins",
        made,
        Column("token", Text, primary_key=True),
        Column("reader", Text, nullable=False),
        Column("at", Float, nullable=False, index=True),
    )
    Table(
        "limits",
        made,
        Column("key", Text, primary_key=True),
        Column("count", Integer, nullable=False),
        Column("until", Float, nullable=False, index=True),
    )
    Table(
        "places",
        made,
        Column("place", Text, primary_key=True),
        Column("caller", Text, nullable=False, index=True),
        Column("until", Float, nullable=False, index=True),
    )
    Table(
        "audit",
        made,
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("store", Text, nullable=False, index=True),
        Column("entry", Text, nullable=False),
    )
    return made


class SignIns(MutableMapping[str, str]):
    """Tokens and who holds them, in the database of an index, for all servers that share it.

    What was found is trusted for a minute; what was not is asked for again. Safe to share by
    threads.
    """

    def __init__(self, session_store: SessionStore) -> None:
        self._session_store = session_store
        self._lock = threading.Lock()
        self._seen: TTLCache[str, str] = TTLCache(_SEEN, _TRUST_SECONDS)

    def __getitem__(self, token: str) -> str:
        with self._lock:
            user = self._seen.get(token)
        if user is not None:
            return user
        found = self._session_store.signed_in(token) if token else None
        if found is None:
            raise KeyError(token)
        self._trust(token, found)
        return found

    def __setitem__(self, token: str, user: str) -> None:
        self._session_store.sign_in(token, user)
        self._trust(token, user)

    def __delitem__(self, token: str) -> None:
        with self._lock:
            self._seen.pop(token, None)
        self._session_store.sign_out(token)

    def _trust(self, token: str, user: str) -> None:
        with self._lock:
            self._seen[token] = user

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._seen))

    def __len__(self) -> int:
        with self._lock:
            return len(self._seen)


def _digest(token: str) -> str:
    """Whoever reads the table must not be able to come in by what stands there."""
    return hashlib.sha256(token.encode()).hexdigest()
