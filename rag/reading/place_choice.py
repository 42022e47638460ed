"""Which of the places that the reader sees is the likeliest answer.

The reader knows one passage at a time, and of many of them some mislead it. So its share and the
score of the search are weighed together; how much a place in another language than the asker's must
be surer is one of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from konkyo.rag.calibration import logistic, logit

__all__ = ["PlaceWeights", "log_odds", "measured"]

_SUREST = 1e-4


def log_odds(share: float) -> float:
    """The log-odds of a share of the reader, which is never taken to be quite sure."""
    return logit(share, _SUREST)


def measured(reader: float, fused: float) -> tuple[float, float]:
    """What is weighed: the log-odds of the reader's share, and four times the search score.

    Both are of the order of one.
    """
    return log_odds(reader), 4 * fused


@dataclass(frozen=True, slots=True)
class PlaceWeights:
    """A logistic model of "this place is the answer".

    ``reader`` and ``fused`` weigh what ``measured`` gives; ``crossed`` is added where the place is
    in another language than the question, and never speaks for it: of places that answer as well
    the asker's language is preferred. ``benchmarks/fit_judge.py`` fitted them so that the right
    place comes first among those of its question, and ``bias`` so that the shares are right on
    average.
    """

    reader: float = 0.926
    fused: float = 0.954
    crossed: float = -0.004
    bias: float = -3.35

    def share(self, reader: float, fused: float, *, crossed: bool) -> float:
        """Return the share that a place is the answer, from the reader's share and the score."""
        sure, near = measured(reader, fused)
        odds = self.bias + self.reader * sure + self.fused * near + self.crossed * crossed
        return logistic(odds)
