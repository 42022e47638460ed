"""The words in which figures, days and lists are said; they are in ``data/wording.toml``."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from babel import Locale, UnknownLocaleError
from pydantic import Field
from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, Alternatives, alternatives, word_data
from konkyo.rag.spoken import ByLanguage, spoken

__all__ = ["Hedge", "Hedges", "Wording", "locale_of", "ordinal", "wording", "words_of"]

Hedge = Literal["about", "nearly", "over", "least", "most", "under"]

_Text = Annotated[str, Field(min_length=1)]
_Forms = Annotated[tuple[_Text, ...], Field(min_length=1)]


_UNDENIED = r"(?<![a-z])(?<![不没未])(?<!not )(?<!no )"
"""What stands before a word that counts: "not more than" is not "more than"."""


@dataclass(frozen=True, slots=True, config=CHECKED)
class Hedges:
    """What makes a figure a rough one, before it and after it, in any language."""

    before: Annotated[re.Pattern[str], alternatives(before=_UNDENIED, after=r"\s?$")]
    after: Annotated[re.Pattern[str], alternatives(before=r"\s?", after=r"(?![a-z])")]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _LanguageWords:
    """How one language says what is rough, a range, a reading, and what is counted.

    ``day`` is a day of a month that is not named; ``at`` joins a day and a time of it; ``apart``
    stands between answers to unlike things; ``labelled`` names what an answer is about;
    ``planned`` marks what is told as planned or expected.
    """

    about: _Text
    nearly: _Text
    over: _Text
    least: _Text
    most: _Text
    under: _Text
    range: _Text
    reading: _Text
    ordinal: _Forms
    day: _Text
    at: _Text
    apart: _Text
    labelled: _Text
    planned: _Text
    counted: dict[str, _Forms]


@dataclass(frozen=True, slots=True, config=CHECKED)
class Wording:
    """All of it.

    ``beside`` changes nothing around a fact, ``between`` parts items of a list, ``unsaid`` are
    figures that mean more than one thing.
    """

    beside: Alternatives
    unsaid: Alternatives
    between: Alternatives
    hedges: dict[Hedge, Hedges]
    cldr: dict[str, str]
    words: ByLanguage[_LanguageWords]


def wording() -> Wording:
    """Returns the words."""
    return word_data(Wording, "wording", "konkyo.rag.short_answer")


def words_of(language: str) -> _LanguageWords | None:
    """How a language says it, ``None`` where it has no words of its own."""
    return wording().words.by_language(language) if spoken(language) else None


def locale_of(language: str) -> Locale:
    """The CLDR's locale of a language; English where it has none."""
    try:
        return Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return Locale("en")


def ordinal(number: int, language: str) -> str | None:
    """An ordinal in figures, ``None`` where the language has no words of its own."""
    words = words_of(language)
    if words is None:
        return None
    form = _PLURAL[locale_of(language).ordinal_form(number)] if len(words.ordinal) > 1 else 0
    return words.ordinal[form].format(n=number)


_PLURAL = {"one": 0, "two": 1, "few": 2, "other": 3}
