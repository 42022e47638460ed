"""Loads a cross-encoder, a model that scores a question and a passage together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from konkyo.index.embedding.model_registry import resolve_embedding

__all__ = ["Reranker", "load_reranker"]


class Reranker(Protocol):
    """Scores pairs; higher is better, the scale is the model's own. Safe to share by threads."""

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in the order given."""


def load_reranker(name_or_path: str | Path) -> Reranker:
    """Load a sentence-transformers cross-encoder by folder or hub id.

    Raises ModelUnknown, ModelError.
    """
    from konkyo.index.embedding.sentence_transformers import PairScorer

    return PairScorer(str(resolve_embedding(str(name_or_path))))
