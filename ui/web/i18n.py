"""What the interface itself says, in Japanese, English, Korean and Chinese; no markup in here.

The words are in ``data/<language>.toml``. All four files have the same keys, and each phrase the
same facts, which is checked when they are read.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, get_args

__all__ = [
    "INDEX_CHECKS",
    "LANGUAGES",
    "LANGUAGE_NAMES",
    "PHRASES",
    "Language",
    "PhraseDataError",
    "Phrases",
    "negotiate",
    "require_same_keys",
    "say",
]

Language = Literal["en", "ja", "ko", "zh"]

LANGUAGES: tuple[Language, ...] = get_args(Language)

_FACT = re.compile(r"\{(\w+)\}")


class PhraseDataError(ValueError):
    """A file of phrases does not have the form of the others; names the file and the key."""


@dataclass(frozen=True, slots=True)
class Phrases:
    """What is said in one language: its own name, phrases by key, index checks by name."""

    name: str
    phrases: Mapping[str, str]
    index_checks: Mapping[str, str]

    @classmethod
    def parse(cls, text: str, file: str) -> Phrases:
        """Read the text of a TOML file. Raises PhraseDataError, which names ``file``."""
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as exc:
            raise PhraseDataError(f"{file}: {exc}") from exc
        for key in data.keys() ^ {"name", "phrases", "index_checks"}:
            raise PhraseDataError(f"{file}: {key}: {'unknown' if key in data else 'missing'}")
        tables = (data["phrases"], data["index_checks"])
        if not isinstance(data["name"], str) or not all(isinstance(t, dict) for t in tables):
            raise PhraseDataError(f"{file}: name is a string, the others are tables")
        for key, phrase in (*tables[0].items(), *tables[1].items()):
            if not isinstance(phrase, str) or not phrase.strip():
                raise PhraseDataError(f"{file}: {key}: not a phrase")
        return cls(data["name"], MappingProxyType(tables[0]), MappingProxyType(tables[1]))


def require_same_keys(every: Mapping[Language, Phrases]) -> None:
    """Raise PhraseDataError where a language lacks a key or fact that English has, or adds one."""
    for language, one in every.items():
        for part in ("phrases", "index_checks"):
            ours, theirs = getattr(one, part), getattr(every["en"], part)
            for key in sorted(ours.keys() ^ theirs.keys()):
                raise PhraseDataError(
                    f"data/{language}.toml: {part}: {key}: "
                    + ("missing" if key in theirs else "not in data/en.toml")
                )
            for key, phrase in ours.items():
                if set(_FACT.findall(phrase)) != set(_FACT.findall(theirs[key])):
                    raise PhraseDataError(
                        f"data/{language}.toml: {part}: {key}: other facts than in data/en.toml"
                    )


def _read() -> Mapping[Language, Phrases]:
    folder = files("konkyo.ui.web").joinpath("data")
    every = {
        language: Phrases.parse(
            folder.joinpath(f"{language}.toml").read_text("utf-8"), f"data/{language}.toml"
        )
        for language in LANGUAGES
    }
    require_same_keys(every)
    return every


_EVERY = _read()

LANGUAGE_NAMES: Mapping[Language, str] = MappingProxyType({k: v.name for k, v in _EVERY.items()})
"""Each language's own name."""

PHRASES: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {language: one.phrases for language, one in _EVERY.items()}
)
"""What is said, by language and key."""

INDEX_CHECKS: Mapping[Language, Mapping[str, str]] = MappingProxyType(
    {language: one.index_checks for language, one in _EVERY.items()}
)
"""The checks of `konkyo.index.stores.local.checks.verify`, by language and the check's name."""


def say(language: Language, key: str, **facts: object) -> str:
    """Returns the phrase ``key`` with its facts filled in.

    A ``count`` of one takes the singular row where there is one. The result is plain text and
    is still to be escaped. Raises KeyError for an unknown phrase.
    """
    rows = PHRASES[language]
    singular = f"{key}_one"
    chosen = rows[singular] if facts.get("count") == 1 and singular in rows else rows[key]
    return chosen.format_map(facts) if facts else chosen


def negotiate(cookie: str | None, accept_language: str | None) -> Language:
    """Returns the interface language: the reader's own choice, else the browser's, else English.

    ``accept_language`` is the header of that name (RFC 9110, 12.5.4); unknown tags and malformed
    weights are passed over.
    """
    for language in LANGUAGES:
        if cookie == language:
            return language
    weighted: list[tuple[float, int, Language]] = []
    for place, part in enumerate((accept_language or "").split(",")[:20]):
        tag, _, weight = part.partition(";")
        main = tag.strip().lower().split("-")[0]
        for language in LANGUAGES:
            if main == language:
                weighted.append((-_weight(weight), place, language))
    best = min(weighted, default=None)
    return best[2] if best is not None and best[0] < 0 else "en"


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
