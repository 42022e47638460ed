"""Names known in several languages: leaders, cities, organisations, and countries of the CLDR."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from pydantic.dataclasses import dataclass

from konkyo.index.text.normalize import fold
from konkyo.index.text.word_data import CHECKED, any_word, word_data

__all__ = ["entity", "is_person", "known_names", "spelling", "spellings"]

_KANA = re.compile(r"[ァ-ヴー・]+")
_HAN = re.compile(r"[一-鿿]+")
_HANGUL = re.compile(r"[가-힣 ]+")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ .'’-]+")
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


def spelling(key: str, language: str) -> str | None:
    """Returns how a language writes the name of a key, ``None`` where that is not known.

    The first form in the language's script: kana for Japanese, else Han; of two forms in Han the
    second is the Chinese one. Countries are named as in
    the CLDR, but for Japanese and Korean, where newspapers use shorter names.
    """
    code, known = language[:2], _gazetteer()
    country = len(key) == 2 and key.isupper()
    if country and (code not in {"ja", "ko"} or key not in known.countries):
        return _country(key, code)
    tables = (known.people, known.places, known.organisations, known.countries)
    forms = next((table[key] for table in tables if key in table), ())
    written = {"ja": _KANA, "ko": _HANGUL, "zh": _HAN}.get(code, _LATIN)
    fits = [form for form in forms if written.fullmatch(form)]
    if code == "ja" and not fits:
        fits = [form for form in forms if _HAN.fullmatch(form)]
    if code == "zh" and len(fits) > 1 and not any(_KANA.fullmatch(form) for form in forms):
        fits = fits[1:]
    return fits[0] if fits else None


def _country(key: str, code: str) -> str | None:
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(code).territories[key])
    except (UnknownLocaleError, ValueError, KeyError):
        return None


@cache
def known_names(language: str) -> re.Pattern[str]:
    """Returns the pattern of the known names of two letters and more that are not ASCII."""
    forms = {*_keys(), *_territories(language), *_territories("en")}
    return re.compile(any_word(form for form in forms if not form[0].isascii() and len(form) >= 2))
