"""Guess the charset of bytes by how usual the decoded letters are in news."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool
from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.word_data import CHECKED, word_data

__all__ = ["LetterTables", "Letters", "guessed"]

_WIDE = ("utf-16-le", "utf-16-be")
_MANY_LETTERS = ("cp932", "euc_jp", "cp949", "gb18030", "big5")
_SAMPLE = 4000
_TIERS = {"rare": 0.1, "usual": 0.5, "frequent": 1.0}
_USUAL_MARKS = frozenset("«»–—‘’“”…№°§€£\u00a0")
_LEAST, _LEAST_WIDE = 0.45, 0.3
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
_WORDS = re.compile(r"[^\x00-\x7f]+")


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The letters of the languages that are written in some charsets.

    ``within_latin`` says whether they stand beside unaccented Latin letters (é in "café").
    """

    charsets: tuple[str, ...]
    within_latin: bool
    shares: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Letters:
    """How usual letters are, as a share 0..1, in all scripts and in single alphabets."""

    usual: Mapping[str, float]
    alphabets: tuple[Alphabet, ...]


def guessed(content: bytes) -> str | None:
    """Return the decoding whose letters are most like those of written language, or None."""
    wide = b"\0" in content[:_SAMPLE]
    best: tuple[float, str] = (0.0, "")
    for text, score in _scored(content, wide=wide):
        if score > best[0]:
            best = (score, text)
    return best[1] if best[0] >= (_LEAST_WIDE if wide else _LEAST) else None


def _scored(content: bytes, *, wide: bool) -> Iterator[tuple[str, float]]:
    """Yield every possible decoding with its score."""
    letters = _letters()
    for charset in () if wide else _MANY_LETTERS:
        text = _decoded(content, charset)
        if text is not None:
            yield text, _usual_share(text, letters.usual)
    for alphabet in () if wide else letters.alphabets:
        for charset in alphabet.charsets:
            text = _decoded(content, charset)
            if text is not None:
                yield text, _alphabet_share(text, alphabet)
    for charset in _WIDE:
        text = _decoded(content, charset)
        if text is not None and _known_share(text, letters.usual) >= 0.95:
            yield text, _usual_share(text, letters.usual)


def _decoded(content: bytes, charset: str) -> str | None:
    try:
        return content.decode(charset)
    except UnicodeDecodeError:
        return None


def _known_share(text: str, usual: Mapping[str, float]) -> float:
    """Return the share of characters that belong to a script known here."""
    sample = text[:_SAMPLE]
    known = sum(c in usual or " " <= c <= "~" or c in "\r\n\t" for c in sample)
    return known / max(1, len(sample))


def _usual_share(text: str, usual: Mapping[str, float]) -> float:
    """Return how usual the letters beyond ASCII are; control characters count against it."""
    sample = _sample(text)
    found = sum(usual.get(c, 0.0) for c in sample)
    return (found / len(sample) if sample else 1.0) - _control_share(text)


def _alphabet_share(text: str, alphabet: Alphabet) -> float:
    """Return how usual the letters beyond ASCII are in one alphabet, and how well they stand."""
    found = 0.0
    count = 0
    for word in _WORDS.finditer(text):
        before = text[word.start() - 1 : word.start()]
        after = text[word.end() : word.end() + 1]
        beside = before.isalnum() or after.isalnum()
        stands = len(word.group()) <= 3 if alphabet.within_latin else not beside
        found += _word_share(word.group(), alphabet.shares if stands else {})
        count += word.end() - word.start()
        if count >= _SAMPLE:
            break
    return (found / count if count else 1.0) - _control_share(text)


def _word_share(word: str, shares: Mapping[str, float]) -> float:
    """Return the sum of the shares of letters; a capital after a small letter has none."""
    found = 0.0
    for before, c in pairwise(" " + word):
        if c in _USUAL_MARKS:
            found += _TIERS["frequent"]
        elif not (c.isupper() and before.islower()):
            found += shares.get(c, 0.0)
    return found


def _sample(text: str) -> str:
    """Return the first characters beyond ASCII; a page may have none in its first thousands."""
    parts: list[str] = []
    size = 0
    for word in _WORDS.finditer(text):
        parts.append(word.group())
        size += len(word.group())
        if size >= _SAMPLE:
            break
    return "".join(parts)


def _control_share(text: str) -> float:
    sample = text[:_SAMPLE]
    return 5 * len(_CONTROL.findall(sample)) / max(1, len(sample))


def _expanded(ranges: Any) -> str:
    """Returns all letters of ranges such as ``а-я``."""
    found = []
    for each in ranges:
        if not isinstance(each, str) or len(each) != 3 or each[1] != "-" or each[0] > each[2]:
            raise ValueError(f"{each!r} is not a range like а-я")
        found += [chr(code) for code in range(ord(each[0]), ord(each[2]) + 1)]
    return "".join(found)


def _charset(name: str) -> str:
    try:
        "".encode(name)
    except LookupError as exc:
        raise ValueError(f"no charset {name!r}") from exc
    return name


@schema(frozen=True, slots=True, config=CHECKED)
class _UsualLetters:
    """Letters that are all of one share."""

    share: Annotated[float, Field(gt=0, le=1)]
    ranges: Annotated[str, BeforeValidator(_expanded)] = ""
    letters: str = ""


@schema(frozen=True, slots=True, config=CHECKED)
class _AlphabetLetters:
    """The letters of an alphabet, by how often they are written."""

    charsets: tuple[Annotated[str, AfterValidator(_charset)], ...]
    within_latin: StrictBool
    frequent: str
    usual: str
    rare: str


@schema(frozen=True, slots=True, config=CHECKED)
class LetterTables:
    """The data file of letters."""

    usual: tuple[_UsualLetters, ...]
    alphabet: tuple[_AlphabetLetters, ...]

    @property
    def letters(self) -> Letters:
        """The share of each letter."""
        usual = {
            c: one.share for one in self.usual for c in one.letters.replace("\n", "") + one.ranges
        }
        alphabets = [
            Alphabet(
                one.charsets,
                one.within_latin,
                {c: share for tier, share in _TIERS.items() for c in getattr(one, tier)},
            )
            for one in self.alphabet
        ]
        return Letters(usual, tuple(alphabets))


@cache
def _letters() -> Letters:
    return word_data(LetterTables, "letters", "konkyo.index.ingest").letters
