"""Numbers in running text with their units, to be compared across notations and languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache

from konkyo.index.text.language import language_of_script
from konkyo.index.text.normalize import fold
from konkyo.index.text.number_context import around, currency_before, length_words
from konkyo.index.text.number_words import (
    english_fractions,
    english_numbers,
    european_numbers,
    scale,
    scales,
)
from konkyo.index.text.numerals import (
    Number,
    cjk_numbers,
    fractions,
    korean_numbers,
    latin_numbers,
    scale_of,
)
from konkyo.index.text.units import QuantityKind, unit_after, unit_of, units
from konkyo.index.text.word_data import any_word

__all__ = ["Quantity", "quantities", "same_quantity", "unit_conflict"]


@dataclass(frozen=True, slots=True)
class Quantity:
    """One number of a text: ``text[start:end]`` with its unit.

    ``value`` is in ``unit``, or the two ends of a range. ``unit`` is canonical ("USD", "percent",
    "year", "person", ...) or ``None``. ``approximate`` tells that the text says about, or more or
    less than. ``small`` marks words such as "one" or "both", which often only point.
    """

    start: int
    end: int
    text: str
    value: Decimal | tuple[Decimal, Decimal]
    unit: str | None
    kind: QuantityKind
    approximate: bool = False
    small: bool = False

    @property
    def values(self) -> tuple[Decimal, ...]:
        """The number, or both ends of the range."""
        return self.value if isinstance(self.value, tuple) else (self.value,)


_LOOKED_BACK = 40
_SHORT_SCALE = re.compile(r"[mbt](?![a-z])")
_SHORT_SCALES = {"m": 10**6, "b": 10**9, "t": 10**12}
_MIXED = re.compile(
    r"[\s-](?:and[\s-](?:a|one)[\s-])half|\s?(?P<one>[½¼¾⅓⅔⅛])"
    r"|[\s-](?:and\s)?(?P<num>[1-9])/(?P<den>[2-9])(?![\d/])"
)
_VULGAR = {"½": "0.5", "¼": "0.25", "¾": "0.75", "⅛": "0.125", "⅓": "0.3333", "⅔": "0.6667"}
_CITATION = re.compile(r"\[\s?\d{1,3}(?:\s?,\s?\d{1,3})*\s?\]|【\s?\d{1,3}\s?】")
_ROMAN = re.compile(r"(?<![A-Za-z])(?=[IVX]{2})X{0,3}(?:IX|IV|V?I{0,3})(?![A-Za-z])")
# 两个半月 and 三个半小时 are read as 两个月半 and 三个小时半: the half after the unit.
_CHINESE_HALF = re.compile(r"([个個])半(月|小时|小時|星期|钟头)")
# In Korean law 제2조 제4항 and 2조 4항 are articles, not trillions.
_KOREAN_ARTICLE = re.compile(r"(?<=\d)조(?=\s?(?:제\s?)?\d+항)|(?<=제)(\d+)조")


@cache
def _code() -> re.Pattern[str]:
    """Letters and figures glued together name a thing: G7, F-35, COVID-19, 5G, CO2, Wi-Fi 6E."""
    return re.compile(
        rf"(?<![^\W_])(?!{any_word(around().before_figures)}-?\d)[a-z][a-z]*-?\d+[a-z]*"
        r"(?![a-z\d])(?!,\d)|(?<![a-z\d.,])\d+(?:[dgwx](?![a-z]))|(?<![^\W_])[a-z]\.\d+"
    )


def quantities(text: str, language: str | None = None) -> list[Quantity]:
    """Returns every number of ``text`` with its unit, in text order.

    Days, months and times of day are left out; a year (2026年) is given with kind "year".
    ``language`` (ISO 639-1) decides what a comma means and which number words are read; without it
    the script decides, and Latin script is read as English.
    """
    folded = _KOREAN_ARTICLE.sub(lambda m: (m.group(1) or "") + "條", fold(text))
    folded = _CHINESE_HALF.sub(r"\1\2半", folded)
    code = (language or language_of_script(text) or "en")[:2]
    found: list[Quantity] = []
    for number in _numbers(folded, code):
        quantity = _measured(number, folded, text, code)
        # The 1 and the 2 of "9 1/2 years" are read already.
        if quantity is not None and not (found and quantity.start < found[-1].end):
            found.append(quantity)
    spans = [(q.start, q.end) for q in found]
    found += [
        more
        for more in (*_in_words(folded, text), *_romans(text))
        if not any(a < more.end and more.start < b for a, b in spans)
    ]
    found.sort(key=lambda q: (q.start, q.end))
    return _join_durations(_join_ranges(found, folded, text), folded, text)


# -- numbers ---------------------------------------------------------------------------------------


def _numbers(text: str, language: str) -> list[Number]:
    found = [*fractions(text), *english_fractions(text)]
    found += list(latin_numbers(text, language)) or list(cjk_numbers(text))
    found += korean_numbers(text)
    european = european_numbers(text, language)
    found += english_numbers(text) if european is None else european
    masked = [m.span() for p in (_CITATION, _code()) for m in p.finditer(text)]
    clear = [n for n in found if not any(a < n.end and n.start < b for a, b in masked)]
    return [n if n.fraction else _with_scale(n, text, language) for n in _longest(clear)]


def _longest(numbers: list[Number]) -> list[Number]:
    """The longest of overlapping readings, in text order."""
    kept: list[Number] = []
    taken: set[int] = set()
    for number in sorted(numbers, key=lambda n: (n.start - n.end, n.start, not n.fraction)):
        span = range(number.start, number.end)
        if taken.isdisjoint(span):
            taken.update(span)
            kept.append(number)
    return sorted(kept, key=lambda n: n.start)


def _stands_before(pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
    """The match of a pattern that ends where a number begins, looked for as far as one reaches."""
    return pattern.search(text, max(0, at - _LOOKED_BACK), at)


def _with_scale(number: Number, text: str, language: str) -> Number:
    """A number with the magnitude after its figures applied: 550 billion, 5,5 Milliarden, 550bn."""
    if number.words and language == "en":
        return number
    tables = [language, *(["en"] if language not in {"de", "es", "fr", "pt", "it", "nl"} else [])]
    for table in tables:
        pattern = scale(table)
        match = pattern.match(text, number.end) if pattern else None
        if match is None:
            continue
        word = match.group("scale")
        if word == "k" and not _stands_before(currency_before(), text, number.start):
            continue
        value = number.value * scales(table)[word]
        scaled = replace(number, end=match.end(), value=value)
        return _with_scale(scaled, text, language) if word != "k" else scaled
    short = _SHORT_SCALE.match(text, number.end)
    if short and _stands_before(currency_before(), text, number.start):
        return replace(number, end=short.end(), value=number.value * _SHORT_SCALES[short.group()])
    return number


# -- units -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reading:
    """A number on the way to its unit."""

    start: int
    end: int
    value: Decimal
    unit: str | None = None
    kind: QuantityKind = "plain"
    ordinal: bool = False


def _measured(number: Number, text: str, original: str, language: str) -> Quantity | None:
    """A number with unit, kind and hedges; ``None`` when it belongs to a date or a time."""
    read = _read(number, text, language)
    if read is None:
        return None
    start, end, value, kind = read.start, read.end, read.value, read.kind
    if number.fraction and text.startswith(("half", "a half"), start):
        return Quantity(start, end, original[start:end], value, read.unit, kind, small=True)
    if kind == "duration" and read.unit == "year" and text[end - 1] in "年년":
        kind = "year" if 1000 <= value <= 2200 else kind
    if read.ordinal:
        kind = "ordinal"
        before = _stands_before(around().ordinal_before, text, start)
        start -= len(before.group()) if before else 0
    hedged = bool(
        _stands_before(around().about_before, text, start) or around().about_after.match(text, end)
    )
    pointing = {"ordinal"} if number.ordinal else {"count", "plain"}
    small = value <= 2 and kind in pointing and value == value.to_integral()
    # "a day", 一年: one of a length of time in words is hardly a measurement.
    small = small or (number.words and value == 1 and kind == "duration")
    return Quantity(start, end, original[start:end], value, read.unit, kind, hedged, small)


def _read(number: Number, text: str, language: str) -> _Reading | None:
    ordinal = number.ordinal or bool(_stands_before(around().ordinal_before, text, number.start))
    read = _Reading(number.start, number.end, number.value, ordinal=ordinal)
    currency = _stands_before(currency_before(), text, number.start)
    if currency:
        unit = _in_chinese(around().currency_marks[currency.group("mark")], currency, language)
        tail = unit_after(text, read.end)
        end = tail.end if tail and tail.kind == "money" else read.end
        return replace(read, start=currency.start(), end=end, unit=unit, kind="money")
    if number.fraction:
        return replace(read, unit="share", kind="percent")
    if around().dates_after.match(text, read.end) and not ordinal and number.value <= 31:
        return None
    if mixed := _MIXED.match(text, read.end):
        read = replace(read, value=read.value + _part(mixed), end=mixed.end())
    return read if number.ordinal else _with_unit(read, text, language)


def _in_chinese(unit: str, mark: re.Match[str] | str, language: str) -> str:
    """The yuan where Chinese writes ¥, which is the yen elsewhere."""
    written = mark if isinstance(mark, str) else mark.group("mark")
    return "CNY" if written == "¥" and language == "zh" else unit


def _with_unit(read: _Reading, text: str, language: str) -> _Reading:
    after, tail = around().ordinal_after.match(text, read.end), unit_after(text, read.end)
    if after and (not tail or tail.surface not in {"度", "次", "回", "期"} or read.ordinal):
        return replace(read, ordinal=True, end=after.end())
    if tail is None:
        return read
    (unit, kind), value, end = unit_of(read.value, tail), read.value, tail.end
    unit = _in_chinese(unit, tail.surface, language) if unit else None
    half = around().half_after.match(text, end)
    if half and (kind == "duration" or unit == "tenth"):
        value, end = value + Decimal("0.5"), half.end()
    old = around().old.match(text, end)
    if unit == "year" and old:
        unit, kind, end = "age", "age", old.end()
    return replace(read, value=value, end=end, unit=unit, kind=kind)


def _part(mixed: re.Match[str]) -> Decimal:
    """What a half, ½ or 3/8 after a whole number adds to it."""
    if mixed.group("one"):
        return Decimal(_VULGAR[mixed.group("one")])
    if mixed.group("num"):
        return Decimal(mixed.group("num")) / Decimal(mixed.group("den"))
    return Decimal("0.5")


def _romans(original: str) -> Iterator[Quantity]:
    """World War II, Louis XIV: an ordinal that is never asked for, only found."""
    for match in _ROMAN.finditer(original):
        marks = [{"I": 1, "V": 5, "X": 10}[c] for c in match.group()]
        following = [*marks[1:], 0]
        value = sum(-a if a < b else a for a, b in zip(marks, following, strict=True))
        yield Quantity(*match.span(), match.group(), Decimal(value), None, "ordinal", small=True)


def _in_words(text: str, original: str) -> Iterator[Quantity]:
    """Lengths of time in one word (반년, 사흘), and halves that are part of none."""
    known = list(around().lengths.values())
    lengths = []
    for match in length_words().finditer(text):
        start, end = match.span()
        lengths.append((start, end))
        told = known[(match.lastindex or 1) - 1]
        yield Quantity(start, end, original[start:end], told.number, told.unit, "duration")
    for match in around().halves.finditer(text):
        a, b = match.span()
        if not any(a < end and start < b for start, end in lengths):
            yield Quantity(a, b, original[a:b], Decimal("0.5"), "share", "percent", small=True)


# -- numbers that are one --------------------------------------------------------------------------


def _join_ranges(found: list[Quantity], text: str, original: str) -> list[Quantity]:
    """60〜75 and 60 to 75 become one quantity; the first end takes the second's unit and scale."""
    joined: list[Quantity] = []
    for quantity in found:
        if joined and (whole := _range(joined[-1], quantity, text, original)):
            joined[-1] = whole
        else:
            joined.append(quantity)
    return joined


def _range(last: Quantity, quantity: Quantity, text: str, original: str) -> Quantity | None:
    low, high = last.value, quantity.value
    if isinstance(low, tuple) or isinstance(high, tuple) or unit_conflict(last, quantity):
        return None
    gap = text[last.end : quantity.start]
    if "ordinal" in {last.kind, quantity.kind} or not around().range_joins.fullmatch(gap):
        return None
    if gap.strip() == "and":
        before = text[max(0, last.start - _LOOKED_BACK) : last.start]
        if not around().between.search(before):
            return None
    scale = _trailing_scale(quantity)
    if last.unit is None and low < high and low * scale < high:
        low *= scale
    if low > high:
        return None
    unit, kind = (quantity.unit, quantity.kind) if quantity.unit else (last.unit, last.kind)
    written = original[last.start : quantity.end]
    about = last.approximate or quantity.approximate
    return Quantity(last.start, quantity.end, written, (low, high), unit, kind, about)


def _trailing_scale(quantity: Quantity) -> Decimal:
    folded = fold(quantity.text)
    for char in reversed(folded):
        if known := scale_of(char):
            return Decimal(known)
    for word, known in scales("en").items():
        if re.search(rf"(?:\d|[a-z])\s?\b{word}\b|\d{word}\b", folded):
            return Decimal(known)
    return Decimal(1)


_COMPOUND = {
    ("year", "month"): Decimal(1) / 12,
    ("hour", "minute"): Decimal(1) / 60,
    ("minute", "second"): Decimal(1) / 60,
    ("week", "day"): Decimal(1) / 7,
    ("tenth", "minute"): Decimal("0.1"),  # 七割五分 is 75 %; 分 alone is a minute.
    ("foot", "inch"): Decimal(1) / 12,
}


def _join_durations(found: list[Quantity], text: str, original: str) -> list[Quantity]:
    """3年6カ月 and 2 hours 30 minutes are one duration, in the larger unit."""
    joined: list[Quantity] = []
    for quantity in found:
        last = joined[-1] if joined else None
        ratio = _COMPOUND.get((last.unit or "", quantity.unit or "")) if last else None
        if (
            last is not None
            and ratio is not None
            and around().duration_joins.fullmatch(text[last.end : quantity.start])
            and not isinstance(last.value, tuple)
            and not isinstance(quantity.value, tuple)
        ):
            written = original[last.start : quantity.end]
            value = last.value + quantity.value * ratio
            joined[-1] = replace(last, end=quantity.end, text=written, value=value)
        else:
            joined.append(quantity)
    return joined


# -- comparing -------------------------------------------------------------------------------------


def unit_conflict(first: Quantity, second: Quantity) -> bool:
    """Whether two quantities measure different things for certain.

    A bare number may be a count of anything.
    """
    if first.unit is None or second.unit is None:
        return False
    return units()[first.unit].dimension != units()[second.unit].dimension


def _scaled(value: Decimal, unit: str | None) -> Decimal:
    return value * units()[unit].factor if unit else value


def _close(first: Decimal, second: Decimal, tolerance: Decimal) -> bool:
    return abs(first - second) <= tolerance * max(abs(first), abs(second))


def same_quantity(claim: Quantity, evidence: Quantity, *, convert: bool = True) -> bool:
    """Whether the evidence gives the claim's number, in compatible units.

    A range agrees when both of its ends are given; a single number also with one end of a range.
    A claim that says "about" or "more than" may round an exact figure by 5 %, by 10 % where it has
    one digit that is not zero ("more than 400" of 436); with ``convert``, other units of one
    dimension (miles and kilometres) may differ by 2 %.
    """
    if unit_conflict(claim, evidence):
        return False
    bare = claim.unit is None or evidence.unit is None or claim.unit == evidence.unit
    tolerance = Decimal("0.02") if convert and not bare and claim.kind == "measure" else Decimal(0)
    if claim.approximate and not evidence.approximate:
        round_one = all(len(v.normalize().as_tuple().digits) == 1 for v in claim.values)
        tolerance = max(tolerance, Decimal("0.1" if round_one else "0.05"))
    if "ordinal" in {claim.kind, evidence.kind}:
        tolerance = Decimal(0)
    scaled = max(tolerance, Decimal("1e-9"))

    def agrees(a: Decimal, b: Decimal) -> bool:
        return (bare and _close(a, b, tolerance)) or _close(
            _scaled(a, claim.unit), _scaled(b, evidence.unit), scaled
        )

    return all(any(agrees(a, b) for b in evidence.values) for a in claim.values)
