"""The filters above the question: dates, languages and outlets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from konkyo.index.records import Filter
from konkyo.rag.spoken import language_name
from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import IndexSummary

__all__ = ["filters"]


def filters(index_summary: IndexSummary | None, where: Filter, language: Language) -> str:
    """Returns the filters; ``where`` is what is chosen."""
    chosen = sum(map(bool, (where.since, where.until, where.languages, where.outlets)))
    summary = (
        phrase(language, "filters_on", count=chosen) if chosen else phrase(language, "filters")
    )
    languages = _options(
        index_summary.languages if index_summary else (),
        where.languages,
        language,
        lambda c: language_name(c, language),
    )
    outlets = _options(
        index_summary.outlets if index_summary else (), where.outlets, language, lambda o: o
    )
    clear = (
        f'<button type="button" class="k-quiet" data-act="unfilter">'
        f"{phrase(language, 'clear_filters')}</button>"
        if chosen
        else ""
    )
    return (
        f'<details class="k-filters" data-fold="filters" data-chosen="{chosen}">'
        f'<summary>{summary}</summary><div class="k-filter-row">'
        f"<label><span>{phrase(language, 'since')}</span>"
        f'<input type="date" data-filter="since" value="{escape(where.since or "")}"></label>'
        f"<label><span>{phrase(language, 'until')}</span>"
        f'<input type="date" data-filter="until" value="{escape(where.until or "")}"></label>'
        f"<label><span>{phrase(language, 'article_language')}</span>"
        f'<select data-filter="language">{languages}</select></label>'
        f"<label><span>{phrase(language, 'outlet')}</span>"
        f'<select data-filter="outlet">{outlets}</select></label>'
        f"{clear}</div></details>"
    )


def _options(
    values: Sequence[str],
    chosen: frozenset[str],
    language: Language,
    name: Callable[[str], str],
) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if value in chosen else ""}>'
        f"{escape(name(value))}</option>"
        for value in values
    )
    return f'<option value="">{phrase(language, "any")}</option>{options}'
