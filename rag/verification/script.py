"""Whether a sentence is written in the script of its language."""

from __future__ import annotations

import re

from konkyo.index.text.delimited import without_between
from konkyo.index.text.scripts import script_of_letter, scripts_of
from konkyo.rag.thresholds import DEFAULT, Thresholds

__all__ = ["script_fits"]

_KANA = re.compile(r"[぀-ヺー]")
_HAN = re.compile(r"[㐀-鿿]")
_HANGUL = re.compile(r"[가-힣]+")
_WIDE = re.compile(r"[぀-ヺー㐀-鿿가-힣]+")
_HAN_WORD = re.compile(r"[㐀-鿿]{2,}")
_NARROW_BRACKETS = str.maketrans("（）", "()")
_WORDS = re.compile(r"(?<![A-Za-z])[A-Za-z]{2,}+(?:\s++[A-Za-z]{2,}+)++")


def script_fits(
    text: str, language: str, known: str = "", thresholds: Thresholds = DEFAULT
) -> bool:
    """Whether a sentence is written in its language's script, without words copied from another.

    Names in Latin script are allowed, and whatever stands in ``known``: the question and quotes
    in the language itself. Of a language whose script is not known only copied words are told.
    """
    written = [script for c in text if (script := script_of_letter(c))]
    if not written:
        return True
    if any(run not in known for run in _foreign(text, language)):
        return False
    if (
        language == "ja"
        and not _KANA.search(text)
        and len(_HAN.findall(text)) > thresholds.han_without_kana
    ):
        return False
    own = scripts_of(language)
    return not own or sum(s in own for s in written) >= thresholds.own_script * len(written)


def _foreign(text: str, language: str) -> list[str]:
    """What of a text is in a script that its language does not mix with."""
    if language == "ja":
        return [*_HANGUL.findall(text), *filter(_chinese, text), *_WORDS.findall(text)]
    if language == "zh":
        return [*_HANGUL.findall(text), *_KANA.findall(text), *_WORDS.findall(text)]
    if language == "ko":
        # Newspapers write one Han character for a country, and names in brackets.
        plain = without_between(text.translate(_NARROW_BRACKETS), "(", ")")
        return [*_KANA.findall(text), *_HAN_WORD.findall(plain), *_WORDS.findall(text)]
    return _WIDE.findall(text)


def _chinese(char: str) -> bool:
    """Whether a Han character is none that Japanese is written with (mostly simplified)."""
    if not _HAN.fullmatch(char):
        return False
    try:
        char.encode("cp932")
    except UnicodeEncodeError:
        return True
    return False
