"""Whether what an answer cites supports it, after ALCE (arXiv 2305.14627)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

from konkyo.eval.answer_match import NumericMatcher, fine_tokens
from konkyo.rag.types import Citation

__all__ = [
    "Case",
    "CitationScores",
    "Judge",
    "OverlapJudge",
    "citation_scores",
    "cohen_kappa",
    "support_shares",
]


@dataclass(frozen=True, slots=True)
class Case:
    """A claim, made in answer to a question, and the citations it rests on."""

    question: str
    language: str
    claim: str
    citations: tuple[Citation, ...]


class Judge(Protocol):
    """Says whether what a claim cites supports it."""

    @property
    def name(self) -> str:
        """A short name for tables; another judge has another one."""

    def supports(self, cases: Sequence[Case]) -> list[float]:
        """For each case a share in 0..1: 0.5 and up is yes. All citations count together."""


class OverlapJudge:
    """Supported if every number of the claim and most of its wording stand in the quotes.

    A crude judge that shares no model with the pipeline it judges. Across languages it sees
    little but numbers, so it is a lower bound there.
    """

    name = "overlap"

    def __init__(self, share: float = 0.5, numeric: NumericMatcher | None = None) -> None:
        self._share = share
        self._numeric = numeric

    def supports(self, cases: Sequence[Case]) -> list[float]:
        """Share of the claim's bigrams that the quotes hold, 0 if a number is missing."""
        return [self._support(c.claim, "\n".join(q.quote for q in c.citations)) for c in cases]

    def _support(self, claim: str, quotes: str) -> float:
        mine, theirs = fine_tokens(claim), fine_tokens(quotes)
        if not mine or not theirs:
            return 0.0
        numbers = {t for t in mine if t[0].isdigit()} - set(theirs)
        if any(self._numeric is None or not self._numeric(quotes, n) for n in numbers):
            return 0.0
        if len(mine) == 1:
            return float(mine[0] in theirs)
        have = set(pairwise(theirs))
        found = sum(pair in have for pair in pairwise(mine)) / (len(mine) - 1)
        # Piecewise linear, so that the accepted share of bigrams maps to 0.5.
        if found < self._share:
            return 0.5 * found / self._share
        return 0.5 + 0.5 * (found - self._share) / max(1 - self._share, 1e-9)


@dataclass(frozen=True, slots=True)
class CitationScores:
    """One answer's citation scores, shares; ``supported`` holds one judgement a claim."""

    recall: float
    precision: float
    f1: float
    supported: tuple[float, ...]


def support_shares(claims: Sequence[Case], judge: Judge) -> tuple[float, ...]:
    """How far the quotes of each claim support it together, a share; 0 where it cites none."""
    joint = judge.supports(claims) if claims else []
    return tuple(
        score if case.citations else 0.0 for score, case in zip(joint, claims, strict=True)
    )


def citation_scores(claims: Sequence[Case], judge: Judge) -> CitationScores:
    """Citation recall and precision of one answer, after ALCE (arXiv 2305.14627, section 3).

    ``claims`` are the claims of one answer. A claim is recalled if it cites something and what
    it cites together supports it. A citation is precise if its claim is recalled and either it
    supports the claim alone or the others do not do so without it. Without claims all scores
    are NaN; with claims but without citations precision is 0.
    """
    if not claims:
        return CitationScores(math.nan, math.nan, math.nan, ())
    supported = support_shares(claims, judge)
    total = sum(len(case.citations) for case in claims)
    precise = sum(
        _precise(case, judge) for score, case in zip(supported, claims, strict=True) if score >= 0.5
    )
    recall = sum(score >= 0.5 for score in supported) / len(claims)
    precision = precise / total if total else 0.0
    both = recall + precision
    return CitationScores(
        recall, precision, 2 * recall * precision / both if both else 0.0, supported
    )


def _precise(case: Case, judge: Judge) -> int:
    cited = case.citations
    if len(cited) == 1:
        return 1
    alone = judge.supports([replace(case, citations=(one,)) for one in cited])
    rest = judge.supports(
        [replace(case, citations=(*cited[:i], *cited[i + 1 :])) for i in range(len(cited))]
    )
    return sum(a >= 0.5 or r < 0.5 for a, r in zip(alone, rest, strict=True))


def cohen_kappa(a: Sequence[bool], b: Sequence[bool]) -> float:
    """Agreement of two judges beyond chance: 1 is full, 0 is chance.

    NaN if there is nothing, or if both say the same of everything: chance alone agrees fully then.
    """
    if not a:
        return math.nan
    n = len(a)
    observed = sum(x == y for x, y in zip(a, b, strict=True)) / n
    yes = (sum(a) / n) * (sum(b) / n)
    expected = yes + (1 - sum(a) / n) * (1 - sum(b) / n)
    return math.nan if expected == 1.0 else (observed - expected) / (1 - expected)
