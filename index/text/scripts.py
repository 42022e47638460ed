"""Which scripts a language is written in, and which script a letter is of.

Scripts are named by the first word of the names of their letters in Unicode: "LATIN", "GREEK",
"CJK", "HANGUL".
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

__all__ = ["script_of_letter", "scripts_of"]

_KANA = frozenset({"HIRAGANA", "KATAKANA"})


@cache
def scripts_of(language: str) -> frozenset[str]:
    """Returns the script of a language's own name in the CLDR; empty where it does not know it.

    Kana is added for Japanese, whose name is written in Han characters alone.
    """
    from babel import Locale, UnknownLocaleError

    try:
        name = Locale.parse(language.replace("-", "_")).language_name
    except (UnknownLocaleError, ValueError):
        return frozenset()
    script = script_of_letter(name[0]) if name else None
    if script is None:
        return frozenset()
    return _KANA | {script} if language[:2] == "ja" else frozenset({script})


def script_of_letter(letter: str) -> str | None:
    """Returns the script of one letter, full width or half; None for what is no letter."""
    plain = unicodedata.normalize("NFKC", letter)[:1]
    if not plain.isalpha():
        return None
    return re.split("[ -]", unicodedata.name(plain, ""))[0] or None
