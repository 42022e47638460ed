"""Signing in through an OpenID provider: sends browsers there, takes them back, says who they are.

It stands before the page's own sign-in and tells it who asks by a header that only this process
can set. What ties a browser to its attempt (state, nonce and the PKCE verifier) is a cookie of ten
minutes; whoever is signed in holds the same cookie as after a password, for ``oidc.hours``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING

from konkyo.index.errors import KonkyoError
from konkyo.ui.http.auth import Limiter, TooMany
from konkyo.ui.http.caller_address import caller_address
from konkyo.ui.http.openid import Attempt, OpenIDProvider, SignInFailed
from konkyo.ui.http.security_middleware import Application, Receive, Scope, Send
from konkyo.ui.http.sign_in import (
    SCOPE_READER,
    MemorySignIns,
    digest,
    encrypted,
    forget_cookies,
    held_token,
    hold_cookie,
)
from konkyo.ui.http.sign_in_refusal import sign_in_refusal

if TYPE_CHECKING:
    from limits.storage import Storage
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["USER_HEADER", "Editors", "OpenIDSignIn"]

USER_HEADER = "x-konkyo-user"
_START, _BACK = "/login/oidc", "/login/oidc/callback"
_SECURE_ATTEMPT, _PLAIN_ATTEMPT = "__Host-konkyo-attempt", "konkyo_attempt"
_ATTEMPT_SECONDS = 600
_AGAIN = "konkyo_again"
_RIGHT_A_MINUTE = 60
_LONGEST = 4000

_log = logging.getLogger(__name__)


class Editors(frozenset[str]):
    """Everybody whose name begins with the role."""

    def __contains__(self, user: object) -> bool:
        return isinstance(user, str) and user.startswith("editor:")


class OpenIDSignIn:
    """Wraps the page's sign-in. ``sign_ins`` holds tokens; ``proxied`` as for ``SignIn``.

    ``signed_out`` is called with the reader whose sessions have ended.
    """

    def __init__(
        self,
        inner: Application,
        provider: OpenIDProvider,
        sign_ins: MutableMapping[str, str] | None = None,
        *,
        proxied: bool = False,
        signed_out: Callable[[str], object] = lambda reader: None,
        storage: Storage | None = None,
    ) -> None:
        self._inner = inner
        self._provider = provider
        self._sign_ins = MemorySignIns() if sign_ins is None else sign_ins
        self._proxied = proxied
        self._signed_out = signed_out
        self._limiter = Limiter(_RIGHT_A_MINUTE, storage=storage, what="sign-ins")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one connection."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        from starlette.requests import Request

        request = Request(scope, receive)
        try:
            response = await self._own(request, scope)
        except KonkyoError as exc:
            response = self._refused(request, exc)
        await (response or self._inner)(scope, receive, send)

    async def _own(self, request: Request, scope: Scope) -> Response | None:
        """The answer where signing in or out is asked for; else the request says who sent it."""
        from starlette.responses import RedirectResponse

        path = str(scope["path"]).rstrip("/")
        if request.method == "GET" and path == _START:
            return await self._start(request)
        if request.method == "GET" and path == _BACK:
            return await self._finish(request)
        if request.method == "POST" and path == "/logout":
            return await self._leave(request)
        user = await self._user(held_token(request))
        if user is None and request.method == "GET" and not path:
            return RedirectResponse(_START, 303)
        scope["headers"] = [
            *((n, v) for n, v in request.headers.raw if n.lower() != USER_HEADER.encode()),
            *([(USER_HEADER.encode(), user.encode("latin-1"))] if user else []),
        ]
        if user:
            scope[SCOPE_READER] = self._reader(user)
        return None

    async def _start(self, request: Request) -> Response:
        from starlette.responses import RedirectResponse

        caller = caller_address(request, proxied=self._proxied)
        await asyncio.to_thread(self._limiter.take, caller)
        attempt = Attempt(*(secrets.token_urlsafe(32) for _ in range(3)))
        again = _AGAIN in request.cookies
        to = await self._provider.address(attempt, _redirect(request), again=again)
        response = RedirectResponse(to, 303, headers={"cache-control": "no-store"})
        name, secure = _attempt_cookie(request)
        value = f"{attempt.state}.{attempt.nonce}.{attempt.verifier}"
        response.set_cookie(
            name, value, _ATTEMPT_SECONDS, secure=secure, httponly=True, samesite="lax"
        )
        return response

    async def _finish(self, request: Request) -> Response:
        from starlette.responses import RedirectResponse

        name, secure = _attempt_cookie(request)
        parts = request.cookies.get(name, "").split(".")
        asked = request.query_params
        if len(parts) != 3 or not secrets.compare_digest(
            parts[0].encode(), asked.get("state", "").encode()
        ):
            raise SignInFailed("this browser did not ask to sign in, or too long ago")
        caller = caller_address(request, proxied=self._proxied)
        await asyncio.to_thread(self._limiter.take, caller)
        if "code" not in asked or len(asked["code"]) > _LONGEST:
            why = json.dumps(asked.get("error", "no code")[:80])
            raise SignInFailed(f"the provider let nobody in: {why}")
        user = await self._provider.user(Attempt(*parts), asked["code"], _redirect(request))
        await self._forget(held_token(request))
        token = secrets.token_urlsafe(32)
        until = int(time.time() + self._provider.settings.hours * 3600)
        await asyncio.to_thread(self._sign_ins.__setitem__, token, f"{until} {user}")
        response = RedirectResponse("/", 303)
        hold_cookie(response, request, token)
        for cookie in (name, _AGAIN):
            response.delete_cookie(cookie, secure=secure, httponly=True, samesite="lax")
        return response

    async def _leave(self, request: Request) -> Response:
        """Sign out this browser; the next sign-in asks who it is, also where the provider knows."""
        from starlette.responses import JSONResponse

        await self._forget(held_token(request))
        response = JSONResponse({"success": True})
        forget_cookies(response)
        response.set_cookie(_AGAIN, "1", _ATTEMPT_SECONDS, httponly=True, samesite="lax")
        return response

    async def _user(self, token: str) -> str | None:
        """Who holds a token that is still good."""
        held = await asyncio.to_thread(self._sign_ins.get, token) if token else None
        until, _, user = (held or "").partition(" ")
        return user if until.isdecimal() and int(until) > time.time() else None

    def _reader(self, user: str) -> str:
        """The reader: who somebody is to the provider, whatever their role and name are now."""
        identifier = re.split("[:#]", user)[-1]
        return digest(f"{self._provider.settings.issuer}\n{identifier}")

    async def _forget(self, token: str) -> None:
        user = await self._user(token)
        if user is not None:
            await asyncio.to_thread(self._sign_ins.pop, token, None)
            self._signed_out(self._reader(user))

    def _refused(self, request: Request, error: KonkyoError) -> Response:
        """What a browser is told that is not let in; why stands in the log alone."""
        if isinstance(error, TooMany):
            return sign_in_refusal(request, "sign_ins_many", 429, retry_after=error.retry_after)
        _log.warning("nobody was signed in: %s", error)
        if str(request.scope["path"]).rstrip("/") in (_START, _BACK):
            return sign_in_refusal(request, "sign_in_failed", 403)
        return sign_in_refusal(request, "page_down", 503)


def _redirect(request: Request) -> str:
    """Where the provider sends the browser back to: the address by which it came."""
    scheme = "https" if encrypted(request) else "http"
    return f"{scheme}://{request.headers.get('host', '')}{_BACK}"


def _attempt_cookie(request: Request) -> tuple[str, bool]:
    secure = encrypted(request)
    return (_SECURE_ATTEMPT if secure else _PLAIN_ATTEMPT), secure
