"""How well the meaning of a claim agrees with what it cites: measures, each with a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from konkyo.index.embedding.protocol import TokenEncoder, Vectors
from konkyo.index.text.normalize import letters
from konkyo.index.text.tokens import words
from konkyo.rag.types import Stretch

__all__ = [
    "Support",
    "Supporter",
    "alignment",
    "meaning_features",
    "overlap",
    "support_views",
    "unsupported_words",
    "whole_words",
]


class Support(Protocol):
    """A learned checker's view of one pair."""

    @property
    def entail(self) -> float:
        """Share: the evidence says so."""

    @property
    def contradict(self) -> float:
        """Share: the evidence says otherwise."""

    @property
    def neutral(self) -> float:
        """Share: the evidence does not say."""

    @property
    def unsupported(self) -> Sequence[tuple[int, int]]:
        """Stretches of the claim that the evidence does not bear out, in code points, in order."""


class Supporter(Protocol):
    """A learned model that says whether evidence supports a claim."""

    def supports(self, claim: str, evidence: Sequence[str]) -> Sequence[Support]:
        """One view a quote, in order."""


def support_views(supporter: Supporter, claim: str, quotes: Sequence[str]) -> Sequence[Support]:
    """What a learned model says of a claim: over all quotes together first, then over each."""
    together = "\n".join(quotes)
    return supporter.supports(claim, [together] if len(quotes) == 1 else [together, *quotes])


def unsupported_words(
    supporter: Supporter, claim: str, quotes: Sequence[str]
) -> tuple[Stretch, ...]:
    """Stretches of whole words of the claim that the quotes do not say, as a model reads it.

    The view most in the claim's favour marks them. None where that view is likelier to be that
    the quotes say so or otherwise: its marks are then little worth (``benchmarks/marks.py``).
    """
    view = max(support_views(supporter, claim, quotes), key=lambda v: v.entail)
    if view.neutral < max(view.entail, view.contradict):
        return ()
    return whole_words(claim, view.unsupported)


def whole_words(text: str, stretches: Sequence[tuple[int, int]]) -> tuple[Stretch, ...]:
    """The stretches, in order, from the first word that each touches to the last."""
    found: list[Stretch] = []
    for start, end in stretches:
        inside = [w for w in words(text) if w.start < end and start < w.end]
        if inside and found and inside[0].start < found[-1].end:
            found[-1] = Stretch(found[-1].start, inside[-1].end)
        elif inside:
            found.append(Stretch(inside[0].start, inside[-1].end))
    return tuple(found)


def overlap(claim: str, evidence: str) -> float:
    """Share of the claim's distinct character bigrams that the evidence holds."""
    a, b = letters(claim), letters(evidence)
    pairs = {a[i : i + 2] for i in range(len(a) - 1)}
    if not pairs:
        return float(bool(a) and a in b)
    return sum(p in b for p in pairs) / len(pairs)


def alignment(claim: Vectors, evidence: Vectors) -> tuple[float, float]:
    """How well each claim token finds its like in the evidence: mean and lowest-fifth mean.

    Both arguments are (tokens, dimension) with unit rows; the result is two cosines.
    """
    if not len(claim) or not len(evidence):
        return 0.0, 0.0
    best = np.sort((claim @ evidence.T).max(axis=1))
    fifth = best[: max(1, len(best) // 5)]
    return float(best.mean()), float(fifth.mean())


def meaning_features(
    claim: str,
    quotes: Sequence[str],
    *,
    states: TokenEncoder | None,
    supporter: Supporter | None,
    crossed: bool = False,
) -> dict[str, float]:
    """The measures of meaning for a claim and all it cites, by name.

    ``crossed``: claim and quotes are in different languages, so that wording says nothing.
    """
    found = {
        "crossed": float(crossed),
        "overlap": 0.0 if crossed else overlap(claim, "\n".join(quotes)),
    }
    if states is not None:
        mine = states.passage_states([claim])[0]
        theirs = np.concatenate(states.passage_states(list(quotes)))
        found["aligned"], found["aligned_low"] = alignment(mine, theirs)
    if supporter is not None:
        found["entail"] = max(v.entail for v in support_views(supporter, claim, quotes))
    return found
