"""Every question up to the limit, of any code points, is answered in JSON by every door."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_server import Running, running

from konkyo.rag.pipeline import Pipeline
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import QUESTION_LIMIT, ChatService

ODD = (
    *("\u0301", "\u3099", "\u0483", "\u200d", "\ufeff", "\x00", "\u202e", "\ud800", "\udfff"),
    *("\ufffe", "\U0010ffff", "\u1160", "½", "²", "İ", "ﷺ", "٣", "[1]", "【1】", "「", "#", "\n"),
    *(
        "9" * 40,
        "1e999",
        "2月30日",
        "令和0年",
        "9999-12-31",
        "99:99",
        "誰",
        "いつ",
        "how many",
        "?",
    ),
)
QUESTIONS = st.one_of(
    st.text(st.characters(exclude_categories=()), min_size=1, max_size=QUESTION_LIMIT),
    st.lists(st.sampled_from(ODD), min_size=1, max_size=12).map("".join),
)


@pytest.fixture(scope="module")
def server(seed_pipeline: Pipeline) -> Iterator[Running]:
    with running(ChatServer(ChatService(lambda: seed_pipeline))) as found:
        yield found


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=240, headers={"content-type": "application/json"}) as made:
        yield made


@given(question=QUESTIONS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_door_answers_in_json(server: Running, client: httpx.Client, question: str) -> None:
    # As JSON's own escapes, which can name code points that no encoding can write.
    asked = json.dumps({"question": question})
    said = json.dumps({"messages": [{"role": "user", "content": question}]})
    services = (
        ("POST", "/api/ask", asked, {200, 422}),
        ("POST", "/v1/chat/completions", said, {200, 400}),
    )
    for method, path, body, statuses in services:
        found = client.request(method, server.url + path, content=body)
        assert found.status_code in statuses, (path, found.text)
        assert isinstance(found.json(), dict)
    words = question.encode("utf-8", "replace")
    found = client.get(f"{server.url}/api/search", params={"q": words.decode()})
    assert found.status_code in (200, 422), found.text
    assert isinstance(found.json(), dict)


@pytest.mark.parametrize("question", ["\u0301", "ab \ud800", "\udc00\ud800", "\x00"])
def test_what_failed_before(server: Running, client: httpx.Client, question: str) -> None:
    said = json.dumps({"messages": [{"role": "user", "content": question}]})
    found = client.post(f"{server.url}/v1/chat/completions", content=said)
    assert found.status_code == 200
    assert found.json()["konkyo"]["question"] == question.encode("utf-16", "surrogatepass").decode(
        "utf-16", "replace"
    )


@pytest.mark.parametrize("question", ["\u0301", "ab \ud800 cd"])
def test_the_page_takes_it_too(server: Running, client: httpx.Client, question: str) -> None:
    config = client.get(f"{server.url}/config").json()
    asks = next(one for one in config["dependencies"] if len(one["outputs"]) == 5)
    call = {
        "fn_index": asks["id"],
        "session_hash": "odd",
        "data": [question],
        "event_data": {"question": question},
    }
    joined = client.post(f"{server.url}/gradio_api/queue/join", content=json.dumps(call))
    assert joined.status_code == 200
    with client.stream(
        "GET", f"{server.url}/gradio_api/queue/data", params={"session_hash": "odd"}
    ) as found:
        told = [json.loads(line[6:]) for line in found.iter_lines() if line.startswith("data: ")]
    done = next(one for one in told if one["msg"] == "process_completed")
    assert done["success"] is True
