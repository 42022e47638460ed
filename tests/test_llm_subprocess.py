"""A language model in a process of its own answers as it would at home, and its end is survived."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from konkyo.index.errors import LLMUnreachable
from konkyo.rag.generation.llm import Usage
from konkyo.rag.generation.prompts import Prompt
from konkyo.ui.server.llm_subprocess import SubprocessLLM

CHILD = """
import sys, time
from konkyo.index.errors import LLMUnreachable
from konkyo.ui.server.llm_subprocess import attend

class Fake:
    name = "fake"
    def stream(self, prompt, *, max_tokens=220, usage=None):
        if prompt.user == "die":
            sys.stdout.flush()
            import os; os._exit(3)
        if prompt.user == "fail":
            raise LLMUnreachable("no tokens today")
        if prompt.user == "reading":
            time.sleep(3600)
        for n in range(prompt.shown):
            if prompt.user == "slow":
                time.sleep(0.05)
            usage.completion_tokens = n + 1
            yield f"{prompt.user}\\u2028{n}\\n"

import os
attend(Fake(), sys.stdin, sys.stdout, lambda: os._exit(0))
"""


@pytest.fixture
def llm() -> Iterator[SubprocessLLM]:
    made = SubprocessLLM(Path("model.gguf"), (sys.executable, "-c", CHILD))
    yield made
    made.close()


def ask(llm: SubprocessLLM, user: str, shown: int = 3, usage: Usage | None = None) -> list[str]:
    return list(llm.stream(Prompt("s", user, shown), usage=usage))


def test_pieces_and_counts_come_through_unchanged(llm: SubprocessLLM) -> None:
    usage = Usage()
    assert ask(llm, "根拠 \n\"'", 3, usage) == [f"根拠 \n\"'\u2028{n}\n" for n in range(3)]
    assert usage.completion_tokens == 3
    assert llm.name == "embedded:model"


def test_a_stopped_answer_leaves_the_next_one_clean(llm: SubprocessLLM) -> None:
    stream = llm.stream(Prompt("s", "slow", 200))
    assert next(stream) == "slow\u20280\n"
    began = time.perf_counter()
    stream.close()
    assert time.perf_counter() - began < 10
    assert ask(llm, "next", 1) == ["next\u20280\n"]
    assert time.perf_counter() - began < 30


def test_an_error_of_the_model_is_ours_and_passes(llm: SubprocessLLM) -> None:
    with pytest.raises(LLMUnreachable, match="no tokens today"):
        ask(llm, "fail")
    assert len(ask(llm, "fine")) == 3


def test_a_process_that_ends_is_told_and_started_again(llm: SubprocessLLM) -> None:
    with pytest.raises(LLMUnreachable, match="starts it again"):
        ask(llm, "die")
    assert len(ask(llm, "fine")) == 3


def test_several_readers_take_turns(llm: SubprocessLLM) -> None:
    heard: dict[int, list[str]] = {}

    def read(number: int) -> None:
        heard[number] = ask(llm, str(number), 20)

    threads = [threading.Thread(target=read, args=(n,), daemon=True) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert heard == {n: [f"{n}\u2028{i}\n" for i in range(20)] for n in range(6)}


def test_a_model_that_is_not_there_is_named() -> None:
    llm = SubprocessLLM(Path("/nowhere/model.gguf"))
    with pytest.raises(LLMUnreachable, match=r"/nowhere/model\.gguf"):
        llm.load()


def test_the_process_ends_with_its_parent(llm: SubprocessLLM) -> None:
    llm.load()
    child = llm._child
    assert child is not None
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(10) == 0


def test_a_prompt_that_is_read_for_nobody_holds_up_no_other(llm: SubprocessLLM) -> None:
    failed: list[str] = []

    def read() -> None:
        try:
            ask(llm, "reading")
        except LLMUnreachable as exc:
            failed.append(str(exc))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    while llm._child is None or not llm._turn.locked():
        time.sleep(0.02)
    llm.interrupt()
    reader.join(60)
    assert len(failed) == 1
    assert len(ask(llm, "next", usage=Usage())) == 3


def test_what_is_written_for_nobody_is_stopped_without_ending_the_process(
    llm: SubprocessLLM,
) -> None:
    heard: list[str] = []
    writer = threading.Thread(
        target=lambda: heard.extend(llm.stream(Prompt("s", "slow", 10_000), usage=Usage())),
        daemon=True,
    )
    writer.start()
    while not heard:
        time.sleep(0.02)
    child = llm._child
    llm.interrupt()
    writer.join(60)
    assert 0 < len(heard) < 10_000
    assert len(ask(llm, "next", usage=Usage())) == 3
    assert llm._child is child
