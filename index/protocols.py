"""The seams between layers: small protocols, no heavy library's types in any signature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from index.records import Article, ArticleSummary, Filter, Passage, ScoredPassage

__all__ = ["Encoder", "Store", "TokenEncoder", "Vectors"]

Vectors = npt.NDArray[np.float32]


class Encoder(Protocol):
    """Turns texts into unit vectors whose dot product is their similarity."""

    @property
    def fingerprint(self) -> str:
        """Names model, weights and pooling; a store built with another one is refused."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Encode questions: shape (len(texts), dimension), float32, rows of length 1."""

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Encode passages: shape (len(texts), dimension), float32, rows of length 1."""


@runtime_checkable
class TokenEncoder(Protocol):
    """Gives the last hidden state of each token, for late interaction and alignment."""

    def query_states(self, texts: Sequence[str]) -> list[Vectors]:
        """One array (tokens, dimension) a text, rows of length 1, special tokens left out."""

    def passage_states(self, texts: Sequence[str]) -> list[Vectors]:
        """One array (tokens, dimension) a text, rows of length 1, special tokens left out."""


class Store(Protocol):
    """A readable index: articles, passages and two ways to find them.

    One ``Store`` value is one consistent view; ``refresh`` moves it to the newest generation.
    Implementations: a folder on one machine, later a cluster engine. Safe to share by threads.
    """

    @property
    def generation(self) -> int:
        """Grows by one with every committed change."""

    @property
    def fingerprint(self) -> str:
        """Names the encoder and the chunking that made this store."""

    def refresh(self) -> bool:
        """Move to the newest committed generation; say whether anything changed."""

    def article(self, article_id: str) -> Article:
        """The whole article. Raises ArticleMissing."""

    def summaries(self, article_ids: Sequence[str]) -> list[ArticleSummary]:
        """Summaries in the order asked for. Raises ArticleMissing."""

    def articles(self, where: Filter = ...) -> Iterator[ArticleSummary]:
        """All articles that pass, newest first, undated last."""

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """Passages in the order asked for; an unknown identifier is an error."""

    def vectors(self, passage_ids: Sequence[str]) -> Vectors:
        """The stored vectors, shape (len(passage_ids), dimension), float32."""

    def dense(self, vector: Vectors, k: int, where: Filter = ...) -> list[ScoredPassage]:
        """The k passages nearest one query vector of shape (dimension,), best first."""

    def lexical(self, text: str, k: int, where: Filter = ...) -> list[ScoredPassage]:
        """The k passages that share most terms with a question (BM25), best first."""

    def lexical_ceiling(self, text: str) -> float:
        """The weight of all of a question's terms together, in the units of lexical scores.

        A lexical score divided by it is a share that compares across questions and languages.
        """

    def close(self) -> None:
        """Let go of files; the value is not used afterwards."""
