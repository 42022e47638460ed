"""The date in the header of a page, with the time of day and the time zone beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice

from konkyo.index.text.clock_times import hour_of_day
from konkyo.index.text.date_words import date_words, notations
from konkyo.index.text.moments import Moment, days_of
from konkyo.index.text.normalize import fold
from konkyo.index.text.written_dates import Source, cjk_dates, western_dates

__all__ = ["ParsedDate", "parse_date", "parse_stated"]

# Dashes stay what they are: 1–6月 is no date.
_WIDE = str.maketrans("０１２３４５６７８９／．－：", "0123456789/.-:")

_EPOCH = re.compile(r"(\d{9,10})(?:\.\d+)?|(\d{12,13})")
_IN_ONE = re.compile(r"(\d{4})(\d{2})(\d{2})([01]\d|2[0-3])([0-5]\d)([0-5]\d)?")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/((?:19|20)\d{2})")


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
    partial = notations()["header_without_year"].search(text.translate(_WIDE))
    if reference is None or partial is None:
        return None
    years = (reference.year - 1, reference.year, reference.year + 1)
    days = [d[0] for y in years if (d := days_of(y, int(partial["m"]), int(partial["d"])))]
    nearest = min(days, key=lambda day: abs(day - reference), default=None)
    return _parsed(source, partial.end(), nearest) if nearest else None


def parse_stated(text: str) -> ParsedDate | None:
    """Return the date a field of metadata states, or None: as ``parse_date``, and three forms more.

    ``202602091015`` is a day and a time wherever the calendar has that day; other figures are
    seconds or milliseconds since 1970, a time in UTC. ``25/12/2024`` is read because only one
    order of day and month is possible; ``03/04/2024`` is not.
    """
    text = text.strip()
    if (written := _IN_ONE.fullmatch(text)) and (dated := _written_in_one(written)):
        return dated
    if epoch := _EPOCH.fullmatch(text):
        seconds = int(epoch[1]) if epoch[1] else int(epoch[2]) // 1000
        at = datetime.fromtimestamp(seconds, UTC).isoformat()
        return ParsedDate(at[:10], at)
    if slashed := _SLASHED.match(text):
        month, day = sorted((int(slashed[1]), int(slashed[2])))
        if (day <= 12 and day != month) or days_of(int(slashed[3]), month, day) is None:
            return None
        text = f"{slashed[3]}-{month:02d}-{day:02d}{text[slashed.end() :]}"
    return parse_date(text)


def _written_in_one(found: re.Match[str]) -> ParsedDate | None:
    """Return the date of YYYYMMDDHHMM or YYYYMMDDHHMMSS between 1900 and 2099."""
    year, month, day = (int(part) for part in found.groups()[:3])
    days = days_of(year, month, day) if 1900 <= year < 2100 else None
    if days is None:
        return None
    time = ":".join(part for part in found.groups()[3:] if part)
    return ParsedDate(days[0].isoformat(), f"{days[0].isoformat()}T{time}")


def _dated(source: Source) -> Iterator[Moment]:
    """Yield the days of a header that have a year, also those that no calendar has."""
    if found := notations()["header_figures"].search(source.text.translate(_WIDE)):
        parts = {name[0]: value for name, value in found.groupdict().items() if value}
        year = int(parts["y"]) if "y" in parts else _era_year(found["era"], found["ey"])
        yield source.moment(found.span(), year, int(parts["m"]), int(parts["d"]))
    for moments in (cjk_dates(source), western_dates(source, "header", strict=False)):
        yield from islice((m for m in moments if m.day and 1900 <= (m.year or 0) < 2100), 1)


def _era_year(era: str, counted: str) -> int:
    words = date_words()
    first = words.eras[words.era_letters.get(era, era)]
    return first + (1 if counted == "元" else int(counted))


def _parsed(source: Source, end: int, day: date) -> ParsedDate:
    found = notations()["header_tail"].match(source.folded, end)
    time = _time(found) if found else None
    if not (found and time):
        return ParsedDate(day.isoformat(), None)
    zone = source.text[slice(*found.span("zone"))]
    offset = _offset(zone) if zone == zone.upper() else ""
    return ParsedDate(day.isoformat(), f"{day.isoformat()}T{time}{offset}")


def _time(found: re.Match[str]) -> str | None:
    """Return HH:MM or HH:MM:SS on the clock of 24 hours, None past its end."""
    hour = hour_of_day(int(found["h"]), found["half"])
    if found["ampm"]:
        hour = hour % 12 + 12 * (found["ampm"] == "p") if hour <= 12 else hour
    if hour > 23:
        return None
    return f"{hour:02d}:{found['mi'] or '00'}" + (f":{found['s']}" if found["s"] else "")


def _offset(zone: str) -> str:
    """Return "+09:00" for a zone's name or figures, "" for none."""
    found = re.search(r"([+-])(\d{1,2}):?(\d{2})?$", zone)
    if found is None:
        return date_words().zones.get(zone, "")
    return f"{found[1]}{int(found[2]):02d}:{found[3] or '00'}"
