"""What the dot says of the model: questions show it, and now and then its server is asked."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from konkyo.index.errors import LLMError, LLMRefused, LLMTimeout, LLMUnreachable
from konkyo.rag.generation.http_llm import Remote, openai_compatible_llm
from konkyo.rag.generation.prompts import Prompt
from konkyo.ui.server.llm_health import LLMHealth
from konkyo.ui.server.llm_queue import LLMQueue

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_engines import free_port
from fixtures_llm import events, refuses, serving

PATIENCE = 60.0
AWAY = LLMUnreachable("m at http://127.0.0.1:1: is the server running?")


class Server:
    """A server that is there or not; counts how often it was asked."""

    def __init__(self) -> None:
        self.away = False
        self.asked = 0
        self.go = threading.Event()
        self.go.set()

    def check(self) -> None:
        self.asked += 1
        away = self.away
        assert self.go.wait(PATIENCE)
        if away:
            raise AWAY


class Watched:
    """What is known of a model whose server is ``server``, at a time that tests set."""

    def __init__(self) -> None:
        self.server = Server()
        self.now = 1000.0
        self.health = LLMHealth("m", self.server.check, seconds=30, clock=lambda: self.now)

    def look(self, *, busy: bool = False) -> str:
        """What is known once nothing is being asked any more."""
        self.health.problem(busy=busy)
        checked()
        return self.health.problem(busy=True)

    def later(self, seconds: float) -> str:
        self.now += seconds
        return self.look()


def checked() -> None:
    for thread in threading.enumerate():
        if thread.name == "konkyo-llm-check":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def require_found_out(model: Watched) -> None:
    """The server goes away and comes back, and each is known half a minute later."""
    model.server.away = True
    assert model.later(31) == str(AWAY)
    model.server.away = False
    assert model.later(31) == ""


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_server_that_goes_away_and_comes_back_is_found_out_without_a_question() -> None:
    model = Watched()
    assert model.look() == ""
    require_found_out(model)


def test_a_server_is_asked_once_in_half_a_minute_however_many_look() -> None:
    model = Watched()
    model.server.go.clear()
    look = partial(model.health.problem, busy=False)
    looking = [threading.Thread(target=look, daemon=True) for _ in range(50)]
    for one in looking:
        one.start()
    for one in looking:
        one.join(PATIENCE)
        assert not one.is_alive()
    model.server.go.set()
    checked()
    for _ in range(50):
        model.later(0.5)
    assert model.server.asked == 1
    model.later(6)
    assert model.server.asked == 2


def test_a_server_is_not_asked_while_it_writes_nor_soon_after_a_question_showed_something() -> None:
    model = Watched()
    model.look(busy=True)
    model.health.wrote(True)
    model.later(29)
    assert model.server.asked == 0
    model.later(2)
    assert model.server.asked == 1


def test_a_model_without_a_server_is_never_asked() -> None:
    health = LLMHealth("m", clock=lambda: 0.0)
    health.failed(AWAY)
    assert health.problem(busy=False) == str(AWAY)
    assert not [t for t in threading.enumerate() if t.name == "konkyo-llm-check"]


def test_a_server_that_is_there_again_clears_what_a_question_ran_into() -> None:
    model = Watched()
    model.health.failed(AWAY)
    assert model.look() == str(AWAY)
    assert model.later(31) == ""


@pytest.mark.parametrize("error", [LLMRefused("no such model"), LLMTimeout("too slow"), None])
def test_a_model_that_fails_while_its_server_is_there_stays_a_problem(
    error: LLMError | None,
) -> None:
    model = Watched()
    if error is None:
        model.health.wrote(False)
    else:
        model.health.failed(error)
    problem = model.look()
    assert problem
    assert model.later(31) == problem
    # Another server may be there after it was away.
    require_found_out(model)


def test_an_answer_is_newer_than_what_was_asked_before_it() -> None:
    model = Watched()
    model.server.away = True
    model.server.go.clear()
    assert model.health.problem(busy=False) == ""
    model.health.wrote(True)
    model.server.go.set()
    assert model.look(busy=True) == ""


def test_a_server_of_which_nothing_is_heard_for_long_does_not_answer() -> None:
    model = Watched()
    model.server.go.clear()
    assert model.health.problem(busy=False) == ""
    model.now += 11
    assert model.health.problem(busy=False) == "m: no answer yet"
    model.server.go.set()
    assert model.look() == ""


def test_a_fault_of_the_check_itself_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda about: raised.append(about.exc_value))

    def check() -> None:
        raise ZeroDivisionError

    health = LLMHealth("m", check)
    health.problem(busy=False)
    checked()
    assert health.problem(busy=False) == "the check failed; the log says why"
    assert [type(one) for one in raised] == [ZeroDivisionError]


def test_a_real_server_that_ends_and_starts_again() -> None:
    port = free_port()
    llm = openai_compatible_llm("m", f"http://127.0.0.1:{port}/v1", how=Remote(timeout=10))
    queue = LLMQueue(llm, 4, llm.check_reachable, 0.05)
    with serving(events("One. [1]"), models={"data": []}, port=port) as heard:
        assert queue.problem == ""
        eventually(lambda: ("/v1/models", {}) in heard.requests)
        eventually(lambda: not queue.problem)
    eventually(lambda: "is the server running" in queue.problem)
    with serving(refuses(404, "no such model"), models={"data": []}, port=port):
        eventually(lambda: not queue.problem)
        with pytest.raises(LLMRefused):
            list(queue.stream(Prompt("", "one", 1)))
        time.sleep(0.3)
        # It is there, but answers nothing.
        assert "no such model" in queue.problem
