"""Whether a claim says the opposite of its evidence: negation and opposites, in one language.

Only the same words with the opposite polarity are reported. Both texts must be in one language
and the claim must lie over one sentence of the evidence (``index/text/alignment.py``); a free
paraphrase is left to the learned checker.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.alignment import Alignment, Change, align
from konkyo.index.text.normalize import fold
from konkyo.index.text.tokens import Word, words
from konkyo.index.text.word_data import CHECKED, Alternatives, word_data

__all__ = [
    "Marker",
    "Opposite",
    "opposed_words",
    "opposite_pairs",
    "opposites",
    "polarity",
    "stands_in",
]


@dataclass(frozen=True, slots=True)
class Marker:
    """One negation: ``text[start:end]``. ``host`` is the span of the word that it negates."""

    start: int
    end: int
    text: str
    host: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Opposite:
    """A place of the claim that says the opposite of a place of the evidence."""

    start: int
    end: int
    evidence_start: int
    evidence_end: int
    detail: str


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """The negations of a language, set phrases that only look like one, and opposites."""

    negations: Alternatives
    idle: Alternatives
    opposites: tuple[tuple[str, str], ...]


def _known(language: str) -> _Words | None:
    return word_data(dict[str, _Words], "negation").get(language[:2])


def opposite_pairs(language: str) -> list[tuple[str, str]]:
    """Returns the stems of words that are each other's opposites, either way."""
    known = _known(language)
    return [p for x, y in (known.opposites if known else ()) for p in ((x, y), (y, x))]


_SUFFIXED = frozenset({"ja", "ko"})  # The negation follows the word that it negates.
_REACH = 4


@lru_cache(maxsize=1024)
def polarity(text: str, language: str) -> tuple[Marker, ...]:
    """Every negation of a text with the word it negates; none for a language without a table.

    Set phrases that only look negative (not only, だけでなく, 不仅, 뿐만 아니라) are left out.
    """
    known = _known(language)
    if known is None:
        return ()
    folded = fold(text)
    phrases = [m.span() for m in known.idle.finditer(folded)]
    found = []
    for match in known.negations.finditer(folded):
        a, b = match.span()
        if not any(x <= a < y for x, y in phrases) and not any(a <= x < b for x, _ in phrases):
            found.append(Marker(a, b, text[a:b], _host(a, b, words(text), language)))
    return tuple(found)


def _host(start: int, end: int, words: Sequence[Word], language: str) -> tuple[int, int]:
    """The span of the word that a negation negates."""
    if language[:2] in _SUFFIXED:
        before = [t for t in words if t.end <= start][-2:]
        if not before:
            return start, start
        return (before[0].start if len(before) > 1 else start), before[-1].end
    after = [t for t in words if t.start >= end][:2]
    if not after:
        return end, end
    return after[0].start, after[1 if len(after) > 1 and after[0].wide else 0].end


def opposites(claim: str, evidence: str, language: str, least: float) -> list[Opposite]:
    """Places where the claim says the opposite of the evidence sentence it lies over.

    ``least`` is the share of the claim's tokens that the sentence must have for that.
    """
    laid = align(claim, evidence)
    if laid is None or laid.share < least:
        return []
    negated = _negations(claim, evidence, language, laid)
    turned = _antonyms(claim, evidence, language, laid)
    # 未 for 已 is one turn seen twice; "did not reject" for "accepted" is two that make none.
    turned = [t for t in turned if not any(n.start < t.end and t.start < n.end for n in negated)]
    if negated and turned:
        return []
    return negated + turned


def _place(position: int, laid: Alignment, of_claim: bool) -> tuple[int, int] | None:
    """The stretch of the other text that corresponds to a place of this one."""
    low, high = None, None
    for a, b, c, d in laid.pairs:
        mine, theirs = ((a, b), (c, d)) if of_claim else ((c, d), (a, b))
        if mine[0] <= position <= mine[1]:
            there = theirs[0] + (position - mine[0])
            return there, there
        if mine[1] < position:
            low = (mine[1], theirs[1])
        elif high is None:
            high = (mine[0], theirs[0])
    if low is None and high is None:
        return None
    if low is None:
        assert high is not None
        return max(0, high[1] - (high[0] - position) - 2), high[1]
    if high is None:
        return low[1], low[1] + (position - low[0]) + 2
    return min(low[1], high[1]), max(low[1], high[1])


def _host_matched(marker: Marker, laid: Alignment, of_claim: bool, language: str) -> bool:
    """Whether the word next to a negation stands in both texts (or nearly: other endings)."""
    reach = _REACH if language[:2] in {"ja", "ko", "zh"} else 14
    for a, b, c, d in laid.pairs:
        start, end = (a, b) if of_claim else (c, d)
        if language[:2] in _SUFFIXED:
            if start < marker.start and end >= marker.start - reach:
                return True
        elif start <= marker.end + reach and end > marker.end:
            return True
    return False


def _partners(
    mine: Sequence[Marker], theirs: Sequence[Marker], laid: Alignment, slack: int
) -> tuple[set[Marker], set[Marker]]:
    """Pair the negations of both texts, each at most once: same words first, then the nearest."""
    options = []
    for marker in mine:
        place = _place(marker.start, laid, of_claim=True)
        if place is None:
            continue
        for other in theirs:
            apart = max(0, place[0] - other.start, other.start - place[1])
            if apart <= slack:
                options.append((marker.text != other.text, apart, marker.start, marker, other))
    used_mine: set[Marker] = set()
    used_theirs: set[Marker] = set()
    for _, _, _, marker, other in sorted(options, key=lambda o: o[:3]):
        if marker not in used_mine and other not in used_theirs:
            used_mine.add(marker)
            used_theirs.add(other)
    return used_mine, used_theirs


def _negations(claim: str, evidence: str, language: str, laid: Alignment) -> list[Opposite]:
    mine = polarity(claim, language)
    theirs = [m for m in polarity(evidence, language) if laid.start <= m.start < laid.end]
    slack = 6 if language[:2] in {"ja", "ko", "zh"} else 24
    paired, answered = _partners(mine, theirs, laid, slack)
    found = []
    for marker in mine:
        place = _place(marker.start, laid, of_claim=True)
        if marker in paired or place is None:
            continue
        if _host_matched(marker, laid, True, language):
            detail = "the evidence says this without the negation"
            a, b = (min(x, len(evidence)) for x in place)
            found.append(Opposite(marker.start, marker.end, a, b, detail))
    for marker in theirs:
        place = _place(marker.start, laid, of_claim=False)
        inside = laid.pairs and laid.pairs[0][2] <= marker.start <= laid.pairs[-1][3] + slack
        if marker in answered or place is None or not inside:
            continue
        if _host_matched(marker, laid, False, language) and _solid(marker.start, laid):
            a, b = (min(x, len(claim)) for x in (place[0], max(place[1], place[0] + 1)))
            found.append(Opposite(a, b, marker.start, marker.end, "the evidence negates this"))
    return found


def _solid(position: int, laid: Alignment) -> bool:
    """Whether a place of the evidence lies between stretches the claim keeps, or at its end."""
    for change in laid.changes:
        if change.evidence_start <= position < change.evidence_end:
            long = change.evidence_end - change.evidence_start > 24
            weak = min(change.left, change.right) < 2 or change.left + change.right < 6
            return not weak and not long
    return True


def _antonyms(claim: str, evidence: str, language: str, laid: Alignment) -> list[Opposite]:
    mine, theirs = fold(claim), fold(evidence)
    found = (_antonym(mine, theirs, language, change) for change in laid.changes)
    return [opposite for opposite in found if opposite is not None]


def _antonym(mine: str, theirs: str, language: str, change: Change) -> Opposite | None:
    """The first pair of opposites of which each side of a change has one alone."""
    a, b = _widen(mine, change.start, change.end, language)
    c, d = _widen(theirs, change.evidence_start, change.evidence_end, language)
    if min(change.left, change.right) < 2 or d - c > 40 or b - a > 40:
        return None
    for x, y in opposite_pairs(language):
        at, there = _alone(mine[a:b], x, y, language), _alone(theirs[c:d], y, x, language)
        if at is not None and there is not None:
            start, other = a + at, c + there
            detail = "the evidence says the opposite"
            return Opposite(start, start + len(x), other, other + len(y), detail)
    return None


def _alone(text: str, word: str, other: str, language: str) -> int | None:
    """Where a text has a word of a pair, if it does not have the other."""
    return _word(text, word, language) if _word(text, other, language) is None else None


def opposed_words(one: str, other: str, language: str) -> list[tuple[str, str]]:
    """Pairs of opposites of which one text has the first alone and the other text the second alone.

    Single characters, which are parts of too many words, are left out.
    """
    mine, theirs = fold(one), fold(other)
    return [
        (x, y)
        for x, y in opposite_pairs(language)
        if min(len(x), len(y)) > 1
        and _alone(mine, x, y, language) is not None
        and _alone(theirs, y, x, language) is not None
    ]


def stands_in(word: str, text: str, language: str) -> bool:
    """Whether a text has a word of the table of opposites, in any form that begins alike."""
    return _word(fold(text), word, language) is not None


def _word(text: str, stem: str, language: str) -> int | None:
    if language[:2] in {"ja", "ko", "zh"}:
        at = text.find(stem)
        return None if at < 0 else at
    whole = r"\b" if len(stem) <= 4 or " " in stem else r"\w*"
    found = re.search(rf"\b{re.escape(stem)}{whole}", text)
    return found.start() if found else None


_LAST_WORD = re.compile(r"(?<!\w)\w++\W*+$")
_NEXT_WORD = re.compile(r"\W*+\w+")


def _widen(text: str, start: int, end: int, language: str) -> tuple[int, int]:
    """One more character, or one more word, on both sides: opposites often share a character."""
    if language[:2] in {"ja", "zh", "ko"}:
        return max(0, start - 2), min(len(text), end + 2)
    before, after = _LAST_WORD.search(text[:start]), _NEXT_WORD.match(text, end)
    return (before.start() if before else start), (after.end() if after else end)
