"""Dates counted from the day of the text: 昨日, last week, 3か月前, two years ago."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import get_args

from konkyo.index.text.date_words import date_words, notations, number
from konkyo.index.text.moments import Grain, Moment, days_of, shift_month, week_of
from konkyo.index.text.written_dates import Source

__all__ = ["days_counted", "relative_dates"]


def relative_dates(source: Source) -> Iterator[Moment]:
    """Yield the relative dates of a text, resolved if the day of the text is known."""
    for unit in date_words().relative:
        for found in notations()[f"relative_{unit}"].finditer(source.folded):
            yield _moment(source, found, unit, date_words().steps(unit)[found.group()])
    for found in notations()["ago"].finditer(source.folded):
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
