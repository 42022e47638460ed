"""Raw document -> clean articles: a reader for each media type."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from konkyo.index.errors import SourceError
from konkyo.index.ingest.boilerplate import drafts
from konkyo.index.ingest.csv_rows import read_csv
from konkyo.index.ingest.draft import Draft, article_from, kept_name, kept_url
from konkyo.index.ingest.encodings import decode
from konkyo.index.ingest.feeds import Entry, is_feed, is_news_xml
from konkyo.index.ingest.foreign_errors import translated
from konkyo.index.ingest.json_rows import read_json, read_jsonl
from konkyo.index.ingest.markdown import read_markdown
from konkyo.index.ingest.mhtml import read_mhtml
from konkyo.index.ingest.news_xml import read_news_xml
from konkyo.index.ingest.sources import FEED, Fetcher, RawDocument, SourceFailure, served_type
from konkyo.index.ingest.stamped_lines import line_drafts
from konkyo.index.records import Article
from konkyo.index.text.language import detect

__all__ = ["Known", "to_articles"]

Known = Mapping[str, tuple[str, str]]
"""Title and language that an untitled text was given when it was last read."""

_NOTHING: Known = {}


def to_articles(
    raw: RawDocument,
    *,
    fetch: Fetcher | None = None,
    known: Known = _NOTHING,
    refused: list[SourceFailure] | None = None,
) -> list[Article]:
    """The articles of one document, in its order; at least one.

    With ``fetch``, entries of a feed that only tease are read at their own addresses. ``known``
    saves the work of describing lines of text that an earlier reading has described. A row of JSON
    that cannot be read is added to ``refused``; without such a list it is raised. Raises
    SourceError, which names the document (and the line, where there is one) and the reason.
    """
    if raw.media_type == FEED:
        news = is_news_xml(raw.content) and not is_feed(raw.content)
        read = _sound(read_news_xml(raw), refused) if news else _feed(raw, fetch)
    elif raw.media_type == "text/plain":
        read = _text(raw, known)
    elif raw.media_type in _ROW_READERS:
        read = _sound(_ROW_READERS[raw.media_type](raw), refused)
    elif raw.media_type in _READERS:
        read = _READERS[raw.media_type](raw)
    else:
        raise SourceError(
            raw.source, f"Konkyo does not read documents of the type {raw.media_type!r}"
        )
    with translated(raw.source, raw.media_type):
        found = list(read)
    if not found and refused:
        raise SourceError(refused[0].source, refused[0].reason)
    if not found:
        raise SourceError(raw.source, "there is no article text in it")
    return found


def _text(raw: RawDocument, known: Known = _NOTHING) -> Iterator[Article]:
    text = decode(raw.content, raw.source, raw.charset)
    lines = line_drafts(text)
    if lines is not None:
        yield from (_line_article(draft, raw.source, known) for draft in lines)
        return
    yield from (article_from(draft, raw.source) for draft in drafts(text))


def _line_article(draft: Draft, source: str, known: Known) -> Article:
    """As ``article_from``, but a line that is known is not described again."""
    title, language = known.get(draft.text.strip(), ("", ""))
    if draft.title or not title:
        return article_from(draft, source)
    return article_from(replace(draft, title=title), source, language)


def _sound(
    rows: Iterator[Article | SourceError], refused: list[SourceFailure] | None
) -> Iterator[Article]:
    """The rows that were read; the others are put into ``refused``, or raised if it is None."""
    for row in rows:
        if isinstance(row, Article):
            yield row
        elif refused is None:
            raise row
        else:
            refused.append(SourceFailure(row.source, row.reason))


def _html(raw: RawDocument) -> Iterator[Article]:
    from konkyo.index.ingest.html import read_html

    page = read_html(decode(raw.content, raw.source, raw.charset), raw.source, raw.url)
    yield article_from(page.draft, raw.source, page.language, page.outlet)


def _mhtml(raw: RawDocument) -> Iterator[Article]:
    page = read_mhtml(raw.content, raw.source)
    yield article_from(page.draft, raw.source, page.language, page.outlet)


def _pdf(raw: RawDocument) -> Iterator[Article]:
    from konkyo.index.ingest.documents import read_pdf

    yield article_from(replace(read_pdf(raw.content, raw.source), url=raw.url), raw.source)


def _docx(raw: RawDocument) -> Iterator[Article]:
    from konkyo.index.ingest.documents import read_docx

    yield article_from(replace(read_docx(raw.content, raw.source), url=raw.url), raw.source)


def _epub(raw: RawDocument) -> Iterator[Article]:
    from konkyo.index.ingest.documents import read_epub

    for draft, language, outlet in read_epub(raw.content, raw.source):
        seen = detect(draft.text, default=language or "en")
        yield article_from(draft, raw.source, seen, outlet)


def _feed(raw: RawDocument, fetch: Fetcher | None = None) -> Iterator[Article]:
    """The entries of a feed; with ``fetch``, one with few words is read at its address."""
    from konkyo.index.ingest.feeds import read_feed

    followed = 0
    for entry in read_feed(raw.content, raw.source):
        draft = entry.draft
        if (
            fetch is not None
            and draft.url
            and len(draft.text) < _TEASER
            and followed < _MOST_FOLLOWED
        ):
            followed += 1
            full = _followed(draft.url, fetch)
            if full is not None and len(full.text) > len(draft.text):
                yield _with_facts(full, entry, raw.source)
                continue
        if draft.text.strip():
            seen = detect(draft.text, default=entry.language or "en")
            yield article_from(draft, raw.source, seen, entry.outlet)


_TEASER = 600
_MOST_FOLLOWED = 100


def _with_facts(full: Article, entry: Entry, source: str) -> Article:
    """The page behind a feed's entry, with what the feed alone tells of it."""
    stated = entry.draft.published
    if full.published is None and stated is not None:
        full = replace(full, published=stated.day, published_at=stated.at)
    return replace(
        full,
        source=source,
        sources=(source,),
        url=kept_url(entry.draft.url),
        outlet=full.outlet or kept_name(entry.outlet),
        author=full.author or kept_name(entry.draft.author),
    )


def _followed(url: str, fetch: Fetcher) -> Article | None:
    """The page behind a feed's entry, or None: then the feed's own words have to do."""
    try:
        got = fetch(url)
        found = to_articles(RawDocument(url, served_type(got), got.content, got.charset, got.url))
    except SourceError:
        return None
    return found[0] if len(found) == 1 else None


_READERS: dict[str, Callable[[RawDocument], Iterator[Article]]] = {
    "text/plain": _text,
    "text/markdown": read_markdown,
    "text/html": _html,
    "application/pdf": _pdf,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _docx,
    "application/epub+zip": _epub,
    "multipart/related": _mhtml,
}
_ROW_READERS: dict[str, Callable[[RawDocument], Iterator[Article | SourceError]]] = {
    "application/jsonl": read_jsonl,
    "application/json": read_json,
    "text/csv": read_csv,
}
