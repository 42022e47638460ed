"""Sources -> store: read what changed, encode what is new, commit one generation.

``build`` makes a store equal to its sources; ``prune=False`` only adds. Everything a build
changes is one transaction: readers answer from the old generation until it is whole. Vectors
are kept as they are made, so a build that was stopped goes on where it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from konkyo.index.chunking import embedding_text
from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import ArticleMissing, SourceError, StoreError, StoreMismatch
from konkyo.index.ingest.dedup import same_story
from konkyo.index.ingest.preparation import (
    Cut,
    Errand,
    Reader,
    Reading,
    cutter,
)
from konkyo.index.ingest.sources import Fetcher, Listing, SourceFailure
from konkyo.index.inventory import (
    REMOVAL_LIMIT,
    Confirm,
    Difference,
    Inventory,
    difference,
    require_consent,
    take_inventory,
)
from konkyo.index.process_pool import ProcessReader
from konkyo.index.records import Article, text_id_for
from konkyo.index.settings import ChunkSettings, ReadingSettings
from konkyo.index.stores.address import masked
from konkyo.index.stores.base import KeptPlace, Store, StoreWriter
from konkyo.index.stores.local.staging import Staging
from konkyo.index.stores.open import (
    open_store,
    open_writer,
    store_fingerprint,
    store_size,
    work_folder,
)
from konkyo.index.stores.rows import digest_article

__all__ = [
    "BATCH",
    "BuildEncoder",
    "BuildReport",
    "Progress",
    "Stage",
    "build",
    "compact",
    "remove",
    "take_back",
    "undo",
]

READER_VERSION = 3
"""Grows whenever ``konkyo.index.ingest.articles`` reads any document differently: all are then read again."""

BATCH = 16_384
"""Passages that are encoded at once, and held in memory until then."""

Stage = Literal["read", "embed", "index"]
Progress = Callable[[Stage, int, int], None]
"""Called with the stage, and how many documents or passages are done and known so far."""

_ONE_BATCH = 256
_KEEP_SECONDS = 2.0
_RETELLINGS = 3


class BuildEncoder(Protocol):
    """What a build needs of an encoder; ``konkyo.index.embedding.encoders.load_encoder`` gives one."""

    @property
    def fingerprint(self) -> str:
        """Names model, weights and pooling."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""

    def iter_passages(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Vectors]]:
        """Positions in ``texts`` and their vectors, batch by batch, each position once."""


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did, counted in articles.

    ``duplicates`` is how many times a story was found again elsewhere; ``excluded`` how many
    were passed over because they had been removed by hand; ``carried`` how many a rebuild took
    from the old index, because their sources could not be read; ``embedded`` counts passages.
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


@dataclass(frozen=True, slots=True)
class _Pending:
    """An article about to be encoded and stored."""

    place: int
    article: Article
    cut: Cut
    texts: list[str]
    keys: list[bytes]
    payloads: tuple[str, ...]


def build(
    sources: Sequence[str],
    store: str | Path,
    encoder: BuildEncoder,
    chunks: ChunkSettings | None = None,
    *,
    progress: Progress = lambda stage, done, total: None,
    strict: bool = False,
    fetch: Fetcher | None = None,
    prune: bool = True,
    rebuild: bool = False,
    wait: float = 0.0,
    reader: Reader | None = None,
    batch: int = BATCH,
    removal_limit: float = REMOVAL_LIMIT,
    confirm: Confirm | None = None,
    limits: ReadingSettings | None = None,
) -> BuildReport:
    """Make a store hold exactly the articles of some sources, or (``prune=False``) those as well.

    A document whose stamp or content is what it was is not read again; a text that was encoded
    before is not encoded again; the same story is indexed once with all its sources. A document
    that cannot be read is a failure of the report and keeps what was last read of it; with
    ``strict`` it is raised and nothing changes. Another encoder or chunking, or ``rebuild``,
    makes a new store beside the old one and swaps them. ``wait`` (seconds) is how long to wait
    for another writer. ``reader`` reads documents (by default one other process of this machine,
    within ``limits``) and ``batch`` passages are encoded at once; neither changes what is built.

    A named source that is missing, empty or unreadable as a whole removes nothing; a rebuild takes
    from the old index what cannot be read now. Removing a larger share of the articles than
    ``removal_limit`` needs the consent of ``confirm``.

    Raises RemovalRefused (and then nothing is changed), SourceError, StoreLocked, StoreMismatch (adding to a store made with another model or
    chunking), StoreError, UsageError.
    """
    started = time.monotonic()
    chunks = chunks or ChunkSettings()
    shape = store_fingerprint(encoder.fingerprint, chunks.budget, chunks.overlap)
    with (
        open_writer(
            store,
            fingerprint=shape,
            encoder=encoder.fingerprint,
            dimension=encoder.dimension,
            wait=wait,
            rebuild=rebuild,
        ) as writer,
        ProcessReader(
            1, None, chunks, fetch, count=encoder.count_tokens, limits=limits
        ) as own_reader,
    ):
        if writer.replaces and not prune:
            raise StoreMismatch(
                f"{masked(store)}: made with another model or other chunking; name all sources in"
                " `konkyo index build`, which makes it anew"
            )
        before = writer.sources_of_facts()
        staging = Staging(work_folder(store), encoder.fingerprint, encoder.dimension)
        try:
            run = _Build(
                *(writer, staging, encoder, chunks, progress, strict),
                reader or own_reader,
                batch,
            )
            inventory = take_inventory(sources, fetch)
            with _replaced(store, writer) as elder:
                if writer.replaces and elder is None and not inventory.readable:
                    failure = inventory.failures[0]
                    raise SourceError(failure.source, failure.reason)
                held = before if elder is None else _first_sources(elder)
                run.read(inventory, prune=prune, elder=elder)
            writer.drop_orphans()
            after = writer.sources_of_facts()
            removed = difference(held, after).removed
            require_consent(removed, len(held), removal_limit, confirm)
            generation = writer.commit()
        except BaseException:
            staging.close()
            raise
        staging.discard()
        progress("index", 0, 1)
        writer.keep_up()
        progress("index", 1, 1)
        return run.report(difference(before, after), generation, time.monotonic() - started)


@contextlib.contextmanager
def _replaced(store: str | Path, writer: StoreWriter) -> Iterator[Store | None]:
    """The index about to be replaced, for reading; None: there is none, or it cannot be opened."""
    if not writer.replaces:
        yield None
        return
    try:
        elder = open_store(store)
    except StoreError:
        yield None
        return
    with contextlib.closing(elder):
        try:
            elder.stamps(), elder.kept_places()
        except StoreError:
            yield None
        else:
            yield elder


def _kept(elder: Store, article_id: str) -> tuple[Article, dict[str, Cut], tuple[str, ...]]:
    """An article of an index being replaced; with what somebody else cut of it, as he cut it.

    Raises StoreError when even the text is damaged.
    """
    try:
        (kept,) = elder.kept([article_id])
    except StoreError:
        return elder.article(article_id), {}, ()
    cuts = {article_id: Cut(kept.passages, kept.bands)} if kept.payloads else {}
    return kept.article, cuts, kept.payloads


def _first_sources(store: Store) -> dict[str, str]:
    """Every article of a store and the first source that holds it."""
    found: dict[str, str] = {}
    for place in store.kept_places():
        found.setdefault(place.article_id, place.source)
    return found


def remove(
    names: Sequence[str],
    store: str | Path,
    *,
    wait: float = 0.0,
    removal_limit: float = REMOVAL_LIMIT,
    confirm: Confirm | None = None,
) -> tuple[int, list[str]]:
    """Remove articles (by identifier) and sources (by name, or all below a folder) at once.

    Gives the new generation and the sources the next build will read again, because they hold
    near copies of something that is gone. An article removed by its identifier is passed over by
    later builds. Raises ArticleMissing and RemovalRefused (and then changes nothing), StoreLocked,
    StoreMissing.
    """
    with open_writer(store, wait=wait) as writer:
        known = writer.stamps()
        before = writer.sources_of_facts()
        for name in names:
            prefix = name.rstrip("/") + "/"
            below = [s for s in known if s == name or s.startswith(prefix)]
            if below:
                for source in below:
                    writer.remove_source(source)
            else:
                writer.remove_article(name)
        again = writer.sources_to_reread()
        for source in again:
            writer.set_stamp(source, None)
        writer.drop_orphans()
        removed = len(before.keys() - writer.sources_of_facts().keys())
        require_consent(removed, len(before), removal_limit, confirm)
        generation = writer.commit()
        writer.keep_up()
    return generation, again


def undo(store: str | Path, *, wait: float = 0.0) -> tuple[int, Difference]:
    """Go back to the last generation before the newest; undoing that goes forward again.

    Gives the new generation and what changed. Raises StoreError when no earlier one is kept.
    """
    with open_writer(store, wait=wait) as writer:
        before = writer.sources_of_facts()
        writer.undo()
        after = writer.sources_of_facts()
        generation = writer.commit()
        writer.keep_up()
    return generation, difference(before, after)


def take_back(names: Sequence[str], store: str | Path, *, wait: float = 0.0) -> int:
    """Let builds index articles again that were removed by their identifiers; give the generation.

    Raises ArticleMissing when one was not removed (and then changes nothing).
    """
    with open_writer(store, wait=wait) as writer:
        for name in names:
            if not writer.take_back(name):
                raise ArticleMissing(f"article {name} was not removed from {masked(store)}")
        return writer.commit()


def compact(store: str | Path, *, wait: float = 0.0) -> tuple[int, int]:
    """Give freed space back and make one segment of all; give the bytes before and after."""
    before = store_size(store)
    with open_writer(store, wait=wait) as writer:
        writer.commit()
        writer.vacuum()
        writer.keep_up(compact=True)
    return before, store_size(store)


class _Build:
    """One build under way."""

    def __init__(
        self,
        writer: StoreWriter,
        staging: Staging,
        encoder: BuildEncoder,
        chunks: ChunkSettings,
        progress: Progress,
        strict: bool,
        reader: Reader,
        batch: int,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._batch = batch
        self._cut = cutter(encoder.count_tokens, chunks)
        self._staging = staging
        self._encoder = encoder
        self._progress = progress
        self._strict = strict
        self._excluded = writer.excluded()
        self._stamps = writer.stamps()
        self._failures: list[SourceFailure] = []
        self._passed_over: set[str] = set()
        self._duplicates = 0
        self._pending: dict[str, _Pending] = {}
        self._queued = 0
        self._pending_bands: dict[int, list[str]] = {}
        self._links: dict[str, tuple[str | None, list[tuple[str, str]]]] = {}
        self._unread: set[str] = set()
        self._carried = 0
        self._known = 0
        self._done = 0

    def read(self, inventory: Inventory, *, prune: bool, elder: Store | None) -> None:
        """Read, encode and link everything that changed; take from ``elder`` what is missing."""
        for failure in inventory.failures:
            self._fail(failure)
        listings = inventory.listings
        known = self._stamps if elder is None else elder.stamps()
        missing = [source for source in known if source not in listings]
        kept = {source for source in missing if inventory.keeps(source)}
        for source in missing if prune and elder is None else ():
            if source not in kept:
                self._writer.remove_source(source)
        self._tell_kept(kept, inventory)
        self._progress("read", 0, len(listings))
        places: deque[int] = deque()
        stamps: deque[str | None] = deque()

        def errands() -> Iterator[Errand]:
            for place, listing in enumerate(listings.values(), 1):
                errand = self._errand(listing, again=False)
                if errand is not None:
                    places.append(place)
                    stamps.append(listing.stamp)
                    yield errand

        for reading in self._reader(errands()):
            self._take(reading, stamps.popleft())
            self._progress("read", places.popleft(), len(listings))
        self._progress("read", len(listings), len(listings))
        self._flush()
        if elder is not None:
            self._carry(elder, kept | self._unread)
        self._retell(listings)

    def report(self, changes: Difference, generation: int, seconds: float) -> BuildReport:
        """Sum up."""
        return BuildReport(
            added=changes.added,
            changed=changes.changed,
            removed=changes.removed,
            unchanged=changes.unchanged,
            duplicates=self._duplicates,
            excluded=len(self._passed_over),
            embedded=self._done,
            failures=tuple(self._failures),
            seconds=round(seconds, 3),
            generation=generation,
            carried=self._carried,
        )

    def _carry(self, elder: Store, sources: Set[str]) -> None:
        """Take what some sources held from the index that is being replaced."""
        held: dict[str, list[KeptPlace]] = {}
        for place in elder.kept_places():
            if place.source in sources:
                held.setdefault(place.source, []).append(place)
        for source, places in held.items():
            own = {place.article_id for place in places}
            links: list[tuple[str, str]] = []
            for place in places:
                try:
                    article, cuts, payloads = _kept(elder, place.article_id)
                except StoreError as exc:
                    self._fail(SourceFailure(source, f"lost with the old index: {exc}"))
                    continue
                names = {place.article_id, place.found_as, text_id_for(article.text)}
                if self._excluded.keys() & names:
                    self._passed_over.add(place.article_id)
                    continue
                settled = self._settled(replace(article, source=source), own, cuts, payloads)
                links.append((settled, place.found_as))
                self._carried += 1
            # Without a stamp: the next build reads it again.
            self._links[source] = (None, links)
            if self._queued >= self._batch:
                self._flush()
        self._flush()

    def _tell_kept(self, kept: Set[str], inventory: Inventory) -> None:
        """Name folders that have become files: what was known of them is kept."""
        for source in kept:
            for parent in PurePosixPath(source).parents:
                if parent.as_posix() in inventory.listings and not self._failed(parent.as_posix()):
                    self._fail(SourceFailure(parent.as_posix(), "was a folder, and is a file now"))

    def _retell(self, listings: Mapping[str, Listing]) -> None:
        """Read again what holds a story whose teller is gone; others are left to a later build."""
        for _ in range(_RETELLINGS):
            again = [name for name in self._writer.sources_to_reread() if name in listings]
            if not again:
                break
            for name in again:
                errand = self._errand(listings[name], again=True)
                assert errand is not None
                for reading in self._reader(iter([errand])):
                    self._take(reading, listings[name].stamp)
                self._flush()
        for name in self._writer.sources_to_reread():
            self._writer.set_stamp(name, None)

    def _errand(self, listing: Listing, *, again: bool) -> Errand | None:
        """What there is to read of one document: nothing if it did not change (nor ``again``)."""
        version, seen, content = _stamp_parts(self._stamps.get(listing.source))
        current = version == str(READER_VERSION)
        if current and not again and listing.stamp is not None and listing.stamp == seen:
            return None
        known = self._writer.described(listing.source) if current else {}
        return Errand(listing, content if current and not again else "", known)

    def _take(self, reading: Reading, cheap: str | None) -> None:
        """Queue what is new in one document."""
        if reading.failure is not None:
            self._unread.add(reading.source)
            self._fail(reading.failure)
            return
        for failure in reading.refused:
            self._fail(failure)
        stamp = f"{READER_VERSION} {cheap or ''} {reading.content}"
        if reading.refused:
            # Read again by the next build, which says again what is wrong.
            stamp = f"{READER_VERSION}  "
        if reading.articles is None:
            self._writer.set_stamp(reading.source, stamp)
            return
        # The same text twice in one document: the first one's date and address are its facts.
        own: dict[str, Article] = {}
        for article in reading.articles:
            own.setdefault(article.article_id, article)
        self._duplicates += len(reading.articles) - len(own)
        links: list[tuple[str, str]] = []
        for article in own.values():
            if self._excluded.keys() & {article.article_id, text_id_for(article.text)}:
                self._passed_over.add(article.article_id)
            else:
                settled = self._settled(article, own.keys(), reading.cuts)
                links.append((settled, article.article_id))
        self._links[reading.source] = (stamp, links)
        if self._queued >= self._batch:
            self._flush()

    def _settled(
        self,
        article: Article,
        own: Set[str],
        cuts: Mapping[str, Cut],
        payloads: tuple[str, ...] = (),
    ) -> str:
        """The identifier a story is indexed under: its own, or that of a near copy.

        ``own`` are all identifiers of the same document, ``cuts`` what is cut of it already.
        """
        name = article.article_id
        if name in self._pending:
            self._duplicates += 1
            return name
        stored = self._writer.source_of_facts(name)
        if stored is not None and stored[0] not in (None, article.source):
            self._duplicates += 1
            return name
        if stored is not None and stored == (article.source, digest_article(article)):
            return name
        cut = cuts.get(name) or self._cut(article)
        if stored is None:
            twin = self._twin(article, cut.bands, own)
            if twin is not None:
                self._duplicates += 1
                return twin
        self._queue(article, cut, payloads)
        return name

    def _twin(self, article: Article, bands: Sequence[int], own: Set[str]) -> str | None:
        """The oldest story, indexed already or about to be, that is the same but for trifles."""
        for name, teller, text in self._writer.alike(bands):
            # An earlier version in the very same document is being replaced, not copied.
            if (teller != article.source or name in own) and same_story(article.text, text):
                return name
        near = {name for band in bands for name in self._pending_bands.get(band, ())}
        for name in sorted(near, key=lambda name: self._pending[name].place):
            if same_story(article.text, self._pending[name].article.text):
                return name
        return None

    def _queue(self, article: Article, cut: Cut, payloads: tuple[str, ...]) -> None:
        texts = [embedding_text(article, passage) for passage in cut.passages]
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        place = len(self._pending)
        self._pending[article.article_id] = _Pending(place, article, cut, texts, keys, payloads)
        self._queued += len(texts)
        for band in cut.bands:
            self._pending_bands.setdefault(band, []).append(article.article_id)

    def _flush(self) -> None:
        """Encode and store what is queued, then link the documents read so far."""
        texts = {
            key: text
            for item in self._pending.values()
            for key, text in zip(item.keys, item.texts, strict=True)
        }
        vectors = self._writer.vectors_of(list(texts))
        vectors |= self._staging.find([key for key in texts if key not in vectors])
        missing = [key for key in texts if key not in vectors]
        vectors |= self._encode(missing, [texts[key] for key in missing])
        empty = np.empty((0, self._encoder.dimension), np.float32)
        for item in self._pending.values():
            stacked = np.stack([vectors[key] for key in item.keys]) if item.keys else empty
            self._writer.put(
                item.article, item.cut.passages, stacked, item.keys, item.cut.bands, item.payloads
            )
        for source, (stamp, links) in self._links.items():
            self._writer.set_source(source, stamp, links)
        self._pending.clear()
        self._queued = 0
        self._pending_bands.clear()
        self._links.clear()

    def _encode(self, keys: Sequence[bytes], texts: Sequence[str]) -> dict[bytes, Vectors]:
        """Encode texts, keeping vectors every few seconds and whatever stops it."""
        self._known += len(keys)
        made: dict[bytes, Vectors] = {}
        unkept: list[bytes] = []

        def keep() -> None:
            if unkept:
                self._staging.keep(unkept, np.stack([made[key] for key in unkept]))
                unkept.clear()

        last = time.monotonic()
        try:
            for positions, rows in self._encoder.iter_passages(texts):
                for position, row in zip(positions.tolist(), rows, strict=True):
                    made[keys[position]] = row
                    unkept.append(keys[position])
                self._done += len(positions)
                self._progress("embed", self._done, self._known)
                if time.monotonic() - last >= _KEEP_SECONDS:
                    keep()
                    last = time.monotonic()
        except BaseException:
            keep()
            raise
        if len(made) > _ONE_BATCH:
            keep()
        return made

    def _fail(self, failure: SourceFailure) -> None:
        if self._strict:
            raise SourceError(failure.source, failure.reason)
        self._failures.append(failure)

    def _failed(self, source: str) -> bool:
        return any(failure.source == source for failure in self._failures)


def _stamp_parts(stamp: str | None) -> tuple[str, str, str]:
    """Reader's version, cheap stamp and content hash of a stored stamp."""
    parts = (stamp or "").split(" ")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else ("", "", "")
