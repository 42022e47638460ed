"""The same question on the same index has the same answer, whichever door it comes through."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_server import Running, running

from konkyo.rag.factory import open_from_settings
from konkyo.rag.generation.llm import Usage
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.llamaindex import query_engine
from konkyo.rag.pipeline import Pipeline
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import ChatService

ROOT = Path(__file__).resolve().parents[1]
QUESTIONS = (
    "日本の対米投資の規模は？",
    "How many Japanese nationals are in Venezuela?",
    "高市早苗和特朗普什么时候会谈？",
    "일본의 대미 투자 규모는 얼마입니까?",
)


@dataclass(frozen=True)
class Doors:
    """An index, and a server that answers over it."""

    store: str
    server: Running


class Silent:
    """A model that would say nothing."""

    name = "embedded:qwen2.5-coder-1.5b-instruct-q4_k_m"

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 0, usage: Usage | None = None
    ) -> Iterator[str]:
        return iter(())


@pytest.fixture(scope="module")
def doors(seed_pipeline: Pipeline, seed_store: str) -> Iterator[Doors]:
    with running(ChatServer(ChatService(lambda: seed_pipeline))) as found:
        yield Doors(seed_store, found)


def plain(outcome: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in outcome.items() if key != "timings_ms"}


def over_http(doors: Doors, question: str) -> dict[str, object]:
    asked = {"question": question}
    found = httpx.post(f"{doors.server.url}/api/ask", json=asked, timeout=240)
    return plain(found.json())


def over_openai(doors: Doors, question: str) -> dict[str, object]:
    asked = {"messages": [{"role": "user", "content": question}]}
    found = httpx.post(f"{doors.server.url}/v1/chat/completions", json=asked, timeout=240)
    return plain(found.json()["konkyo"])


def over_mcp(doors: Doors, question: str) -> dict[str, object]:
    from mcp import Client

    async def use() -> dict[str, object]:
        async with Client(f"{doors.server.url}/mcp") as client:
            found = await client.call_tool("ask", {"question": question})
        assert found.structured_content is not None
        return plain(found.structured_content)

    return asyncio.run(use())


def through_llamaindex(pipeline: Pipeline, question: str) -> dict[str, object]:
    response = query_engine(pipeline).query(question)
    # As JSON, which has no tuples.
    return plain(json.loads(json.dumps(response.metadata)))


def at_the_terminal(doors: Doors, question: str) -> dict[str, object]:
    command = ["ask", question, "--json", "--llm", "none", "--store", doors.store]
    found = subprocess.run(
        [sys.executable, "-m", "konkyo", *command],
        stdout=subprocess.PIPE,
        check=False,
        cwd=ROOT,
        timeout=300,
    )
    return plain(json.loads(found.stdout))


def test_two_doors_in_another_order_give_the_same(doors: Doors) -> None:
    one = {question: over_http(doors, question) for question in QUESTIONS}
    other = {question: over_openai(doors, question) for question in reversed(QUESTIONS)}
    assert one == other
    assert one == {question: over_http(doors, question) for question in reversed(QUESTIONS)}
    last = QUESTIONS[-1]
    assert at_the_terminal(doors, last) == one[last]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_assistants_and_llamaindex_get_the_same(doors: Doors, seed_pipeline: Pipeline) -> None:
    pytest.importorskip("llama_index.core")
    for question in QUESTIONS:
        wanted = over_http(doors, question)
        assert over_mcp(doors, question) == wanted
        assert through_llamaindex(seed_pipeline, question) == wanted


def test_a_caller_says_how_sure_the_articles_must_be(doors: Doors) -> None:
    asked = {"question": QUESTIONS[0], "phrasing": "never"}
    url = f"{doors.server.url}/api/ask"

    def at(strictness: float) -> dict[str, object]:
        answered = httpx.post(url, json={**asked, "strictness": strictness}, timeout=240)
        return dict(answered.json())

    refused = at(1.0)
    assert [at(0.0)["status"], refused["status"]] == ["answered", "refused"]
    assert isinstance(refused["told_at"], float)
    assert at(refused["told_at"])["status"] == "answered"
    assert httpx.post(url, json={**asked, "strictness": 1.5}, timeout=240).status_code == 422
    assert httpx.post(url, json={**asked, "phrasing": "often"}, timeout=240).status_code == 422


def test_the_short_answer_is_sent_before_any_sentence(doors: Doors) -> None:
    asked = {"question": QUESTIONS[0], "stream": True}
    with httpx.stream("POST", f"{doors.server.url}/api/ask", json=asked, timeout=240) as found:
        lines = [line for line in found.iter_lines() if line.startswith(("event: ", "data: "))]
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert names[:3] == ["evidence", "short", "claim"]
    assert json.loads(lines[3].removeprefix("data: ")) == {
        "text": "5500億ドル",
        "language": "ja",
        "exact": True,
        "items": [],
        "planned": False,
        "day": "",
    }


def test_a_model_that_is_not_asked_changes_no_fingerprint(doors: Doors) -> None:
    alone = open_from_settings(doors.store, llm="none")
    named = alone.held()
    named.llm = Silent()
    assert named.fingerprint == alone.fingerprint
    assert named.styled("always").fingerprint != alone.fingerprint
