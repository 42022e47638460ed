"""The page on which a reader signs in with a password. It needs no script."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from konkyo.ui.web.html.document import document
from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.i18n import Language, say

__all__ = ["sign_in_form"]


def sign_in_form(language: Language, query: str, problem: str, files: Mapping[str, str]) -> str:
    """Returns the page; ``problem`` is why the last try failed.

    ``query`` is that of the address that was opened, which is opened once the reader has signed in.
    """
    action = f"login?{query}" if query else "login"
    failed = f'<p class="k-failed" role="alert">{escape(problem)}</p>' if problem else ""
    form = (
        f'<form id="k-sign-in" class="k-settings" method="post" action="{escape(action)}">'
        f'<p class="k-note">{phrase(language, "login")}</p>{failed}'
        + _field("user_name", language, 'name="username" autocomplete="username" autofocus')
        + _field(
            "password", language, 'name="password" type="password" autocomplete="current-password"'
        )
        + '<p class="k-row-of"><button type="submit" class="k-button k-main-button">'
        f"{phrase(language, 'sign_in')}</button></p></form>"
    )
    return document(say(language, "sign_in"), form, language, files=files)


def _field(key: str, language: Language, attributes: str) -> str:
    return (
        f"<label><span>{phrase(language, key)}</span>"
        f'<input {attributes} autocapitalize="none" spellcheck="false" required></label>'
    )
