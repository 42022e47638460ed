"""How well the meaning of a claim agrees with what it cites: measures, each with a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from konkyo.index.embedding.protocol import TokenEncoder, Vectors
from konkyo.index.text.normalize import letters

__all__ = ["Support", "Supporter", "alignment", "meaning_features", "overlap", "support_views"]


class Support(Protocol):
    """A learned checker's view of one pair."""

    @property
    def entail(self) -> float:
        """Share: the evidence says so."""

    @property
    def contradict(self) -> float:
        """Share: the evidence says otherwise."""


class Supporter(Protocol):
    """A learned model that says whether evidence supports a claim."""

    def supports(self, claim: str, evidence: Sequence[str]) -> Sequence[Support]:
        """One view a quote, in order."""


def support_views(supporter: Supporter, claim: str, quotes: Sequence[str]) -> Sequence[Support]:
    """What a learned model says of a claim: over all quotes together first, then over each."""
    together = "\n".join(quotes)
    return supporter.supports(claim, [together] if len(quotes) == 1 else [together, *quotes])


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
