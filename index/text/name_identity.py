"""Whether two spellings can be of one name, and where a text has a name in any spelling."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from functools import lru_cache

from konkyo.index.text.gazetteer import entity, spellings
from konkyo.index.text.name_sounds import sounds_alike
from konkyo.index.text.names import name_words
from konkyo.index.text.normalize import fold
from konkyo.index.text.thresholds import TEXT

__all__ = ["find_name", "same_name"]

_SCRIPTS = (
    ("han", re.compile(r"[一-鿿]")),
    ("kana", re.compile(r"[ァ-ヴぁ-ん]")),
    ("hangul", re.compile(r"[가-힣]")),
)
_LETTERS = re.compile(r"[^\W\d_]+")


def find_name(name: str, text: str, language: str | None = None) -> tuple[int, int] | None:
    """Returns where a text has a name in any spelling that can be told, or ``None``."""
    wanted, _ = _loose(name)
    folded, offsets = _loose(text)
    at = folded.find(wanted)
    if at >= 0 and wanted:
        return offsets[at], offsets[at + len(wanted) - 1] + 1
    key = entity(name, language)
    found = (_find_form(form, text) for form in (spellings(key) if key else ()))
    return next((span for span in found if span), None)


def _find_form(form: str, text: str) -> tuple[int, int] | None:
    if form == "us":
        hit = re.search(r"(?<![A-Za-z])US(?![A-Za-z])", text)
    elif form.isascii():
        hit = re.search(rf"(?<![^\W_]){re.escape(form)}(?![^\W_])", fold(text))
    else:
        hit = re.search(re.escape(form), fold(text))
    return hit.span() if hit else None


@lru_cache(maxsize=1024)
def _loose(text: str) -> tuple[str, tuple[int, ...]]:
    """Folded, without spaces, dots and marks between name parts; and each character's offset."""
    kept = [
        (c, i)
        for i, c in enumerate(fold(text))
        if not (c.isspace() or c in "・·•＝=･.,'’\"-「」『』“”")
    ]
    return "".join(c for c, _ in kept), tuple(i for _, i in kept)


def same_name(first: str, second: str) -> bool | None:
    """Whether two spellings are of one name; ``None`` when that cannot be told.

    Case, width, spaces and dots do not matter; a surname is the same name as the full name that
    has it (高市, 高市早苗; Trump, Donald Trump). Known names decide across scripts, else the sound
    can say yes, but never no.
    """
    a, b = _loose(first)[0], _loose(second)[0]
    if not a or not b:
        return None
    if a == b:
        return True
    known, other = entity(first), entity(second)
    if known is not None and other is not None:
        return known == other
    if _script(first) != _script(second):
        return True if sounds_alike(first, second) else None
    if _script(first) == "latin":
        return _latin_same(first, second)
    short, long = sorted((a, b), key=len)
    return bool(len(short) >= 2 and (long.startswith(short) or long.endswith(short)))


def _script(name: str) -> str:
    return next((script for script, letter in _SCRIPTS if letter.search(name)), "latin")


def _latin_same(first: str, second: str) -> bool:
    titles = name_words().latin.titles
    mine, theirs = (
        [w for w in _LETTERS.findall(fold(name)) if w not in titles] for name in (first, second)
    )
    if not mine or not theirs:
        return fold(first) == fold(second)
    if set(mine) <= set(theirs) or set(theirs) <= set(mine):
        return True
    if len(mine[-1]) < TEXT.surname_letters:
        return False
    return SequenceMatcher(None, mine[-1], theirs[-1]).ratio() >= TEXT.surname_alike
