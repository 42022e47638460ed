"""The page for an address that leads nowhere, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from konkyo.ui.http.security_middleware import language_of
from konkyo.ui.http.sign_in_refusal import asks_for_page
from konkyo.ui.web.html.document import document
from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.i18n import say

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["add_not_found_page"]


def add_not_found_page(apps: Iterable[Starlette], files: Mapping[str, str]) -> None:
    """Have applications answer browsers with a page where they have none, and programs with JSON.

    ``files`` are the addresses of style and script, relative to that of the chat.
    """

    def not_found(request: Request, exc: Exception) -> Response:
        from starlette.responses import HTMLResponse, JSONResponse

        if not asks_for_page(request):
            return JSONResponse({"detail": getattr(exc, "detail", "Not Found")}, 404)
        language = language_of(request.headers)
        # An address that leads nowhere may be any number of folders deep.
        sent: bytes = request.scope.get("raw_path") or b"/"
        root = "../" * (sent.count(b"/") - 1) or "./"
        page = document(
            say(language, "not_found"),
            f'<p class="k-note">{phrase(language, "not_found_more")}</p>',
            language,
            files={name: f"{root}{address}" for name, address in files.items()},
            links=((root, "chat_page"), (f"{root}library", "library")),
            home=root,
        )
        return HTMLResponse(page, 404, {"cache-control": "no-store"})

    for app in apps:
        app.add_exception_handler(404, not_found)
