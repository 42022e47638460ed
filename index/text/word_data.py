"""Words in TOML files beside the code: read once, checked against a schema, joined to patterns."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, ConfigDict, TypeAdapter, ValidationError

__all__ = [
    "CHECKED",
    "Alternatives",
    "Characters",
    "FoldedAlternatives",
    "FoldedPattern",
    "WordDataError",
    "alternatives",
    "any_of",
    "any_word",
    "parse_words",
    "word_data",
]

CHECKED = ConfigDict(extra="forbid")
"""For a schema, a ``pydantic.dataclasses.dataclass``: a key that it does not have is an error."""

Characters = Annotated[frozenset[str], BeforeValidator(frozenset)]
"""A set of characters, written as one string."""

Schema = TypeVar("Schema")


def alternatives(before: str = "", after: str = "", flags: int = 0) -> BeforeValidator:
    """For a field of a schema: a list of regular expressions becomes one pattern of any of them.

    ``before`` and ``after`` are regular expressions around all of them.
    """

    def compiled(patterns: Any) -> re.Pattern[str]:
        if not isinstance(patterns, list) or not all(isinstance(p, str) for p in patterns):
            raise ValueError("must be a list of regular expressions")
        return _compiled(f"{before}{any_of(patterns)}{after}", flags)

    return BeforeValidator(compiled)


Alternatives = Annotated[re.Pattern[str], alternatives()]
"""One pattern of any of a list of regular expressions."""

FoldedAlternatives = Annotated[re.Pattern[str], alternatives(flags=re.IGNORECASE)]
"""The same in upper or lower case."""


def _folded(pattern: Any) -> re.Pattern[str]:
    if isinstance(pattern, str):
        return _compiled(pattern, re.IGNORECASE)
    raise ValueError("must be a regular expression")


def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    try:
        return re.compile(pattern, flags)
    except re.error as exc:
        raise ValueError(f"no regular expression: {exc}") from exc


FoldedPattern = Annotated[re.Pattern[str], BeforeValidator(_folded)]
"""One regular expression, in upper or lower case."""


class WordDataError(ValueError):
    """A file of words does not have what its schema asks for; names the file and the key."""


def word_data(schema: type[Schema], name: str, package: str = "konkyo.index.text") -> Schema:
    """Returns ``data/<name>.toml`` of a package as a value of ``schema``, read once.

    Raises WordDataError where a key is missing, unknown or of another type.
    """
    wanted: Any = schema
    found: Schema = _loaded(wanted, name, package)
    return found


def parse_words(schema: type[Schema], text: str, name: str) -> Schema:
    """Returns the text of a TOML file as a value of ``schema``. Raises WordDataError."""
    wanted: Any = schema
    try:
        found: Schema = TypeAdapter(wanted).validate_python(tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        raise WordDataError(f"{name}: not valid TOML: {exc}") from exc
    except ValidationError as exc:
        first = exc.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise WordDataError(f"{name}: {key}: {first['msg']}") from exc
    return found


@cache
def _loaded(schema: Any, name: str, package: str) -> Any:
    file = resources.files(package).joinpath("data", f"{name}.toml")
    return parse_words(schema, file.read_text("utf-8"), f"{package}: data/{name}.toml")


def any_of(patterns: Iterable[str]) -> str:
    """Returns one group that matches any of some regular expressions, tried in their order."""
    return f"(?:{'|'.join(patterns)})"


def any_word(words: Iterable[str]) -> str:
    """Returns one group that matches any of some words, the longest first."""
    return any_of(map(re.escape, sorted(words, key=len, reverse=True)))
