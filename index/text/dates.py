"""Dates and times in running text, absolute and relative, so that they compare across languages.

``konkyo.index.text.dates`` reads the one date of a page's header; this module reads every moment a sentence
names, however partial, and resolves "昨年12月" or "next month" by the article's own date. Month
and weekday names of European languages come from the CLDR through Babel.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from konkyo.index.text.normalize import fold, guess_language

__all__ = ["Grain", "Moment", "dates", "moments_agree"]

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


_ERAS = {
    "令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867, "民國": 1911, "民国": 1911,
}  # fmt: skip
_KANJI = "〇零一二三四五六七八九"
_N2 = rf"(?:\d{{1,2}}|[一二三四五六七八九]?十?[{_KANJI[2:]}]|[二三]?十)"
_REL_YEAR = {
    "一昨年": -2, "おととし": -2, "昨年": -1, "去年": -1, "前年": -1, "今年": 0, "本年": 0, "ことし": 0, "来年": 1, "明年": 1,
    "再来年": 2, "재작년": -2, "작년": -1, "지난해": -1, "올해": 0, "금년": 0, "내년": 1, "前年度": -1,
    "last year": -1, "this year": 0, "next year": 1, "later this year": 0, "earlier this year": 0,
    "letztes jahr": -1, "letzten jahres": -1, "dieses jahr": 0, "nächstes jahr": 1,
    "el año pasado": -1, "este año": 0, "el próximo año": 1, "l'année dernière": -1, "l'an dernier": -1, "cette année": 0,
}  # fmt: skip
_REL_MONTH = {
    "先々月": -2, "先月": -1, "今月": 0, "来月": 1, "上个月": -1, "上月": -1, "本月": 0, "这个月": 0, "下个月": 1, "下月": 1,
    "지난달": -1, "지난 달": -1, "이달": 0, "이번 달": 0, "이번달": 0, "다음 달": 1, "다음달": 1, "내달": 1,
    "last month": -1, "this month": 0, "next month": 1, "letzten monat": -1, "nächsten monat": 1, "diesen monat": 0,
    "el mes pasado": -1, "el próximo mes": 1, "este mes": 0, "le mois dernier": -1, "le mois prochain": 1, "ce mois-ci": 0,
}  # fmt: skip
_REL_WEEK = {
    "先々週": -2, "先週": -1, "今週": 0, "来週": 1, "上周": -1, "上星期": -1, "本周": 0, "这周": 0, "下周": 1, "下星期": 1,
    "지난주": -1, "지난 주": -1, "이번 주": 0, "이번주": 0, "다음 주": 1, "다음주": 1,
    "last week": -1, "this week": 0, "next week": 1, "la semana pasada": -1, "la semaine dernière": -1, "letzte woche": -1,
    "nächste woche": 1,
}  # fmt: skip
_REL_DAY = {
    "一昨日": -2, "おととい": -2, "昨日": -1, "きのう": -1, "昨夜": -1, "昨晩": -1, "今日": 0, "きょう": 0, "本日": 0, "今朝": 0, "けさ": 0,
    "今夜": 0, "今晩": 0, "明日": 1, "あす": 1, "あした": 1, "明後日": 2, "あさって": 2, "前天": -2, "昨天": -1, "今天": 0, "明天": 1, "后天": 2,
    "그저께": -2, "어제": -1, "오늘": 0, "내일": 1, "모레": 2, "the day before yesterday": -2, "yesterday": -1, "last night": -1, "today": 0,
    "tonight": 0, "tomorrow": 1, "gestern": -1, "heute": 0, "ayer": -1, "hoy": 0, "hier soir": -1, "aujourd'hui": 0,
}  # fmt: skip


def _names(table: dict[str, int]) -> str:
    parts = []
    for name in sorted(table, key=len, reverse=True):
        latin = name[0].isascii() and name[0].isalpha()
        parts.append(
            rf"(?<![^\W\d_]){re.escape(name)}(?![^\W\d_])(?! of\b)" if latin else re.escape(name)
        )
    return "|".join(parts)


_CJK_DATE = re.compile(
    rf"(?:(?P<bc>紀元前|公元前|前(?=\d{{1,4}}年)|기원전\s?)?(?:(?P<era>{'|'.join(_ERAS)})\s?(?P<ey>元|{_N2})|(?P<y>(?<!\d)\d{{4}}|(?<![{_KANJI}])[{_KANJI}]{{4}}))\s?(?:年|년)(?!間|间|生まれ?の?\d|代|간|대)度?"
    rf"(?:\s?(?P<m>{_N2})\s?(?:月|월)(?:\s?(?P<d>{_N2})\s?(?:日|号|號|일)(?!間|간))?)?"
    rf"|(?P<ry>{_names(_REL_YEAR)})(?:の|\s)?(?P<rym>{_N2})\s?(?:月|월)(?!間)(?:\s?(?P<ryd>{_N2})\s?(?:日|号|일)(?!間|간))?"
    rf"|(?P<rm>{_names(_REL_MONTH)})(?:の|\s)?(?P<rmd>{_N2})\s?(?:日|号|일)(?!間|간)"
    rf"|(?<![\d個个箇かカヶヵ\w])(?P<m2>\d{{1,2}}|十[一二]?|(?<![一-鿿])[一二三四五六七八九])\s?(?:月|월)(?!間|额|額|刊|給)(?:\s?(?P<d2>{_N2})\s?(?:日|号|號|일)(?!間|간))?"
    rf"|(?<![\d,.:/])(?P<m3>\d{{1,2}})\s?(?:月|월)(?!間|额|額|刊|給)(?:\s?(?P<d3>{_N2})\s?(?:日|号|號|일)(?!間|간))?"
    rf"|(?<![\d,.])(?!1日(?:\d|あたり|当たり|平均|約|に\d+回))(?P<d4>[12]?\d|3[01])\s?(?:日|号(?!線|线|机|機|楼|令|高速|公路|院|文)|일)(?!元|圆|圓|本円|間|前|後|后|以内|以上|ぶり|連続|连续|目|程|的时间|数|본|간|째|부|반|정|상|이내|전|후|\s?만에|\s전|\s후|当たり|あたり))"
)
_BC_YEAR = re.compile(
    r"(?P<bc>紀元前|公元前|기원전)\s?(?P<y>\d{1,4})\s?(?:年|년)|(?<!\d)(?P<y2>\d{1,4})\s?(?:bce?|b\.c\.(?:e\.)?)(?![a-z])|西暦(?P<ad>\d{1,3})年"
)
_ISO = re.compile(
    r"(?<!\d)(?P<y>[12]\d{3})([-/.])(?P<m>1[0-2]|0?[1-9])\2(?P<d>3[01]|[12]\d|0?[1-9])(?!\d)"
)
_CENTURY = re.compile(
    r"(?P<bc>紀元前|公元前|기원전)?\s?(?<!\d)(?P<c>\d{1,2}|[一二三四五六七八九十]{1,3})\s?(?:世紀|世纪|세기)"
    r"|(?P<en>\d{1,2}(?:st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|twenty-first)[\s-]centur(?:y|ies)(?P<bc2>\s(?:bce?|b\.c\.))?"
    r"|(?P<de>\d{1,2})\.\s?jahrhunderts?|siglo\s(?P<es>[ivx]+)\b|\b(?P<fr>[ivx]+)e\ssiècle"
)
_DECADE = re.compile(
    r"(?<!\d)(?P<cen>\d{1,2})\s?世[紀纪]の?(?P<dec>\d0)年代|(?<!\d)(?P<y>\d{3}0|\d0)\s?(?:年代|년대)|(?<!\d)(?P<de>\d{3}0|\d0)er\b|(?:años|década de(?: los)?|années)\s(?P<es>\d{3}0|[2-9]0)(?!\d)|(?<![\d'])(?P<en>1\d{2}0|20\d0)'?s(?![a-z])|(?:the\s|')(?P<en2>[2-9]0)s(?![a-z])"
)
_CLOCK = re.compile(
    r"(?:(?P<half>午前|午後|正午|上午|下午|中午|晚上|凌晨|早上|未明|오전|오후|새벽|밤)\s?)?(?<![\d.,])(?P<h>\d{1,2}|(?<![一-鿿])[一二三四五六七八九十]{1,3})\s?(?:時(?!間|代|点|期)|시(?!간|장|민|대|즌|설|도|작|위|절|기|상|행)|点(?=\d|半|钟|左右|许|，|,|。|整|在|至|到)|:(?=[0-5]\d(?!\d)))"
    r"(?:\s?(?P<mi>[0-5]?\d|[一二三四五]?十?[一二三四五六七八九]?)(?P<mark>分|분|(?!\d)))?(?P<halfpast>半)?"
)
_CLOCK_EN = re.compile(
    r"(?<![\d.,:])(?P<h>1[0-2]|0?[1-9])(?::(?P<mi>[0-5]\d))?\s?(?P<ap>a\.?m\.?|p\.?m\.?)(?![a-z])|(?P<noon>\bnoon\b|\bmidnight\b)"
)
_WEEKDAYS = {
    "ja": "月火水木金土日", "zh": "一二三四五六日", "ko": "월화수목금토일",
}  # fmt: skip
_WEEKDAY = re.compile(
    r"(?P<ja>[月火水木金土日])曜|(?<=[日号])\s?\((?P<ja2>[月火水木金土日])\)|(?:星期|礼拜|禮拜|周|週)(?P<zh>[一二三四五六日天])(?![年个個间間])|(?P<ko>[월화수목금토일])요일|(?<=일)\s?\((?P<ko2>[월화수목금토일])\)"
)
_AGO = re.compile(
    r"(?P<n>\d{1,3})\s?(?P<u>日|週間|か月|カ月|ヶ月|年|天|周|个月|일|주|개월|년)\s?(?:前|전)"
    r"|(?P<n2>\d{1,3}|one|two|three|four|five|six|seven|ten)\s(?P<u2>day|week|month|year)s?\s(?:ago|earlier|before)"
)
_AGO_UNIT = {
    "日": "day", "天": "day", "일": "day", "週間": "week", "周": "week", "주": "week", "か月": "month", "カ月": "month",
    "ヶ月": "month", "个月": "month", "개월": "month", "年": "year", "년": "year",
}  # fmt: skip
_SMALL_WORDS = {
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "ten": 10,
}
_EN_CENTURIES = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first"
)


def _kanji_int(text: str) -> int:
    """A whole number in figures or kanji: 12, 十二, 二〇二六."""
    if text.isdigit() and text.isascii():
        return int(text)
    if "十" in text:
        tens, _, ones = text.partition("十")
        return 10 * (_digit(tens) if tens else 1) + (_digit(ones) if ones else 0)
    value = 0
    for char in text:
        value = value * 10 + _digit(char)
    return value


def _digit(char: str) -> int:
    if char.isdigit() and char.isascii():
        return int(char)
    return max(0, _KANJI.index(char) - 1) if char in _KANJI else 0


@dataclass(frozen=True, slots=True)
class _Calendar:
    months: dict[str, int]
    weekdays: dict[str, int]
    full: re.Pattern[str]
    alone: re.Pattern[str]
    days: re.Pattern[str]


@lru_cache(maxsize=32)
def _calendar(language: str) -> _Calendar | None:
    """Month and weekday names of a language that writes them as words (CLDR)."""
    from babel import Locale, UnknownLocaleError

    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return None
    months: dict[str, int] = {}
    weekdays: dict[str, int] = {}
    for shape in ("format", "stand-alone"):
        for width in ("wide", "abbreviated"):
            for number, name in locale.months[shape][width].items():
                months.setdefault(fold(name).rstrip("."), number)
            for number, name in locale.days[shape][width].items():
                weekdays.setdefault(fold(name).rstrip("."), number)
    months = {name: n for name, n in months.items() if len(name) >= 3 and not name[0].isdigit()}
    if language == "en":
        months |= {"sept": 9}
    weekdays = {
        name: n for name, n in weekdays.items() if len(name) >= (3 if language == "en" else 4)
    }
    if not months:
        return None
    month = "|".join(sorted(map(re.escape, months), key=len, reverse=True))
    # German writes Februarwoche in one word.
    end = (
        ""
        if language == "th"
        else r"(?![^\W\d_]|(?<!\w{6})\w)"
        if language == "de"
        else r"(?![^\W\d_])"
    )
    begin = "" if language == "th" else r"(?<![^\W_])"
    full = re.compile(
        rf"{begin}(?P<d1>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th|er|º|\.)?(?:\s|-)?(?:of\s|de\s)?(?P<m1>{month}){end}\.?(?:,?\s(?:de\s|del\s)?(?P<y1>\d{{4}})(?!\d))?"
        rf"|{begin}(?P<m2>{month}){end}\.?\s(?:the\s)?(?P<d2>3[01]|[12]\d|0?[1-9])(?:st|nd|rd|th)?(?!\d|:|\s?(?:percent|%))(?:,?\s(?:of\s)?(?P<y2>\d{{4}})(?!\d))?"
        rf"|{begin}(?P<m3>{month}){end}\.?,?\s(?:de\s|del\s|of\s)?(?P<y3>\d{{4}})(?!\d)"
        rf"|{begin}(?P<m4>{month}){end}(?:\s(?P<r4>last year|this year|next year))?"
    )
    names = "|".join(sorted(map(re.escape, weekdays), key=len, reverse=True)) or r"(?!)"
    day = re.compile(rf"{begin}(?P<w>{names}){end}")
    return _Calendar(months, weekdays, full, re.compile(month), day)


_YEAR = re.compile(
    r"(?<![\d.,:$€£¥₩/])(?:(?<!-)|(?<=[12]\d{3}-))(?P<y>1[0-9]{3}|20[0-9]{2}|21[0-4]\d)(?![\d%:]|[.,]\d|\s?(?:年|년)|-\d{3}(?!\d))"
)
_COUNTED = re.compile(
    r"[\s-](?:people|persons|men|women|soldiers|troops|dollars|yen|euros|won|yuan|pounds|km|kilomet|met|mile|feet|ft|tons|tonnes|percent|million|billion|thousand|trillion|hundred|years|days|seats|votes|students|members|homes|houses|jobs|workers|companies|students|cars|units|square|acres|hectares|deaths|cases|schools|species|personas|menschen|personnes|km2|m\b)"
)


def _span(year: int, month: int | None, day: int | None) -> tuple[date, date] | None:
    """First and last day of a year, month or day; ``None`` when the calendar has no such day."""
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


def _grain(month: int | None, day: int | None) -> Grain:
    return "day" if day is not None else "month" if month is not None else "year"


def _build(
    text: str,
    span: tuple[int, int],
    year: int | None,
    month: int | None,
    day: int | None,
    reference: date | None,
    relative: tuple[str, int] | None = None,
) -> Moment:
    bounds = _span(year, month, day) if year is not None else None
    return Moment(
        *span, text[span[0] : span[1]], _grain(month, day), year, month, day,
        earliest=bounds[0] if bounds else None, latest=bounds[1] if bounds else None,
        near=reference, relative=relative,
    )  # fmt: skip


def _shift_month(reference: date, steps: int) -> tuple[int, int]:
    index = reference.year * 12 + reference.month - 1 + steps
    return index // 12, index % 12 + 1


def _cjk(folded: str, text: str, reference: date | None) -> Iterator[Moment]:
    for found in _CJK_DATE.finditer(folded):
        g = found.groupdict()
        year: int | None = None
        month: int | None = None
        relative: tuple[str, int] | None = None
        if g["y"] or g["era"]:
            if g["era"]:
                year = _ERAS[g["era"]] + (1 if g["ey"] == "元" else _kanji_int(g["ey"]))
            else:
                year = _kanji_int(g["y"]) * (-1 if g["bc"] else 1)
            if not g["era"] and not 1000 <= abs(year) <= 2200 and not g["bc"]:
                continue
            month, day = _int(g["m"]), _int(g["d"])
        elif g["ry"]:
            steps = _REL_YEAR[g["ry"]]
            relative = ("year", steps)
            year = reference.year + steps if reference else None
            month, day = _int(g["rym"]), _int(g["ryd"])
        elif g["rm"]:
            steps, day = _REL_MONTH[g["rm"]], _int(g["rmd"])
            relative = ("month", steps)
            if reference:
                year, month = _shift_month(reference, steps)
        elif g["d4"]:
            day = _int(g["d4"])
        else:
            month, day = _int(g["m2"] or g["m3"]), _int(g["d2"] or g["d3"])
        if (month is not None and not 1 <= month <= 12) or (day is not None and not 1 <= day <= 31):
            continue
        yield _build(text, found.span(), year, month, day, reference, relative)


def _int(text: str | None) -> int | None:
    return None if text is None else _kanji_int(text)


def _western(folded: str, text: str, reference: date | None, language: str) -> Iterator[Moment]:
    calendar = _calendar(language)
    if calendar is None:
        return
    for found in calendar.full.finditer(folded):
        g = found.groupdict()
        name = g["m1"] or g["m2"] or g["m3"] or g["m4"]
        month, day = calendar.months[name], _int(g["d1"] or g["d2"])
        at = next(found.start(key) for key in ("m1", "m2", "m3", "m4") if g[key])
        if language in {"en", "de"} and not text[at].isupper():
            continue
        if g["m4"]:
            before = folded[:at]
            if len(name) <= 4 and language != "th":
                # "may", "march", "mar": only after a preposition or an adjective of time.
                ready = re.search(
                    r"(?:in|of|since|by|until|last|this|next|early|late|mid|en|im|seit|during|from|to|between)[\s-]$",
                    before,
                )
                if not ready:
                    continue
        year = _int(g["y1"] or g["y2"] or g["y3"])
        if year is None and g["r4"] and reference:
            year = reference.year + _REL_YEAR[g["r4"]]
        yield _build(text, found.span(), year, month, day, reference)
    for found in calendar.days.finditer(folded):
        if text[found.start()].isupper() or language not in {"en", "de"}:
            yield Moment(
                *found.span(), text[found.start() : found.end()], "weekday",
                weekday=calendar.weekdays[found.group("w")], near=reference,
            )  # fmt: skip
    for found in re.finditer(
        rf"(?P<rm>{_names(_REL_MONTH)})(?:\son)?(?:\sthe)?\s(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b"
        rf"|(?:on\s)?(?:the\s)?(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\s(?:of\s)?(?P<rm2>{_names(_REL_MONTH)})",
        folded,
    ):
        steps = _REL_MONTH[found.group("rm") or found.group("rm2")]
        day = int(found.group("d") or found.group("d2"))
        there = _shift_month(reference, steps) if reference else None
        yield _build(
            text, found.span(), there[0] if there else None, there[1] if there else None, day,
            reference, ("month", steps),
        )  # fmt: skip
    for found in re.finditer(
        r"(?<=on )(?:the )(?P<d>\d{1,2})(?:st|nd|rd|th)\b(?!\s[a-z]+(?:day|ary|ing))", folded
    ):
        if 1 <= int(found.group("d")) <= 31:
            yield _build(text, found.span(), None, None, int(found.group("d")), reference)


def _spans_of_years(folded: str, text: str, reference: date | None) -> Iterator[Moment]:
    def ranged(found: re.Match[str], grain: Grain, first: int, last: int) -> Moment:
        low, high = _span(first, None, None), _span(last, None, None)
        year = first if grain != "decade" or not high else None
        return Moment(
            *found.span(), text[found.start() : found.end()], grain, year=None if high else year,
            earliest=low[0] if low else None, latest=high[1] if high else None, near=reference,
            context_year=first,
        )  # fmt: skip

    for found in _CENTURY.finditer(folded):
        g = found.groupdict()
        if g["c"] or g["de"]:
            number = _kanji_int(g["c"] or g["de"])
        elif g["es"] or g["fr"]:
            number = _roman(g["es"] or g["fr"])
        else:
            word = g["en"]
            number = int(word[:-2]) if word[0].isdigit() else _EN_CENTURIES.split().index(word) + 1
        if g["bc"] or g["bc2"]:
            yield Moment(
                *found.span(), text[found.start() : found.end()], "century", year=-100 * number
            )
        else:
            yield ranged(found, "century", max(1, 100 * number - 99), 100 * number)
    for found in _DECADE.finditer(folded):
        g = found.groupdict()
        year = int(g["y"] or g["en"] or g["en2"] or g["de"] or g["es"] or g["dec"])
        if g["cen"]:
            year += 100 * (int(g["cen"]) - 1)
        if year < 100:
            year += 1900
        yield ranged(found, "decade", year, year + 9)


def _roman(text: str) -> int:
    values = {"i": 1, "v": 5, "x": 10}
    total = 0
    for here, following in zip(text, [*text[1:], "i"], strict=True):
        value = values[here]
        total += -value if value < values[following] and here != following else value
    return total


def _relative(folded: str, text: str, reference: date | None) -> Iterator[Moment]:
    tables: list[tuple[str, dict[str, int], Grain]] = [
        ("year", _REL_YEAR, "year"), ("month", _REL_MONTH, "month"), ("week", _REL_WEEK, "week"),
        ("day", _REL_DAY, "day"),
    ]  # fmt: skip
    for unit, table, grain in tables:
        for found in re.finditer(_names(table), folded):
            if found.group() == "今日" and folded.startswith("今日的", found.start()):
                continue
            moment = _build(
                text, found.span(), None, None, None, reference, (unit, table[found.group()])
            )
            yield _resolve(replace(moment, grain=grain), unit, table[found.group()], reference)
    for found in _AGO.finditer(folded):
        count = found.group("n") or found.group("n2")
        unit = _AGO_UNIT[found.group("u")] if found.group("u") else found.group("u2")
        steps = -(_SMALL_WORDS.get(count) or int(count))
        moment = _build(text, found.span(), None, None, None, reference, (unit, steps))
        yield replace(_resolve(moment, unit, steps, reference), grain="ago")


def _resolve(moment: Moment, unit: str, steps: int, reference: date | None) -> Moment:
    if reference is None:
        return moment
    if unit == "day":
        there = reference + timedelta(days=steps)
        return replace(
            moment, year=there.year, month=there.month, day=there.day, earliest=there, latest=there
        )
    if unit == "week":
        monday = reference - timedelta(days=reference.weekday()) + timedelta(weeks=steps)
        return replace(moment, earliest=monday, latest=monday + timedelta(days=6))
    if unit == "month":
        year, month = _shift_month(reference, steps)
        bounds = _span(year, month, None)
    else:
        year, month = reference.year + steps, None
        bounds = _span(year, None, None)
    low, high = bounds if bounds else (None, None)
    return replace(moment, year=year, month=month, earliest=low, latest=high)


def _clocks(folded: str, text: str) -> Iterator[Moment]:
    for found in _CLOCK.finditer(folded):
        hour = _kanji_int(found.group("h"))
        mi = found.group("mi")
        minute = 30 if found.group("halfpast") else _kanji_int(mi) if mi else 0
        half = found.group("half") or ""
        if hour > 24 or minute > 59:
            continue
        afternoon = half in {"午後", "下午", "晚上", "오후", "밤"}
        known = bool(half) or hour > 12 or ":" in found.group()
        hour = hour + 12 if afternoon and hour < 12 else hour
        yield Moment(
            *found.span(), text[found.start() : found.end()], "time",
            clock=(hour * 60 + minute) % 1440, half_known=known,
        )  # fmt: skip
    for found in _CLOCK_EN.finditer(folded):
        if found.group("noon"):
            minutes = 720 if found.group("noon") == "noon" else 0
        else:
            hour = int(found.group("h")) % 12 + (12 if found.group("ap")[0] == "p" else 0)
            minutes = hour * 60 + int(found.group("mi") or 0)
        yield Moment(*found.span(), text[found.start() : found.end()], "time", clock=minutes)


def _weekdays(folded: str, text: str, reference: date | None) -> Iterator[Moment]:
    for found in _WEEKDAY.finditer(folded):
        g = found.groupdict()
        if name := g["ja"] or g["ja2"]:
            number = _WEEKDAYS["ja"].index(name)
        elif name := g["ko"] or g["ko2"]:
            number = _WEEKDAYS["ko"].index(name)
        else:
            number = _WEEKDAYS["zh"].index(g["zh"].replace("天", "日"))
        yield Moment(
            *found.span(),
            text[found.start() : found.end()],
            "weekday",
            weekday=number,
            near=reference,
        )


def _plain(folded: str, text: str, reference: date | None) -> Iterator[Moment]:
    for found in _ISO.finditer(folded):
        yield _build(
            text, found.span(), int(found.group("y")), int(found.group("m")), int(found.group("d")), reference
        )  # fmt: skip
    for found in _BC_YEAR.finditer(folded):
        value = int(found.group("y") or found.group("y2") or found.group("ad"))
        yield _build(
            text, found.span(), value if found.group("ad") else -value, None, None, reference
        )
    for found in _YEAR.finditer(folded):
        if not _COUNTED.match(folded, found.end()) and not re.match(
            r"\s?[万億亿만억人名円元社個个台件국명개원엔]", folded[found.end() :]
        ):
            yield _build(text, found.span(), int(found.group("y")), None, None, reference)


def dates(text: str, reference: date | None = None, language: str | None = None) -> list[Moment]:
    """Every date and time of ``text``, in text order; relative ones by ``reference``.

    ``reference`` is the day the text was published. A day without a month keeps the month and
    year named before it as context. ``language`` chooses month names; without it the script
    decides, and Latin script is read as English.
    """
    folded = fold(text)
    code = (language or guess_language(text) or "en")[:2]
    found = [
        *_spans_of_years(folded, text, reference),
        *_cjk(folded, text, reference),
        *_western(folded, text, reference, "en"),
        *(_western(folded, text, reference, code) if code not in {"en", "ja", "zh", "ko"} else ()),
        *_relative(folded, text, reference),
        *_weekdays(folded, text, reference),
        *_clocks(folded, text),
        *_plain(folded, text, reference),
    ]
    kept: list[Moment] = []
    taken: set[int] = set()
    for moment in sorted(found, key=lambda m: (m.start - m.end, m.start)):
        span = set(range(moment.start, moment.end))
        if moment.grain == "weekday" or taken.isdisjoint(span):
            taken |= span
            kept.append(moment)
    return _in_context(sorted(kept, key=lambda m: (m.start, m.end)))


def _in_context(moments: list[Moment]) -> list[Moment]:
    """Give each moment the year and month named before it."""
    year: int | None = None
    month: int | None = None
    known: list[Moment] = []
    for moment in moments:
        if moment.grain in {"day", "month", "year"}:
            known.append(replace(moment, context_year=year, context_month=month))
            year = moment.year if moment.year is not None else year
            month = moment.month if moment.month is not None else month
        else:
            known.append(moment)
    return known


def _month_fits(month: int, other: Moment) -> bool:
    """Whether a day without a month may lie in ``month``.

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
    """Whether a date without a year may lie in ``year``: within eleven months of the article."""
    near = other.near
    if other.context_year is None and near is None:
        return True
    if year == other.context_year:
        return True
    if near is None:
        return False
    if other.month is None:
        return abs(year - near.year) <= 1
    return abs((year - near.year) * 12 + other.month - near.month) <= 11


def moments_agree(first: Moment, second: Moment) -> bool:
    """Whether two moments can be the same: no part that both know differs.

    May 7 agrees with 2026-05-07 and with 2026, 8日 with the 8th of a month near the article's
    date; a decade agrees with a year inside it. A time of day agrees only with a time of day.
    """
    if (first.grain == "time") != (second.grain == "time"):
        return False
    if first.clock is not None and second.clock is not None:
        apart = abs(first.clock - second.clock)
        return apart == 0 or (apart == 720 and not (first.half_known and second.half_known))
    if first.weekday is not None or second.weekday is not None:
        return _weekdays_agree(first, second)
    if first.relative is not None and second.relative is not None:
        if first.relative == second.relative and first.day == second.day:
            return first.month == second.month
        if first.relative[0] == second.relative[0] and first.near is None:
            return False
    for mine, theirs in (
        (first.year, second.year),
        (first.month, second.month),
        (first.day, second.day),
    ):
        if mine is not None and theirs is not None and mine != theirs:
            return False
    for one, other in ((first, second), (second, first)):
        if (
            one.month is not None
            and other.month is None
            and other.day is not None
            and not _month_fits(one.month, other)
        ):
            return False
        if (
            one.year is not None
            and other.year is None
            and other.grain in {"day", "month"}
            and other.relative is None
            and not _year_fits(one.year, other)
        ):
            return False
    if first.earliest and first.latest and second.earliest and second.latest:
        if "decade" in {first.grain, second.grain} and first.grain == second.grain:
            return first.earliest == second.earliest
        if "century" in {first.grain, second.grain} and first.grain == second.grain:
            return first.earliest == second.earliest
        return first.earliest <= second.latest and second.earliest <= first.latest
    if "century" in {first.grain, second.grain} and first.grain != second.grain:
        return first.earliest is None and second.earliest is None and first.year == second.year
    return True


def _weekdays_agree(first: Moment, second: Moment) -> bool:
    names = []
    for moment in (first, second):
        if moment.weekday is not None:
            names.append(moment.weekday)
        elif moment.earliest is not None and moment.earliest == moment.latest:
            names.append(moment.earliest.weekday())
        elif moment.grain == "day" and moment.near is not None and moment.day is not None:
            bounds = _span(moment.near.year, moment.month or moment.near.month, moment.day)
            names.append(bounds[0].weekday() if bounds else -1)
        else:
            return False
    return names[0] == names[1]
