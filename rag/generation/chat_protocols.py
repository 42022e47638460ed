"""What is posted to a server and how its stream is read: the OpenAI protocol and Ollama's own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from konkyo.rag.generation.chat_template import chat_messages
from konkyo.rag.generation.output_format import claims_grammar
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.generation.structured_output import JSON_NOTE, Contract, claims_schema

__all__ = ["ChatProtocol", "Chunk", "OllamaChat", "OpenAIChat", "error_text", "read_completion"]


class Chunk(NamedTuple):
    """What one message of a stream says."""

    text: str = ""
    usage: Mapping[str, int] | None = None
    finished: bool = False
    error: str = ""


class ChatProtocol(Protocol):
    """One protocol: where to post, what to post, and how the reply is read.

    ``left_out`` names the parts of a request that the server has refused before.
    """

    path: str
    """Where a chat is posted, behind the base address."""

    models_path: str | None
    """Where the server lists its models, if that tells which contracts it takes."""

    list_path: str
    """Where the server lists its models, whatever that tells."""

    def contract(self, models: object) -> Contract:
        """The strongest contract the server takes, by its list of models (None: not given)."""

    def body(
        self, model: str, prompt: Prompt, max_tokens: int, contract: Contract, left_out: set[str]
    ) -> dict[str, object]:
        """The request as a JSON object."""

    def read(self, line: str) -> Chunk | None:
        """One line of the stream; ``None`` if it says nothing. Raises ValueError if not JSON."""

    def refused_part(self, message: str, left_out: set[str]) -> str | None:
        """Which part of the request a server does not know, by its message."""


class OpenAIChat:
    """Chat completions as server-sent events."""

    path = "/chat/completions"
    models_path: str | None = "/models"
    list_path = "/models"

    def contract(self, models: object) -> Contract:
        """``grammar`` for llama.cpp, which says who it is; else ``json``."""
        listed = models.get("data") if isinstance(models, dict) else None
        owners = {m.get("owned_by") for m in listed or [] if isinstance(m, dict)}
        return "grammar" if "llamacpp" in owners else "json"

    def body(
        self, model: str, prompt: Prompt, max_tokens: int, contract: Contract, left_out: set[str]
    ) -> dict[str, object]:
        """The request as a JSON object."""
        limit = "max_completion_tokens" if "max_tokens" in left_out else "max_tokens"
        body: dict[str, object] = {
            "model": model,
            "messages": chat_messages(prompt, _note(prompt, contract)),
            "stream": True,
            limit: max_tokens,
        }
        if "temperature" not in left_out:
            body["temperature"] = 0.0
        if "stream_options" not in left_out:
            body["stream_options"] = {"include_usage": True}
        if not prompt.shown:
            return body
        if contract == "grammar":
            body["grammar"] = claims_grammar(prompt.shown, lines=prompt.lines, least=prompt.least)
            body["cache_prompt"] = True
        if contract == "json":
            schema = {
                "name": "claims",
                "strict": True,
                "schema": claims_schema(prompt.shown, lines=prompt.lines),
            }
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def read(self, line: str) -> Chunk | None:
        """One server-sent event."""
        if not line.startswith("data:"):
            return None
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            return Chunk(finished=True)
        return read_completion(_object(data))

    def refused_part(self, message: str, left_out: set[str]) -> str | None:
        """Which part of the request a server does not know, by its message."""
        lowered = message.lower()
        for part, words in (
            ("max_tokens", ("max_completion_tokens",)),
            ("temperature", ("temperature",)),
            ("stream_options", ("stream_options", "include_usage")),
        ):
            if part not in left_out and any(w in lowered for w in words):
                return part
        return None


class OllamaChat:
    """Ollama's chat: one JSON object a line."""

    path = "/api/chat"
    models_path: str | None = None
    list_path = "/api/tags"

    def contract(self, models: object) -> Contract:
        """JSON: Ollama takes no grammar."""
        return "json"

    def body(
        self, model: str, prompt: Prompt, max_tokens: int, contract: Contract, left_out: set[str]
    ) -> dict[str, object]:
        """The request as a JSON object."""
        # The context is named, for the server's default may be longer than its memory allows.
        options = {"temperature": 0.0, "num_predict": max_tokens, "num_ctx": 4096}
        body: dict[str, object] = {
            "model": model,
            "messages": chat_messages(prompt, _note(prompt, contract)),
            "stream": True,
            "options": options,
        }
        if "think" not in left_out:
            body["think"] = False
        if contract == "json" and prompt.shown:
            body["format"] = claims_schema(prompt.shown, lines=prompt.lines)
        return body

    def read(self, line: str) -> Chunk | None:
        """One JSON object."""
        if not line.strip():
            return None
        event = _object(line)
        if error := event.get("error"):
            return Chunk(error=error_text(error))
        message = event.get("message")
        content = message.get("content") if isinstance(message, dict) else None
        finished = event.get("done") is True
        usage = None
        if finished:
            usage = {
                "prompt_tokens": _count(event, "prompt_eval_count"),
                "completion_tokens": _count(event, "eval_count"),
                "cached_tokens": 0,
            }
        return Chunk(content if isinstance(content, str) else "", usage, finished)

    def refused_part(self, message: str, left_out: set[str]) -> str | None:
        """Old servers and models that do not think may not know ``think``."""
        return "think" if "think" in message.lower() and "think" not in left_out else None


def read_completion(event: Mapping[str, object]) -> Chunk:
    """One chat completion of the OpenAI protocol, or one event of its stream."""
    if error := event.get("error"):
        return Chunk(error=error_text(error))
    text, finished = _choices(event.get("choices"))
    return Chunk(text, _openai_usage(event.get("usage")), finished)


def error_text(error: object) -> str:
    """What an error object of either protocol says."""
    if isinstance(error, dict):
        return str(error.get("message") or error)
    return str(error)


def _note(prompt: Prompt, contract: Contract) -> str:
    return JSON_NOTE if contract == "json" and prompt.shown else ""


def _choices(choices: object) -> tuple[str, bool]:
    """The text of the choices, and whether one of them is finished."""
    text, finished = "", False
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            delta = choice.get("delta") or choice.get("message")
            content = delta.get("content") if isinstance(delta, dict) else None
            text += content if isinstance(content, str) else ""
            finished = finished or choice.get("finish_reason") is not None
    return text, finished


def _openai_usage(counts: object) -> dict[str, int] | None:
    if not isinstance(counts, dict) or not counts:
        return None
    return {
        "prompt_tokens": _count(counts, "prompt_tokens"),
        "completion_tokens": _count(counts, "completion_tokens"),
        "cached_tokens": _count(counts.get("prompt_tokens_details"), "cached_tokens"),
    }


def _object(data: str) -> dict[str, object]:
    """One JSON object, empty where it is none. Raises ValueError for what is no JSON."""
    try:
        parsed = json.loads(data)
    except RecursionError as exc:
        raise ValueError("nested too deeply to be read") from exc
    return parsed if isinstance(parsed, dict) else {}


def _count(counts: object, key: str) -> int:
    value = counts.get(key) if isinstance(counts, dict) else 0
    return value if isinstance(value, int) else 0
