"""A refusal: why there is no answer, related articles, and what to try next."""

from __future__ import annotations

from html import escape
from typing import Literal

from konkyo.rag.messages import refusal_text
from konkyo.rag.types import Refusal
from konkyo.ui.web.html.elements import article_button, invitation, phrase, suggestion_chips
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import LENIENT, Turn

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
    parts.append(_suggestions(turn, outcome, language))
    parts.append("</div>")
    return "".join(parts)


def _suggestions(turn: Turn, outcome: Refusal, language: Language) -> str:
    """Returns what to try next: the same less strictly or without filters, other questions."""
    offers = []
    if outcome.told_at is not None and outcome.told_at >= LENIENT and not turn.lenient:
        offers.append(_again(turn, "lenient", language))
    if turn.filtered:
        offers.append(_again(turn, "widen", language))
    if turn.follow_ups:
        offers.append(suggestion_chips(turn.follow_ups))
    if not offers:
        return ""
    return f'<h3>{phrase(language, "offers")}</h3><ul class="k-chips">{"".join(offers)}</ul>'


def _again(turn: Turn, how: Literal["lenient", "widen"], language: Language) -> str:
    return (
        f'<li><button type="button" class="k-chip" data-act="{how}"'
        f' data-question="{escape(turn.question)}">{phrase(language, how)}</button></li>'
    )
