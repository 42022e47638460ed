"""Texts folded for comparison without moving a single character."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["fold", "letters"]

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
