"""The conversation: all turns in order, or a welcome."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from konkyo.rag.types import Answer, Refusal, Reply
from konkyo.ui.web.html.answer import (
    answer_actions,
    answer_body,
    failure_block,
    follow_ups,
    printed_sources,
)
from konkyo.ui.web.html.checked import checked_line
from konkyo.ui.web.html.elements import (
    invitation,
    lang_attribute,
    phrase,
    suggestion_chips,
)
from konkyo.ui.web.html.evidence import evidence_cards
from konkyo.ui.web.html.feedback import feedback_form
from konkyo.ui.web.html.notices import notice_paragraphs
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.turns import Turn, is_settled, quote_of, shown_quotes

__all__ = ["conversation", "not_ready"]


def conversation(
    turns: Sequence[Turn],
    language: Language,
    suggestions: Sequence[str] = (),
    *,
    translates: bool = False,
    shares: bool = False,
    empty: bool = False,
) -> str:
    """Returns all turns in order, or a welcome with suggested questions.

    ``empty`` says that there are no articles: the welcome leads to where some are added.
    ``translates`` offers to have quotes in other languages than the question's translated;
    ``shares`` offers to share answers.
    """
    if not turns:
        return _welcome(language, suggestions, empty)
    inner = "".join(_turn(turn, language, translates, shares) for turn in turns)
    return f'<div class="k-turns">{inner}</div>'


def not_ready(problem: str, language: Language) -> str:
    """Returns that no question can be answered, instead of a welcome."""
    told = failure_block(say(language, "error_not_ready"), problem, "ready", language)
    return f'<div class="k-welcome">{told}</div>'


def _welcome(language: Language, suggestions: Sequence[str], empty: bool) -> str:
    chips = suggestion_chips(suggestions)
    examples = (
        f'<h3>{phrase(language, "try")}</h3><ul class="k-chips">{chips}</ul>' if suggestions else ""
    )
    more = invitation(language) if empty else examples
    return (
        f'<div class="k-welcome"><h2>{phrase(language, "welcome")}</h2>'
        f"<p>{phrase(language, 'welcome_more')}</p>{more}</div>"
    )


def _turn(turn: Turn, language: Language, translates: bool, shares: bool) -> str:
    kind = {Refusal: "refused", Reply: "replied"}.get(type(turn.outcome), "answered")
    busy = not is_settled(turn)
    inner = [_question(turn)]
    inner.append(
        f'<div class="k-answer"{lang_attribute(_written(turn, language))} aria-live="polite"'
        f' aria-busy="{"true" if busy else "false"}">'
    )
    before, after = _notices(turn, language)
    inner.append(before)
    inner.append(answer_body(turn, language, translates=translates))
    inner.append("</div>")
    inner.append(_cards(turn, language, translates))
    inner.append(after)
    if not busy:
        inner.append(checked_line(turn, language, translates=translates))
        inner.append(printed_sources(turn, language))
        inner.append(answer_actions(turn, language, shares=shares))
        inner.append(feedback_form(turn, language))
        inner.append(follow_ups(turn, language))
    return (
        f'<article class="k-turn" data-turn="{turn.number}" data-state="{turn.state}"'
        f' data-kind="{kind}" aria-labelledby="k-q{turn.number}">{"".join(inner)}</article>'
    )


def _written(turn: Turn, language: Language) -> str:
    """Returns the language of what stands below a question: a refusal is in the page's words."""
    ours = isinstance(turn.outcome, Refusal) or turn.state == "failed"
    return language if ours else turn.language


def _cards(turn: Turn, language: Language, translates: bool) -> str:
    """Returns the quotes that sentences cite; before there is any, those they are written from."""
    if isinstance(turn.outcome, Refusal) or turn.state == "searching":
        return ""
    quotes = shown_quotes(turn)
    if not turn.claims:
        waits = bool(quotes) and turn.state not in ("failed", "waiting")
        return evidence_cards(turn, quotes, language, heading="evidence") if waits else ""
    written = [claim for claim in turn.claims if quote_of(turn, claim) is None]
    cited = {number for claim in written for number in claim.citations}
    said = {q.number for claim in turn.claims if (q := quote_of(turn, claim))}
    cards = [quote for quote in quotes if quote.number in cited - said]
    if not cards:
        return ""
    return evidence_cards(turn, cards, language, heading="sources_of_answer", translates=translates)


def _question(turn: Turn) -> str:
    return f'<h2 class="k-question" id="k-q{turn.number}" dir="auto">{escape(turn.question)}</h2>'


def _notices(turn: Turn, language: Language) -> tuple[str, str]:
    """Returns what stands before an answer and what after it.

    What is said of an answer stands before it: that a premise is false, that articles disagree.
    Where a model wrote sentence by sentence it stands after it, so that nothing moves.
    """
    outcome = turn.outcome
    said, noted = notice_paragraphs(turn, language, "k-note")
    if isinstance(outcome, Answer) and not any(outcome.usage.values()):
        return said, noted
    return "", noted + said
