"""Questions with known answers, and whether Konkyo gets them right.

What others may use is listed in ``__all__`` and loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if __name__ != "konkyo.eval":
    raise ImportError(f"import konkyo.eval instead of {__name__}: all packages live under konkyo")

if TYPE_CHECKING:
    from konkyo.eval.formats.load import load
    from konkyo.eval.metrics import MEASURES, Measure
    from konkyo.eval.questions import Dataset, Question
    from konkyo.eval.session import Evaluation, evaluate_with

__all__ = [
    "MEASURES",
    "Dataset",
    "Evaluation",
    "Measure",
    "Question",
    "evaluate_with",
    "load",
]

_MODULES = {
    "Dataset": "questions",
    "Evaluation": "session",
    "MEASURES": "metrics",
    "Measure": "metrics",
    "Question": "questions",
    "evaluate_with": "session",
    "load": "formats.load",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'konkyo.eval' has no attribute {name!r}")
    return getattr(import_module(f"konkyo.eval.{_MODULES[name]}"), name)
