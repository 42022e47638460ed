"""The project's own pipeline in the form an evaluation asks for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from konkyo.index.records import Article
from konkyo.rag.conversation import Turn
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.types import Outcome

__all__ = ["PipelineAsker"]


class PipelineAsker:
    """Asks a ``konkyo.rag.pipeline.Pipeline``; ``today`` is what "last month" is relative to."""

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
