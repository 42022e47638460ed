"""JSON and JSON lines -> one article a row; a row that cannot be read fails alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial

from konkyo.index.errors import SourceError
from konkyo.index.ingest.encodings import decode
from konkyo.index.ingest.foreign_errors import reason, translated
from konkyo.index.ingest.html import plain_text
from konkyo.index.ingest.sources import RawDocument
from konkyo.index.ingest.stated_fields import BODY_NAMES, article_of_fields
from konkyo.index.records import Article

__all__ = ["is_json_feed", "read_json", "read_jsonl"]

_CUT = re.compile(r"(?:…|\.\.\.)?[ ]?\[\+\d{1,9} chars\]$")


def _row(read: Callable[[], Article], source: str, place: str) -> Article | SourceError:
    try:
        with translated(source, "application/json"):
            return read()
    except SourceError as exc:
        named = exc.reason.startswith(place)
        return exc if named else SourceError(source, f"{place}: {exc.reason}")


def read_jsonl(raw: RawDocument) -> Iterator[Article | SourceError]:
    """Read JSON lines: an article, or the error of its line, for each."""
    text = decode(raw.content, raw.source, raw.charset)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _row(partial(_object, line, raw.source, number), raw.source, f"line {number}")


def _items(value: object, source: str) -> list[object]:
    """Return the objects of a list, of an answer of NewsAPI, or of a JSON Feed."""
    if isinstance(value, dict) and not any(value.get(name) for name in BODY_NAMES):
        if value.get("status") == "error" and isinstance(value.get("message"), str):
            raise SourceError(source, f"it holds no articles but an error: {value['message']}")
        for name in ("articles", "items"):
            if isinstance(value.get(name), list):
                return list(value[name])
    return value if isinstance(value, list) else [value]


def is_json_feed(raw: RawDocument) -> bool:
    """Whether a JSON document is a JSON Feed or an answer of NewsAPI."""
    try:
        value = json.loads(decode(raw.content, raw.source, raw.charset))
    except (RecursionError, ValueError):
        return False
    if not isinstance(value, dict) or any(value.get(name) for name in BODY_NAMES):
        return False
    versioned = "jsonfeed.org" in str(value.get("version"))
    return isinstance(value.get("items" if versioned else "articles"), list)


def _object(line: str, source: str, number: int) -> Article:
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as exc:
        raise SourceError(
            source, f"line {number}: not a JSON object ({exc.msg}, column {exc.colno})"
        ) from exc
    except (RecursionError, ValueError) as exc:
        raise SourceError(source, f"line {number}: {reason(exc)}") from exc
    return _from_object(fields, source, f"line {number}")


def _from_object(fields: object, source: str, place: str) -> Article:
    if not isinstance(fields, dict):
        raise SourceError(source, f"{place}: not a JSON object but {type(fields).__name__}")
    lowered = {str(key).lower(): value for key, value in fields.items()}
    return article_of_fields(_of_news_api(_of_json_feed(lowered)), source, place)


def _of_news_api(fields: dict[str, object]) -> dict[str, object]:
    """Return NewsAPI's fields as ours: the name of the source, the whole of what it tells.

    Its content is cut after 200 letters ("… [+1234 chars]"); its description stands before it,
    unless the content begins with the same words.
    """
    outlet = fields.get("source")
    if isinstance(outlet, dict):
        fields = {**fields, "source": outlet.get("name")}
    content, described = fields.get("content"), fields.get("description")
    if "publishedat" not in fields or not isinstance(described, str):
        return fields
    shown = _CUT.sub("", content).rstrip() if isinstance(content, str) else ""
    begins = " ".join(shown.split())[:60]
    known = len(begins) >= 20 and begins in " ".join(described.split())
    if not shown or known or " ".join(described.split())[:60] in " ".join(shown.split()):
        return {**fields, "content": max(shown, described, key=len)}
    return {**fields, "content": f"{described}\n{shown}"}


def _of_json_feed(fields: dict[str, object]) -> dict[str, object]:
    """Return the fields of an entry of a JSON Feed as ours."""
    html = fields.get("content_html")
    text = fields.get("content_text") or (plain_text(html)[1] if isinstance(html, str) else None)
    authors = fields.get("authors")
    if isinstance(authors, list) and any(isinstance(a, dict) for a in authors):
        names = [str(a.get("name") or "") if isinstance(a, dict) else str(a) for a in authors]
        fields = {**fields, "authors": [name for name in names if name]}
    return {**fields, "content": text} if text and not fields.get("content") else fields


def read_json(raw: RawDocument) -> Iterator[Article | SourceError]:
    """Read an object or a list of objects: an article, or the error of its item, for each."""
    text = decode(raw.content, raw.source, raw.charset)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as exc:
        if exc.msg == "Extra data":
            yield from read_jsonl(raw)
            return
        raise SourceError(
            raw.source, f"line {exc.lineno}: not JSON ({exc.msg}, column {exc.colno})"
        ) from exc
    except (RecursionError, ValueError) as exc:
        raise SourceError(raw.source, reason(exc)) from exc
    items = _items(value, raw.source)
    for number, item in enumerate(items, start=1):
        place = f"item {number}"
        yield _row(partial(_from_object, item, raw.source, place), raw.source, place)
