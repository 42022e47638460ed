"""Whether a sentence says the same thing twice, as small models do."""

from __future__ import annotations

from collections.abc import Sequence

from konkyo.index.text.normalize import letters
from konkyo.rag.thresholds import DEFAULT, Thresholds

__all__ = ["repeats"]


def repeats(text: str, before: Sequence[str] = (), thresholds: Thresholds = DEFAULT) -> bool:
    """Whether a text holds much of itself, or of a text ``before`` it, once more.

    Counted in runs of eight letters: more than three in ten that stood there already, unless the
    thresholds say otherwise.
    """
    length = thresholds.repeated_letters
    seen = {run for other in before for run in _runs(other, length)}
    again = total = 0
    for run in _runs(text, length):
        total += 1
        again += run in seen
        seen.add(run)
    return total > 0 and again > thresholds.repeated * total


def _runs(text: str, length: int) -> list[str]:
    plain = letters(text)
    return [plain[i : i + length] for i in range(len(plain) - length + 1)]
