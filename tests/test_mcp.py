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

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import served
from fixtures_chat import JAPANESE
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
            assert [tool.name for tool in tools] == ["ask", "search", "show"]
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


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("show", {"article_id": "0" * 16}, "0" * 16),
        ("show", {"article_id": "../../etc/passwd"}, "pattern"),
        ("ask", {"question": "damaged"}, "the index says"),
        ("ask", {"question": "x", "since": "2026-02-02", "until": "2026-02-01"}, "is after"),
        ("ask", {"question": "x" * 501}, "500"),
    ],
)
def test_faults_are_told_as_errors_of_the_tool(
    url: str, tool: str, arguments: dict[str, object], said: str
) -> None:
    from mcp import Client

    async def use() -> tuple[bool, str]:
        async with Client(url + "mcp") as client:
            result = await client.call_tool(tool, arguments)
            return bool(result.is_error), " ".join(getattr(c, "text", "") for c in result.content)

    failed, text = asyncio.run(use())
    assert failed
    assert said in text


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
        assert httpx.post(address + "mcp", json=call, headers={**accept, **key}).status_code == 200


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
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    server = StdioServerParameters(
        command=command[0],
        args=[*command[1:], "mcp", "--store", store, "--llm", "none"],
        cwd=str(ROOT),
        env=dict(os.environ),
    )

    async def use() -> dict[str, object]:
        async with Client(server) as client:
            question = {"question": "日本の対米投資の規模はいくらですか。"}
            result = await client.call_tool("ask", question)
            assert result.structured_content is not None
            return dict(result.structured_content)

    answer = asyncio.run(use())
    assert answer["status"] == "answered"
    assert answer["citations"]
