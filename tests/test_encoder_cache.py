"""What was encoded once is not encoded again, and comes back the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from konkyo.rag.retrieval.encoder_cache import CachedEncoder


class Counting:
    """The length of a text is its vector; counts what it is asked."""

    fingerprint = "counting"
    dimension = 2

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        self.encoded += texts
        return np.array([[len(t), 1] for t in texts], np.float32)

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        return -self.passages(texts)


def test_only_what_is_new_is_encoded_and_order_is_kept() -> None:
    inner = Counting()
    encoder = CachedEncoder(inner)
    assert encoder.passages(["a", "bbb"]).tolist() == [[1, 1], [3, 1]]
    assert encoder.passages(["cc", "a", "cc"]).tolist() == [[2, 1], [1, 1], [2, 1]]
    assert inner.encoded == ["a", "bbb", "cc"]


def test_a_question_is_not_taken_for_a_passage() -> None:
    encoder = CachedEncoder(Counting())
    encoder.passages(["a"])
    assert encoder.queries(["a"]).tolist() == [[-1, -1]]


def test_the_oldest_is_forgotten_first() -> None:
    inner = Counting()
    encoder = CachedEncoder(inner, most=2)
    for text in ("a", "bb", "a", "ccc", "a", "bb"):
        encoder.passages([text])
    assert inner.encoded == ["a", "bb", "ccc", "bb"]


def test_nothing_is_nothing() -> None:
    assert CachedEncoder(Counting()).passages([]).shape == (0, 2)
