"""A trained encoder of questions that searches other languages than their own.

multilingual-e5-small places a question nearer to passages in its own language than to those that
answer it in another. ``training/query_encoder.py`` trains its layers on questions whose answers
stand in another language and names its data; the passages keep their vectors, so any index made
with multilingual-e5-small is searched as it is.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from konkyo.index.embedding.model_folder import unit
from konkyo.index.embedding.protocol import Vectors
from konkyo.rag.reading.network import Network, read_info
from konkyo.rag.reading.reader import tokenizer_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["WEIGHTS", "QueryEncoder"]

WEIGHTS = Path(__file__).with_name("query_encoder.safetensors")
"""The shipped weights: int8, CC BY-SA 4.0."""

_LONGEST = 96


class QueryEncoder:
    """Encodes a question for passages in other languages. Safe to share by threads.

    ``encoder_folder`` is that of multilingual-e5-small. The network is read when it is first
    needed: an index of one language never needs it. Raises ModelDamaged, now or then.
    """

    def __init__(self, encoder_folder: Path, weights: Path = WEIGHTS) -> None:
        self._folder = encoder_folder
        self._weights = weights
        self._lock = threading.Lock()
        self._loaded: tuple[Tokenizer, Network] | None = None
        self._version = read_info(weights).version

    @property
    def fingerprint(self) -> str:
        """Names the weights."""
        return f"across:{self._version}"

    @property
    def loaded(self) -> bool:
        """Whether the network has been read."""
        return self._loaded is not None

    def prepare(self) -> None:
        """Read the network now, so that no question waits for it."""
        self._load()

    def __call__(self, question: str) -> Vectors:
        """A vector of shape (dimension,), float32, length 1."""
        tokenizer, network = self._load()
        ids = tokenizer.encode(f"query: {question}").ids[:_LONGEST]
        return unit(network.run(ids, [0] * len(ids))["states"].mean(axis=0))

    def _load(self) -> tuple[Tokenizer, Network]:
        with self._lock:
            if self._loaded is None:
                network = Network(self._folder, self._weights)
                self._loaded = tokenizer_of(self._folder), network
            return self._loaded
