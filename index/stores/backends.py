"""The kinds of stores there are, and what each does at an address of its kind."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from konkyo.index.stores.address import kind_of
from konkyo.index.stores.base import SearchLimits, Store, StoreWriter, WriterOptions
from konkyo.index.stores.findings import Finding

__all__ = ["Backend", "backend_of"]


class Backend(Protocol):
    """Opens, checks and measures stores of one kind."""

    def open_store(self, address: str | Path, limits: SearchLimits | None) -> Store:
        """Open a store for reading."""

    def open_writer(
        self, address: str | Path, options: WriterOptions
    ) -> AbstractContextManager[StoreWriter]:
        """Lock a store and start a transaction; whatever is not committed is undone."""

    def verify(self, address: str | Path) -> list[Finding]:
        """Check everything a store promises. Raises StoreMissing."""

    def size(self, address: str | Path) -> int:
        """Return the bytes a store takes, everything it keeps of earlier ones included."""

    def work_folder(self, address: str | Path) -> Path:
        """Return a folder of this machine for what a build has under way."""

    def note(self, address: str | Path, name: str) -> str | None:
        """Return a text kept beside the articles; None: there is none. Raises StoreMissing."""

    def companion(self, address: str | Path) -> Path:
        """Return the path that files which go with a store are named after."""


def backend_of(address: str | Path) -> Backend:
    """Return what handles an address. Raises UsageError for a scheme nobody knows."""
    match kind_of(address):
        case "local":
            from konkyo.index.stores.local.backend import Folders

            return Folders()
        case "postgresql" | "milvus":
            from konkyo.index.stores.postgres.backend import Servers

            return Servers()
