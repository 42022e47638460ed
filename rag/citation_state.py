"""What became of a quote after it was cited: the same, changed, gone or never there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Protocol

from konkyo.index.errors import ArticleGone, ArticleMissing
from konkyo.index.records import Article
from konkyo.index.text.sentences import sentences
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.types import Citation

__all__ = [
    "Changed",
    "CitationState",
    "CitedStore",
    "Gone",
    "Same",
    "Unknown",
    "citation_state",
]


@dataclass(frozen=True, slots=True)
class Same:
    """The quote is in the article word for word: ``article.text[start:end] == quote``.

    The article may be another one than was cited: the one that took its place.
    """

    article: Article
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Changed:
    """The article is there without the quote; ``now`` is what stands in its place, or empty."""

    article: Article
    now: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Gone:
    """The article was in the index once and is not there any more."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The index never had the article, as far as it knows."""


CitationState = Same | Changed | Gone | Unknown


class CitedStore(Protocol):
    """What is asked of a store about a citation."""

    def article(self, article_id: str) -> Article:
        """Return the whole article. Raises ArticleGone (it was here once), ArticleMissing."""

    def found_at(self, place: str) -> list[str]:
        """Return the identifiers of articles with that address, or found in that source."""


def citation_state(
    store: CitedStore, citation: Citation, thresholds: Thresholds = DEFAULT
) -> CitationState:
    """Return what became of a quote in a store.

    An article whose text changed has another identifier; it is known again by its address, or by
    its source: as the only article in it, or the one with the same title. Raises StoreError.
    """
    gone = False
    try:
        article = store.article(citation.article_id)
    except ArticleMissing as exc:
        gone = isinstance(exc, ArticleGone)
    else:
        return _in_article(article, citation, thresholds)
    candidates = list(_candidates(store, citation))
    for article in candidates:
        if citation.quote in article.text:
            return _in_article(article, citation, thresholds)
    same = [a for a in candidates if len(candidates) == 1 or a.title == citation.title]
    if same:
        return _in_article(same[0], citation, thresholds)
    return Gone() if gone else Unknown()


def _candidates(store: CitedStore, citation: Citation) -> Iterator[Article]:
    """Yield the articles at a citation's address, or where there are none, in its source."""
    for place in (citation.url, citation.source):
        found = store.found_at(place) if place else []
        for article_id in found:
            yield store.article(article_id)
        if found:
            return


def _in_article(article: Article, citation: Citation, thresholds: Thresholds) -> Same | Changed:
    if article.text[citation.start : citation.end] == citation.quote:
        return Same(article, citation.start, citation.end)
    start = article.text.find(citation.quote)
    if start >= 0:
        return Same(article, start, start + len(citation.quote))
    start, end = _nearest(article, citation, thresholds.quote_changed)
    return Changed(article, article.text[start:end], start, end)


def _nearest(article: Article, citation: Citation, least: float) -> tuple[int, int]:
    """Return the span of the sentence most like a quote; an empty one where none is like it.

    ``least`` is the share of letters that they must have in common more than.
    """
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(citation.quote)
    best, place = least, (0, 0)
    for start, end in sentences(article.text, article.language):
        matcher.set_seq1(article.text[start:end])
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
            share = matcher.ratio()
            if share > best:
                best, place = share, (start, end)
    return place
