"""The door to PostgreSQL: connections, transactions, retries and errors in our words."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from konkyo.index.errors import (
    ExtraMissing,
    StoreDamaged,
    StoreError,
    StoreMissing,
    StoreUnreachable,
    UsageError,
)
from konkyo.index.stores.postgres.address import SqlAddress

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine

__all__ = ["CONTROL", "Database", "InForce", "Moved", "Rows", "in_force", "run", "tuples", "value"]

CONTROL = "konkyo"
"""The schema that says which schema holds the schema of each store."""

T = TypeVar("T")
Rows = Sequence[tuple[object, ...]]

_CONNECT_SECONDS = 5
_READ_SECONDS = 30
_RETRY_SECONDS = 20.0
# A replica that was away is asked again within this time.
_RECYCLE_SECONDS = 300
_POOL = 8
_OVERFLOW = 24
# What libpq is told unless the address says otherwise: notice a peer that is gone.
_DEFAULTS = {
    "connect_timeout": str(_CONNECT_SECONDS),
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}


class Moved(Exception):
    """This server has not got the generation a reader is at (yet)."""


@dataclass(frozen=True, slots=True)
class InForce:
    """Which schema holds the schema of a store, and which held the one before."""

    schema: str
    previous: str | None


class Database:
    """One PostgreSQL service for one store: a pool for reading, single connections for writing."""

    def __init__(self, address: SqlAddress) -> None:
        try:
            import psycopg
            import sqlalchemy
        except ImportError as exc:
            raise ExtraMissing(
                f"{address.shown}: an index on PostgreSQL needs `pip install 'konkyo[postgres]'`"
            ) from exc
        self.address = address
        self.shown = address.shown
        self._psycopg = psycopg
        self._sqlalchemy = sqlalchemy
        self._pools: dict[bool, Engine] = {}

    def close(self) -> None:
        """Let go of all pooled connections."""
        while self._pools:
            self._pools.popitem()[1].dispose()

    # -- reading --------------------------------------------------------------------------

    def read(
        self, work: Callable[[Connection], T], schema: str | None = None, *, primary: bool = False
    ) -> T:
        """Run some reading in one snapshot; again, for up to 20 s, when the server is lost.

        ``work`` sees the tables of ``schema``. What a replica has not got yet is read from the
        primary. Raises StoreUnreachable, StoreMissing, StoreError.
        """
        import tenacity

        errors = self._psycopg.errors
        primary = primary or self.address.replicas is None

        def once() -> T:
            nonlocal primary
            try:
                with self._pool(primary).connect() as connection, connection.begin():
                    self.use(connection, schema)
                    return work(connection)
            except Moved:
                primary = True
                raise
            except self._sqlalchemy.exc.ProgrammingError as exc:
                missing = (errors.UndefinedTable, errors.InvalidSchemaName)
                if primary or not isinstance(exc.orig, missing):
                    raise
                primary = True
                raise Moved("a replica is behind") from None

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_delay(_RETRY_SECONDS),
            wait=tenacity.wait_exponential(multiplier=0.05, max=1.0) + tenacity.wait_random(0, 0.1),
            retry=tenacity.retry_if_exception(self._may_pass),
            reraise=True,
        )
        with self.translated_errors():
            return retrying(once)

    def use(self, connection: Connection, schema: str | None, *, lasting: bool = False) -> None:
        """See the tables of a schema, and search well: to the transaction's end, or lasting."""
        # Extensions are in public, or where hosted databases put them.
        path = [*([schema] if schema else ()), "public", "extensions"]
        settings = {
            "search_path": ", ".join(f'"{name}"' for name in path),
            "hnsw.iterative_scan": "relaxed_order",
            "hnsw.ef_search": "200",
            "hnsw.max_scan_tuples": "200000",
        }
        if not lasting:
            settings["statement_timeout"] = f"{_READ_SECONDS}s"
        marks = ", ".join(f"set_config(:k{n}, :v{n}, {not lasting})" for n in range(len(settings)))
        values = {f"k{n}": key for n, key in enumerate(settings)}
        values |= {f"v{n}": value for n, value in enumerate(settings.values())}
        run(connection, f"SELECT {marks}", values)

    def _pool(self, primary: bool) -> Engine:
        """Connections to the primary, or to the replicas where there are some."""
        if primary not in self._pools:
            self._pools[primary] = self._sqlalchemy.create_engine(
                "postgresql+psycopg://",
                creator=lambda: (
                    self._connect(self.address.dsn)
                    if primary or self.address.replicas is None
                    else self._connect(self.address.replicas, load_balance_hosts="random")
                ),
                isolation_level="REPEATABLE READ",
                execution_options={"postgresql_readonly": True},
                hide_parameters=True,
                pool_size=_POOL,
                max_overflow=_OVERFLOW,
                pool_timeout=_READ_SECONDS,
                pool_use_lifo=True,
                pool_recycle=_RECYCLE_SECONDS,
            )
        return self._pools[primary]

    # -- writing --------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a connection of one's own to the server that takes writes."""
        engine = self._sqlalchemy.create_engine(
            "postgresql+psycopg://",
            creator=lambda: self._connect(self.address.dsn, target_session_attrs="read-write"),
            poolclass=self._sqlalchemy.pool.NullPool,
            hide_parameters=True,
        )
        with self.translated_errors():
            connection = engine.connect()
        try:
            yield connection
        finally:
            with contextlib.suppress(self._sqlalchemy.exc.SQLAlchemyError):
                connection.close()
            engine.dispose()

    def _connect(self, dsn: str, **wanted: str) -> object:
        given = {key for key, _ in parse_qsl(urlsplit(dsn).query, keep_blank_values=True)}
        defaults = {**_DEFAULTS, **wanted}
        extra: dict[str, Any] = {k: v for k, v in defaults.items() if k not in given}
        extra["application_name"] = f"konkyo {os.getpid()}@{socket.gethostname()}"[:63]
        if self.address.password:
            extra["password"] = self.address.password
        return self._psycopg.connect(dsn, **extra)

    # -- errors ---------------------------------------------------------------------------

    def _may_pass(self, exc: BaseException) -> bool:
        """Whether trying again may help: the connection is gone, or a replica is behind."""
        if isinstance(exc, Moved):
            return True
        if not isinstance(exc, self._sqlalchemy.exc.DBAPIError):
            return False
        errors = self._psycopg.errors
        # SQLAlchemy only knows that psycopg could not go on; which of it may pass, psycopg does.
        return (
            exc.connection_invalidated
            or isinstance(
                exc.orig,
                (
                    errors.AdminShutdown,
                    errors.CrashShutdown,
                    errors.CannotConnectNow,
                    errors.SerializationFailure,
                    errors.DeadlockDetected,
                ),
            )
            or (type(exc.orig) is self._psycopg.OperationalError and not _refused(str(exc.orig)))
        )

    @contextlib.contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Turn errors of the database into ours, without any secret in them."""
        exc_types = self._sqlalchemy.exc
        try:
            yield
        except Moved as exc:
            raise StoreError(f"{self.shown}: {exc}") from exc
        except (exc_types.SQLAlchemyError, self._psycopg.Error) as exc:
            # The chain is cut: a traceback of theirs may show what was sent.
            raise self._translated(exc) from None

    def _translated(self, exc: Exception) -> StoreError | UsageError:
        if isinstance(exc, self._sqlalchemy.exc.TimeoutError):
            return StoreError(
                f"{self.shown}: all connections of this process are busy; ask fewer at once"
            )
        cause = getattr(exc, "orig", None) or exc
        said = self._plain(str(cause))
        return self._refusal(cause, said) or self._failure(cause, said)

    def _refusal(self, cause: object, said: str) -> StoreError | None:
        """What the server does not allow or cannot do now; None: something else is wrong."""
        errors = self._psycopg.errors
        match cause:
            case errors.UndefinedTable() | errors.InvalidSchemaName():
                return StoreMissing(
                    f"{self.shown}: what was being read was replaced twice meanwhile, or is not"
                    " there; open the index again"
                )
            case errors.QueryCanceled():
                return StoreError(
                    f"{self.shown}: not answered within {_READ_SECONDS} s; the server is busy, or"
                    " lacks memory for this index"
                )
            case errors.InsufficientPrivilege():
                return StoreError(f"{self.shown}: this user may not do that ({said})")
            case errors.DiskFull() | errors.OutOfMemory():
                return StoreError(f"{self.shown}: the server has no room ({said})")
            case errors.ReadOnlySqlTransaction():
                return StoreError(
                    f"{self.shown}: this server takes no writes; name the primary, too:"
                    " postgresql://a,b/...?target_session_attrs=read-write"
                )
        return None

    def _failure(self, cause: object, said: str) -> StoreError | UsageError:
        """What is wrong with the data, the server or the address."""
        errors = self._psycopg.errors
        match cause:
            case errors.IntegrityError():
                return StoreError(
                    f"{self.shown}: this change contradicts what is stored ({said}); nothing of it"
                    " was kept"
                )
            case errors.DataCorrupted() | errors.IndexCorrupted():
                return StoreDamaged(
                    f"{self.shown}: the database itself is damaged ({said}); restore it, or rebuild"
                    " with `konkyo index build SOURCE... --rebuild`"
                )
            case self._psycopg.OperationalError() | errors.InvalidCatalogName():
                return StoreUnreachable(f"{self.shown}: {said}")
            case self._psycopg.ProgrammingError() if not getattr(cause, "sqlstate", None):
                return UsageError(f"{self.shown}: {said}")
        return StoreError(f"{self.shown}: {said}")

    def _plain(self, said: str) -> str:
        """One line of an error, and no password in it."""
        text = "; ".join(line.strip() for line in said.splitlines() if line.strip())
        secrets = [self.address.password, os.environ.get("PGPASSWORD", "")]
        for dsn in (self.address.dsn, self.address.replicas or ""):
            secrets.append(urlsplit(dsn).password or "" if "@" in dsn else "")
            secrets += [v for k, v in parse_qsl(urlsplit(dsn).query) if "password" in k]
        for secret in secrets:
            if secret:
                text = text.replace(secret, "***")
        return text[:500]


def _refused(said: str) -> bool:
    """Whether a server answered that it does not want us: asking again does not help."""
    return "password" in said or "no pg_hba.conf entry" in said or "does not exist" in said


def run(
    connection: Connection,
    sql: str,
    values: Mapping[str, object] | Sequence[Mapping[str, object]] | None = None,
) -> CursorResult[*tuple[object, ...]]:
    """Run one statement with named values (or many values: once for each)."""
    import sqlalchemy

    return connection.execute(sqlalchemy.text(sql), values)


def tuples(
    connection: Connection, sql: str, values: Mapping[str, object] | None = None
) -> list[tuple[object, ...]]:
    """Run one statement with named values and return its rows."""
    return [tuple(row) for row in run(connection, sql, values)]


def value(connection: Connection, sql: str, values: Mapping[str, object] | None = None) -> object:
    """The first column of a statement's first row; None: there is none."""
    row = run(connection, sql, values).fetchone()
    return None if row is None else next(iter(row))


def in_force(connection: Connection, store: str) -> InForce | None:
    """Which schema of a store is in force; None: there is no such store."""
    known = value(connection, "SELECT to_regclass(:name)", {"name": f"{CONTROL}.stores"})
    if known is None:
        return None
    row = run(
        connection,
        f"SELECT truth, previous FROM {CONTROL}.stores WHERE name = :name",
        {"name": store},
    ).fetchone()
    return None if row is None else InForce(str(row[0]), None if row[1] is None else str(row[1]))
