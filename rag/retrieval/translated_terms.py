"""The words of a question in another language, by a dictionary, and how much of them a text has.

Vectors of a small multilingual encoder tell rare words apart badly across languages: jellyfish
and クラゲ are little nearer than jellyfish and 魚. A dictionary knows them. All translations of a
word count as one term, so that a word of many meanings, one of which is common, decides nothing
(structured queries, Pirkola, SIGIR 1998).
"""

from __future__ import annotations

import lzma
import math
import re
import sys
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic.dataclasses import dataclass as schema

from konkyo.index.errors import ModelDamaged
from konkyo.index.text.gazetteer import entity, spellings
from konkyo.index.text.japanese import words as japanese_words
from konkyo.index.text.normalize import fold
from konkyo.index.text.word_data import CHECKED, word_data

__all__ = ["Term", "function_words", "prepare", "translated", "translated_share"]

DICTIONARY = Path(__file__).with_name("lexicon.xz")
"""JMdict, CC-CEDICT and a Korean list of this project's, cut down (CC BY-SA 4.0)."""
_EACH = 6
"""Translations of a word that count."""
_LONGEST = {"zh": 6, "ko": 6}
_PHRASE = 3
"""English words that a phrase of the dictionary has at most."""
_SATURATION = 1.2
"""BM25's k1: how soon further occurrences of a term stop to count."""
_UNSEEN = 0.3
"""What a term that no text has counts, of the weight of one that a single text has."""
_HAN_KATAKANA = re.compile(r"[々\u3400-\u9fffァ-ヴ]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_FIGURE = re.compile(r"\d[\d,.]*\d")
_LATIN = re.compile(r"[a-z]+(?:[-'][a-z]+)*")
_CONTENT = re.compile(r"[a-z]{3,}")
_HANGUL = re.compile(r"[가-힣]+")
_ENDINGS = (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""))


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """English words that say nothing of what is asked, and forms that no rule gives."""

    function: frozenset[str]
    irregular: dict[str, str]


def _grammar() -> _Words:
    return word_data(_Words, "translated_terms", "konkyo.rag.retrieval")


def function_words() -> frozenset[str]:
    """English words that are not looked for in articles of another language."""
    return _grammar().function


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a question and the forms of it in another language, the likeliest first."""

    word: str
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Dictionary:
    """Glosses of the words of each language, words of each gloss, and characters that are one."""

    glosses: Mapping[str, Mapping[str, tuple[str, ...]]]
    words: Mapping[str, Mapping[str, tuple[str, ...]]]
    simplified: Mapping[int, str]


@cache
def _dictionary() -> _Dictionary:
    """Read the shipped dictionary. Raises ModelDamaged."""
    try:
        text = lzma.decompress(DICTIONARY.read_bytes()).decode("utf-8")
        return _parsed(text.splitlines())
    except (OSError, lzma.LZMAError, ValueError) as exc:
        raise ModelDamaged(f"{DICTIONARY.name} is damaged: {exc}; reinstall konkyo") from exc


def _parsed(lines: Sequence[str]) -> _Dictionary:
    """The dictionary of the lines that ``training/lexicon.py`` writes."""
    same, *lines = lines
    glosses: dict[str, dict[str, tuple[str, ...]]] = {}
    words: dict[str, dict[str, tuple[str, ...]]] = {}
    for row in lines:
        if row.startswith("["):
            language = row.strip("[]")
            own, known = glosses.setdefault(language, {}), words.setdefault(language, {})
            continue
        word, _, told = row.partition("\t")
        own[word] = tuple(map(sys.intern, told.split(",")))
        for gloss in own[word]:
            known[gloss] = (*known.get(gloss, ()), word)
    for language, known in words.items():
        book = glosses[language]
        rare = {word: math.log10(1 + line) for line, word in enumerate(book)}
        for gloss, found in known.items():
            # The better a gloss fits a word and the more the word is in use.
            known[gloss] = tuple(
                sorted(found, key=lambda w: book[w].index(gloss) + rare[w])[:_EACH]
            )
    return _Dictionary(glosses, words, dict(zip(map(ord, same[::2]), same[1::2], strict=True)))


def prepare() -> None:
    """Read the dictionary now, so that no question waits for it."""
    _dictionary()


@lru_cache(maxsize=256)
def translated(question: str, language: str, target: str) -> tuple[Term, ...]:
    """The words of a question that the dictionary knows, with their forms in another language.

    Figures of two digits and more and words in Latin letters count as they stand. Empty for a
    pair of languages without a dictionary, but for those.
    """
    own, other = language[:2], target[:2]
    text = fold(unicodedata.normalize("NFKC", question))
    found: dict[str, tuple[str, ...]] = {}
    for word in _terms(text, own):
        known = dict.fromkeys(_forms(word, own, other))
        forms = tuple(f for f in known if len(f) > 1 or _HAN.match(f))
        if forms:
            found.setdefault(word, forms)
    for figure in _FIGURE.findall(text):
        found.setdefault(figure, (figure,))
    return tuple(Term(word, forms) for word, forms in found.items())


def _terms(text: str, language: str) -> Iterator[str]:
    """The words of a folded question that can be looked up, in order."""
    if language == "ja":
        yield from _japanese(text)
    elif language == "zh":
        yield from _chinese(text)
    elif language == "ko":
        for word in _HANGUL.findall(text):
            yield from _begins(word)
    elif language == "en":
        yield from _english(text)
    if language != "en":
        yield from _CONTENT.findall(text)


def _chinese(text: str) -> Iterator[str]:
    """The longest known words of two characters and more, from left to right."""
    known, at = _dictionary().glosses["zh"], 0
    while at < len(text):
        for size in range(_LONGEST["zh"], 1, -1):
            if text[at : at + size] in known and at + size <= len(text):
                yield text[at : at + size]
                at += size
                break
        else:
            at += 1


def _begins(word: str) -> Iterator[str]:
    """The known words that a Korean word with its particles begins with, one after the other."""
    known, at = _dictionary().glosses["ko"], 0
    sizes = range(_LONGEST["ko"], 1, -1)
    while size := next((n for n in sizes if word[at : at + n] in known), 0):
        yield word[at : at + size]
        at += size


def _japanese(text: str) -> Iterator[str]:
    """The longest runs of whole words that are known, and other words of Han or katakana."""
    known = _dictionary().glosses["ja"]
    found = list(japanese_words(text))
    at = 0
    while at < len(found):
        for size in (4, 3, 2, 1):
            some = text[found[at].start : found[min(at + size, len(found)) - 1].end]
            if some in known or size == 1:
                base = found[at].base
                word = base if size == 1 and base in known else some
                if _HAN_KATAKANA.search(word):
                    yield word
                at += size
                break


def _english(text: str) -> Iterator[str]:
    """The known phrases and words, but for those that ask or join."""
    words = [w.removesuffix("'s") for w in _LATIN.findall(text.replace("’", "'"))]
    at = 0
    while at < len(words):
        for size in range(min(_PHRASE, len(words) - at), 0, -1):
            phrase = " ".join(words[at : at + size])
            if size == 1 or any(_known(p) for p in (phrase, phrase.replace("-", " "))):
                if not set(phrase.split()) <= function_words():
                    yield phrase
                at += size
                break


def _known(gloss: str) -> bool:
    return any(gloss in known for known in _dictionary().words.values())


def _forms(word: str, language: str, target: str) -> Iterator[str]:
    """The forms of a word in the target language; those of one language are those of its glosses.

    Known names have their spellings in any language. Words in Han characters stand for themselves
    between Japanese and Chinese.
    """
    book = _dictionary()
    if word.isascii():
        yield word
    name = entity(word, language)
    if name is not None and len(word) > 1:
        yield from spellings(name)
    if language == "en":
        gloss = _gloss_of(word)
        yield from book.words.get(target, {}).get(gloss, ())[:_EACH]
        return
    if {language, target} <= {"ja", "zh"}:
        yield word
    glosses = book.glosses.get(language, {}).get(word, ())[:_EACH]
    if target == "en":
        yield from glosses
        return
    alike: defaultdict[str, float] = defaultdict(float)
    for rank, gloss in enumerate(glosses):
        for other in book.words.get(target, {}).get(gloss, ()):
            alike[other] += 1 / (1 + rank) / (1 + book.glosses[target][other].index(gloss))
    yield from sorted(alike, key=lambda other: -alike[other])[:_EACH]


def _gloss_of(word: str) -> str:
    """The form under which the dictionary has an English word or phrase."""
    word = _grammar().irregular.get(word, word)
    stem = _stem(word)
    singular = word[:-1] if word.endswith("s") and not word.endswith("ss") else word
    forms = (singular, word, word.replace("-", " "), stem, f"{stem}e", stem[:-1])
    return next((f for f in forms if _known(f)), word)


def _stem(word: str) -> str:
    word = _grammar().irregular.get(word, word)
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending) + instead
    return word


def translated_share(
    terms: Sequence[Term], texts: Sequence[str], language: str
) -> npt.NDArray[np.float64]:
    """How much of the terms each text has, of shape (texts,), 0..1: BM25 over these texts alone.

    The fewer of the texts have a term, the more it counts.
    """
    total, most = np.zeros(len(texts)), 0.0
    read = [_readable(text, language) for text in texts]
    rarest = _rarity(1, len(texts))
    for term in terms:
        forms = [_readable(form, language) for form in term.forms]
        times = np.array([sum(text.count(form) for form in forms) for text in read], dtype=float)
        having = int(np.count_nonzero(times))
        if not having:
            most += _UNSEEN * rarest
            continue
        weight = _rarity(having, len(texts))
        total += weight * times / (times + _SATURATION)
        most += weight
    return total / most if most else total


def _rarity(having: int, texts: int) -> float:
    return math.log(1 + (texts - having + 0.5) / (having + 0.5))


@lru_cache(maxsize=8192)
def _readable(text: str, language: str) -> str:
    """A text as terms are looked for in it: folded, English in stems, Han in simplified ones."""
    folded = fold(unicodedata.normalize("NFKC", text))
    if language[:2] == "en":
        found = re.findall(r"[a-z]+|\d[\d,.]*\d|\d", folded.replace("'s ", " ").replace("’s ", " "))
        return f" {' '.join(map(_stem, found))} "
    if language[:2] == "zh":
        return folded.translate(_dictionary().simplified)
    return folded
