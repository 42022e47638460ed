"""A question as it is asked of the articles: complete, in one language, and what kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from konkyo.rag.conversation import Turn, other_forms, standalone
from konkyo.rag.disagreement.conflicts import asks_whether_they_differ
from konkyo.rag.reading.answerability import asked_for
from konkyo.rag.thresholds import DEFAULT, Thresholds

__all__ = ["AskedQuestion", "understand"]


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """``text`` as it was asked; ``standalone`` as it is read and verified.

    ``searched`` is what passages are looked for with: the same, or with what came before it.
    ``before`` is the question before this one, if any; ``other_forms`` are what a follow-up may
    mean.
    ``asks_if_they_differ``: whether articles disagree is what was asked. ``asks_one_fact``: its
    words ask for a number, a day or a name.
    """

    text: str
    standalone: str
    language: str
    asks_if_they_differ: bool
    asks_one_fact: bool
    searched: str
    before: str = ""
    other_forms: tuple[str, ...] = ()

    @property
    def led_by(self) -> str:
        """The questions that a follow-up was put behind; empty for any other question."""
        joined = self.standalone != self.text and self.standalone.endswith(self.text)
        return self.standalone[: -len(self.text)].strip() if joined else ""

    def put_as(self, form: str) -> AskedQuestion:
        """The question in other words."""
        return replace(self, standalone=form, searched=form)

    @property
    def in_context(self) -> AskedQuestion:
        """The question as it stands, read where the one before it leads."""
        searched = self.searched if self.searched != self.text else f"{self.before} {self.text}"
        return replace(self, standalone=self.text, searched=searched)


def understand(
    question: str, history: Sequence[Turn], language: str, thresholds: Thresholds = DEFAULT
) -> AskedQuestion:
    """Complete a follow-up from the turns before it and see what kind of question it is."""
    alone, differ = asks_whether_they_differ(standalone(question, history, thresholds=thresholds))
    before = history[-1].question if history else ""
    asked = AskedQuestion(
        question, alone, language, differ, asked_for(alone) is not None, alone, before
    )
    return (
        replace(asked, other_forms=other_forms(question, history, thresholds))
        if asked.led_by
        else asked
    )
