"""Whoever hangs up frees their place and stops the model, by whatever door they came."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import JAPANESE, LONG, FakeReader, evidence
from fixtures_server import Running, running

from konkyo.index.errors import LLMUnreachable
from konkyo.index.records import Filter
from konkyo.rag.conversation import Turn
from konkyo.rag.generation.llm import Usage
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.types import Event, EvidenceReady
from konkyo.ui.http.auth import Limiter, MemoryPlaces
from konkyo.ui.server.llm_queue import LLMQueue
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import ChatService

AT_ONCE = 8


class Reading:
    """A model that reads its prompt for ever, unless it is told to stop."""

    name = "reading"

    def __init__(self) -> None:
        self.stopped = threading.Event()
        self.begun = 0
        self.running = 0

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        self.begun += 1
        self.running += 1
        self.stopped.clear()
        self.stopped.wait(300)
        self.running -= 1
        raise LLMUnreachable("stopped")
        yield ""

    def interrupt(self) -> None:
        self.stopped.set()


class Patient(FakeReader):
    """A pipeline that has its evidence at once and then asks the model."""

    def stream(
        self, question: str, *, history: Sequence[Turn] = (), where: Filter = Filter()
    ) -> Iterator[Event]:
        yield EvidenceReady((evidence(1, LONG, "Dock workers returned to work"),), "en")
        list(self.llm.stream(Prompt("", question, 1)))


class Place:
    """A server, its model and its limits."""

    def __init__(
        self,
        server: Running,
        model: Reading,
        chat_service: ChatService,
        limiter: Limiter,
        places: MemoryPlaces,
    ) -> None:
        self.url, self.model, self.chat_service = server.url, model, chat_service
        self.limiter, self.places = limiter, places

    def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(1200):
            if holds():
                return
            time.sleep(0.05)
        raise AssertionError("it never came about")

    def at_work(self, callers: int = 1) -> None:
        """Wait until the model reads for one and all callers have their places."""
        held = {"127.0.0.1": callers}
        self.until(lambda: self.model.running == 1 and self.places.held() == held)

    def at_rest(self) -> None:
        """Wait until nobody is answered, nobody has a place and the model does nothing."""
        self.until(
            lambda: (
                (self.model.running, self.chat_service.answering, self.places.held()) == (0, 0, {})
            )
        )


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    model = Reading()
    chat_service = ChatService(lambda: Patient(0, llm=LLMQueue(model)))
    places = MemoryPlaces()
    limiter = Limiter(0, AT_ONCE, places=places)
    with running(ChatServer(chat_service, limiter=limiter)) as server:
        yield Place(server, model, chat_service, limiter, places)


def hang_up(place: Place, path: str, body: dict[str, object], headers: dict[str, str]) -> None:
    """Send a request whose answer never comes, and close the connection when the model reads."""
    sent = httpx.Request("POST", place.url + path, json=body, headers=headers)
    lines = [f"POST {path} HTTP/1.1", *(f"{n}: {v}" for n, v in sent.headers.items()), "", ""]
    port = int(place.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall("\r\n".join(lines).encode() + sent.content)
        place.until(lambda: place.model.running == 1)


ASKED = {"question": "How long did it last?"}
SAID = {"messages": [{"role": "user", "content": "How long did it last?"}]}
QUOTED = {"article_id": JAPANESE.article_id, "start": 0, "end": 20, "language": "en"}
CALLED = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "ask", "arguments": {"question": "How long did it last?"}},
}


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/ask", ASKED), ("/v1/chat/completions", SAID)],
)
def test_streams_that_were_closed_lock_nobody_out(
    place: Place, path: str, body: dict[str, object]
) -> None:
    sent = {**body, "stream": True}
    for _ in range(3):
        with httpx.Client(timeout=60) as client:
            streams = [client.stream("POST", place.url + path, json=sent) for _ in range(AT_ONCE)]
            answers = [stream.__enter__() for stream in streams]
            assert [answer.status_code for answer in answers] == [200] * AT_ONCE
            place.at_work(AT_ONCE)
            assert client.post(place.url + path, json=sent).status_code == 429
            for answer in answers:
                answer.close()
            for stream in streams:
                stream.__exit__(None, None, None)
        place.at_rest()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/ask", ASKED),
        ("/v1/chat/completions", SAID),
        ("/api/translate", QUOTED),
        ("/mcp", CALLED),
    ],
)
def test_a_request_that_was_cut_stops_the_model(
    place: Place, path: str, body: dict[str, object]
) -> None:
    begun = place.model.begun
    accept = {"accept": "application/json, text/event-stream"}
    hang_up(place, path, body, accept)
    place.at_rest()
    assert place.model.begun == begun + 1


@pytest.mark.parametrize("over_http", [False, True])
def test_a_cancelled_call_of_an_assistant_stops_the_model(place: Place, over_http: bool) -> None:
    import anyio
    from mcp.client import Client

    from konkyo.ui.http.mcp import server_of
    from konkyo.ui.http.services import Services

    async def cancelled() -> None:
        server = server_of(Services(place.chat_service, limiter=place.limiter))
        door = f"{place.url}/mcp" if over_http else server
        async with Client(door) as client, anyio.create_task_group() as group:

            async def call() -> None:
                await client.call_tool("ask", {"question": "How long did it last?"})

            group.start_soon(call)
            while place.model.running == 0:
                await anyio.sleep(0.05)
            group.cancel_scope.cancel()

    anyio.run(cancelled)
    place.at_rest()


def test_a_server_that_ends_waits_for_no_abandoned_answer(place: Place) -> None:
    sent = {**ASKED, "stream": True}
    with httpx.stream("POST", f"{place.url}/api/ask", json=sent, timeout=60):
        place.at_work()
    place.at_rest()
    assert place.chat_service.answering == 0
