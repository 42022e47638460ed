"""The period a question asks about: "since May", "in 2025", 先週, 昨年12月, 지난주, 上周.

A period is a filter on the day of *publication*, so it is only as good as a guess and whoever
applies it must fail open: when nothing within it answers, search everything and say so. Left
alone on purpose: a single day ("on 7 May", 5月7日), which names an event that later articles
tell of, a month without a year ("in May"), and what lies in the future ("予定", "will").
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

__all__ = ["Period", "period_in_question"]


@dataclass(frozen=True, slots=True)
class Period:
    """Inclusive ISO dates, None where open; ``question[start:end]`` said so.

    ``relative`` tells 先週 (surely about reports of last week) from "in 2025" (perhaps an event of
    that year, told later).
    """

    since: str | None
    until: str | None
    start: int
    end: int
    relative: bool


Range = tuple[date, date]

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janvier enero",
            "february feb februar février febrero",
            "march mar märz mars marzo",
            "april apr avril abril",
            "may mai mayo",
            "june jun juni juin junio",
            "july jul juli juillet julio",
            "august aug août agosto",
            "september sept sep septembre septiembre",
            "october oct oktober octobre octubre",
            "november nov novembre noviembre",
            "december dec dezember décembre diciembre",
        ),
        start=1,
    )
    for name in names.split()
}
_NAME = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\b\.?"
_NUMBER = r"(?:\d{1,4}|[０-９]{1,4}|[一二三四五六七八九十两兩]{1,3}|a|an|one|two|three|four|five|six|seven|eight|nine|ten|twelve|한|두|세|네|일(?=주일))"
_WORDS = {
    w: i
    for i, w in enumerate(
        [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
        ]
    )
}
_WORDS |= {"일": 1, "a": 1, "an": 1, "한": 1, "두": 2, "세": 3, "네": 4, "两": 2, "兩": 2}
_WIDE = str.maketrans("０１２３４５６７８９", "0123456789")
_DIGITS = {c: i for i, c in enumerate("〇一二三四五六七八九十")}


def _number(text: str) -> int:
    text = text.strip().lower()
    if text in _WORDS:
        return _WORDS[text]
    if text.isdigit():
        return int(text)
    if "十" in text:
        tens, ones = text.split("十", 1)
        return 10 * (_DIGITS.get(tens, 1) if tens else 1) + _DIGITS.get(ones, 0)
    return _DIGITS.get(text, 0)


def _month(year: int, month: int) -> Range:
    return date(year, month, 1), date(year, month, monthrange(year, month)[1])


def _year(year: int) -> Range:
    return date(year, 1, 1), date(year, 12, 31)


def _week(today: date, weeks: int) -> Range:
    monday = today - timedelta(days=today.weekday() - 7 * weeks)
    return monday, monday + timedelta(days=6)


def _shifted(today: date, months: int) -> date:
    """The same day some months away, or the last day of a shorter month."""
    index = today.year * 12 + today.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))


def _day(today: date, days: int) -> Range:
    day = today + timedelta(days=days)
    return day, day


def _last_months(today: date, months: int) -> Range:
    day = _shifted(today.replace(day=1), -months)
    return _month(day.year, day.month)


_UNITS = {
    word: unit
    for unit, words in (
        ("day", "day days 日 日間 天 일 일간 tage tagen jours días"),
        (
            "week",
            "week weeks 週 周 週間 个星期 星期 주 주간 주일 woche wochen semaine semaines semana semanas",
        ),
        (
            "month",
            "month months か月 カ月 ヶ月 ヵ月 ケ月 箇月 个月 個月 개월 달 monat monate monaten mois mes meses",
        ),
        ("year", "year years 年 年間 년 년간 jahr jahre jahren an ans année années año años"),
    )
    for word in words.split()
}
_UNIT = "|".join(sorted(_UNITS, key=len, reverse=True))


def _past(today: date, number: int, unit: str) -> Range | None:
    """The last so many days, weeks, months or years, today included."""
    kind = _UNITS.get(unit.lower())
    if kind is None or not 0 < number <= 3650:
        return None
    if kind in ("day", "week"):
        return today - timedelta(days=number * (7 if kind == "week" else 1)), today
    if number * (12 if kind == "year" else 1) > 12 * (today.year - 2):
        return None
    return _shifted(today, -number * (12 if kind == "year" else 1)), today


Reading = Callable[[re.Match[str], date], Range | None]


def _simple(reading: Callable[[date], Range]) -> Reading:
    return lambda match, today: reading(today)


def _of_year(offset: int) -> Reading:
    """昨年12月: a month of a year counted from this one; without a month, the year."""

    def read(match: re.Match[str], today: date) -> Range | None:
        month = match.groupdict().get("month")
        year = today.year + offset
        if not month:
            return _year(year)
        return _month(year, _number(month)) if 1 <= _number(month) <= 12 else None

    return read


_CJK_MONTH = r"(?:\s*+(?:の\s*+)?(?P<month>1[0-2]|[1-9]|十[一二]?|[一二三四五六七八九])\s*+[月월](?!\s*+\d{1,2}\s*+[日일号]))?"


def _absolute_month(match: re.Match[str], today: date) -> Range | None:
    year = int(match["year"])
    groups = match.groupdict()
    if groups.get("name"):
        return _month(year, _MONTHS[groups["name"].lower().rstrip(".")])
    month = _number(groups["month"]) if groups.get("month") else 0
    return _month(year, month) if 1 <= month <= 12 else _year(year)


def _era(match: re.Match[str], today: date) -> Range | None:
    base = {"令和": 2018, "平成": 1988, "昭和": 1925}[match["era"]]
    year = base + (1 if match["year"] == "元" else int(match["year"]))
    month = match.groupdict().get("month")
    return _month(year, _number(month)) if month and 1 <= _number(month) <= 12 else _year(year)


_RELATIVE: tuple[tuple[re.Pattern[str], Reading], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reading)
    for pattern, reading in (
        (r"(?:ここ|この|過去|直近(?:の)?|最近(?:の)?)\s*(?P<n>" + _NUMBER + r")\s*(?P<u>" + _UNIT + r")(?:間|くらい|ほど)?|"
         r"(?:过去|過去|最近|近)(?:的)?\s*(?P<n2>" + _NUMBER + r")\s*(?P<u2>" + _UNIT + r")|"
         r"(?:지난|최근)\s*(?P<n3>" + _NUMBER + r")\s*(?P<u3>" + _UNIT + r")(?:\s*동안)?|"
         r"\b(?:(?:in|over|during|within)\s+)?(?:the\s+)?(?:past|last|previous)\s+(?P<n4>" + _NUMBER + r")\s+(?P<u4>" + _UNIT + r")\b|"
         r"\b(?:in den |in the )?letzten\s+(?P<n5>" + _NUMBER + r")\s+(?P<u5>" + _UNIT + r")\b",
         lambda m, today: _past(today, *_counted(m))),
        (r"\b(?:in|over|during|within)\s+the\s+(?:past|last)\s+(?P<u4>week|month|year)\b", lambda m, today: _past(today, 1, m["u4"])),
        (r"一昨日|おととい|前天|그저께|그제|\bthe day before yesterday\b|\bvorgestern\b|\bavant-hier\b|\banteayer\b", _simple(lambda t: _day(t, -2))),
        (r"昨日|きのう|昨天|昨夜|昨晩|어제|\byesterday\b|\bgestern\b|\bhier\b(?= )|\bayer\b", _simple(lambda t: _day(t, -1))),
        (r"今日(?!的?话)|本日|きょう|今天|오늘|\btoday\b|\bheute\b|\baujourd['’]hui\b|\bhoy\b", _simple(lambda t: _day(t, 0))),
        (r"先々週|上上周|上上週|지지난\s?주|\bthe week before last\b", _simple(lambda t: _week(t, -2))),
        (r"先週|上周(?!年)|上週|上个?星期|上個星期|지난\s?주|\blast week\b|\b(?:letzte|vergangene|vorige)[rn]? Woche\b|\bla semaine dernière\b|\bla semana pasada\b", _simple(lambda t: _week(t, -1))),
        (r"今週|本周|本週|这周|這週|这个?星期|이번\s?주|금주|\bthis week\b|\bdiese[rn]? Woche\b|\bcette semaine\b|\besta semana\b", _simple(lambda t: _week(t, 0))),
        (r"先々月|上上个?月|지지난\s?달|\bthe month before last\b", _simple(lambda t: _last_months(t, 2))),
        (r"先月|上个?月|上個月|지난\s?달|\blast month\b|\b(?:letzten|vergangenen|vorigen) Monat\b|\ble mois dernier\b|\bel mes pasado\b", _simple(lambda t: _last_months(t, 1))),
        (r"今月|本月|这个?月|這個月|이번\s?달|이달|\bthis month\b|\bdiesen Monat\b|\bce mois(?:-ci)?\b|\beste mes\b", _simple(lambda t: _last_months(t, 0))),
        (r"(?:一昨年|おととし|前年(?=\d)|재작년)" + _CJK_MONTH, _of_year(-2)),
        (r"(?:昨年|去年|작년|지난해)" + _CJK_MONTH, _of_year(-1)),
        (r"(?:今年|本年|올해|금년)" + _CJK_MONTH, _of_year(0)),
        (r"\blast (?P<name>" + _NAME + r")(?! \d)", lambda m, today: _recent_month(m["name"], today)),
        (r"\b(?:in\s+)?(?P<name>" + _NAME + r")\s+(?:of\s+)?last year\b", lambda m, today: _month(today.year - 1, _MONTHS[m["name"].lower().rstrip(".")])),
        (r"\b(?:in\s+)?(?P<name>" + _NAME + r")\s+(?:of\s+)?this year\b", lambda m, today: _month(today.year, _MONTHS[m["name"].lower().rstrip(".")])),
        (r"\blast year\b|\b(?:letztes|vergangenes|voriges) Jahr\b|\bl['’]année dernière\b|\bel año pasado\b", _simple(lambda t: _year(t.year - 1))),
        (r"\bthis year\b|\bdieses Jahr\b|\bcette année\b|\beste año\b", _simple(lambda t: _year(t.year))),
    )
)  # fmt: skip
_YEAR = r"(?P<year>(?:19|20)\d{2})"
_ABSOLUTE: tuple[tuple[re.Pattern[str], Reading], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reading)
    for pattern, reading in (
        (
            r"(?<!\d)"
            + _YEAR
            + r"\s*[年년](?!度|代|間)(?:\s*+(?:の\s*+)?(?P<month>1[0-2]|0?[1-9])\s*+[月월](?!\s*+\d{1,2}\s*+[日일号號]))(?!\d)",
            _absolute_month,
        ),
        (
            r"(?<!\d)" + _YEAR + r"\s*[年년](?!度|代|間|\s*+(?:の\s*+)?\d{1,2}\s*+[月월])",
            _absolute_month,
        ),
        (
            r"(?P<era>令和|平成|昭和)\s*(?P<year>元|\d{1,2})\s*年(?!度|\s*\d{1,2}\s*月\s*\d{1,2}\s*日)(?:\s*(?P<month>1[0-2]|[1-9])\s*月)?",
            _era,
        ),
        (
            r"(?<!\d )(?<!\d)\b(?:in\s+|im\s+|en\s+)?(?P<name>"
            + _NAME
            + r"),?\s+(?:of\s+|de\s+|del\s+)?"
            + _YEAR
            + r"\b",
            _absolute_month,
        ),
        (
            r"\b(?:in|during|throughout|since|from|after|before|until|till|en|im Jahr|seit|depuis|desde)\s+(?:the year\s+|l['’]an\s+)?"
            + _YEAR
            + r"\b(?![-/.]\d)",
            _absolute_month,
        ),
        (r"(?<![\d-])" + _YEAR + r"-(?P<month>0[1-9]|1[0-2])(?![\d-])", _absolute_month),
    )
)
_DAY = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})\s*(?:[-/.]|[年년])\s*(?P<m>1[0-2]|0?[1-9])\s*(?:[-/.]|[月월])\s*(?P<d>3[01]|[12]\d|0?[1-9])(?!\d)\s*[日일号號]?|"
    r"(?<!\d)(?P<m2>1[0-2]|[1-9])\s*[月월]\s*(?P<d2>3[01]|[12]\d|[1-9])\s*[日일号號]|"
    r"\b(?P<d3>3[01]|[12]\d|[1-9])(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?(?P<n3>"
    + _NAME
    + r")(?:,?\s+(?:de\s+)?(?P<y3>(?:19|20)\d{2}))?|"
    r"\b(?P<n4>"
    + _NAME
    + r")\s+(?P<d4>3[01]|[12]\d|[1-9])(?:st|nd|rd|th)?\b(?:,?\s+(?P<y4>(?:19|20)\d{2}))?",
    re.IGNORECASE,
)
_BARE_MONTH = re.compile(
    r"(?<!\d)(?<![年년]\s)(?<![年년の])(?P<m>1[0-2]|[1-9])\s*[月월](?!\s*\d)|\b(?P<n>"
    + _NAME
    + r")(?!,?\s+\d)",
    re.IGNORECASE,
)
_SINCE_BEFORE = re.compile(
    r"(?:\b(?:since|after|from|starting(?: in)?|seit|ab|nach|depuis|après|à partir de|desde|después de|a partir de)\s+(?:the\s+|dem\s+|le\s+|el\s+)?|自从?|從|从)$",
    re.IGNORECASE,
)
_SINCE_AFTER = re.compile(
    r"\s*(?:以降|以来|以後|いこう|から(?!.{0,12}まで)|より後|之后|之後|以后|以來|起(?![き伏])|開始|이후|부터(?!.{0,12}까지)|이래|onwards?|on\b)",
    re.IGNORECASE,
)
_UNTIL_BEFORE = re.compile(
    r"(?:\b(?:before|until|till|up to|by|prior to|bis|vor|avant|jusqu['’](?:en|au|à)|antes de|hasta)\s+(?:the\s+|dem\s+)?|截至|截止)$",
    re.IGNORECASE,
)
_UNTIL_AFTER = re.compile(r"\s*(?:まで|以前|より前|之前|以前|前(?![々年月日週首])|까지|이전|전에)")
_BEFORE_NOT_WITHIN = re.compile(r"before|prior|vor|avant|antes|以前|前|이전|전", re.IGNORECASE)
_AFTER_NOT_WITHIN = re.compile(r"after|nach|après|después|より後|之后|之後|以后", re.IGNORECASE)
_FUTURE = re.compile(
    r"予定|見通し|見込み|つもり|来年|来月|来週|今後|計画|将来|\bwill\b|\bgoing to\b|\bplan(?:s|ned|ning)?\b|\bscheduled\b|\bupcoming\b|\bexpected to\b|\bnext (?:week|month|year)\b|将(?:会|于|要|在)?|將|计划|預定|预定|明年|下(?:周|个?月)|예정|계획|내년|다음",
    re.IGNORECASE,
)


def _counted(match: re.Match[str]) -> tuple[int, str]:
    groups = match.groupdict()
    for suffix in ("", "2", "3", "4", "5"):
        if groups.get(f"n{suffix}"):
            return _number(groups[f"n{suffix}"]), groups[f"u{suffix}"]
    return 0, ""


def _recent_month(name: str, today: date) -> Range:
    month = _MONTHS[name.lower().rstrip(".")]
    return _month(today.year if month < today.month else today.year - 1, month)


def period_in_question(question: str, today: date, language: str | None = None) -> Period | None:
    """The period of publication a question asks about, or None.

    Weeks begin on Monday; "the last 3 days" reaches from three days ago to today; "since May" means
    the latest May that has begun. ``language`` is not needed: phrases of all languages are known.
    """
    question = question.translate(_WIDE)
    found = _bounded(question, today)
    if found is not None:
        return found
    for table, relative in ((_RELATIVE, True), (_ABSOLUTE, False)):
        best: tuple[int, int, Range] | None = None
        for pattern, reading in table:
            match = pattern.search(question)
            span = reading(match, today) if match else None
            if match and span and (best is None or match.start() < best[0]):
                best = (match.start(), match.end(), span)
        if best is None:
            continue
        start, end, span = best
        if (not relative and _FUTURE.search(question)) or _DAY.match(question, start):
            return None
        return _with_direction(question, start, end, span, today, relative)
    return None


def _bounded(question: str, today: date) -> Period | None:
    """A day or a bare month counts only with a direction: "since 7 May", 5月以降."""
    for match in _DAY.finditer(question):
        day = _day_of(match, today)
        if day is not None and _directed(question, match.start(), match.end()):
            return _with_direction(question, match.start(), match.end(), (day, day), today, False)
    for match in _BARE_MONTH.finditer(question):
        month = int(match["m"]) if match["m"] else _MONTHS[match["n"].lower().rstrip(".")]
        if _SINCE_BEFORE.search(question[: match.start()]) or _SINCE_AFTER.match(
            question, match.end()
        ):
            if re.search(
                r"(?:年|년|last year|先|昨|来|next)\s*+(?:の\s*+)?$", question[: match.start()]
            ) or _FUTURE.search(question):
                continue
            if match["n"] and re.match(
                r"\s+(?:of\s+)?(?:last|this) year", question[match.end() :], re.IGNORECASE
            ):
                continue
            year = today.year if month <= today.month else today.year - 1
            later = _TO_DATED_MONTH.match(question, match.end())
            if later is not None:
                year = int(later["year"]) - (_MONTHS[later["n"].lower().rstrip(".")] < month)
            return _with_direction(
                question, match.start(), match.end(), _month(year, month), today, True
            )
    return None


def _day_of(match: re.Match[str], today: date) -> date | None:
    groups = match.groupdict()
    month = groups["m"] or groups["m2"]
    name = groups["n3"] or groups["n4"]
    number = int(month) if month else _MONTHS[name.lower().rstrip(".")]
    day = int(groups["d"] or groups["d2"] or groups["d3"] or groups["d4"])
    stated = groups["y"] or groups["y3"] or groups["y4"]
    try:
        found = date(int(stated) if stated else today.year, number, day)
        return found if stated or found <= today else found.replace(year=today.year - 1)
    except ValueError:
        return None


def _directed(question: str, start: int, end: int) -> bool:
    before = question[:start]
    return bool(
        _SINCE_BEFORE.search(before)
        or _UNTIL_BEFORE.search(before)
        or _SINCE_AFTER.match(question, end)
        or _UNTIL_AFTER.match(question, end)
    )


_TO_DATED_MONTH = re.compile(
    r"\s*(?:to|until|through|bis|and|[-–])\s+(?P<n>" + _NAME + r")\s+(?P<year>(?:19|20)\d{2})",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(
    r"(?:since|from|after|before|until|till|seit|depuis|desde)\s+", re.IGNORECASE
)
_TO = re.compile(
    r"\s*(?:から|より|부터|[〜～~–—-]|到|至|to|through|until|bis|and)\s*", re.IGNORECASE
)


def _with_direction(
    question: str, start: int, end: int, span: Range, today: date, relative: bool
) -> Period:
    """Turn a span into a period: from it on, up to it, from it to another one, or within it."""
    first, last = span
    other = _other_end(question, end, span, today)
    if other is not None:
        return Period(first.isoformat(), other[1].isoformat(), start, other[0], relative)
    before = question[:start]
    # "since 2025" is matched with its preposition.
    inner = _PREPOSITION.match(question, start, end)
    opening = before + inner.group() if inner is not None else before
    word = _SINCE_BEFORE.search(opening) or _SINCE_AFTER.match(question, end)
    if word is not None:
        since = last + timedelta(days=1) if _AFTER_NOT_WITHIN.search(word.group()) else first
        return Period(
            since.isoformat(), None, min(start, word.start()), max(end, word.end()), relative
        )
    word = _UNTIL_BEFORE.search(opening) or _UNTIL_AFTER.match(question, end)
    if word is not None:
        until = first - timedelta(days=1) if _BEFORE_NOT_WITHIN.search(word.group()) else last
        return Period(
            None, until.isoformat(), min(start, word.start()), max(end, word.end()), relative
        )
    return Period(first.isoformat(), last.isoformat(), start, end, relative)


def _other_end(question: str, end: int, span: Range, today: date) -> tuple[int, date] | None:
    """Where "から3月まで", "to July 2025" ends, and on which day."""
    glue = _TO.match(question, end)
    if glue is None or glue.end() == end:
        return None
    at = glue.end()
    day = _DAY.match(question, at)
    if day is not None and (found := _day_of(day, today)) is not None and found >= span[0]:
        return day.end(), found
    for table in (_RELATIVE, _ABSOLUTE):
        for pattern, reading in table:
            match = pattern.match(question, at)
            read = reading(match, today) if match else None
            if match and read and read[1] >= span[0]:
                return match.end(), read[1]
    bare = _BARE_MONTH.match(question, at)
    if bare is None:
        year = re.compile(r"(?:19|20)\d{2}(?!\d)\s*[年년]?").match(question, at)
        return (year.end(), date(int(year.group()[:4]), 12, 31)) if year else None
    month = int(bare["m"]) if bare["m"] else _MONTHS[bare["n"].lower().rstrip(".")]
    year_of = span[0].year + (1 if month < span[0].month else 0)
    return bare.end(), _month(year_of, month)[1]
