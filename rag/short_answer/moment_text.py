"""A day, month, year or time of day, said in another language."""

from __future__ import annotations

from datetime import time, timedelta

from babel.dates import format_date, format_skeleton, format_time

from konkyo.index.text.moments import Moment, days_of, nearest_day
from konkyo.rag.short_answer.wording import locale_of, ordinal, words_of

__all__ = ["moment_text", "whole_day_text"]

_NEAR = timedelta(days=10)
"""A day of the article's month that is so near is none of another month."""

_ANY_YEAR = 2000
"""A leap year, so that 29 February can be said without a year."""


def moment_text(moment: Moment, language: str) -> str | None:
    """Returns the moment in a language, ``None`` where it cannot be said exactly there.

    A day counted from the article's own ("yesterday") is said as the day it was; one that no
    calendar has (31 April) cannot be said.
    """
    locale = locale_of(language)
    if moment.grain == "time" and moment.clock is not None:
        if not moment.half_known:
            return None
        told = format_time(time(*divmod(moment.clock, 60)), "short", locale=locale)
        # The CLDR puts a narrow space before AM, which few keyboards and searches know.
        return told.replace("\u202f", " ")
    if moment.grain not in {"day", "month", "year"}:
        return None
    if moment.text.isdecimal():
        # 2026 may be a year or a number of things; it is the same figure everywhere.
        return moment.text
    parts = [p for p in (moment.year, moment.month, moment.day) if p is not None]
    if moment.year is not None and not 1 <= moment.year <= 9999:
        return None
    if moment.day is not None and moment.month is None:
        return _day_alone(moment.day, language)
    if not parts:
        return None
    skeleton = "".join(
        letters
        for letters, part in (("y", moment.year), ("MMMM", moment.month), ("d", moment.day))
        if part is not None
    )
    days = days_of(moment.year or _ANY_YEAR, moment.month or 1, moment.day or 1)
    if days is None:
        return None
    day = days[0]
    if skeleton == "yMMMMd":
        return format_date(day, "long", locale)
    return format_skeleton(skeleton, day, locale=locale)


def whole_day_text(moment: Moment, language: str) -> str | None:
    """Returns in full what a text tells by its article's day alone: "last month", 「28日」.

    ``None`` where it is told in full, or cannot be. A day without a month is one of the article's
    month where that is near.
    """
    if moment.relative is not None:
        return moment_text(moment, language)
    if moment.grain != "day" or moment.day is None or moment.month or moment.near is None:
        return None
    day = nearest_day(moment, moment.near)
    if day is None or abs(day - moment.near) > _NEAR:
        return None
    return format_date(day, "long", locale_of(language))


def _day_alone(day: int, language: str) -> str | None:
    words = words_of(language)
    if words is None:
        return None
    return words.day.format(n=ordinal(day, language) if len(words.ordinal) > 1 else day)
