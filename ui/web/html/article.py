"""One article with its marks."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from urllib.parse import urlsplit

from konkyo.index.records import Article
from konkyo.ui.web.html.elements import (
    close_button,
    lang_attribute,
    list_button,
    meta_line,
    original_at,
    phrase,
    source_navigation,
    status_note,
    text_attributes,
)
from konkyo.ui.web.html.whole_dates import Span, date_spans, whole_dates, whole_within
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import Mark

__all__ = ["article_page", "notice_page"]


def article_page(article: Article, marks: Sequence[Mark], language: Language) -> str:
    """Returns one article with its marks; the primary one has ``id="k-here"``.

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
        list_button(language),
        f'<h2 id="k-article-title" tabindex="-1"{text_attributes(article.language)}>'
        f"{whole_dates(article.title, article.language)}</h2>",
        f'<p class="k-meta">{meta}</p>',
        status_note(article.status, article.correction, language),
        _original(article, fitting, language),
    ]
    if lost:
        parts.append(f'<p class="k-note">{phrase(language, "quote_moved")}</p>')
    parts.append(
        f'<div class="k-body"{lang_attribute(article.language)}>'
        f"{_body(article.text, fitting, article.language)}</div>"
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
    """Returns a page of the source panel that only shows a message."""
    return source_navigation(language) + f'<p class="k-note" role="status">{escape(text)}</p>'


def _body(text: str, marks: Sequence[Mark], language: str | None) -> str:
    primaries = [m.start for m in marks if m.primary]
    here = min(primaries, default=-1)
    paragraphs = []
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        if line.strip():
            days = [(start + a, start + b) for a, b in date_spans(line, language)]
            said = _marked(text, (start, end), marks, here, days)
            paragraphs.append(f'<p dir="auto">{said}</p>')
        start = end + 1
    return "".join(paragraphs)


def _marked(text: str, part: Span, marks: Sequence[Mark], here: int, days: Sequence[Span]) -> str:
    start, end = part
    inside = [m for m in marks if m.start < end and m.end > start]
    cuts = sorted(
        {start, end, *(max(m.start, start) for m in inside), *(min(m.end, end) for m in inside)}
    )
    pieces = []
    for left, right in pairwise(cuts):
        over = [m for m in inside if m.start <= left and right <= m.end]
        piece = whole_within(text, left, right, days)
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


def _original(article: Article, marks: Sequence[Mark], language: Language) -> str:
    """Returns the link to the page itself, at the words of the quote that is open."""
    here = next((article.text[m.start : m.end] for m in marks if m.primary), "")
    address = original_at(article.url, here)
    if address is None:
        return ""
    return (
        f'<p class="k-original"><a href="{escape(address)}" target="_blank"'
        f' rel="noopener noreferrer nofollow">{phrase(language, "original")}'
        f' <bdi class="k-host">{escape(urlsplit(address).hostname or "")}</bdi>'
        f' <span aria-hidden="true">↗</span></a></p>'
    )
