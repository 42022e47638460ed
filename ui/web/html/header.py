"""The header: name, tools, what the server is doing, and a file to download."""

from __future__ import annotations

from html import escape
from typing import Literal

from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.i18n import LANGUAGE_NAMES, LANGUAGES, Language

__all__ = [
    "brand",
    "file_download",
    "first_header",
    "question_count",
    "sign_out_button",
    "status",
    "tools",
]

_SEAL = '<span class="k-seal" aria-hidden="true" lang="ja">根</span>'


def brand(language: Language) -> str:
    """Returns the button that opens the list of conversations, the name and the tagline."""
    name = phrase(language, "conversations")
    return (
        '<div class="k-brand">'
        '<button type="button" class="k-quiet k-icon" data-act="side" aria-controls="k-side"'
        f' aria-label="{name}" title="{name}">☰</button>'
        f"{_SEAL}<h1>Konkyo</h1> {_tagline(language)}</div>"
    )


def first_header(language: Language) -> str:
    """Returns what is painted until the framework has built the page: the name and the tagline."""
    return (
        '<div id="k-first" aria-hidden="true"><div class="k-brand"><span class="k-icon">☰</span>'
        f"{_SEAL}<strong>Konkyo</strong> {_tagline(language)}</div></div>"
    )


def _tagline(language: Language) -> str:
    return f'<span class="k-tagline">{phrase(language, "tagline")}</span>'


def tools(language: Language, *, cookie: str, sign_out: bool) -> str:
    """Returns the buttons and the choice of language, which is kept in a cookie of that name."""
    words = {k: phrase(language, k) for k in ("new", "save", "language", "theme", "print")}
    options = "".join(
        f'<option value="{code}" lang="{code}"{" selected" if code == language else ""}>'
        f"{LANGUAGE_NAMES[code]}</option>"
        for code in LANGUAGES
    )
    saving = "".join(
        f'<button type="button" class="k-quiet" data-act="save" data-form="{form}">{name}</button>'
        for form, name in (("md", "Markdown"), ("json", "JSON"), ("print", words["print"]))
    )
    leave = sign_out_button(language) if sign_out else ""
    return (
        f'<button type="button" class="k-quiet k-new" data-act="new" title="{words["new"]}">'
        f'<span aria-hidden="true">＋</span><span class="k-word">{words["new"]}</span></button>'
        f'<details class="k-menu"><summary class="k-quiet">{words["save"]}</summary>'
        f'<div class="k-menu-list">{saving}</div></details>'
        f'<label class="k-select"><span class="k-hidden">{words["language"]}</span>'
        f'<select id="k-language" data-cookie="{cookie}">{options}</select></label>'
        f'<button type="button" class="k-quiet k-icon" data-act="theme"'
        f' aria-label="{words["theme"]}" title="{words["theme"]}">◐</button>{leave}'
    )


def sign_out_button(language: Language) -> str:
    """Returns the button that signs out; on a phone it stands in the list of conversations."""
    return (
        f'<button type="button" class="k-quiet" data-act="leave">'
        f"{phrase(language, 'sign_out')}</button>"
    )


def question_count(limit: int, language: Language) -> str:
    """Returns how long the question may be, shown where that is near, and that the server is gone.

    The page's script shows either.
    """
    return (
        f'<p class="k-gone" role="status">{phrase(language, "gone")}</p>'
        f'<p class="k-count" role="status" data-limit="{limit}" hidden>'
        f"<span data-words hidden>{phrase(language, 'over')} </span>"
        f"<span data-used></span> / {limit}</p>"
    )


def file_download(name: str, text: str, problem: str = "") -> str:
    """Returns a file that the page's script saves, or why there is none."""
    if problem:
        return f'<p class="k-toast" role="status">{escape(problem)}</p>'
    return f'<span hidden data-name="{escape(name)}" data-text="{escape(text)}"></span>'


def status(kind: Literal["loading", "ready", "partial", "failed"], text: str) -> str:
    """Returns what the server is doing; when it is ready, a click opens the list of articles.

    ``partial``: it answers, but something is missing: articles, or the language model.
    """
    said = f'<span class="k-status" data-kind="{kind}" role="status">{escape(text)}</span>'
    if kind not in ("ready", "partial"):
        return said
    return f'<button type="button" class="k-quiet" data-act="articles">{said}</button>'
