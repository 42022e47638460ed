"""Passages and pages of articles as they are told to programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from konkyo.index.records import ArticlePage, Hit
from konkyo.ui.http.schemas import ArticleList, Scores, SearchHit, SearchResult

__all__ = ["MOST_ARTICLES", "WORDS", "article_list", "search_result", "words_of"]

MOST_ARTICLES = 1_000_000_000
WORDS = "Words that an article must have in its title, text or sources."
_MOST_WORDS = 10


def words_of(text: str) -> tuple[str, ...]:
    """The words of a search among articles; no more than ten count."""
    return tuple(text.split()[:_MOST_WORDS])


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
