"""What a browser is told that cannot sign in, in the language of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from konkyo.ui.http.security_middleware import language_of
from konkyo.ui.web.i18n import say

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["sign_in_refusal"]


def sign_in_refusal(
    request: Request,
    key: Literal["sign_ins_many", "sign_in_failed", "sign_in_down", "page_down"],
    status: int,
    *,
    retry_after: int = 0,
) -> Response:
    """Returns a refusal: a text where a page was asked for, JSON for a script.

    ``retry_after`` is in seconds (0: not said).
    """
    from starlette.responses import JSONResponse, PlainTextResponse

    facts = {"seconds": retry_after} if retry_after else {}
    headers = {"retry-after": str(retry_after)} if retry_after else None
    said = say(language_of(request.headers), key, **facts)
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        return PlainTextResponse(said, status, headers)
    return JSONResponse({"detail": said}, status, headers)
