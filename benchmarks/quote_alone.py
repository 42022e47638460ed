"""A quote of an article of which nothing else is known, to check claims against."""

from __future__ import annotations

from konkyo.index.records import ArticleSummary
from konkyo.rag.types import Evidence

__all__ = ["quote_alone"]


def quote_alone(text: str, language: str, published: str | None) -> Evidence:
    """The whole text as quote 1; ``published`` is the article's day (YYYY-MM-DD)."""
    article = ArticleSummary("a", "", "a", None, published, language, None, len(text))
    return Evidence(1, article, 0, len(text), text, 1.0)
