"""What those who run a server rely on: HEAD, readiness, JSON lines, limits that servers share."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from konkyo.index.errors import StoreUnreachable
from konkyo.ui.http.auth import Limiter, TooMany
from konkyo.ui.server.session_store import SessionStore
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import ChatService

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import FakeReader
from fixtures_engines import Postgres, postgres  # noqa: F401
from fixtures_server import Running, running

ROOT = Path(__file__).resolve().parents[1]
AT_ONCE = 12


class LostIndex(FakeReader):
    """As if a database held the index, which may be gone, or silent."""

    def __init__(self) -> None:
        super().__init__(0)
        self.gone = False
        self.answers = threading.Event()
        self.answers.set()

    def refresh(self) -> bool:
        if self.gone:
            raise StoreUnreachable("db.example: does not answer")
        self.answers.wait(120)
        return super().refresh()


@pytest.fixture(scope="module")
def reader() -> LostIndex:
    return LostIndex()


@pytest.fixture(scope="module")
def server(reader: LostIndex) -> Iterator[Running]:
    with running(ChatServer(ChatService(lambda: reader))) as found:
        yield found


def test_head_has_the_head_of_get(server: Running) -> None:
    paths = sorted({path for method, path in server.routes if method == "GET"})
    assert len(paths) > 40
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for path in paths:
            head = client.head(path)
            with client.stream("GET", path) as got:
                assert head.status_code == got.status_code, path
                kind = got.headers.get("content-type", "")
                assert head.headers.get("content-type", "") == kind, path
            assert head.content == b""


def test_ready_is_told_by_the_index_itself(server: Running, reader: LostIndex) -> None:
    def ready() -> tuple[int, str]:
        found = httpx.get(f"{server.url}/ready", timeout=60)
        return found.status_code, found.json()["state"]

    assert ready() == (200, "ready")
    reader.gone = True
    assert ready() == (503, "failed")
    assert httpx.get(f"{server.url}/health").status_code == 200
    reader.gone = False
    reader.answers.clear()
    assert ready() == (503, "failed")
    reader.answers.set()
    assert ready()[0] in (200, 503)
    assert ready() == (200, "ready")


@pytest.mark.parametrize("case", ["taken port", "wrong setting"])
def test_json_logs_are_json_also_for_errors(tmp_path: Path, case: str) -> None:
    words = ["chat", "--log", "json", "--no-open", "--store", str(tmp_path / "none")]
    if case == "taken port":
        words += ["--host", "203.0.113.1"]
    if case == "wrong setting":
        (tmp_path / "konkyo.toml").write_text("[chat]\nprot = 1\n", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "konkyo", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines[-1]["level"] == "error"
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)


UNCAUGHT = """
import logging, threading, warnings
from konkyo.ui.server.telemetry import configure_logs

configure_logs("json")
logging.getLogger("uvicorn.error").error("from a library")
warnings.warn("an old name", DeprecationWarning, stacklevel=1)
thread = threading.Thread(target=lambda: 1 / 0)
thread.start()
thread.join()
import sys
print("printed by a library", file=sys.stderr)
raise ValueError("nobody caught it")
"""


def test_what_nobody_caught_is_a_json_line_too(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "always", "-c", UNCAUGHT]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        timeout=300,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    said = " ".join(f"{line['message']} {line.get('error', '')}" for line in lines)
    for words in ("from a library", "an old name", "ZeroDivisionError", "printed by", "ValueError"):
        assert words in said


def test_servers_that_share_an_index_count_together(postgres: Postgres) -> None:  # noqa: F811
    pytest.importorskip("limits")
    from konkyo.ui.server.shared_limits import SharedCounts

    address = postgres.make("counted")
    servers = [Limiter(AT_ONCE // 2, storage=SharedCounts(SessionStore(address))) for _ in "ab"]
    refused: list[TooMany] = []

    def ask(number: int) -> None:
        try:
            servers[number % 2].take("caller")
        except TooMany as exc:
            refused.append(exc)

    threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(refused) == AT_ONCE // 2
    assert all(0 < exc.retry_after <= 60 for exc in refused)
    servers[0].take("another caller")
    storage = SharedCounts(SessionStore(address))
    assert storage.check()
    key = "questions/caller/6/1/minute"
    assert storage.get(key) == AT_ONCE, re.sub(r"\d", "", key)
    storage.clear(key)
    servers[1].take("caller")
    assert storage.reset() == 2


def test_servers_that_share_an_index_hold_places_together(postgres: Postgres) -> None:  # noqa: F811
    """Also beside each other, and those of a server that was killed come free."""
    from konkyo.ui.server.shared_limits import SharedPlaces

    address = postgres.make("placed")
    places = [SharedPlaces(SessionStore(address), 3600) for _ in "ab"]
    servers = [Limiter(0, 3, places=held) for held in places]
    with servers[0].slot("caller"), servers[1].slot("caller"), servers[0].slot("caller"):
        for server in servers:
            with pytest.raises(TooMany, match="at most 3"), server.slot("caller"):
                pass
            with server.slot("another caller"):
                pass
    taken = list(ThreadPoolExecutor(8).map(lambda n: places[n % 2].take("caller", 3), range(16)))
    assert sum(place is not None for place in taken) == 3
    for place in filter(None, taken):
        places[1].give_back(place)
    assert postgres.run("SELECT count(*) FROM konkyo.places", "placed") == [(0,)]

    killed = SessionStore(address)
    assert killed.take_place("caller", "a place", 1, 0.0)
    assert places[0].take("caller", 1) is not None


def test_a_place_is_held_for_as_long_as_its_answer_takes(postgres: Postgres) -> None:  # noqa: F811
    from konkyo.ui.server.shared_limits import SharedPlaces

    address = postgres.make("held")
    until = "SELECT until FROM konkyo.places"
    places = SharedPlaces(SessionStore(address), 60)
    place = places.take("caller", 1)
    assert place is not None
    ((first,),) = postgres.run(until, "held")
    SessionStore(address).renew_places([place], 120)
    ((second,),) = postgres.run(until, "held")
    assert second - first >= 60

    async def caller_has_left() -> None:
        places.give_back(place)

    asyncio.run(caller_has_left())
    while postgres.run(until, "held"):
        threading.Event().wait(0.05)
