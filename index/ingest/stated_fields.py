"""Facts that stand beside an article: front matter of Markdown, keys of a JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from konkyo.index.errors import SourceError
from konkyo.index.ingest.draft import Draft, article_from
from konkyo.index.ingest.encodings import clean
from konkyo.index.records import Article, status_of
from konkyo.index.text.header_dates import parse_stated
from konkyo.index.text.language import is_language_code

__all__ = ["BODY_NAMES", "article_of_fields", "described_article", "field_text"]

BODY_NAMES = ("text", "body", "content")
"""Names under which a row or an object holds the text of an article."""

_DATE_NAMES = (
    *("published", "date", "published_at", "pubdate", "datepublished", "publish_date"),
    *("publishedat", "date_published", "publication_date"),
)


def field_text(fields: Mapping[str, object], *names: str) -> str | None:
    """The first of some fields that holds something, as one line of text."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, (list, tuple)):
            value = ", ".join(part for part in value if isinstance(part, str))
        if isinstance(value, (str, int, float, date)) and not isinstance(value, bool):
            text = clean(value.isoformat() if isinstance(value, date) else str(value))
            if text.strip():
                return " ".join(text.split())
    return None


def described_article(
    source: str, fields: Mapping[str, object], title: str | None, body: str
) -> Article:
    """An article whose facts are stated beside it (front matter, a JSON object)."""
    stated = field_text(fields, *_DATE_NAMES)
    published = parse_stated(stated) if stated else None
    if stated and published is None:
        raise SourceError(source, f"cannot read the date {stated[:40]!r}; write it as YYYY-MM-DD")
    language = (
        (field_text(fields, "language", "lang") or "").lower().replace("_", "-").split("-")[0]
    )
    draft = Draft(
        title,
        clean(body),
        published=published,
        url=field_text(fields, "url", "link", "canonical", "source_url"),
        author=field_text(fields, "author", "authors", "byline"),
        status=status_of((field_text(fields, "status") or "").lower()),
        correction=field_text(fields, "correction"),
    )
    outlet = field_text(fields, "outlet", "publisher", "site", "sitename", "source")
    return article_from(draft, source, language if is_language_code(language) else None, outlet)


def article_of_fields(fields: Mapping[str, object], source: str, place: str) -> Article:
    """Return the article of one row. Raises SourceError, which names the place, if it has none."""
    texts = (fields.get(name) for name in BODY_NAMES)
    body = next((text for text in texts if isinstance(text, str)), None)
    if body is None or not body.strip():
        raise SourceError(source, f'{place}: no "text" (or "body", "content") with words in it')
    try:
        return described_article(source, fields, field_text(fields, "title", "headline"), body)
    except SourceError as exc:
        raise SourceError(source, f"{place}: {exc.reason}") from exc
