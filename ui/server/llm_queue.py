"""A queue before the language model: first come, first served, and callers are told their place.

A caller who asks for an aid rather than an answer is patient: every question goes first.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from konkyo.index.errors import LLMError, LLMUnreachable
from konkyo.rag.generation.llm import LLM, Usage, Written
from konkyo.rag.generation.prompts import Prompt
from konkyo.ui.server.llm_health import CHECK_SECONDS, LLMHealth

__all__ = ["Heartbeat", "LLMQueue", "Queued", "in_line"]

E = TypeVar("E")

_LOOK_SECONDS = 0.25
_mine = threading.local()


@dataclass(frozen=True, slots=True)
class Queued:
    """The language model is busy: ``ahead`` questions come first (0: it is our turn)."""

    ahead: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing happened for a while; whoever listens may look whether anybody still does."""


@dataclass(frozen=True, slots=True)
class _Line:
    told: Callable[[Queued], None]
    gone: Callable[[], bool]
    patient: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Ticket:
    patient: bool


class LLMQueue:
    """A language model that serves ``slots`` callers at once and the others in the order they came.

    Within ``in_line`` a waiting caller is told its place whenever that changes, and leaves the
    line when its reader is gone. Patient callers come after all others, and where there are
    several slots they never take the last one.

    ``check`` asks whether the model's server is there, as LLMHealth has it; None: there is none.
    """

    def __init__(
        self,
        inner: LLM,
        slots: int = 1,
        check: Callable[[], object] | None = None,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self._inner = inner
        self._slots = slots
        self._running: list[_Ticket] = []
        self._waiting: list[_Ticket] = []
        self._changed = threading.Condition()
        self._health = LLMHealth(inner.name, check, seconds=check_seconds)

    @property
    def name(self) -> str:
        """The name of the model itself: waiting changes no answer."""
        return self._inner.name

    @property
    def problem(self) -> str:
        """Why the model does not answer, as far as is known; empty if it does. Waits for nothing.

        A server is not asked while it writes for us: one that does one thing at a time is no
        worse for it.
        """
        return self._health.problem(busy=bool(self._running))

    @property
    def waiting(self) -> int:
        """How many callers stand in line now."""
        return len(self._waiting)

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        """Pieces of text as the model writes them, once it is this caller's turn.

        Raises what the model raises, and LLMUnreachable when the reader left meanwhile.
        """
        line: _Line | None = getattr(_mine, "line", None)
        ticket = _Ticket(line is not None and line.patient)
        self._enter(ticket, line)
        try:
            pieces = self._noted(self._inner.stream(prompt, max_tokens=max_tokens, usage=usage))
            yield from pieces if line is None else self._heard(pieces, line)
        finally:
            with self._changed:
                self._running.remove(ticket)
                self._changed.notify_all()

    def _noted(self, pieces: Iterator[str]) -> Iterator[str]:
        """The pieces; how it went is remembered. Nothing written is a problem, too."""
        written = Written()
        try:
            yield from written.noted(pieces)
        except LLMError as exc:
            self._health.failed(exc)
            raise
        self._health.wrote(written.anything)

    def _heard(self, pieces: Iterator[str], line: _Line) -> Iterator[str]:
        """The pieces, as long as their reader is there, even where none comes for a while."""
        told: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        left = threading.Event()

        def read() -> None:
            with ExitStack() as held:
                held.callback(getattr(pieces, "close", lambda: None))
                for piece in pieces:
                    if left.is_set():
                        return
                    told.put(piece)

        reading = ThreadPoolExecutor(1, thread_name_prefix="konkyo-model")
        done: Future[None] = reading.submit(read)
        done.add_done_callback(lambda _: told.put(None))
        reading.shutdown(wait=False)
        try:
            while True:
                if line.gone():
                    raise LLMUnreachable("the reader left while the model wrote")
                try:
                    piece = told.get(timeout=_LOOK_SECONDS)
                except queue.Empty:
                    continue
                if piece is None:
                    done.result()
                    return
                yield piece
        finally:
            left.set()
            if not done.done():
                # It may be reading a long prompt, and would write nothing for half a minute.
                getattr(self._inner, "interrupt", lambda: None)()

    def _enter(self, ticket: _Ticket, line: _Line | None) -> None:
        said = -1
        with self._changed:
            self._waiting.append(ticket)
            try:
                while not self._may_go(ticket):
                    ahead = self._in_order().index(ticket) + len(self._running)
                    if line is not None:
                        if line.gone():
                            raise LLMUnreachable("the reader left before it was their turn")
                        if ahead != said:
                            line.told(Queued(ahead))
                            said = ahead
                    self._changed.wait(_LOOK_SECONDS)
                self._running.append(ticket)
                if said >= 0 and line is not None:
                    line.told(Queued(0))
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _in_order(self) -> list[_Ticket]:
        return sorted(self._waiting, key=lambda ticket: ticket.patient)

    def _may_go(self, ticket: _Ticket) -> bool:
        slots = max(1, self._slots - 1) if ticket.patient else self._slots
        return self._in_order()[0] is ticket and len(self._running) < slots


def in_line(
    events: Callable[[], Iterator[E]],
    beat: float | None = None,
    *,
    patient: bool = False,
    gone: threading.Event | None = None,
) -> Generator[E | Queued | Heartbeat, None, None]:
    """The events of a pipeline, and between them the place in line while it waits for the model.

    With ``beat`` there is something at least every so many seconds; ``patient`` lets all who are
    not go first. The pipeline runs in a thread of its own, so that a change of place can be told
    at once.
    Closing the iterator stops it at its next event, and so does setting ``gone``; what it raises is
    raised here.
    """
    told: queue.SimpleQueue[E | Queued | None] = queue.SimpleQueue()
    gone = gone or threading.Event()

    def work() -> None:
        _mine.line = _Line(told.put, gone.is_set, patient)
        try:
            for event in events():
                if gone.is_set():
                    return
                told.put(event)
        finally:
            _mine.line = None

    runner = ThreadPoolExecutor(1, thread_name_prefix="konkyo-ask")
    done: Future[None] = runner.submit(work)
    done.add_done_callback(lambda _: told.put(None))
    runner.shutdown(wait=False)
    try:
        while not gone.is_set():
            try:
                item = told.get(timeout=beat)
            except queue.Empty:
                yield Heartbeat()
                continue
            if item is None:
                done.result()
                return
            yield item
    finally:
        gone.set()
