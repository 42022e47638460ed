"""What names a version of a page to its server, so that it is sent again only once it changed.

ETag and time of the last change, as conditional requests have them (RFC 9110, section 13).
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

__all__ = ["conditional_headers", "validators_of"]

_HEADERS = {"etag": "If-None-Match", "modified": "If-Modified-Since"}
_LONGEST = 2000


def validators_of(url: str, headers: Mapping[str, str]) -> str:
    """Return what names a version of a page, and its address, in one word; empty: nothing does.

    ``headers`` are those of the reply, their names in lower case.
    """
    etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
    if modified == headers.get("date"):
        # It may change once more within this second.
        modified = ""
    if not (etag or modified) or not f"{etag}{modified}".isascii():
        return ""
    word = urlencode({"url": url, "etag": etag, "modified": modified})
    return word if len(word) <= _LONGEST else ""


def conditional_headers(validators: str, url: str) -> list[tuple[str, str]]:
    """Return the headers that ask for another version of a page; none if it is another page."""
    known = dict(parse_qsl(validators))
    if known.get("url") != url:
        return []
    return [(header, known[name]) for name, header in _HEADERS.items() if name in known]
