"""LlamaIndex in evaluations: language models as its objects, and faithfulness scored by them.

A model is named by a *spec*: ``embedded`` or ``embedded:NAME`` (a catalogue name or a GGUF file),
``ollama:MODEL[@URL]``, ``openai:MODEL@URL`` (any OpenAI-compatible server; its key is read from
the environment variable that ``key_env`` names). LlamaIndex and ragas are loaded by the functions.
"""

from __future__ import annotations

import asyncio
import functools
import json
import math
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from konkyo.eval.citation_metrics import Case, Judge
from konkyo.index.errors import ExtraMissing, LLMUnreachable, SettingsError, UsageError
from konkyo.rag.factory import DEFAULT_LLM
from konkyo.rag.generation.chat_protocols import Chunk, read_completion
from konkyo.rag.generation.http_llm import OLLAMA
from konkyo.rag.generation.llm import EmbeddedLLM, Usage

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import (
        ChatMessage,
        ChatResponse,
        CompletionResponse,
        CompletionResponseGen,
        LLMMetadata,
    )
    from llama_index.core.llms import LLM

__all__ = [
    "FreeLLM",
    "LlamaIndexFaithfulness",
    "RagasFaithfulness",
    "faithfulness_from",
    "llamaindex_llm",
]

_CONTEXT = 8192


@dataclass(frozen=True, slots=True)
class _Reply:
    text: str
    usage: Usage


class FreeLLM(EmbeddedLLM):
    """The embedded model without the grammar of claims.

    For judges and for the systems Konkyo is compared with; same engine, same weights, greedy.
    """

    def reply(self, messages: Sequence[tuple[str, str]], *, max_tokens: int) -> _Reply:
        """The whole reply to (role, content) messages. Raises LLMUnreachable."""
        request = {
            "messages": [{"role": role, "content": content} for role, content in messages],
            "max_tokens": max_tokens,
            "temperature": 0.0,
            "cache_prompt": True,
            "stream": False,
        }
        chunks: list[Chunk] = []

        def on_reply(reply: object) -> bool:
            found = json.loads(reply) if isinstance(reply, bytes | str) else reply
            if isinstance(found, dict):
                chunks.append(read_completion(found))
            return False

        try:
            with self._lock:
                self._ensure().handle_chat_completions(request, on_reply)  # type: ignore[attr-defined]
        except (RuntimeError, ValueError) as exc:
            raise LLMUnreachable(f"llama.cpp failed: {exc}") from exc
        return _joined(chunks)


def _joined(chunks: Sequence[Chunk]) -> _Reply:
    usage = Usage()
    for chunk in chunks:
        if chunk.error:
            raise LLMUnreachable(f"llama.cpp: {chunk.error}")
        if chunk.usage is not None:
            usage.set_counts(chunk.usage)
    return _Reply("".join(chunk.text for chunk in chunks), usage)


def llamaindex_llm(
    spec: str,
    *,
    key_env: str = "",
    timeout: float = 300.0,
    max_tokens: int = 256,
    on_usage: Callable[[Usage], None] = lambda usage: None,
) -> LLM:
    """Return a LlamaIndex ``LLM`` from a spec; ``on_usage`` is called after embedded calls.

    Raises UsageError for a spec that cannot be read, SettingsError for a missing key, ModelError.
    """
    kind, _, rest = spec.partition(":")
    name, _, url = rest.partition("@")
    if kind == "embedded":
        return _embedded(rest or DEFAULT_LLM, max_tokens, on_usage)
    if kind == "ollama" and name:
        return _ollama(name, url or OLLAMA, timeout)
    if kind == "openai" and name and url.startswith(("http://", "https://")):
        if key_env and key_env not in os.environ:
            raise SettingsError(f"the environment has no variable {key_env} for the key of {name}")
        return _openai(name, url, os.environ.get(key_env, ""), timeout, max_tokens)
    raise UsageError(
        f"{spec!r} names no model: write embedded, embedded:NAME, ollama:MODEL, or "
        "openai:MODEL@http://host:port/v1"
    )


def _embedded(name: str, max_tokens: int, on_usage: Callable[[Usage], None]) -> LLM:
    from konkyo.index.embedding.model_registry import resolve_llm

    free = FreeLLM(Path(resolve_llm(name)), context=_CONTEXT)
    made: LLM = _custom_class()(free, max_tokens, on_usage)
    return made


def _ollama(name: str, url: str, timeout: float) -> LLM:
    try:
        from llama_index.llms.ollama import Ollama
    except ImportError as exc:
        raise ExtraMissing(f"ollama:{name} needs: pip install llama-index-llms-ollama") from exc
    made: LLM = Ollama(
        model=name,
        base_url=url,
        request_timeout=timeout,
        temperature=0.0,
        context_window=_CONTEXT,
    )
    return made


def _openai(name: str, url: str, key: str, timeout: float, max_tokens: int) -> LLM:
    try:
        from llama_index.llms.openai_like import OpenAILike
    except ImportError as exc:
        raise ExtraMissing(
            f"openai:{name} needs: pip install llama-index-llms-openai-like"
        ) from exc
    made: LLM = OpenAILike(
        model=name,
        api_base=url,
        api_key=key or "none",
        is_chat_model=True,
        timeout=timeout,
        max_retries=2,
        temperature=0.0,
        max_tokens=max_tokens,
        context_window=_CONTEXT,
    )
    return made


class _FreeModel:
    """Methods of the model; the class itself needs LlamaIndex (``_custom_class``)."""

    _free: FreeLLM
    _max_tokens: int
    _on_usage: Callable[[Usage], None]

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex packs prompts by."""
        from llama_index.core.base.llms.types import LLMMetadata

        return LLMMetadata(
            context_window=_CONTEXT,
            num_output=self._max_tokens,
            is_chat_model=True,
            model_name=self._free.name,
        )

    def _reply(self, messages: Sequence[tuple[str, str]]) -> str:
        reply = self._free.reply(messages, max_tokens=self._max_tokens)
        self._on_usage(reply.usage)
        return reply.text

    def chat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponse:
        """One reply to a conversation."""
        from llama_index.core.base.llms.types import ChatMessage, ChatResponse

        text = self._reply([(str(m.role.value), str(m.content or "")) for m in messages])
        return ChatResponse(message=ChatMessage(role="assistant", content=text))

    def complete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponse:
        """One reply to a prompt, as the user's turn."""
        from llama_index.core.base.llms.types import CompletionResponse

        return CompletionResponse(text=self._reply([("user", prompt)]))

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponseGen:
        """The same in one piece."""
        from llama_index.core.base.llms.types import CompletionResponse

        text = self._reply([("user", prompt)])
        yield CompletionResponse(text=text, delta=text)


@functools.cache
def _custom_class() -> Callable[..., LLM]:
    """Made on first use: a subclass can only be written where LlamaIndex is loaded."""
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.llms import CustomLLM
    from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback

    class KonkyoLLM(_FreeModel, CustomLLM):
        """Our embedded engine as LlamaIndex wants it; chat goes through the model's template."""

        _free: FreeLLM = PrivateAttr()
        _max_tokens: int = PrivateAttr()
        _on_usage: Callable[[Usage], None] = PrivateAttr()

        chat = llm_chat_callback()(_FreeModel.chat)
        complete = llm_completion_callback()(_FreeModel.complete)
        stream_complete = llm_completion_callback()(_FreeModel.stream_complete)

        def __init__(
            self, free: FreeLLM, max_tokens: int, on_usage: Callable[[Usage], None]
        ) -> None:
            super().__init__()
            self._free, self._max_tokens, self._on_usage = free, max_tokens, on_usage

    return KonkyoLLM


def faithfulness_from(spec: str, *, key_env: str = "") -> Judge:
    """Return the scorer that ``llamaindex:SPEC`` or ``ragas:SPEC`` names; by default LlamaIndex's.

    Nothing is loaded that the spec does not need. Raises UsageError, ExtraMissing, ModelError.
    """
    framework, colon, rest = spec.partition(":")
    if colon and framework == "ragas":
        _require_ragas()
        return RagasFaithfulness(llamaindex_llm(rest, key_env=key_env), spec)
    named = rest if colon and framework == "llamaindex" else spec
    return LlamaIndexFaithfulness(llamaindex_llm(named, key_env=key_env), f"llamaindex:{named}")


class LlamaIndexFaithfulness:
    """LlamaIndex's ``FaithfulnessEvaluator``: a language model says yes or no of claim and quotes.

    As good as the model: the default one, asked so, hardly told true from false
    (docs/evaluation.md).
    """

    def __init__(self, llm: LLM, name: str) -> None:
        from llama_index.core.evaluation import FaithfulnessEvaluator

        self.name = name
        self._evaluator = FaithfulnessEvaluator(llm=llm)

    def supports(self, cases: Sequence[Case]) -> list[float]:
        """1 or 0 a case. Raises LLMUnreachable where the model cannot be asked."""
        return [self._support(case) for case in cases]

    def _support(self, case: Case) -> float:
        quotes = [citation.quote for citation in case.citations]
        if not quotes:
            return 0.0
        with _translated(self.name):
            # Its own evaluate() makes an event loop and leaves it open.
            found = asyncio.run(self._evaluator.aevaluate(response=case.claim, contexts=quotes))
        return 1.0 if found.passing else 0.0


class RagasFaithfulness:
    """ragas' faithfulness: a language model takes a claim apart and judges each statement.

    Where ragas finds no statement in a claim (it often does in Japanese) it gives no verdict:
    NaN here, counted apart and never as zero.
    """

    def __init__(self, llm: LLM, name: str) -> None:
        _require_ragas()
        with warnings.catch_warnings():
            # ragas 0.4 announces what its next version will call these.
            warnings.simplefilter("ignore")
            from ragas.llms import LlamaIndexLLMWrapper
            from ragas.metrics import Faithfulness

            self._measure = Faithfulness(llm=LlamaIndexLLMWrapper(llm))
        self.name = name

    def supports(self, cases: Sequence[Case]) -> list[float]:
        """A share a case, NaN without a verdict. Raises LLMUnreachable."""
        return [self._support(case) for case in cases]

    def _support(self, case: Case) -> float:
        from ragas.dataset_schema import SingleTurnSample

        quotes = [citation.quote for citation in case.citations]
        if not quotes:
            return 0.0
        sample = SingleTurnSample(
            user_input=case.question, response=case.claim, retrieved_contexts=quotes
        )
        with _translated(self.name), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            share = asyncio.run(self._measure.single_turn_ascore(sample))
        return math.nan if share is None else float(share)


def _require_ragas() -> None:
    try:
        import ragas  # noqa: F401
    except ImportError as exc:
        raise ExtraMissing(
            "a ragas judge needs ragas: pip install 'konkyo[judges]' "
            f"(or judge with llamaindex:SPEC); {exc}"
        ) from exc


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Translate what clients of language models raise into our error, which a run counts."""
    import httpx

    faults: list[type[BaseException]] = [httpx.HTTPError, OSError]
    # Each client has errors of its own; one that is not loaded has raised none.
    for client, error in (("openai", "OpenAIError"), ("ollama", "ResponseError")):
        if client in sys.modules:
            faults.append(getattr(sys.modules[client], error))
    try:
        yield
    except tuple(faults) as exc:
        raise LLMUnreachable(f"{name}: {type(exc).__name__}: {exc}") from exc
