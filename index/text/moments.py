"""A date or time that a text names, the days it covers, and whether two can be the same."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

__all__ = [
    "Grain",
    "Moment",
    "days_of",
    "moments_agree",
    "nearest_day",
    "shift_month",
    "week_of",
]

Grain = Literal["day", "month", "year", "decade", "century", "week", "weekday", "time", "ago"]


@dataclass(frozen=True, slots=True)
class Moment:
    """One date or time of a text: ``text[start:end]``.

    ``year`` (negative before Christ), ``month``, ``day`` and ``weekday`` (Monday is 0) are known
    parts, written or resolved by the reference; ``clock`` is minutes since midnight, and
    ``half_known`` tells whether it is sure to be before or after noon. ``earliest`` and
    ``latest`` bound it as days where they can be told. ``near`` is the article's date: a day
    without a month lies close to it. ``relative`` is (unit, steps), such as ("month", -1).
    """

    start: int
    end: int
    text: str
    grain: Grain
    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None
    clock: int | None = None
    half_known: bool = True
    earliest: date | None = None
    latest: date | None = None
    near: date | None = None
    context_year: int | None = None
    context_month: int | None = None
    relative: tuple[str, int] | None = None


def days_of(
    year: int, month: int | None = None, day: int | None = None
) -> tuple[date, date] | None:
    """Return the first and last day of a year, month or day; None if the calendar has none."""
    if not 1 <= year <= 9999:
        return None
    if month is None:
        return date(year, 1, 1), date(year, 12, 31)
    if not 1 <= month <= 12:
        return None
    last = monthrange(year, month)[1]
    if day is None:
        return date(year, month, 1), date(year, month, last)
    return (date(year, month, day),) * 2 if 1 <= day <= last else None


def nearest_day(moment: Moment, published: date) -> date | None:
    """Return the day of a moment; of the year that brings it nearest, where none is known.

    Of a month or another period the first day, where that can be told.
    """
    if moment.day is None:
        return moment.earliest
    month = moment.month or published.month
    years = [moment.year] if moment.year else range(published.year - 1, published.year + 2)
    days = [found[0] for year in years if (found := days_of(year, month, moment.day))]
    return min(days, key=lambda day: abs(day - published), default=None)


def week_of(day: date, steps: int) -> tuple[date, date]:
    """Return Monday and Sunday of the week some weeks from a day's."""
    monday = day - timedelta(days=day.weekday()) + timedelta(weeks=steps)
    return monday, monday + timedelta(days=6)


def shift_month(day: date, steps: int) -> tuple[int, int]:
    """Return the year and month some months from a day's."""
    index = day.year * 12 + day.month - 1 + steps
    return index // 12, index % 12 + 1


def moments_agree(first: Moment, second: Moment) -> bool:
    """Return whether two moments can be the same: no part that both know differs.

    May 7 agrees with 2026-05-07 and with 2026, 8日 with the 8th of a month near the article's
    date; a decade agrees with a year inside it. A time of day agrees only with a time of day.
    """
    if (first.grain == "time") != (second.grain == "time"):
        return False
    if first.clock is not None and second.clock is not None:
        apart = abs(first.clock - second.clock)
        return apart == 0 or (apart == 720 and not (first.half_known and second.half_known))
    if first.weekday is not None or second.weekday is not None:
        return _weekday(first) == _weekday(second) is not None
    if first.relative is not None and second.relative is not None:
        if first.relative == second.relative and first.day == second.day:
            return first.month == second.month
        if first.relative[0] == second.relative[0] and first.near is None:
            return False
    return _parts_agree(first, second) and _bounds_agree(first, second)


def _parts_agree(first: Moment, second: Moment) -> bool:
    for part in ("year", "month", "day"):
        mine, theirs = getattr(first, part), getattr(second, part)
        if mine is not None and theirs is not None and mine != theirs:
            return False
    return _fits(first, second) and _fits(second, first)


def _fits(full: Moment, partial: Moment) -> bool:
    """Return whether the month and year of one moment suit another that lacks them."""
    lacks_month = partial.month is None and partial.day is not None
    if full.month is not None and lacks_month and not _month_fits(full.month, partial):
        return False
    lacks_year = partial.year is None and partial.relative is None
    if full.year is not None and lacks_year and partial.grain in {"day", "month"}:
        return _year_fits(full.year, partial)
    return True


def _month_fits(month: int, other: Moment) -> bool:
    """Return whether a day without a month may lie in ``month``.

    An article of the 9th means its own month by "8日", and by "28日" perhaps the last one; only
    towards a month's end is an early day one of the next month.
    """
    near = other.near
    if other.context_month is None and near is None:
        return True
    fits = {other.context_month}
    if near is not None and other.day is not None:
        fits.add(near.month)
        if other.day > near.day:
            fits.add((near.month - 2) % 12 + 1)
        elif near.day >= 20:
            fits.add(near.month % 12 + 1)
    return month in fits


def _year_fits(year: int, other: Moment) -> bool:
    """Return whether a date without a year may lie in ``year``: 11 months about the article."""
    near = other.near
    if year == other.context_year or (other.context_year is None and near is None):
        return True
    if near is None:
        return False
    if other.month is None:
        return abs(year - near.year) <= 1
    return abs((year - near.year) * 12 + other.month - near.month) <= 11


def _bounds_agree(first: Moment, second: Moment) -> bool:
    same_grain = first.grain == second.grain
    if first.earliest and first.latest and second.earliest and second.latest:
        if same_grain and first.grain in {"decade", "century"}:
            return first.earliest == second.earliest
        return first.earliest <= second.latest and second.earliest <= first.latest
    if "century" in {first.grain, second.grain} and not same_grain:
        return first.earliest is None and second.earliest is None and first.year == second.year
    return True


def _weekday(moment: Moment) -> int | None:
    """Return the day of the week of a moment, None where it is unknown, -1 if there is none."""
    if moment.weekday is not None:
        return moment.weekday
    if moment.earliest is not None and moment.earliest == moment.latest:
        return moment.earliest.weekday()
    if moment.grain == "day" and moment.near is not None and moment.day is not None:
        days = days_of(moment.near.year, moment.month or moment.near.month, moment.day)
        return days[0].weekday() if days else -1
    return None
