"""Logistic regression drawn towards given weights, and how good its shares are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from konkyo.index.errors import UsageError

__all__ = ["Quality", "auc", "fit", "judged", "predict", "threshold_for"]

# How strongly a weight is drawn to the shipped one, in rows: that many say as much as the prior.
_PRIOR = 10.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quality:
    """How a calibration does on rows it was not fitted on; shares, but for ``log_loss``.

    ``passed`` of the rows labelled yes are at or over the threshold, ``stopped`` of the others
    are under it; ``precision`` is the share of yes among those that pass. ``log_loss`` weighs
    both classes alike.
    """

    auc: float
    passed: float
    stopped: float
    precision: float
    log_loss: float


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -30, 30))), dtype=np.float64)


def predict(x: Floats, weights: Floats) -> Floats:
    """Shares of the rows of ``x``, shape (rows, features); the last weight is the bias."""
    return _sigmoid(x @ weights[:-1] + weights[-1])


def _balance(labels: npt.NDArray[np.bool_]) -> Floats:
    """Weights that sum to the number of rows and give both classes the same say."""
    n, yes = len(labels), max(int(labels.sum()), 1)
    no = max(n - int(labels.sum()), 1)
    return np.where(labels, n / (2 * yes), n / (2 * no))


def fit(x: Floats, labels: npt.NDArray[np.bool_], start: Floats) -> Floats:
    """Weights and, last, the bias: Newton's method on the log loss plus the pull to ``start``."""
    rows = np.hstack([x, np.ones((len(x), 1))])
    say = _balance(labels)
    pull = np.full(len(start), _PRIOR)
    pull[-1] = _PRIOR / 10
    weights = start.copy()
    for _ in range(100):
        share = _sigmoid(rows @ weights)
        gradient = rows.T @ (say * (share - labels)) + pull * (weights - start)
        curve = say * share * (1 - share)
        step = np.linalg.solve((rows * curve[:, None]).T @ rows + np.diag(pull), gradient)
        # Half a step where a whole one would overshoot.
        size = 1.0 if np.abs(step).max() < 5 else 5 / np.abs(step).max()
        weights = weights - size * step
        if np.abs(step).max() < 1e-8:
            break
    return weights


def threshold_for(share: Floats, labels: npt.NDArray[np.bool_], precision: float) -> float:
    """The lowest threshold in 0.3..0.95 from which a share of ``precision`` is right.

    Raises UsageError where there is none.
    """
    for threshold in np.linspace(0.3, 0.95, 131):
        kept = share >= threshold
        if kept.any() and labels[kept].mean() >= precision:
            return float(threshold)
    raise UsageError(
        f"no threshold up to 0.95 keeps a precision of {precision:.2f} on rows left out; ask for "
        "less with --precision, or label more rows"
    )


def judged(share: Floats, labels: npt.NDArray[np.bool_], threshold: float) -> Quality:
    """How good shares and a threshold are against labels."""
    kept = share >= threshold
    sure = np.clip(share, 1e-6, 1 - 1e-6)
    loss = -np.where(labels, np.log(sure), np.log(1 - sure))
    return Quality(
        auc=auc(share, labels),
        passed=float(kept[labels].mean()),
        stopped=float((~kept[~labels]).mean()),
        precision=float(labels[kept].mean()) if kept.any() else math.nan,
        log_loss=float(np.average(loss, weights=_balance(labels))),
    )


def auc(share: Floats | Sequence[float], labels: npt.NDArray[np.bool_] | Sequence[bool]) -> float:
    """Share of (yes, no) pairs in the right order; a tie counts half; NaN without both."""
    scores, right = np.asarray(share, np.float64), np.asarray(labels, np.bool_)
    yes, no = np.sort(scores[right]), scores[~right]
    if not len(yes) or not len(no):
        return math.nan
    below = np.searchsorted(yes, no, "left")
    upto = np.searchsorted(yes, no, "right")
    over = len(yes) - (below + upto) / 2
    return float(over.mean() / len(yes))
