"""What an encoder offers; no heavy library's types in any signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

__all__ = ["Encoder", "TokenEncoder", "Vectors"]

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
