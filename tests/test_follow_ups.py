"""A follow-up is read alone, too, where the question before it leads; another subject is not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from konkyo.rag.conversation import Turn
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.question import understand
from konkyo.rag.types import Answer

ROOT = Path(__file__).resolve().parents[1]
TODAY = date(2026, 2, 12)


@pytest.mark.parametrize(
    ("before", "asked", "told"),
    [
        ("日米首脳会談はいつ開かれますか", "それはどこで？", "ホワイトハウス"),
        ("特朗普和高市将同乘什么直升机？", "美国财政部长是谁？", "贝森特"),
    ],
)
def test_answers_a_second_turn(seed_pipeline: Pipeline, before: str, asked: str, told: str) -> None:
    first = seed_pipeline.ask(before, today=TODAY)
    outcome = seed_pipeline.ask(asked, history=(Turn(before, first.text),), today=TODAY)
    assert isinstance(outcome, Answer)
    assert told in outcome.text


def test_the_context_of_a_question_is_searched_and_the_question_read() -> None:
    turn = Turn("트럼프는 시진핑과 언제 회담하나요?", "30일 [1]")
    follow_up = understand("의제는 뭐예요?", (turn,), "ko")
    assert follow_up.searched == follow_up.standalone == f"{turn.question} 의제는 뭐예요?"
    assert follow_up.in_context.standalone == "의제는 뭐예요?"
    assert follow_up.in_context.searched == follow_up.searched
    complete = understand("희토류 규제는 어느 나라가 했나요?", (turn,), "ko")
    assert complete.searched == complete.standalone == complete.text
    assert complete.in_context.searched == f"{turn.question} {complete.text}"
