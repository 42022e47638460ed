"""Dates counted from the day of the text: 昨日, last week, 3か月前, two years ago."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import get_args

from konkyo.index.text.date_words import any_name, date_words, number
from konkyo.index.text.moments import Grain, Moment, days_of, shift_month, week_of
from konkyo.index.text.written_dates import Source

__all__ = ["days_counted", "relative_dates"]


@cache
def _word_patterns() -> dict[str, re.Pattern[str]]:
    """Return unit -> pattern of its relative words."""
    return {unit: re.compile(any_name(date_words().steps(unit))) for unit in date_words().relative}


@cache
def _ago_pattern() -> re.Pattern[str]:
    words = date_words()
    units = [w for ws in words.count_units.values() for w in ws if not w[0].isascii()]
    small = [word for word in words.numbers if word.isascii() and len(word) > 2]
    return re.compile(
        rf"(?P<n>\d{{1,3}})\s?(?P<u>{any_name(units)})\s?[前전]"
        rf"|(?P<n2>\d{{1,3}}|{'|'.join(small)})\s(?P<u2>day|week|month|year)s?"
        r"\s(?:ago|earlier|before)"
    )


def relative_dates(source: Source) -> Iterator[Moment]:
    """Yield the relative dates of a text, resolved if the day of the text is known."""
    for unit, pattern in _word_patterns().items():
        for found in pattern.finditer(source.folded):
            yield _moment(source, found, unit, date_words().steps(unit)[found.group()])
    for found in _ago_pattern().finditer(source.folded):
        unit = date_words().unit_of(found["u"] or found["u2"])
        moment = _moment(source, found, unit, -number(found["n"] or found["n2"]))
        yield replace(moment, grain="ago")


def _moment(source: Source, found: re.Match[str], unit: str, steps: int) -> Moment:
    grain = next(g for g in get_args(Grain) if g == unit)
    moment = replace(source.moment(found.span(), relative=(unit, steps)), grain=grain)
    days = source.reference and days_counted(source.reference, unit, steps)
    if not days:
        return moment
    low, high = days
    moment = replace(moment, earliest=low, latest=high)
    if unit == "week":
        return moment
    month = low.month if unit in {"day", "month"} else None
    return replace(moment, year=low.year, month=month, day=low.day if unit == "day" else None)


def days_counted(day: date, unit: str, steps: int) -> tuple[date, date] | None:
    """Return the first and last day of the day, week, month or year some steps away."""
    if unit == "day":
        there = day + timedelta(days=steps)
        return there, there
    if unit == "week":
        return week_of(day, steps)
    return days_of(*shift_month(day, steps)) if unit == "month" else days_of(day.year + steps)
