"""Language models: what one offers, the embedded one, and none.

``konkyo.rag.generation.http_llm`` holds the ones that are reached over HTTP.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from konkyo.index.errors import LLMTimeout, LLMUnreachable
from konkyo.rag.generation.chat_protocols import Chunk, read_completion
from konkyo.rag.generation.chat_template import chat_messages
from konkyo.rag.generation.output_format import claims_grammar
from konkyo.rag.generation.prompts import Prompt

__all__ = ["LLM", "EmbeddedLLM", "NoLLM", "Usage", "Written"]


@dataclass(slots=True)
class Usage:
    """Tokens of one call or several, as the engine counted them (0: it did not say).

    ``cost`` is in the currency of the prices that were set; 0 where none were.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0

    def add(self, other: Usage) -> None:
        """Count another call in."""
        self.prompt_tokens += other.prompt_tokens
        self.cached_tokens += other.cached_tokens
        self.completion_tokens += other.completion_tokens
        self.cost += other.cost

    def set_counts(self, counts: Mapping[str, int]) -> None:
        """Take over what an engine counted in one call."""
        self.prompt_tokens = counts["prompt_tokens"]
        self.completion_tokens = counts["completion_tokens"]
        self.cached_tokens = counts["cached_tokens"]


@dataclass(slots=True)
class Written:
    """Whether a model wrote anything but white space."""

    anything: bool = False

    def noted(self, pieces: Iterator[str]) -> Iterator[str]:
        """Yields the pieces as they come, and closes them at the end."""
        with ExitStack() as held:
            held.callback(getattr(pieces, "close", lambda: None))
            for piece in pieces:
                self.anything = self.anything or bool(piece.strip())
                yield piece


class LLM(Protocol):
    """Writes claims for a prompt."""

    @property
    def name(self) -> str:
        """Names engine and model; part of every answer's fingerprint."""

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        """Pieces of text as they are written: lines of claims, each with its numbers.

        A prompt that shows nothing (``shown`` 0) asks for free text instead, of one line.
        Closing the iterator stops the engine. Raises LLMUnreachable or LLMTimeout.
        """


class NoLLM:
    """Writes nothing: the quoted evidence is the answer."""

    name = "none"

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        """Nothing."""
        return iter(())


class EmbeddedLLM:
    """A GGUF model through llama.cpp in this process; loads on first use, one call at a time.

    llama.cpp's in-process server listens on loopback; it is given a random key, so that no
    other program on the machine can use it.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int | None = None,
        context: int = 4096,
        timeout: float | None = None,
    ) -> None:
        """Nothing is loaded yet.

        ``timeout``, in seconds, counts from when the model is loaded and free; None: no limit.
        """
        self._path = path
        self._timeout = timeout
        self._threads = threads or min(8, os.cpu_count() or 2)
        self._context = context
        self._lock = threading.Lock()
        self._server: object | None = None

    @property
    def name(self) -> str:
        """``embedded:`` and the file's name."""
        return f"embedded:{self._path.stem}"

    def load(self) -> None:
        """Load the model now rather than at the first question. Raises LLMUnreachable."""
        with self._lock:
            self._ensure()

    def _ensure(self) -> object:
        if self._server is None:
            if not self._path.is_file():
                raise LLMUnreachable(
                    f"{self._path}: no such model file; run `konkyo models pull` or name another"
                )
            import xllamacpp

            params = xllamacpp.CommonParams()
            params.model.path = str(self._path)
            params.n_ctx = self._context
            params.n_parallel = 1
            params.cpuparams.n_threads = self._threads
            params.cpuparams_batch.n_threads = self._threads
            params.verbosity = 0
            params.warmup = False
            params.ui = False
            params.endpoint_slots = False
            params.cache_ram_mib = 256
            params.api_keys = [secrets.token_urlsafe(32)]
            try:
                self._server = xllamacpp.Server(params)
            except RuntimeError as exc:
                raise LLMUnreachable(f"{self._path}: llama.cpp cannot load it: {exc}") from exc
        return self._server

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        """Pieces of text, held to the grammar of claims; greedy, so the same every time."""
        reply = _Reply()
        request = _request(prompt, max_tokens)
        threading.Thread(
            target=self._answer, args=(request, reply), name="konkyo-llm", daemon=True
        ).start()
        try:
            while (chunk := self._next(reply)) is not None:
                if chunk.error:
                    raise LLMUnreachable(chunk.error)
                if usage is not None and chunk.usage is not None:
                    usage.set_counts(chunk.usage)
                if chunk.text:
                    yield chunk.text
        finally:
            reply.stop.set()

    def _answer(self, request: Mapping[str, object], reply: _Reply) -> None:
        """Run the model until it is done or told to stop; runs in a thread of its own."""
        try:
            with self._lock:
                server = self._ensure()
                if not reply.stop.is_set():
                    reply.began = time.monotonic()
                    server.handle_chat_completions(request, reply.take)  # type: ignore[attr-defined]
        except LLMUnreachable as exc:
            reply.chunks.put(Chunk(error=str(exc)))
        except (RuntimeError, ValueError) as exc:
            reply.chunks.put(Chunk(error=f"llama.cpp failed: {exc}"))
        finally:
            reply.chunks.put(None)

    def _next(self, reply: _Reply) -> Chunk | None:
        """The next chunk, waited for only as long as the time-out still allows."""
        while True:
            left = 3600.0
            if self._timeout is not None:
                left = self._timeout
                if reply.began is not None:
                    left -= time.monotonic() - reply.began
            try:
                return reply.chunks.get(timeout=max(0.001, left))
            except queue.Empty:
                if self._timeout is not None and reply.began is not None and left <= 0:
                    raise LLMTimeout(
                        f"{self.name}: no whole answer in {self._timeout:g} s; raise llm.timeout"
                        " or name a smaller model"
                    ) from None


class _Reply:
    """What the model has written and nobody has read yet; ``None`` marks the end."""

    def __init__(self) -> None:
        self.chunks: queue.Queue[Chunk | None] = queue.Queue()
        self.stop = threading.Event()
        self.began: float | None = None

    def take(self, event: object) -> bool:
        """Take one event of llama.cpp; returns whether it should stop."""
        data = json.loads(event) if isinstance(event, bytes | str) else event
        if isinstance(data, dict):
            chunk = read_completion(data)
            self.chunks.put(
                chunk._replace(error=f"llama.cpp: {chunk.error}") if chunk.error else chunk
            )
        return self.stop.is_set()


def _request(prompt: Prompt, max_tokens: int) -> dict[str, object]:
    request: dict[str, object] = {
        "messages": chat_messages(prompt),
        "max_tokens": max_tokens,
        "temperature": 0.0,
        "cache_prompt": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if prompt.shown:
        request["grammar"] = claims_grammar(prompt.shown, lines=prompt.lines, least=prompt.least)
    else:
        request["stop"] = ["\n"]
    return request
