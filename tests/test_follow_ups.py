"""A follow-up is read alone, too, where the question before it leads; another subject is not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from konkyo.index.records import Filter
from konkyo.rag.conversation import Turn, other_forms, said_anew, standalone
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.question import understand
from konkyo.rag.timings import Timings
from konkyo.rag.types import Answer, Event, EvidenceReady, Finished, Refusal

ROOT = Path(__file__).resolve().parents[1]
TODAY = date(2026, 2, 12)


@pytest.mark.parametrize(
    ("before", "asked", "told"),
    [
        ("How much has Japan pledged to invest?", "When will they meet?", "March 19"),
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


@pytest.mark.parametrize(
    ("before", "asked", "forms"),
    [
        (
            "What did Bessent say about Japan?",
            "What about Trump?",
            ("What did Trump say about Japan?", "What did Bessent say about Trump?"),
        ),
        (
            "What is Takaichi's rating?",
            "What about her nickname?",
            ("Takaichi her nickname", "Takaichi's rating What about her nickname?"),
        ),
        (
            "高市首相の異名は何ですか",
            "では支持率は？",
            ("高市 支持率", "高市首相の異名は では支持率は？"),
        ),
        (
            "다카이치 총리의 지지율은 얼마인가요?",
            "별명은요?",
            ("다카이치 별명", "다카이치 지지율은 별명은요?"),
        ),
        ("大坝什么时候建成的？", "花了多少钱？", ("大坝建成 花了多少钱？",)),
        (
            "贝森特怎么评价高市？",
            "那特朗普呢？",
            ("特朗普怎么评价高市？", "贝森特怎么评价特朗普？"),
        ),
        (
            "高市早苗对防卫费有什么打算？",
            "那修宪呢？",
            ("高市早苗 修宪", "高市早苗对防卫费打算 那修宪呢？"),
        ),
        ("How many people died?", "And why?", ("people died And why?",)),
        ("Which dam did the flood break?", "And when was that?", ("When did the flood break?",)),
        (
            "市長は東京で誰と会いましたか。",
            "それはいつですか。",
            ("市長は東京でいつ会いましたか。",),
        ),
        ("시장은 서울에서 누구를 만났나요?", "그건 언제예요?", ("시장은 서울에서 언제 만났나요?",)),
    ],
)
def test_what_is_new_takes_the_place_of_a_name_or_stands_beside_the_names(
    before: str, asked: str, forms: tuple[str, ...]
) -> None:
    assert other_forms(asked, (Turn(before, ""),)) == forms


def test_a_new_name_takes_the_title_of_the_old_one_with_it() -> None:
    turn = Turn("ベッセント財務長官はいつ会見しましたか", "")
    assert standalone("トランプ大統領は？", (turn,)) == "トランプ大統領はいつ会見しましたか"


def test_what_a_question_says_anew_is_no_grammar() -> None:
    before = "When will Trump visit Tokyo?"
    assert said_anew("What about the venue in Tokyo?", before) == {"venue"}


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        ("How much does Japan plan to invest in the United States?", "And who promised it?"),
        ("高市首相の異名は何ですか", "支持率は？"),
        ("다카이치 총리의 지지율은 얼마인가요?", "별명은요?"),
        ("日本承诺对美投资多少？", "那防卫费呢？"),
    ],
)
def test_what_answers_the_first_question_does_not_answer_the_second(
    seed_pipeline: Pipeline, before: str, asked: str
) -> None:
    first = seed_pipeline.ask(before, today=TODAY)
    assert isinstance(first, Answer)
    assert first.short is not None
    second = seed_pipeline.ask(asked, history=(Turn(before, first.text),), today=TODAY)
    if isinstance(second, Answer):
        assert second.short is None or second.short.text != first.short.text


def test_the_last_quotes_that_are_sent_are_those_that_are_returned(seed_pipeline: Pipeline) -> None:
    before = Turn("How much has Japan pledged to invest?", "550 billion dollars [1]")
    asked = "Who won the football championship in Argentina this year?"
    history = (before,)
    search, question = seed_pipeline._search, understand(asked, history, "en")
    assert question.before
    assert not question.led_by
    results = []

    def searching() -> Iterator[Event]:
        found = yield from search.find(question, Filter(), 8, TODAY, Timings())
        results.append(found)

    sent = [event.evidence for event in searching() if isinstance(event, EvidenceReady)]
    ((asked_last, found, _),) = results
    assert asked_last == question
    assert len(set(sent)) > 1
    assert sent[-1] == found.evidence


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        ("How many Japanese nationals are in Venezuela?", "And how many Frenchmen?"),
        ("高市首相の異名は何ですか", "血液型は？"),
        ("다카이치 총리의 지지율은 얼마인가요?", "혈액형은요?"),
    ],
)
def test_a_refused_follow_up_tells_no_quote_as_likely_before(
    seed_pipeline: Pipeline, before: str, asked: str
) -> None:
    *events, last = seed_pipeline.stream(asked, history=(Turn(before, ""),), today=TODAY)
    assert isinstance(last, Finished)
    assert isinstance(last.outcome, Refusal)
    shown = [event.likely for event in events if isinstance(event, EvidenceReady)]
    assert shown
    assert not any(shown)
