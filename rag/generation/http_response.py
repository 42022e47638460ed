"""Reads what a server of language models sends: lines of a stream, refusals, waiting times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from konkyo.index.errors import LLMUnreachable
from konkyo.rag.generation.chat_protocols import error_text

if TYPE_CHECKING:
    import httpx

__all__ = ["describe", "refusal_message", "retry_after", "whole_lines"]

_LONGEST_LINE = 1_000_000
_LONGEST_REFUSAL = 65_536


def whole_lines(parts: Iterable[str]) -> Iterator[str]:
    """Whole lines of a reply; the rest is given when the reply ends."""
    rest = ""
    for part in parts:
        *whole, rest = (rest + part).split("\n")
        if len(rest) > _LONGEST_LINE:
            raise LLMUnreachable("the server sends a line without end")
        yield from whole
    if rest.strip():
        yield rest


def refusal_message(response: httpx.Response) -> str:
    """What a refusal says, in at most 200 letters; reads the head of its body and closes it."""
    body = b""
    for part in response.iter_bytes():
        body += part
        if len(body) >= _LONGEST_REFUSAL:
            break
    response.close()
    text = body[:_LONGEST_REFUSAL].decode(response.encoding or "utf-8", "replace")
    try:
        reply = json.loads(text)
    except (ValueError, RecursionError):
        return " ".join(text.split())[:200] or response.reason_phrase
    error = reply.get("error", reply) if isinstance(reply, dict) else reply
    return " ".join(error_text(error).split())[:200]


def retry_after(header: str) -> float:
    """What Retry-After asks for, in seconds; 0 where it gives a date or nothing."""
    try:
        return max(0.0, float(header))
    except ValueError:
        return 0.0


def describe(exc: Exception) -> str:
    """What an exception says, or its name."""
    return str(exc) or type(exc).__name__
