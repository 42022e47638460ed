"""RSS and Atom feeds -> their entries. The one owner of feedparser."""

from __future__ import annotations

import re
from dataclasses import dataclass

from konkyo.index.errors import SourceError
from konkyo.index.ingest.draft import Draft
from konkyo.index.ingest.encodings import clean
from konkyo.index.ingest.html import plain_text
from konkyo.index.text.header_dates import parse_date

__all__ = ["Entry", "is_feed", "is_news_xml", "read_feed"]

_ROOT = re.compile(rb"<(?:rss|feed|(?:rdf:)?RDF|channel)[\s>]", re.IGNORECASE)
_NEWS_ROOT = re.compile(rb"<(?:[\w-]{1,40}:)?(?:nitf|newsItem|newsMessage)[\s>]")
_MOST_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a feed: what the feed itself tells of an article."""

    draft: Draft
    language: str | None
    outlet: str | None


def is_feed(head: bytes) -> bool:
    """Whether the first kilobyte of an XML document is that of a feed."""
    return bool(_ROOT.search(head[:1024].replace(b"\0", b"")))


def is_news_xml(head: bytes) -> bool:
    """Whether the first kilobytes of an XML document are those of NITF or NewsML-G2."""
    return bool(_NEWS_ROOT.search(head[:4096].replace(b"\0", b"")))


def read_feed(content: bytes, source: str) -> list[Entry]:
    """The entries of a feed, in its order, some perhaps without text. Raises SourceError."""
    import feedparser

    if not is_feed(content):
        raise SourceError(source, "this XML is neither an RSS nor an Atom feed")
    # Bytes only: feedparser would fetch a text that looks like an address.
    feed = feedparser.parse(content, resolve_relative_uris=False, sanitize_html=True)
    if not feed.entries:
        reason = f" ({feed.bozo_exception})" if feed.get("bozo") else ""
        raise SourceError(source, f"the feed has no entries{reason}")
    outlet = _text(feed.feed.get("title"))
    language = (_text(feed.feed.get("language")) or "").lower()[:2] or None
    return [_entry(entry, language, outlet) for entry in feed.entries[:_MOST_ENTRIES]]


def _entry(entry: object, language: str | None, outlet: str | None) -> Entry:
    get = entry.get  # type: ignore[attr-defined]
    bodies = [part.get("value", "") for part in get("content", [])] + [get("summary", "")]
    text = max((plain_text(body)[1] for body in bodies if body), key=len, default="")
    stamp = _text(get("published")) or _text(get("updated")) or _text(get("created"))
    link = _text(get("link"))
    draft = Draft(
        plain_text(get("title", ""))[1] or None,
        text,
        published=parse_date(stamp) if stamp else None,
        url=link if link and link.startswith(("http://", "https://")) else None,
        author=_text(get("author")),
    )
    return Entry(draft, language, outlet)


def _text(value: object) -> str | None:
    return clean(" ".join(value.split())) or None if isinstance(value, str) else None
