"""The conversation: all turns in order, or a welcome."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from konkyo.rag.types import (
    Refusal,
    Reply,
)
from konkyo.ui.web.html.answer import answer_body, answer_footer, printed_sources, removed_sentences
from konkyo.ui.web.html.elements import lang_attribute, phrase, suggestion_chips
from konkyo.ui.web.html.evidence import evidence_cards
from konkyo.ui.web.html.feedback import feedback_form
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import Turn

__all__ = ["conversation"]


def conversation(
    turns: Sequence[Turn],
    language: Language,
    suggestions: Sequence[str] = (),
    *,
    translates: bool = False,
) -> str:
    """Returns all turns in order, or a welcome with suggested questions.

    ``translates`` offers to have quotes in other languages than the question's translated.
    """
    if not turns:
        return _welcome(language, suggestions)
    inner = "".join(_turn(turn, language, translates) for turn in turns)
    return f'<div class="k-turns">{inner}</div>'


def _welcome(language: Language, suggestions: Sequence[str]) -> str:
    chips = suggestion_chips(suggestions)
    examples = (
        f'<h3>{phrase(language, "try")}</h3><ul class="k-chips">{chips}</ul>' if suggestions else ""
    )
    return (
        f'<div class="k-welcome"><h2>{phrase(language, "welcome")}</h2>'
        f"<p>{phrase(language, 'welcome_more')}</p>{examples}</div>"
    )


def _turn(turn: Turn, language: Language, translates: bool) -> str:
    kind = {Refusal: "refused", Reply: "replied"}.get(type(turn.outcome), "answered")
    busy = turn.state in ("waiting", "searching", "queued", "writing", "checking")
    inner = [_question(turn)]
    if not isinstance(turn.outcome, Refusal):
        inner.append(evidence_cards(turn, language, translates))
    inner.append(
        f'<div class="k-answer"{lang_attribute(turn.language)} aria-live="polite"'
        f' aria-busy="{"true" if busy else "false"}">'
    )
    inner.append(answer_body(turn, language))
    inner.append("</div>")
    inner.extend(f'<p class="k-note" dir="auto">{escape(note)}</p>' for note in _notices(turn))
    if not busy:
        inner.append(removed_sentences(turn, language))
        inner.append(printed_sources(turn, language))
        inner.append(answer_footer(turn, language))
        inner.append(feedback_form(turn, language))
    return (
        f'<section class="k-turn" data-turn="{turn.number}" data-state="{turn.state}"'
        f' data-kind="{kind}" aria-labelledby="k-q{turn.number}">{"".join(inner)}</section>'
    )


def _question(turn: Turn) -> str:
    return f'<h2 class="k-question" id="k-q{turn.number}" dir="auto">{escape(turn.question)}</h2>'


def _notices(turn: Turn) -> tuple[str, ...]:
    return (*turn.notes, *(turn.outcome.notices if turn.outcome is not None else ()))
