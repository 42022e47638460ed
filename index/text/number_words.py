"""Number words of European languages, and the magnitudes that follow figures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache

from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.numerals import Number
from konkyo.index.text.units import LATIN_END
from konkyo.index.text.word_data import CHECKED, any_of, any_word, word_data

__all__ = ["english_fractions", "english_numbers", "european_numbers", "scale", "scales"]


@schema(frozen=True, slots=True, config=CHECKED)
class _English:
    """Number words of English; ``scales`` may stand in a number of words."""

    units: tuple[str, ...]
    tens: tuple[str, ...]
    more: dict[str, int]
    scales: tuple[str, ...]
    ordinals: tuple[str, ...]
    more_ordinals: dict[str, int]
    fractions: tuple[str, ...]
    denominators: dict[str, int]


@schema(frozen=True, slots=True, config=CHECKED)
class _European:
    """The languages whose number words text2num reads, and words too vague to be a number."""

    languages: frozenset[str]
    vague: frozenset[str]


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """Number words, and the magnitudes of each language by their word."""

    english: _English
    european: _European
    scales: dict[str, dict[str, int]]


def _known() -> _Words:
    return word_data(_Words, "number_words")


@cache
def _values() -> dict[str, int]:
    words = _known().english
    units = {word: number for number, word in enumerate(words.units)}
    return units | {word: 10 * n for n, word in enumerate(words.tens, start=2)} | words.more


@cache
def _ordinals() -> dict[str, int]:
    words = _known().english
    return {word: n for n, word in enumerate(words.ordinals, start=1)} | words.more_ordinals


# -- English ---------------------------------------------------------------------------------------


@cache
def _english() -> re.Pattern[str]:
    word, scale = any_word(_values()), any_of(_known().english.scales)
    return re.compile(
        rf"(?<![^\W\d_])(?:(?:a|an)\s(?={scale}\b)|{word}\b)"
        rf"(?:(?:[\s-]|\sand\s|(?:(?<=thousand)|(?<=illion)),\s)(?:{word}|{scale})\b"
        rf"|(?<=a\s){scale}\b|(?<=an\s){scale}\b)*"
    )


@cache
def _english_ordinal() -> re.Pattern[str]:
    tens = any_of(_known().english.tens)
    return re.compile(rf"(?<![^\W\d_])(?:{tens}[\s-])?{any_word(_ordinals())}(?![^\W\d_])")


@cache
def _english_fraction() -> re.Pattern[str]:
    return re.compile(any_of(_known().english.fractions))


def english_numbers(text: str) -> Iterator[Number]:
    """Yields English number words and ordinals of a folded text."""
    for match in _english().finditer(text):
        token = match.group().strip()
        end = match.start() + len(token)
        yield Number(match.start(), end, _english_value(token), words=True)
    for match in _english_ordinal().finditer(text):
        parts = re.split(r"[\s-]", match.group())
        value = Decimal(sum(_values().get(p, 0) or _ordinals().get(p, 0) for p in parts))
        yield Number(*match.span(), value, words=True, ordinal=True)


def _english_value(text: str) -> Decimal:
    total, current = Decimal(0), Decimal(0)
    for word in re.split(r"[\s,-]+", text):
        scale = scales("en").get(word)
        if word in {"and", "a", "an"}:
            continue
        if scale is None:
            current += _values()[word]
        elif scale <= 100:
            current = (current or Decimal(1)) * scale
        else:
            total += (current or Decimal(1)) * scale
            current = Decimal(0)
    return total + current


def english_fractions(text: str) -> Iterator[Number]:
    """Yields English fractions of a folded text: two thirds, half of, 3/8."""
    for match in _english_fraction().finditer(text):
        parts = {name[:3]: value for name, value in match.groupdict().items() if value}
        top, bottom = parts.get("num", "one"), parts["den"]
        numerator = int(top) if top.isdigit() else _values().get(top, 1)
        names = _known().english.denominators
        denominator = int(bottom) if bottom.isdigit() else names.get(bottom) or names[bottom[:-1]]
        value = Decimal(numerator) / denominator
        yield Number(*match.span(), value, words=False, fraction=True)


# -- other European languages ----------------------------------------------------------------------


class _Word:
    """One word for text2num's token protocol."""

    def __init__(self, text: str) -> None:
        self._text = text

    def text(self) -> str:
        return self._text

    def nt_separated(self, previous: _Word) -> bool:
        return False

    def not_a_number_part(self) -> bool:
        return self._text.isdigit()


def european_numbers(text: str, language: str) -> Iterator[Number] | None:
    """Number words as text2num finds them, or ``None`` for a language that it does not know here.

    Figures are left to other readers.
    """
    known = _known().european
    return _european(text, language, known.vague) if language in known.languages else None


def _european(text: str, language: str, vague: frozenset[str]) -> Iterator[Number]:
    from text_to_num import find_numbers

    spans = [m.span() for m in re.finditer(r"[^\W\d_]+|[^\w\s]", text)]
    words = [_Word(text[a:b]) for a, b in spans]
    for found in find_numbers(words, language, threshold=2):
        if found.end - found.start == 1 and words[found.start].text() in vague:
            continue
        start, end = spans[found.start][0], spans[found.end - 1][1]
        value = Decimal(str(found.value))
        yield Number(start, end, value, words=True, ordinal=found.is_ordinal)


# -- magnitudes ------------------------------------------------------------------------------------


def scales(language: str) -> dict[str, int]:
    """Returns the magnitudes of a language by their words."""
    return _known().scales.get(language, {})


@cache
def scale(language: str) -> re.Pattern[str] | None:
    """Returns the pattern of a magnitude after figures, or ``None`` where no words are known."""
    words = scales(language)
    end = "" if language == "th" else LATIN_END
    return re.compile(rf"[\s-]?(?P<scale>{any_word(words)}){end}") if words else None
