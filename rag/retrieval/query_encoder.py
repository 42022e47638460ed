"""A trained encoder of questions that searches other languages than their own.

multilingual-e5-small places a question nearer to passages in its own language than to those that
answer it in another. ``training/query_encoder.py`` trains its layers on questions whose answers
stand in another language and names its data; the passages keep their vectors, so any index made
with multilingual-e5-small is searched as it is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from konkyo.index.embedding.model_folder import unit
from konkyo.index.embedding.protocol import Vectors
from konkyo.rag.reading.network import Network
from konkyo.rag.reading.reader import tokenizer_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["WEIGHTS", "QueryEncoder", "load_query_encoder"]

WEIGHTS = Path(__file__).with_name("query_encoder.safetensors")
"""The shipped weights: int8, CC BY-SA 4.0."""

_LONGEST = 96


class QueryEncoder:
    """Encodes a question for passages in other languages. Safe to share by threads."""

    def __init__(self, tokenizer: Tokenizer, network: Network) -> None:
        self._tokenizer = tokenizer
        self._network = network

    @property
    def fingerprint(self) -> str:
        """Names the weights."""
        return f"across:{self._network.info.version}"

    def __call__(self, question: str) -> Vectors:
        """A vector of shape (dimension,), float32, length 1."""
        ids = self._tokenizer.encode(f"query: {question}").ids[:_LONGEST]
        return unit(self._network.run(ids, [0] * len(ids))["states"].mean(axis=0))


def load_query_encoder(encoder_folder: Path, weights: Path = WEIGHTS) -> QueryEncoder:
    """Load it over the folder of multilingual-e5-small. Raises ModelDamaged."""
    return QueryEncoder(tokenizer_of(encoder_folder), Network(encoder_folder, weights))
