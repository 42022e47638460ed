"""How long a question took, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

__all__ = ["Stage", "Timings"]

Stage = Literal["retrieve", "read", "generate", "verify"]
Reached = Literal["first_evidence", "short_answer", "total"]


class Timings:
    """Milliseconds of each stage, none containing another, and of three moments since the start."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.milliseconds: dict[str, float] = {
            "retrieve": 0.0,
            "read": 0.0,
            "first_evidence": 0.0,
            "short_answer": 0.0,
            "generate": 0.0,
            "verify": 0.0,
            "total": 0.0,
        }

    def reach(self, moment: Reached) -> None:
        """Note when a moment was reached; only the first time counts."""
        if not self.milliseconds[moment]:
            self.milliseconds[moment] = round((time.perf_counter() - self._start) * 1000, 1)

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Add the time of a block to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = (time.perf_counter() - began) * 1000
            self.milliseconds[name] = round(self.milliseconds[name] + spent, 1)
