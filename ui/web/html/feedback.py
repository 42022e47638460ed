"""What a reader says of an answer: thumbs, and a form for what is wrong."""

from __future__ import annotations

from konkyo.rag.types import (
    Answer,
)
from konkyo.ui.web.html.elements import named_for, phrase
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import Turn

__all__ = ["THUMB_ICON", "feedback_buttons", "feedback_form"]

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
