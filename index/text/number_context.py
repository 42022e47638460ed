"""What stands around numbers: currency, hedges, ordinals, dates, halves and ranges."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import Annotated

from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, Alternatives, alternatives, any_word, word_data

__all__ = ["Around", "around", "currency_before", "length_words"]

_After = Annotated[re.Pattern[str], alternatives(before=r"\s?")]


@dataclass(frozen=True, slots=True, config=CHECKED)
class Length:
    """A length of time: so many of a unit."""

    number: Decimal
    unit: str


@dataclass(frozen=True, slots=True, config=CHECKED)
class Around:
    """Patterns of what stands around numbers, and the unit of each currency mark.

    ``before_figures`` are letters that may touch figures and are no part of a name; ``lengths`` are
    lengths of time by the pattern of their word.
    """

    about_before: Annotated[re.Pattern[str], alternatives(after=r"\s?$")]
    about_after: _After
    ordinal_before: Annotated[re.Pattern[str], alternatives(after="$")]
    ordinal_after: _After
    dates_after: _After
    half_after: _After
    halves: Alternatives
    range_joins: Alternatives
    between: Annotated[re.Pattern[str], alternatives(after=r"\s$")]
    duration_joins: Alternatives
    old: Alternatives
    before_figures: tuple[str, ...]
    currency_marks: dict[str, str]
    lengths: dict[str, Length]


def around() -> Around:
    """Returns what stands around numbers."""
    return word_data(Around, "quantities")


@cache
def length_words() -> re.Pattern[str]:
    """Returns the pattern of a length of time in one word, with a group for each length."""
    return re.compile("|".join(rf"((?<![가-힣a-z]){word})" for word in around().lengths))


@cache
def currency_before() -> re.Pattern[str]:
    """Returns the pattern of a mark of currency before a number, with all letters before its $."""
    return re.compile(rf"(?<![a-z])(?P<mark>{any_word(around().currency_marks)})\s?$")
