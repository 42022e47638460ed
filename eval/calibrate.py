"""Refit what the shipped thresholds say, on a user's own labelled rows; pure but for the reading.

Two logistic models decide what is shown: "answers" (do the quotes found answer the question?) and
"support" (do the quotes cited support the claim?). Both are fitted again, drawn towards the shipped
weights as by a prior, so that few rows move them little. Everything said of the refit is said on
rows left out of it (five folds).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from konkyo.eval.logistic import Quality, fit, judged, predict, threshold_for
from konkyo.index.errors import UsageError
from konkyo.rag.calibration import Calibration

__all__ = ["Example", "Refit", "refit"]

_FOLDS = 5

_LEAST_ROWS = 30

_LEAST_EACH = 8


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled row: features by name. Rows of one ``group`` are never parted by a fold.

    ``derived`` tells that a program made the label, by taking away what answers or proves.
    """

    features: Mapping[str, float]
    label: bool
    group: str
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Refit:
    """The new calibration beside the shipped one, both on rows left out."""

    calibration: Calibration
    before: Quality
    after: Quality
    yes: int
    no: int
    derived: int

    @property
    def better(self) -> bool:
        """Whether it tells rows left out apart better than the shipped one."""
        return self.after.log_loss < self.before.log_loss

    def to_json(self, fitted_on: str) -> dict[str, object]:
        """The entry of a calibration file."""
        return {
            "fitted_on": fitted_on,
            "rows": {"yes": self.yes, "no": self.no, "of_these_derived": self.derived},
            "weights": {n: round(w, 4) for n, w in sorted(self.calibration.weights.items())},
            "bias": round(self.calibration.bias, 4),
            "threshold": round(self.calibration.threshold, 4),
            "left_out": {"shipped": _quality(self.before), "refitted": _quality(self.after)},
        }


def _quality(value: Quality) -> dict[str, float | None]:
    names = ("auc", "passed", "stopped", "precision", "log_loss")
    found = {name: float(getattr(value, name)) for name in names}
    return {name: None if math.isnan(x) else round(x, 4) for name, x in found.items()}


def refit(
    examples: Sequence[Example],
    shipped: Calibration,
    *,
    wrong_weighs: float | None = None,
    precision: float | None = None,
) -> Refit:
    """Fit weights and bias again and choose the threshold.

    With ``wrong_weighs`` the threshold is the one at which a wrong yes costs that many wrong
    noes (classes weighed alike); with ``precision`` it is the lowest that keeps that share of
    yes among the rows that pass, on rows left out. Raises UsageError for too few rows.
    """
    if (wrong_weighs is None) == (precision is None):
        raise ValueError("give either wrong_weighs or precision")
    labels = np.array([e.label for e in examples], dtype=bool)
    yes, no = int(labels.sum()), int((~labels).sum())
    if len(examples) < _LEAST_ROWS or min(yes, no) < _LEAST_EACH:
        raise UsageError(
            f"too few rows to fit on: {yes} labelled yes and {no} no; at least {_LEAST_ROWS} in "
            f"all "
            f"and {_LEAST_EACH} of each are needed"
        )
    names = sorted({n for e in examples for n in e.features})
    x = np.array([[e.features.get(n, 0.0) for n in names] for e in examples])
    start = np.array([*(shipped.weights.get(n, 0.0) for n in names), shipped.bias])
    fold = _folds([e.group for e in examples])
    share = np.empty(len(examples))
    for number in range(_FOLDS):
        out = fold == number
        if out.any():
            share[out] = predict(x[out], fit(x[~out], labels[~out], start))
    before = predict(x, start)
    threshold = (
        wrong_weighs / (1.0 + wrong_weighs)
        if wrong_weighs is not None
        else threshold_for(share, labels, precision or 0.0)
    )
    weights = fit(x, labels, start)
    made = Calibration(
        {n: float(w) for n, w in zip(names, weights[:-1], strict=True)},
        float(weights[-1]),
        float(threshold),
    )
    return Refit(
        made,
        before=judged(before, labels, shipped.threshold),
        after=judged(share, labels, threshold),
        yes=yes,
        no=no,
        derived=sum(e.derived for e in examples),
    )


def _folds(groups: Sequence[str]) -> npt.NDArray[np.int64]:
    order = {group: at for at, group in enumerate(dict.fromkeys(groups))}
    return np.array([order[group] % _FOLDS for group in groups])
