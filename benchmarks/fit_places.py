"""Fit the weights of ``rag/reading/place_choice.py``: which of the reader's places is the answer.

Used by ``fit_judge.py``, which says on what. A question counts where one of its places is right;
the weights are those under which the right places have the largest share among all of the question
(multinomial logistic regression with several right ones; questions of each kind count alike), the
bias such that all shares are right on average.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from konkyo.index.records import Hit
from konkyo.index.text.language import same_language
from konkyo.rag.reading.place_choice import PlaceWeights, measured
from konkyo.rag.retrieval.evidence import Span, about

__all__ = ["Case", "Remembered", "fit_places"]

_NAMES = ("reader", "fused", "crossed")
_BOUNDS = ((0.0, None), (0.0, None), (None, 0.0))
_PENALTY = 1e-2
_READ = (10, 16, 20, 24, 30, 40)
"""How many passages are read, of which the report tells the right places."""


@dataclass(frozen=True)
class Case:
    """A question with what was found for it; ``gold`` are its right places, where it has any."""

    question: str
    language: str
    hits: tuple[Hit, ...]
    label: bool
    kind: str
    gold: Sequence[Span] | None

    def right(self, place: Any) -> bool:
        """Whether a place overlaps a right one."""
        return any(
            place.article_id == one.article_id and place.start < one.end and one.start < place.end
            for one in self.gold or ()
        )


class Remembered:
    """A reader that reads each window once for a question."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader
        self._known: dict[tuple[str, str, str], Any] = {}

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[Any]:
        """One reading a window, in order."""
        pairs = list(zip(windows, contexts or [""] * len(windows), strict=True))
        new = [p for p in dict.fromkeys(pairs) if (question, *p) not in self._known]
        read = self._reader.answers(question, [w for w, _ in new], [c for _, c in new])
        for pair, reading in zip(new, read, strict=True):
            self._known[(question, *pair)] = reading
        return [self._known[(question, *p)] for p in pairs]


def fit_places(cases: Sequence[Case], reader: Any, most: int) -> PlaceWeights:
    """The fitted weights; prints how often the first place is right, before and after."""
    weighed, right, crossing = [], [], []
    for case in cases:
        hits = case.hits[:most]
        readings = reader.answers(
            case.question, [h.passage.text for h in hits], [about(h) for h in hits]
        )
        rows, good = [], []
        for hit, reading in zip(hits, readings, strict=True):
            crossed = not same_language(case.language, hit.article.language)
            rows.append([*measured(reading.probability, hit.score), float(crossed)])
            good.append(case.label and case.right(_place(hit, reading)))
        weighed.append(np.array(rows))
        right.append(np.array(good))
        crossing.append(_kind(case))
    weights = _fitted(weighed, right, crossing)
    bias = _bias(weighed, right, weights)
    _report(weighed, right, crossing, weights)
    told = {n: round(float(w), 3) for n, w in zip(_NAMES, weights, strict=True)}
    return PlaceWeights(**told, bias=round(bias, 3))


def _place(hit: Hit, reading: Any) -> Span:
    base, article = hit.passage.start, hit.article
    start, end = base + reading.start, base + reading.end
    return Span("", 0.0, article.article_id, article.language, start, end)


def _kind(case: Case) -> str:
    own = any(same_language(case.language, one.language) for one in case.gold or ())
    source = "news" if case.kind.startswith("news") else "encyclopaedia"
    return f"{source}, {'own language' if own else 'another'}"


def _fitted(weighed: Sequence[Any], right: Sequence[Any], kinds: Sequence[str]) -> Any:
    from scipy.optimize import minimize

    known = [(x, y, k) for x, y, k in zip(weighed, right, kinds, strict=True) if y.any()]
    counts = Counter(kind for _, _, kind in known)
    told = [(x, y, 1 / (len(counts) * counts[k])) for x, y, k in known]

    def loss(w: Any) -> tuple[float, Any]:
        value, slope = 0.0, np.zeros(len(w))
        for x, y, weight in told:
            z = x @ w
            share = np.exp(z - z.max())
            share /= share.sum()
            good = share * y
            value -= weight * np.log(good.sum())
            slope -= weight * x.T @ (good / good.sum() - share)
        return value + _PENALTY * float(w @ w), slope + 2 * _PENALTY * w

    start = np.zeros(len(_NAMES))
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=_BOUNDS).x


def _bias(weighed: Sequence[Any], right: Sequence[Any], weights: Any) -> float:
    """The constant under which the mean share of all places is that of the right ones."""
    from scipy.optimize import brentq

    odds, y = np.concatenate([x @ weights for x in weighed]), np.concatenate(right)
    return float(brentq(lambda b: (1 / (1 + np.exp(-odds - b))).mean() - y.mean(), -40.0, 40.0))


def _report(
    weighed: Sequence[Any], right: Sequence[Any], kinds: Sequence[str], weights: Any
) -> None:
    """How often the likeliest place is right, of questions that have a right one: five folds."""
    rows = [i for i, y in enumerate(right) if y.any()]
    fold = np.random.default_rng(7).permutation(len(rows)) % 5
    share: dict[int, Any] = {}
    for f in range(5):
        kept = [i for i, k in zip(rows, fold, strict=True) if k != f]
        some = [weighed[i] for i in kept], [right[i] for i in kept], [kinds[i] for i in kept]
        w = _fitted(*some)
        share |= {i: weighed[i] @ w for i, k in zip(rows, fold, strict=True) if k == f}
    for kind in sorted(set(kinds)):
        some = [i for i in rows if kinds[i] == kind]
        if some:
            alone = np.mean([right[i][int(weighed[i][:, 0].argmax())] for i in some])
            first = {
                most: round(
                    float(np.mean([right[i][int(share[i][:most].argmax())] for i in some])), 3
                )
                for most in _READ
            }
            print(f"  {kind}: {len(some)}, the reader {alone:.3f}, fitted, of the first {first}")
