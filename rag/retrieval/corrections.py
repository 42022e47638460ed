"""Articles that were corrected or retracted are passed over where their correction answers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from konkyo.index.records import ArticleSummary, Hit

__all__ = ["correcting", "superseded", "without_superseded"]


def superseded(
    articles: Iterable[ArticleSummary], answering: Collection[str] | None = None
) -> frozenset[str]:
    """Return the identifiers of articles whose correction is one of the ``answering`` articles.

    None: every one of the articles answers. A correction that names an article does so by its
    address, its source or its identifier. Of two articles that name each other, neither is
    returned.
    """
    return frozenset(
        old.article_id
        for old, new in _corrections(articles)
        if answering is None or new.article_id in answering
    )


def correcting(articles: Iterable[ArticleSummary]) -> frozenset[str]:
    """Return the identifiers of articles that another one names as its correction."""
    return frozenset(new.article_id for _, new in _corrections(articles))


def without_superseded(hits: Sequence[Hit], answering: Collection[str] | None = None) -> list[Hit]:
    """Return the hits but those of articles whose correction is ``answering``.

    None: every article among the hits answers.
    """
    passed_over = superseded((hit.article for hit in hits), answering)
    return [hit for hit in hits if hit.article.article_id not in passed_over]


def _corrections(
    articles: Iterable[ArticleSummary],
) -> list[tuple[ArticleSummary, ArticleSummary]]:
    """Return each corrected or retracted article with each that its correction names."""
    among = dict.fromkeys(articles)
    return [
        (old, new)
        for old in among
        if old.status is not None
        for new in among
        if new.article_id != old.article_id
        and _names(old.correction, new)
        and not _names(new.correction, old)
    ]


def _names(correction: str | None, article: ArticleSummary) -> bool:
    """Whether a correction is, or holds as a word of its own, the name of an article."""
    words = (correction or "").split()
    return any(name in words for name in (article.url, article.source, article.article_id) if name)
