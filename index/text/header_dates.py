"""The date in the header of a page, with the time of day and the time zone beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import islice

from konkyo.index.text.date_words import any_name, date_words
from konkyo.index.text.moments import Moment, days_of
from konkyo.index.text.normalize import fold
from konkyo.index.text.written_dates import Source, cjk_dates, western_dates

__all__ = ["ParsedDate", "parse_date"]

_YEAR = r"(?P<y>(?:19|20)\d{2})"
_MONTH = r"(?P<m>1[0-2]|0?[1-9])"
_DAY = r"(?P<d>3[01]|[12]\d|0?[1-9])"
_FIGURES = tuple(
    map(
        re.compile,
        (
            rf"(?<!\d){_YEAR}\s?[-/.年년]\s?{_MONTH}\s?[-/.月월]\s?{_DAY}(?!\d)",
            rf"(?<![\d.]){_DAY}\.{_MONTH}\.{_YEAR}(?!\d)",
            r"(?<!\d)(?P<y>(?:19|20)\d{2})(?P<m>1[0-2]|0[1-9])(?P<d>3[01]|[12]\d|0[1-9])(?!\d)",
        ),
    )
)
# Dashes stay what they are: 1–6月 is no date.
_WIDE = str.maketrans("０１２３４５６７８９／．－：", "0123456789/.-:")
_WITHOUT_YEAR = re.compile(rf"(?<![\d年년/.:-]){_MONTH}(?:\s?[月월]\s?|[-/]){_DAY}(?![\d/.-])")


@dataclass(frozen=True, slots=True)
class ParsedDate:
    """A day, and the time where the text gave one.

    ``day`` is ``YYYY-MM-DD``; ``at`` is ``YYYY-MM-DDTHH:MM[:SS]`` with an offset such as
    ``+09:00`` only if the text names a time zone, or None.
    """

    day: str
    at: str | None


def parse_date(text: str, *, reference: date | None = None) -> ParsedDate | None:
    """Return the first date in a text, or None.

    A day without a year ("08/16", 2月9日) is understood only with a ``reference`` and becomes the
    occurrence nearest to it. A time zone is kept as an offset, never invented.
    """
    if re.search(r"\d", text) is None:
        return None
    text = " ".join(text.split())
    source = Source(text, fold(text))
    first = min(_dated(source), key=lambda m: (m.start, -m.end), default=None)
    if first is not None:
        return _parsed(source, first.end, first.earliest) if first.earliest else None
    partial = _WITHOUT_YEAR.search(text.translate(_WIDE))
    if reference is None or partial is None:
        return None
    years = (reference.year - 1, reference.year, reference.year + 1)
    days = [d[0] for y in years if (d := days_of(y, int(partial["m"]), int(partial["d"])))]
    nearest = min(days, key=lambda day: abs(day - reference), default=None)
    return _parsed(source, partial.end(), nearest) if nearest else None


def _dated(source: Source) -> Iterator[Moment]:
    """Yield the days of a header that have a year, also those that no calendar has."""
    for pattern in _FIGURES:
        if found := pattern.search(source.text.translate(_WIDE)):
            yield source.moment(found.span(), int(found["y"]), int(found["m"]), int(found["d"]))
    if found := _era_pattern().search(source.text):
        words = date_words()
        first = words.eras[words.era_letters.get(found["era"], found["era"])]
        counted = 1 if found["ey"] == "元" else int(found["ey"])
        yield source.moment(found.span(), first + counted, int(found["m"]), int(found["d"]))
    for moments in (cjk_dates(source), western_dates(source, "header", strict=False)):
        yield from islice((m for m in moments if m.day and 1900 <= (m.year or 0) < 2100), 1)


@cache
def _era_pattern() -> re.Pattern[str]:
    """Return a pattern of 令和8.2.9, R8.2.9."""
    words = date_words()
    letters = "".join(words.era_letters)
    return re.compile(
        rf"(?P<era>{any_name(words.eras)}|(?<![A-Za-z])[{letters}](?=\d{{1,2}}[.年/]))\s?"
        rf"(?P<ey>元|\d{{1,3}})\s?[年./]\s?{_MONTH}\s?[月./]\s?{_DAY}"
    )


@cache
def _tail_pattern() -> re.Pattern[str]:
    """Return a pattern of the day of the week, the time and the zone after a date."""
    words = date_words()
    half = any_name([*words.clock.morning, *words.clock.noon, *words.clock.afternoon])
    days = words.weekdays["ja"]
    return re.compile(
        rf"\s?[日일号號]?\.?(?:\s?\([^()]{{1,4}}\)|\s?[{days}]曜日?)?"
        rf"(?:,|\s(?:at|um|à)\b|\s?[-|])?[\st]{{0,2}}(?:(?P<half>{half})\s?)?"
        r"(?P<h>[01]?\d|2[0-4])(?:(?:[:時时点點]|시\s?)(?P<mi>[0-5]\d)"
        r"(?:[:分](?P<s>[0-5]\d)(?:\.\d+)?)?|[時时点點](?!間|间)|시)分?"
        r"(?:\s?(?P<ampm>[ap])\.?m\.?)?\s?"
        rf"(?P<zone>(?:{'|'.join(words.zones).lower()})(?![a-z])(?:[+-]\d{{1,2}}(?::?\d{{2}})?)?"
        r"|[+-]\d{2}:?\d{2})?"
    )


def _parsed(source: Source, end: int, day: date) -> ParsedDate:
    found = _tail_pattern().match(source.folded, end)
    time = _time(found) if found else None
    if not (found and time):
        return ParsedDate(day.isoformat(), None)
    zone = source.text[slice(*found.span("zone"))]
    offset = _offset(zone) if zone == zone.upper() else ""
    return ParsedDate(day.isoformat(), f"{day.isoformat()}T{time}{offset}")


def _time(found: re.Match[str]) -> str | None:
    """Return HH:MM or HH:MM:SS on the clock of 24 hours, None past its end."""
    clock, hour = date_words().clock, int(found["h"])
    if (found["half"] in clock.afternoon or found["ampm"] == "p") and hour < 12:
        hour += 12
    elif (found["half"] in clock.morning or found["ampm"] == "a") and hour == 12:
        hour = 0
    if hour > 23:
        return None
    return f"{hour:02d}:{found['mi'] or '00'}" + (f":{found['s']}" if found["s"] else "")


def _offset(zone: str) -> str:
    """Return "+09:00" for a zone's name or figures, "" for none."""
    found = re.search(r"([+-])(\d{1,2}):?(\d{2})?$", zone)
    if found is None:
        return date_words().zones.get(zone, "")
    return f"{found[1]}{int(found[2]):02d}:{found[3] or '00'}"
