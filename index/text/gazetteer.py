"""Names known in several languages: leaders, cities, organisations, and countries of the CLDR."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from pydantic.dataclasses import dataclass

from konkyo.index.text.normalize import fold
from konkyo.index.text.word_data import CHECKED, any_word, word_data

__all__ = ["entity", "is_person", "known_names", "spellings"]

_LANGUAGES = ("en", "ja", "zh", "ko", "de", "es", "fr", "it", "pt", "ru", "tr", "th", "ar")


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Gazetteer:
    """The spellings of each name, by its key."""

    people: dict[str, tuple[str, ...]]
    places: dict[str, tuple[str, ...]]
    organisations: dict[str, tuple[str, ...]]
    countries: dict[str, tuple[str, ...]]


def _gazetteer() -> _Gazetteer:
    return word_data(_Gazetteer, "gazetteer")


@cache
def _keys() -> dict[str, str]:
    """The key of every spelling, folded; of two keys with one spelling the first counts."""
    known = _gazetteer()
    table: dict[str, str] = {}
    for names in (known.people, known.places, known.organisations, known.countries):
        for key, forms in names.items():
            for form in forms:
                table.setdefault(fold(form), key)
    return table


@lru_cache(maxsize=64)
def _territories(language: str) -> dict[str, str]:
    """Country names of one language (CLDR), folded, to their codes."""
    from babel import Locale, UnknownLocaleError

    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        return {}
    return {
        fold(name): code
        for code, name in locale.territories.items()
        if len(code) == 2 and code.isalpha() and len(name) > 1 and code not in {"EU", "UN", "EZ"}
    }


@lru_cache(maxsize=4096)
def entity(name: str, language: str | None = None) -> str | None:
    """Returns the key of a name that the gazetteer or the CLDR knows, else ``None``."""
    folded = fold(name).strip()
    known = _keys().get(folded)
    if known is not None:
        return known
    tables = (_territories(code[:2]) for code in dict.fromkeys((language or "en", *_LANGUAGES)))
    return next((table[folded] for table in tables if folded in table), None)


def is_person(key: str) -> bool:
    """Whether a key given by ``entity`` is a person."""
    return key in _gazetteer().people


@lru_cache(maxsize=256)
def spellings(key: str) -> tuple[str, ...]:
    """Returns every spelling known for a key, folded."""
    forms = [form for form, known in _keys().items() if known == key]
    if len(key) == 2 and key.isupper():
        for language in ("en", "ja", "zh", "ko"):
            forms += [form for form, known in _territories(language).items() if known == key]
    return tuple(dict.fromkeys(forms))


@cache
def known_names(language: str) -> re.Pattern[str]:
    """Returns the pattern of the known names of two letters and more that are not ASCII."""
    forms = {*_keys(), *_territories(language), *_territories("en")}
    return re.compile(any_word(form for form in forms if not form[0].isascii() and len(form) >= 2))
