"""Fitted logistic models.

From named features to one probability, and the threshold chosen for it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from konkyo.index.errors import SettingsError

__all__ = ["Calibration", "calibration_fingerprint", "load_calibration", "logistic", "logit"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic model over named features and the threshold chosen for a stated precision."""

    weights: Mapping[str, float]
    bias: float
    threshold: float

    def probability(self, features: Mapping[str, float]) -> float:
        """Share; a feature that is missing counts as zero."""
        total = self.bias + sum(w * features.get(name, 0.0) for name, w in self.weights.items())
        return logistic(total)


def load_calibration(name: str, file: Path | None = None) -> Calibration:
    """The fitted model of that name from ``rag/calibration.json``, or from ``file`` if it is there.

    ``file`` is what ``konkyo eval calibrate`` wrote. Raises SettingsError if it cannot be used.
    """
    entry = json.loads(_shipped())[name]
    if file is not None:
        entry = _refitted(file).get(name, entry)
    try:
        weights = {str(k): float(v) for k, v in entry["weights"].items()}
        found = Calibration(weights, float(entry["bias"]), float(entry["threshold"]))
    except (AttributeError, KeyError, TypeError, ValueError) as exc:
        raise SettingsError(
            f"{file}: not a calibration: {name!r} needs weights, bias and threshold; make it again "
            "with konkyo eval calibrate"
        ) from exc
    if not 0 < found.threshold < 1:
        raise SettingsError(
            f"{file}: the threshold of {name!r} is {found.threshold:g}, not between 0 and 1; make "
            "it again with konkyo eval calibrate"
        )
    return found


def calibration_fingerprint(file: Path | None = None) -> str:
    """Names the shipped models by twelve hexadecimal digits that change with any of them.

    Those of ``file``, what is put in their place, follow where there is one.
    """
    parts = [_shipped()] if file is None else [_shipped(), file.read_bytes()]
    return f"calibration:{' '.join(hashlib.sha256(part).hexdigest()[:12] for part in parts)}"


def _shipped() -> bytes:
    return resources.files("konkyo.rag").joinpath("calibration.json").read_bytes()


def _refitted(file: Path) -> dict[str, dict[str, object]]:
    try:
        table = json.loads(file.read_text("utf-8"))
    except OSError as exc:
        raise SettingsError(f"calibration: {file}: cannot be read ({exc.strerror})") from exc
    except ValueError as exc:
        raise SettingsError(f"calibration: {file}: not JSON: {exc}") from exc
    if not isinstance(table, dict):
        raise SettingsError(f"calibration: {file}: not an object")
    return table


def logistic(log_odds: float) -> float:
    """Share of some log-odds, which are held between -30 and 30."""
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, log_odds))))


def logit(share: float, least: float) -> float:
    """Log-odds of a share held between ``least`` and 1 - ``least``."""
    share = min(1 - least, max(least, share))
    return math.log(share / (1 - share))
