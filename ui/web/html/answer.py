"""An answer: in a few words, then quotes and sentences with their citations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import Literal

from konkyo.rag.short_answer.short import short_text
from konkyo.rag.spoken import language_name
from konkyo.rag.types import Answer, Claim, Refusal, Reply
from konkyo.ui.web.export import MARK_IN_TEXT, plain_answer
from konkyo.ui.web.html.elements import (
    article_label,
    lang_attribute,
    message_text,
    meta_line,
    named_for,
    open_attributes,
    phrase,
    safe_url,
    shown_date,
    spoken_language,
    status_note,
    suggestion_chips,
    text_attributes,
    time_element,
)
from konkyo.ui.web.html.evidence import translation_block
from konkyo.ui.web.html.feedback import feedback_buttons
from konkyo.ui.web.html.refusal import refusal_block
from konkyo.ui.web.html.reply import reply_block
from konkyo.ui.web.html.whole_dates import Span, date_spans, whole_dates, whole_within
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.reasons import reason_words
from konkyo.ui.web.turns import Quote, Turn, quote_of, shown_quotes

__all__ = [
    "answer_actions",
    "answer_body",
    "emphasized",
    "failure_block",
    "follow_ups",
    "printed_sources",
    "short_line",
    "short_parts",
]

_LONGEST_WORD, _MOST_KEPT = 16, 5
# The word at the end of a text; where words are not set apart, its last letter and what follows.
_LAST_WORD = re.compile(
    rf"(?<!\S)[^\s\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]{{1,{_LONGEST_WORD}}}\s?\Z|\w\W{{0,6}}\Z"
)


def answer_body(turn: Turn, language: Language, *, translates: bool = False) -> str:
    """Returns what stands below a question: answer, refusal, error, or what is being done."""
    if turn.state == "failed":
        return failure_block(_error(turn, language), turn.error_detail, f"t{turn.number}", language)
    if isinstance(turn.outcome, Refusal):
        return refusal_block(turn, turn.outcome, language)
    if isinstance(turn.outcome, Reply):
        return reply_block(turn.outcome, language)
    said = short_line(turn) + "".join(
        _quoted(turn, claim, quote, language, translates)
        if (quote := quote_of(turn, claim))
        else _claim(turn, claim, language)
        for claim in turn.claims
    )
    if turn.state == "done":
        return said
    # The page's own words are in its language, whatever that of the answer around them.
    ours = lang_attribute(language)
    if turn.state in ("interrupted", "stopped"):
        told = f"<strong>{phrase(language, turn.state)}</strong>"
        if turn.state == "stopped" and turn.claims:
            told += f" {phrase(language, 'stopped_more')}"
        return f'{said}<p class="k-note"{ours}>{told}</p>'
    words = {
        "waiting": "loading_wait",
        "searching": "searching",
        "queued": "queued",
        "writing": "writing",
        "checking": "checking",
    }[turn.state]
    doing = phrase(language, words, count=turn.ahead)
    return (
        f'{said}<p class="k-doing"{ours} data-doing="{turn.state}">{doing}</p>'
        f'<p class="k-note k-cut"{ours}>{phrase(language, "interrupted")}</p>'
    )


def _error(turn: Turn, language: Language) -> str:
    told = message_text(turn.failure, language) if turn.failure is not None else turn.error
    return told or say(language, "error_internal")


def failure_block(said: str, detail: str, name: str, language: Language) -> str:
    """Returns what went wrong; the message for whoever runs the server is folded under a name."""
    folded = (
        f'<details class="k-fold" data-fold="{name}-error">'
        f"<summary>{phrase(language, 'error_detail')}</summary>"
        f'<p class="k-note" dir="auto">{escape(reason_words(detail, language))}</p></details>'
        if detail
        else ""
    )
    return (
        f'<div class="k-failed"><p><strong>{phrase(language, "error")}</strong> '
        f'<span dir="auto">{escape(said)}</span></p>{folded}</div>'
    )


def short_line(turn: Turn) -> str:
    """Returns the answer in a few words; nothing where the first sentence says it."""
    if turn.short is None or any(c.frame or quote_of(turn, c) is None for c in turn.claims[:1]):
        return ""
    said = short_text(turn.short, turn.short.language)
    shown = whole_dates(said, turn.short.language)
    return f'<p class="k-short"{text_attributes(turn.short.language)}>{shown}</p>'


def short_parts(turn: Turn) -> tuple[str, ...]:
    """Returns the answer in a few words as it stands in a quote, each part by itself."""
    return (turn.short.items or (turn.short.text,)) if turn.short is not None else ()


def _frame(turn: Turn, claim: Claim, quote: Quote, language: Language) -> str:
    """Returns what introduces a quote; no line breaks within its date."""
    if not claim.frame:
        return ""
    spoken = spoken_language(turn, language)
    said = emphasized(claim.frame, short_parts(turn), spoken)
    if quote.article.published:
        day = time_element(quote.article.published, spoken)
        said = said.replace(escape(shown_date(quote.article.published, spoken)), day, 1)
    return f'<p class="k-frame" dir="auto">{said}</p>'


def _quoted(turn: Turn, claim: Claim, quote: Quote, language: Language, translates: bool) -> str:
    """Returns a quote that stands as an answer, with its article, language and translation."""
    about, short = quote.article, short_parts(turn)
    title = f"<span{text_attributes(about.language)}>{escape(about.title)}</span>"
    written = language_name(about.language, language)
    cite = _cite(turn, quote.number, {quote.number: quote}, language)
    return (
        f"{_frame(turn, claim, quote, language)}"
        f'<div class="k-quoted"><blockquote{text_attributes(about.language)}>'
        f"{_cited(claim.text, [cite], about.language, short)}"
        f'</blockquote><p class="k-meta"{lang_attribute(language)}>{title}'
        f'<span class="k-dot"> · </span>'
        f"{meta_line(about.outlet, about.published, language)}"
        f'<span class="k-dot"> · </span><span class="k-lang">{escape(written)}</span></p>'
        f"{status_note(about.status, about.correction, language)}"
        f"{translation_block(turn, quote, language) if translates else ''}</div>"
    )


def _cited(text: str, cites: Sequence[str], language: str | None, parts: Sequence[str] = ()) -> str:
    """Returns a text, parts of it in bold, and the numbers behind it.

    The last word, or the date that ends the text, stays in one line with the numbers, so that none
    begins a line alone.
    """
    days, runs = date_spans(text, language), tuple(_runs(text, parts))
    if not cites:
        return _marked_up(text, (0, len(text)), runs, days)
    found = _LAST_WORD.search(text)
    at = found.start() if found else len(text)
    short = ((a, b) for a, b, bold in runs if bold and b - a <= _LONGEST_WORD)
    for start, end in (*short, *days):
        at = start if start < at < end else at
    head = _marked_up(text, (0, at), runs, days)
    last = _marked_up(text, (at, len(text)), runs, days)
    kept, others = "".join(cites[:_MOST_KEPT]), "".join(cites[_MOST_KEPT:])
    return f'{head}<span class="k-kept">{last}{kept}</span>{others}'


def _emphasis(text: str, parts: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yields a text in runs; the first place of each part is one by itself, and emphasized."""
    found = next((part for part in parts if part and part in text), "")
    if not found:
        yield text, False
        return
    before, _, after = text.partition(found)
    rest = [part for part in parts if part != found]
    yield from _emphasis(before, rest)
    yield found, True
    yield from _emphasis(after, rest)


def _runs(text: str, parts: Sequence[str]) -> Iterator[tuple[int, int, bool]]:
    """Yields start and end of each run of a text, and whether it is emphasized."""
    done = 0
    for piece, bold in _emphasis(text, parts):
        yield done, done + len(piece), bold
        done += len(piece)


def emphasized(text: str, parts: Sequence[str], language: str | None) -> str:
    """Returns a text as HTML, the first place of each part in bold; no line breaks within dates."""
    days = date_spans(text, language)
    return _marked_up(text, (0, len(text)), tuple(_runs(text, parts)), days)


def _marked_up(
    text: str, part: Span, runs: Sequence[tuple[int, int, bool]], days: Sequence[Span]
) -> str:
    """Returns a part of a text as HTML: runs in bold, and dates that no line breaks."""
    pieces = []
    for start, end, bold in runs:
        start, end = max(start, part[0]), min(end, part[1])
        if start < end:
            said = whole_within(text, start, end, days)
            pieces.append(f"<strong>{said}</strong>" if bold else said)
    return "".join(pieces)


def _claim(turn: Turn, claim: Claim, language: Language) -> str:
    quotes = {q.number: q for q in shown_quotes(turn)}
    mentioned: list[int] = []
    pieces: list[str] = []
    if claim.published and not claim.frame:
        day = shown_date(claim.published, language)
        when = f'datetime="{escape(claim.published)}">{escape(day)}</time>'
        pieces.append(f'<time class="k-day" {when} ')
    done = 0
    for found in MARK_IN_TEXT.finditer(claim.text):
        number = int(found.group(1))
        if number not in claim.citations:
            continue
        cite = _cite(turn, number, quotes, language)
        pieces.append(_cited(claim.text[done : found.start()], [cite], turn.language))
        mentioned.append(number)
        done = found.end()
    others = (n for n in claim.citations if n not in mentioned)
    cites = [_cite(turn, number, quotes, language) for number in others]
    pieces.append(_cited(claim.text[done:], cites, turn.language))
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
        day = shown_date(citation.published or "", language)
        about = " · ".join(p for p in (citation.title, citation.outlet, day) if p)
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


def follow_ups(turn: Turn, language: Language) -> str:
    """Returns the questions to go on with after an answer, each a button that asks it."""
    # A refusal has them among what it offers.
    if not turn.follow_ups or isinstance(turn.outcome, Refusal):
        return ""
    heading, chips = phrase(language, "follow_ups"), suggestion_chips(turn.follow_ups)
    return f'<div class="k-follow-ups"><h3>{heading}</h3><ul class="k-chips">{chips}</ul></div>'


def answer_actions(turn: Turn, language: Language, *, shares: bool = False) -> str:
    """Returns what a reader can do with an answer; ``shares`` offers to share it."""
    actions = [
        _action("retry", turn, language),
        _action("edit", turn, language),
    ]
    if isinstance(turn.outcome, Answer):
        actions.append(_action("copy", turn, language, text=plain_answer(turn, language)))
    actions.append(_action("link", turn, language))
    if shares and isinstance(turn.outcome, Answer | Refusal):
        name = named_for(turn, language, "share")
        actions.append(
            f'<button type="button" class="k-quiet" data-act="share" data-turn="{turn.number}"'
            f' aria-label="{name}">{phrase(language, "share")}</button>'
        )
    thumbs = feedback_buttons(turn, language)
    return f'<div class="k-foot"><span class="k-actions">{"".join(actions)}{thumbs}</span></div>'


def _action(
    name: Literal["retry", "edit", "copy", "link"], turn: Turn, language: Language, text: str = ""
) -> str:
    carried = escape(text or turn.question)
    return (
        f'<button type="button" class="k-quiet" data-act="{name}" data-text="{carried}"'
        f' aria-label="{named_for(turn, language, name)}" data-done="{phrase(language, "copied")}">'
        f"{phrase(language, name)}</button>"
    )
