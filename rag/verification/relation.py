"""Whether a phrased sentence keeps the relations of what it cites, or only its words.

A small model puts true words together anew: the attacker becomes the attacked, a day of one event
that of another, and a question is turned into a statement around whatever name a quote holds. Exact
facts and likeness of meaning pass such sentences. Two kinds are told apart. A claim whose words
stand in one quote, all of them and in the same order, is that quote made shorter. Any other is
phrased anew, and passes only if the learned checker's two heads agree strongly enough: the quote
supports it, and the quote answers the question with something the claim holds. Weights and
threshold are fitted by ``benchmarks/fit_phrased.py`` on data named in ``rag/calibration.json``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic.dataclasses import dataclass

from konkyo.index.text.name_identity import same_name
from konkyo.index.text.names import names
from konkyo.index.text.normalize import letters
from konkyo.index.text.sentences import sentences
from konkyo.index.text.tokens import words
from konkyo.index.text.word_data import CHECKED, Characters, FoldedAlternatives, word_data
from konkyo.rag.calibration import Calibration, logit
from konkyo.rag.planned import drops_plan
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.types import Evidence
from konkyo.rag.verification.meaning import Supporter, support_views

__all__ = ["RelationCheck", "kept_in_order", "made_shorter"]

_SUREST = 1e-3
_MARKED = re.compile(r"([^\s぀-ゟ、。「」]{1,2})([がはを])")
_PASSIVE = re.compile(r"[あ-ん]?れ(?:た|て|る|ま|ず|な)")
_LIGHT = re.compile(r"[぀-ゟ]")  # Japanese grammar is written in hiragana.


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Grammar:
    """Words and particles of grammar alone."""

    korean_particles: Characters
    words: frozenset[str]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """By language, words of what is planned, wanted, expected, possible or conditional; grammar."""

    open: dict[str, FoldedAlternatives]
    grammar: _Grammar


def _words() -> _Words:
    return word_data(_Words, "relation", "konkyo.rag.verification")


def _units(text: str, language: str) -> list[str]:
    found = []
    for token in words(text):
        key = token.key
        if _LIGHT.fullmatch(key) or key in _words().grammar.words:
            continue
        if language == "ko" and key in _words().grammar.korean_particles:
            continue
        found.append(key)
    return found


def _same(one: str, other: str) -> bool:
    """The same word, but for its ending where words have one."""
    if one == other:
        return True
    if min(len(one), len(other)) < 4 or not (one.isalpha() and other.isalpha()):
        return False
    stem = min(len(one), len(other)) - 2
    return one[: max(4, stem)] == other[: max(4, stem)]


def kept_in_order(claim: str, quotes: Sequence[str], language: str) -> float:
    """Share of a claim's words that stand in one of the quotes in the claim's own order.

    Words of grammar alone (Japanese hiragana, Korean particles, articles and the like) do not
    count; characters stand for words where words are not separated. The quote that keeps most.
    """
    mine = _units(claim, language)
    if not mine:
        return 0.0
    return max(_longest_common(mine, _units(q, language)) / len(mine) for q in quotes)


def made_shorter(
    claim: str, quotes: Sequence[str], language: str, thresholds: Thresholds = DEFAULT
) -> bool:
    """Whether a claim is one of the quotes with words left out that change nothing.

    Subject and object stay in their places, and what is planned, expected or only possible in the
    quote is not told as done.
    """
    return any(
        kept_in_order(claim, [q], language) >= thresholds.words_kept
        and not _turned(claim, q, language)
        and (_open(claim, language) or not _open(q, language))
        for q in quotes
    )


def _open(text: str, language: str) -> bool:
    """Whether a text speaks of what is planned, wanted, expected, possible or conditional."""
    pattern = _words().open.get(language)
    return pattern is not None and pattern.search(text) is not None


def _turned(claim: str, quote: str, language: str) -> bool:
    """Whether a word is subject in a Japanese claim and only object in its quote, or the reverse.

    A passive sentence may: 「予算を増やした」 is 「予算が増やされた」.
    """
    if language != "ja" or (_PASSIVE.search(claim) and not _PASSIVE.search(quote)):
        return False
    mine, theirs = _roles(claim), _roles(quote)
    return any(word in theirs and not roles <= theirs[word] for word, roles in mine.items())


def _roles(text: str) -> dict[str, set[bool]]:
    """Of each word marked by が, は or を in a Japanese text: whether it is an object."""
    found: dict[str, set[bool]] = {}
    for word, mark in _MARKED.findall(text):
        found.setdefault(word, set()).add(mark == "を")
    return found


def _longest_common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for a in one:
        before = 0
        for j, b in enumerate(other, start=1):
            above = row[j]
            row[j] = before + 1 if _same(a, b) else max(above, row[j - 1])
            before = above
    return row[-1]


class RelationCheck:
    """Decides whether a claim keeps the relations of the quotes it cites; thread-safe."""

    def __init__(
        self,
        reader: Reader,
        supporter: Supporter,
        calibration: Calibration,
        thresholds: Thresholds = DEFAULT,
    ) -> None:
        self._thresholds = thresholds
        self._reader = reader
        self._supporter = supporter
        self._calibration = calibration

    def keeps(self, claim: str, cited: Sequence[Evidence], *, question: str, language: str) -> bool:
        """Whether a claim and each of its sentences is a quote made shorter or is supported."""
        parts = [claim[start:end] for start, end in sentences(claim, language)]
        every = dict.fromkeys([claim, *parts])
        return all(self._keeps(part, cited, question, language) for part in every)

    def _keeps(self, claim: str, cited: Sequence[Evidence], question: str, language: str) -> bool:
        quotes = [e.text for e in cited]
        if made_shorter(claim, quotes, language, self._thresholds):
            return True
        if all(_turned(claim, quote, language) for quote in quotes):
            return False
        if drops_plan(claim, language, [(e.text, e.article.language) for e in cited]):
            return False
        if all(v.contradict > v.entail for v in support_views(self._supporter, claim, quotes)):
            return False
        titles = [e.article.title for e in cited]
        found = self.features(claim, quotes, titles, question=question, language=language)
        return self._calibration.probability(found) >= self._calibration.threshold

    def features(
        self,
        claim: str,
        quotes: Sequence[str],
        titles: Sequence[str],
        *,
        question: str,
        language: str,
    ) -> dict[str, float]:
        """Returns the measures that the weights are fitted for, each of the order of one.

        ``entail``: log-odds that the quotes say so. ``reader``: log-odds that they answer the
        question. ``weaker``: the lower of both. ``holds``: whether the claim has what the reader
        takes for the answer, and the question does not name it already. ``kept``: share of the
        claim's words that one quote has in the same order.
        """
        together = "\n".join(quotes)
        views = support_views(self._supporter, claim, quotes)
        about = "; ".join(dict.fromkeys(titles))
        reading = self._reader.answers(question, [together], [about])[0]
        place = together[reading.start : reading.end]
        wanted = letters(place)
        named = any(same_name(place.strip(), n.text) for n in names(question, language))
        entail = logit(max(v.entail for v in views), _SUREST)
        answers = logit(reading.probability, _SUREST)
        return {
            "entail": entail,
            "reader": answers,
            "weaker": min(entail, answers),
            "holds": float(bool(wanted) and wanted in letters(claim) and not named),
            "kept": kept_in_order(claim, quotes, language),
        }
