"""Parts that several pages share. Here, text of others becomes HTML.

Nothing that came from an article, a reader or a model leaves this package unescaped. It is put
into element content and quoted attribute values only: never into a script, a style, an event
attribute, a tag or attribute name. Addresses become links only when they are http or https.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from html import escape
from typing import Literal
from urllib.parse import urlsplit

from konkyo.index.records import ArticleStatus, ArticleSummary
from konkyo.rag.spoken import spoken
from konkyo.ui.web.i18n import Language, Message, say
from konkyo.ui.web.text_fragment import text_fragment
from konkyo.ui.web.turns import Quote, Turn

__all__ = [
    "article_button",
    "article_label",
    "close_button",
    "invitation",
    "lang_attribute",
    "message_text",
    "meta_line",
    "named_for",
    "open_attributes",
    "original_at",
    "phrase",
    "safe_url",
    "shorten",
    "shown_date",
    "shown_source",
    "source_navigation",
    "spoken_language",
    "status_note",
    "suggestion_chips",
    "text_attributes",
    "time_element",
    "turn_notes",
    "with_dates",
]

_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")

_UNSAFE_IN_URL = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029]")

_TITLE_LIMIT = 90

_ISO_DATE = re.compile(r"(?<![\w-])\d{4}-\d{2}-\d{2}(?![\w-])", re.ASCII)

_HANDED_OVER = re.compile(r"[0-9a-f]{32}-(?=[^/]+\Z)")


def safe_url(url: str | None) -> str | None:
    """Returns the address if a reader may be sent there (absolute, http or https), else None.

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


def original_at(url: str | None, quote: str) -> str | None:
    """Returns the address of an article at the words of a quote; None where none may be linked."""
    address = safe_url(url)
    if address is None:
        return None
    at = text_fragment(quote)
    return address + (at.removeprefix("#") if at and "#" in address else at)


def suggestion_chips(questions: Sequence[str]) -> str:
    """Returns list items with buttons that ask a question each."""
    return "".join(
        f'<li><button type="button" class="k-chip" data-act="ask" data-question="{escape(q)}">'
        f"<bdi>{escape(q)}</bdi></button></li>"
        for q in questions
    )


def source_navigation(language: Language) -> str:
    """Returns the buttons above a page of the source panel: close, and back to the list."""
    return close_button(language) + list_button(language)


def list_button(language: Language) -> str:
    """Returns the button that leads back to the list of articles."""
    return (
        '<p class="k-back"><button type="button" class="k-quiet" data-act="articles">'
        f"← {phrase(language, 'all_articles')}</button></p>"
    )


def close_button(language: Language) -> str:
    """Returns the button that closes the source panel where it covers the conversation."""
    return (
        '<p class="k-shut"><button type="button" class="k-quiet" data-act="close">'
        f"{phrase(language, 'close')} ✕</button></p>"
    )


def article_button(summary: ArticleSummary, language: Language) -> str:
    """Returns a row of a list of articles; a click opens the article."""
    title = escape(summary.title)
    return (
        f'<button type="button" class="k-row" data-act="open"'
        f' data-article="{escape(summary.article_id)}">'
        f'<span class="k-row-title"{text_attributes(summary.language)}>{title}</span>'
        f'<span class="k-meta">{meta_line(summary.outlet, summary.published, language)}</span>'
        f"</button>"
    )


def open_attributes(quote: Quote, turn: int, act: Literal["open", "translate"] = "open") -> str:
    """Returns the attributes by which the page's script opens or translates a quote."""
    return (
        f' data-act="{act}" data-turn="{turn}" data-n="{quote.number}"'
        f' data-article="{escape(quote.article.article_id)}"'
        f' data-start="{quote.start}" data-end="{quote.end}"'
    )


def invitation(language: Language) -> str:
    """Returns that there are no articles, and the link to the page on which some are added."""
    library = f'<a class="k-open" href="library">{phrase(language, "library")}</a>'
    return f'<p class="k-note">{phrase(language, "empty_index")} {library}</p>'


def meta_line(
    outlet: str | None, published: str | None, language: Language, author: str | None = None
) -> str:
    """Returns outlet, author and date of an article in one line."""
    parts = [f"<bdi>{escape(outlet)}</bdi>"] if outlet else []
    if author:
        parts.append(f"<bdi>{escape(author)}</bdi>")
    if published:
        parts.append(time_element(published, language))
    else:
        parts.append(phrase(language, "no_date"))
    return '<span class="k-dot"> · </span>'.join(parts)


def article_label(title: str, outlet: str | None, published: str | None, language: Language) -> str:
    """Returns title, outlet and date of an article as plain text, not escaped."""
    when = shown_date(published, language) if published else say(language, "no_date")
    return ", ".join(part for part in (shorten(title), outlet, when) if part)


def shown_date(published: str, language: Language) -> str:
    """Returns an ISO date as the reader's language writes it; anything else as it stands."""
    from babel.dates import format_date

    try:
        day = date.fromisoformat(published)
    except ValueError:
        return published
    return format_date(day, say(language, "date_pattern"), locale=language)


def message_text(message: Message, language: Language) -> str:
    """Returns a message in a language, as plain text; nothing for one of another version."""
    facts = dict(message.facts)
    if "date" in facts:
        facts["date"] = shown_date(str(facts["date"]), language)
    try:
        return say(language, message.key, **facts)
    except KeyError:
        return ""


def turn_notes(turn: Turn, language: Language) -> tuple[str, ...]:
    """Returns what a reader is told beside an answer, as plain text: messages, then notes."""
    told = (message_text(message, language) for message in turn.messages)
    return (*filter(None, told), *turn.notes)


def time_element(published: str, language: Language) -> str:
    """Returns an ISO date as an element that no line breaks, written as the language writes it."""
    day = escape(shown_date(published, language))
    return f'<time datetime="{escape(published)}">{day}</time>'


def with_dates(text: str, language: Language) -> str:
    """Returns text of ours as HTML; its ISO dates are written as the reader's language does."""
    pieces, done = [], 0
    for found in _ISO_DATE.finditer(text):
        pieces += [escape(text[done : found.start()]), time_element(found[0], language)]
        done = found.end()
    return "".join(pieces) + escape(text[done:])


def spoken_language(turn: Turn, language: Language) -> Language:
    """Returns the language that an answer is told in; the reader's where we have no words of it."""
    return spoken(turn.language) or language


def named_for(turn: Turn, language: Language, key: str) -> str:
    """Returns the name of a button that stands below every answer: it says which one it is for.

    The number tells two answers to the same question apart.
    """
    return escape(f"{say(language, key)}: {turn.number}. {shorten(turn.question)}")


def shorten(title: str) -> str:
    """Returns text in one line, cut where it is long."""
    flat = " ".join(title.split())
    return flat if len(flat) <= _TITLE_LIMIT else flat[: _TITLE_LIMIT - 1] + "…"


def text_attributes(language: str | None) -> str:
    """Returns the attributes for text of a language: its tag where known, its own direction."""
    return lang_attribute(language) + ' dir="auto"'


def lang_attribute(language: str | None) -> str:
    """Returns the ``lang`` attribute for a language tag; nothing for what is no tag."""
    return f' lang="{language}"' if language and _LANGUAGE_TAG.match(language) else ""


def shown_source(source: str) -> str:
    """Returns a source as its owner knows it: a file that was handed over by its own name."""
    name = source.rsplit("/", 1)[-1]
    return name[33:] if _HANDED_OVER.match(name) else source


def status_note(status: ArticleStatus | None, correction: str | None, language: Language) -> str:
    """Returns that an article was corrected or retracted, and how; nothing if it was not."""
    if status is None:
        return ""
    how = f' <span dir="auto">{escape(correction)}</span>' if correction else ""
    told = f"<b{lang_attribute(language)}>{phrase(language, status)}</b>"
    return f'<span class="k-status-note">{told}{how}</span>'


def phrase(language: Language, key: str, **facts: object) -> str:
    """Returns one of the page's own phrases, escaped."""
    return escape(say(language, key, **facts))
