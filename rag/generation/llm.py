"""The one door to any language model: what one is, the embedded one, and none.

``konkyo.rag.generation.http_llm`` holds the ones that are reached over HTTP.
"""

from __future__ import annotations

import json
import os
import queue
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from konkyo.index.errors import LLMTimeout, LLMUnreachable
from konkyo.rag.generation.output_format import claims_grammar
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.generation.structured_output import inert

__all__ = ["LLM", "EmbeddedLLM", "NoLLM", "Usage", "chat_messages"]


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


class LLM(Protocol):
    """Writes claims for a prompt; seams inject a five-line fake."""

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


def chat_messages(prompt: Prompt, note: str = "") -> list[dict[str, str]]:
    """The two turns of a prompt, safe to put through a chat template.

    A quote, or a question, that holds such tokens as ``<|im_end|>`` cannot end its turn.
    """
    system = f"{prompt.system}\n{note}" if note else prompt.system
    return [
        {"role": "system", "content": inert(system)},
        {"role": "user", "content": inert(prompt.user)},
    ]


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
        """``timeout``, in seconds, counts from when the model is loaded and free; None: no limit."""
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
        request: dict[str, object] = {
            "messages": chat_messages(prompt),
            "max_tokens": max_tokens,
            "temperature": 0.0,
            "cache_prompt": True,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if prompt.shown:
            request["grammar"] = claims_grammar(
                prompt.shown, lines=prompt.lines, least=prompt.least
            )
        else:
            request["stop"] = ["\n"]
        began: list[float] = []
        pieces: queue.Queue[str | BaseException | None] = queue.Queue()
        stop = threading.Event()

        def on_chunk(chunk: object) -> bool:
            data = json.loads(chunk) if isinstance(chunk, (bytes, str)) else chunk
            if isinstance(data, dict):
                if "error" in data:
                    pieces.put(LLMUnreachable(f"llama.cpp: {data['error']}"))
                for choice in data.get("choices") or ():
                    if text := (choice.get("delta") or {}).get("content"):
                        pieces.put(text)
                if usage is not None and (counts := data.get("usage")):
                    usage.prompt_tokens = counts.get("prompt_tokens", 0)
                    usage.completion_tokens = counts.get("completion_tokens", 0)
                    details = counts.get("prompt_tokens_details") or {}
                    usage.cached_tokens = details.get("cached_tokens", 0)
            return stop.is_set()

        def work() -> None:
            try:
                with self._lock:
                    server = self._ensure()
                    if not stop.is_set():
                        began.append(time.monotonic())
                        server.handle_chat_completions(request, on_chunk)  # type: ignore[attr-defined]
            except LLMUnreachable as exc:
                pieces.put(exc)
            except (RuntimeError, ValueError) as exc:
                pieces.put(LLMUnreachable(f"llama.cpp failed: {exc}"))
            finally:
                pieces.put(None)

        worker = threading.Thread(target=work, name="konkyo-llm", daemon=True)
        worker.start()
        try:
            while (piece := self._next(pieces, began)) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            stop.set()

    def _next(
        self, pieces: queue.Queue[str | BaseException | None], began: list[float]
    ) -> str | BaseException | None:
        """The next piece, waited for only as long as the time-out still allows."""
        while True:
            left = 3600.0
            if self._timeout is not None:
                left = self._timeout - (time.monotonic() - began[0]) if began else self._timeout
            try:
                return pieces.get(timeout=max(0.001, left))
            except queue.Empty:
                if self._timeout is not None and began and left <= 0:
                    raise LLMTimeout(
                        f"{self.name}: no whole answer in {self._timeout:g} s; raise llm.timeout"
                        " or name a smaller model"
                    ) from None
