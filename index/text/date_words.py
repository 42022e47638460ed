"""Words of dates in all languages, read from ``data/dates.toml`` and checked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from typing import Annotated

from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import (
    CHECKED,
    Alternatives,
    WordDataError,
    alternatives,
    any_of,
    word_data,
)

__all__ = ["DateWords", "date_words", "named_pattern", "notations", "number"]

Names = tuple[str, ...]


Before = Annotated[re.Pattern[str], alternatives(after="$")]
"""Words at the end of what stands before a date."""

After = Annotated[re.Pattern[str], alternatives(before=r"\s{0,2}")]
"""Words after a date."""


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Clock:
    before_dawn: Names
    morning: Names
    noon: Names
    afternoon: Names
    night: Names
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
    ko_particle: Names
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
    not_after: dict[str, str]
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
    notations: dict[str, str]

    def steps(self, unit: str) -> dict[str, int]:
        """Return the relative words of a unit, each with its steps: 先月 is -1 month."""
        return {w: int(steps) for steps, ws in self.relative[unit].items() for w in ws}

    def unit_of(self, word: str) -> str:
        """Return day, week, month or year for a word that is counted."""
        return next(unit for unit, words in self.count_units.items() if word in words)


def date_words() -> DateWords:
    """Return the tables, read and checked once."""
    return word_data(DateWords, "dates")


def _any_name(words: Iterable[str]) -> str:
    """Return a pattern that matches any of the words, the longest first; Latin ones whole."""
    parts = []
    for word in sorted(words, key=len, reverse=True):
        part = re.escape(word)
        if word[0].isalpha() and word[0].isascii():
            part = rf"(?<![^\W\d_]){part}(?![^\W\d_])(?! of\b)"
        parts.append(part)
    return any_of(parts)


def _any_relative(words: Iterable[str]) -> str:
    """Return ``_any_name`` of relative words that are no part of another word.

    A word in Hangul begins where no Hangul stands before it; ``not_before`` and ``not_after``
    name what else stands beside a word that is none.
    """
    before, after = date_words().not_after, date_words().not_before
    parts = []
    for word in sorted(words, key=len, reverse=True):
        part = ("(?<![가-힣])" if "가" <= word[0] <= "힣" else "") + _any_name([word])
        part = (rf"(?<!{before[word[0]]})" if word[0] in before else "") + part
        parts.append(part + (rf"(?!{after[word]})" if word in after else ""))
    return any_of(parts)


@cache
def _tables() -> dict[str, str]:
    """Return what the «names» of the notations stand for."""
    words = date_words()
    units = [word for named in words.count_units.values() for word in named]
    clock = words.clock
    halves = (clock.before_dawn, clock.morning, clock.noon, clock.afternoon, clock.night)
    groups = (clock, words.written, words.questions)
    lists = [(field.name, group) for group in groups for field in fields(group)]
    return {
        **{n: any_of(v) for n, group in lists if isinstance(v := getattr(group, n), tuple)},
        "two": r"(?:\d{1,2}|[一二三四五六七八九]?十?[一二三四五六七八九]|[二三]?十)",
        "day": r"(?:3[01]|[12]\d|0?[1-9])",
        "day_mark": r"\s?[日号號일](?!間|间|간)",
        "digits": words.digits,
        "eras": _any_name(words.eras),
        "era_letters": "".join(words.era_letters),
        "units": _any_name(units),
        "cjk_units": _any_name(unit for unit in units if not unit[0].isascii()),
        "numbers": _any_name(words.numbers),
        "small_numbers": "|".join(n for n in words.numbers if n.isascii() and len(n) > 2),
        "ordinals": "|".join(words.ordinals),
        "halves": _any_name(half for named in halves for half in named),
        "zones": "|".join(words.zones).lower(),
        **words.weekdays,
        **{f"relative_{unit}": _any_relative(words.steps(unit)) for unit in words.relative},
    }


@cache
def notations() -> dict[str, re.Pattern[str]]:
    """Return the patterns of the notations without names of months, and of relative words."""
    patterns = {n: named_pattern(n) for n in date_words().notations if n != "western"}
    for unit in date_words().relative:
        patterns[f"relative_{unit}"] = re.compile(_tables()[f"relative_{unit}"])
    return patterns


def named_pattern(notation: str, **names: str) -> re.Pattern[str]:
    """Return the pattern of a notation, with more names than those of the tables.

    Raises WordDataError where the notation has an unknown name or is no regular expression.
    """
    tables = _tables() | names
    joined = "".join(date_words().notations[notation].splitlines())
    try:
        return re.compile(re.sub("«([^«»]+)»", lambda name: tables[name[1]], joined))
    except (KeyError, re.error) as exc:
        raise WordDataError(f"dates.toml: notations.{notation}: {exc}") from exc


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
