"""A page of its own beside the chat: head, navigation, content."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.i18n import Language

__all__ = ["document"]


def document(
    title: str,
    body: str,
    language: Language,
    *,
    files: Mapping[str, str],
    links: Sequence[tuple[str, str]] = (),
    here: str = "",
    home: str = "./",
) -> str:
    """Returns a whole HTML page.

    ``files`` are the addresses of our styles and scripts; ``links`` are those of the navigation
    and the keys of their words, ``here`` is this page's address, ``home`` that of the chat.
    """
    current = ' aria-current="page"'
    addresses = "".join(
        f'<a href="{escape(address)}"{current if address == here else ""}>'
        f"{phrase(language, key)}</a>"
        for address, key in links
    )
    navigation = f"<nav>{addresses}</nav>" if links else ""
    styles = "".join(
        f'<link rel="stylesheet" href="{escape(files[name])}">'
        for name in ("theme.css", "pages.css")
    )
    scripts = "".join(
        f'<script src="{escape(files[name])}"></script>' for name in ("drops.js", "pages.js")
    )
    return (
        f'<!doctype html><html lang="{language}" class="k-document"><head>'
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)} · Konkyo</title>"
        f"{scripts}{styles}</head><body>"
        f'<header class="k-bar"><a class="k-home" href="{escape(home)}">'
        '<span class="k-seal" aria-hidden="true" lang="ja">根</span><strong>Konkyo</strong>'
        f'<span class="k-tagline">{phrase(language, "tagline")}</span></a>'
        f"{navigation}</header>"
        f'<p class="k-gone" role="status" hidden>{phrase(language, "gone")}</p>'
        f'<main class="k-main"><h1>{escape(title)}</h1>{body}</main></body></html>'
    )
