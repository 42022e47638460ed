"""The words of a text, to compare texts by, and its search terms, to find it by.

Scripts that are written without spaces give characters, or pairs of them; all others give words.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from konkyo.index.text.normalize import fold

__all__ = ["TOKENS_VERSION", "TermWorth", "Word", "query_tokens", "tokens", "words"]

TOKENS_VERSION = 3
"""Grows whenever ``tokens`` gives anything else for any text: cached postings are then rebuilt."""

# Scripts written without spaces: Han, kana, Thai, Lao, Khmer, Myanmar, Tibetan.
_HAN_KANA = (
    r"々〆〇ヵヶ\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_SOUTHEAST = r"\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0eff\u0f40-\u0fbc\u1000-\u109f\u1780-\u17d3"
_HANGUL = r"\u1100-\u11ff\u3131-\u318e\ua960-\ua97c\uac00-\ud7a3\ud7b0-\ud7fb"
_RUNS = re.compile(
    rf"(?P<han>[{_HAN_KANA}]+)"
    rf"|(?P<southeast>[{_SOUTHEAST}]+)"
    rf"|(?P<hangul>[{_HANGUL}]+)"
    r"|(?P<number>\d+(?:[.,]\d+)*)"
    rf"|(?P<word>(?:(?![{_HAN_KANA}{_SOUTHEAST}{_HANGUL}\d_])"
    r"[\w\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0900-\u0dff])+)"
)
_UNSPACED = f"{_HAN_KANA}{_SOUTHEAST}{_HANGUL}"
_WORD = re.compile(rf"\d+(?:[.,]\d+)*|[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W\d_])+")
_KATAKANA_WORD = re.compile(r"[\u30a1-\u30fa\u30fc]{3,}")
_FIRST_HAN = "\u3400"
_THOUSANDS = re.compile(r",(?=\d{3}(?:\D|$))")

_TWO_OF_HIRAGANA = re.compile(r"[\u3041-\u309f]+")
_ONE_OF_HIRAGANA = re.compile(r"[\u3041-\u309f]")
_HAN_OR_PIECE = re.compile(
    r"[々〆〇\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]{1,2}|[\u30a1-\u30ff]{2}"
)


@dataclass(frozen=True, slots=True)
class TermWorth:
    """What a term of a question is worth, by its kind; fitted by ``benchmarks/fit_fusion.py``.

    Rarity alone overrates how a question is phrased: what joins a name to a particle or asks
    (「のは」, 「は何」) is rare in articles because articles do not ask. ``border`` is a bigram of
    one hiragana and something else, ``hiragana`` one of two, ``piece`` a Han character, two of
    them or two katakana, ``whole`` everything else: numbers, katakana words, words.
    """

    border: float = 0.35
    hiragana: float = 0.5
    piece: float = 0.85
    whole: float = 1.7

    def of(self, term: str) -> float:
        """The factor of one term."""
        if term[0].isdigit():
            return self.whole
        if _TWO_OF_HIRAGANA.fullmatch(term):
            return self.hiragana
        if _ONE_OF_HIRAGANA.search(term):
            return self.border
        return self.piece if _HAN_OR_PIECE.fullmatch(term) else self.whole


@dataclass(frozen=True, slots=True)
class Word:
    """A word, a figure, or one character of a script without spaces; ``key`` is what compares."""

    start: int
    end: int
    key: str

    @property
    def wide(self) -> bool:
        """Whether it is one character of a script where words are not separated by spaces."""
        return self.end - self.start == 1 and ord(self.key) > 0x0E00


@lru_cache(maxsize=2048)
def words(text: str) -> tuple[Word, ...]:
    """The words of a text with their offsets in it; punctuation and spaces are left out."""
    return tuple(
        Word(
            m.start(), m.end(), m.group().replace(",", "") if m.group()[0].isdigit() else m.group()
        )
        for m in _WORD.finditer(fold(text))
    )


def _bigrams(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    return [run[i : i + 2] for i in range(len(run) - 1)]


def _plain_word(run: str) -> str:
    if run.isascii():
        return run
    return "".join(c for c in unicodedata.normalize("NFKD", run) if not unicodedata.combining(c))


def tokens(text: str) -> list[str]:
    """Cut a text into search terms, in order, with repetition.

    Width, case and compatibility forms are folded (NFKC, casefold). Han, kana and the
    South-East Asian scripts give character bigrams (a lone character gives itself); Korean
    gives bigrams inside each eojeol, as particles are attached; other scripts give words
    without accents; a number gives itself without thousands separators, and tied to the
    character it counts (``3月``). Each Han character and each katakana word is a term as well:
    on JaQuAD train these three lift hit@1 of bigrams alone from 0.817 to 0.854.
    """
    found: list[str] = []
    number, end = "", -1
    for match in _RUNS.finditer(unicodedata.normalize("NFKC", text).casefold()):
        run = match.group()
        kind = match.lastgroup
        if kind == "number":
            number, end = _THOUSANDS.sub("", run), match.end()
            found.append(number)
            continue
        if kind == "word":
            # A combining mark with nothing to combine with is no word.
            found += filter(None, [_plain_word(run)])
            continue
        if match.start() == end and kind != "southeast":
            found += [number[-1] + run[0], number + run[0]]
        found += _bigrams(run)
        if kind == "han":
            if len(run) > 1:
                found += [char for char in run if char >= _FIRST_HAN]
            found += _KATAKANA_WORD.findall(run)
    return found


def query_tokens(text: str, worth: TermWorth | None = None) -> dict[str, float]:
    """The terms of a question, each with its count times what terms of its kind are worth."""
    worth = worth or TermWorth()
    return {term: times * worth.of(term) for term, times in Counter(tokens(text)).items()}
