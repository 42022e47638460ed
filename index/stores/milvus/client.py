"""Collections of vectors in Milvus; the one owner of pymilvus.

Every call is repeated for up to 20 s while Milvus is away.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import ExtraMissing, StoreUnreachable
from konkyo.index.stores.postgres.address import MilvusAddress

if TYPE_CHECKING:
    from pymilvus import MilvusClient

__all__ = ["WINDOW", "Collections"]

WINDOW = 16_384
"""Rows that Milvus returns at most."""

_BATCH = 1_000
_SECONDS = 10.0
_RETRY_SECONDS = 20.0

T = TypeVar("T")


class Collections:
    """The collections of one Milvus server, read with strong consistency.

    There are no partitions: a question asks all languages.
    """

    def __init__(self, shown: str, address: MilvusAddress) -> None:
        try:
            import grpc
            import pymilvus
        except ImportError as exc:
            raise ExtraMissing(
                f"{shown}: an index with Milvus needs `pip install 'konkyo[milvus]'`"
            ) from exc
        self._pymilvus = pymilvus
        # A call that ran out of time leaves the client as gRPC's error, all others as its own.
        self._failures = (pymilvus.MilvusException, grpc.RpcError)
        self._shown = shown
        self._address = address
        self._client: MilvusClient | None = None

    # -- reading --------------------------------------------------------------------------

    def exists(self, name: str) -> bool:
        """Whether there is such a collection."""
        return bool(self._patiently(lambda client: client.has_collection(name)))

    def index_kind(self, name: str) -> str | None:
        """Return the kind of a collection's index, such as ``FLAT``; None: there is none."""
        if not self.exists(name):
            return None
        found = self._patiently(lambda client: client.describe_index(name, "vector"))
        return None if not found else str(found["index_type"])

    def count(self, name: str) -> int:
        """Return how many vectors a collection holds."""
        rows = self._patiently(
            lambda client: client.query(
                name, filter="", output_fields=["count(*)"], consistency_level="Strong"
            )
        )
        return int(rows[0]["count(*)"])

    def search(
        self, name: str, vector: Vectors, limit: int, passes: str
    ) -> list[tuple[int, float]]:
        """Return (passage number, dot product) of the nearest that pass an expression."""
        rows = self._patiently(
            lambda client: client.search(
                name,
                data=[vector.tolist()],
                limit=limit,
                filter=passes,
                search_params={"metric_type": "IP", "params": {"ef": max(128, 2 * limit)}},
                consistency_level="Strong",
                timeout=_SECONDS,
            )
        )
        return [(int(hit["id"]), float(hit["distance"])) for hit in rows[0]]

    def numbers(self, name: str, low: int, high: int) -> set[int]:
        """Return the passage numbers from ``low`` to below ``high``, at most ``WINDOW``."""
        rows = self._patiently(
            lambda client: client.query(
                name,
                filter=f"id >= {low} and id < {high}",
                output_fields=["id"],
                limit=WINDOW,
                consistency_level="Strong",
            )
        )
        return {int(row["id"]) for row in rows}

    def vectors(self, name: str, numbers: Sequence[int]) -> dict[int, Vectors]:
        """Return the vectors of some passages; missing ones are left out."""
        rows = self._patiently(
            lambda client: client.query(
                name, ids=numbers, output_fields=["id", "vector"], consistency_level="Strong"
            )
        )
        return {int(row["id"]): np.asarray(row["vector"], np.float32) for row in rows}

    # -- changing -------------------------------------------------------------------------

    def make(self, name: str, dimension: int) -> None:
        """Make a collection, unless it is there."""
        if self.exists(name):
            return
        kinds = self._pymilvus.DataType

        def make(client: MilvusClient) -> None:
            fields = client.create_schema(auto_id=False, enable_dynamic_field=False)
            fields.add_field("id", kinds.INT64, is_primary=True)
            fields.add_field("article", kinds.INT64)
            fields.add_field("language", kinds.VARCHAR, max_length=32)
            fields.add_field("published", kinds.INT64)
            fields.add_field("outlet", kinds.VARCHAR, max_length=2048)
            fields.add_field("vector", kinds.FLOAT_VECTOR, dim=dimension)
            client.create_collection(name, schema=fields, consistency_level="Strong")
            self._make_index(client, name, "FLAT")
            client.load_collection(name)

        self._patiently(make)

    def upsert(self, name: str, rows: Sequence[dict[str, object]]) -> None:
        """Add rows, or replace those of the same number."""
        for at in range(0, len(rows), _BATCH):
            some = list(rows[at : at + _BATCH])
            self._patiently(lambda client, some=some: client.upsert(name, some, timeout=60))  # type: ignore[misc]

    def delete(self, name: str, numbers: Sequence[int]) -> None:
        """Remove passages by their numbers."""
        for at in range(0, len(numbers), _BATCH):
            some = list(numbers[at : at + _BATCH])
            self._patiently(lambda client, some=some: client.delete(name, ids=some, timeout=60))  # type: ignore[misc]

    def flush(self, name: str) -> None:
        """Have Milvus write what was added to its storage."""
        self._patiently(lambda client: client.flush(name, timeout=300))

    def index_by_hnsw(self, name: str) -> None:
        """Replace a collection's index by HNSW."""
        self._patiently(lambda client: client.release_collection(name))
        self._patiently(lambda client: client.drop_index(name, "vector"))
        self._patiently(lambda client: self._make_index(client, name, "HNSW"))
        self._patiently(lambda client: client.load_collection(name, timeout=600))

    def drop(self, name: str) -> None:
        """Remove a collection, if it is there."""
        if self.exists(name):
            self._patiently(lambda client: client.drop_collection(name))

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._client is not None:
            self._client.close()
            self._client = None

    # -- the client -----------------------------------------------------------------------

    def _make_index(self, client: MilvusClient, name: str, kind: str) -> None:
        wanted = client.prepare_index_params()
        params = {"M": 16, "efConstruction": 200} if kind == "HNSW" else {}
        wanted.add_index("vector", index_type=kind, metric_type="IP", params=params)
        client.create_index(name, wanted)

    def _patiently(self, work: Callable[[MilvusClient], T]) -> T:
        """Call Milvus; again, for up to 20 s, while it is away. Raises StoreUnreachable."""
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
                f"{self._shown}: Milvus at {self._address.uri} does not answer: {said}"
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
