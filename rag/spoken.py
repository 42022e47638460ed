"""The languages that Konkyo speaks, what it says in each of them, and their names."""

from __future__ import annotations

import re
from typing import Generic, Literal, TypeVar, get_args

from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED

__all__ = ["SPOKEN", "ByLanguage", "Spoken", "language_name", "spoken"]

Spoken = Literal["en", "ja", "ko", "zh"]
SPOKEN: tuple[Spoken, ...] = get_args(Spoken)

Words = TypeVar("Words")


def spoken(language: str) -> Spoken | None:
    """The one of these languages that a tag names (``zh`` of ``zh-TW``); None for another one."""
    code = re.split("[-_]", language)[0]
    return next((one for one in SPOKEN if one == code), None)


@dataclass(frozen=True, slots=True, config=CHECKED)
class ByLanguage(Generic[Words]):
    """The same words in every language that Konkyo speaks."""

    en: Words
    ja: Words
    ko: Words
    zh: Words

    def by_language(self, language: str) -> Words:
        """Those of a language; the English ones where there are none."""
        found: Words = getattr(self, spoken(language) or "en")
        return found


def language_name(code: str, language: str) -> str:
    """The name of a language in another one, by CLDR; its code where it has none.

    In English where Konkyo does not speak the other one.
    """
    from babel import Locale

    return str(Locale(spoken(language) or "en").languages.get(code) or code)
