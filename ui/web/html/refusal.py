"""A refusal: why there is no answer, related articles, and what to try next."""

from __future__ import annotations

from html import escape

from konkyo.rag.messages import refusal_text
from konkyo.rag.types import Refusal
from konkyo.ui.web.html.elements import article_button, invitation, phrase, suggestion_chips
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import Turn

__all__ = ["refusal_block"]


def refusal_block(turn: Turn, outcome: Refusal, language: Language) -> str:
    """Returns why there is no answer, related articles, and suggestions."""
    tip = "refusal_tip_filter" if turn.filtered else "refusal_tip"
    parts = [
        f'<div class="k-refusal" data-reason="{escape(outcome.reason)}">',
        f'<p class="k-tag">{phrase(language, "refused")}</p>',
    ]
    if outcome.reason == "empty_index":
        parts.append(invitation(language))
    else:
        parts.append(
            f'<p class="k-refusal-text">{escape(refusal_text(outcome.reason, language))}</p>'
            f'<p class="k-note">{phrase(language, tip)}</p>'
        )
    if outcome.related:
        rows = "".join(f"<li>{article_button(s, language)}</li>" for s in outcome.related)
        parts.append(f'<h3>{phrase(language, "related")}</h3><ul class="k-list">{rows}</ul>')
    parts.append(_suggestions(turn, language))
    parts.append("</div>")
    return "".join(parts)


def _suggestions(turn: Turn, language: Language) -> str:
    """Returns questions to try next: without filters, and those that the articles answer."""
    offers = []
    if turn.filtered:
        offers.append(
            f'<li><button type="button" class="k-chip" data-act="widen"'
            f' data-question="{escape(turn.question)}">{phrase(language, "widen")}</button></li>'
        )
    if turn.follow_ups:
        offers.append(suggestion_chips(turn.follow_ups))
    if not offers:
        return ""
    return f'<h3>{phrase(language, "offers")}</h3><ul class="k-chips">{"".join(offers)}</ul>'
