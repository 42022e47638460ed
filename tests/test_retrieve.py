"""Fusion is a pure function of scores; retrieval gives whole hits in a stable order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.records import ScoredPassage
from rag.retrieve import Fused, FusionWeights, fuse

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
