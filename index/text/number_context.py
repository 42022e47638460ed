"""What stands around numbers: currency, hedges, ordinals, dates, halves and ranges."""

from __future__ import annotations

import re
from functools import cache

from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.word_data import CHECKED, any_of, any_word, word_data

__all__ = [
    "about_after",
    "about_before",
    "currency_before",
    "currency_marks",
    "date_after",
    "half_after",
    "half_alone",
    "ordinal_after",
    "ordinal_before",
    "range_join",
]


@schema(frozen=True, slots=True, config=CHECKED)
class _Around:
    """What stands before and after numbers."""

    about_before: tuple[str, ...]
    about_after: tuple[str, ...]
    ordinal_before: tuple[str, ...]
    ordinal_after: tuple[str, ...]
    dates_after: tuple[str, ...]
    half_years: tuple[str, ...]
    halves: tuple[str, ...]
    half_after: tuple[str, ...]
    range_joins: tuple[str, ...]
    currency_marks: dict[str, str]


def currency_marks() -> dict[str, str]:
    """Returns the unit of each mark of currency."""
    return _around().currency_marks


def _around() -> _Around:
    return word_data(_Around, "quantities")


@cache
def currency_before() -> re.Pattern[str]:
    """Returns the pattern of a mark of currency before a number."""
    return re.compile(rf"(?P<mark>{any_word(_around().currency_marks)})\s?$")


@cache
def about_before() -> re.Pattern[str]:
    """Returns the pattern of words before a number that make it approximate."""
    return re.compile(rf"{any_of(_around().about_before)}\s?$")


@cache
def about_after() -> re.Pattern[str]:
    """Returns the pattern of words after a number that make it approximate."""
    return re.compile(rf"\s?{any_of(_around().about_after)}")


@cache
def ordinal_before() -> re.Pattern[str]:
    """Returns the pattern of what makes an ordinal of the number after it."""
    return re.compile(rf"{any_of(_around().ordinal_before)}$")


@cache
def ordinal_after() -> re.Pattern[str]:
    """Returns the pattern of what makes an ordinal of the number before it."""
    return re.compile(rf"\s?{any_of(_around().ordinal_after)}")


@cache
def date_after() -> re.Pattern[str]:
    """Returns the pattern of what makes the number before it a day, a month or a time."""
    return re.compile(rf"\s?{any_of(_around().dates_after)}")


@cache
def half_after() -> re.Pattern[str]:
    """Returns the pattern of a half after a unit."""
    return re.compile(rf"\s?{any_of(_around().half_after)}")


@cache
def half_alone() -> re.Pattern[str]:
    """Returns the pattern of a half without a number; its group ``year`` is half a year."""
    around = _around()
    return re.compile(rf"(?P<year>{any_of(around.half_years)})|{any_of(around.halves)}")


@cache
def range_join() -> re.Pattern[str]:
    """Returns the pattern of what stands between the two ends of a range."""
    return re.compile(any_of(_around().range_joins))
