"""The page of articles: a searched, sorted, filtered and paged list."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlencode

from konkyo.index.records import ArticlePage, ArticleQuery, ArticleSummary, Filter
from konkyo.rag.spoken import language_name
from konkyo.ui.web.html.elements import (
    phrase,
    shown_source,
    status_note,
    text_attributes,
    time_element,
)
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.turns import IndexSummary

__all__ = ["PAGE_SIZE", "SORTS", "ArticleListing", "article_list"]

PAGE_SIZE = 50

SORTS: Mapping[str, ArticleQuery] = {
    "newest": ArticleQuery(order="date", descending=True),
    "oldest": ArticleQuery(order="date", descending=False),
    "title": ArticleQuery(order="title", descending=False),
    "outlet": ArticleQuery(order="outlet", descending=False),
    "longest": ArticleQuery(order="length", descending=True),
}
"""How the list may be sorted, by the word that the address has for it."""


@dataclass(frozen=True, slots=True)
class ArticleListing:
    """What a reader asked of the list, as the page's address says it."""

    words: str = ""
    sort: str = "newest"
    where: Filter = Filter()
    page: int = 1

    @property
    def query(self) -> ArticleQuery:
        """The same for the store."""
        known = SORTS[self.sort]
        offset = (self.page - 1) * PAGE_SIZE
        words = tuple(self.words.split())
        return ArticleQuery(words, known.order, known.descending, offset, PAGE_SIZE)

    def address(self, page: int) -> str:
        """Returns the address of another page of the same list."""
        pairs = [("words", self.words), ("sort", self.sort)]
        pairs += [("since", self.where.since or ""), ("until", self.where.until or "")]
        pairs += [("language", code) for code in sorted(self.where.languages)]
        pairs += [("outlet", name) for name in sorted(self.where.outlets)]
        pairs += [("page", str(page))]
        return "library?" + urlencode([(name, value) for name, value in pairs if value])


def article_list(
    listing: ArticleListing,
    found: ArticlePage,
    index_summary: IndexSummary,
    language: Language,
    *,
    editor: bool,
) -> str:
    """Returns the search form and the articles that were found; ``editor`` adds what changes them.

    An empty index is an invitation to drop files.
    """
    if not index_summary.count:
        return _invitation(language, editor=editor)
    rows = "".join(_row(article, language, editor=editor) for article in found.articles)
    heads = "".join(
        f'<th scope="col">{phrase(language, key)}</th>'
        for key in ("column_title", "outlet", "column_date", "column_length")
    )
    last = f'<th><span class="k-hidden">{phrase(language, "edit")}</span></th>' if editor else ""
    table = (
        f'<table class="k-articles"><thead><tr>{heads}{last}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        if rows
        else f'<p class="k-note">{phrase(language, "none_found")}</p>'
    )
    count = phrase(language, "ready", count=found.total)
    return (
        _form(listing, index_summary, language)
        + f'<div id="k-list"><p class="k-count" role="status">{count}</p>{table}'
        + _pages(listing, found, language)
        + "</div>"
    )


def _invitation(language: Language, *, editor: bool) -> str:
    """Returns what stands where no article is."""
    more = "drop_files" if editor else "empty_for_reader"
    choose = (
        f'<label class="k-button k-main-button k-file">{phrase(language, "upload_files")}'
        '<input type="file" multiple data-upload></label>'
        if editor
        else ""
    )
    return (
        f'<section class="k-invitation" id="k-list"><h2>{phrase(language, "library_empty")}</h2>'
        f"<p>{phrase(language, more)}</p>{choose}</section>"
    )


def _form(listing: ArticleListing, index_summary: IndexSummary, language: Language) -> str:
    where = listing.where
    sorts = "".join(
        f'<option value="{name}"{" selected" if name == listing.sort else ""}>'
        f"{phrase(language, f'sort_{name}')}</option>"
        for name in SORTS
    )
    dates = "".join(
        f"<label><span>{phrase(language, name)}</span>"
        f'<input type="date" name="{name}" value="{escape(value or "")}"></label>'
        for name, value in (("since", where.since), ("until", where.until))
    )
    languages = _choices(
        "language",
        index_summary.languages,
        where.languages,
        phrase(language, "article_language"),
        lambda code: language_name(code, language),
    )
    outlets = _choices(
        "outlet", index_summary.outlets, where.outlets, phrase(language, "outlet"), str
    )
    clear = f'<a href="library">{phrase(language, "clear_filters")}</a>'
    return (
        '<form id="k-search" method="get" action="library" role="search">'
        f'<label class="k-wide"><span>{phrase(language, "search_articles")}</span>'
        f'<input type="search" name="words" maxlength="200"'
        f' value="{escape(listing.words)}"></label>'
        f"<label><span>{phrase(language, 'sort_by')}</span>"
        f'<select name="sort">{sorts}</select></label>{dates}{languages}{outlets}'
        f'<span class="k-submit"><button type="submit" class="k-button">'
        f"{phrase(language, 'search')}</button>{clear}</span></form>"
    )


def _choices(
    name: str,
    values: Sequence[str],
    chosen: frozenset[str],
    label: str,
    shown: Callable[[str], str],
) -> str:
    """Returns boxes of which several may be ticked, folded."""
    boxes = "".join(
        f'<label><input type="checkbox" name="{name}" value="{escape(value)}"'
        f"{' checked' if value in chosen else ''}> <bdi>{escape(shown(value))}</bdi></label>"
        for value in values
    )
    count = f" ({len(chosen)})" if chosen else ""
    return (
        f'<details class="k-choices"><summary>{label}{count}</summary><fieldset>'
        f'<legend class="k-hidden">{label}</legend>{boxes}</fieldset></details>'
    )


def _row(article: ArticleSummary, language: Language, *, editor: bool) -> str:
    title = escape(article.title)
    spoken = text_attributes(article.language)
    link = f'<a href="article?id={escape(article.article_id)}"{spoken}>{title}</a>'
    status = status_note(article.status, article.correction, language)
    buttons = _row_buttons(article, language) if editor else ""
    published = article.published or ""
    when = time_element(published, language) if published else phrase(language, "no_date")
    return (
        f'<tr data-article="{escape(article.article_id)}"><td class="k-title">{link}'
        f'<bdi class="k-path">{escape(shown_source(article.source))}</bdi>{status}</td>'
        f"<td><bdi>{escape(article.outlet or '')}</bdi></td>"
        f'<td class="k-date">{when}</td>'
        f'<td class="k-number">{phrase(language, "letters", count=article.length)}</td>'
        f"{buttons}</tr>"
    )


def _row_buttons(article: ArticleSummary, language: Language) -> str:
    facts = escape(
        json.dumps(
            {
                "article": article.article_id,
                "remove": say(language, "confirm_remove", title=article.title),
                "mark": say(language, "mark_of", title=article.title),
                "status": article.status or "",
                "correction": article.correction or "",
            },
            ensure_ascii=False,
        )
    )
    buttons = "".join(
        f'<button type="button" class="k-quiet" data-act="{act}" data-facts="{facts}"'
        f' aria-label="{phrase(language, key)}: {escape(article.title)}">'
        f"{phrase(language, key)}</button>"
        for act, key in (("mark", "mark_article"), ("remove", "remove"))
    )
    return f'<td class="k-acts">{buttons}</td>'


def _pages(listing: ArticleListing, found: ArticlePage, language: Language) -> str:
    pages = max(1, -(-found.total // PAGE_SIZE))
    if pages == 1:
        return ""
    said = f"<span>{phrase(language, 'page_of', page=listing.page, pages=pages)}</span>"
    before = after = ""
    if listing.page > 1:
        before = (
            f'<a rel="prev" href="{escape(listing.address(listing.page - 1))}">'
            f"{phrase(language, 'previous_page')}</a>"
        )
    if listing.page < pages:
        after = (
            f'<a rel="next" href="{escape(listing.address(listing.page + 1))}">'
            f"{phrase(language, 'next_page')}</a>"
        )
    return f'<nav class="k-pages">{before}{said}{after}</nav>'
