"""What stands between the network and the page: host and origin checks, limits, security headers.

An ASGI wrapper without any framework's types. It also turns the one page that Gradio serves
into ours: inline scripts get a nonce, so that the content security policy can refuse every
other one; ``@@name@@`` placeholders become words in the reader's language.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from html import escape
from http.cookies import CookieError, SimpleCookie

from konkyo.ui.http.head_only import HeadOnly
from konkyo.ui.http.origins import FOR_PROGRAMS, Origins
from konkyo.ui.http.problems import Fault
from konkyo.ui.web.i18n import Language, negotiate

__all__ = [
    "LANGUAGE_COOKIE",
    "Application",
    "Limits",
    "Message",
    "Receive",
    "Scope",
    "SecurityMiddleware",
    "Send",
    "dress",
    "fork",
    "language_of",
    "policy",
]

Scope = MutableMapping[str, object]
Message = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Words = Callable[[Language], Mapping[str, str]]

LANGUAGE_COOKIE = "konkyo_language"

_PLACEHOLDER = re.compile(rb"@@([a-z_:]+)@@")
_FOREIGN_META = re.compile(
    rb'(?<!\s)\s*+<(?:meta\s++(?:property="og:|name="twitter:)|link rel="manifest")[^<>]*+(?<=/)>'
)
# The chat takes no files and needs no proxy: those doors of the framework stay shut.
_SHUT = re.compile(
    r"(/gradio_api)?/(upload(_progress)?|proxy=|file=|file/|monitoring|runs|deep_link|run-history|"
    r"component_server|stream/|token|dev/|vibe-|undo-vibe|profiling|process_recording)"
)
# Open for as long as a page or an assistant is: nothing of an answer is in them.
_IDLE = re.compile(r"GET /(mcp\Z|gradio_api/heartbeat/)")
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (
        b"permissions-policy",
        b"camera=(), microphone=(), geolocation=(), payment=(), usb=(), browsing-topics=()",
    ),
)


_LONE_PAGES = {
    # It names its own style and script by their hashes; nothing else may run in it.
    "/konkyo/report/": b"frame-ancestors 'none'",
    # Nothing runs in it at all.
    "/share/": (
        b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
        b"frame-ancestors 'none'"
    ),
}
"""Pages that are none of the framework's, by how their addresses begin, and their policies."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request may be: ``body`` in bytes, ``hosts`` the names it may call us (empty: any)."""

    body: int = 65_536
    hosts: frozenset[str] = frozenset()
    upload: int = 0
    """Bytes that may be sent to an address below /konkyo/upload/."""

    def of(self, path: str) -> int:
        """Bytes that may be sent to an address."""
        return self.upload if path.startswith("/konkyo/upload/") else self.body


class SecurityMiddleware:
    """Wraps an ASGI application; see the module's docstring.

    ``words`` gives, for a language, what each placeholder stands for: text that is already safe
    where it goes, to be put inside a JSON string. ``head`` is HTML for the page's head, in which
    ``{nonce}`` stands for the nonce.
    """

    def __init__(
        self,
        inner: Application,
        words: Words,
        head: str,
        limits: Limits,
        origins: Origins | None = None,
    ) -> None:
        self._inner = inner
        self._origins = origins or Origins()
        self._words = words
        self._head = head
        self._limits = limits
        self._closing = asyncio.Event()
        self._busy = 0

    @property
    def busy(self) -> int:
        """Requests under way whose answers somebody waits for."""
        return self._busy

    def close(self) -> None:
        """Tell every open connection that the other side is gone, so that streams end at once."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one connection."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._inner(scope, receive, send)
            return
        headers = _headers(scope)
        path = str(scope["path"])
        refusal = self._refuse(scope, headers)
        nonce = secrets.token_urlsafe(18)
        allowed = self._origins.response_headers(path, headers)
        if refusal is not None:
            await _plain(send, *refusal, path, nonce=nonce, more=allowed)
            return
        preflight = self._origins.preflight(str(scope["method"]), path, headers)
        if preflight is not None:
            said = [*_secure(nonce), *preflight]
            await send({"type": "http.response.start", "status": 204, "headers": said})
            await send({"type": "http.response.body", "body": b""})
            return
        page = scope["method"] in ("GET", "HEAD") and path in ("/", "/config", "/config/")
        lone = next((p for start, p in _LONE_PAGES.items() if path.startswith(start)), None)
        rewrite = self._dress if page else None
        answer = _Answer(send, nonce, rewrite, language_of(headers), lone, allowed)
        limit = self._limits.of(path)
        counts = 0 if _IDLE.match(f"{scope['method']} {path}") else 1
        self._busy += counts
        try:
            await self._pass_on(scope, self._limited(receive, limit), answer.send)
        finally:
            self._busy -= counts

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application answer; HEAD as the GET whose head it is."""
        if scope["method"] != "HEAD":
            await self._inner(scope, receive, send)
            return
        head = HeadOnly(receive, send)
        await self._inner({**scope, "method": "GET"}, head.receive, head.send)

    def _refuse(self, scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "").rsplit(":", 1)[0].strip("[]").lower()
        if self._limits.hosts and host not in self._limits.hosts:
            # Another site's name pointing at this address (DNS rebinding) must not reach the chat.
            return 421, "This server does not answer for that host name."
        if _SHUT.match(str(scope["path"])):
            return 404, "Not found."
        method, path = str(scope["method"]), str(scope["path"])
        foreign = self._origins.refusal(method, path, headers)
        if foreign is not None:
            return 403, foreign
        if method not in ("GET", "HEAD", "POST"):
            if self._origins.preflight(method, path, headers) is not None:
                return None
            return 405, "Method not allowed."
        length = headers.get("content-length", "0")
        limit = self._limits.of(str(scope["path"]))
        if not length.isdecimal() or int(length) > limit:
            return 413, f"The request is larger than {limit} bytes."
        return None

    def _limited(self, receive: Receive, limit: int) -> Receive:
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await self._next(receive)
            body = message.get("body", b"")
            seen += len(body) if isinstance(body, bytes) else 0
            if seen > limit:
                # The length was not announced; stop reading as if the other side had gone.
                return {"type": "http.disconnect"}
            return message

        return counted

    async def _next(self, receive: Receive) -> Message:
        message = asyncio.ensure_future(receive())
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait((message, closing), return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "http.disconnect"}
        finally:
            message.cancel()
            closing.cancel()

    def _dress(self, body: bytes, kind: bytes, nonce: str, language: Language) -> bytes:
        words = self._words(language)
        if kind.startswith(b"application/json"):
            return _fill(body, words)
        return dress(body, words, self._head, nonce, language)


def fork(programs: Application, page: Application) -> Application:
    """One application of two: the doors for programs, and everything else."""

    async def chosen(scope: Scope, receive: Receive, send: Send) -> None:
        http = scope["type"] == "http"
        inner = programs if http and FOR_PROGRAMS.match(str(scope["path"])) else page
        await inner(scope, receive, send)

    return chosen


def language_of(headers: Mapping[str, str]) -> Language:
    """The interface language of a request, by its cookie or its Accept-Language header."""
    cookies: SimpleCookie = SimpleCookie()
    try:
        cookies.load(headers.get("cookie", ""))
    except CookieError:
        cookies.clear()
    chosen = cookies[LANGUAGE_COOKIE].value if LANGUAGE_COOKIE in cookies else None
    return negotiate(chosen, headers.get("accept-language"))


def dress(
    body: bytes, words: Mapping[str, str], head: str, nonce: str, language: Language
) -> bytes:
    """The framework's page as ours: language, title, nonces, our head, our words.

    The words of ``html:first`` stand before the framework's element, painted until it is built.
    """
    page = _FOREIGN_META.sub(b"", body)
    # Gradio later overwrites ``lang`` by the browser's own; the page's script puts ours back.
    ours_is = f'lang="{language}" data-language="{language}"'
    page = page.replace(b'lang="en"', ours_is.encode(), 1)
    page = re.sub(rb"<script\b", f'<script nonce="{nonce}"'.encode(), page)
    title = f"<title>{escape(words['title'])}</title>"
    ours = (title + head.replace("{nonce}", nonce)).encode()
    page = page.replace(b'<meta charset="utf-8" />', b'<meta charset="utf-8" />' + ours, 1)
    first = words["html:first"].encode()
    page = page.replace(b"<gradio-app", first + b"<gradio-app", 1)
    return _fill(page, words)


def policy(nonce: str) -> str:
    """The content security policy: everything from this server, no inline script without nonce.

    Gradio compiles its templates in the browser, hence ``unsafe-eval``; it sets styles on
    elements, hence ``unsafe-inline`` for styles only.
    """
    return (
        "default-src 'none'; "
        f"script-src 'self' 'nonce-{nonce}' 'unsafe-eval'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        "connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'; object-src 'none'"
    )


class _Answer:
    """Passes a response on with our headers; holds back and rewrites the page itself."""

    def __init__(
        self,
        send: Send,
        nonce: str,
        rewrite: Callable[[bytes, bytes, str, Language], bytes] | None,
        language: Language,
        lone: bytes | None,
        allowed: list[tuple[bytes, bytes]],
    ) -> None:
        self._send = send
        self._allowed = allowed
        self._lone = lone
        self._nonce = nonce
        self._rewrite = rewrite
        self._language = language
        self._start: Message | None = None
        self._kind = b""
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = _pairs(message)
            self._kind = dict(headers).get(b"content-type", b"")
            ours = _secure(self._nonce)
            if self._lone is not None:
                ours = [*_HEADERS, (b"content-security-policy", self._lone)]
            ours = [*ours, *self._allowed]
            names = {name for name, _ in ours} - {b"vary"} | {b"server"}
            # Who may read an answer is decided here alone: the framework lets in any origin.
            kept = [
                (n, v)
                for n, v in headers
                if n not in names and not n.startswith(b"access-control-")
            ]
            if self._rewrite is not None and self._kind.startswith(
                (b"text/html", b"application/json")
            ):
                kept = [(n, v) for n, v in kept if n not in (b"content-length", b"cache-control")]
                kept += [(b"cache-control", b"no-store"), (b"vary", b"accept-language, cookie")]
                self._start = {**message, "headers": [*kept, *ours]}
                return
            await self._send({**message, "headers": [*kept, *ours]})
            return
        if message["type"] != "http.response.body" or self._start is None or self._rewrite is None:
            await self._send(message)
            return
        piece = message.get("body", b"")
        self._body += piece if isinstance(piece, bytes) else b""
        if message.get("more_body"):
            return
        body = self._rewrite(bytes(self._body), self._kind, self._nonce, self._language)
        length = (b"content-length", str(len(body)).encode())
        await self._send({**self._start, "headers": [*_pairs(self._start), length]})
        await self._send({"type": "http.response.body", "body": body})


def _fill(body: bytes, words: Mapping[str, str]) -> bytes:
    def put(found: re.Match[bytes]) -> bytes:
        word = words.get(found.group(1).decode())
        return found.group(0) if word is None else _in_json(word)

    return _PLACEHOLDER.sub(put, body)


def _in_json(text: str) -> bytes:
    """Text for the inside of a JSON string that may itself stand inside a script element."""
    pieces = []
    for char in text:
        if char in '"\\' or char < " " or char in "<>&'\u2028\u2029":
            pieces.append(f"\\u{ord(char):04x}")
        else:
            pieces.append(char)
    return "".join(pieces).encode()


def _secure(nonce: str) -> list[tuple[bytes, bytes]]:
    return [*_HEADERS, (b"content-security-policy", policy(nonce).encode())]


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in _pairs(scope)}


def _pairs(holder: Mapping[str, object]) -> list[tuple[bytes, bytes]]:
    raw = holder.get("headers", [])
    return [(n.lower(), v) for n, v in raw] if isinstance(raw, (list, tuple)) else []


async def _plain(
    send: Send,
    code: int,
    text: str,
    path: str,
    nonce: str,
    more: list[tuple[bytes, bytes]],
) -> None:
    kind, body = b"text/plain; charset=utf-8", text.encode()
    if FOR_PROGRAMS.match(path):
        name = {405: "method_not_allowed", 413: "too_large"}.get(code, "refused")
        media, body = Fault(code, name, text).encoded(path)
        kind = media.encode()
    headers = [(b"content-type", kind), *_secure(nonce), *more]
    if code == 405:
        headers.append((b"allow", b"GET, HEAD, POST"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})
