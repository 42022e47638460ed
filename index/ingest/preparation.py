"""One document -> what a build needs of it: pure work, which any process may do.

A build decides in its own process what is new, what is a copy and what is written; reading,
extraction and chunking depend on one document alone, so they may be done by many. Readings come
back in the order of their errands, so that a build by many equals a build by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from konkyo.index.chunking import TokenCounter, chunk
from konkyo.index.errors import SourceError
from konkyo.index.ingest.articles import Known, to_articles
from konkyo.index.ingest.dedup import sketch
from konkyo.index.ingest.foreign_errors import translated
from konkyo.index.ingest.sources import FEED, Fetcher, Listing, SourceFailure, fingerprint
from konkyo.index.records import Article, Passage
from konkyo.index.settings import ChunkSettings

__all__ = ["Cut", "Errand", "Reader", "Reading", "cutter", "reads_alone", "run_errand"]


@dataclass(frozen=True, slots=True)
class Errand:
    """A document to read.

    ``seen`` is the sha256 of a content that need not be read again; ``known`` are the titles and
    languages it had.
    """

    listing: Listing
    seen: str = ""
    known: Known = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cut:
    """The passages of an article and the bands of its sketch."""

    passages: tuple[Passage, ...]
    bands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of an errand; ``failure`` says why there is none.

    ``content`` is the sha256 of what was read; ``articles`` is None where that had been seen.
    ``cuts`` are by article; what is missing there is left to whoever needs it. ``refused`` are
    rows that could not be read, beside those that could.
    """

    source: str
    content: str = ""
    articles: tuple[Article, ...] | None = None
    cuts: Mapping[str, Cut] = field(default_factory=dict)
    failure: SourceFailure | None = None
    refused: tuple[SourceFailure, ...] = ()


class Reader(Protocol):
    """Reads documents, perhaps some of them ahead and elsewhere."""

    def __call__(self, errands: Iterator[Errand]) -> Iterator[Reading]:
        """Return one reading for each errand, in their order."""


def run_errand(
    errand: Errand,
    fetch: Fetcher | None = None,
    cut: Callable[[Article], Cut] | None = None,
) -> Reading:
    """Read one document and, with ``cut``, cut its articles; failures are part of the reading."""
    source = errand.listing.source
    media_type = errand.listing.media_type
    refused: list[SourceFailure] = []
    try:
        with translated(source, media_type):
            raw = errand.listing.read()
            content = fingerprint(raw.content)
            if errand.seen == content:
                return Reading(source, content)
            read = to_articles(raw, fetch=fetch, known=errand.known, refused=refused)
            articles = tuple(article for article in read if article.text.strip())
            if not articles:
                raise SourceError(source, "there is no article text in it")
            cuts = {a.article_id: cut(a) for a in articles} if cut is not None else {}
    except SourceError as exc:
        return Reading(source, failure=SourceFailure(exc.source, exc.reason))
    return Reading(source, content, articles, cuts, refused=tuple(refused))


def cutter(count_tokens: TokenCounter, chunks: ChunkSettings) -> Callable[[Article], Cut]:
    """Cuts articles into passages of a budget, counted by an encoder's tokenizer."""

    def cut(article: Article) -> Cut:
        passages = chunk(
            article, count_tokens=count_tokens, budget=chunks.budget, overlap=chunks.overlap
        )
        return Cut(tuple(passages), tuple(sketch(article.text)))

    return cut


def reads_alone(errand: Errand, fetch: Fetcher | None) -> bool:
    """Whether only this process may read it, because it keeps the delays between fetches."""
    return not errand.listing.portable or (fetch is not None and errand.listing.media_type == FEED)
