"""Dates as newspapers write them: ISO, Japanese eras, Chinese, Korean, European, relative ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

__all__ = ["ParsedDate", "parse_date"]


@dataclass(frozen=True, slots=True)
class ParsedDate:
    """A day, and the time where the text gave one.

    ``day`` is ``YYYY-MM-DD``; ``at`` is ``YYYY-MM-DDTHH:MM[:SS]`` with an offset such as
    ``+09:00`` only if the text names a time zone, or None; ``start:end`` is the span it was read from.
    """

    day: str
    at: str | None
    start: int
    end: int


_ERAS = {
    "令和": 2018,
    "平成": 1988,
    "昭和": 1925,
    "大正": 1911,
    "明治": 1867,
    "民國": 1911,
    "民国": 1911,
}
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar jänner janvier janv enero ene gennaio janeiro januari",
            "february feb februar février févr fév febrero febbraio fevereiro februari",
            "march mar märz maerz mrz mars marzo março maart",
            "april apr avril avr abril abr aprile",
            "may mai mayo maggio maio mei",
            "june jun juni juin junio giugno junho",
            "july jul juli juillet juil julio luglio julho",
            "august aug août agosto ago augustus",
            "september sep sept septembre septiembre settembre setembro",
            "october oct oktober okt octobre octubre ottobre outubro",
            "november nov novembre noviembre novembro",
            "december dec dezember dez décembre déc diciembre dic dicembre dezembro",
        ),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))
_TIME = (
    r"(?:[\sT　]*+(?:(?P<pm>午前|午後|上午|下午|晚上|오전|오후)\s*+)?(?P<h>[01]?\d|2[0-4])(?:(?:[:：時时点點]|시\s*+)(?P<mi>[0-5]\d)"
    r"(?:[:：分](?P<s>[0-5]\d)(?:\.\d+)?)?|[時时点點](?!間|间)|시)分?(?:\s*+(?P<ampm>[AaPp]\.?[Mm]\.?))?"
    r"\s*+(?P<zone>Z\b|[+-]\d{2}:?\d{2}|(?:GMT|UTC)(?:[+-]\d{1,2}(?::?\d{2})?)?|JST|KST|CST|EST|EDT|PST|PDT|CET|CEST|BST|ET)?)?"
)
_DOW = r"(?:\s*+[（(][^（()）]{1,4}[)）]|\s*+[月火水木金土日]曜日?)?"
_YMD = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})\s*+[-/.．年년]\s*+(?P<m>1[0-2]|0?[1-9])\s*+[-/.．月월]\s*+"
    r"(?P<d>3[01]|[12]\d|0?[1-9])(?!\d)\s*+[日일号號]?\.?" + _DOW + r",?\s*+" + _TIME
)
_COMPACT = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})(?P<m>1[0-2]|0[1-9])(?P<d>3[01]|[12]\d|0[1-9])(?!\d)" + _TIME
)
_ERA = re.compile(
    r"(?P<era>"
    + "|".join(_ERAS)
    + r"|(?<![A-Za-z])[RHS](?=\d{1,2}[.年/]))\s*+(?P<ey>元|\d{1,3})\s*+[年./]\s*+"
    r"(?P<m>1[0-2]|0?[1-9])\s*+[月./]\s*+(?P<d>3[01]|[12]\d|0?[1-9])\s*+日?" + _DOW + _TIME
)
_DMY = re.compile(
    r"(?<![\w.])(?P<d>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th|er|\.|º)?\s++(?:of\s++|de\s++)?(?P<mn>"
    + _MONTH
    + r")\.?,?\s++"
    r"(?:de\s++|del\s++)?(?P<y>(?:19|20)\d{2})(?:,|\s++at|\s++um|\s++à|\s*+[-|–])?\s*+" + _TIME,
    re.IGNORECASE,
)
_MDY = re.compile(
    r"(?<!\w)(?P<mn>"
    + _MONTH
    + r")\.?\s++(?P<d>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?,?\s++(?P<y>(?:19|20)\d{2})"
    r"(?:,|\s++at|\s*+[-|–])?\s*+" + _TIME,
    re.IGNORECASE,
)
_DOTTED = re.compile(
    r"(?<![\d.])(?P<d>3[01]|[12]\d|0?[1-9])[.](?P<m>1[0-2]|0?[1-9])[.](?P<y>(?:19|20)\d{2})(?!\d),?\s*+"
    + _TIME
)
# Wide digits and marks have the length of narrow ones, so offsets stay true.
_WIDE = str.maketrans("０１２３４５６７８９／．－：", "0123456789/.-:")
_ABSOLUTE = (_YMD, _ERA, _DMY, _MDY, _DOTTED, _COMPACT)
_MD = re.compile(
    r"(?<![\d年년/.:-])(?P<m>1[0-2]|0?[1-9])(?:\s*+[月월]\s*+|[-/])(?P<d>3[01]|[12]\d|0?[1-9])(?![\d/.-])\s*+[日일号號]?"
    + _DOW
    + r",?\s*+"
    + _TIME
)
_ZONES = {
    "Z": "+00:00", "GMT": "+00:00", "UTC": "+00:00", "JST": "+09:00", "KST": "+09:00", "EST": "-05:00",
    "EDT": "-04:00", "PST": "-08:00", "PDT": "-07:00", "CET": "+01:00", "CEST": "+02:00", "BST": "+01:00",
}  # fmt: skip


def parse_date(
    text: str, *, reference: date | None = None, language: str | None = None
) -> ParsedDate | None:
    """The first date in a text, or None.

    A day without a year ("08/16", 2月9日) is understood only with a ``reference`` and becomes the
    occurrence nearest to it. A time zone is kept as an offset, never invented.
    """
    text = text.translate(_WIDE)
    found = min(
        (m for pattern in _ABSOLUTE if (m := pattern.search(text)) is not None),
        key=lambda m: m.start(),
        default=None,
    )
    if found is not None:
        return _parsed(found, _year(found))
    if reference is None:
        return None
    partial = _MD.search(text)
    if partial is not None:
        month, day = int(partial["m"]), int(partial["d"])
        years = [
            y
            for y in (reference.year - 1, reference.year, reference.year + 1)
            if _valid(y, month, day)
        ]
        if years:
            nearest = min(years, key=lambda y: abs(date(y, month, day) - reference))
            return _parsed(partial, nearest)
    return None


def _year(found: re.Match[str]) -> int:
    groups = found.groupdict()
    if groups.get("y"):
        return int(groups["y"])
    era = {"R": "令和", "H": "平成", "S": "昭和"}.get(groups["era"], groups["era"])
    return _ERAS[era] + (1 if groups["ey"] == "元" else int(groups["ey"]))


def _valid(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _parsed(found: re.Match[str], year: int) -> ParsedDate | None:
    groups = found.groupdict()
    month = int(groups["m"]) if groups.get("m") else _MONTHS[groups["mn"].lower()]
    day = int(groups["d"])
    if not _valid(year, month, day):
        return None
    iso = date(year, month, day).isoformat()
    return ParsedDate(iso, _clock(iso, groups), found.start(), found.end())


def _clock(iso: str, groups: dict[str, str | None]) -> str | None:
    hour_text = groups.get("h")
    if hour_text is None:
        return None
    hour = int(hour_text)
    half = (groups.get("pm") or groups.get("ampm") or "").lower().replace(".", "")
    if half in ("午後", "下午", "晚上", "오후", "pm") and hour < 12:
        hour += 12
    elif half in ("午前", "上午", "오전", "am") and hour == 12:
        hour = 0
    if hour > 23:
        return None
    clock = f"{iso}T{hour:02d}:{groups.get('mi') or '00'}"
    if groups.get("s"):
        clock += f":{groups['s']}"
    return clock + _offset(groups.get("zone"))


def _offset(zone: str | None) -> str:
    if not zone:
        return ""
    if zone in _ZONES:
        return _ZONES[zone]
    found = re.search(r"([+-])(\d{1,2}):?(\d{2})?$", zone)
    return f"{found[1]}{int(found[2]):02d}:{found[3] or '00'}" if found else ""
