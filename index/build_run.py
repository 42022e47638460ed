"""One build under way: which documents changed, what they hold, and what is kept of the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Protocol, TypeVar

from konkyo.index.build_queue import ArticleQueue, Progress, QueueWriter
from konkyo.index.errors import SourceError, StoreError
from konkyo.index.ingest.preparation import Chunks, DocumentTask, Reader, Reading
from konkyo.index.ingest.sources import Listing, SourceFailure
from konkyo.index.inventory import Difference, Inventory
from konkyo.index.records import Article, text_id_for
from konkyo.index.stores.base import Copyable, ExclusionWriter, KeptPlace, Readable
from konkyo.index.withdrawals import about_the_same

__all__ = ["READER_VERSION", "BuildReport", "BuildRun", "BuildWriter", "EarlierStore"]

READER_VERSION = 7
"""Grows whenever ``konkyo.index.ingest.articles`` reads any document differently.

All documents are then read again.
"""

_REREADINGS = 3
_NOTHING_WITHDRAWN = (
    "{}: its source has withdrawn this article and sends no text with that; no article of the index"
    " has its address or title. If one is about it, mark that as retracted on the page of articles"
)

T = TypeVar("T")


class BuildWriter(QueueWriter, ExclusionWriter, Protocol):
    """What a build needs of a store's writer."""


class EarlierStore(Copyable, Readable, Protocol):
    """What a build needs of the store that it replaces."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did, counted in articles.

    ``duplicates`` is how many times a story was found again elsewhere; ``excluded`` how many
    were passed over because they had been removed by hand; ``carried`` how many a rebuild took
    from the old index, because their sources could not be read; ``embedded`` counts passages.
    ``unknown_kinds`` counts, by ending, the files of folders that were passed over.
    """

    added: int
    changed: int
    removed: int
    unchanged: int
    duplicates: int
    excluded: int
    embedded: int
    failures: tuple[SourceFailure, ...]
    seconds: float
    generation: int
    carried: int = 0
    unknown_kinds: Mapping[str, int] = field(default_factory=dict)


class BuildRun:
    """Reads what changed and queues what is new.

    ``earlier`` opens the index as it was before this build; None: it cannot be read.
    """

    def __init__(
        self,
        writer: BuildWriter,
        queue: ArticleQueue,
        reader: Reader,
        progress: Progress,
        earlier: Callable[[], AbstractContextManager[EarlierStore | None]],
        *,
        strict: bool,
    ) -> None:
        self._writer = writer
        self._queue = queue
        self._reader = reader
        self._progress = progress
        self._earlier = earlier
        self._strict = strict
        self._excluded = writer.excluded()
        self._stamps = writer.stamps()
        self._failures: list[SourceFailure] = []
        self._passed_over: set[str] = set()
        self._unread: set[str] = set()
        self._carried = 0
        self._feeds: dict[str, tuple[str, list[tuple[str, str]], Collection[Article]]] = {}
        self._unknown_kinds: Mapping[str, int] = {}

    def read(self, inventory: Inventory, *, prune: bool, elder: EarlierStore | None) -> None:
        """Read, encode and link everything that changed; take from ``elder`` what is missing."""
        self._unknown_kinds = inventory.unknown_kinds
        for failure in inventory.failures:
            self._fail(failure)
        listings = inventory.listings
        known = self._stamps if elder is None else elder.stamps()
        missing = [source for source in known if source not in listings]
        kept = {source for source in missing if inventory.keeps(source)}
        for source in missing if prune and elder is None else ():
            if source not in kept:
                self._writer.remove_source(source)
        self._report_kept(kept, inventory)
        if elder is not None:
            self._queue.keep_marks(self.rescued(elder.editor_marks, "what editors said"))
        self._progress("read", 0, len(listings))
        places: deque[int] = deque()
        stamps: deque[str | None] = deque()

        def tasks() -> Iterator[DocumentTask]:
            for place, listing in enumerate(listings.values(), 1):
                task = self._task(listing, again=False)
                if task is not None:
                    places.append(place)
                    stamps.append(listing.stamp)
                    yield task

        for reading in self._reader(tasks()):
            self._take(reading, stamps.popleft())
            self._progress("read", places.popleft(), len(listings))
        self._progress("read", len(listings), len(listings))
        self._queue.flush()
        if elder is not None:
            self._carry(elder, kept | self._unread | self._feeds.keys())
        self._reread(listings)

    def rescued(self, read: Callable[[], list[T]], what: str) -> list[T]:
        """Return what can still be read of the index being replaced; if nothing, it is reported."""
        try:
            return read()
        except StoreError as exc:
            self._fail(SourceFailure(what, f"lost with the old index: {exc}"))
            return []

    def report(self, changes: Difference, generation: int, seconds: float) -> BuildReport:
        """Sum up."""
        return BuildReport(
            added=changes.added,
            changed=changes.changed,
            removed=changes.removed,
            unchanged=changes.unchanged,
            duplicates=self._queue.duplicates,
            excluded=len(self._passed_over),
            embedded=self._queue.encoded,
            failures=tuple(self._failures),
            seconds=round(seconds, 3),
            generation=generation,
            carried=self._carried,
            unknown_kinds=self._unknown_kinds,
        )

    def _carry(self, elder: EarlierStore, sources: Set[str]) -> None:
        """Take what some sources held from the index that is being replaced."""
        held: dict[str, list[KeptPlace]] = {}
        for place in elder.kept_places():
            if place.source in sources:
                held.setdefault(place.source, []).append(place)
        for source, places in held.items():
            own = {place.article_id for place in places}
            # Without a stamp: the next build reads it again.
            stamp: str | None = None
            links: list[tuple[str, str]] = []
            listed: Collection[Article] = ()
            if source in self._feeds:
                stamp, links, listed = self._feeds[source]
            for place in places:
                try:
                    article, chunks, payloads = _kept(elder, place.article_id)
                except StoreError as exc:
                    self._fail(SourceFailure(source, f"lost with the old index: {exc}"))
                    continue
                if _is_listed(place.found_as, article.url, listed):
                    continue
                names = {place.article_id, place.found_as, text_id_for(article.text)}
                if self._excluded.keys() & names:
                    self._passed_over.add(place.article_id)
                    continue
                settled = self._queue.settled(
                    replace(article, source=source), own, chunks, payloads
                )
                links.append((settled, place.found_as))
                self._carried += 1
            self._queue.link(source, stamp, links)
        self._queue.flush()

    def _report_kept(self, kept: Set[str], inventory: Inventory) -> None:
        """Name folders that have become files: what was known of them is kept."""
        for source in kept:
            for parent in PurePosixPath(source).parents:
                if parent.as_posix() in inventory.listings and not self._failed(parent.as_posix()):
                    self._fail(SourceFailure(parent.as_posix(), "was a folder, and is a file now"))

    def _reread(self, listings: Mapping[str, Listing]) -> None:
        """Read again the sources of articles whose facts came from a source that lost them.

        Sources that this build does not name are left to a later one.
        """
        for _ in range(_REREADINGS):
            again = [name for name in self._writer.sources_to_reread() if name in listings]
            if not again:
                break
            for name in again:
                task = self._task(listings[name], again=True)
                assert task is not None
                for reading in self._reader(iter([task])):
                    self._take(reading, listings[name].stamp)
                self._queue.flush()
        for name in self._writer.sources_to_reread():
            self._writer.set_stamp(name, None)

    def _task(self, listing: Listing, *, again: bool) -> DocumentTask | None:
        """What there is to read of one document: nothing if it did not change (nor ``again``)."""
        version, seen, content = _stamp_parts(self._stamps.get(listing.source))
        current = version == str(READER_VERSION)
        if current and not again and listing.stamp is not None and listing.stamp == seen:
            return None
        known = self._writer.described(listing.source) if current else {}
        if not current or again:
            return DocumentTask(listing, known=known)
        return DocumentTask(listing, content, seen, known)

    def _take(self, reading: Reading, cheap: str | None) -> None:
        """Queue what is new in one document."""
        if reading.failure is not None:
            self._unread.add(reading.source)
            self._fail(reading.failure)
            return
        for failure in reading.refused:
            self._fail(failure)
        stamp = f"{READER_VERSION} {cheap or reading.validators} {reading.content}"
        if reading.articles is None:
            self._writer.set_stamp(reading.source, stamp)
            return
        own = _each_once(reading.articles)
        self._queue.duplicates += len(reading.articles) - len(own)
        links: list[tuple[str, str]] = []
        for article in own.values():
            if self._excluded.keys() & {article.article_id, text_id_for(article.text)}:
                self._passed_over.add(article.article_id)
            else:
                settled = self._queue.settled(article, own.keys(), reading.chunks)
                links.append((settled, article.article_id))
        copies, unknown = self._retract(reading, own)
        if unknown and not own and not copies:
            self._unread.add(reading.source)
            return
        if reading.refused or unknown:
            # Read again by the next build, which says again what is wrong.
            stamp = f"{READER_VERSION}  "
        links += copies
        if reading.feed:
            self._feeds[reading.source] = (stamp, links, own.values())
            links += self._unlisted(reading.source, own.values())
        self._queue.link(reading.source, stamp, links)

    def _retract(
        self, reading: Reading, own: Mapping[str, Article]
    ) -> tuple[list[tuple[str, str]], bool]:
        """Have the copies of what a document withdraws hold the status "retracted".

        Returns the links of the document to them, and whether some item without a text has none.
        The status is a fact of that document, which holds these copies from now on.
        """
        if not reading.withdrawn:
            return [], False
        textless = [article for article in reading.withdrawn if article.article_id not in own]
        alone = len(own) + len(textless) == 1
        links: list[tuple[str, str]] = []
        unknown = False
        with self._earlier() as store:
            for article in reading.withdrawn:
                copies = [] if store is None else _copies(store, article, alone=alone)
                if not copies and article in textless:
                    unknown = True
                    told = _NOTHING_WITHDRAWN.format(article.title or article.url or "an item")
                    self._fail(SourceFailure(reading.source, told))
                for copy, chunks, payloads in copies:
                    name = copy.article_id
                    if name not in own and name not in self._excluded:
                        marked = replace(copy, source=reading.source, status="retracted")
                        settled = self._queue.settled(marked, own.keys(), chunks, payloads)
                        links.append((settled, name))
        return links, unknown

    def _unlisted(self, source: str, listed: Collection[Article]) -> list[tuple[str, str]]:
        """What a feed held before and lists no more; an article at a listed address is replaced."""
        return [
            (article_id, found_as)
            for article_id, found_as, url in self._writer.held_by(source)
            if not _is_listed(found_as, url, listed)
        ]

    def _fail(self, failure: SourceFailure) -> None:
        if self._strict:
            raise SourceError(failure.source, failure.reason)
        self._failures.append(failure)

    def _failed(self, source: str) -> bool:
        return any(failure.source == source for failure in self._failures)


def _each_once(articles: Collection[Article]) -> dict[str, Article]:
    """The articles of a document by identifier.

    Of the same text twice, the first one's date and address are its facts, or a retracted one's.
    """
    own: dict[str, Article] = {}
    for article in articles:
        if article.article_id not in own or article.status == "retracted":
            own[article.article_id] = article
    return own


def _kept(
    elder: EarlierStore, article_id: str
) -> tuple[Article, dict[str, Chunks], tuple[str, ...]]:
    """An article of an index being replaced; with what somebody else cut of it, as he cut it.

    Raises StoreError when even the text is damaged.
    """
    try:
        (kept,) = elder.kept([article_id])
    except StoreError:
        return elder.article(article_id), {}, ()
    chunks = {article_id: Chunks(kept.passages, kept.bands)} if kept.payloads else {}
    return kept.article, chunks, kept.payloads


def _copies(
    store: EarlierStore, withdrawn: Article, *, alone: bool
) -> list[tuple[Article, dict[str, Chunks], tuple[str, ...]]]:
    return [_kept(store, name) for name in about_the_same(store, withdrawn, alone=alone)]


def _is_listed(name: str, url: str | None, listed: Collection[Article]) -> bool:
    """Whether a document lists an article, or another one at its address."""
    return any(name == one.article_id or (url is not None and url == one.url) for one in listed)


def _stamp_parts(stamp: str | None) -> tuple[str, str, str]:
    """Reader's version, cheap stamp and content hash of a stored stamp."""
    parts = (stamp or "").split(" ")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else ("", "", "")
