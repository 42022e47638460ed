"""Open a store by its address: a folder on this machine today, a cluster engine behind the same protocol."""

from __future__ import annotations

import re
from pathlib import Path

from index.errors import UsageError
from index.protocols import Store

__all__ = ["CHUNKS_VERSION", "encoder_of", "open_store", "store_fingerprint", "store_folder"]

CHUNKS_VERSION = 1
"""Grows whenever ``index.chunk`` cuts or describes any article differently."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)


def store_folder(address: str | Path) -> Path:
    """The folder an address names. Raises UsageError for an address of another kind."""
    text = str(address)
    match = _SCHEME.match(text)
    if match is None:
        return Path(text)
    if match[1].lower() == "file":
        return Path(text[len(match[0]) :])
    raise UsageError(
        f"{text}: an index at {match[1]}:// is not supported by this version; give the path of a"
        " folder"
    )


def open_store(address: str | Path) -> Store:
    """Open a store for reading; close it when done.

    Raises UsageError (an address of another kind), StoreMissing, StoreDamaged, StoreMismatch.
    """
    from index.backends.local import LocalStore

    return LocalStore(store_folder(address))


def store_fingerprint(encoder: str, budget: int, overlap: int) -> str:
    """Name the encoder and the chunking of a store in one line."""
    return f"{encoder} chunks={CHUNKS_VERSION}:{budget}:{overlap}"


def encoder_of(fingerprint: str) -> str:
    """The encoder's fingerprint in a store's fingerprint."""
    return fingerprint.rpartition(" chunks=")[0] or fingerprint
