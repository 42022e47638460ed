"""Words of dates in all languages, read from ``data/dates.toml`` and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, Alternatives, alternatives, any_of, word_data

__all__ = ["DateWords", "any_name", "date_words", "number"]

Names = tuple[str, ...]


Before = Annotated[re.Pattern[str], alternatives(after="$")]
"""Words at the end of what stands before a date."""

After = Annotated[re.Pattern[str], alternatives(before=r"\s{0,2}")]
"""Words after a date."""


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Clock:
    morning: Names
    noon: Names
    afternoon: Names
    not_after_hour: Names
    not_after_si: Names
    after_dian: Names


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Written:
    before_christ: Names
    not_after_year: Names
    not_after_month: Names
    not_after_one_day: Names
    not_after_day: Names
    before_short_month: Before
    counted_after_year: Alternatives


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Questions:
    no_period: Alternatives
    yesterday: Alternatives
    past: Names
    past_after: Names
    past_one: Alternatives
    before_year: Before
    no_month_after: Before
    since_before: Before
    since_after: After
    until_before: Before
    until_after: After
    exclusive_since: Alternatives
    exclusive_until: Alternatives
    to: Alternatives
    future: Alternatives


@dataclass(frozen=True, slots=True, config=CHECKED)
class DateWords:
    """The tables of the file; ``relative`` is unit -> steps -> words, ``eras`` the year before."""

    digits: str
    eras: dict[str, int]
    era_letters: dict[str, str]
    relative: dict[str, dict[str, Names]]
    not_before: dict[str, str]
    count_units: dict[str, Names]
    numbers: dict[str, int]
    ordinals: dict[str, int]
    calendars: dict[str, Names]
    months: dict[str, dict[str, int]]
    weekdays: dict[str, str]
    clock: _Clock
    zones: dict[str, str]
    written: _Written
    questions: _Questions

    def steps(self, unit: str) -> dict[str, int]:
        """Return the relative words of a unit, each with its steps: 先月 is -1 month."""
        return {w: int(steps) for steps, ws in self.relative[unit].items() for w in ws}

    def unit_of(self, word: str) -> str:
        """Return day, week, month or year for a word that is counted."""
        return next(unit for unit, words in self.count_units.items() if word in words)


def date_words() -> DateWords:
    """Return the tables, read and checked once."""
    return word_data(DateWords, "dates")


def any_name(words: Iterable[str]) -> str:
    """Return a pattern that matches any of the words, the longest first; Latin ones whole."""
    kept_out = date_words().not_before
    parts = []
    for word in sorted(words, key=len, reverse=True):
        part = re.escape(word)
        if word[0].isalpha() and word[0].isascii():
            part = rf"(?<![^\W\d_]){part}(?![^\W\d_])(?! of\b)"
        parts.append(part + (rf"(?!{kept_out[word]})" if word in kept_out else ""))
    return any_of(parts)


def number(text: str) -> int:
    """Return a whole number written in figures, kanji or a small word: 12, 十二, 二〇二六, two."""
    if text.isdigit() and text.isascii():
        return int(text)
    words = date_words()
    if text in words.numbers:
        return words.numbers[text]
    tens, ten, ones = text.rpartition("十")
    if ten:
        return 10 * (number(tens) if tens else 1) + (number(ones) if ones else 0)
    value = 0
    for char in text:
        digit = int(char) if char.isascii() and char.isdigit() else words.digits.find(char) - 1
        value = value * 10 + max(0, digit)
    return value
