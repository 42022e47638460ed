"""The list of the newest articles, shown before a source is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from konkyo.ui.web.html.elements import article_button, close_button, invitation, phrase
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import IndexSummary

__all__ = ["EditorPage", "overview"]

EditorPage = Literal["feedback", "settings"]
"""A page for editors, by its address, which is also the key of its name."""


def overview(
    index_summary: IndexSummary | None,
    language: Language,
    *,
    editor: bool = False,
    pages: Sequence[EditorPage] = (),
) -> str:
    """Returns the newest articles, or a placeholder while they are not known (None).

    ``editor`` adds what leads to the evaluation and to these ``pages``.
    """
    admin = _admin_links(language, pages) if editor else ""
    library = f'<a href="library">{phrase(language, "library")}</a>'
    heading = f'<h2 id="k-article-title" tabindex="-1">{phrase(language, "in_index")}</h2>'
    if index_summary is None:
        bones = '<div class="k-skeleton"></div>' * 6
        return f'<div class="k-overview" aria-busy="true">{heading}{bones}</div>'
    if index_summary.count == 0:
        return f'<div class="k-overview">{admin}{heading}{invitation(language)}</div>'
    count = phrase(language, "ready", count=index_summary.count)
    if index_summary.count > len(index_summary.newest):
        count += " · " + phrase(language, "newest", count=len(index_summary.newest))
    rows = "".join(f"<li>{article_button(s, language)}</li>" for s in index_summary.newest)
    return close_button(language) + (
        f'<div class="k-overview">{admin}{heading}<p class="k-meta">{count} · {library}</p>'
        f'<ul class="k-list">{rows}</ul></div>'
    )


def _admin_links(language: Language, pages: Sequence[EditorPage]) -> str:
    links = "".join(f'<a href="{page}">{phrase(language, page)}</a>' for page in pages)
    return (
        f'<p class="k-admin-links">{links}'
        '<button type="button" class="k-quiet" data-act="evaluate-look">'
        f"{phrase(language, 'evaluate')}</button></p>"
    )
