"""What an index holds, for readers who have not asked yet."""

from __future__ import annotations

from collections import Counter
from datetime import date

from konkyo.index.records import ArticleSummary, Filter
from konkyo.ui.web.pipeline_protocol import ChatPipeline
from konkyo.ui.web.turns import IndexSummary

__all__ = ["days_since", "summary_of"]

_NEWEST = 40
_OUTLETS = 200


def summary_of(reader: ChatPipeline) -> IndexSummary:
    """Returns how many articles there are, the newest, and their languages and outlets."""
    newest: list[ArticleSummary] = []
    languages: Counter[str] = Counter()
    outlets: Counter[str] = Counter()
    for summary in reader.store.articles(Filter()):
        if len(newest) < _NEWEST:
            newest.append(summary)
        languages[summary.language] += 1
        if summary.outlet:
            outlets[summary.outlet] += 1
    return IndexSummary(
        languages.total(),
        tuple(newest),
        tuple(name for name, _ in languages.most_common()),
        tuple(sorted(name for name, _ in outlets.most_common(_OUTLETS))),
    )


def days_since(published: str) -> int:
    """Returns the days since a date (ISO); 0 for what is no date."""
    try:
        return (date.today() - date.fromisoformat(published)).days
    except ValueError:
        return 0
