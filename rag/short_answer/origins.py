"""The articles that give one answer, named by outlet and day."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from konkyo.index.records import ArticleSummary
from konkyo.rag.messages import notice_text
from konkyo.rag.short_answer.wording import locale_of

__all__ = ["origins"]

_NAMED = 3
"""Articles that are named at most; of more, how many."""


def origins(articles: Sequence[ArticleSummary], language: str) -> str:
    """Outlet, or title where there is none, and day of each article, oldest first.

    At most three are named, then how many more there are, as the language lists items.
    """
    if len(articles) == 1:
        (article,) = articles
        name = article.outlet or article.title
        if not article.published:
            return name
        return notice_text("one_article", language, name=name, day=article.published)
    oldest_first = sorted(articles, key=lambda article: article.published or "")
    labels = [_label(article) for article in oldest_first]
    named = list(dict.fromkeys(labels))[:_NAMED]
    more = sum(label not in named for label in labels)
    if not more:
        return _list(named, language)
    listed = reduce(_pattern(language).format, named)
    return notice_text("more_articles", language, named=listed, count=str(more))


def _label(article: ArticleSummary) -> str:
    return f"{article.outlet or article.title} {article.published or ''}".strip()


def _list(texts: Sequence[str], language: str) -> str:
    from babel.lists import format_list

    return format_list(texts, "standard", locale_of(language))


def _pattern(language: str) -> str:
    """What joins two items of a list that goes on."""
    return str(locale_of(language).list_patterns["standard"]["middle"])
