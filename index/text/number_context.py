"""What stands around numbers: currency, hedges, ordinals, dates, halves and ranges."""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated

from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, Alternatives, alternatives, any_word, word_data

__all__ = ["Around", "around", "currency_before"]

_After = Annotated[re.Pattern[str], alternatives(before=r"\s?")]


@dataclass(frozen=True, slots=True, config=CHECKED)
class Around:
    """Patterns of what stands around numbers, and the unit of each currency mark.

    ``before_figures`` are letters that may touch figures and are no part of a name.
    """

    about_before: Annotated[re.Pattern[str], alternatives(after=r"\s?$")]
    about_after: _After
    ordinal_before: Annotated[re.Pattern[str], alternatives(after="$")]
    ordinal_after: _After
    dates_after: _After
    half_after: _After
    half_years: Alternatives
    halves: Alternatives
    range_joins: Alternatives
    between: Annotated[re.Pattern[str], alternatives(after=r"\s$")]
    duration_joins: Alternatives
    old: Alternatives
    before_figures: tuple[str, ...]
    currency_marks: dict[str, str]


def around() -> Around:
    """Returns what stands around numbers."""
    return word_data(Around, "quantities")


@cache
def currency_before() -> re.Pattern[str]:
    """Returns the pattern of a mark of currency before a number."""
    return re.compile(rf"(?P<mark>{any_word(around().currency_marks)})\s?$")
