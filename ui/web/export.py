"""A conversation as a file or as text: Markdown, JSON and what the copy button gives."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from konkyo.rag.short_answer.frame import framed_text
from konkyo.rag.types import Answer, to_json
from konkyo.ui.web.html.elements import safe_url
from konkyo.ui.web.turns import Turn

__all__ = ["as_json", "as_markdown", "plain_answer"]

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


def _plain(text: str) -> str:
    """Returns text as one line of Markdown in which nothing is markup."""
    flat = " ".join(text.split())
    escaped = _SPECIAL.sub(r"\\\1", flat)
    # What opens a list, a heading or a rule does so only at the start of a line.
    return re.sub(r"^(\d+)([.)])|^([+=-])", r"\1\\\2\3" if flat[:1].isdigit() else r"\\\3", escaped)


def as_markdown(turns: Sequence[Turn]) -> str:
    """Returns each finished turn: question, answer with its marks, and quotes with links."""
    parts = []
    for turn in turns:
        if turn.outcome is None:
            continue
        parts.append(f"## {_plain(turn.question)}\n")
        if not isinstance(turn.outcome, Answer):
            parts.append(f"*{_plain(turn.outcome.text)}*\n")
            continue
        for claim in turn.outcome.claims:
            marks = "".join(f"[^{turn.number}-{n}]" for n in claim.citations)
            parts.append(f"{_plain(framed_text(claim))}{marks}\n")
        notes = []
        for citation in turn.outcome.citations:
            about = [citation.title, citation.outlet, citation.published]
            place = " · ".join(_plain(part) for part in about if part)
            url = safe_url(citation.url)
            link = f" <{url.replace('<', '%3C').replace('>', '%3E')}>" if url else ""
            notes.append(
                f"[^{turn.number}-{citation.id}]: “{_plain(citation.quote)}” — {place}{link}"
            )
        parts.append("\n".join(notes) + "\n")
    return "\n".join(parts)


def as_json(turns: Sequence[Turn]) -> str:
    """Returns each finished turn as the object of ``konkyo ask --json``, in an array."""
    outcomes = [to_json(turn.outcome) for turn in turns if turn.outcome is not None]
    return json.dumps(outcomes, ensure_ascii=False, indent=2) + "\n"


def plain_answer(turn: Turn) -> str:
    """Returns the answer with its sources as plain text, for the copy button."""
    if not isinstance(turn.outcome, Answer):
        return turn.outcome.text if turn.outcome else ""
    lines = [turn.question, "", turn.outcome.text, ""]
    for citation in turn.outcome.citations:
        about = " · ".join(
            part for part in (citation.title, citation.outlet, citation.published) if part
        )
        lines.append(f"[{citation.id}] “{citation.quote}” — {about}")
        url = safe_url(citation.url)
        if url:
            lines.append(f"    {url}")
    return "\n".join(lines)
