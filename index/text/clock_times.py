"""Times of day and days of the week in running text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from konkyo.index.text.date_words import date_words, notations, number
from konkyo.index.text.moments import Moment
from konkyo.index.text.written_dates import Source

__all__ = ["cjk_weekdays", "clock_times", "hour_of_day"]


def clock_times(source: Source) -> Iterator[Moment]:
    """Yield times of day: 午後3時30分, 下午三点半, 15:30, 3:30 p.m., noon."""
    for found in notations()["clock"].finditer(source.folded):
        hour = number(found["h"])
        minute = 30 if found["past"] else number(found["mi"] or "0")
        if hour > 24 or minute > 59:
            continue
        known = bool(found["half"]) or hour > 12 or ":" in found.group()
        if hour == 12 and found["half"] in date_words().clock.morning:
            known = False
        yield _time(source, found, hour_of_day(hour, found["half"]) * 60 + minute, known)
    for found in notations()["clock_english"].finditer(source.folded):
        if found["h"] is None:
            minutes = 720 if found["noon"] or found["ko_noon"] else 0
        else:
            hour = int(found["h"]) % 12 + (12 if found["half"][0] == "p" else 0)
            minutes = hour * 60 + int(found["mi"] or 0)
        yield _time(source, found, minutes, True)


def hour_of_day(hour: int, half: str | None) -> int:
    """Return the hour on the clock of 24 hours; ``half`` is a word beside it: 午後, 밤, 凌晨.

    Twelve at night or in the morning is 0, and one to four at night come after midnight.
    """
    clock = date_words().clock
    if half in clock.night:
        return hour + 12 if 4 < hour < 12 else hour % 12 if hour == 12 else hour
    if hour == 12 and half in (*clock.before_dawn, *clock.morning):
        return 0
    later = half in clock.afternoon or (half in clock.noon and hour < 11)
    return hour + 12 if later and hour < 12 else hour


def _time(source: Source, found: re.Match[str], minutes: int, half_known: bool) -> Moment:
    span = found.span()
    return Moment(
        *span, source.text[slice(*span)], "time", clock=minutes % 1440, half_known=half_known
    )


def cjk_weekdays(source: Source) -> Iterator[Moment]:
    """Yield days of the week: 月曜, 9日(月), 星期一, 월요일."""
    days = date_words().weekdays
    for found in notations()["weekday"].finditer(source.folded):
        group, name = next((k, v) for k, v in found.groupdict().items() if v)
        number_of_day = days[group[:2]].index(name.replace("天", "日"))
        yield Moment(
            *found.span(), source.text[slice(*found.span())], "weekday",
            weekday=number_of_day, near=source.reference,
        )  # fmt: skip
