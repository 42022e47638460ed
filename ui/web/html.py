"""Outcomes, evidence and articles as HTML: pure functions, and the border where all text is escaped.

Nothing that came from an article, a reader or a model leaves this module unescaped. It is put
into element content and quoted attribute values only: never into a script, a style, an event
attribute, a tag or attribute name. Addresses become links only when they are http or https.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from itertools import pairwise
from typing import Literal, assert_never
from urllib.parse import urlsplit

from konkyo.index.records import Article, ArticleSummary, Filter
from konkyo.index.text.normalize import same_language
from konkyo.rag.generation.translate import LONGEST_QUOTE, Translation
from konkyo.rag.messages import removed_text
from konkyo.rag.types import (
    Answer,
    Citation,
    Claim,
    ClaimChecked,
    ClaimDrafted,
    ClaimRemoved,
    Event,
    Evidence,
    EvidenceReady,
    Finished,
    Outcome,
    Refusal,
    Removed,
    RemovedReason,
)
from konkyo.ui.server.llm_queue import Queued
from konkyo.ui.web.i18n import LANGUAGES, Language, say

__all__ = [
    "THUMB_ICON",
    "IndexSummary",
    "Mark",
    "QuoteTranslation",
    "Turn",
    "TurnState",
    "advance",
    "article_page",
    "source_navigation",
    "conversation",
    "filters",
    "foreign_quotes",
    "leading_quote",
    "notice_page",
    "overview",
    "file_download",
    "plain_answer",
    "quotes_of",
    "safe_url",
    "status",
    "suggested_question",
]

TurnState = Literal[
    "waiting", "searching", "queued", "writing", "checking", "done", "stopped", "failed"
]

_MARK_IN_TEXT = re.compile(r"(?<!\s)\s*+[\[［【](\d{1,3})[\]］】]")
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
_UNSAFE_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]")
_TITLE_LIMIT = 90
# Drawn, because not every machine has a font with thumbs.
THUMB_ICON = (
    '<svg viewBox="0 0 24 24" width="17" height="17" fill="none" stroke="currentColor"'
    ' stroke-width="1.7" stroke-linejoin="round" aria-hidden="true"><path d="M7 10.5 11 3c1.6 0 2.6'
    " 1 2.6 2.5V9h5a2 2 0 0 1 2 2.3l-1.1 7a2 2 0 0 1-2 1.7H7m0-9.5V20m0-9.5H4a1 1 0 0 0-1 1V19a1 1"
    ' 0 0 0 1 1h3"/></svg>'
)


@dataclass(frozen=True, slots=True)
class QuoteTranslation:
    """What became of a reader's wish to have one quote translated; under way while it holds nothing.

    ``ahead`` is how many questions the language model answers first; ``problem`` is why there is
    no translation.
    """

    article_id: str
    start: int
    end: int
    ahead: int = 0
    translation: Translation | None = None
    problem: str = ""

    @property
    def place(self) -> tuple[str, int, int]:
        """The article and the span that is translated."""
        return self.article_id, self.start, self.end

    @property
    def busy(self) -> bool:
        """Whether it is still under way."""
        return self.translation is None and not self.problem


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what is known of its answer so far; ``advance`` makes the next one.

    ``number`` counts from 1 within a conversation. ``filtered`` says that a filter was on;
    ``ahead`` is how many questions the language model answers first while ``queued``; ``opinion``
    is what the reader said of the answer: up, down or nothing. ``renditions`` are translations of
    quotes, which belong to the page alone.
    """

    number: int
    question: str
    state: TurnState = "searching"
    evidence: tuple[Evidence, ...] = ()
    language: str = ""
    claims: tuple[Claim, ...] = ()
    removed: tuple[Removed, ...] = ()
    outcome: Outcome | None = None
    error: str = ""
    notes: tuple[str, ...] = ()
    filtered: bool = False
    ahead: int = 0
    opinion: str = ""
    translations: tuple[QuoteTranslation, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A span of an article to highlight, in code points; ``number`` is shown beside it (0: none)."""

    start: int
    end: int
    number: int = 0
    primary: bool = False


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What the index holds, for a reader who has not asked yet: newest articles and the count.

    ``languages`` and ``outlets`` are those of the articles, the most frequent first.
    """

    count: int
    newest: tuple[ArticleSummary, ...] = field(default=())
    languages: tuple[str, ...] = field(default=())
    outlets: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Quote:
    number: int
    article: ArticleSummary
    start: int
    end: int
    text: str


def advance(turn: Turn, event: Event | Queued) -> Turn:
    """The turn after one more event of the pipeline."""
    match event:
        case Queued(ahead=ahead):
            return replace(turn, state="queued" if ahead else "writing", ahead=ahead)
        case EvidenceReady(evidence=evidence, language=language):
            return replace(turn, state="writing", evidence=evidence, language=language)
        case ClaimDrafted():
            return replace(turn, state="checking")
        case ClaimChecked(claim=claim):
            return replace(turn, state="writing", claims=(*turn.claims, claim))
        case ClaimRemoved(removed=removed):
            return replace(turn, state="writing", removed=(*turn.removed, removed))
        case Finished(outcome=outcome):
            return replace(
                turn,
                state="done",
                outcome=outcome,
                language=outcome.language,
                claims=outcome.claims if isinstance(outcome, Answer) else (),
                removed=outcome.removed,
            )
        case _:
            assert_never(event)


def safe_url(url: str | None) -> str | None:
    """The address if a reader may be sent there (absolute, http or https), else None.

    Addresses that browsers are known to read differently from this parser (control characters,
    spaces, backslashes, user names) are refused.
    """
    if not url or _UNSAFE_IN_URL.search(url.strip(" ")):
        return None
    candidate = url.strip(" ")
    try:
        parts = urlsplit(candidate)
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme.lower() not in ("http", "https") or not host or "@" in parts.netloc:
        return None
    return candidate


def suggested_question(summary: ArticleSummary, language: Language) -> str:
    """A question that the article's own title suggests."""
    title = shorten(summary.title)
    if language == "ja":
        # Quotation marks inside quotation marks take the other shape.
        title = title.replace("「", "『").replace("」", "』")
    return say(language, "ask_about", title=title)


def conversation(
    turns: Sequence[Turn],
    language: Language,
    suggestions: Sequence[str] = (),
    *,
    translates: bool = False,
) -> str:
    """The left page: all turns in order, or a welcome with suggested questions.

    ``translates`` offers to have quotes in other languages than the question's translated.
    """
    if not turns:
        return _welcome(language, suggestions)
    inner = "".join(_turn(turn, language, translates) for turn in turns)
    return f'<div class="k-turns">{inner}</div>'


def quotes_of(turn: Turn) -> tuple[tuple[str, Mark], ...]:
    """Every numbered quote that the turn shows: the article's identifier and where it is."""
    return tuple((q.article.article_id, Mark(q.start, q.end, q.number)) for q in shown_quotes(turn))


def foreign_quotes(turn: Turn) -> tuple[tuple[str, int, int], ...]:
    """Where the quotes stand that may be translated: not in the question's language, not too long."""
    return tuple((q.article.article_id, q.start, q.end) for q in shown_quotes(turn) if is_foreign(turn, q))


def leading_quote(turn: Turn) -> tuple[str, Mark] | None:
    """The quote to lay open beside the turn: the first one cited, before that the best one.

    None while there is no evidence, and for a refusal, which rests on nothing.
    """
    quotes = quotes_of(turn)
    if not quotes or isinstance(turn.outcome, Refusal):
        return None
    cited = [number for claim in turn.claims for number in claim.citations]
    return next((q for q in quotes if q[1].number in cited[:1]), quotes[0])


def plain_answer(turn: Turn) -> str:
    """The answer with its sources as plain text, as the copy button gives it."""
    if not isinstance(turn.outcome, Answer):
        return turn.outcome.text if turn.outcome else ""
    lines = [turn.question, "", turn.outcome.text, ""]
    for citation in turn.outcome.citations:
        about = " · ".join(
            part for part in (citation.title, citation.outlet, citation.published) if part
        )
        lines.append(f"[{citation.id}] “{citation.quote}” — {about}")
        url = safe_url(citation.url)
        if url:
            lines.append(f"    {url}")
    return "\n".join(lines)


def article_page(article: Article, marks: Sequence[Mark], language: Language) -> str:
    """The right page: one article with its marks; the primary one carries ``id="k-here"``.

    Marks may overlap and may cross paragraphs; the text between the marks is exactly
    ``article.text``. A mark that does not fit the text is left out, and said so if primary.
    """
    length = len(article.text)
    fitting = [m for m in marks if 0 <= m.start < m.end <= length]
    lost = any(m.primary for m in marks) and not any(m.primary for m in fitting)
    meta = meta_line(article.outlet, article.published, language, article.author)
    parts = [
        close_button(language),
        '<article class="k-article">',
        _list_button(language),
        f'<h2 id="k-article-title" tabindex="-1"{text_attributes(article.language)}>'
        f"{escape(article.title)}</h2>",
        f'<p class="k-meta">{meta}</p>',
        _original(article.url, language),
    ]
    if lost:
        parts.append(f'<p class="k-note">{phrase(language, "quote_moved")}</p>')
    parts.append(
        f'<div class="k-body"{lang_attribute(article.language)}>{_body(article.text, fitting)}</div>'
    )
    others = len(article.sources) - 1
    if others > 0:
        parts.append(f'<p class="k-note">{phrase(language, "also_found", count=others)}</p>')
    if article.comments:
        said = "".join(f"<li{text_attributes(None)}>{escape(c)}</li>" for c in article.comments)
        summary = phrase(language, "comments", count=len(article.comments))
        parts.append(
            f'<details class="k-fold" data-fold="comments"><summary>{summary}</summary>'
            f"<ul>{said}</ul></details>"
        )
    parts.append("</article>")
    return "".join(parts)


def notice_page(text: str, language: Language) -> str:
    """The right page when there is nothing but a message to show."""
    return source_navigation(language) + f'<p class="k-note" role="status">{escape(text)}</p>'


def source_navigation(language: Language) -> str:
    """The way out of a page on the right: to the list of articles, or away on a phone."""
    return close_button(language) + _list_button(language)


def _list_button(language: Language) -> str:
    return (
        '<p class="k-back"><button type="button" class="k-quiet" data-act="shelf">'
        f"← {phrase(language, 'all_articles')}</button></p>"
    )


def overview(
    index_summary: IndexSummary | None, language: Language, *, editor: bool = False
) -> str:
    """The right page before anything is opened: the newest articles; None: not known yet.

    ``editor`` adds the ways to the pages for editors.
    """
    admin = _admin_links(language) if editor else ""
    heading = f'<h2 id="k-article-title" tabindex="-1">{phrase(language, "in_index")}</h2>'
    if index_summary is None:
        bones = '<div class="k-bone"></div>' * 6
        return f'<div class="k-shelf" aria-busy="true">{heading}{bones}</div>'
    if index_summary.count == 0:
        return (
            f'<div class="k-shelf">{admin}{heading}'
            f'<p class="k-note">{phrase(language, "empty_index")}</p></div>'
        )
    count = phrase(language, "ready", count=index_summary.count)
    if index_summary.count > len(index_summary.newest):
        count += " · " + phrase(language, "newest", count=len(index_summary.newest))
    rows = "".join(f"<li>{article_button(s, language)}</li>" for s in index_summary.newest)
    return close_button(language) + (
        f'<div class="k-shelf">{admin}{heading}<p class="k-meta">{count}</p>'
        f'<ul class="k-list">{rows}</ul></div>'
    )


def _admin_links(language: Language) -> str:
    return (
        '<p class="k-rooms">'
        f'<button type="button" class="k-quiet" data-act="keep" data-order="look">'
        f"{phrase(language, 'keep_index')}</button>"
        f'<button type="button" class="k-quiet" data-act="examine-look">'
        f"{phrase(language, 'evaluate')}</button></p>"
    )


def filters(index_summary: IndexSummary | None, where: Filter, language: Language) -> str:
    """The filters above the box: dates, the articles' languages, outlets."""
    chosen = sum(map(bool, (where.since, where.until, where.languages, where.outlets)))
    summary = phrase(language, "filters_on", count=chosen) if chosen else phrase(language, "filters")
    languages = _options(
        index_summary.languages if index_summary else (),
        where.languages,
        language,
        lambda c: _language_name(c, language),
    )
    outlets = _options(
        index_summary.outlets if index_summary else (), where.outlets, language, lambda o: o
    )
    clear = (
        f'<button type="button" class="k-quiet" data-act="unfilter">'
        f"{phrase(language, 'clear_filters')}</button>"
        if chosen
        else ""
    )
    return (
        f'<details class="k-filters" data-fold="filters" data-chosen="{chosen}">'
        f'<summary>{summary}</summary><div class="k-filter-row">'
        f"<label><span>{phrase(language, 'since')}</span>"
        f'<input type="date" data-filter="since" value="{escape(where.since or "")}"></label>'
        f"<label><span>{phrase(language, 'until')}</span>"
        f'<input type="date" data-filter="until" value="{escape(where.until or "")}"></label>'
        f"<label><span>{phrase(language, 'article_language')}</span>"
        f'<select data-filter="language">{languages}</select></label>'
        f"<label><span>{phrase(language, 'outlet')}</span>"
        f'<select data-filter="outlet">{outlets}</select></label>'
        f"{clear}</div></details>"
    )


def _options(
    values: Sequence[str],
    chosen: frozenset[str],
    language: Language,
    name: Callable[[str], str],
) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if value in chosen else ""}>'
        f"{escape(name(value))}</option>"
        for value in values
    )
    return f'<option value="">{phrase(language, "any")}</option>{options}'


def _language_name(code: str, language: Language) -> str:
    """A language's name in the reader's language."""
    from babel import Locale, UnknownLocaleError

    try:
        return Locale(language).languages.get(code) or code
    except UnknownLocaleError:
        return code


def file_download(name: str, text: str, problem: str = "") -> str:
    """A file for the page's script to hand to the reader, or why there is none."""
    if problem:
        return f'<p class="k-toast" role="status">{escape(problem)}</p>'
    return f'<span hidden data-name="{escape(name)}" data-text="{escape(text)}"></span>'


def status(kind: Literal["loading", "ready", "failed"], text: str) -> str:
    """The quiet line in the header that says what the server is doing; ready, it opens the list."""
    said = f'<span class="k-status" data-kind="{kind}" role="status">{escape(text)}</span>'
    if kind != "ready":
        return said
    return f'<button type="button" class="k-quiet" data-act="shelf">{said}</button>'


def close_button(language: Language) -> str:
    """The bar that closes the source where it covers the conversation; hidden where it does not."""
    return (
        '<p class="k-shut"><button type="button" class="k-quiet" data-act="close">'
        f"{phrase(language, 'close')} ✕</button></p>"
    )


def _welcome(language: Language, suggestions: Sequence[str]) -> str:
    chips = "".join(
        f'<li><button type="button" class="k-chip" data-act="ask" data-question="{escape(q)}">'
        f"<bdi>{escape(q)}</bdi></button></li>"
        for q in suggestions
    )
    examples = (
        f'<h3>{phrase(language, "try")}</h3><ul class="k-chips">{chips}</ul>' if suggestions else ""
    )
    return (
        f'<div class="k-welcome"><h2>{phrase(language, "welcome")}</h2>'
        f"<p>{phrase(language, 'welcome_more')}</p>{examples}</div>"
    )


def _turn(turn: Turn, language: Language, translates: bool) -> str:
    kind = "refused" if isinstance(turn.outcome, Refusal) else "answered"
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


def answer_body(turn: Turn, language: Language) -> str:
    if turn.state == "failed":
        detail = turn.error or say(language, "error_internal")
        return (
            f'<p class="k-failed"><strong>{phrase(language, "error")}</strong> '
            f'<span dir="auto">{escape(detail)}</span></p>'
        )
    if isinstance(turn.outcome, Refusal):
        return refusal_page(turn, turn.outcome, language)
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
    about = article_label(quote.article.title, quote.article.outlet, quote.article.published, language)
    return (
        f'<button type="button" class="k-cite" aria-label="{escape(f"[{number}] {about}")}"'
        f"{open_attributes(quote, turn.number)}>[{number}]</button>"
    )


def evidence_cards(turn: Turn, language: Language, translates: bool) -> str:
    quotes = shown_quotes(turn)
    if not quotes:
        return ""
    cited = {n for claim in turn.claims for n in claim.citations}
    finished = turn.state == "done"
    cards = []
    for quote in quotes:
        used = quote.number in cited
        dim = " k-dim" if finished and not used else ""
        cards.append(
            f'<li><button type="button" class="k-card{dim}"{open_attributes(quote, turn.number)}>'
            f'<span class="k-card-top"><span class="k-num">{quote.number}</span>'
            f'<span class="k-card-title"{text_attributes(quote.article.language)}>'
            f"{escape(quote.article.title)}</span></span>"
            f'<span class="k-card-quote"{text_attributes(quote.article.language)}>'
            f"{escape(quote.text)}</span>"
            f'<span class="k-meta">'
            f"{meta_line(quote.article.outlet, quote.article.published, language)}</span>"
            f"</button>{quote_translation(turn, quote, language) if translates else ''}</li>"
        )
    return (
        f'<div class="k-evidence"><h3>{phrase(language, "evidence")}</h3>'
        f'<ul class="k-cards">{"".join(cards)}</ul></div>'
    )


def quote_translation(turn: Turn, quote: Quote, language: Language) -> str:
    """Below a quote in another language: the wish for a translation, or what became of it."""
    if not is_foreign(turn, quote):
        return ""
    place = (quote.article.article_id, quote.start, quote.end)
    found = next((r for r in turn.translations if r.place == place), None)
    settled = turn.state in ("done", "stopped", "failed")
    wish = (
        f'<button type="button" class="k-quiet" aria-label="{phrase(language, "translate")}'
        f' [{quote.number}]"{"" if settled else " disabled"}'
        f"{open_attributes(quote, turn.number, 'translate')}>{phrase(language, 'translate')}</button>"
    )
    if found is None:
        state, inner = "idle", wish
    elif found.busy:
        waits = phrase(language, "translation_waits", count=found.ahead) if found.ahead else ""
        state = "busy"
        inner = f'<p class="k-doing">{waits or phrase(language, "translating")}</p>'
    elif found.translation is None:
        said = f"{phrase(language, 'no_translation')} <bdi>{escape(found.problem)}</bdi>"
        state, inner = "failed", f'<p class="k-note" dir="auto">{said}</p>{wish}'
    else:
        made = found.translation
        state = "doubtful" if made.doubtful else "done"
        # The words of the mark fall back to English, as those of an answer do.
        spoken = made.language if made.language in LANGUAGES else "en"
        inner = (
            f'<p class="k-told-text"{text_attributes(made.language)}>{escape(made.text)}</p>'
            f'<p class="k-told-mark"{text_attributes(spoken)}>{escape(made.mark)}</p>'
        )
    return (
        f'<div class="k-told" data-state="{state}" data-turn="{turn.number}"'
        f' data-n="{quote.number}" tabindex="-1"'
        f' aria-busy="{"true" if state == "busy" else "false"}">{inner}</div>'
    )


def is_foreign(turn: Turn, quote: Quote) -> bool:
    written, asked = quote.article.language, turn.language
    known = bool(written and asked) and len(quote.text) <= LONGEST_QUOTE
    return known and not same_language(written, asked)


def refusal_page(turn: Turn, outcome: Refusal, language: Language) -> str:
    tip = "refusal_tip_filter" if turn.filtered else "refusal_tip"
    parts = [
        f'<div class="k-refusal" data-reason="{escape(outcome.reason)}">',
        f'<p class="k-tag">{phrase(language, "refused")}</p>',
        f'<p class="k-refusal-text" dir="auto">{escape(outcome.text)}</p>',
        f'<p class="k-note">{phrase(language, tip)}</p>' if outcome.reason != "empty_index" else "",
    ]
    if outcome.related:
        rows = "".join(f"<li>{article_button(s, language)}</li>" for s in outcome.related)
        parts.append(f'<h3>{phrase(language, "related")}</h3><ul class="k-list">{rows}</ul>')
    parts.append(_suggestions(turn, outcome, language))
    parts.append("</div>")
    return "".join(parts)


def _suggestions(turn: Turn, outcome: Refusal, language: Language) -> str:
    """What to try next: all articles, if a filter was on; what the nearest article is about."""
    offers = []
    if turn.filtered:
        offers.append(
            f'<li><button type="button" class="k-chip" data-act="widen"'
            f' data-question="{escape(turn.question)}">{phrase(language, "widen")}</button></li>'
        )
    for near in outcome.related[:1]:
        question = suggested_question(near, language)
        offers.append(
            f'<li><button type="button" class="k-chip" data-act="ask"'
            f' data-question="{escape(question)}"><bdi>{escape(question)}</bdi></button></li>'
        )
    if not offers:
        return ""
    return f'<h3>{phrase(language, "offers")}</h3><ul class="k-chips">{"".join(offers)}</ul>'


def printed_sources(turn: Turn, language: Language) -> str:
    """The sources in full, for paper; the screen shows them elsewhere."""
    if not isinstance(turn.outcome, Answer):
        return ""
    rows = []
    for citation in turn.outcome.citations:
        about = " · ".join(p for p in (citation.title, citation.outlet, citation.published) if p)
        url = safe_url(citation.url)
        rows.append(
            f'<li value="{citation.id}"><q{text_attributes(citation.language)}>{escape(citation.quote)}</q>'
            f'<br><span dir="auto">{escape(about)}</span>'
            + (f"<br><bdi>{escape(url)}</bdi>" if url else "")
            + "</li>"
        )
    heading = phrase(language, "sources_of_answer")
    return f'<div class="k-printed"><h3>{heading}</h3><ol>{"".join(rows)}</ol></div>'


def feedback_buttons(turn: Turn, language: Language) -> str:
    """Thumbs, and what a thumb down asks."""
    if turn.outcome is None:
        return ""
    thumbs = "".join(
        f'<button type="button" class="k-quiet k-thumb" data-act="{name}" data-turn="{turn.number}"'
        f' aria-label="{phrase(language, name)}" title="{phrase(language, name)}"'
        f' aria-pressed="{"true" if turn.opinion == verdict else "false"}">{THUMB_ICON}</button>'
        for name, verdict in (("good", "up"), ("bad", "down"))
    )
    said = f'<span role="status">{phrase(language, "thanks")}</span>' if turn.opinion else ""
    return f'<span class="k-thumbs">{thumbs}{said}</span>'


def feedback_form(turn: Turn, language: Language) -> str:
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
        f'<button type="button" class="k-chip" data-act="blame" data-turn="{turn.number}">'
        f"{phrase(language, 'send')}</button></div>"
    )


def removed_sentences(turn: Turn, language: Language) -> str:
    if not turn.removed:
        return ""
    folds = []
    for reason in _in_order(removed.reason for removed in turn.removed):
        same = [r for r in turn.removed if r.reason == reason]
        summary = phrase(language, "removed", count=len(same), reason=removed_text(reason, language))
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


def article_button(summary: ArticleSummary, language: Language) -> str:
    return (
        f'<button type="button" class="k-row" data-act="open"'
        f' data-article="{escape(summary.article_id)}">'
        f'<span class="k-row-title"{text_attributes(summary.language)}>{escape(summary.title)}</span>'
        f'<span class="k-meta">{meta_line(summary.outlet, summary.published, language)}</span>'
        f"</button>"
    )


def open_attributes(quote: Quote, turn: int, act: Literal["open", "translate"] = "open") -> str:
    return (
        f' data-act="{act}" data-turn="{turn}" data-n="{quote.number}"'
        f' data-article="{escape(quote.article.article_id)}"'
        f' data-start="{quote.start}" data-end="{quote.end}"'
    )


def shown_quotes(turn: Turn) -> tuple[Quote, ...]:
    """The evidence; the answer's own citations where those number other quotes."""
    shown = {e.number: Quote(e.number, e.article, e.start, e.end, e.text) for e in turn.evidence}
    if isinstance(turn.outcome, Answer):
        final = {c.id: _from_citation(c) for c in turn.outcome.citations}
        agree = all(
            number in shown
            and (shown[number].article.article_id, shown[number].start, shown[number].end)
            == (quote.article.article_id, quote.start, quote.end)
            for number, quote in final.items()
        )
        if not agree:
            return tuple(final.values())
    return tuple(shown.values())


def _from_citation(citation: Citation) -> Quote:
    summary = ArticleSummary(
        article_id=citation.article_id,
        title=citation.title,
        source=citation.source,
        url=citation.url,
        published=citation.published,
        language=citation.language,
        outlet=citation.outlet,
        passages=0,
    )
    return Quote(citation.id, summary, citation.start, citation.end, citation.quote)


def _notices(turn: Turn) -> tuple[str, ...]:
    return (*turn.notes, *(turn.outcome.notices if turn.outcome is not None else ()))


def _body(text: str, marks: Sequence[Mark]) -> str:
    primaries = [m.start for m in marks if m.primary]
    here = min(primaries, default=-1)
    paragraphs = []
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        if line.strip():
            paragraphs.append(f'<p dir="auto">{_marked(text, start, end, marks, here)}</p>')
        start = end + 1
    return "".join(paragraphs)


def _marked(text: str, start: int, end: int, marks: Sequence[Mark], here: int) -> str:
    inside = [m for m in marks if m.start < end and m.end > start]
    cuts = sorted(
        {start, end, *(max(m.start, start) for m in inside), *(min(m.end, end) for m in inside)}
    )
    pieces = []
    for left, right in pairwise(cuts):
        over = [m for m in inside if m.start <= left and right <= m.end]
        piece = escape(text[left:right])
        if not over:
            pieces.append(piece)
            continue
        primary = any(m.primary for m in over)
        ending = sorted({m.number for m in over if m.end == right and m.number})
        label = f' data-n="{",".join(map(str, ending))}"' if ending else ""
        name = "k-mark k-primary" if primary else "k-mark"
        anchor = ' id="k-here"' if primary and left == here else ""
        pieces.append(f'<mark class="{name}"{anchor}{label}>{piece}</mark>')
    return "".join(pieces)


def _original(url: str | None, language: Language) -> str:
    address = safe_url(url)
    if address is None:
        return ""
    return (
        f'<p class="k-original"><a href="{escape(address)}" target="_blank"'
        f' rel="noopener noreferrer nofollow">{phrase(language, "original")}'
        f' <bdi class="k-host">{escape(urlsplit(address).hostname or "")}</bdi>'
        f' <span aria-hidden="true">↗</span></a></p>'
    )


def meta_line(
    outlet: str | None, published: str | None, language: Language, author: str | None = None
) -> str:
    parts = [f"<bdi>{escape(outlet)}</bdi>"] if outlet else []
    if author:
        parts.append(f"<bdi>{escape(author)}</bdi>")
    if published:
        parts.append(f'<time datetime="{escape(published)}">{escape(published)}</time>')
    else:
        parts.append(phrase(language, "no_date"))
    return '<span class="k-dot"> · </span>'.join(parts)


def article_label(title: str, outlet: str | None, published: str | None, language: Language) -> str:
    when = published or say(language, "no_date")
    return ", ".join(part for part in (shorten(title), outlet, when) if part)


def shorten(title: str) -> str:
    flat = " ".join(title.split())
    return flat if len(flat) <= _TITLE_LIMIT else flat[: _TITLE_LIMIT - 1] + "…"


def text_attributes(language: str | None) -> str:
    """Attributes for text of any language: its tag where known, and its own direction."""
    return lang_attribute(language) + ' dir="auto"'


def lang_attribute(language: str | None) -> str:
    return f' lang="{language}"' if language and _LANGUAGE_TAG.match(language) else ""


def phrase(language: Language, key: str, **facts: object) -> str:
    return escape(say(language, key, **facts))


def _in_order(reasons: Iterable[RemovedReason]) -> tuple[RemovedReason, ...]:
    return tuple(dict.fromkeys(reasons))
