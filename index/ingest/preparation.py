"""One document -> what a build needs of it: pure work, which any process may do.

A build decides in its own process what is new, what is a copy and what is written; reading,
extraction and chunking depend on one document alone, so they may be done by many. Readings come
back in the order of their tasks, so that a build by many equals a build by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from konkyo.index.chunking import TokenCounter, chunk
from konkyo.index.errors import SourceError
from konkyo.index.ingest.articles import Known, to_articles
from konkyo.index.ingest.dedup import sketch
from konkyo.index.ingest.feeds import is_feed, is_news_xml
from konkyo.index.ingest.foreign_errors import translated
from konkyo.index.ingest.json_rows import is_json_feed
from konkyo.index.ingest.sources import (
    FEED,
    Fetcher,
    Listing,
    RawDocument,
    SourceFailure,
    fingerprint,
)
from konkyo.index.records import Article, Passage
from konkyo.index.settings import ChunkSettings

__all__ = [
    "Chunks",
    "DocumentTask",
    "Reader",
    "Reading",
    "chunker",
    "read_document",
    "reads_alone",
    "unchanged",
]


@dataclass(frozen=True, slots=True)
class DocumentTask:
    """A document to read.

    ``seen`` is the sha256 of a content that need not be read again, ``validators`` are what its
    server named it by; ``known`` are the titles and languages it had.
    """

    listing: Listing
    seen: str = ""
    validators: str = ""
    known: Known = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunks:
    """The passages of an article and the bands of its sketch."""

    passages: tuple[Passage, ...]
    bands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of a task; ``failure`` says why there is none.

    ``content`` is the sha256 of what was read, ``validators`` are what its server names it by;
    ``articles`` is None where that had been seen.
    ``chunks`` are by article; what is missing there is left to whoever needs it. ``refused`` are
    rows that could not be read, beside those that could. ``withdrawn`` are what agencies
    cancelled and retracted articles without a text: their copies are to be marked. ``feed``: it is
    a feed that was fetched, which lists its newest articles only.
    """

    source: str
    content: str = ""
    articles: tuple[Article, ...] | None = None
    chunks: Mapping[str, Chunks] = field(default_factory=dict)
    failure: SourceFailure | None = None
    refused: tuple[SourceFailure, ...] = ()
    withdrawn: tuple[Article, ...] = ()
    feed: bool = False
    validators: str = ""


class Reader(Protocol):
    """Reads documents, perhaps some of them ahead and elsewhere."""

    def __call__(self, tasks: Iterator[DocumentTask]) -> Iterator[Reading]:
        """Return one reading for each task, in their order."""


def read_document(
    task: DocumentTask,
    fetch: Fetcher | None = None,
    cut: Callable[[Article], Chunks] | None = None,
) -> Reading:
    """Read one document and, with ``cut``, cut its articles; failures are part of the reading."""
    source = task.listing.source
    media_type = task.listing.media_type
    refused: list[SourceFailure] = []
    try:
        with translated(source, media_type):
            raw = task.listing.read(task.validators)
            content = fingerprint(raw.content)
            if raw.unchanged or task.seen == content:
                return unchanged(task, raw)
            read = to_articles(raw, fetch=fetch, known=task.known, refused=refused)
            articles = tuple(article for article in read if article.text.strip())
            retracted = (article for article in read if article.status == "retracted")
            agency = _is_agency(raw)
            withdrawn = tuple(a for a in retracted if agency or not a.text.strip())
            if not articles and not withdrawn:
                raise SourceError(source, "there is no article text in it")
            chunks = {a.article_id: cut(a) for a in articles} if cut is not None else {}
            feed = raw.url is not None and _is_feed(raw)
    except SourceError as exc:
        return Reading(source, failure=SourceFailure(exc.source, exc.reason))
    return Reading(
        source,
        content,
        articles,
        chunks,
        refused=tuple(refused),
        withdrawn=withdrawn,
        feed=feed,
        validators=raw.validators,
    )


def unchanged(task: DocumentTask, raw: RawDocument) -> Reading:
    """Return the reading of a document whose content has been seen."""
    return Reading(task.listing.source, task.seen, validators=raw.validators)


def _is_agency(raw: RawDocument) -> bool:
    return raw.media_type == FEED and is_news_xml(raw.content) and not is_feed(raw.content)


def _is_feed(raw: RawDocument) -> bool:
    """Whether a document that was read is a feed, of XML or of JSON."""
    if raw.media_type == FEED:
        return not is_news_xml(raw.content)
    return raw.media_type == "application/json" and is_json_feed(raw)


def chunker(count_tokens: TokenCounter, chunks: ChunkSettings) -> Callable[[Article], Chunks]:
    """Cuts articles into passages of a budget, counted by an encoder's tokenizer."""

    def cut(article: Article) -> Chunks:
        passages = chunk(
            article, count_tokens=count_tokens, budget=chunks.budget, overlap=chunks.overlap
        )
        return Chunks(tuple(passages), tuple(sketch(article.text)))

    return cut


def reads_alone(task: DocumentTask, fetch: Fetcher | None) -> bool:
    """Whether only this process may read it, because it keeps the delays between fetches."""
    return not task.listing.portable or (fetch is not None and task.listing.media_type == FEED)
