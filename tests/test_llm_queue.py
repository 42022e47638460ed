"""The line before the model is fair, tells each its place, and loses nobody and nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from konkyo.index.errors import LLMUnreachable
from konkyo.rag.generation.llm import Usage
from konkyo.rag.generation.prompts import Prompt
from konkyo.ui.server.llm_queue import Heartbeat, LLMQueue, Queued, in_line


class Slow:
    """Writes the prompt's own word once it is let go; notes the order of those it served."""

    name = "slow"

    def __init__(self) -> None:
        self.served: list[str] = []
        self.go = threading.Event()

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        self.served.append(prompt.user)
        self.go.wait(30)
        yield prompt.user


def collect(fair: LLMQueue, word: str, heard: dict[str, list[object]]) -> None:
    def events() -> Iterator[str]:
        yield from fair.stream(Prompt("s", word, 1))

    heard[word] = list(in_line(events))


def waiting(fair: LLMQueue, count: int) -> None:
    for _ in range(600):
        if fair.waiting == count:
            return
        time.sleep(0.02)
    raise AssertionError(f"{fair.waiting} wait, not {count}")


def test_first_come_first_served_and_each_is_told_its_place() -> None:
    slow = Slow()
    fair = LLMQueue(slow)
    heard: dict[str, list[object]] = {}
    threads = []
    for number in range(4):
        thread = threading.Thread(target=collect, args=(fair, str(number), heard), daemon=True)
        thread.start()
        threads.append(thread)
        if number:
            waiting(fair, number)
        else:
            while not slow.served:
                time.sleep(0.02)
    slow.go.set()
    for thread in threads:
        thread.join(30)
    assert slow.served == ["0", "1", "2", "3"]
    assert heard["0"] == ["0"]
    places = [item.ahead for item in heard["3"] if isinstance(item, Queued)]
    assert places[0] == 3
    assert places == sorted(places, reverse=True)
    assert places[-1] == 0
    assert heard["3"][-1] == "3"


def patient(fair: LLMQueue, word: str, heard: dict[str, list[object]]) -> threading.Thread:
    def events() -> Iterator[str]:
        yield from fair.stream(Prompt("s", word, 0))

    def work() -> None:
        heard[word] = list(in_line(events, patient=True))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_who_is_patient_lets_every_question_go_first() -> None:
    slow = Slow()
    fair = LLMQueue(slow)
    heard: dict[str, list[object]] = {}
    first = threading.Thread(target=collect, args=(fair, "first", heard), daemon=True)
    first.start()
    while not slow.served:
        time.sleep(0.02)
    threads = [first, patient(fair, "aid", heard)]
    waiting(fair, 1)
    for place, word in enumerate(("second", "third"), 2):
        thread = threading.Thread(target=collect, args=(fair, word, heard), daemon=True)
        thread.start()
        threads.append(thread)
        waiting(fair, place)
    # The one who waits hears of those who came later and go first; they hear nothing of it.
    time.sleep(0.6)
    slow.go.set()
    for thread in threads:
        thread.join(30)
    assert slow.served == ["first", "second", "third", "aid"]
    places = [item.ahead for item in heard["aid"] if isinstance(item, Queued)]
    assert places[0] == 1
    assert max(places) == 3
    assert next(item.ahead for item in heard["second"] if isinstance(item, Queued)) == 1


def test_the_last_slot_is_kept_for_questions() -> None:
    slow = Slow()
    fair = LLMQueue(slow, slots=2)
    heard: dict[str, list[object]] = {}
    aids = [patient(fair, word, heard) for word in ("one", "two")]
    waiting(fair, 1)
    thread = threading.Thread(target=collect, args=(fair, "question", heard), daemon=True)
    thread.start()
    while "question" not in slow.served:
        time.sleep(0.02)
    assert fair.waiting == 1
    slow.go.set()
    for each in (*aids, thread):
        each.join(30)
    assert slow.served[1] == "question"
    assert sorted(slow.served) == ["one", "question", "two"]


class Endless:
    """Writes until it is closed."""

    name = "endless"

    def __init__(self) -> None:
        self.closed = threading.Event()

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        try:
            while True:
                yield "word "
                time.sleep(0.01)
        finally:
            self.closed.set()


def test_a_reader_who_leaves_stops_the_model_in_mid_sentence() -> None:
    endless = Endless()
    fair = LLMQueue(endless)
    leaver = in_line(lambda: iter(["".join(fair.stream(Prompt("s", "q", 0)))]), 0.05)
    assert next(leaver) == Heartbeat()
    leaver.close()
    assert endless.closed.wait(30)


def test_slots_serve_several_at_once() -> None:
    slow = Slow()
    fair = LLMQueue(slow, slots=2)
    heard: dict[str, list[object]] = {}
    threads = [
        threading.Thread(target=collect, args=(fair, str(n), heard), daemon=True) for n in range(3)
    ]
    for thread in threads:
        thread.start()
    waiting(fair, 1)
    assert len(slow.served) == 2
    slow.go.set()
    for thread in threads:
        thread.join(30)
    assert sorted(slow.served) == ["0", "1", "2"]


def test_a_reader_who_leaves_the_line_holds_nobody_up() -> None:
    slow = Slow()
    fair = LLMQueue(slow)
    heard: dict[str, list[object]] = {}
    first = threading.Thread(target=collect, args=(fair, "first", heard), daemon=True)
    first.start()
    while not slow.served:
        time.sleep(0.02)
    leaver = in_line(lambda: fair.stream(Prompt("s", "leaver", 1)))
    assert next(leaver) == Queued(1)
    leaver.close()
    waiting(fair, 0)
    slow.go.set()
    first.join(30)
    collect(fair, "next", heard)
    assert slow.served == ["first", "next"]


def test_what_the_pipeline_raises_is_raised_to_the_reader() -> None:
    def events() -> Iterator[str]:
        yield "one"
        raise LLMUnreachable("gone")

    heard = in_line(events)
    assert next(heard) == "one"
    with pytest.raises(LLMUnreachable, match="gone"):
        next(heard)


class Writes:
    """Writes the given pieces; notes whether it was closed."""

    name = "writes"

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces
        self.closed = False

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        try:
            yield from self.pieces
        finally:
            self.closed = True


def test_a_model_that_writes_nothing_is_a_problem_until_it_writes_again() -> None:
    model = Writes("", "\n")
    fair = LLMQueue(model)
    assert list(fair.stream(Prompt("s", "a", 1))) == ["", "\n"]
    assert fair.problem == "writes: wrote nothing"
    model.pieces = ("\n", "One sentence. [1]")
    assert "".join(fair.stream(Prompt("s", "a", 1))) == "\nOne sentence. [1]"
    assert fair.problem == ""


def test_a_reader_who_leaves_is_no_problem_of_the_model() -> None:
    model = Writes("", "One sentence. [1]")
    fair = LLMQueue(model)
    pieces = fair.stream(Prompt("s", "a", 1))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert (fair.problem, model.closed) == ("", True)
