"""A question as it is asked of the articles: complete, in one language, and what kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from konkyo.rag.conversation import Turn, standalone
from konkyo.rag.disagreement.conflicts import asks_whether_they_differ
from konkyo.rag.reading.answerability import asked_for
from konkyo.rag.thresholds import DEFAULT, Thresholds

__all__ = ["AskedQuestion", "understand"]


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """``text`` as it was asked; ``standalone`` as it is searched, read and verified.

    ``asks_if_they_differ``: whether articles disagree is what was asked. ``asks_one_fact``: its
    words ask for a number, a day or a name.
    """

    text: str
    standalone: str
    language: str
    asks_if_they_differ: bool
    asks_one_fact: bool


def understand(
    question: str, history: Sequence[Turn], language: str, thresholds: Thresholds = DEFAULT
) -> AskedQuestion:
    """Complete a follow-up from the turns before it and see what kind of question it is."""
    alone, differ = asks_whether_they_differ(standalone(question, history, thresholds=thresholds))
    return AskedQuestion(question, alone, language, differ, asked_for(alone) is not None)
