"""Signing in and out of the page with a password, and who each request of the page comes from.

The browser holds two cookies of ours: that of a sign-in, and a random name of the browser itself,
by which it finds its conversations again. The page's framework has cookies of its own, which it
hands to scripts and other sites: those of a browser are dropped here, and a request of somebody
who is signed in is given one that never leaves this process.

Over TLS the cookies are ``__Host-konkyo`` and ``__Host-konkyo-browser``, which no other host and
no unencrypted page can set. On plain HTTP, where browsers refuse those names, they are
``konkyo_session`` and ``konkyo_browser``.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING

from cachetools import TTLCache

from konkyo.index.errors import KonkyoError
from konkyo.ui.http.auth import EDITOR, READER, Access, Limiter, TooMany
from konkyo.ui.http.caller_address import caller_address
from konkyo.ui.http.security_middleware import Application, Message, Receive, Scope, Send
from konkyo.ui.http.sign_in_refusal import (
    SignInForm,
    asks_for_page,
    sign_in_done,
    sign_in_page,
    sign_in_refusal,
)
from konkyo.ui.web.page_sessions import owned, unkept

if TYPE_CHECKING:
    from limits.storage import Storage
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = [
    "PLAIN_BROWSER",
    "PLAIN_COOKIE",
    "SCOPE_READER",
    "SECURE_COOKIE",
    "MemorySignIns",
    "SignIn",
    "digest",
    "encrypted",
    "forget_cookies",
    "held_token",
    "hold_cookie",
    "user_of",
]

SECURE_COOKIE = "__Host-konkyo"
PLAIN_COOKIE = "konkyo_session"
_SECURE_BROWSER = "__Host-konkyo-browser"
PLAIN_BROWSER = "konkyo_browser"
_BROWSER = re.compile(r"[0-9A-Za-z_-]{43}\Z")
_BROWSER_SECONDS = 400 * 86_400
"""The longest that browsers allow."""
_OURS = frozenset({SECURE_COOKIE, PLAIN_COOKIE, _SECURE_BROWSER, PLAIN_BROWSER})
_FRAMEWORK = "konkyo"
_FRAMEWORK_COOKIE = f"access-token-unsecure-{_FRAMEWORK}"
_WRONG_A_MINUTE = 10
_RIGHT_A_MINUTE = 60
_SECONDS = 7 * 86_400
_SIGN_INS = 10_000
_COOKIE_LIMIT = 200
_NOBODY = "nobody"
_USER = "konkyo_user"
SCOPE_READER = "konkyo_reader"
"""Where a sign-in in front says in a request's scope whose conversations they are."""
_PAGES = re.compile(r"/(library|article|settings)/?")
# What the pages for signing in and of a share need, and by what an open page sees that the server
# was started anew.
_OPEN = re.compile(
    r"/|/konkyo/[^/]+|/favicon\.ico|/robots\.txt|/manifest\.json|/share/[^/]+|/gradio_api/app_id/?"
)

_log = logging.getLogger(__name__)


class MemorySignIns(MutableMapping[str, str]):
    """Tokens and who holds them, for a week, in this process. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: TTLCache[str, str] = TTLCache(_SIGN_INS, _SECONDS)

    def __getitem__(self, token: str) -> str:
        with self._lock:
            return self._held[token]

    def __setitem__(self, token: str, user: str) -> None:
        with self._lock:
            self._held[token] = user

    def __delitem__(self, token: str) -> None:
        with self._lock:
            del self._held[token]

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._held))

    def __len__(self) -> int:
        with self._lock:
            return len(self._held)


class SignIn:
    """Wraps the page: POST /login and /logout are answered here, everything else is passed on.

    Where the page is locked, what is passed on comes from somebody who is signed in or is part of
    the form, and names sessions of its own reader alone. ``sign_ins`` holds the tokens; ``proxied``
    is whether a proxy on this machine says in ``X-Forwarded-For`` who asks; ``signed_out`` is
    called with the reader whose sessions have ended.
    """

    def __init__(
        self,
        inner: Application,
        access: Access,
        sign_ins: MutableMapping[str, str] | None = None,
        *,
        proxied: bool = False,
        signed_out: Callable[[str], object] = lambda reader: None,
        storage: Storage | None = None,
        form: SignInForm | None = None,
    ) -> None:
        self._inner = inner
        self._access = access
        self._form = form
        self._sign_ins = MemorySignIns() if sign_ins is None else sign_ins
        self._proxied = proxied
        self._signed_out = signed_out
        self._wrong = Limiter(_WRONG_A_MINUTE, storage=storage, what="wrong passwords")
        self._right = Limiter(_RIGHT_A_MINUTE, storage=storage, what="sign-ins")
        self._inside = {user: secrets.token_urlsafe(24) for user in (READER, EDITOR)}

    @property
    def framework_cookie_id(self) -> str:
        """What the framework is to call its cookie."""
        return _FRAMEWORK

    @property
    def framework_tokens(self) -> dict[str, str]:
        """The tokens the framework is to know, one for each user name; no browser has one."""
        return {token: user for user, token in self._inside.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one connection."""
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        from starlette.requests import Request

        request = Request(scope, receive)
        response = await self._own(request)
        if response is None:
            reader = await self._passed(request, scope)
            if isinstance(reader, str):
                known = self._access.user_header or _browser(request) or scope["path"] != "/"
                named = send if known else _naming_browser(request, send)
                await self._inner(scope, await owned(scope, receive, reader), named)
                return
            response = reader
        await response(scope, receive, send)

    @property
    def _by_password(self) -> bool:
        return self._access.page_locked and not self._access.user_header

    async def _own(self, request: Request) -> Response | None:
        """The answer where the request is for signing in or out."""
        from starlette.responses import JSONResponse, RedirectResponse

        path = str(request.scope["path"]).rstrip("/")
        if path not in ("/login", "/logout"):
            return None
        if not self._by_password:
            return JSONResponse({"detail": "Nobody signs in here."}, 404)
        if request.method != "POST":
            if asks_for_page(request):
                return RedirectResponse("./", 303)
            return JSONResponse({"detail": "Method not allowed."}, 405, {"allow": "POST"})
        try:
            return await (self._login(request) if path == "/login" else self._logout(request))
        except KonkyoError as exc:
            _log.warning("sign-ins cannot be kept: %s", exc)
            return sign_in_refusal(request, "sign_in_down", 503, form=self._form)

    async def _login(self, request: Request) -> Response:
        from starlette.formparsers import MultiPartException
        from starlette.requests import ClientDisconnect
        from starlette.responses import JSONResponse

        try:
            form = await request.form(max_files=0, max_fields=20)
        except (MultiPartException, ClientDisconnect) as exc:
            return JSONResponse({"detail": f"Not a form: {exc}"}, 400)
        user, password = (str(form.get(name, "")) for name in ("username", "password"))
        user = user.strip()
        caller = self._address(request)
        try:
            # Counted before it is known whether it is right, so that many at once are too.
            await asyncio.to_thread(self._right.take, caller)
            await asyncio.to_thread(self._wrong.take, caller)
        except TooMany as exc:
            wait = exc.retry_after
            return sign_in_refusal(request, "sign_ins_many", 429, retry_after=wait, form=self._form)
        if not self._access.enter(user, password):
            _log.warning("a wrong password was given")
            return sign_in_refusal(request, "wrong_password", 400, form=self._form)
        await asyncio.to_thread(self._wrong.give_back, caller)
        await self._forget(request)
        token = secrets.token_urlsafe(32)
        await asyncio.to_thread(self._sign_ins.__setitem__, token, user)
        response = sign_in_done(request)
        hold_cookie(response, request, token)
        return _naming(response, request)

    async def _logout(self, request: Request) -> Response:
        from starlette.responses import JSONResponse

        await self._forget(request)
        response = JSONResponse({"success": True})
        forget_cookies(response)
        return response

    async def _forget(self, request: Request) -> None:
        """Sign out the browser that asks, and nobody else."""
        token = held_token(request)
        if token:
            user = await asyncio.to_thread(self._sign_ins.pop, token, None)
            self._signed_out(_reader(user or "", request, token))

    async def _passed(self, request: Request, scope: Scope) -> Response | str:
        """Tell the page who asks; returns the reader whose sessions are theirs.

        Where they may not ask, returns the response that says so.
        """
        from starlette.responses import JSONResponse, RedirectResponse

        user, reader = None, _reader("", request, self._address(request))
        if self._by_password:
            token = held_token(request)
            try:
                user = await asyncio.to_thread(self._sign_ins.get, token) if token else None
            except KonkyoError as exc:
                _log.warning("sign-ins cannot be read: %s", exc)
                return sign_in_refusal(request, "page_down", 503)
            reader = _reader(user, request, token) if user else unkept(_NOBODY)
        elif self._access.user_header:
            user = request.headers.get(self._access.user_header) or None
            reader = str(scope.get(SCOPE_READER) or digest(user)) if user else unkept(_NOBODY)
        # The page of a shared answer decides by this.
        scope["konkyo.may_read"] = user is not None or not self._access.page_locked
        path = str(scope["path"])
        if self._access.page_locked and user is None and not _OPEN.fullmatch(path):
            if request.method == "GET" and (_PAGES.fullmatch(path) or asks_for_page(request)):
                return RedirectResponse("./", 303)
            return JSONResponse({"detail": "Not authenticated"}, 401)
        if self._form is not None and self._by_password and user is None and path == "/":
            return _naming(sign_in_page(request, self._form), request)
        scope["headers"] = self._rewritten(request, user)
        scope[_USER] = user
        return reader

    def _rewritten(self, request: Request, user: str | None) -> list[tuple[bytes, bytes]]:
        cookies = [
            f"{name}={value}"
            for name, value in request.cookies.items()
            if not name.startswith("access-token") and name not in _OURS
        ]
        if self._by_password and user in self._inside:
            cookies.append(f"{_FRAMEWORK_COOKIE}={self._inside[user]}")
        headers = [(n, v) for n, v in request.headers.raw if n.lower() != b"cookie"]
        if cookies:
            headers.append((b"cookie", "; ".join(cookies).encode("latin-1", "replace")))
        return headers

    def _address(self, request: Request) -> str:
        return caller_address(request, proxied=self._proxied)


def hold_cookie(response: Response, request: Request, token: str) -> None:
    """Have a browser hold the token of its sign-in."""
    secure = encrypted(request)
    response.set_cookie(
        SECURE_COOKIE if secure else PLAIN_COOKIE,
        token,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def _reader(user: str, request: Request, otherwise: str) -> str:
    """The reader by user name and browser: many people may share one user name and its password.

    Without the browser's cookie it is ``otherwise``, of whom nothing is kept.
    """
    browser = _browser(request)
    return digest(f"{user}\n{browser}") if browser else unkept(digest(otherwise))


def _browser(request: Request) -> str:
    """The random name a browser holds; over TLS only under the name that TLS protects."""
    held = request.cookies.get(_SECURE_BROWSER if encrypted(request) else PLAIN_BROWSER, "")
    return held if _BROWSER.match(held) else ""


def _new_browser_cookie(request: Request) -> bytes:
    from starlette.responses import Response

    response = Response()
    secure = encrypted(request)
    response.set_cookie(
        _SECURE_BROWSER if secure else PLAIN_BROWSER,
        secrets.token_urlsafe(32),
        max_age=_BROWSER_SECONDS,
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )
    return response.headers["set-cookie"].encode("latin-1")


def _naming(response: Response, request: Request) -> Response:
    """Returns a response with a name for the browser, if that has none yet."""
    if not _browser(request):
        response.raw_headers.append((b"set-cookie", _new_browser_cookie(request)))
    return response


def _naming_browser(request: Request, send: Send) -> Send:
    """Returns ``send`` that gives a browser its name along with the page."""

    async def naming(message: Message) -> None:
        if message["type"] == "http.response.start":
            raw = message.get("headers", [])
            assert isinstance(raw, list)
            cookie = (b"set-cookie", _new_browser_cookie(request))
            message = {**message, "headers": [*raw, cookie]}
        await send(message)

    return naming


def forget_cookies(response: Response) -> None:
    """Have a browser drop the token of its sign-in."""
    for name in (SECURE_COOKIE, PLAIN_COOKIE):
        response.delete_cookie(
            name, path="/", secure=name == SECURE_COOKIE, httponly=True, samesite="lax"
        )


def user_of(scope: Mapping[str, object]) -> str | None:
    """Who is signed in, of a request that was passed on; None: nobody, or nobody has to."""
    user = scope.get(_USER)
    return user if isinstance(user, str) else None


def held_token(request: Request) -> str:
    """The token a browser holds; over TLS only under the name that TLS protects."""
    cookies: Mapping[str, str] = request.cookies
    token = cookies.get(SECURE_COOKIE, "")
    if not token and not encrypted(request):
        token = cookies.get(PLAIN_COOKIE, "")
    return token if len(token) <= _COOKIE_LIMIT else ""


def encrypted(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to the proxy in front."""
    outside = request.headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    origin = request.headers.get("origin", "").lower()
    return "https" in (outside, request.url.scheme) or origin.startswith("https://")


def digest(secret: str) -> str:
    """The name of a reader, from which their token or user name cannot be told."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()[:32]
