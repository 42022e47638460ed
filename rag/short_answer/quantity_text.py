"""A figure with its unit, said in another language without changing its value."""

from __future__ import annotations

from decimal import Decimal, getcontext

from babel import Locale
from babel.numbers import (
    format_compact_decimal,
    format_decimal,
    format_percent,
    get_currency_name,
    get_currency_symbol,
)
from babel.units import UnknownUnitError, format_unit

from konkyo.index.text.normalize import fold
from konkyo.index.text.quantities import Quantity
from konkyo.index.text.units import units
from konkyo.rag.short_answer.wording import Hedge, locale_of, ordinal, wording, words_of

__all__ = ["hedge_of", "quantity_text"]

_LARGE = Decimal(1_000_000)
_PLACES = 4
_SIGN_FIRST = frozenset({"USD", "EUR", "GBP"})


def quantity_text(quantity: Quantity, language: str, hedge: Hedge | None) -> str | None:
    """Returns the figure in a language, ``None`` where it cannot be said exactly there.

    ``hedge`` is what makes it a rough one.
    """
    unknown = quantity.approximate and hedge is None
    if unknown or wording().unsaid.search(quantity.text):
        return None
    values = [_single(value, quantity, language) for value in quantity.values]
    words = words_of(language)
    if any(value is None for value in values):
        return None
    text = str(values[0])
    if len(values) == 2:
        if words is None:
            return None
        text = words.range.format(low=values[0], high=values[1])
    if hedge is None:
        return text
    return getattr(words, hedge).format(x=text) if words else None


def hedge_of(text: str, start: int, end: int) -> tuple[Hedge | None, int, int]:
    """What makes the figure at ``text[start:end]`` a rough one, and the span with its words."""
    folded = fold(text)
    for hedge, words in wording().hedges.items():
        if before := words.before.search(folded, max(0, start - 20), start):
            return hedge, before.start(), end
    for hedge, words in wording().hedges.items():
        if after := words.after.match(folded, end):
            return hedge, start, after.end()
    return None, start, end


def _single(value: Decimal, quantity: Quantity, language: str) -> str | None:
    locale, kind, unit = locale_of(language), quantity.kind, quantity.unit
    # From 25 digits before the point on, nothing is computed exactly, and rounding fails.
    if value.adjusted() + _PLACES >= getcontext().prec or value != round(value, _PLACES):
        return None
    if kind == "money":
        return _money(value, unit, locale)
    if kind == "year":
        year = int(value)
        return f"{year}{_YEAR.get(locale.language, '')}"
    if kind == "ordinal":
        return ordinal(int(value), language)
    if unit in {"percent", "tenth"}:
        share = value * units()[unit].factor
        return format_percent(share, locale=locale, decimal_quantization=False)
    if unit in wording().cldr:
        return _unit(value, wording().cldr[unit], locale)
    return _counted(value, quantity, language, locale)


_YEAR = {"ja": "年", "zh": "年", "ko": "년"}


def _number(value: Decimal, locale: Locale) -> str:
    """All figures of a number; from a million on with the language's own words of magnitude."""
    plain = format_decimal(value, locale=locale, decimal_quantization=False)
    if abs(value) < _LARGE:
        return plain
    short, long = (
        format_compact_decimal(value, format_type="long", locale=locale, fraction_digits=digits)
        for digits in (4, 12)
    )
    return short if short == long else plain


def _money(value: Decimal, unit: str | None, locale: Locale) -> str | None:
    if unit is None:
        return None
    code = units()[unit].dimension
    value *= units()[unit].factor
    if code not in locale.currencies:
        return None
    number = _number(value, locale)
    if locale.language == "en" and code in _SIGN_FIRST:
        return f"{get_currency_symbol(code, locale)}{number}"
    name = get_currency_name(code, value, locale)
    return f"{number}{name}" if locale.language in {"ja", "zh"} else f"{number} {name}"


def _unit(value: Decimal, unit: str, locale: Locale) -> str | None:
    try:
        text = format_unit(value, unit, "long", locale=locale)
    except UnknownUnitError:
        return None
    # The CLDR parts 3 from 年 by a space, which no newspaper does.
    return text.replace(" ", "") if locale.language in {"ja", "zh"} else text


def _counted(value: Decimal, quantity: Quantity, language: str, locale: Locale) -> str | None:
    """What is counted, by its word; the number alone where things have no word of their own."""
    words, number = words_of(language), _number(value, locale)
    forms = words.counted.get(quantity.unit or "") if words else None
    if forms:
        return (forms[0] if value == 1 else forms[-1]).format(n=number)
    return number if quantity.kind in {"count", "plain"} else None
