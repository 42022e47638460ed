"""Passages and pages of articles as they are told to programs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from konkyo.index.records import ArticleSummary, Filter, Hit
from konkyo.ui.http.schemas import ArticleList, Scores, SearchHit, SearchResult
from konkyo.ui.web.pipeline_protocol import ArticleLister

__all__ = ["MOST_ARTICLES", "ArticlePage", "article_list", "article_page", "search_result"]

MOST_ARTICLES = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ArticlePage:
    """Part of a list of articles, and how long the whole list is."""

    articles: Sequence[ArticleSummary]
    total: int


def article_page(
    store: ArticleLister, where: Filter, text: str, offset: int, limit: int
) -> ArticlePage:
    """Return ``limit`` articles from ``offset`` on, newest first, whose titles hold all words."""
    words = _folded(text).split()
    passing = [
        one for one in store.articles(where) if all(word in _folded(one.title) for word in words)
    ]
    return ArticlePage(passing[offset : offset + limit], len(passing))


def article_list(page: ArticlePage, offset: int) -> ArticleList:
    """A page as it is told to programs."""
    end = offset + len(page.articles)
    return ArticleList(
        articles=list(page.articles),
        total=page.total,
        offset=offset,
        next=end if page.articles and end < page.total else None,
    )


def search_result(hits: Sequence[Hit]) -> SearchResult:
    """Passages as they are told to programs."""
    return SearchResult(hits=[_hit(hit) for hit in hits])


def _hit(hit: Hit) -> SearchHit:
    about = hit.article
    return SearchHit(
        **asdict(hit.passage),
        title=about.title,
        source=about.source,
        url=about.url,
        published=about.published,
        language=about.language,
        outlet=about.outlet,
        scores=Scores(fused=hit.score, dense=hit.dense, lexical=hit.lexical),
    )


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
