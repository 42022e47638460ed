"""What a browser is told that has not signed in, or cannot, in the language of the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from konkyo.ui.http.security_middleware import language_of
from konkyo.ui.web.i18n import Language, say

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["SignInForm", "asks_for_page", "sign_in_done", "sign_in_page", "sign_in_refusal"]

SignInForm = Callable[[Language, str, str], str]
"""Makes the page with the form: its language, the query of the address, why the last try failed."""


def asks_for_page(request: Request) -> bool:
    """Whether a browser asks for a page to show, and no script or program."""
    return "text/html" in request.headers.get("accept", "")


def sign_in_page(
    request: Request, form: SignInForm, problem: str = "", status: int = 200
) -> Response:
    """Returns the form; ``problem`` is why the last try failed."""
    from starlette.responses import HTMLResponse

    page = form(language_of(request.headers), request.url.query, problem)
    return HTMLResponse(page, status, {"cache-control": "no-store"})


def sign_in_done(request: Request) -> Response:
    """Returns what follows a sign-in: the page that was asked for, or JSON for a script."""
    from starlette.responses import JSONResponse, RedirectResponse

    if not asks_for_page(request):
        return JSONResponse({"success": True})
    query = request.url.query
    return RedirectResponse(f"./?{query}" if query else "./", 303)


def sign_in_refusal(
    request: Request,
    key: Literal["sign_ins_many", "sign_in_failed", "sign_in_down", "page_down", "wrong_password"],
    status: int,
    *,
    retry_after: int = 0,
    form: SignInForm | None = None,
) -> Response:
    """Returns a refusal: JSON for a script, a text where a page was asked for.

    Where a form was sent it is the form again. ``retry_after`` is in seconds (0: not said).
    """
    from starlette.responses import JSONResponse, PlainTextResponse

    facts = {"seconds": retry_after} if retry_after else {}
    said = say(language_of(request.headers), key, **facts)
    if not asks_for_page(request):
        response: Response = JSONResponse({"detail": said}, status)
    elif request.method == "POST" and form is not None:
        response = sign_in_page(request, form, said, status)
    else:
        response = PlainTextResponse(said, status)
    if retry_after:
        response.headers["retry-after"] = str(retry_after)
    return response
