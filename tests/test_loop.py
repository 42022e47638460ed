"""Nothing holds the server's event loop up: not wrong passwords, not any address asked at once."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import httpx
import pytest

if TYPE_CHECKING:
    from sqlalchemy import Connection

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import FakeExaminer, FakeReader
from fixtures_server import Running, running

from konkyo.ui.http.auth import Access, read_keys
from konkyo.ui.http.sign_in import MemorySignIns
from konkyo.ui.server.conversation_store import ConversationLimits, ConversationStore
from konkyo.ui.server.conversation_tables import conversation_tables
from konkyo.ui.server.sql_tables import SqliteTables
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import ChatService

PASSWORD = "reading-only"
KEY = "editor-key-of-sixteen"
AT_ONCE = 6
# Calls that wait for something outside of the process: on the loop everybody would wait with them.
# Python tells of the first one from 3.13 on.
WAITS = frozenset({"time.sleep", "subprocess.Popen", "socket.getaddrinfo", "sqlite3.connect"})

T = TypeVar("T")

_watched: set[int] = set()
_waited: list[str] = []


def _hear(event: str, _: tuple[object, ...]) -> None:
    # An audit hook outlives the module: at the end of the process its names are None.
    if _watched and threading.get_ident() in _watched and event in WAITS:
        _waited.append(event)


sys.addaudithook(_hear)


def _take_time() -> None:
    """As a database does; noted where it happens on the loop."""
    if threading.get_ident() in _watched:
        _waited.append("database")
    time.sleep(0.02)


class SlowSignIns(MemorySignIns):
    """As if a database kept them that takes its time."""

    def __getitem__(self, token: str) -> str:
        _take_time()
        return super().__getitem__(token)

    def __setitem__(self, token: str, user: str) -> None:
        _take_time()
        super().__setitem__(token, user)


class SlowTables(SqliteTables):
    """The same for conversations."""

    def run(self, work: Callable[[Connection], T]) -> T:
        _take_time()
        return super().run(work)


def slow_store(folder: Path) -> ConversationStore:
    tables = conversation_tables()
    slow = SlowTables(folder / "conversations.sqlite", tables)
    return ConversationStore(slow, tables, "", ConversationLimits())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("keys")
    keys = folder / "keys"
    keys.write_text(f"editor {KEY}\n", "utf-8")
    chat_server = ChatServer(
        ChatService(lambda: FakeReader(0), conversation_store=slow_store(folder)),
        Access(PASSWORD, "editing-too", read_keys(keys)),
        evaluation_jobs=FakeExaminer(),
        sign_ins=SlowSignIns(),
    )
    with running(chat_server) as found:
        asked = asyncio.run_coroutine_threadsafe(_identity(), found.loop)
        _watched.add(asked.result(120))
        yield found
        _watched.clear()


@pytest.fixture(scope="module")
def headers(server: Running) -> dict[str, str]:
    """What an editor sends, on the page and as a program."""
    form = {"username": "editor", "password": "editing-too"}
    cookie = httpx.post(f"{server.url}/login", data=form).headers["set-cookie"].split(";")[0]
    return {
        "cookie": cookie,
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
    }


async def _identity() -> int:
    return threading.get_ident()


class Probe:
    """Measures on the server's own loop how late it comes to what is due."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.longest = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        self.longest = 0.0
        task = asyncio.run_coroutine_threadsafe(self._watch(), self._loop)
        try:
            yield
        finally:
            task.cancel()

    async def _watch(self) -> None:
        while True:
            due = self._loop.time() + 0.005
            await asyncio.sleep(0.005)
            self.longest = max(self.longest, self._loop.time() - due)


def asked(client: httpx.Client, method: str, url: str, headers: dict[str, str]) -> int:
    """The status of an answer of which the first bytes are read; some answers never end."""
    body = b"{}" if method == "POST" else None
    with client.stream(method, url, headers=headers, content=body) as found:
        next(found.iter_bytes(), b"")
        return found.status_code


def at_once(
    pool: ThreadPoolExecutor,
    client: httpx.Client,
    method: str,
    url: str,
    headers: dict[str, str],
) -> set[int]:
    """The statuses of several requests sent together."""
    return set(pool.map(lambda _: asked(client, method, url, headers), range(AT_ONCE)))


def test_wrong_passwords_hold_up_nobody_and_are_slowed_down(
    server: Running, headers: dict[str, str]
) -> None:
    form = {"username": "konkyo", "password": "wrong one"}

    def guess(_: int) -> httpx.Response:
        return httpx.post(f"{server.url}/login", data=form, timeout=120)

    _waited.clear()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(guess, range(20)))
    assert _waited == []
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {400, 429}
    assert httpx.get(f"{server.url}/config", headers=headers).status_code == 200
    assert 10 <= statuses.count(400) <= 12
    told = next(answer for answer in answers if answer.status_code == 429)
    assert int(told.headers["retry-after"]) >= 1
    seconds = told.headers["retry-after"]
    assert told.json()["detail"] == f"Too many attempts to sign in. Try again in {seconds} s."
    spoken = httpx.post(f"{server.url}/login", data=form, headers={"accept-language": "ja"})
    assert (spoken.status_code, "秒後に" in spoken.json()["detail"]) == (429, True)


def test_no_address_holds_up_the_loop(server: Running, headers: dict[str, str]) -> None:
    probe = Probe(server.loop)
    _waited.clear()
    late: dict[str, float] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool, httpx.Client(timeout=120) as client:
        at_once(pool, client, "GET", f"{server.url}/", headers)
        with probe.watching():
            # As many requests of an address that does nothing: what the machine itself makes late.
            for _ in range(40):
                at_once(pool, client, "GET", f"{server.url}/api/health", headers)
        usual = probe.longest
        for method, path in server.routes:
            if path.rstrip("/") == "/logout" or (method == "GET" and path == "/mcp"):
                continue
            with probe.watching():
                at_once(pool, client, method, server.url + path, headers)
            late[f"{method} {path}"] = probe.longest
        # What holds up the loop does so each time; what else the machine had to do does not.
        for name in [name for name, delay in late.items() if delay >= 20 * max(usual, 0.01)]:
            with probe.watching():
                method, path = name.split(" ", 1)
                at_once(pool, client, method, server.url + path, headers)
            late[name] = probe.longest
    assert len(late) > 90
    assert _waited == []
    worst = max(late, key=lambda name: late[name])
    assert late[worst] < 20 * max(usual, 0.01), (worst, late[worst], usual)


def test_no_handler_of_the_page_waits_on_the_loop(server: Running, headers: dict[str, str]) -> None:
    config = httpx.get(f"{server.url}/config", headers=headers).json()
    _waited.clear()
    statuses = []
    with httpx.Client(timeout=120) as client:
        for number, one in enumerate(config["dependencies"]):
            call = {
                "fn_index": one["id"],
                "session_hash": f"session{number}",
                "data": [None] * len(one["inputs"]),
                "event_data": {},
            }
            url = f"{server.url}/gradio_api/run/predict"
            statuses.append(client.post(url, json=call, headers=headers).status_code)
    assert statuses.count(200) >= 12
    assert _waited == []
