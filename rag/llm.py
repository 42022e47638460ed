"""The one door to any language model: embedded, OpenAI-compatible, Ollama, or none."""

from __future__ import annotations

import json
import os
import queue
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from index.errors import LLMTimeout, LLMUnreachable, SettingsError
from rag.claims import claims_grammar
from rag.prompt import Prompt

if TYPE_CHECKING:
    from llama_index.core.llms import LLM as LlamaIndexLLM

__all__ = [
    "LLM",
    "EmbeddedLLM",
    "NoLLM",
    "RemoteLLM",
    "Usage",
    "ollama_llm",
    "openai_compatible_llm",
]


@dataclass(slots=True)
class Usage:
    """Tokens of one call or several, as the engine counted them (0: it did not say)."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0

    def add(self, other: Usage) -> None:
        """Count another call in."""
        self.prompt_tokens += other.prompt_tokens
        self.cached_tokens += other.cached_tokens
        self.completion_tokens += other.completion_tokens


@dataclass(slots=True)
class Cancel:
    """A reader's wish to stop; checked at each token."""

    event: threading.Event = field(default_factory=threading.Event)


class LLM(Protocol):
    """Writes claims for a prompt; seams inject a five-line fake."""

    @property
    def name(self) -> str:
        """Names engine and model; part of every answer's fingerprint."""

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        """Pieces of text as they are written.

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

    def __init__(self, path: Path, *, threads: int | None = None, context: int = 4096) -> None:
        self._path = path
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
        request = {
            "messages": [
                {"role": "system", "content": prompt.system},
                {"role": "user", "content": prompt.user},
            ],
            "max_tokens": max_tokens,
            "temperature": 0.0,
            "cache_prompt": True,
            "stream": True,
            "stream_options": {"include_usage": True},
            "grammar": claims_grammar(prompt.shown, lines=prompt.lines, least=prompt.least),
        }
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
            while (piece := pieces.get()) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                yield piece
        finally:
            stop.set()


class RemoteLLM:
    """Any model LlamaIndex can chat with; time-outs and connection faults become our errors."""

    def __init__(self, name: str, llm: LlamaIndexLLM, *, grammar: bool = False) -> None:
        self._name = name
        self._llm = llm
        self._grammar = grammar

    @property
    def name(self) -> str:
        """Engine and model."""
        return self._name

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
    ) -> Iterator[str]:
        """Pieces of text as the server sends them; nothing of the key is ever logged."""
        import httpx
        import openai
        from llama_index.core.llms import ChatMessage, MessageRole

        messages = [
            ChatMessage(role=MessageRole.SYSTEM, content=prompt.system),
            ChatMessage(role=MessageRole.USER, content=prompt.user),
        ]
        extra: dict[str, object] = (
            {
                "extra_body": {
                    "grammar": claims_grammar(prompt.shown, lines=prompt.lines, least=prompt.least),
                    "cache_prompt": True,
                }
            }
            if self._grammar
            else {}
        )
        try:
            for chunk in self._llm.stream_chat(messages, **extra):
                if chunk.delta:
                    yield chunk.delta
        except (openai.APITimeoutError, httpx.TimeoutException) as exc:
            raise LLMTimeout(f"{self._name}: no answer in time; is the server busy?") from exc
        except (openai.OpenAIError, httpx.HTTPError, ConnectionError, OSError) as exc:
            raise LLMUnreachable(f"{self._name}: {type(exc).__name__}: {exc}") from exc


def openai_compatible_llm(
    model: str,
    base_url: str,
    *,
    api_key: str = "",
    timeout: float = 60.0,
    grammar: bool = False,
    max_tokens: int = 220,
) -> RemoteLLM:
    """Any server that speaks the OpenAI API. ``grammar``: it is llama.cpp's and takes GBNF."""
    if not base_url.startswith(("http://", "https://")):
        raise SettingsError(f"llm.base_url: {base_url!r} is not an http or https address")
    from llama_index.llms.openai_like import OpenAILike

    llm = OpenAILike(
        model=model,
        api_base=base_url,
        api_key=api_key or "none",
        is_chat_model=True,
        timeout=timeout,
        max_retries=2,
        temperature=0.0,
        max_tokens=max_tokens,
    )
    return RemoteLLM(f"openai:{model}", llm, grammar=grammar)


def ollama_llm(
    model: str, base_url: str = "http://127.0.0.1:11434", *, timeout: float = 60.0
) -> RemoteLLM:
    """A model served by Ollama."""
    from llama_index.llms.ollama import Ollama

    llm = Ollama(
        model=model,
        base_url=base_url,
        request_timeout=timeout,
        temperature=0.0,
        # Given, so that the server is not first asked for it; prompts stay far below.
        context_window=4096,
        additional_kwargs={"num_predict": 220},
    )
    return RemoteLLM(f"ollama:{model}", llm)
