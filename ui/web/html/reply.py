"""A reply that answers nothing from the articles: its text, articles of a list, and suggestions."""

from __future__ import annotations

from konkyo.rag.types import Reply
from konkyo.ui.web.html.elements import article_button, phrase, suggestion_chips, with_dates
from konkyo.ui.web.i18n import LANGUAGES, Language

__all__ = ["reply_block"]


def reply_block(reply: Reply, language: Language) -> str:
    """Returns what is said, the articles of the page, and questions to try."""
    parts = [f'<div class="k-reply" data-reply="{reply.kind}">']
    spoken = next((code for code in LANGUAGES if code == reply.language), language)
    parts.append(f'<p dir="auto">{with_dates(reply.text, spoken)}</p>')
    if reply.articles:
        rows = "".join(f"<li>{article_button(a, language)}</li>" for a in reply.articles)
        parts.append(f'<ul class="k-list">{rows}</ul>')
    if reply.suggestions:
        chips = suggestion_chips(reply.suggestions)
        parts.append(f'<h3>{phrase(language, "try")}</h3><ul class="k-chips">{chips}</ul>')
    parts.append("</div>")
    return "".join(parts)
