"""The media types of documents by the endings of files, and by what servers call them."""

from __future__ import annotations

from pathlib import Path

__all__ = ["FEED", "MEDIA_TYPES", "media_type_of", "media_type_served"]

FEED = "application/feed+xml"
MEDIA_TYPES = {
    ".txt": "text/plain",
    ".text": "text/plain",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "text/html",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/jsonl",
    ".json": "application/json",
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".mhtml": "multipart/related",
    ".mht": "multipart/related",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".rss": FEED,
    ".atom": FEED,
    ".xml": FEED,
}
# What servers call the same things.
_SERVED = {
    "application/xhtml+xml": "text/html",
    "application/rss+xml": FEED,
    "application/atom+xml": FEED,
    "application/rdf+xml": FEED,
    "application/xml": FEED,
    "text/xml": FEED,
    "application/x-ndjson": "application/jsonl",
    "application/feed+json": "application/json",
    "text/x-markdown": "text/markdown",
    "text/tab-separated-values": "text/csv",
    "application/x-mimearchive": "multipart/related",
    "message/rfc822": "multipart/related",
}
_PACKED = (".gz", ".xz")


def media_type_of(path: Path) -> str | None:
    """The media type of a file by its ending, packed or not; None: it is of no known kind."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in _PACKED:
        suffixes = suffixes[:-1]
    return MEDIA_TYPES.get(suffixes[-1]) if suffixes else None


def media_type_served(stated: str, path: str) -> str:
    """The media type, as Konkyo names it, of what a server calls ``stated``, at a path."""
    served = _SERVED.get(stated, stated)
    if served not in MEDIA_TYPES.values() or served == "text/plain":
        # A server that does not know its files calls them octets or plain text.
        served = media_type_of(Path(path)) or served
    return served
