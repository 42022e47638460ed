"""Numbers in figures and in Chinese, Japanese and Korean numerals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache

from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.word_data import (
    CHECKED,
    Alternatives,
    Characters,
    any_of,
    any_word,
    word_data,
)

__all__ = [
    "DIGITS",
    "Number",
    "cjk_numbers",
    "fractions",
    "korean_numbers",
    "latin_numbers",
    "scale_of",
]

DIGITS = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?"


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a text without its unit; ``words`` tells that it is written without figures."""

    start: int
    end: int
    value: Decimal
    words: bool
    ordinal: bool = False
    fraction: bool = False


@schema(frozen=True, slots=True, config=CHECKED)
class _Cjk:
    """Numerals of Han and Hangul; a lone one counts only before one of the ``counters``."""

    numerals: str
    hangul: str
    counters: Alternatives
    not_numbers: Alternatives
    round: frozenset[str]
    after_round: Alternatives
    before_numbers: tuple[str, ...]
    not_before: Characters
    digits: dict[str, int]
    small: dict[str, int]
    big: dict[str, int]


@schema(frozen=True, slots=True, config=CHECKED)
class _Korean:
    """Native numerals of Korean, alone or after one of the ``tens``, and what they count."""

    counters: tuple[str, ...]
    tens: tuple[str, ...]
    values: dict[str, int]


@schema(frozen=True, slots=True, config=CHECKED)
class _Numerals:
    """All numerals."""

    cjk: _Cjk
    korean: _Korean


def _numerals() -> _Numerals:
    return word_data(_Numerals, "numerals")


def scale_of(char: str) -> int | None:
    """Returns the magnitude that a Han or Hangul character from 10,000 on stands for."""
    return _numerals().cjk.big.get(char)


# -- Han and Hangul --------------------------------------------------------------------------------


@cache
def _run() -> re.Pattern[str]:
    known = _numerals().cjk
    return re.compile(
        rf"(?:{DIGITS}|[{known.numerals}])"
        rf"(?:(?<=[조억만万億亿兆])\s(?=\d[\d,.]*\s?[{known.hangul}])|(?<=\d)\s(?=[만억조万亿億兆])"
        rf"|(?<=[조억만])\s(?=\d)|{DIGITS}|[{known.numerals}{known.hangul}])*"
    )


@cache
def _token() -> re.Pattern[str]:
    known = _numerals().cjk
    return re.compile(rf"{DIGITS}|[{known.numerals}{known.hangul}]")


def _read(text: str) -> Decimal | None:
    """The value of digits, kanji and Hangul magnitudes: 1兆2000億, 二十五, 二〇二六, 5천만."""
    known = _numerals().cjk
    total, section = Decimal(0), Decimal(0)
    current: Decimal | None = None
    last_big: Decimal | None = None
    positional = False
    for token in _token().findall(text):
        if token in known.small:
            section += (Decimal(1) if current is None else current) * known.small[token]
            current = None
        elif token in known.big:
            big = Decimal(known.big[token])
            section += current or Decimal(0)
            if last_big is not None and big >= last_big and section == 0:
                total *= big
            else:
                total += (section or Decimal(1)) * big
            last_big, section, current = big, Decimal(0), None
        else:
            digit = token in known.digits
            if current is not None and not (digit and positional):
                return None
            value = Decimal(known.digits[token] if digit else token.replace(",", ""))
            current = value if current is None else current * 10 + value
            positional = digit
    return total + section + (current or Decimal(0))


def cjk_numbers(text: str) -> Iterator[Number]:
    """Yields figures and numerals of Han and Hangul in text order."""
    for match in _run().finditer(text):
        token = match.group().rstrip()
        start, end = match.start(), match.start() + len(token)
        if token[0] == "一" and text[max(0, start - 1) : start] in set("唯统統同单單"):
            start, token = start + 1, token[1:]  # 唯一一支: the first 一 belongs to the word
        value = _read(token) if token else None
        figures = any(c.isdigit() and c.isascii() for c in token)
        if value is None or not (figures or _is_number(text, start, end, token)):
            continue
        if start and text[start - 1] in "数數幾几수":
            continue  # 数百社: no number is given
        yield Number(start, end, value, words=not figures)


def _is_number(text: str, start: int, end: int, token: str) -> bool:
    """Whether kanji numerals are a number here and not part of a word (一部, 千葉, 三菱)."""
    known = _numerals().cjk
    before = text[:start]
    if before.endswith(known.before_numbers) and not before.endswith("十十"):
        return True
    word = known.not_numbers.match(text, start) is not None
    if token in known.round:
        return not word and known.after_round.match(text, end) is not None
    if len(token) >= 2 and not word:
        return True
    if len(token) == 1 and (word or before[-1:] in known.not_before):
        return False
    return known.counters.match(text, end) is not None


# -- Korean ----------------------------------------------------------------------------------------


@cache
def _native_values() -> dict[str, int]:
    known = _numerals().korean
    tens = {word: 10 * n for n, word in enumerate(known.tens, start=1)}
    ones = [(word, n) for word, n in known.values.items() if n < 10]
    return known.values | tens | {t + o: a + b for t, a in tens.items() for o, b in ones}


@cache
def _native() -> re.Pattern[str]:
    known = _numerals().korean
    return re.compile(
        rf"(?<![가-힣])(?P<n>{any_word(_native_values())})\s?"
        rf"(?={any_of(known.counters)}(?:$|[^가-힣]|[이가은는을를의에로만도과와간째])|번째)"
    )


def korean_numbers(text: str) -> Iterator[Number]:
    """Yields native numerals of Korean before what they count."""
    for match in _native().finditer(text):
        value = Decimal(_native_values()[match.group("n")])
        yield Number(*match.span("n"), value, words=True)


# -- fractions -------------------------------------------------------------------------------------


@cache
def _fraction() -> re.Pattern[str]:
    han = _numerals().cjk.numerals
    figures = r"(?<!\d)(?:\d{1,3}(?:,\d{3}){1,6}(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?)"
    return re.compile(
        rf"(?P<den>{figures}|(?<![{han}])[{han}]++)\s?(?:分の|分之|분의)\s?"
        rf"(?P<num>(?:{DIGITS}|[{han}]+)(?:[点點][{han}]+)?)"
    )


def fractions(text: str) -> Iterator[Number]:
    """Yields fractions of Chinese, Japanese and Korean: 三分の一, 4分之1点5."""
    for match in _fraction().finditer(text):
        whole, _, tail = match.group("num").replace("點", "点").partition("点")
        denominator, numerator = _read(match.group("den")), _read(whole)
        if denominator and numerator is not None:
            if tail:
                digits = "".join(str(_numerals().cjk.digits[c]) for c in tail)
                numerator += Decimal(f"0.{digits}")
            yield Number(*match.span(), numerator / denominator, words=False, fraction=True)


# -- figures ---------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _separators(language: str) -> tuple[str, str]:
    """Decimal and group mark of a language, as the CLDR has them; English when unknown."""
    if language in {"en", "ja", "zh", "ko", "th"}:
        return ".", ","
    from babel import Locale, UnknownLocaleError
    from babel.numbers import get_decimal_symbol, get_group_symbol

    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return ".", ","
    group = get_group_symbol(locale)
    return get_decimal_symbol(locale), " " if group.isspace() else group


def _latin_figures(mark: str) -> str:
    """The pattern of figures that a mark groups.

    A point that cannot group (2.5) is taken for a decimal point: writers mix the two.
    """
    return rf"(?<![\d.,])(?:\d{{1,3}}(?:{mark}\d{{3}})+(?:,\d+)?|\d+\.\d{{1,2}}|\d+(?:,\d+)?)(?!\d)"


def latin_numbers(text: str, language: str) -> Iterator[Number]:
    """Yields figures of a language where the comma marks decimals; none of any other language."""
    decimal, group = _separators(language)
    if decimal != ",":
        return
    mark = r"[ .]" if group in {".", " "} else re.escape(group)
    for match in re.finditer(_latin_figures(mark), text):
        figure = match.group()
        if not re.fullmatch(r"\d+\.\d{1,2}", figure):
            figure = re.sub(mark, "", figure).replace(",", ".")
        yield Number(*match.span(), Decimal(figure), words=False)
