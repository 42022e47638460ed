"""Web pages saved as one file (MHTML) -> the page in it and its address."""

from __future__ import annotations

import email
from email.message import Message

from konkyo.index.errors import SourceError
from konkyo.index.ingest.encodings import decode
from konkyo.index.ingest.html import Page, read_html

__all__ = ["read_mhtml"]

_LONGEST_HEADER = 10_000
"""Letters; the parsers of headers take time that grows with the square of them."""


def read_mhtml(content: bytes, source: str) -> Page:
    """Return the article of a saved page. Raises SourceError if the file holds no page."""
    # Not policy.default: that one parses every header that is looked at by a full grammar.
    message = email.message_from_bytes(content)
    if any(len(str(v)) > _LONGEST_HEADER for part in message.walk() for v in part.values()):
        raise SourceError(source, f"a header of it is longer than {_LONGEST_HEADER} characters")
    page = _page(message)
    if page is None:
        raise SourceError(source, "this MHTML file holds no HTML page")
    payload = page.get_payload(decode=True)
    charset = page.get_content_charset()
    html = decode(payload if isinstance(payload, bytes) else b"", source, charset)
    stated = [message.get("Snapshot-Content-Location"), page.get("Content-Location")]
    addresses = [str(address).strip() for address in stated if address]
    url = next((a for a in addresses if a.startswith(("http://", "https://"))), None)
    return read_html(html, source, url)


def _page(message: Message) -> Message | None:
    """Return the part that is the page itself, not one of its frames."""
    pages = [part for part in message.walk() if part.get_content_type() == "text/html"]
    start = message.get_param("start", header="content-type")
    named = [part for part in pages if start and part.get("Content-ID") == start]
    return next(iter(named or pages), None)
