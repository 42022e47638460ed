"""Answers in the background, and the questions to go on with that are found after them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import FakeReader

from konkyo.index.records import Filter
from konkyo.ui.web.background_answers import BackgroundAnswers
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.conversation import Conversation

QUESTION = "How much will Japan invest in the United States?"


def until(settled: Callable[[], bool]) -> None:
    for _ in range(1200):
        if settled():
            return
        time.sleep(0.05)
    raise AssertionError("it did not end")


def test_what_one_could_go_on_with_is_found_for_the_last_of_two_quick_answers() -> None:
    looking, found = threading.Event(), threading.Event()

    class Slow(FakeReader):
        """Finds nothing to go on with before it is told to."""

        def is_answered(self, question: str, article_id: str, where: Filter = Filter()) -> bool:
            if threading.current_thread().name == "konkyo-turn":
                looking.set()
                found.wait(60)
            return True

    service = ChatService(lambda: Slow(0))
    service.open()
    assert service.wait(60)
    answers, talk = BackgroundAnswers(service), Conversation("a", "ann")
    answers.submit(talk, QUESTION, "en", Filter())
    assert looking.wait(60)
    for question in ("How long was the harbour strike?", "How many turns?"):
        answers.submit(talk, question, "en", Filter())
        until(lambda: not talk.busy)
    found.set()
    until(lambda: not talk.changing)
    assert [bool(turn.follow_ups) for turn in talk.turns] == [True, False, True]
