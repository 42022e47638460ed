"""What named sources hold now, what of the index is missing from them, and what may be removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from konkyo.index.errors import RemovalRefused
from konkyo.index.ingest.sources import Fetcher, Listing, SourceFailure, expand

__all__ = [
    "REMOVAL_LIMIT",
    "Confirm",
    "Difference",
    "Inventory",
    "difference",
    "require_consent",
    "take_inventory",
]

REMOVAL_LIMIT = 0.2
"""Share of all articles that may be removed without asking."""

Confirm = Callable[[int, int], bool]
"""Called with how many articles would be removed and how many there are; True: remove them."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The documents of some named sources, and what could not be read.

    ``readable`` are the named sources of which at least one document is there, ``missing`` those
    of which none is. ``unknown_kinds`` counts, by ending, the files in folders that are not read.
    """

    listings: Mapping[str, Listing]
    failures: tuple[SourceFailure, ...]
    readable: tuple[str, ...]
    missing: tuple[str, ...]
    unknown_kinds: Mapping[str, int]

    def keeps(self, source: str) -> bool:
        """Whether a stored source that is not listed may still exist, and is to be kept.

        It may where it is behind something unreadable, or below a folder that is now a file. And
        where a named source is missing, nothing is removed but what a readable one has lost.
        """
        if any(_below(source, failure.source) for failure in self.failures):
            return True
        if "://" not in source and any(
            parent.as_posix() in self.listings for parent in PurePosixPath(source).parents
        ):
            return True
        return bool(self.missing) and not any(_below(source, named) for named in self.readable)


def take_inventory(sources: Sequence[str], fetch: Fetcher | None = None) -> Inventory:
    """List all documents of some sources, without reading them."""
    listings: dict[str, Listing] = {}
    failures: dict[str, SourceFailure] = {}
    readable: list[str] = []
    missing: list[str] = []
    unknown: Counter[str] = Counter()
    for named in sources:
        found = list(expand([named], fetch=fetch, unknown_kinds=unknown))
        there = [item for item in found if isinstance(item, Listing)]
        (readable if there else missing).append(_plain(named))
        for listing in there:
            listings.setdefault(listing.source, listing)
        for item in found:
            if isinstance(item, SourceFailure):
                failures.setdefault(item.source, item)
    return Inventory(
        listings, tuple(failures.values()), tuple(readable), tuple(missing), dict(unknown)
    )


def _plain(named: str) -> str:
    """A named source as the sources found in it are named."""
    if named.lower().startswith("file://"):
        named = unquote(urlsplit(named).path)
    return named if "://" in named else PurePosixPath(named).as_posix()


def _below(source: str, named: str) -> bool:
    if named == ".":
        return "://" not in source and not source.startswith("/")
    return source == named or source.startswith(named.rstrip("/") + "/")


@dataclass(frozen=True, slots=True)
class Difference:
    """How many articles a change adds, replaces, removes and leaves as they are."""

    added: int
    changed: int
    removed: int
    unchanged: int
    total: int


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> Difference:
    """Compare two states, each the source of every article; ``total`` is the first one's size."""
    came = Counter(after[name] for name in after.keys() - before.keys())
    gone = Counter(before[name] for name in before.keys() - after.keys())
    changed = (came & gone).total()
    return Difference(
        added=came.total() - changed,
        changed=changed,
        removed=gone.total() - changed,
        unchanged=len(before.keys() & after.keys()),
        total=len(before),
    )


def require_consent(removed: int, total: int, limit: float, confirm: Confirm | None) -> None:
    """Ask before a larger share than ``limit`` is removed. Raises RemovalRefused if refused."""
    if removed <= limit * total:
        return
    if confirm is None or not confirm(removed, total):
        raise RemovalRefused(removed, total, limit)
