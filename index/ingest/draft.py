"""An article as a reader of documents found it, and how it becomes an Article."""

from __future__ import annotations

import re
from dataclasses import dataclass

from konkyo.index.ingest.encodings import clean
from konkyo.index.ingest.vocabulary import shipped_vocabulary
from konkyo.index.records import Article, ArticleStatus, article_id_for
from konkyo.index.text.header_dates import ParsedDate
from konkyo.index.text.language import detect
from konkyo.index.text.sentences import sentences

__all__ = ["Draft", "article_from", "derived_title", "kept_name", "kept_url"]

_LONGEST_TITLE = 200
_DERIVED_TITLE = 60
# PostgreSQL indexes at most 2704 bytes of an address; Milvus keeps at most 2048 of an outlet.
_LONGEST_URL = 2000
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Draft:
    """One article found in a text, before it has a language and an identifier."""

    title: str | None
    text: str
    comments: tuple[str, ...] = ()
    published: ParsedDate | None = None
    url: str | None = None
    author: str | None = None
    outlet: str | None = None
    status: ArticleStatus | None = None
    correction: str | None = None


def article_from(
    draft: Draft, source: str, language: str | None = None, outlet: str | None = None
) -> Article:
    """Give a draft its title, language and identifier."""
    text = draft.text.strip()
    title = (draft.title or "").strip() or derived_title(text)
    title = " ".join(clean(title).split())[:_LONGEST_TITLE]
    return Article(
        article_id=article_id_for(title, text),
        title=title,
        text=text,
        language=language or detect(f"{text[:1500]}\n{title}"),
        source=source,
        published=draft.published.day if draft.published else None,
        published_at=draft.published.at if draft.published else None,
        url=kept_url(draft.url),
        outlet=kept_name(outlet or draft.outlet),
        author=kept_name(draft.author),
        sources=(source,),
        comments=draft.comments,
        status=draft.status or ("corrected" if draft.correction else None),
        correction=draft.correction,
    )


def kept_url(url: str | None) -> str | None:
    """Return an address as it is kept with an article; None if it takes more than 2000 bytes."""
    kept = clean(url or "")
    return kept if kept and len(kept.encode()) <= _LONGEST_URL else None


def kept_name(name: str | None) -> str | None:
    """Return the name of an outlet or author as it is kept: its first 200 characters."""
    return clean(name or "")[:_LONGEST_NAME].rstrip() or None


_DATELINE = re.compile(shipped_vocabulary().dateline)


def derived_title(text: str) -> str:
    """A title for a text without one: its first sentence without the dateline, shortened."""
    head = text[:600].lstrip()
    dateline = _DATELINE.match(head)
    if dateline is not None and len(head) > dateline.end() + 8:
        head = head[dateline.end() :]
    spans = sentences(head)
    first = head[spans[0][0] : spans[0][1]] if spans else head
    if len(first) <= _DERIVED_TITLE:
        return first.rstrip("。.．")
    cut = max(first.rfind(mark, 20, _DERIVED_TITLE) for mark in "，、, ；;：:")
    return first[: cut if cut > 0 else _DERIVED_TITLE].rstrip() + "…"
