"""Articles that were corrected or retracted are passed over where their correction answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from konkyo.index.records import ArticleSummary, Hit

__all__ = ["superseded"]


def superseded(hits: Sequence[Hit], answering: Collection[str]) -> frozenset[str]:
    """Return the identifiers of articles whose correction is one of the ``answering`` articles.

    A correction that names an article does so by its address, its source or its identifier.
    """
    articles = {hit.article.article_id: hit.article for hit in hits}
    answers = [articles[name] for name in answering if name in articles]
    return frozenset(
        article.article_id
        for article in articles.values()
        if article.status is not None
        and any(_names(article.correction, other) for other in answers if other != article)
    )


def _names(correction: str | None, article: ArticleSummary) -> bool:
    """Whether a correction is, or holds as a word of its own, the name of an article."""
    words = (correction or "").split()
    return any(name in words for name in (article.url, article.source, article.article_id) if name)
