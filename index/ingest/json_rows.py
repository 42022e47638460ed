"""JSON and JSON lines -> one article a row; a row that cannot be read fails alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial

from konkyo.index.errors import SourceError
from konkyo.index.ingest.encodings import decode
from konkyo.index.ingest.foreign_errors import reason, translated
from konkyo.index.ingest.sources import RawDocument
from konkyo.index.ingest.stated_fields import described_article, field_text
from konkyo.index.records import Article

__all__ = ["read_json", "read_jsonl"]


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
    body = next(
        (lowered[key] for key in ("text", "body", "content") if isinstance(lowered.get(key), str)),
        None,
    )
    if body is None or not body.strip():
        raise SourceError(source, f'{place}: no "text" (or "body", "content") with words in it')
    try:
        return described_article(source, lowered, field_text(lowered, "title", "headline"), body)
    except SourceError as exc:
        raise SourceError(source, f"{place}: {exc.reason}") from exc


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
    items = value if isinstance(value, list) else [value]
    for number, item in enumerate(items, start=1):
        place = f"item {number}"
        yield _row(partial(_from_object, item, raw.source, place), raw.source, place)
