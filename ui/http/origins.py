"""Which websites may send requests here: this one, and those an operator lists.

A browser says in ``Origin`` and ``Sec-Fetch-Site`` which site a request comes from; other programs
send neither. Nothing of another site is answered, whatever the address or method, so a page
elsewhere cannot use somebody's sign-in. Listed origins may call the HTTP interface and read what it
answers (CORS), by its keys alone: no answer allows credentials.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["FOR_PROGRAMS", "Origins"]

FOR_PROGRAMS = re.compile(r"/(api|v1|mcp|metrics|health|ready)(/|\Z)")
"""The addresses of the HTTP interface; everything else belongs to the page."""

_DEFAULT_PORT = {"http": ":80", "https": ":443"}
_METHODS = b"GET, HEAD, POST"
_HEADERS = b"authorization, content-type, last-event-id, mcp-protocol-version, mcp-session-id"
_REFUSED = (
    "Requests from other sites are refused. A proxy must pass the Host header on unchanged; a site"
    " that may call the HTTP interface is listed in [chat] origins."
)


@dataclass(frozen=True, slots=True)
class Origins:
    """``listed`` are the origins of other sites that may send requests, like https://a.example."""

    listed: frozenset[str] = frozenset()

    def refusal(self, method: str, path: str, headers: Mapping[str, str]) -> str | None:
        """Why a request is not answered because of the site it comes from; None if it may be."""
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "")
        if origin in self.listed:
            return None
        if origin is not None and not _is_own(origin, headers):
            # Under our referrer policy a form of our own page is sent with the origin "null".
            return None if origin == "null" and site == "same-origin" else _REFUSED
        if origin is None and site in ("cross-site", "same-site"):
            follows_link = (
                method in ("GET", "HEAD")
                and headers.get("sec-fetch-mode") == "navigate"
                and headers.get("sec-fetch-dest") == "document"
                and not path.startswith("/gradio_api")
            )
            return None if follows_link else _REFUSED
        return None

    def response_headers(self, path: str, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        """What lets a listed origin read the answer; empty for the page, and for everybody else."""
        if not self.listed or not FOR_PROGRAMS.match(path):
            return []
        varies = (b"vary", b"origin")
        origin = headers.get("origin")
        if origin not in self.listed:
            return [varies]
        return [
            varies,
            (b"access-control-allow-origin", str(origin).encode("latin-1")),
            (b"access-control-expose-headers", b"retry-after, mcp-session-id"),
        ]

    def preflight(
        self, method: str, path: str, headers: Mapping[str, str]
    ) -> list[tuple[bytes, bytes]] | None:
        """The answer to a browser that asks before it sends.

        None where that is not what it does.
        """
        asks = method == "OPTIONS" and "access-control-request-method" in headers
        if not asks or headers.get("origin") not in self.listed or not FOR_PROGRAMS.match(path):
            return None
        return [
            *self.response_headers(path, headers),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _HEADERS),
            (b"access-control-max-age", b"600"),
        ]


def _is_own(origin: str, headers: Mapping[str, str]) -> bool:
    """Whether an origin is the address the request was sent to."""
    try:
        sent_by = urlsplit(origin.lower())
    except ValueError:
        return False
    if sent_by.scheme not in _DEFAULT_PORT:
        return False
    outside = headers.get("x-forwarded-proto", "").split(",")[0].strip().lower()
    if outside and outside != sent_by.scheme:
        return False
    port = _DEFAULT_PORT[sent_by.scheme]
    host = headers.get("host", "").lower()
    return bool(host) and sent_by.netloc.removesuffix(port) == host.removesuffix(port)
