"""Checked reading of files and of the fields of their rows."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from konkyo.eval.questions import Question
from konkyo.index.errors import DatasetError
from konkyo.index.records import Article, article_id_for

__all__ = [
    "article_of",
    "at_least_one",
    "json_lines",
    "list_of",
    "object_of",
    "optional_field",
    "read_json",
    "read_text",
    "stem",
    "text_field",
    "texts_of",
]


def read_text(path: Path) -> str:
    """The text of a file, unpacked where it ends in .xz. Raises DatasetError."""
    try:
        if path.suffix == ".xz":
            with lzma.open(path, "rt", encoding="utf-8-sig") as file:
                return file.read()
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise DatasetError(f"{path}: not UTF-8 at byte {exc.start}; save it as UTF-8") from exc
    except (OSError, lzma.LZMAError, EOFError) as exc:
        raise DatasetError(f"{path}: cannot be read: {exc}") from exc


def read_json(path: Path) -> object:
    """The value of a JSON file. Raises DatasetError."""
    try:
        value: object = json.loads(read_text(path))
    except json.JSONDecodeError as exc:
        raise DatasetError(f"{path}:{exc.lineno}: not JSON: {exc.msg}") from exc
    return value


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Line number and object of each line that is not blank. Raises DatasetError."""
    # Only a line feed ends a line: str.splitlines would also cut at U+2028 inside a string.
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as exc:
            raise DatasetError(
                f"{path}:{number}: not JSON at column {exc.colno}: {exc.msg}"
            ) from exc
        if not isinstance(row, dict):
            raise DatasetError(f"{path}:{number}: expected an object {{...}}")
        yield number, row


def stem(path: Path) -> str:
    """The name of a set: its file's without endings."""
    return path.name.removesuffix(".xz").rsplit(".", 1)[0]


def at_least_one(path: Path, questions: Sequence[Question]) -> tuple[Question, ...]:
    """The questions as a tuple. Raises DatasetError where there are none."""
    if not questions:
        raise DatasetError(f"{path}: no question in it")
    return tuple(questions)


def text_field(where: str, row: Mapping[str, object], key: str) -> str:
    """A text that must be there and not be empty; a number may stand for an id."""
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool) and key in {"id", "_id"}:
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise DatasetError(f"{where}: {key!r} must be a text that is not empty, not {value!r}")
    return value


def optional_field(where: str, row: Mapping[str, object], key: str) -> str | None:
    """A text, or None where there is none."""
    value = row.get(key)
    if value is not None and not isinstance(value, str):
        raise DatasetError(f"{where}: {key!r} must be a text, not {value!r}")
    return value or None


def article_of(where: str, row: Mapping[str, object], source: str) -> Article:
    """An article that comes with a set; the field ``source`` names it. Raises DatasetError."""
    title, text = text_field(where, row, "title"), text_field(where, row, "text")
    return Article(
        article_id=article_id_for(title, text),
        title=title,
        text=text,
        language=text_field(where, row, "language"),
        source=text_field(where, row, source),
        published=optional_field(where, row, "published"),
    )


def list_of(where: str, value: object, key: str) -> list[object]:
    """A list. Raises DatasetError."""
    if not isinstance(value, list):
        raise DatasetError(f"{where}: {key!r} must be a list, not {value!r}"[:300])
    return value


def texts_of(where: str, value: object, key: str) -> tuple[str, ...]:
    """A list of texts that are not empty. Raises DatasetError."""
    items = list_of(where, value, key)
    if not all(isinstance(item, str) and item.strip() for item in items):
        raise DatasetError(f"{where}: {key!r} must hold texts that are not empty, not {items!r}")
    return tuple(str(item) for item in items)


def object_of(where: str, value: object, key: str) -> dict[str, object]:
    """An object. Raises DatasetError."""
    if not isinstance(value, dict):
        raise DatasetError(f"{where}: {key!r} must hold objects {{...}}, not {value!r}"[:300])
    return value
