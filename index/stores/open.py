"""Open a store by its address: a folder on this machine, PostgreSQL, or PostgreSQL with Milvus."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from konkyo.index.errors import UsageError
from konkyo.index.stores.address import beside, kind_of, masked, without_scheme
from konkyo.index.stores.base import Store, StoreWriter

if TYPE_CHECKING:
    from konkyo.index.stores.local.checks import Finding

__all__ = [
    "CHUNKS_VERSION",
    "companion",
    "encoder_of",
    "open_store",
    "open_writer",
    "store_fingerprint",
    "store_folder",
    "store_size",
    "verify_store",
    "work_folder",
]

CHUNKS_VERSION = 1
"""Grows whenever ``konkyo.index.chunking`` cuts or describes any article differently."""


def store_folder(address: str | Path) -> Path:
    """The folder an address names. Raises UsageError for an address of another kind."""
    if kind_of(address) != "local":
        raise UsageError(f"{masked(address)}: this needs an index in a folder of this machine")
    return without_scheme(address)


def open_store(address: str | Path) -> Store:
    """Open a store for reading; close it when done.

    Raises UsageError (an address of another kind), ExtraMissing, StoreMissing, StoreDamaged,
    StoreMismatch, StoreUnreachable.
    """
    match kind_of(address):
        case "local":
            from konkyo.index.stores.local.reader import LocalStore

            return LocalStore(without_scheme(address))
        case "postgresql" | "milvus":
            from konkyo.index.stores.postgres.reader import SqlStore

            return SqlStore(str(address))


@contextlib.contextmanager
def open_writer(
    address: str | Path,
    *,
    fingerprint: str | None = None,
    encoder: str = "",
    dimension: int = 0,
    wait: float = 0.0,
    rebuild: bool = False,
) -> Iterator[StoreWriter]:
    """Lock a store and start a transaction; whatever is not committed is undone.

    With a ``fingerprint``, a missing store is made, and one of another fingerprint (or with
    ``rebuild``) is replaced: the new truth grows beside the old one and is put in force by
    ``commit``. Without one, only an existing store is changed. ``wait`` is in seconds. Raises
    UsageError, ExtraMissing, StoreLocked, StoreMissing, StoreDamaged, StoreError.
    """
    with contextlib.ExitStack() as stack:
        writer: StoreWriter
        match kind_of(address):
            case "local":
                from konkyo.index.stores.local import writer as local

                writer = stack.enter_context(
                    local.open_writer(
                        without_scheme(address),
                        fingerprint=fingerprint,
                        encoder=encoder,
                        dimension=dimension,
                        wait=wait,
                        rebuild=rebuild,
                    )
                )
            case "postgresql" | "milvus":
                from konkyo.index.stores.postgres import writer as sql

                writer = stack.enter_context(
                    sql.open_writer(
                        str(address),
                        fingerprint=fingerprint,
                        encoder=encoder,
                        dimension=dimension,
                        wait=wait,
                        rebuild=rebuild,
                    )
                )
        yield writer


def verify_store(address: str | Path) -> list[Finding]:
    """Check everything a store promises. Raises StoreMissing when there is no store at all."""
    if kind_of(address) == "local":
        from konkyo.index.stores.local.checks import verify

        return verify(without_scheme(address))
    from konkyo.index.stores.postgres.checks import verify as verify_sql

    return verify_sql(str(address))


def store_size(address: str | Path) -> int:
    """Bytes a store takes, everything it keeps beside the truth in force included."""
    if kind_of(address) == "local":
        folder = without_scheme(address)
        return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    from konkyo.index.stores.postgres.reader import size

    return size(str(address))


def work_folder(address: str | Path) -> Path:
    """Where a build keeps vectors under way: in the store's folder, or in the user's cache."""
    if kind_of(address) == "local":
        return without_scheme(address)
    folder = beside(address, "cache")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def companion(address: str | Path, ending: str) -> Path:
    """A file or folder that goes with a store on this machine, such as readers' feedback.

    Beside a store's folder; in the user's data folder when the store is on a server.
    """
    folder = without_scheme(address) if kind_of(address) == "local" else beside(address, "data")
    return folder.with_name(folder.name + ending)


def store_fingerprint(encoder: str, budget: int, overlap: int) -> str:
    """Name the encoder and the chunking of a store in one line."""
    return f"{encoder} chunks={CHUNKS_VERSION}:{budget}:{overlap}"


def encoder_of(fingerprint: str) -> str:
    """The encoder's fingerprint in a store's fingerprint."""
    return fingerprint.rpartition(" chunks=")[0] or fingerprint
