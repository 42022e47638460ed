"""The page of a shared answer: HTML that stands by itself, without any script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Literal
from urllib.parse import urlencode

from konkyo.rag.messages import refusal_text
from konkyo.rag.short_answer.frame import framed_text
from konkyo.rag.types import Answer, Citation, Claim, Outcome, Refusal, Reply
from konkyo.ui.web.html.answer import emphasized, short_line, short_parts
from konkyo.ui.web.html.elements import (
    lang_attribute,
    meta_line,
    original_at,
    phrase,
    shown_date,
    spoken_language,
    text_attributes,
    time_element,
)
from konkyo.ui.web.html.notices import notice_paragraphs
from konkyo.ui.web.html.whole_dates import whole_dates
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import Turn

__all__ = ["missing_page", "shared_page"]


def shared_page(turn: Turn, outcome: Outcome, style: str, language: Language) -> str:
    """Returns question, answer, quotes and date as they were; ``style`` is the style's address."""
    body = (
        _answer(turn, outcome, language)
        if isinstance(outcome, Answer)
        else _refusal(outcome, language)
    )
    said, noted = notice_paragraphs(replace(turn, outcome=outcome), language, "note")
    day = escape(shown_date(turn.asked[:10], language))
    when = f' · <time datetime="{escape(turn.asked)}">{day}</time>' if turn.asked else ""
    again = escape("../?" + urlencode({"q": turn.question}))
    return _page(
        turn.question,
        f'<p class="meta">{phrase(language, "shared_answer")}{when}</p>'
        f'<h1 dir="auto">{escape(turn.question)}</h1>{said}{body}{noted}'
        f'<p><a class="again" href="{again}">{phrase(language, "ask_today")}</a></p>',
        style,
        language,
    )


def missing_page(
    key: Literal["share_gone", "share_unavailable", "share_sign_in"], style: str, language: Language
) -> str:
    """Returns a page that says why there is no answer to see."""
    home = '<p><a class="again" href="../">Konkyo</a></p>'
    said = phrase(language, key)
    return _page("Konkyo", f"<h1>{said}</h1>{home}", style, language)


def _page(title: str, body: str, style: str, language: Language) -> str:
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="robots" content="noindex"><meta name="color-scheme" content="light dark">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="{escape(style)}"></head>'
        '<body><header><a href="../"><span class="seal" aria-hidden="true" lang="ja">根</span>'
        f" Konkyo</a></header><main>{body}</main></body></html>"
    )


def _answer(turn: Turn, outcome: Answer, language: Language) -> str:
    turn = replace(turn, claims=outcome.claims, short=outcome.short)
    parts = short_parts(turn)
    claims = "".join(_claim(claim, parts, spoken_language(turn, language)) for claim in turn.claims)
    rows = "".join(_source(citation, language) for citation in outcome.citations)
    return (
        f"<div{lang_attribute(outcome.language)}>{short_line(turn)}{claims}</div>"
        f"<h2>{phrase(language, 'sources_of_answer')}</h2><ol>{rows}</ol>"
    )


def _claim(claim: Claim, parts: Sequence[str], spoken: Language) -> str:
    marks = "".join(f' <a class="cite" href="#source-{n}">[{n}]</a>' for n in claim.citations)
    day = ""
    if claim.published and not claim.frame:
        day = f"{time_element(claim.published, spoken)} "
    said = emphasized(framed_text(replace(claim, published=None)), parts, spoken)
    return f'<p class="claim" dir="auto">{day}{said}{marks}</p>'


def _source(citation: Citation, language: Language) -> str:
    quote = whole_dates(citation.quote, citation.language)
    url = original_at(citation.url, citation.quote)
    title = f"<span{text_attributes(citation.language)}>{escape(citation.title)}</span>"
    link = (
        f'<a href="{escape(url)}" rel="noopener noreferrer nofollow">{title}</a>' if url else title
    )
    return (
        f'<li id="source-{citation.id}" value="{citation.id}">'
        f"<blockquote{text_attributes(citation.language)}>{quote}</blockquote>"
        f'<p class="meta">{link} · {meta_line(citation.outlet, citation.published, language)}</p>'
        "</li>"
    )


def _refusal(outcome: Refusal | Reply, language: Language) -> str:
    if isinstance(outcome, Reply):
        return f'<p class="refused"{text_attributes(outcome.language)}>{escape(outcome.text)}</p>'
    said = escape(refusal_text(outcome.reason, language))
    return f'<p class="refused"{text_attributes(language)}>{said}</p>'
