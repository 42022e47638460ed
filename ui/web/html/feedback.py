"""What a reader says of an answer: thumbs, and a form for what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import get_args

from konkyo.rag.messages import refusal_text
from konkyo.rag.types import Answer, RefusalReason
from konkyo.ui.server.feedback import Opinion
from konkyo.ui.web.html.elements import named_for, phrase, text_attributes, time_element
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import Turn

__all__ = ["THUMB_ICON", "feedback_buttons", "feedback_form", "opinion_list"]

# Drawn, because not every machine has a font with thumbs.
THUMB_ICON = (
    '<svg viewBox="0 0 24 24" width="17" height="17" fill="none" stroke="currentColor"'
    ' stroke-width="1.7" stroke-linejoin="round" aria-hidden="true"><path d="M7 10.5 11 3c1.6 0 2.6'
    " 1 2.6 2.5V9h5a2 2 0 0 1 2 2.3l-1.1 7a2 2 0 0 1-2 1.7H7m0-9.5V20m0-9.5H4a1 1 0 0 0-1 1V19a1 1"
    ' 0 0 0 1 1h3"/></svg>'
)


def feedback_buttons(turn: Turn, language: Language) -> str:
    """Returns the buttons for a good and a bad answer, and thanks."""
    if turn.outcome is None:
        return ""
    thumbs = "".join(
        f'<button type="button" class="k-quiet k-thumb" data-act="{name}" data-turn="{turn.number}"'
        f' aria-label="{named_for(turn, language, name)}" title="{phrase(language, name)}"'
        f' aria-pressed="{"true" if turn.opinion == verdict else "false"}">{THUMB_ICON}</button>'
        for name, verdict in (("good", "up"), ("bad", "down"))
    )
    said = f'<span role="status">{phrase(language, "thanks")}</span>' if turn.opinion else ""
    return f'<span class="k-thumbs">{thumbs}{said}</span>'


def feedback_form(turn: Turn, language: Language) -> str:
    """Returns the form that asks what is wrong with an answer, hidden at first."""
    if turn.outcome is None or turn.opinion:
        return ""
    answered = isinstance(turn.outcome, Answer)
    reasons = ("wrong", "unproven", "incomplete", "should_refuse", "other")
    fitting = reasons if answered else ("should_answer", "other")
    options = "".join(
        f'<option value="{reason}">{phrase(language, "reason_" + reason)}</option>'
        for reason in fitting
    )
    return (
        f'<div class="k-why-form" data-turn="{turn.number}" hidden>'
        f"<label><span>{phrase(language, 'bad_why')}</span><select>{options}</select></label>"
        f"<label><span>{phrase(language, 'correction')}</span>"
        '<input type="text" maxlength="2000" dir="auto"></label>'
        f'<button type="button" class="k-chip" data-act="blame" data-turn="{turn.number}"'
        f' aria-label="{named_for(turn, language, "send")}">'
        f"{phrase(language, 'send')}</button></div>"
    )


def opinion_list(
    opinions: Sequence[tuple[Opinion, Sequence[str]]], total: int, language: Language
) -> str:
    """Returns some of ``total`` opinions, each with what became of the quotes of its answer."""
    if not opinions:
        return f'<p class="k-note">{phrase(language, "feedback_none")}</p>'
    rows = "".join(_opinion(opinion, notes, language) for opinion, notes in opinions)
    shown = ""
    if len(opinions) < total:
        said = phrase(language, "feedback_shown", count=len(opinions), total=total)
        shown = f'<p class="k-note">{said}</p>'
    return f'{shown}<ol class="k-opinions">{rows}</ol>'


def _opinion(opinion: Opinion, notes: Sequence[str], language: Language) -> str:
    verdict = phrase(language, "good" if opinion.verdict == "up" else "bad")
    why = f" · {phrase(language, f'reason_{opinion.reason}')}" if opinion.reason else ""
    parts = [
        f'<p class="k-meta">{verdict}{why} · {time_element(opinion.at[:10], language)}</p>'
        f"<h2{text_attributes(opinion.language)}>{escape(opinion.question)}</h2>"
        f"{_told(opinion.outcome, language)}"
    ]
    if opinion.correction:
        label = phrase(language, "feedback_right")
        parts.append(f'<p class="k-note">{label} <bdi>{escape(opinion.correction)}</bdi></p>')
    parts += [f'<p class="k-note k-changed" dir="auto">{escape(note)}</p>' for note in notes]
    return f'<li data-verdict="{escape(opinion.verdict)}">{"".join(parts)}</li>'


def _told(outcome: Mapping[str, object], language: Language) -> str:
    """Returns what was answered as HTML; a refusal is in the page's words."""
    reason = next((one for one in get_args(RefusalReason) if one == outcome.get("reason")), None)
    if reason is not None:
        return f"<p{text_attributes(language)}>{escape(refusal_text(reason, language))}</p>"
    written = text_attributes(str(outcome.get("language") or ""))
    return f'<p class="k-told"{written}>{escape(str(outcome.get("answer") or ""))}</p>'
