"""Open a store by its address: a folder on this machine, PostgreSQL, or PostgreSQL with Milvus."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from konkyo.index.stores.backends import backend_of
from konkyo.index.stores.base import SearchLimits, Store, StoreWriter, WriterOptions
from konkyo.index.stores.findings import Finding

__all__ = [
    "CHUNKS_VERSION",
    "companion",
    "encoder_of",
    "open_store",
    "open_writer",
    "read_note",
    "store_fingerprint",
    "store_size",
    "verify_store",
    "work_folder",
]

CHUNKS_VERSION = 1
"""Grows whenever ``konkyo.index.chunking`` cuts or describes any article differently."""


def open_store(address: str | Path, *, limits: SearchLimits | None = None) -> Store:
    """Open a store for reading; close it when done.

    ``limits`` say up to which size vectors are compared one by one (None: as measured to be best
    for the engine). Raises UsageError (an address of another kind), ExtraMissing, StoreMissing,
    StoreDamaged, StoreMismatch, StoreUnreachable.
    """
    return backend_of(address).open_store(address, limits)


@contextlib.contextmanager
def open_writer(
    address: str | Path,
    *,
    fingerprint: str | None = None,
    encoder: str = "",
    dimension: int = 0,
    wait: float = 0.0,
    rebuild: bool = False,
    limits: SearchLimits | None = None,
) -> Iterator[StoreWriter]:
    """Lock a store and start a transaction; whatever is not committed is undone.

    With a ``fingerprint``, a missing store is made, and one of another fingerprint (or with
    ``rebuild``) is replaced: the new store grows beside the old one and is put in force by
    ``commit``. Without one, only an existing store is changed. ``wait`` is in seconds; ``limits``
    as for ``open_store``. Raises UsageError, ExtraMissing, StoreLocked, StoreMissing,
    StoreDamaged, StoreError.
    """
    options = WriterOptions(fingerprint, encoder, dimension, wait, rebuild, limits)
    with backend_of(address).open_writer(address, options) as writer:
        yield writer


def verify_store(address: str | Path) -> list[Finding]:
    """Check everything a store promises. Raises StoreMissing when there is no store at all."""
    return backend_of(address).verify(address)


def store_size(address: str | Path) -> int:
    """Return the bytes a store takes, everything it keeps of earlier ones included."""
    return backend_of(address).size(address)


def read_note(address: str | Path, name: str) -> str | None:
    """Return a text that a writer kept beside the articles (``set_note``); None: there is none.

    Raises StoreMissing, StoreError.
    """
    return backend_of(address).note(address, name)


def work_folder(address: str | Path) -> Path:
    """Return where a build keeps vectors under way: the store's folder, or the user's cache."""
    return backend_of(address).work_folder(address)


def companion(address: str | Path, ending: str) -> Path:
    """Return a file or folder that goes with a store on this machine, such as readers' feedback.

    Beside a store's folder; in the user's data folder when the store is on a server.
    """
    folder = backend_of(address).companion(address)
    return folder.with_name(folder.name + ending)


def store_fingerprint(encoder: str, budget: int, overlap: int) -> str:
    """Name the encoder and the chunking of a store in one line."""
    return f"{encoder} chunks={CHUNKS_VERSION}:{budget}:{overlap}"


def encoder_of(fingerprint: str) -> str:
    """The encoder's fingerprint in a store's fingerprint."""
    return fingerprint.rpartition(" chunks=")[0] or fingerprint
