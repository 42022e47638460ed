"""Windows as the product cuts them: runs of whole sentences under a budget of tokens."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from konkyo.index.chunking import chunk
from konkyo.index.records import Article
from konkyo.index.text.sentences import sentences

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "BUDGET",
    "Cutter",
    "Window",
    "about",
    "product_cutter",
    "random_budget",
    "sentence_spans",
    "within",
]

BUDGET = 192
_BUDGETS = (48, 96, 96, 128, 128, 192, 192, 192, 192, 192, 192, 256)
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of an article's text: ``article_text[start:end] == text``."""

    start: int
    end: int
    text: str

    def inner(self, place: Span) -> Span | None:
        """A place of the article's text in code points of this window; None: not wholly in it."""
        if place[0] < self.start or place[1] > self.end:
            return None
        return place[0] - self.start, place[1] - self.start


class Cutter:
    """Cuts texts by the product's own rule; ``count_tokens`` counts as the encoder does."""

    def __init__(self, count_tokens: Callable[[Sequence[str]], list[int]]) -> None:
        self._count = count_tokens

    def cut(self, text: str, language: str, budget: int = BUDGET) -> list[Window]:
        """The windows of one article, in order."""
        article = Article("", "", text, language, "")
        passages = chunk(article, count_tokens=self._count, budget=budget)
        return [Window(p.start, p.end, p.text) for p in passages]


def product_cutter(tokenizer: Tokenizer) -> Cutter:
    """A cutter that counts tokens as the encoder does, special tokens left out."""

    def count(texts: Sequence[str]) -> list[int]:
        return [len(e.ids) for e in tokenizer.encode_batch(list(texts), add_special_tokens=False)]

    return Cutter(count)


def about(title: str, published: str) -> str:
    """Title and day, as the product gives them to the reader beside a passage."""
    return f"{title} ({published})" if title and published else title


def random_budget(rng: random.Random) -> int:
    """Mostly the product's budget, sometimes less or more."""
    return rng.choice(_BUDGETS)


def sentence_spans(text: str, language: str) -> list[Span]:
    """Half-open spans of the sentences of a text."""
    return sentences(text, language)


def within(windows: Sequence[Window], places: Sequence[Span]) -> list[tuple[Window, list[Span]]]:
    """The windows that hold at least one place whole, each with the places that it holds."""
    found = []
    for window in windows:
        held = [inner for place in places if (inner := window.inner(place)) is not None]
        if held:
            found.append((window, held))
    return found
