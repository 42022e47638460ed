"""The list of the newest articles, shown before a source is opened."""

from __future__ import annotations

from konkyo.ui.web.html.elements import article_button, close_button, invitation, phrase
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import IndexSummary

__all__ = ["overview"]


def overview(
    index_summary: IndexSummary | None,
    language: Language,
    *,
    editor: bool = False,
    settings: bool = False,
) -> str:
    """Returns the newest articles, or a placeholder while they are not known (None).

    ``editor`` adds what leads to the evaluation and, with ``settings``, to the page of settings.
    """
    admin = _admin_links(language, settings=settings) if editor else ""
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


def _admin_links(language: Language, *, settings: bool) -> str:
    link = f'<a href="settings">{phrase(language, "settings")}</a>' if settings else ""
    return (
        f'<p class="k-admin-links">{link}'
        '<button type="button" class="k-quiet" data-act="evaluate-look">'
        f"{phrase(language, 'evaluate')}</button></p>"
    )
