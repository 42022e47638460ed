"""Times of day and days of the week in running text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from konkyo.index.text.date_words import any_name, date_words, number
from konkyo.index.text.moments import Moment
from konkyo.index.text.word_data import any_of
from konkyo.index.text.written_dates import Source

__all__ = ["cjk_weekdays", "clock_times"]

_ENGLISH = re.compile(
    r"(?<![\d.,:])(?P<h>1[0-2]|0?[1-9])(?::(?P<mi>[0-5]\d))?\s?(?P<half>a\.?m\.?|p\.?m\.?)(?![a-z])"
    r"|\b(?P<noon>noon|midnight)\b"
)


@cache
def _clock_pattern() -> re.Pattern[str]:
    clock = date_words().clock
    half = any_name([*clock.morning, *clock.noon, *clock.afternoon])
    return re.compile(
        rf"(?:(?P<half>{half})\s?)?"
        r"(?<![\d.,])(?P<h>\d{1,2}|(?<![一-鿿])[一二三四五六七八九十]{1,3})\s?"
        rf"(?:時(?!{any_name(clock.not_after_hour)})|시(?!{any_name(clock.not_after_si)})"
        rf"|点(?={any_of(clock.after_dian)})|:(?=[0-5]\d(?!\d)))"
        r"(?:\s?(?P<mi>[0-5]?\d|[一二三四五]?十?[一二三四五六七八九]?)(?:分|분|(?!\d)))?(?P<past>半)?"
    )


def clock_times(source: Source) -> Iterator[Moment]:
    """Yield times of day: 午後3時30分, 下午三点半, 15:30, 3:30 p.m., noon."""
    afternoon = date_words().clock.afternoon
    for found in _clock_pattern().finditer(source.folded):
        hour = number(found["h"])
        minute = 30 if found["past"] else number(found["mi"] or "0")
        if hour > 24 or minute > 59:
            continue
        known = bool(found["half"]) or hour > 12 or ":" in found.group()
        hour += 12 if found["half"] in afternoon and hour < 12 else 0
        yield _time(source, found, hour * 60 + minute, known)
    for found in _ENGLISH.finditer(source.folded):
        if noon := found["noon"]:
            minutes = 720 if noon == "noon" else 0
        else:
            hour = int(found["h"]) % 12 + (12 if found["half"][0] == "p" else 0)
            minutes = hour * 60 + int(found["mi"] or 0)
        yield _time(source, found, minutes, True)


def _time(source: Source, found: re.Match[str], minutes: int, half_known: bool) -> Moment:
    span = found.span()
    return Moment(
        *span, source.text[slice(*span)], "time", clock=minutes % 1440, half_known=half_known
    )


@cache
def _weekday_pattern() -> re.Pattern[str]:
    days = date_words().weekdays
    return re.compile(
        rf"(?P<ja>[{days['ja']}])曜|(?<=[日号])\s?\((?P<ja2>[{days['ja']}])\)"
        rf"|(?:星期|礼拜|禮拜|周|週)(?P<zh>[{days['zh']}天])(?![年个個间間])"
        rf"|(?P<ko>[{days['ko']}])요일|(?<=일)\s?\((?P<ko2>[{days['ko']}])\)"
    )


def cjk_weekdays(source: Source) -> Iterator[Moment]:
    """Yield days of the week: 月曜, 9日(月), 星期一, 월요일."""
    days = date_words().weekdays
    for found in _weekday_pattern().finditer(source.folded):
        group, name = next((k, v) for k, v in found.groupdict().items() if v)
        number_of_day = days[group[:2]].index(name.replace("天", "日"))
        yield Moment(
            *found.span(), source.text[slice(*found.span())], "weekday",
            weekday=number_of_day, near=source.reference,
        )  # fmt: skip
