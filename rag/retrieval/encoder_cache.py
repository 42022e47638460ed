"""An encoder that remembers the vectors of what it was last asked to encode.

The same articles answer many questions, and their sentences are compared with each of them.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np

from konkyo.index.embedding.protocol import Encoder, Vectors

__all__ = ["Remembered"]


class Remembered:
    """The same vectors as ``encoder``; the last ``most`` texts are not encoded again.

    Safe to share by threads.
    """

    def __init__(self, encoder: Encoder, most: int = 8192) -> None:
        self._encoder = encoder
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Vectors] = OrderedDict()

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
        found: dict[str, Vectors] = {}
        with self._lock:
            for text in texts:
                if (role, text) in self._kept:
                    self._kept.move_to_end((role, text))
                    found[text] = self._kept[role, text]
        missing = [t for t in dict.fromkeys(texts) if t not in found]
        if missing:
            fresh = dict(zip(missing, encode(missing), strict=True))
            found.update(fresh)
            with self._lock:
                for text, vector in fresh.items():
                    self._kept[role, text] = vector.copy()
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        return np.stack([found[t] for t in texts])
