"""Whether a sentence says the same thing twice, as small models do."""

from __future__ import annotations

from collections.abc import Sequence

from konkyo.index.text.normalize import letters

__all__ = ["repeats"]

_RUN = 8
_SHARE = 0.3


def repeats(text: str, before: Sequence[str] = ()) -> bool:
    """Whether a text holds much of itself, or of a text ``before`` it, once more.

    Counted in runs of eight letters: more than three in ten that stood there already.
    """
    seen = {run for other in before for run in _runs(other)}
    again = total = 0
    for run in _runs(text):
        total += 1
        again += run in seen
        seen.add(run)
    return total > 0 and again > _SHARE * total


def _runs(text: str) -> list[str]:
    plain = letters(text)
    return [plain[i : i + _RUN] for i in range(len(plain) - _RUN + 1)]
