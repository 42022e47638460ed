"""A fair line before the language model: first come, first served, and everybody is told their place."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from index.errors import LLMUnreachable
from rag.llm import LLM, Usage
from rag.prompt import Prompt

__all__ = ["Beat", "Fair", "Queued", "in_line"]

E = TypeVar("E")

_LOOK_SECONDS = 0.25
_mine = threading.local()


@dataclass(frozen=True, slots=True)
class Queued:
    """The language model is busy with others; ``ahead`` questions come first (0: it is our turn)."""

    ahead: int


@dataclass(frozen=True, slots=True)
class Beat:
    """Nothing happened for a while; whoever listens may look whether anybody still does."""


@dataclass(frozen=True, slots=True)
class _Line:
    told: Callable[[Queued], None]
    gone: Callable[[], bool]


class Fair:
    """A language model that serves ``slots`` callers at once and the others in the order they came.

    Within ``in_line`` a waiting caller is told its place whenever that changes, and leaves the
    line when its reader is gone.
    """

    def __init__(self, inner: LLM, slots: int = 1) -> None:
        self._inner = inner
        self._slots = slots
        self._running = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def name(self) -> str:
        """The name of the model itself: waiting changes no answer."""
        return self._inner.name

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
        self._enter()
        try:
            yield from self._inner.stream(prompt, max_tokens=max_tokens, usage=usage)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _enter(self) -> None:
        line: _Line | None = getattr(_mine, "line", None)
        ticket = object()
        said = -1
        with self._changed:
            self._waiting.append(ticket)
            try:
                while self._waiting[0] is not ticket or self._running >= self._slots:
                    ahead = self._waiting.index(ticket) + self._running
                    if line is not None:
                        if line.gone():
                            raise LLMUnreachable("the reader left before it was their turn")
                        if ahead != said:
                            line.told(Queued(ahead))
                            said = ahead
                    self._changed.wait(_LOOK_SECONDS)
                self._running += 1
                if said >= 0 and line is not None:
                    line.told(Queued(0))
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()


def in_line(
    events: Callable[[], Iterator[E]], beat: float | None = None
) -> Iterator[E | Queued | Beat]:
    """The events of a pipeline, and between them the place in line while it waits for the model.

    With ``beat`` there is something at least every so many seconds. The pipeline runs in a thread of its own, so that a change of place can be told at once.
    Closing the iterator stops it at its next event; what it raises is raised here.
    """
    told: queue.SimpleQueue[E | Queued | None] = queue.SimpleQueue()
    gone = threading.Event()

    def work() -> None:
        _mine.line = _Line(told.put, gone.is_set)
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
        while True:
            try:
                item = told.get(timeout=beat)
            except queue.Empty:
                yield Beat()
                continue
            if item is None:
                break
            yield item
        done.result()
    finally:
        gone.set()
