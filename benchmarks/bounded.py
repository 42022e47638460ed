"""A logistic model whose weights may not speak against their own sense, and its honest shares."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

__all__ = ["fit", "held_out", "keep"]

Rows = npt.NDArray[np.float64]
Labels = npt.NDArray[np.bool_]


def fit(
    rows: Rows,
    y: Labels,
    names: Sequence[str],
    *,
    against: Collection[str] = (),
    free: Collection[str],
) -> tuple[Rows, float]:
    """Weights and bias; both classes weigh alike.

    A feature named in ``against`` may only lower the share, one in ``free`` may do either, any
    other may only raise it.
    """
    from scipy.optimize import minimize

    weight = np.where(y, 0.5 / y.mean(), 0.5 / (~y).mean()) / len(y)

    def loss(w: Rows) -> tuple[float, Rows]:
        z = rows @ w[:-1] + w[-1]
        error = weight * (1 / (1 + np.exp(-z)) - y)
        value = (weight * np.logaddexp(0, np.where(y, -z, z))).sum() + 1e-3 * (w[:-1] ** 2).sum()
        return float(value), np.append(rows.T @ error + 2e-3 * w[:-1], error.sum())

    bounds = [
        (None, None) if n in free else (None, 0.0) if n in against else (0.0, None) for n in names
    ]
    start = np.zeros(len(names) + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)])
    return found.x[:-1], float(found.x[-1])


def held_out(
    rows: Rows,
    y: Labels,
    names: Sequence[str],
    *,
    against: Collection[str] = (),
    free: Collection[str],
    seed: int,
) -> Rows:
    """Each row's share from a model fitted on the four fifths that it is not in."""
    fold = np.random.default_rng(seed).permutation(len(y)) % 5
    share = np.zeros(len(y))
    for f in range(5):
        w, bias = fit(rows[fold != f], y[fold != f], names, against=against, free=free)
        share[fold == f] = 1 / (1 + np.exp(-(rows[fold == f] @ w + bias)))
    return share


def keep(
    entry: str, fitted_on: str, names: Sequence[str], weights: Rows, bias: float, **told: object
) -> None:
    """Put a fitted model into rag/calibration.json, with what is ``told`` of it.

    A weight that is zero is left out: what is not weighed counts nothing.
    """
    path = Path(__file__).resolve().parent.parent / "rag" / "calibration.json"
    table = json.loads(path.read_text("utf-8"))
    fitted = {n: round(float(w), 4) for n, w in zip(names, weights, strict=True)}
    table[entry] = {
        "fitted_on": fitted_on,
        "weights": {n: w for n, w in fitted.items() if w},
        "bias": round(bias, 4),
        **told,
    }
    path.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", "utf-8")
