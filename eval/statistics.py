"""Means with intervals, paired comparison of two runs, and risk over coverage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from konkyo.index.errors import UsageError

__all__ = [
    "Mean",
    "Paired",
    "RiskCoverage",
    "json_number",
    "mean",
    "paired",
    "percentile",
    "risk_coverage",
]


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Share wrong (``risk``) among the most confident ``coverage`` of all questions asked.

    ``area`` is the mean risk over the coverage reached, NaN if nothing was answered.
    """

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float


def risk_coverage(answered: Sequence[tuple[float, bool]], asked: int) -> RiskCoverage:
    """The curve over the answered questions, each (confidence, right); ``asked`` counts all.

    Questions of equal confidence enter together, so that their order does not matter.
    After Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks" (2017).
    """
    if asked < len(answered):
        raise UsageError(f"{len(answered)} answered of {asked} asked")
    ranked = sorted(answered, key=lambda pair: -pair[0])
    coverage: list[float] = []
    risk: list[float] = []
    area = 0.0
    wrong = 0
    start = 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            wrong += not ranked[end][1]
            end += 1
        coverage.append(end / asked)
        risk.append(wrong / end)
        area += (end - start) * wrong / end
        start = end
    return RiskCoverage(tuple(coverage), tuple(risk), area / len(ranked) if ranked else math.nan)


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, its 95 % interval and how many values it is of; all NaN when there are none."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Paired:
    """How run B differs from run A on the same questions.

    ``difference`` is mean(B) - mean(A) with its 95 % interval; ``p`` is two-sided;
    ``better`` and ``worse`` count questions.
    """

    difference: float
    low: float
    high: float
    p: float
    n: int
    better: int
    worse: int


def _resampled(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], rounds: int, seed: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    means = np.empty(rounds)
    step = max(1, 2_000_000 // values.size)
    for start in range(0, rounds, step):
        size = min(step, rounds - start)
        picks = rng.integers(0, values.size, (size, values.size))
        means[start : start + size] = values[picks].mean(axis=1)
    return means


def mean(values: Sequence[float], *, rounds: int = 2000, seed: int = 0) -> Mean:
    """The mean with a percentile bootstrap interval (95 %); the same seed, the same interval.

    The interval says what other questions like these would give. Where all are 1, or all 0,
    resampling has nothing to vary, and the exact binomial interval (Clopper and Pearson) stands
    in: ten right of ten is 0.69 to 1, not 1 to 1.
    """
    if not len(values):
        return Mean(math.nan, math.nan, math.nan, 0)
    array = np.asarray(values, dtype=np.float64)
    n = array.size
    edge = 0.025 ** (1 / n)
    if (array == 1.0).all():
        return Mean(1.0, edge, 1.0, n)
    if (array == 0.0).all():
        return Mean(0.0, 0.0, 1.0 - edge, n)
    low, high = np.quantile(_resampled(array, rounds, seed), [0.025, 0.975])
    return Mean(float(array.mean()), float(low), float(high), n)


def paired(
    a: Mapping[str, float], b: Mapping[str, float], *, rounds: int = 10_000, seed: int = 0
) -> Paired:
    """Compare two runs question by question with a paired randomisation test.

    The test flips the sign of each question's difference (Fisher), so it assumes nothing of
    their distribution. A question only one run has counts as 0 in the other.
    """
    names = sorted(a.keys() | b.keys())
    if not names:
        return Paired(math.nan, math.nan, math.nan, math.nan, 0, 0, 0)
    difference = np.array([b.get(q, 0.0) - a.get(q, 0.0) for q in names])
    low, high = np.quantile(_resampled(difference, 2000, seed), [0.025, 0.975])
    return Paired(
        difference=float(difference.mean()),
        low=float(low),
        high=float(high),
        p=_sign_flip(difference, rounds, seed),
        n=len(names),
        better=int((difference > 0).sum()),
        worse=int((difference < 0).sum()),
    )


def _sign_flip(
    difference: np.ndarray[tuple[int], np.dtype[np.float64]], rounds: int, seed: int
) -> float:
    moved = difference[difference != 0]
    if not moved.size:
        return 1.0
    rng = np.random.default_rng(seed)
    observed = abs(moved.sum()) - 1e-12
    extreme = 0
    step = max(1, 2_000_000 // moved.size)
    for start in range(0, rounds, step):
        signs = rng.choice([-1.0, 1.0], (min(step, rounds - start), moved.size))
        extreme += int((abs(signs @ moved) >= observed).sum())
    # The observed assignment is one of those possible, hence the ones.
    return (extreme + 1) / (rounds + 1)


def json_number(value: float) -> float | None:
    """A figure as JSON files hold it: six decimals, ``None`` for NaN."""
    return None if math.isnan(value) else round(value, 6)


def percentile(values: Sequence[float], share: float) -> float:
    """The value at ``share`` (0..1) of the sorted values, interpolated; NaN if there are none."""
    return float(np.quantile(np.asarray(values), share)) if len(values) else math.nan
