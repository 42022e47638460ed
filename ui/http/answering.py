"""One answer under way for a program.

Stopped, and its caller's place freed, when the caller leaves.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from konkyo.rag.types import Event
from konkyo.ui.server.llm_queue import Heartbeat, Queued

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Answering", "asking", "event_stream", "left", "while_connected"]

T = TypeVar("T")

left: ContextVar[threading.Event] = ContextVar("left")
"""Where an application that was handed the request finds out that its caller has left."""

asking: ContextVar[str] = ContextVar("asking")
"""The name by which the caller of that request is counted."""


class Answering(Iterator[Event | Queued | Heartbeat]):
    """The events of one answer. Closing it, from any thread and at any time, stops it.

    ``release`` is called once, as soon as it is closed or has ended.
    """

    def __init__(
        self,
        events: Iterator[Event | Queued | Heartbeat],
        gone: threading.Event,
        release: Callable[[], object],
    ) -> None:
        self._events = events
        self._gone = gone
        self._release = release
        self._released = threading.Event()
        self._running = threading.Lock()
        self._waiting: list[Event | Queued | Heartbeat] = []

    def begin(self) -> None:
        """Wait for the first event, so that what forbids an answer is raised here."""
        first = next(self, None)
        if first is not None:
            self._waiting.append(first)

    def __next__(self) -> Event | Queued | Heartbeat:
        if self._waiting:
            return self._waiting.pop()
        try:
            with self._running:
                event = None if self._gone.is_set() else next(self._events)
        except BaseException:
            self.close()
            raise
        if event is None or self._gone.is_set():
            self.close()
            raise StopIteration
        return event

    def close(self) -> None:
        """Stop it; whoever waits for the next event is told so within a second."""
        self._gone.set()
        if not self._released.is_set():
            self._released.set()
            self._release()
        # In the middle of an event the pipeline ends by itself, as it sees that nobody listens.
        if self._running.acquire(blocking=False):
            try:
                getattr(self._events, "close", lambda: None)()
            finally:
                self._running.release()


async def while_connected(request: Request, gone: threading.Event, work: Callable[[], T]) -> T:
    """Do work in a thread; ``gone`` is set as soon as the caller has left.

    Raises what it raises.
    """
    from starlette.concurrency import run_in_threadpool

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    watching = asyncio.create_task(watch())
    try:
        return await run_in_threadpool(work)
    finally:
        watching.cancel()


def event_stream(text: Iterator[str], events: Answering) -> Response:
    """Server-sent events that end, and stop the answer, when the caller leaves."""
    from starlette.responses import StreamingResponse
    from starlette.types import Receive, Scope, Send

    class EventStream(StreamingResponse):
        async def listen_for_disconnect(self, receive: Receive) -> None:
            await super().listen_for_disconnect(receive)
            events.close()

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            try:
                await super().__call__(scope, receive, send)
            finally:
                events.close()

    # Proxies shall pass events on as they come.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return EventStream(text, media_type="text/event-stream", headers=headers)
