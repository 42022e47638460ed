"""CSV and TSV files with a header -> one article a row; a row that cannot be read fails alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from konkyo.index.errors import SourceError
from konkyo.index.ingest.encodings import decode
from konkyo.index.ingest.foreign_errors import reason
from konkyo.index.ingest.sources import RawDocument
from konkyo.index.ingest.stated_fields import BODY_NAMES, article_of_fields
from konkyo.index.records import Article

__all__ = ["read_csv"]

_DELIMITERS = ",;\t|"
_LONGEST_FIELD = 16 * 1024 * 1024


def read_csv(raw: RawDocument) -> Iterator[Article | SourceError]:
    """Read a table whose first line names its columns: an article, or an error, for each row."""
    text = decode(raw.content, raw.source, raw.charset)
    # Python's own limit of 128 KB is less than a long article.
    csv.field_size_limit(_LONGEST_FIELD)
    first = text.lstrip("\n").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = _header(rows, raw.source)
    while True:
        line = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as exc:
            # What follows a quotation mark that is not closed is no row.
            yield SourceError(raw.source, f"line {line}: {reason(exc)}")
            return
        if any(field.strip() for field in row):
            yield _row(names, row, raw.source, f"line {line}")


def _header(rows: Iterator[list[str]], source: str) -> list[str]:
    """Return the names of the columns. Raises SourceError if none of them is that of a text."""
    try:
        names = next((row for row in rows if any(row)), [])
    except csv.Error as exc:
        raise SourceError(source, f"line 1: {reason(exc)}") from exc
    lowered = [name.strip().lower().replace(" ", "_") for name in names]
    if not set(BODY_NAMES) & set(lowered):
        raise SourceError(
            source, 'its first line names no column "text" (or "body", "content") for the articles'
        )
    return lowered


def _row(names: list[str], row: list[str], source: str, place: str) -> Article | SourceError:
    if len(row) > len(names):
        return SourceError(source, f"{place}: {len(row)} fields, but the header has {len(names)}")
    fields = dict(zip(names, row, strict=False))
    try:
        return article_of_fields(fields, source, place)
    except SourceError as exc:
        return exc
