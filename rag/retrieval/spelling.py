"""Misspelt words of a question in the spelling of the articles, by SymSpell.

Only a word that neither the articles nor a dictionary have is changed, to the nearest word that the
articles have: a name to a name. Words in Latin letters are looked up in SymSpell's English
dictionary, those in katakana in that of SudachiPy. Other scripts are left alone: nothing there
tells which words are right.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING

from konkyo.index.records import Filter
from konkyo.index.stores.base import Store
from konkyo.index.text.japanese import words
from konkyo.rag.thresholds import DEFAULT, Thresholds

if TYPE_CHECKING:
    from symspellpy import SymSpell

__all__ = ["ArticleWords", "Spelling"]

_WORD = re.compile(r"[ァ-ヺー]{4,}|[A-Za-zÀ-ɏ]{5,}")


class ArticleWords:
    """The words of some texts; ``corrected`` spells those of a question like them.

    Of a word with ``long`` letters two may be wrong, of a shorter one one.
    """

    def __init__(self, texts: Iterable[str], long: int = DEFAULT.spelling_long) -> None:
        from symspellpy import SymSpell

        self._long = long
        written: Counter[str] = Counter()
        for text in texts:
            written.update(_WORD.findall(text))
        counts: Counter[str] = Counter()
        self._written: dict[str, str] = {}
        for word, count in reversed(written.most_common()):
            counts[word.casefold()] += count
            self._written[word.casefold()] = word
        self._nearest: SymSpell = SymSpell(max_dictionary_edit_distance=2)
        for word, count in counts.items():
            self._nearest.create_dictionary_entry(word, count)

    def corrected(self, text: str) -> str:
        """A text with its misspelt words as the articles spell them."""
        return _WORD.sub(lambda found: self._word(found.group()), text)

    def _word(self, word: str) -> str:
        from symspellpy import Verbosity

        asked = word.casefold()
        if asked in self._written or _in_dictionary(word):
            return word
        most = 2 if len(asked) >= self._long else 1
        found = self._nearest.lookup(asked, Verbosity.CLOSEST, most)
        # The first letter is seldom mistaken, and often tells words apart.
        near = (self._written[item.term] for item in found if item.term[0] == asked[0])
        return next((w for w in near if word.islower() or not w.islower()), word)


class Spelling:
    """The words of one generation of a store, read when they are first needed. Safe to share."""

    def __init__(self, thresholds: Thresholds = DEFAULT) -> None:
        self._thresholds = thresholds
        self._lock = threading.Lock()
        self._read: tuple[Store, ArticleWords] | None = None

    def corrected(self, store: Store, text: str) -> str:
        """A text with each misspelt word as the newest articles of a store spell it."""
        if all(_in_dictionary(word) for word in _WORD.findall(text)):
            return text
        with self._lock:
            if self._read is None or self._read[0] is not store:
                newest = islice(store.articles(Filter()), self._thresholds.spelling_articles)
                articles = (store.article(a.article_id) for a in newest)
                texts = (f"{a.title}\n{a.text}" for a in articles)
                self._read = store, ArticleWords(texts, self._thresholds.spelling_long)
            known = self._read[1]
        return known.corrected(text)


def _in_dictionary(word: str) -> bool:
    if word[0].isascii() or word[0] < "\u3000":
        return word.casefold() in _english()
    return all(piece.known for piece in words(word))


@cache
def _english() -> frozenset[str]:
    """The words of SymSpell's dictionary."""
    file = resources.files("symspellpy").joinpath("frequency_dictionary_en_82_765.txt")
    return frozenset(line.split(" ")[0] for line in file.read_text("utf-8-sig").splitlines())
