"""One question reads a limited number of letters and does a limited amount of work."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from konkyo.index.chunking import chunk
from konkyo.index.errors import QuestionTimeout, QuestionTooLong
from konkyo.index.records import Article, ArticleSummary, Hit, Passage
from konkyo.rag.conversation import Turn
from konkyo.rag.question_budget import (
    LONGEST_PASSAGE,
    LONGEST_QUESTION,
    bounded,
    checked,
    readable,
    within,
)
from konkyo.rag.retrieval.prompt_injection import commands
from konkyo.rag.types import Event, EvidenceReady


def test_a_question_is_read_on_one_line() -> None:
    assert checked(" 誰が\n 勝った？ ") == "誰が 勝った？"
    assert len(checked("a" * LONGEST_QUESTION)) == LONGEST_QUESTION


@pytest.mark.parametrize("text", ["a" * (LONGEST_QUESTION + 1), " " * 10_000_000, "a " * 10**6])
def test_a_question_of_too_many_letters_is_a_named_failure(text: str) -> None:
    with pytest.raises(QuestionTooLong, match=f"{len(text)} characters and at most 4000 are read"):
        checked(text)


def test_a_history_is_cut_to_its_latest_turns_and_first_letters() -> None:
    turns = [Turn(f"{n}" + "q" * 10**5, "a" * 10**5) for n in range(60)]
    kept = bounded(turns)
    assert [turn.question[:2] for turn in kept] == [str(n) for n in range(10, 60)]
    assert {len(turn.question) for turn in kept} == {LONGEST_QUESTION}
    assert {len(turn.answer) for turn in kept} == {20_000}


def test_a_passage_of_too_many_letters_is_not_read() -> None:
    article = ArticleSummary("a", "Title", "file", None, None, "en", None, 3)
    hits = [
        Hit(Passage(f"a-{n}", "a", n, 0, size, "x" * size), article, 1.0, None, None)
        for n, size in enumerate((10, LONGEST_PASSAGE, LONGEST_PASSAGE + 1))
    ]
    assert readable(hits) == hits[:2]


def _events(work: int, closed: list[bool]) -> Generator[Event, None, None]:
    try:
        while True:
            sum(range(work))
            yield EvidenceReady((), "en")
    finally:
        closed.append(True)


def test_work_beyond_the_budget_is_a_named_failure_and_stops() -> None:
    closed: list[bool] = []
    with pytest.raises(QuestionTimeout, match=r"more than 0\.05 seconds of work and was given up"):
        for _ in within(_events(10_000, closed), seconds=0.05):
            pass
    assert closed == [True]


def test_events_within_the_budget_pass_and_an_abandoned_question_is_closed() -> None:
    closed: list[bool] = []
    events = within(_events(1, closed))
    assert [next(events), next(events)] == [EvidenceReady((), "en")] * 2
    events.close()  # type: ignore[attr-defined]
    assert closed == [True]


@pytest.mark.parametrize("run", [" ", "\u3000", "#", "\u2603", "\n"])
def test_a_run_of_letters_that_are_no_tokens_is_cut_into_passages(run: str) -> None:
    text = "It began so." + run * 10**5 + "It ended so."
    article = Article("a", "Title", text, "en", "file")

    def no_tokens(texts: object) -> list[int]:
        return [1 for _ in texts]  # type: ignore[attr-defined]

    passages = chunk(article, count_tokens=no_tokens)
    assert all(text[p.start : p.end] == p.text for p in passages)
    assert max(len(p.text) for p in passages) < LONGEST_PASSAGE


@pytest.mark.parametrize(
    "line",
    ["#" * 40 + "x", ">" * 40 + "x", "- " * 40 + "x", "#>-" * 10**5 + "x", "\n" * 10**5 + "x"],
)
def test_a_line_of_marks_is_read_at_once(line: str) -> None:
    assert not commands(line)
