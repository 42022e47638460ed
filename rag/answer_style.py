"""How answers are put: by the articles' words or a model's, and how sure Konkyo must be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from konkyo.index.embedding.catalogue import catalogue
from konkyo.rag.generation.llm import LLM, NoLLM

__all__ = ["AnswerStyle", "Phrasing", "writes_well"]

Phrasing = Literal["auto", "always", "never"]
"""Whether a language model may phrase an answer; ``auto``: one that writes well enough."""

_STEEPNESS = 8.0


def writes_well(llm: LLM) -> bool:
    """Whether a model's sentences are better than the quotes: not the small ones to be pulled.

    Of 35 sentences of the default model that passed all checks, 5 were false or garbled.
    """
    small = {f"embedded:{model.name}" for model in catalogue() if model.kind == "llm"}
    return not isinstance(llm, NoLLM) and llm.name not in small


@dataclass(frozen=True, slots=True)
class AnswerStyle:
    """Whether a model phrases the answer, and how sure the articles must answer (0..1)."""

    phrasing: Phrasing = "auto"
    strictness: float = 0.5

    def phrases(self, llm: LLM) -> bool:
        """Whether a model is asked to phrase answers."""
        if self.phrasing == "always":
            return not isinstance(llm, NoLLM)
        return self.phrasing == "auto" and writes_well(llm)

    def threshold(self, fitted: float) -> float:
        """The share from which quotes answer: the fitted one at 0.5.

        Each 0.1 more multiplies the odds that are asked for by 2.2 (e to the 0.8), each 0.1 less
        divides them.
        """
        odds = fitted / (1 - fitted) * math.exp(_STEEPNESS * (self.strictness - 0.5))
        return odds / (1 + odds)
