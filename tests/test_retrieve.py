"""Fusion is a pure function of scores; retrieval gives whole hits in a stable order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from konkyo.index.builder import build
from konkyo.index.embedding.cross_encoder import load_reranker
from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import ModelUnknown
from konkyo.index.records import ScoredPassage
from konkyo.index.stores.base import Store
from konkyo.index.stores.local.reader import LocalStore
from konkyo.rag.retrieval.hybrid import (
    Fused,
    FusionWeights,
    PassageStates,
    Retriever,
    fuse,
    late_interaction,
    rearranged,
    reordered,
)

WEIGHTS = FusionWeights(dense=0.5, floor=0.7)


def scored(**scores: float) -> list[ScoredPassage]:
    return [ScoredPassage(k, v) for k, v in scores.items()]


def test_scores_are_joined_on_their_theoretical_scales() -> None:
    fused = fuse(scored(a=1.0, b=0.85), scored(b=5.0), WEIGHTS, ceiling=10.0)
    assert fused == [
        Fused("a", pytest.approx(0.5), 1.0, None),
        Fused("b", pytest.approx(0.5), 0.85, 5.0),
    ]


def test_a_question_that_shares_no_words_is_ranked_by_meaning_alone() -> None:
    fused = fuse(scored(a=0.9, b=0.8), scored(b=0.3), WEIGHTS, ceiling=30.0)
    assert [f.passage_id for f in fused] == ["a", "b"]


def test_an_empty_arm_changes_no_order() -> None:
    assert [f.passage_id for f in fuse(scored(a=0.8, b=0.9), [], WEIGHTS, ceiling=0.0)] == [
        "b",
        "a",
    ]
    assert [f.passage_id for f in fuse([], scored(a=1, b=2), WEIGHTS, ceiling=4.0)] == ["b", "a"]
    assert fuse([], [], WEIGHTS, ceiling=0.0) == []


names = st.dictionaries(st.sampled_from("abcdef"), st.floats(0, 1), max_size=6)


@given(names, names)
def test_every_proposed_passage_comes_back_once_best_first(
    dense: dict[str, float], lexical: dict[str, float]
) -> None:
    fused = fuse(scored(**dense), scored(**lexical), WEIGHTS, ceiling=1.0)
    assert sorted(f.passage_id for f in fused) == sorted({*dense, *lexical})
    assert [f.score for f in fused] == sorted((f.score for f in fused), reverse=True)


@given(names)
def test_doubling_the_ceiling_never_lifts_a_lexical_passage_over_a_dense_one(
    lexical: dict[str, float],
) -> None:
    low = fuse(scored(z=0.9), scored(**lexical), WEIGHTS, ceiling=1.0)
    high = fuse(scored(z=0.9), scored(**lexical), WEIGHTS, ceiling=2.0)
    place = [f.passage_id for f in low].index("z")
    assert [f.passage_id for f in high].index("z") <= place


def fused(**scores: float) -> list[Fused]:
    return [Fused(name, score, None, None) for name, score in scores.items()]


def test_a_passage_that_meets_every_word_of_the_question_comes_first() -> None:
    axes = np.eye(5, dtype=np.float32)
    question = axes[[0, 1]]
    both, one, none = axes[[0, 1, 4]], axes[[0, 3, 4]], axes[[2, 3, 4]]
    late = late_interaction(question, [none, both, one])
    assert sorted(late) == [late[0], late[2], late[1]]
    assert late_interaction(question[:0], [both]) == [0.0]
    assert late_interaction(question, [both, both[:0]]) == [0.0, 0.0]


def test_late_scores_reorder_only_what_was_compared() -> None:
    ranked = fused(a=0.9, b=0.85, c=0.8, d=0.7)
    moved = reordered(ranked, [0.1, 0.3], weight=0.5)
    assert [(f.passage_id, round(f.score, 3)) for f in moved] == [
        ("b", 0.85),
        ("a", 0.8),
        ("c", 0.7),
        ("d", 0.6),
    ]
    assert reordered(ranked, [], weight=0.5) == ranked


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.integers(2, 6))
def test_nothing_is_overtaken_by_what_was_not_compared(late: list[float], more: int) -> None:
    ranked = [Fused(str(i), 1 - i / 10, None, None) for i in range(len(late) + more)]
    names = [f.passage_id for f in reordered(ranked, late, weight=0.7)]
    rest = [str(i) for i in range(len(late), len(ranked))]
    assert [name for name in names if name in rest] == rest
    assert names[-more:] == rest


WORDS = ["alpha", "beta", "gamma", "delta"]


@dataclass
class CountingEncoder:
    """Each word an axis; counts the passages whose states were asked for."""

    asked: list[str] = field(default_factory=list)
    fingerprint: str = "words"
    dimension: int = len(WORDS)

    def queries(self, texts: Sequence[str]) -> Vectors:
        rows = [[1 + text.lower().count(word) for word in WORDS] for text in texts]
        vectors = np.array(rows, np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    passages = queries

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def iter_passages(self, texts: Sequence[str]) -> Iterator[tuple[np.ndarray, Vectors]]:
        yield np.arange(len(texts)), self.queries(texts)

    def query_states(self, texts: Sequence[str]) -> list[Vectors]:
        axes = np.eye(len(WORDS), dtype=np.float32)
        return [
            axes[[WORDS.index(word) for word in text.lower().split() if word in WORDS]]
            for text in texts
        ]

    def passage_states(self, texts: Sequence[str]) -> list[Vectors]:
        self.asked += texts
        return self.query_states(texts)


@pytest.fixture
def words(tmp_path: Path) -> Iterator[LocalStore]:
    for name in WORDS:
        (tmp_path / f"{name}.txt").write_text(
            f"About {name}\n\nalpha beta {name} {name}\n", encoding="utf-8"
        )
    build([str(tmp_path)], tmp_path / "store", CountingEncoder())
    with LocalStore(tmp_path / "store") as store:
        yield store


def test_states_of_passages_are_made_once(words: LocalStore) -> None:
    encoder = CountingEncoder()
    retriever = Retriever(words, encoder, FusionWeights(floor=0.0, margin=1.0))
    asked = "gamma nowhere to be found"
    first = retriever.retrieve(asked)
    assert first[0].article.title == "About gamma"
    assert len(encoder.asked) == len(WORDS)
    assert retriever.retrieve(asked) == first
    assert len(encoder.asked) == len(WORDS)


def test_where_words_decide_nothing_is_compared(words: LocalStore) -> None:
    encoder = CountingEncoder()
    Retriever(words, encoder, FusionWeights(floor=0.0, margin=1.0)).retrieve("gamma")
    assert encoder.asked == []


def test_passages_are_read_once_a_search(words: LocalStore, tmp_path: Path) -> None:
    reads: list[str] = []

    class CountingStore:
        def __getattr__(self, name: str) -> object:
            if name in ("passages", "summaries"):
                reads.append(name)
            return getattr(words, name)

    weights = FusionWeights(
        floor=0.0, margin=1.0, reranker=str(tiny_cross_encoder(tmp_path / "cross"))
    )
    encoder = CountingEncoder()
    store = cast("Store", CountingStore())
    assert Retriever(store, encoder, weights).retrieve("gamma nowhere to be found", top_k=2)
    assert len(encoder.asked) == len(WORDS)
    assert reads == ["passages", "summaries"]


def test_states_that_do_not_fit_are_forgotten() -> None:
    encoder = CountingEncoder()
    texts = [f"alpha {word}" for word in WORDS]
    small = PassageStates(encoder, most_bytes=1)
    whole = PassageStates(encoder)
    for _ in range(2):
        found = small.of_passages(texts)
        assert all(map(np.array_equal, found, whole.of_passages(texts)))
    assert len(encoder.asked) == 3 * len(texts)


def test_the_states_used_last_are_kept() -> None:
    encoder = CountingEncoder()
    two_words = 2 * len(WORDS) * np.dtype(np.float16).itemsize
    states = PassageStates(encoder, most_bytes=2 * two_words)
    for text in ("alpha beta", "beta gamma", "alpha beta", "gamma delta", "alpha beta"):
        states.of_passages([text])
    assert encoder.asked == ["alpha beta", "beta gamma", "gamma delta"]


def test_one_clear_winner_is_not_compared(words: LocalStore) -> None:
    encoder = CountingEncoder()
    hits = Retriever(words, encoder, FusionWeights(floor=0.0, margin=0.0)).retrieve(
        "gamma nowhere to be found"
    )
    assert encoder.asked == []
    plain = Retriever(words, encoder, FusionWeights(floor=0.0, late=0.0))
    assert hits == plain.retrieve("gamma nowhere to be found")


def test_a_cross_encoder_orders_the_best_and_leaves_their_shares() -> None:
    ranked = fused(a=0.9, b=0.8, c=0.7)
    assert rearranged(ranked, [-3.0, 5.0]) == fused(b=0.9, a=0.8, c=0.7)
    assert rearranged(ranked, []) == ranked


def test_a_named_cross_encoder_is_asked(words: LocalStore, tmp_path: Path) -> None:
    folder = tiny_cross_encoder(tmp_path / "cross")
    weights = FusionWeights(floor=0.0, late=0.0, reread=4)
    plain = Retriever(words, CountingEncoder(), weights).retrieve("gamma")
    named = replace(weights, reranker=str(folder))
    found = Retriever(words, CountingEncoder(), named).retrieve("gamma")
    assert {h.passage.passage_id for h in found} == {h.passage.passage_id for h in plain}
    assert [h.score for h in found] == [h.score for h in plain]
    texts = [f"{h.article.title}\n{h.passage.text}" for h in found]
    scores = load_reranker(folder).scores("gamma", texts)
    assert scores == sorted(scores, reverse=True)
    with pytest.raises(ModelUnknown, match="not a sentence-transformers folder"):
        Retriever(words, CountingEncoder(), replace(weights, reranker=str(tmp_path)))


def tiny_cross_encoder(folder: Path) -> Path:
    """A cross-encoder with chance weights that nobody should trust."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder.mkdir()
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "about", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(vocabulary), encoding="utf-8")
    torch.manual_seed(0)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            num_labels=1,
        )
    )
    model.save_pretrained(folder)
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder
