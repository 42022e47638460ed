"""How a model over HTTP is held to lines of claims: by a grammar, by a JSON schema, or by reading.

Whatever a server supports, ``stream`` gives the same thing: lines of claims, each ended by the
numbers of its quotes. JSON is turned into such lines as each of its claims is complete. What a
model sends that is not what was asked for is passed on as it is, for
``konkyo.rag.generation.output_format`` to reject.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Literal

__all__ = [
    "JSON_NOTE",
    "Contract",
    "claims_schema",
    "json_as_lines",
    "without_thoughts",
]

Contract = Literal["auto", "grammar", "json", "lines"]

JSON_NOTE = (
    'Reply with JSON alone: {"claims": [{"text": "...", "quotes": [1]}]}.'
    ' Each line is one claim; "quotes" holds its numbers, which "text" does not repeat.'
)
_MOST_JSON = 20_000


def claims_schema(shown: int, *, lines: int = 3) -> dict[str, object]:
    """JSON schema for 1..``lines`` claims over quotes 1..``shown``.

    Kept to what strict servers accept: no bounds on the length of a string.
    """
    numbers = {"type": "integer", "enum": list(range(1, shown + 1))}
    claim = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "quotes": {"type": "array", "items": numbers, "minItems": 1, "maxItems": 2},
        },
        "required": ["text", "quotes"],
        "additionalProperties": False,
    }
    claims = {"type": "array", "items": claim, "minItems": 1, "maxItems": lines}
    return {
        "type": "object",
        "properties": {"claims": claims},
        "required": ["claims"],
        "additionalProperties": False,
    }


def without_thoughts(pieces: Iterable[str]) -> Iterator[str]:
    """Leave out what a model thinks aloud in ``<think>`` before it answers."""
    held = ""
    settled = False
    for piece in pieces:
        if settled:
            yield piece
            continue
        held += piece
        start = held.lstrip()
        if start.startswith("<think>"):
            _, ended, after = start.partition("</think>")
            if not ended:
                continue
            held = after.lstrip()
        elif "<think>".startswith(start):
            continue
        settled = True
        if held:
            yield held
    if not settled and held and not held.lstrip().startswith("<think>"):
        yield held


def json_as_lines(pieces: Iterable[str]) -> Iterator[str]:
    """Claims sent as JSON become lines as each is complete; anything else passes unchanged.

    A claim that was cut off is dropped.
    """
    held = ""
    shape: Literal["unknown", "json", "text"] = "unknown"
    for piece in pieces:
        if shape == "text":
            yield piece
            continue
        held += piece
        if shape == "unknown":
            start = held.lstrip()
            if not start:
                continue
            fence = "```"
            if start[0] != "{" and not (fence.startswith(start[:3]) and start[:3]):
                shape = "text"
                yield held
                continue
            if start[0] != "{" and "{" not in start:
                continue
            shape = "json"
            held = start
        lines, held = _complete(held)
        yield from lines
        if len(held) > _MOST_JSON:
            return
    if shape == "unknown" and held.strip():
        yield held


_DECODER = json.JSONDecoder()
_CLAIM = re.compile(r"\{(?=\s*\"(?:text|quotes)\")")


def _complete(held: str) -> tuple[list[str], str]:
    """The lines of all whole claims at the head of ``held``, and what is left."""
    lines: list[str] = []
    while match := _CLAIM.search(held):
        try:
            claim, end = _DECODER.raw_decode(held, match.start())
        except (ValueError, RecursionError):  # The latter: nested thousands deep.
            return lines, held[match.start() :]
        lines.append(_line(claim))
        held = held[end:]
    return lines, held


def _line(claim: object) -> str:
    fields = claim if isinstance(claim, dict) else {}
    text = " ".join(str(fields.get("text", "")).split())
    quotes = fields.get("quotes")
    numbers = [q for q in quotes if isinstance(q, int)] if isinstance(quotes, list) else []
    return text + (" " if text else "") + "".join(f"[{n}]" for n in numbers) + "\n"
