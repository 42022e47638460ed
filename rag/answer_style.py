"""How answers are put: by the articles' words or a model's, and how sure Konkyo must be."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from konkyo.index.embedding.catalogue import catalogue
from konkyo.index.records import Filter
from konkyo.rag.generation.llm import NoLLM

__all__ = ["AnswerStyle", "Phrasing", "writes_well"]

Phrasing = Literal["auto", "always", "never"]
"""Whether a language model may phrase an answer; ``auto``: one that writes well enough."""

_NO_LANGUAGE = frozenset({"zxx"})  # "No linguistic content", ISO 639-2: no article has it.


def writes_well(llm: str) -> bool:
    """Whether the sentences of a model, by its name, are better than the quotes.

    Those of the small ones that can be pulled are not: ``docs/figures.md`` says how many of the
    default model's that passed all checks a strict reader would not pass.
    """
    small = {f"embedded:{model.name}" for model in catalogue() if model.kind == "llm"}
    return llm not in {NoLLM.name, *small}


@dataclass(frozen=True, slots=True)
class AnswerStyle:
    """Whether a model phrases the answer, and how sure the articles must answer (0..1).

    ``languages`` are those (ISO 639-1) whose articles may answer; none named: all.
    """

    phrasing: Phrasing = "auto"
    strictness: float = 0.5
    languages: tuple[str, ...] = ()

    def phrases(self, llm: str) -> bool:
        """Whether a model, by its name, is asked to phrase answers."""
        if self.phrasing == "always":
            return llm != NoLLM.name
        return self.phrasing == "auto" and writes_well(llm)

    def within(self, where: Filter) -> Filter:
        """The filter of a question, narrowed to the languages whose articles may answer."""
        if not self.languages:
            return where
        allowed = frozenset(self.languages)
        both = where.languages & allowed if where.languages else allowed
        return replace(where, languages=both or _NO_LANGUAGE)

    def threshold(self, fitted: float, steepness: float) -> float:
        """The share from which quotes answer: the fitted one at 0.5.

        Each 0.1 more adds a tenth of ``steepness`` to the log-odds that are asked for, each 0.1
        less takes it off: at 8, the odds are multiplied or divided by 2.2.
        """
        raised = fitted * math.exp(steepness * (self.strictness - 0.5))
        return raised / (raised + 1 - fitted)

    @staticmethod
    def told_at(share: float, fitted: float, steepness: float) -> float | None:
        """The largest strictness, in hundredths, whose threshold a share reaches; None: none."""
        if not 0 < share < 1:
            return 1.0 if share else None
        odds = share * (1 - fitted) / ((1 - share) * fitted)
        hundredths = math.floor(100 * (0.5 + math.log(odds) / steepness))
        return None if hundredths < 0 else min(100, hundredths) / 100
