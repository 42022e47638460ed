"""A name in the asker's script where it is known there, or how it is read."""

from __future__ import annotations

import re

from konkyo.index.text.gazetteer import entity, spelling
from konkyo.index.text.name_sounds import romanised

__all__ = ["name_text", "reading"]

_EAST_ASIAN = re.compile(r"[぀-ヿ一-鿿가-힣]")
_INITIALS = re.compile(r"[A-Z](?:\.?[A-Z])+\.?")


def name_text(text: str, language: str, target: str) -> str | None:
    """Returns a known name in the spelling of the language ``target``, else ``None``.

    A Latin word can name a country or a people (German, Russian): there only names of the CLDR
    and initials count.
    """
    key = entity(text, language)
    if key is None or len(text) < 2:
        return None
    country = len(key) == 2 and key.isupper()
    if country and not _EAST_ASIAN.search(text) and not _INITIALS.fullmatch(text):
        known = spelling(key, language)
        if known is None or known.casefold() != text.casefold():
            return None
    return spelling(key, target)


def reading(name: str, language: str, target: str) -> str | None:
    """How a Japanese, Chinese or Korean name is read, in Latin letters; ``None`` for another.

    Not given to whoever reads the name's own script, nor for a foreign name in Han (乔治·华盛顿).
    """
    if language[:2] == target[:2] or not _EAST_ASIAN.search(name) or "·" in name:
        return None
    if {language[:2], target[:2]} == {"ja", "zh"}:
        return None
    return romanised(name, language)
