"""An answer: its sentences with their citations, what was removed, and what can be done with it."""

from __future__ import annotations

import re
from html import escape
from typing import Literal

from konkyo.rag.messages import removed_text
from konkyo.rag.types import (
    Answer,
    Claim,
    Refusal,
    Reply,
)
from konkyo.ui.web.export import plain_answer
from konkyo.ui.web.html.elements import (
    article_label,
    open_attributes,
    phrase,
    safe_url,
    text_attributes,
)
from konkyo.ui.web.html.feedback import feedback_buttons
from konkyo.ui.web.html.refusal import refusal_block
from konkyo.ui.web.html.reply import reply_block
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.turns import Quote, Turn, shown_quotes

__all__ = ["answer_body", "answer_footer", "printed_sources", "removed_sentences"]

_MARK_IN_TEXT = re.compile(r"(?<!\s)\s*+[\[［【](\d{1,3})[\]］】]")


def answer_body(turn: Turn, language: Language) -> str:
    """Returns what stands below a question: answer, refusal, error, or what is being done."""
    if turn.state == "failed":
        detail = turn.error or say(language, "error_internal")
        return (
            f'<p class="k-failed"><strong>{phrase(language, "error")}</strong> '
            f'<span dir="auto">{escape(detail)}</span></p>'
        )
    if isinstance(turn.outcome, Refusal):
        return refusal_block(turn, turn.outcome, language)
    if isinstance(turn.outcome, Reply):
        return reply_block(turn.outcome, language)
    quotes = {q.number: q for q in shown_quotes(turn)}
    claims = "".join(_claim(turn, claim, quotes, language) for claim in turn.claims)
    if turn.state == "done":
        return claims
    if turn.state == "stopped":
        more = f" {phrase(language, 'stopped_more')}" if turn.claims else ""
        return f'{claims}<p class="k-note"><strong>{phrase(language, "stopped")}</strong>{more}</p>'
    words = {
        "waiting": "loading_wait",
        "searching": "searching",
        "queued": "queued",
        "writing": "writing",
        "checking": "checking",
    }[turn.state]
    doing = phrase(language, words, count=turn.ahead)
    return f'{claims}<p class="k-doing" data-doing="{turn.state}">{doing}</p>'


def _claim(turn: Turn, claim: Claim, quotes: dict[int, Quote], language: Language) -> str:
    mentioned: list[int] = []
    pieces: list[str] = []
    if claim.published and not claim.frame:
        day = escape(claim.published)
        pieces.append(f'<time class="k-day" datetime="{day}">{day}</time> ')
    done = 0
    for found in _MARK_IN_TEXT.finditer(claim.text):
        number = int(found.group(1))
        if number not in claim.citations:
            continue
        pieces.append(escape(claim.text[done : found.start()]))
        pieces.append(_cite(turn, number, quotes, language))
        mentioned.append(number)
        done = found.end()
    pieces.append(escape(claim.text[done:]))
    pieces.extend(
        _cite(turn, number, quotes, language)
        for number in claim.citations
        if number not in mentioned
    )
    return f'<p class="k-claim" dir="auto">{"".join(pieces)}</p>'


def _cite(turn: Turn, number: int, quotes: dict[int, Quote], language: Language) -> str:
    quote = quotes.get(number)
    if quote is None:
        return ""
    about = article_label(
        quote.article.title, quote.article.outlet, quote.article.published, language
    )
    return (
        f'<button type="button" class="k-cite" aria-label="{escape(f"[{number}] {about}")}"'
        f"{open_attributes(quote, turn.number)}>[{number}]</button>"
    )


def printed_sources(turn: Turn, language: Language) -> str:
    """Returns the full sources of an answer, shown on paper only."""
    if not isinstance(turn.outcome, Answer):
        return ""
    rows = []
    for citation in turn.outcome.citations:
        about = " · ".join(p for p in (citation.title, citation.outlet, citation.published) if p)
        url = safe_url(citation.url)
        quote = f"<q{text_attributes(citation.language)}>{escape(citation.quote)}</q>"
        rows.append(
            f'<li value="{citation.id}">{quote}'
            f'<br><span dir="auto">{escape(about)}</span>'
            + (f"<br><bdi>{escape(url)}</bdi>" if url else "")
            + "</li>"
        )
    heading = phrase(language, "sources_of_answer")
    return f'<div class="k-printed"><h3>{heading}</h3><ol>{"".join(rows)}</ol></div>'


def removed_sentences(turn: Turn, language: Language) -> str:
    """Returns the sentences that did not pass the checks, by reason, folded."""
    if not turn.removed:
        return ""
    folds = []
    for reason in dict.fromkeys(removed.reason for removed in turn.removed):
        same = [r for r in turn.removed if r.reason == reason]
        summary = phrase(
            language, "removed", count=len(same), reason=removed_text(reason, language)
        )
        rows = "".join(
            f'<li dir="auto"><s>{escape(r.text)}</s>'
            + (f' <span class="k-why">{escape(r.detail)}</span>' if r.detail else "")
            + "</li>"
            for r in same
        )
        folds.append(
            f'<details class="k-fold" data-fold="t{turn.number}-{reason}">'
            f"<summary>{summary}</summary>"
            f'<p class="k-note">{phrase(language, "removed_note")}</p><ul>{rows}</ul></details>'
        )
    return "".join(folds)


def answer_footer(turn: Turn, language: Language) -> str:
    """Returns facts about an answer, and what a reader can do with it."""
    facts = []
    if isinstance(turn.outcome, Answer):
        facts.append(phrase(language, "verified", count=len(turn.outcome.claims)))
    if turn.outcome is not None and "total" in turn.outcome.timings_ms:
        seconds = f"{turn.outcome.timings_ms['total'] / 1000:.1f}"
        facts.append(phrase(language, "seconds", seconds=seconds))
    actions = [
        _action("retry", turn, language),
        _action("edit", turn, language),
    ]
    if isinstance(turn.outcome, Answer):
        actions.append(_action("copy", turn, language, text=plain_answer(turn)))
    actions.append(_action("link", turn, language))
    said = f'<span class="k-facts">{" · ".join(facts)}</span>' if facts else ""
    thumbs = feedback_buttons(turn, language)
    return (
        f'<div class="k-foot">{said}<span class="k-actions">{"".join(actions)}{thumbs}</span></div>'
    )


def _action(
    name: Literal["retry", "edit", "copy", "link"], turn: Turn, language: Language, text: str = ""
) -> str:
    carried = escape(text or turn.question)
    return (
        f'<button type="button" class="k-quiet" data-act="{name}" data-text="{carried}"'
        f' data-done="{phrase(language, "copied")}">{phrase(language, name)}</button>'
    )
