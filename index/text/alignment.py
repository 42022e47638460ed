"""A claim laid over the sentence it comes from: what is the same, and what is replaced."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from konkyo.index.text.sentences import sentences
from konkyo.index.text.tokens import Word, words

__all__ = ["Alignment", "Change", "align"]

_MIN_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Change:
    """Where claim and evidence differ between two stretches that agree.

    ``start:end`` is the claim's side, ``evidence_start:evidence_end`` the evidence's; either may
    be empty. ``left`` and ``right`` weigh the agreement on both sides: words count two, characters
    of unspaced scripts one. A side at the end of both sentences has the weight of the other side.
    """

    start: int
    end: int
    evidence_start: int
    evidence_end: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a claim lies over one sentence of evidence; offsets are in the whole texts.

    ``share`` is the part of the claim's tokens found in the sentence, in order. ``pairs`` are the
    matched stretches (claim start, claim end, evidence start, evidence end).
    """

    share: float
    start: int
    end: int
    pairs: tuple[tuple[int, int, int, int], ...]
    changes: tuple[Change, ...]


@lru_cache(maxsize=1024)
def align(claim: str, evidence: str) -> Alignment | None:
    """Lays a claim over the sentence of the evidence it shares most with, in one language.

    A claim of several sentences is laid over as many in a row, too. ``None`` when no sentence
    shares at least half of the claim's tokens: then nothing can be said about what stands in the
    place of what.
    """
    best: Alignment | None = None
    mine = words(claim)
    keys = Counter(token.key for token in mine)
    for start, end in _stretches(evidence, len(sentences(claim))):
        theirs = tuple(t for t in words(evidence) if start <= t.start < end)
        # In whatever order: laying them over each other finds no more than that.
        shared = (keys & Counter(token.key for token in theirs)).total() / max(1, len(mine))
        if shared < _MIN_SHARE or (best is not None and shared <= best.share):
            continue
        found = _lay(mine, theirs, start, end)
        if found.share >= _MIN_SHARE and (best is None or found.share > best.share):
            best = found
    return best


def _stretches(text: str, many: int) -> list[tuple[int, int]]:
    """The sentences of a text, and its runs of that many sentences."""
    single = sentences(text)
    runs = zip(single, single[many - 1 :], strict=False) if many > 1 else ()
    return [*single, *((first[0], last[1]) for first, last in runs)]


def _weight(run: Sequence[Word]) -> int:
    return sum(1 if token.wide else 2 for token in run)


def _lay(mine: Sequence[Word], theirs: Sequence[Word], start: int, end: int) -> Alignment:
    matcher = SequenceMatcher(None, [t.key for t in mine], [t.key for t in theirs], autojunk=False)
    blocks = [b for b in matcher.get_matching_blocks() if b.size]
    matched = sum(b.size for b in blocks)
    # One character in common inside two different words is chance, not agreement.
    solid = [b for b in blocks if b.size > 1 or not mine[b.a].wide]
    pairs = tuple(
        (
            mine[b.a].start,
            mine[b.a + b.size - 1].end,
            theirs[b.b].start,
            theirs[b.b + b.size - 1].end,
        )
        for b in solid
    )
    changes: list[Change] = []
    edges = [(0, 0, 0), *((b.a, b.b, b.size) for b in solid), (len(mine), len(theirs), 0)]
    for (a, b, size), (next_a, next_b, next_size) in itertools.pairwise(edges):
        gap, other = mine[a + size : next_a], theirs[b + size : next_b]
        if not gap and not other:
            continue
        # To begin or to end together is agreement, too.
        left = _weight(mine[a : a + size]) + (2 if size and a == 0 else 0)
        right = _weight(mine[next_a : next_a + next_size])
        right += 2 if next_size and next_a + next_size == len(mine) else 0
        first = mine[a + size - 1].end if a + size else 0
        second = theirs[b + size - 1].end if b + size else start
        changes.append(
            Change(
                gap[0].start if gap else first,
                gap[-1].end if gap else first,
                other[0].start if other else second,
                other[-1].end if other else second,
                left if a + size else right,
                right if next_a < len(mine) else left,
            )
        )
    return Alignment(matched / max(1, len(mine)), start, end, pairs, tuple(changes))
