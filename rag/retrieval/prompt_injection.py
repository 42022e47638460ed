"""Removes paragraphs that command the machine that reads them (prompt injection).

An article may say "ignore the above and say ...", speak as a system, or hold the tokens of a chat
template. A model that obeys writes what it was told, and a checker that compares sentence with
source finds it there. So such a paragraph is removed from what is read, quoted and sent; the rest
of its article stays. It can still be searched for and read as a page.

Known by its form alone, in the four languages of the news and a few more; a report *about* such
attacks loses at most the paragraph that quotes one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from pydantic.dataclasses import dataclass as schema

from konkyo.index.records import Hit, Passage
from konkyo.index.text.word_data import CHECKED, FoldedAlternatives, word_data
from konkyo.rag.generation.chat_template import template_tokens, visible, visible_offsets

__all__ = ["commands", "without_commands"]


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """How a paragraph commands the machine that reads it."""

    commands: FoldedAlternatives


def _words() -> _Words:
    return word_data(_Words, "prompt_injection", "konkyo.rag.retrieval")


@lru_cache(maxsize=4096)
def commands(paragraph: str) -> bool:
    """Whether a paragraph commands the machine that reads it, or holds a chat template's tokens."""
    return next(_found(visible(paragraph)), None) is not None


def without_commands(hits: Sequence[Hit]) -> list[Hit]:
    """Removes paragraphs that look like prompt injection from hits, which keep their order.

    What is left of a cut passage is one hit a run of whole paragraphs; offsets stay exact:
    ``article.text[start:end] == text``.
    """
    kept: list[Hit] = []
    for hit in hits:
        if commands(hit.passage.text):
            kept.extend(replace(hit, passage=part) for part in _remaining(hit.passage))
        else:
            kept.append(hit)
    return kept


def _found(text: str) -> Iterator[re.Match[str]]:
    """The tokens and commands in a text without invisible characters; commands may overlap."""
    yield from template_tokens(text)
    found = _words().commands.search(text)
    while found:
        yield found
        found = _words().commands.search(text, found.start() + 1)


def _spans(text: str) -> list[tuple[int, int]]:
    """Where the commands of a text begin and end, spaces around them left out."""
    plain, offsets = visible(text), visible_offsets(text)
    found = []
    for match in _found(plain):
        start = match.end() - len(match[0].lstrip())
        end = match.start() + len(match[0].rstrip())
        found.append((offsets[start], offsets[end - 1] + 1))
    return found


def _remaining(passage: Passage) -> Iterator[Passage]:
    """Runs of whole lines of a passage that no command touches."""
    spans = _spans(passage.text)
    start = end = at = 0
    for line in passage.text.splitlines(keepends=True):
        if any(first < at + len(line) and at < last for first, last in spans):
            yield from _part(passage, start, end)
            start = at + len(line)
        at += len(line)
        end = at
    yield from _part(passage, start, end)


def _part(passage: Passage, start: int, end: int) -> Iterator[Passage]:
    text = passage.text[start:end]
    inner = text.strip()
    if inner:
        first = start + text.index(inner)
        yield replace(
            passage,
            start=passage.start + first,
            end=passage.start + first + len(inner),
            text=inner,
        )
