"""The project's own pipeline in the form an evaluation asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from index.records import Article
from rag.answer import Pipeline
from rag.chat import Turn
from rag.outcomes import Outcome

__all__ = ["PipelineAsker"]


class PipelineAsker:
    """Asks a ``rag.answer.Pipeline``; ``today`` is what "last month" is relative to."""

    def __init__(self, pipeline: Pipeline, *, today: date | None = None) -> None:
        self.pipeline = pipeline
        self._today = today

    @property
    def fingerprint(self) -> str:
        """The pipeline's own: store, models, prompt and options."""
        return self.pipeline.fingerprint

    def ask(self, question: str, *, history: Sequence[Turn]) -> Outcome:
        """Ask the question with the turns before it."""
        return self.pipeline.ask(
            question,
            history=history,
            today=self._today,
        )

    def article(self, article_id: str) -> Article:
        """The whole article. Raises ArticleMissing."""
        return self.pipeline.article(article_id)
