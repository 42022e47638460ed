"""The text of an answer as an OpenAI client gets it: its limits, marks and usage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from konkyo.rag.retrieval.evidence import token_cost
from konkyo.rag.types import Citation, Outcome
from konkyo.ui.web.html.elements import safe_url

__all__ = [
    "LimitedText",
    "url_citations",
    "usage",
]


def url_citations(text: str, citations: Sequence[Citation]) -> list[dict[str, object]]:
    """Where each citation's mark stands in a text, and what it cites; those without are left out.

    Each is an annotation of type ``url_citation``.
    """
    found: list[dict[str, object]] = []
    for citation in citations:
        mark = f"[{citation.id}]"
        start = text.find(mark)
        if start >= 0:
            address = safe_url(citation.url) or f"konkyo:article/{citation.article_id}"
            said = {
                "start_index": start,
                "end_index": start + len(mark),
                "title": citation.title,
                "url": address,
            }
            found.append({"type": "url_citation", "url_citation": said})
    return found


class LimitedText:
    """Passes pieces of text on until a stop sequence, or until the next has too many tokens.

    ``finish`` is why it ended, ``text`` all that was passed on.
    """

    def __init__(self, stops: Sequence[str], most_tokens: int | None) -> None:
        self._stops = stops
        self._most = math.inf if most_tokens is None else most_tokens
        # The beginning of a stop sequence is not sent before it is known to be none.
        self._hold = max((len(stop) for stop in stops), default=1) - 1
        self._held = ""
        self._spent = 0.0
        self._ended: Literal["stop", "length"] | None = None
        self.text = ""

    @property
    def finish(self) -> Literal["stop", "length"]:
        """Why the text ended."""
        return self._ended or "stop"

    def add(self, piece: str) -> str:
        """What can be sent when one more piece is there."""
        if self._ended is not None:
            return ""
        self._spent += token_cost(piece)
        if self._spent > self._most:
            ready = self.end()
            self._ended = "length"
            return ready
        self._held += piece
        places = [at for stop in self._stops if (at := self._held.find(stop)) >= 0]
        if places:
            self._held = self._held[: min(places)]
            ready = self.end()
            self._ended = "stop"
            return ready
        return self._pass(len(self._held) - self._hold)

    def end(self) -> str:
        """What was held back, when no piece follows."""
        return self._pass(len(self._held))

    def _pass(self, length: int) -> str:
        length = max(length, 0)
        ready, self._held = self._held[:length], self._held[length:]
        self.text += ready
        return ready


def usage(outcome: Outcome, asked: Sequence[str], text: str) -> dict[str, object]:
    """Tokens as the language model counted them; where it did not, or none wrote, an estimate.

    The estimate is of the messages and of the text.
    """
    counted = outcome.usage
    prompt = int(counted.get("prompt_tokens", 0)) or math.ceil(sum(map(token_cost, asked)))
    written = int(counted.get("completion_tokens", 0)) or math.ceil(token_cost(text))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": int(counted.get("cached_tokens", 0))},
    }
