"""Sources -> store: read what changed, encode what is new, commit one generation.

``build`` makes a store equal to its sources; ``prune=False`` only adds. Everything a build
changes is one transaction: readers answer from the old generation until it is whole. Vectors
are kept as they are made, so a build that was stopped goes on where it was.

A document whose stamp or content is what it was is not read again; a text that was encoded before
is not encoded again; the same story is indexed once with all its sources. A named source that is
missing, empty or unreadable as a whole removes nothing; a rebuild takes from the old index what
cannot be read now.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from konkyo.index.build_queue import ArticleQueue, BuildEncoder, Progress, Stage
from konkyo.index.build_run import BuildReport, BuildRun
from konkyo.index.errors import ArticleMissing, SourceError, StoreError, StoreFull, StoreMismatch
from konkyo.index.ingest.preparation import Reader
from konkyo.index.ingest.sources import Fetcher
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
from konkyo.index.records import ArticleStatus, FormerArticle
from konkyo.index.settings import ChunkSettings, ReadingSettings
from konkyo.index.stores.address import masked
from konkyo.index.stores.base import Copyable, Store, StoreWriter, Transaction
from konkyo.index.stores.local.staging import Staging
from konkyo.index.stores.open import (
    open_store,
    open_writer,
    store_fingerprint,
    store_size,
    work_folder,
)

__all__ = [
    "BATCH",
    "BuildEncoder",
    "BuildReport",
    "Progress",
    "Stage",
    "build",
    "compact",
    "make_empty",
    "mark_article",
    "remove",
    "take_back",
    "undo",
]

BATCH = 16_384
"""Passages that are encoded at once, and held in memory until then."""


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

    A document that cannot be read is a failure of the report and keeps what was last read of it;
    with ``strict`` it is raised. Another encoder or chunking, or ``rebuild``, makes a new store
    beside the old one and swaps them. ``wait`` (seconds) is for another writer. ``reader`` reads
    documents (else one other process, within ``limits``); ``batch`` passages are encoded at once.
    Removing a larger share of the articles than ``removal_limit`` needs ``confirm``.

    Raises RemovalRefused (and then nothing is changed), SourceError, StoreLocked, StoreMismatch
    (adding to a store made with another model or chunking), StoreError, UsageError.
    """
    started = time.monotonic()
    chunks = chunks or ChunkSettings()
    with (
        open_writer(
            store,
            fingerprint=store_fingerprint(encoder.fingerprint, chunks.budget, chunks.overlap),
            encoder=encoder.fingerprint,
            dimension=encoder.dimension,
            wait=wait,
            rebuild=rebuild,
        ) as writer,
        ProcessReader(1, None, chunks, fetch, count=encoder.count_tokens, limits=limits) as own,
    ):
        _require_all(store, writer, prune)
        with _staged(store, encoder) as staging:
            queue = ArticleQueue(writer, staging, encoder, chunks, progress, batch)
            earlier = partial(_earlier, store)
            run = BuildRun(writer, queue, reader or own, progress, earlier, strict=strict)
            before = writer.sources_of_facts()
            held = _read(run, store, writer, take_inventory(sources, fetch), prune) or before
            writer.drop_orphans()
            after = writer.sources_of_facts()
            require_consent(difference(held, after).removed, len(held), removal_limit, confirm)
            generation = writer.commit()
        staging.discard()
        progress("index", 0, 1)
        writer.keep_up()
        progress("index", 1, 1)
        return run.report(difference(before, after), generation, time.monotonic() - started)


def make_empty(
    store: str | Path, encoder: BuildEncoder, chunks: ChunkSettings | None = None
) -> None:
    """Make a store without articles where there is none. Raises StoreError."""
    chunks = chunks or ChunkSettings()
    with open_writer(
        store,
        fingerprint=store_fingerprint(encoder.fingerprint, chunks.budget, chunks.overlap),
        encoder=encoder.fingerprint,
        dimension=encoder.dimension,
    ) as writer:
        writer.commit()
        writer.keep_up()


@contextlib.contextmanager
def _staged(store: str | Path, encoder: BuildEncoder) -> Iterator[Staging]:
    """Keep vectors under way; they stay there for the next build when this one fails."""
    staging = Staging(work_folder(store), encoder.fingerprint, encoder.dimension)
    try:
        yield staging
    except StoreFull:
        # What is kept for the next build must not fill the disk that has no room.
        staging.discard()
        raise
    except BaseException:
        staging.close()
        raise


def _require_all(store: str | Path, writer: Transaction, prune: bool) -> None:
    """Raise StoreMismatch if a store would be made anew from some of its sources."""
    if writer.replaces and not prune:
        raise StoreMismatch(
            f"{masked(store)}: made with another model or other chunking; name all sources in"
            " `konkyo index build`, which makes it anew"
        )


def _read(
    run: BuildRun, store: str | Path, writer: StoreWriter, inventory: Inventory, prune: bool
) -> Mapping[str, str] | None:
    """Read all sources; return the articles of the index being replaced (None: there is none)."""
    with _replaced(store, writer) as elder:
        if writer.replaces and elder is None and not inventory.readable:
            failure = inventory.failures[0]
            raise SourceError(failure.source, failure.reason)
        run.read(inventory, prune=prune, elder=elder)
        if elder is None:
            return None
        held = _first_sources(elder)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        gone = held.keys() - writer.sources_of_facts().keys()
        writer.remember(run.rescued(elder.former_articles, "names of articles that are gone"))
        writer.remember(FormerArticle(name, now) for name in sorted(gone))
        return held


@contextlib.contextmanager
def _replaced(store: str | Path, writer: Transaction) -> Iterator[Store | None]:
    """The index about to be replaced, for reading; None: there is none, or it cannot be opened."""
    if not writer.replaces:
        yield None
        return
    with _earlier(store) as elder:
        if elder is None:
            yield None
            return
        try:
            elder.stamps(), elder.kept_places()
        except StoreError:
            yield None
        else:
            yield elder


@contextlib.contextmanager
def _earlier(store: str | Path) -> Iterator[Store | None]:
    """The index as it was last committed, for reading; None: there is none that can be opened."""
    try:
        elder = open_store(store)
    except StoreError:
        yield None
        return
    with contextlib.closing(elder):
        yield elder


def _first_sources(store: Copyable) -> dict[str, str]:
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


def mark_article(
    article_id: str,
    status: ArticleStatus | None,
    store: str | Path,
    *,
    correction: str | None = None,
    wait: float = 0.0,
) -> int:
    """Say that an article was corrected or retracted, or take that back; give the generation.

    It holds for the article that later takes its place at its address, or in its source. Taken
    back, what the source says holds from the next build on. Raises ArticleMissing, StoreLocked.
    """
    with (
        open_writer(store, wait=wait) as writer,
        contextlib.closing(open_store(store)) as reader,
    ):
        (kept,) = reader.kept([article_id])
        marked = replace(
            kept.article,
            status=status,
            correction=correction if status else None,
            status_by_editor=status is not None,
        )
        vectors = kept.vectors.astype(np.float32)
        writer.put(marked, kept.passages, vectors, kept.keys, kept.bands, kept.payloads)
        if status is None:
            writer.set_stamp(marked.source, None)
        generation = writer.commit()
        writer.keep_up()
    return generation


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
