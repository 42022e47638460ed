"""Dates that a text writes out: days, months, years, decades and centuries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

from konkyo.index.text.date_words import date_words, named_pattern, notations, number
from konkyo.index.text.moments import Grain, Moment, days_of, shift_month
from konkyo.index.text.normalize import fold

__all__ = [
    "Source",
    "cjk_dates",
    "figure_dates",
    "month_calendar",
    "spans_of_years",
    "western_dates",
    "western_days",
]

Relative = tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class Source:
    """A text, its folded form of the same length, and the day it was published."""

    text: str
    folded: str
    reference: date | None = None

    def moment(
        self,
        span: tuple[int, int],
        year: int | None = None,
        month: int | None = None,
        day: int | None = None,
        relative: Relative = None,
    ) -> Moment:
        """Return the moment of a span, with the days it covers if its year is known."""
        grain: Grain = "day" if day is not None else "month" if month is not None else "year"
        low, high = (days_of(year, month, day) if year is not None else None) or (None, None)
        return Moment(
            *span, self.text[slice(*span)], grain, year, month, day,
            earliest=low, latest=high, near=self.reference, relative=relative,
        )  # fmt: skip


def _int(*texts: str | None) -> int | None:
    return next((number(text) for text in texts if text is not None), None)


# --- Japanese, Chinese and Korean -----------------------------------------------------------------

_CJK_UNIT = re.compile("[年년月월日号號일]")


def cjk_dates(source: Source) -> Iterator[Moment]:
    """Yield dates such as 2026年2月9日, 令和8年, 昨年12月, 来月19日, 5월 7일 and 8日."""
    if _CJK_UNIT.search(source.folded) is None:
        return
    for found in notations()["cjk"].finditer(source.folded):
        parts = found.groupdict()
        day = _int(*map(parts.get, ("d", "ryd", "rmd", "d2", "d4")))
        year, month, relative = _cjk_year(parts, source.reference)
        if parts["y"] and not parts["bc"] and not 1000 <= (year or 0) <= 2200:
            continue
        if (month is None or 1 <= month <= 12) and (day is None or 1 <= day <= 31):
            yield source.moment(found.span(), year, month, day, relative)


def _cjk_year(
    parts: dict[str, str | None], reference: date | None
) -> tuple[int | None, int | None, Relative]:
    words = date_words()
    month = _int(parts["m"], parts["rym"], parts["m2"])
    if word := parts["ry"]:
        steps = words.steps("year")[word]
        return (reference.year + steps if reference else None), month, ("year", steps)
    if word := parts["rm"]:
        steps = words.steps("month")[word]
        year, month = shift_month(reference, steps) if reference else (None, None)
        return year, month, ("month", steps)
    if (era := parts["era"]) and (counted := parts["ey"]):
        return words.eras[era] + (1 if counted == "元" else number(counted)), month, None
    if written := parts["y"]:
        return number(written) * (-1 if parts["bc"] else 1), month, None
    return None, month, None


# --- languages that write months as words ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Calendar:
    """The names of a language's months and days of the week, and the patterns made of them."""

    months: dict[str, int]
    weekdays: dict[str, int]
    dates: re.Pattern[str]
    days: re.Pattern[str]


@cache
def month_calendar(language: str) -> Calendar | None:
    """Return the calendar of a language (CLDR) or one of ``[calendars]``; None if unknown."""
    from babel import Locale, UnknownLocaleError

    words = date_words()
    months: dict[str, int] = {}
    weekdays: dict[str, int] = {}
    for code in words.calendars.get(language, (language,)):
        try:
            locale = Locale.parse(code)
        except (UnknownLocaleError, ValueError):
            return None
        widths = ("wide", "abbreviated") if code in (language, "en") else ("wide",)
        for shape, width in ((s, w) for s in ("format", "stand-alone") for w in widths):
            for names, table in ((locale.months, months), (locale.days, weekdays)):
                for value, name in names[shape][width].items():
                    table.setdefault(fold(name).rstrip("."), value)
    months = {n: v for n, v in months.items() if len(n) >= 3 and not n[0].isdigit()}
    months |= words.months.get(language, {})
    shortest = 3 if language == "en" else 4
    weekdays = {n: v for n, v in weekdays.items() if len(n) >= shortest}
    begin, end = ("", "") if language == "th" else (r"(?<![^\W_])", r"(?![^\W\d_])")
    day_names = _longest_first(weekdays) or r"(?!)"
    return Calendar(
        months,
        weekdays,
        named_pattern("western", begin=begin, end=end, month=_longest_first(months)),
        re.compile(rf"{begin}(?P<w>{day_names}){end}"),
    )


def _longest_first(names: dict[str, int]) -> str:
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))


def western_dates(source: Source, language: str, *, strict: bool = True) -> Iterator[Moment]:
    """Yield dates and weekdays whose month or day of the week is written as a word.

    ``strict`` asks for capitals where the language has them, and for a word of time before a
    short name alone ("in May").
    """
    calendar = month_calendar(language)
    # Some languages write months in figures alone.
    if calendar is None or not calendar.months:
        return
    capitals = strict and language in {"en", "de"}
    for found in calendar.dates.finditer(source.folded):
        if not strict or _is_month(source, found, capitals, language):
            yield _western_moment(source, found, calendar.months)
    for found in calendar.days.finditer(source.folded):
        if not capitals or source.text[found.start()].isupper():
            yield Moment(
                *found.span(), source.text[slice(*found.span())], "weekday",
                weekday=calendar.weekdays[found["w"]], near=source.reference,
            )  # fmt: skip


def _is_month(source: Source, found: re.Match[str], capitals: bool, language: str) -> bool:
    """Return whether a month's name is no other word: "may", "march", "mar"."""
    at = max(found.start(key) for key in ("m1", "m2", "m3", "m4"))
    if capitals and not source.text[at].isupper():
        return False
    if found["m4"] is None or len(found["m4"]) > 4 or language == "th":
        return True
    before = source.folded[max(0, at - 10) : at]
    return date_words().written.before_short_month.search(before) is not None


def _western_moment(source: Source, found: re.Match[str], months: dict[str, int]) -> Moment:
    parts = found.groupdict()
    name = next(parts[key] for key in ("m1", "m2", "m3", "m4") if parts[key])
    year = _int(parts["y1"], parts["y2"], parts["y3"])
    relative: Relative = None
    if parts["r4"]:
        relative = ("year", date_words().steps("year")[parts["r4"]])
        year = source.reference.year + relative[1] if source.reference else None
    day = _int(parts["d1"], parts["d2"])
    return source.moment(found.span(), year, months[name], day, relative)


def western_days(source: Source) -> Iterator[Moment]:
    """Yield days beside a relative month, or alone: "next month 19", "on the 5th"."""
    for found in notations()["western_day"].finditer(source.folded):
        day = _int(found["d"], found["d2"], found["d3"])
        year = month = relative = None
        if word := found["rm"] or found["rm2"]:
            relative = ("month", date_words().steps("month")[word])
            if source.reference:
                year, month = shift_month(source.reference, relative[1])
        if relative or (day is not None and 1 <= day <= 31):
            yield source.moment(found.span(), year, month, day, relative)


# --- figures --------------------------------------------------------------------------------------


def figure_dates(source: Source) -> Iterator[Moment]:
    """Yield dates such as 2026-02-09 and 44 BC, and years alone."""
    counted = date_words().written.counted_after_year
    for found in notations()["iso"].finditer(source.folded):
        yield source.moment(found.span(), int(found["y"]), int(found["m"]), int(found["d"]))
    for found in notations()["remote_year"].finditer(source.folded):
        before = _int(found["bc"], found["bc2"])
        yield source.moment(found.span(), int(found["ad"]) if before is None else -before)
    for found in notations()["year"].finditer(source.folded):
        if not counted.match(source.folded, found.end()):
            yield source.moment(found.span(), int(found["y"]))


# --- decades and centuries ------------------------------------------------------------------------

_ROMAN = {"i": 1, "v": 5, "x": 10}


def spans_of_years(source: Source) -> Iterator[Moment]:
    """Yield centuries and decades."""
    for found in notations()["century"].finditer(source.folded):
        if roman := found["es"] or found["fr"]:
            century = _roman(roman)
        elif word := found["en"]:
            century = date_words().ordinals[word]
        else:
            century = number(found["c"] or found["nth"] or found["de"])
        span = found.span()
        if found["bc"] or found["bc2"]:
            yield Moment(*span, source.text[slice(*span)], "century", year=-100 * century)
        else:
            yield _years(source, span, "century", max(1, 100 * century - 99), 100 * century)
    for found in notations()["decade"].finditer(source.folded):
        year = int(next(v for k, v in found.groupdict().items() if v and k != "century"))
        year += 100 * (int(found["century"]) - 1) if found["century"] else 0
        year += 1900 if year < 100 else 0
        yield _years(source, found.span(), "decade", year, year + 9)


def _years(source: Source, span: tuple[int, int], grain: Grain, first: int, last: int) -> Moment:
    low, high = days_of(first), days_of(last)
    year = first if high is None else None
    return Moment(
        *span, source.text[slice(*span)], grain, year, earliest=low[0] if low else None,
        latest=high[1] if high else None, near=source.reference, context_year=first,
    )  # fmt: skip


def _roman(text: str) -> int:
    total = 0
    for here, following in zip(text, [*text[1:], "i"], strict=True):
        lower = _ROMAN[here] < _ROMAN[following]
        total += -_ROMAN[here] if lower else _ROMAN[here]
    return total
