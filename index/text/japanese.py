"""The words of Japanese text, by SudachiPy's small dictionary."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sudachipy import Dictionary, Tokenizer

__all__ = ["Word", "reading", "readings", "words"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text: ``text[start:end]``.

    ``kind`` is 人名, 地名 or another kind of proper noun, or empty; ``known`` tells whether the
    dictionary has the word, ``base`` is its form in it.
    """

    start: int
    end: int
    proper: bool
    kind: str
    known: bool
    base: str


@cache
def _dictionary() -> Dictionary:
    from sudachipy import Dictionary

    return Dictionary(dict="small")


# One a thread: a tokenizer that is in use raises when another thread uses it.
_own = threading.local()


def _tokenizer() -> Tokenizer:
    if not hasattr(_own, "tokenizer"):
        _own.tokenizer = _dictionary().tokenizer()
    found: Tokenizer = _own.tokenizer
    return found


def words(text: str) -> Iterator[Word]:
    """Yields the words of a text in order, without a gap."""
    for piece in _tokenizer().tokenize(text):
        part = piece.part_of_speech()
        proper, known = part[1] == "固有名詞", not piece.is_oov()
        yield Word(piece.begin(), piece.end(), proper, part[2], known, piece.dictionary_form())


def reading(text: str) -> str:
    """Returns how a text is read, in katakana."""
    return "".join(readings(text))


def readings(text: str) -> list[str]:
    """Returns how each word of a text is read, in katakana."""
    return [piece.reading_form() for piece in _tokenizer().tokenize(text)]
