"""Questions with their words put into another language, for training."""

from __future__ import annotations

import random

import pytest

from training.code_switching import code_switched, code_switched_rows
from training.rows import ANSWERS, SUPPORTED, Row

QUESTION = "市長はいつ選挙に勝ちましたか。"


def always() -> random.Random:
    rng = random.Random(0)
    rng.random = lambda: 0.0  # type: ignore[method-assign]
    return rng


@pytest.mark.parametrize(
    ("question", "language", "target", "held"),
    [
        ("市長はいつ選挙に勝ちましたか。", "ja", "en", ("mayor", "election", "いつ")),
        (
            "해파리에 쏘인 관광객은 어느 병원으로 갔나요?",
            "ko",
            "zh",
            ("水母에", "어느", "医院으로"),
        ),
        ("When was the mayor elected in the city?", "en", "ja", ("When was the 市長", "市")),
        ("水母蜇伤了多少名游客？", "zh", "en", ("jellyfish", "traveler")),
    ],
)
def test_known_words_are_put_into_the_other_language(
    question: str, language: str, target: str, held: tuple[str, ...]
) -> None:
    found = code_switched(question, language, target, always())
    assert all(word in found for word in held), found


def test_a_question_of_unknown_words_is_left() -> None:
    assert code_switched("Kxqzv?", "en", "ja", always()) == ""


def test_words_of_one_script_are_kept_apart() -> None:
    found = code_switched("Who opened the election office?", "en", "ko", always())
    assert "선거" in found
    assert "  " not in found


def test_only_questions_are_changed_and_the_same_seed_gives_the_same() -> None:
    asked = Row("query", QUESTION, "", "The mayor won.", ANSWERS, ((0, 9),))
    claim = Row("claim", QUESTION, "", "The mayor won.", SUPPORTED)
    found = [list(code_switched_rows([asked, claim], "ja", 1.0, str(n))) for n in range(9)]
    assert found == [list(code_switched_rows([asked, claim], "ja", 1.0, str(n))) for n in range(9)]
    assert any(question.asked != QUESTION for question, _ in found)
    assert all(question.window == asked.window for question, _ in found)
    assert all(other == claim for _, other in found)
    assert list(code_switched_rows([asked], "ja", 0.0, "0")) == [asked]
