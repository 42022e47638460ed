"""What the interface itself says, in Japanese, English, Korean and Chinese; no markup in here.

The words are in ``data/<language>.toml``. All four files have the same keys, and each phrase the
same facts, which is checked when they are read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from pydantic import StringConstraints
from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.word_data import CHECKED, WordDataError, word_data

__all__ = [
    "INDEX_CHECKS",
    "LANGUAGES",
    "LANGUAGE_NAMES",
    "PHRASES",
    "Language",
    "Message",
    "Phrases",
    "negotiate",
    "require_same_keys",
    "say",
]

Language = Literal["en", "ja", "ko", "zh"]

LANGUAGES: tuple[Language, ...] = get_args(Language)

_FACT = re.compile(r"\{(\w+)\}")


_Phrase = Annotated[str, StringConstraints(strict=True, pattern=r"\S")]


@schema(frozen=True, slots=True, config=CHECKED)
class Phrases:
    """What is said in one language: its own name, phrases by key, index checks by name."""

    name: _Phrase
    phrases: Mapping[str, _Phrase]
    index_checks: Mapping[str, _Phrase]


@dataclass(frozen=True, slots=True)
class Message:
    """What is said to a reader, without words yet: the key of a phrase and its facts.

    A fact named ``date`` is an ISO date. The words are made when it is shown, in the language that
    the page has then.
    """

    key: str
    facts: Mapping[str, str | int] = field(default_factory=dict)


def require_same_keys(every: Mapping[Language, Phrases]) -> None:
    """Raise WordDataError where a language lacks a key or fact that English has, or adds one."""
    for language, one in every.items():
        for part in ("phrases", "index_checks"):
            ours, theirs = getattr(one, part), getattr(every["en"], part)
            for key in sorted(ours.keys() ^ theirs.keys()):
                raise WordDataError(
                    f"data/{language}.toml: {part}: {key}: "
                    + ("missing" if key in theirs else "not in data/en.toml")
                )
            for key, phrase in ours.items():
                if set(_FACT.findall(phrase)) != set(_FACT.findall(theirs[key])):
                    raise WordDataError(
                        f"data/{language}.toml: {part}: {key}: other facts than in data/en.toml"
                    )


def _read() -> Mapping[Language, Phrases]:
    every = {language: word_data(Phrases, language, "konkyo.ui.web") for language in LANGUAGES}
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
