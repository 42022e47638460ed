"""Texts folded for comparison without moving a single character, and the script they are in."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["fold", "guess_language", "letters", "same_language"]

_TILDES = dict.fromkeys(map(ord, "〜～∼˜"), "~")
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−－"), "-")
_QUOTES = {ord("’"): "'", ord("‘"): "'", ord("ʼ"): "'"}
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2002\u2003\u2007\u2009\u200a\u202f\u3000"), " ")
_SHAPES = _TILDES | _DASHES | _QUOTES | _SPACES | {ord("⁄"): "/"}


@lru_cache(maxsize=8192)
def _fold_character(char: str) -> str:
    if ord(char) in _SHAPES:
        return _SHAPES[ord(char)]
    category = unicodedata.category(char)
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "No":
        # A circled or raised figure is a mark beside the text, not part of a number.
        return char
    folded = unicodedata.normalize("NFKC", char).lower()
    return folded if len(folded) == 1 else char


@lru_cache(maxsize=1024)
def fold(text: str) -> str:
    """Lower case, half width, ASCII digits, one kind of dash and tilde; same length as ``text``.

    Offsets in the folded text are offsets in the text. Characters whose folded form is longer
    or shorter than one are left as they are.
    """
    return "".join(map(_fold_character, text))


def letters(text: str) -> str:
    """Letters and digits alone, of one width and case (NFKC, casefold)."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold())


def guess_language(text: str) -> str | None:
    """The language that the script alone tells: ja, ko, zh, th, ar, ru; ``None`` for Latin."""
    counts = {"ja": 0, "ko": 0, "zh": 0, "th": 0, "ar": 0, "ru": 0, "latin": 0}
    for char in text:
        code = ord(char)
        if 0x3041 <= code <= 0x30FF or 0xFF66 <= code <= 0xFF9D:
            counts["ja"] += 1
        elif 0xAC00 <= code <= 0xD7A3 or 0x1100 <= code <= 0x11FF:
            counts["ko"] += 1
        elif 0x4E00 <= code <= 0x9FFF or 0x3400 <= code <= 0x4DBF:
            counts["zh"] += 1
        elif 0x0E00 <= code <= 0x0E7F:
            counts["th"] += 1
        elif 0x0600 <= code <= 0x06FF:
            counts["ar"] += 1
        elif 0x0400 <= code <= 0x04FF:
            counts["ru"] += 1
        elif char.isalpha():
            counts["latin"] += 1
    if counts["ja"] and (counts["ja"] * 8 >= counts["zh"]) and counts["ja"] >= counts["ko"]:
        # One kana among many kanji is a Japanese headline; Chinese has none.
        return "ja" if (counts["ja"] + counts["zh"]) * 3 >= counts["latin"] else None
    best = max(counts, key=lambda name: counts[name])
    return None if best == "latin" or not counts[best] else best


def same_language(first: str | None, second: str | None) -> bool:
    """Whether two language codes name the same language; unknown is never the same."""
    return first is not None and second is not None and first[:2] == second[:2]
