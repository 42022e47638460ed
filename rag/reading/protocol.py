"""What a learned reader offers, whichever model it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Reader", "Reading"]


class Reading(Protocol):
    """What a reader makes of one window: does it answer, and where."""

    @property
    def probability(self) -> float:
        """Calibrated share: the window answers the question."""

    @property
    def start(self) -> int:
        """Start of the answer in the window, in code points."""

    @property
    def end(self) -> int:
        """End of the answer in the window."""

    @property
    def places(self) -> Sequence[tuple[int, int]]:
        """All stretches of the window that are parts of an answer, in order; perhaps none."""


class Reader(Protocol):
    """A learned model that says whether, and where, a passage answers a question."""

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> Sequence[Reading]:
        """One reading a window, in order; ``contexts`` say what a window is about."""
