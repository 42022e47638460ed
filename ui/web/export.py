"""A conversation as a file or as text: Markdown, JSON and what the copy button gives."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from konkyo.rag.generation.output_format import notice_lines
from konkyo.rag.short_answer.frame import framed_text
from konkyo.rag.types import Answer, Claim, Outcome, to_json
from konkyo.ui.web.html.elements import safe_url, turn_notes
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.turns import Turn

__all__ = ["MARK_IN_TEXT", "as_json", "as_markdown", "file_name", "plain_answer"]

MARK_IN_TEXT = re.compile(r"(?<!\s)\s*+[\[［【](\d{1,3})[\]］】]")
"""The number of a source that a model wrote into a sentence."""

_NO_FILE_NAME = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u200e\u200f\u2028-\u202e\u2066-\u2069]')
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|\Z)", re.IGNORECASE)
_NAME_LIMIT = 60

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


def _plain(text: str) -> str:
    """Returns text as one line of Markdown in which nothing is markup."""
    flat = " ".join(text.split())
    escaped = _SPECIAL.sub(r"\\\1", flat)
    # What opens a list, a heading or a rule does so only at the start of a line.
    return re.sub(r"^(\d+)([.)])|^([+=-])", r"\1\\\2\3" if flat[:1].isdigit() else r"\\\3", escaped)


def as_markdown(turns: Sequence[Turn], language: Language) -> str:
    """Returns each finished turn: question, answer with its marks, notices, quotes with links.

    Notes, such as that a quote has changed since, are in ``language``.
    """
    parts = []
    for turn in turns:
        if turn.outcome is None:
            continue
        parts.append(f"## {_plain(turn.question)}\n")
        if not isinstance(turn.outcome, Answer):
            parts.append(f"*{_plain(turn.outcome.text)}*\n")
            parts += _quoted_notices(turn, turn.outcome, language)
            continue
        for claim in turn.outcome.claims:
            marks = "".join(f"[^{turn.number}-{n}]" for n in claim.citations)
            parts.append(f"{_plain(framed_text(claim))}{marks}\n")
        parts += _quoted_notices(turn, turn.outcome, language)
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


def _quoted_notices(turn: Turn, outcome: Outcome, language: Language) -> list[str]:
    """Returns the notices and notes of a turn, each as a block quote of Markdown."""
    told = (*outcome.notices, *turn_notes(turn, language))
    return [f"> {_plain(notice)}\n" for notice in told]


def as_json(turns: Sequence[Turn]) -> str:
    """Returns each finished turn as the object of ``konkyo ask --json``, in an array."""
    outcomes = [to_json(turn.outcome) for turn in turns if turn.outcome is not None]
    return json.dumps(outcomes, ensure_ascii=False, indent=2) + "\n"


def file_name(turns: Sequence[Turn], ending: str) -> str:
    """Returns the name of a file of turns: the first question, of letters every system takes."""
    question = next((turn.question for turn in turns if turn.outcome is not None), "")
    name = _NO_FILE_NAME.sub(" ", question)
    short = " ".join(name.split())[:_NAME_LIMIT].strip(" .")
    return f"{short if short and not _DEVICE.match(short) else 'konkyo'}.{ending}"


def plain_answer(turn: Turn, language: Language) -> str:
    """Returns an answer as plain text: sentences, notices, and its sources numbered in order.

    Notes, such as that a quote has changed since, are in ``language``.
    """
    if turn.outcome is None:
        return ""
    notices = notice_lines((*turn.outcome.notices, *turn_notes(turn, language)))
    told = [*notices, ""] if notices else []
    if not isinstance(turn.outcome, Answer):
        return "\n".join([turn.outcome.text, "", *told]).strip()
    cited = [number for claim in turn.outcome.claims for number in claim.citations]
    numbers = {old: new for new, old in enumerate(dict.fromkeys(cited), 1)}
    sentences = [_numbered(claim, numbers) for claim in turn.outcome.claims]
    lines = [turn.question, "", *sentences, "", *told]
    known = {citation.id: citation for citation in turn.outcome.citations}
    for old, new in numbers.items():
        if (citation := known.get(old)) is None:
            continue
        about = " · ".join(
            part for part in (citation.title, citation.outlet, citation.published) if part
        )
        lines.append(f"[{new}] “{citation.quote}” — {about}")
        url = safe_url(citation.url)
        if url:
            lines.append(f"    {url}")
    return "\n".join(lines)


def _numbered(claim: Claim, numbers: Mapping[int, int]) -> str:
    """Returns a sentence with the numbers of its sources, which stand in it or after it."""
    inside: set[int] = set()

    def renumbered(found: re.Match[str]) -> str:
        number = int(found[1])
        if number not in claim.citations:
            return found[0]
        inside.add(number)
        return f"[{numbers[number]}]"

    said = MARK_IN_TEXT.sub(renumbered, framed_text(claim))
    after = "".join(f"[{numbers[n]}]" for n in claim.citations if n not in inside)
    return f"{said} {after}".strip()
