"""Vectors searched by Milvus; what it finds is answered only if the truth has it.

The truth in PostgreSQL keeps every vector as well: it is what a rebuild takes them from again and
what Milvus, which has no transactions, is brought up to. Vectors go there before the commit that
shows them, under numbers no reader knows yet, so a crash between the two leaves nothing but
vectors that are never answered and that the next change removes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import ExtraMissing, StoreUnreachable
from konkyo.index.records import Filter
from konkyo.index.stores.local.vector_index import unit_scores
from konkyo.index.stores.postgres.address import MilvusAddress
from konkyo.index.stores.postgres.database import Database, run, value
from konkyo.index.stores.postgres.vectors import Seen, VectorRow, clause

if TYPE_CHECKING:
    from pymilvus import MilvusClient
    from sqlalchemy import Connection

__all__ = ["Milvus"]

_EXACT_LIMIT = 2_000
_FLAT_LIMIT = 10_000
_FLUSH_FROM = 10_000
_WINDOW = 16_384
_BATCH = 1_000
_SECONDS = 10.0
_RETRY_SECONDS = 20.0
_VISIBLE = "born <= :generation AND (died IS NULL OR died > :generation)"

T = TypeVar("T")


class Milvus:
    """One collection a truth, strong consistency; no partitions: a question asks all languages."""

    name = "milvus"

    def __init__(self, database: Database, address: MilvusAddress) -> None:
        try:
            import grpc
            import pymilvus
        except ImportError as exc:
            raise ExtraMissing(
                f"{database.shown}: an index with Milvus needs `pip install 'konkyo[milvus]'`"
            ) from exc
        self._pymilvus = pymilvus
        # A call that ran out of time leaves the client as gRPC's error, all others as its own.
        self._failures = (pymilvus.MilvusException, grpc.RpcError)
        self._database = database
        self._address = address
        self._client: MilvusClient | None = None
        self._grown = 0

    def column(self, dimension: int) -> str:
        """The type of the truth's own column of vectors."""
        return "bytea"

    def to_column(self, vector: npt.NDArray[np.float16]) -> object:
        """A vector as psycopg copies it into that column."""
        return vector.astype("<f2").tobytes()

    def selected(self, column: str) -> str:
        """SQL that gives such a column as bytes for ``from_bytes``."""
        return column

    def from_bytes(self, blob: bytes) -> bytes:
        """What ``selected`` gave as little-endian float16."""
        return blob

    # -- searching ------------------------------------------------------------------------

    def nearest(
        self, connection: Connection, vector: Vectors, k: int, seen: Seen
    ) -> list[tuple[int, float]]:
        """(passage number, dot product) of the k nearest, best first; at full recall if few pass."""
        if not seen.where.empty and seen.passing <= _EXACT_LIMIT:
            return self._exact(connection, vector, k, seen)
        wanted = min(k, seen.passing)
        passes = self._expression(connection, seen)
        if passes is None:
            return self._exact(connection, vector, k, seen)
        limit = min(k + 32, _WINDOW)
        while True:
            found = self._search(seen.truth, vector, limit, passes)
            visible = _visible(connection, [number for number, _ in found], seen)
            kept = [(number, score) for number, score in found if number in visible]
            if len(kept) >= wanted:
                return sorted(kept, key=lambda hit: (-hit[1], hit[0]))[:k]
            if limit >= _WINDOW or len(found) < limit:
                return self._exact(connection, vector, k, seen)
            limit = min(limit * 4, _WINDOW)

    def _search(
        self, truth: str, vector: Vectors, limit: int, passes: str
    ) -> list[tuple[int, float]]:
        rows = self._patiently(
            lambda client: client.search(
                truth,
                data=[vector.tolist()],
                limit=limit,
                filter=passes,
                search_params={"metric_type": "IP", "params": {"ef": max(128, 2 * limit)}},
                consistency_level="Strong",
                timeout=_SECONDS,
            )
        )
        return [(int(hit["id"]), float(hit["distance"])) for hit in rows[0]]

    def _exact(
        self, connection: Connection, vector: Vectors, k: int, seen: Seen
    ) -> list[tuple[int, float]]:
        """Compare all that may be found, from the truth."""
        passes, values = clause(seen.where, "p", "article")
        chosen = f"{_VISIBLE} AND {passes}"
        values["generation"] = seen.generation
        if seen.numbers is not None:
            chosen, values = "id = ANY(:numbers)", {"numbers": list(seen.numbers)}
        best: list[tuple[int, float]] = []
        rows = run(
            connection,
            f"SELECT id, vector FROM passages p WHERE {chosen}",
            values,
        )
        for part in rows.partitions(10_000):
            numbers = [int(str(row[0])) for row in part]
            stacked = np.frombuffer(b"".join(_bytes(row[1]) for row in part), "<f2")
            scores = unit_scores(stacked.reshape(len(part), len(vector)), vector)
            best += zip(numbers, scores.tolist(), strict=True)
            best = sorted(best, key=lambda hit: (-hit[1], hit[0]))[:k]
        return best

    def _expression(self, connection: Connection, seen: Seen) -> str | None:
        """A filter in Milvus's words; None: it cannot be said in a reasonable length."""
        where = seen.where
        parts = [f"id <= {seen.reached}"]
        if where.since or where.until:
            parts.append("published > 0")
        if where.since:
            parts.append(f"published >= {_day(where.since)}")
        if where.until:
            parts.append(f"published <= {_day(where.until)}")
        for column, names in (("language", where.languages), ("outlet", where.outlets)):
            if names:
                quoted = ", ".join(
                    '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
                    for name in sorted(names)
                )
                parts.append(f"{column} in [{quoted}]")
        if where.sources:
            passes, values = clause(Filter(sources=where.sources), "a", "number")
            rows = run(
                connection,
                f"SELECT number FROM articles a WHERE {_VISIBLE} AND {passes} LIMIT 2001",
                {**values, "generation": seen.generation},
            ).fetchall()
            if len(rows) > 2000:
                return None
            parts.append(f"article in {[int(str(row[0])) for row in rows]}")
        return " and ".join(parts)

    # -- changing -------------------------------------------------------------------------

    def prepare(self, connection: Connection) -> None:
        """Nothing of the database is needed."""

    def grow(self, truth: str, dimension: int, rows: Sequence[VectorRow]) -> None:
        """Take in vectors before the transaction that shows them commits."""
        self._ensure(truth, dimension)
        for at in range(0, len(rows), _BATCH):
            data = [
                {
                    "id": row.number,
                    "article": row.article,
                    "language": row.language,
                    "published": _day(row.published),
                    "outlet": row.outlet or "",
                    "vector": _unit(row.vector),
                }
                for row in rows[at : at + _BATCH]
            ]
            self._patiently(lambda client, data=data: client.upsert(truth, data, timeout=60))  # type: ignore[misc]
        self._grown += len(rows)

    def settle(self, connection: Connection, truth: str, passages: int) -> None:
        """Before a commit: be ready to search what it will show."""
        if self._grown >= _FLUSH_FROM:
            self._patiently(lambda client: client.flush(truth, timeout=300))
            self._grown = 0
        if passages > _FLAT_LIMIT and self._index(truth) == "FLAT":
            self._patiently(lambda client: client.release_collection(truth))
            self._patiently(lambda client: client.drop_index(truth, "vector"))
            self._patiently(lambda client: self._make_index(client, truth, "HNSW"))
            self._patiently(lambda client: client.load_collection(truth, timeout=600))

    def keep_up(self, connection: Connection, truth: str, dimension: int) -> None:
        """After a commit: be equal to the truth, whatever happened between the two."""
        held = int(str(value(connection, "SELECT count(*) FROM passages")))
        if not held and not self._has(truth):
            return
        self._ensure(truth, dimension)
        if self._count(truth) == held:
            return
        for there, here in self._windows(connection, truth):
            missing = sorted(here - there)
            for at in range(0, len(missing), _BATCH):
                rows = run(
                    connection,
                    "SELECT id, article, language, published, outlet, vector FROM passages"
                    " WHERE id = ANY(:numbers)",
                    {"numbers": missing[at : at + _BATCH]},
                )
                self.grow(truth, dimension, [_row(tuple(row)) for row in rows])
            extra = there - here
            if extra:
                self.forget(truth, extra)

    def forget(self, truth: str, numbers: Iterable[int]) -> None:
        """Passages no reader can see any more."""
        gone = sorted(numbers)
        for at in range(0, len(gone), _BATCH):
            some = gone[at : at + _BATCH]
            self._patiently(lambda client, some=some: client.delete(truth, ids=some, timeout=60))  # type: ignore[misc]

    def drop(self, truth: str) -> None:
        """All of a truth that is gone."""
        if self._has(truth):
            self._patiently(lambda client: client.drop_collection(truth))

    # -- looking --------------------------------------------------------------------------

    def describe(self, connection: Connection, truth: str) -> dict[str, object]:
        """Facts for ``konkyo index status``."""
        return {"kind": (self._index(truth) or "none").lower(), "collection": truth}

    def compare(self, connection: Connection, truth: str, numbers: Sequence[int]) -> list[str]:
        """What is wrong with what it holds; ``numbers`` are the living passages."""
        if not numbers:
            return []
        if not self._has(truth):
            return [f"there is no collection {truth}"]
        living = set(numbers)
        problems: list[str] = []
        for there, here in self._windows(connection, truth):
            missing = (here & living) - there
            if missing:
                problems.append(f"{len(missing)} passages are missing, number {min(missing)} first")
            if there - here:
                problems.append(f"{len(there - here)} vectors belong to no passage")
        sample = list(numbers)[:: max(1, len(numbers) // 100)]
        held = self._patiently(
            lambda client: client.query(
                truth, ids=sample, output_fields=["id", "vector"], consistency_level="Strong"
            )
        )
        found = {int(row["id"]): np.asarray(row["vector"], np.float32) for row in held}
        for row in run(
            connection, "SELECT id, vector FROM passages WHERE id = ANY(:n)", {"n": sample}
        ):
            wanted = np.asarray(_unit(np.frombuffer(_bytes(row[1]), "<f2")), np.float32)
            number = int(str(row[0]))
            if number in found and not np.allclose(found[number], wanted, atol=1e-5):
                problems.append(f"the vector of passage number {number} is another one")
        return problems

    def bytes(self, connection: Connection, truth: str) -> int:
        """Milvus does not say what it takes."""
        return 0

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    # -- the client -----------------------------------------------------------------------

    def _windows(self, connection: Connection, truth: str) -> Iterator[tuple[set[int], set[int]]]:
        """Range by range of passage numbers: which are there, and which the truth holds."""
        top = int(str(value(connection, "SELECT last_value FROM passage_numbers")))
        for low in range(0, top + 1, _WINDOW):
            high = low + _WINDOW
            rows = self._patiently(
                lambda client, low=low, high=high: client.query(  # type: ignore[misc]
                    truth,
                    filter=f"id >= {low} and id < {high}",
                    output_fields=["id"],
                    limit=_WINDOW,
                    consistency_level="Strong",
                )
            )
            held = run(
                connection,
                "SELECT id FROM passages WHERE id >= :low AND id < :high",
                {"low": low, "high": high},
            )
            yield {int(r["id"]) for r in rows}, {int(str(r[0])) for r in held}

    def _ensure(self, truth: str, dimension: int) -> None:
        """Make the collection of a truth, unless it is there."""
        if self._has(truth):
            return
        kinds = self._pymilvus.DataType

        def make(client: MilvusClient) -> None:
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("id", kinds.INT64, is_primary=True)
            schema.add_field("article", kinds.INT64)
            schema.add_field("language", kinds.VARCHAR, max_length=32)
            schema.add_field("published", kinds.INT64)
            schema.add_field("outlet", kinds.VARCHAR, max_length=2048)
            schema.add_field("vector", kinds.FLOAT_VECTOR, dim=dimension)
            client.create_collection(truth, schema=schema, consistency_level="Strong")
            self._make_index(client, truth, "FLAT")
            client.load_collection(truth)

        self._patiently(make)

    def _make_index(self, client: MilvusClient, truth: str, kind: str) -> None:
        wanted = client.prepare_index_params()
        params = {"M": 16, "efConstruction": 200} if kind == "HNSW" else {}
        wanted.add_index("vector", index_type=kind, metric_type="IP", params=params)
        client.create_index(truth, wanted)

    def _has(self, truth: str) -> bool:
        return bool(self._patiently(lambda client: client.has_collection(truth)))

    def _index(self, truth: str) -> str | None:
        if not self._has(truth):
            return None
        found = self._patiently(lambda client: client.describe_index(truth, "vector"))
        return None if not found else str(found["index_type"])

    def _count(self, truth: str) -> int:
        rows = self._patiently(
            lambda client: client.query(
                truth, filter="", output_fields=["count(*)"], consistency_level="Strong"
            )
        )
        return int(rows[0]["count(*)"])

    def _patiently(self, work: Callable[[MilvusClient], T]) -> T:
        """Ask Milvus; again, for up to 20 s, while it is away. Raises StoreUnreachable."""
        import tenacity

        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_delay(_RETRY_SECONDS),
            wait=tenacity.wait_exponential(multiplier=0.1, max=2.0),
            retry=tenacity.retry_if_exception(self._away),
            reraise=True,
        )
        try:
            return retrying(lambda: work(self._connected()))
        except self._failures as exc:
            said = str(exc.details() if hasattr(exc, "details") else exc.message)
            for secret in (self._address.token, self._address.token.rpartition(":")[2]):
                said = said.replace(secret, "***") if secret else said
            raise StoreUnreachable(
                f"{self._database.shown}: Milvus at {self._address.uri} does not answer: {said}"
            ) from None

    def _away(self, exc: BaseException) -> bool:
        """Whether Milvus may come back: it is restarting, or was never reached."""
        if not isinstance(exc, self._failures):
            return False
        # A channel to a server that is gone does not always mend itself.
        with contextlib.suppress(*self._failures):
            self.close()
        return True

    def _connected(self) -> MilvusClient:
        if self._client is None:
            self._client = self._pymilvus.MilvusClient(
                uri=self._address.uri,
                token=self._address.token,
                timeout=_SECONDS,
                **self._address.options,
            )
        return self._client


def _visible(connection: Connection, numbers: Sequence[int], seen: Seen) -> set[int]:
    rows = run(
        connection,
        f"SELECT id FROM passages WHERE id = ANY(:numbers) AND {_VISIBLE}",
        {"numbers": list(numbers), "generation": seen.generation},
    )
    return {int(str(row[0])) for row in rows}


def _row(row: tuple[object, ...]) -> VectorRow:
    number, article, language, published, outlet, blob = row
    return VectorRow(
        int(str(number)),
        int(str(article)),
        str(language),
        None if published is None else str(published),
        None if outlet is None else str(outlet),
        np.frombuffer(_bytes(blob), "<f2"),
    )


def _unit(vector: npt.NDArray[np.float16]) -> list[float]:
    wide = vector.astype(np.float32)
    length = max(float(np.linalg.norm(wide)), 1e-12)
    values: list[float] = (wide / np.float32(length)).tolist()
    return values


def _day(date: str | None) -> int:
    """An ISO date as a number that sorts alike; 0: there is none."""
    digits = (date or "").replace("-", "")[:8]
    return int(digits.ljust(8, "0")) if digits.isdigit() else 0


def _bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else b""
