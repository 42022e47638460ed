"""LRU cache around an encoder: sentences of the same articles are compared with many questions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np
from cachetools import LRUCache

from konkyo.index.embedding.protocol import Encoder, Vectors

__all__ = ["CachedEncoder"]


class CachedEncoder:
    """The same vectors as ``encoder``; those of the last ``most`` texts are kept.

    Safe to share by threads.
    """

    def __init__(self, encoder: Encoder, most: int = 8192) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._kept: LRUCache[tuple[str, str], Vectors] = LRUCache(most)

    @property
    def fingerprint(self) -> str:
        """That of the encoder."""
        return self._encoder.fingerprint

    @property
    def dimension(self) -> int:
        """That of the encoder."""
        return self._encoder.dimension

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Encode questions: shape (len(texts), dimension), float32."""
        return self._through("query", texts, self._encoder.queries)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Encode passages: shape (len(texts), dimension), float32."""
        return self._through("passage", texts, self._encoder.passages)

    def _through(
        self, role: str, texts: Sequence[str], encode: Callable[[Sequence[str]], Vectors]
    ) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        with self._lock:
            kept = {text: self._kept.get((role, text)) for text in texts}
        found = {text: vector for text, vector in kept.items() if vector is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in found]
        if missing:
            fresh = dict(zip(missing, (v.copy() for v in encode(missing)), strict=True))
            found |= fresh
            with self._lock:
                for text, vector in fresh.items():
                    self._kept[role, text] = vector
        return np.stack([found[text] for text in texts])
