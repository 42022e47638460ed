"""The tools through the protocol's own client: over HTTP, and over standard input and output."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mcp.types import CallToolResult

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import served
from fixtures_chat import ENGLISH, JAPANESE, LONG, PAYLOADS
from test_http_api import wait_ready

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(FAKE_PACE="0") as address:
        wait_ready(address)
        yield address


def test_over_http_a_client_asks_searches_and_checks_a_quote(url: str) -> None:
    from mcp import Client

    async def use() -> None:
        async with Client(url + "mcp") as client:
            tools = (await client.list_tools()).tools
            assert [tool.name for tool in tools] == ["ask", "search", "list", "show"]
            assert all(tool.output_schema and tool.output_schema["properties"] for tool in tools)
            assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
            assert client.instructions is not None
            answer = (await client.call_tool("ask", {"question": "How much?"})).structured_content
            assert answer is not None
            assert answer["status"] == "answered"
            cited = answer["citations"][0]
            shown = await client.call_tool("show", {"article_id": cited["article_id"]})
            article = shown.structured_content
            assert article is not None
            assert article["text"][cited["start"] : cited["end"]] == cited["quote"]
            found = await client.call_tool("search", {"query": "日本", "languages": ["ja"]})
            assert found.structured_content is not None
            assert [h["title"] for h in found.structured_content["hits"]] == [JAPANESE.title]

    asyncio.run(use())


def call(url: str, tool: str, arguments: dict[str, object]) -> CallToolResult:
    from mcp import Client

    async def use() -> CallToolResult:
        async with Client(url + "mcp") as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(use())


def words_of(result: CallToolResult) -> str:
    assert [block.type for block in result.content] == ["text"]
    return str(getattr(result.content[0], "text", ""))


def test_articles_are_listed_and_filtered_a_page_at_a_time(url: str) -> None:
    result = call(url, "list", {"limit": 2})
    told = result.structured_content
    assert told is not None
    assert (len(told["articles"]), told["total"], told["next"]) == (2, 5, 2)
    assert words_of(result).startswith("2 of 5 articles, from 0 on\n")
    assert words_of(result).endswith("more: offset 2")
    wanted = {"languages": ["ja"], "since": "2026-02-01", "text": "投資"}
    found = call(url, "list", wanted).structured_content
    assert found is not None
    assert [one["title"] for one in found["articles"]] == [JAPANESE.title]


def test_a_result_is_in_words_for_readers_and_whole_for_programs_once(url: str) -> None:
    answer = call(url, "ask", {"question": "How much?"})
    assert answer.structured_content is not None
    assert answer.structured_content["claims"][0]["text"] in words_of(answer)
    assert f"[3] “{ENGLISH.text.splitlines()[1]}”" in words_of(answer)
    assert "timings_ms" not in words_of(answer)
    refusal = words_of(call(url, "ask", {"question": "What is the weather?"}))
    assert refusal.startswith("The articles do not say.\nNear, but not an answer:\n")
    shown = call(url, "show", {"article_id": LONG.article_id})
    assert shown.structured_content is not None
    assert shown.structured_content["text"] == LONG.text
    assert LONG.text[:4000] in words_of(shown)
    assert "more: start 4000" in words_of(shown)
    rest = words_of(call(url, "show", {"article_id": LONG.article_id, "start": 4000}))
    assert LONG.text[4000:8000] in rest


def test_notices_stand_between_the_answer_and_its_sources(url: str) -> None:
    told = words_of(call(url, "ask", {"question": "payload 0 0"}))
    assert told.count(f"\n\n---\n{' '.join(PAYLOADS[0].split())}\n\n[0] “") == 1
    assert not told.endswith(f"\n{PAYLOADS[0]}")


def test_history_reaches_the_pipeline(url: str) -> None:
    past = [{"question": "Who?", "answer": "Japan."}]
    asked = {"question": "How many turns?", "history": past}
    assert "Before: Who?." in words_of(call(url, "ask", asked))


def test_progress_is_told_while_an_answer_is_made(url: str) -> None:
    from mcp import Client

    told: list[tuple[float, str]] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message or ""))

    async def use() -> None:
        async with Client(url + "mcp") as client:
            await client.call_tool("ask", {"question": "How much?"}, progress_callback=heard)

    asyncio.run(use())
    assert [message for _, message in told] == [
        "4 quotes found",
        *("a sentence is being checked", "a sentence passed"),
        *("a sentence is being checked", "a sentence was removed"),
        *("a sentence is being checked", "a sentence passed"),
    ]
    steps = [step for step, _ in told]
    assert steps == sorted(set(steps))


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("What is quoted?", "in short: $550 billion"),
        ("What quoted sum is planned?", "in short: $550 billion (planned or expected)"),
    ],
)
def test_progress_marks_what_is_planned(url: str, question: str, said: str) -> None:
    from mcp import Client

    told: list[str] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async def use() -> None:
        async with Client(url + "mcp") as client:
            await client.call_tool("ask", {"question": question}, progress_callback=heard)

    asyncio.run(use())
    assert said in told


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("show", {"article_id": "0" * 16}, "0" * 16),
        ("show", {"article_id": "../../etc/passwd"}, "article_id: String should match pattern"),
        ("ask", {"question": "damaged"}, "no language model is set"),
        (
            "ask",
            {"question": "x", "since": "2026-02-02", "until": "2026-02-01"},
            "Value error, since 2026-02-02 is after until 2026-02-01",
        ),
        ("ask", {"question": "x" * 501}, "question: String should have at most 500 characters"),
        ("ask", {}, "question: Field required"),
        ("list", {"since": "soon", "limit": 0}, "since: "),
    ],
)
def test_faults_are_told_as_errors_of_the_tool(
    url: str, tool: str, arguments: dict[str, object], said: str
) -> None:
    result = call(url, tool, arguments)
    text = words_of(result)
    assert result.is_error
    assert text.startswith(said) or said == "0" * 16
    assert said in text
    assert "pydantic" not in text


def test_over_http_a_key_is_needed_where_one_is_set(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("reader a-key-of-sixteen-or-more\n", "utf-8")
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"accept": "application/json, text/event-stream"}
    with served(FAKE_PACE="0", FAKE_KEYS=str(keys)) as address:
        refused = httpx.post(address + "mcp", json=call, headers=accept)
        assert refused.status_code == 401
        assert refused.json()["code"] == "key_needed"
        key = {"authorization": "Bearer a-key-of-sixteen-or-more"}
        counted = httpx.get(address + "metrics", headers=key).text
        assert 'konkyo_http_requests_total{code="401",route="/mcp"} 1.0' in counted
        assert httpx.post(address + "mcp", json=call, headers={**accept, **key}).status_code == 200


def test_each_caller_has_limits_of_its_own_over_http(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    named = [letter * 20 for letter in "ab"]
    keys.write_text("".join(f"reader {key}\n" for key in named), "utf-8")

    def searched(address: str, key: str) -> str:
        arguments = {"name": "search", "arguments": {"query": "日本"}}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments}
        accept = {"accept": "application/json, text/event-stream"}
        headers = {**accept, "authorization": f"Bearer {key}"}
        return httpx.post(address + "mcp", json=call, headers=headers, timeout=120).text

    with served(FAKE_PACE="0", FAKE_KEYS=str(keys), FAKE_RATE="2") as address:
        wait_ready(address)
        said = [searched(address, key) for key in (*[named[0]] * 3, named[1])]
    assert ["at most 2 a minute" in text for text in said] == [False, False, True, False]


def test_over_standard_input_the_real_command_answers(tmp_path: Path) -> None:
    from konkyo.index.embedding.model_registry import model_path
    from konkyo.index.errors import ModelError

    try:
        model_path("multilingual-e5-small")
    except ModelError as exc:
        pytest.skip(f"{exc}")
    from mcp import Client, StdioServerParameters

    store = str(tmp_path / "store")
    command = [sys.executable, "-m", "konkyo"]
    build = [*command, "index", "build", "seeds", "--store", store]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=300)
    server = StdioServerParameters(
        command=command[0],
        args=[*command[1:], "mcp", "--store", store, "--llm", "none"],
        cwd=str(ROOT),
        env=dict(os.environ),
    )

    told: list[str] = []

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async def use() -> tuple[dict[str, object], dict[str, object]]:
        async with Client(server) as client:
            question = {"question": "日本の対米投資の規模はいくらですか。"}
            result = await client.call_tool("ask", question, progress_callback=heard)
            listed = await client.call_tool("list", {"languages": ["ja"], "limit": 3})
            assert result.structured_content is not None
            assert listed.structured_content is not None
            return dict(result.structured_content), dict(listed.structured_content)

    answer, page = asyncio.run(use())
    assert any(message.endswith("quotes found") for message in told)
    articles = page["articles"]
    assert isinstance(articles, list)
    assert [one["language"] for one in articles] == ["ja"] * 3
    assert answer["status"] == "answered"
    assert answer["citations"]
