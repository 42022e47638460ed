"""Whether a sentence tells something as planned or expected, not as done.

Only words in the clause of a place count: "Kim, who will visit in May, was born in 1960" tells 1960
as done. Where a language has no words in ``data/planned.toml``, nothing is taken for a plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, Alternatives, FoldedAlternatives, word_data

__all__ = ["AskedTime", "asks_for_plan", "drops_plan", "is_planned", "time_asked_of"]

AskedTime = Literal["past", "to come"]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """How one language speaks of plans; ``data/planned.toml`` says what each pattern finds."""

    clause: Alternatives
    said: Alternatives
    asked: FoldedAlternatives
    to_come: FoldedAlternatives
    past: FoldedAlternatives


def _words(language: str) -> _Words | None:
    return word_data(dict[str, _Words], "planned", "konkyo.rag").get(language[:2])


def is_planned(quote: str, language: str, start: int = 0, end: int | None = None) -> bool:
    """Whether the clauses that hold ``quote[start:end]`` tell it as planned; of all by default."""
    words = _words(language)
    if words is None:
        return False
    end = len(quote) if end is None else end
    borders = [found.end() for found in words.clause.finditer(quote)]
    first = max((at for at in borders if at <= start), default=0)
    last = min((at for at in borders if at >= end), default=len(quote))
    return words.said.search(quote, first, last) is not None


def asks_for_plan(question: str, language: str) -> bool:
    """Whether a question asks what was planned, whatever became of it."""
    words = _words(language)
    return words is not None and words.asked.search(question) is not None


def time_asked_of(question: str, language: str) -> AskedTime | None:
    """Whether a question asks of what has happened or of what has not yet, by its words.

    None where they do not tell, or tell both ("When did she say that they will meet?").
    """
    words = _words(language)
    if words is None:
        return None
    past, to_come = words.past.search(question), words.to_come.search(question)
    if past and not to_come:
        return "past"
    return "to come" if to_come and not past else None


def drops_plan(claim: str, language: str, quotes: Sequence[tuple[str, str]]) -> bool:
    """Whether all quotes, each with its language, tell a plan and a claim about them none."""
    planned = bool(quotes) and all(is_planned(text, written) for text, written in quotes)
    return planned and _words(language) is not None and not is_planned(claim, language)
