"""The parts of a question that asks several things: "When … and how many …?", 「いつ、どこで」.

Found by the words that ask and what stands between them; no model is asked. Words that ask side by
side ("when and where") share what they ask about, so each part has it whole; elsewhere a part is a
clause of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, Alternatives, FoldedAlternatives, word_data
from konkyo.rag.conversation import leans_on_history, topic_words
from konkyo.rag.question import AskedQuestion
from konkyo.rag.reading.answerability import asked_for, terms
from konkyo.rag.thresholds import DEFAULT, Thresholds

__all__ = ["asks_for_several", "parts_asked", "parts_of"]

_END = re.compile(r"(?<=[?？])")
_JOINERS = " \t、,，;；"


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """How one language asks several things; ``data/parts.toml`` says what each pattern finds."""

    asking: FoldedAlternatives
    border: FoldedAlternatives
    beside: Alternatives
    circumstance: Alternatives
    lead: FoldedAlternatives
    several: FoldedAlternatives


def _words(language: str) -> _Words | None:
    return word_data(dict[str, _Words], "parts", "konkyo.rag").get(language)


def parts_asked(
    asked: AskedQuestion, thresholds: Thresholds = DEFAULT
) -> tuple[AskedQuestion, ...]:
    """The parts of a question as questions of their own; none where it asks one thing.

    A later part is read with what the first asks about before it ("How long was it?"), unless it
    says so itself. One that names nothing of its own is searched with the whole question.
    """
    parts = parts_of(asked.text, asked.language, thresholds)
    topic = topic_words(parts[0]) if parts else ""
    found = []
    for number, part in enumerate(parts):
        leans = leans_on_history(part, thresholds)
        says_topic = number == 0 or terms(topic) <= terms(part)
        found.append(
            replace(
                asked,
                text=part,
                standalone=part if says_topic else f"{topic} {part}",
                searched=asked.standalone if leans else part,
                asks_one_fact=asked_for(part) is not None,
                before=asked.standalone,
                other_forms=(part,) if number and not leans else (),
            )
        )
    return tuple(found)


def asks_for_several(question: str, language: str) -> bool:
    """Whether the one answer to a question may have several places: a list, why, how."""
    words = _words(language)
    return words is not None and words.several.search(question) is not None


def parts_of(question: str, language: str, thresholds: Thresholds = DEFAULT) -> tuple[str, ...]:
    """The texts of the parts, in order; none where it asks one thing, or too many."""
    words = _words(language)
    if words is None:
        return ()
    sentences = [s for s in map(str.strip, _END.split(question)) if _letter_count(s)]
    asked = all(s[-1] in "?？" and _letter_count(s) > thresholds.part_letters for s in sentences)
    if len(sentences) > 1 and asked:
        return tuple(sentences) if len(sentences) <= thresholds.parts else ()
    found = list(words.asking.finditer(question))
    borders = [b for b in (_border(question, a, z, words) for a, z in pairwise(found)) if b]
    if not borders or len(borders) >= thresholds.parts:
        return ()
    starts, ends = [0, *(b[1] for b in borders)], [*(b[0] for b in borders), len(question)]
    clauses = list(zip(starts, ends, strict=True))
    asking = [next(m for m in found if a <= m.start() < z) for a, z in clauses]
    return _whole(question, clauses, asking, words)


def _border(
    question: str, one: re.Match[str], other: re.Match[str], words: _Words
) -> tuple[int, int] | None:
    """Where one asked thing ends and the next begins, between two words that ask."""
    between = question[one.end() : other.start()]
    if words.beside.fullmatch(between):
        alone = all(words.circumstance.fullmatch(m.group()) for m in (one, other))
        # "From when to when" asks one thing.
        if between.strip() or (alone and one.group()[:2] != other.group()[:2]):
            return one.end(), other.start()
    borders = list(words.border.finditer(between))
    return (one.end() + borders[-1].start(), one.end() + borders[-1].end()) if borders else None


def _whole(
    question: str,
    clauses: Sequence[tuple[int, int]],
    asking: Sequence[re.Match[str]],
    words: _Words,
) -> tuple[str, ...]:
    """Each clause with what it shares with another: what they ask about, before or after it."""
    rests = [
        question[m.end() : z].strip(_JOINERS) for m, (_, z) in zip(asking, clauses, strict=True)
    ]
    leads = [
        question[a : m.start()].strip(_JOINERS) for m, (a, _) in zip(asking, clauses, strict=True)
    ]
    topic = "" if words.lead.fullmatch(leads[0]) else question[: asking[0].start()]
    parts = []
    for number, (start, end) in enumerate(clauses):
        match, lead, rest = asking[number], leads[number], rests[number]
        beside = [not one or bool(words.lead.fullmatch(one)) for one in (lead, leads[1])]
        own = number == 0 or not beside[0]
        whole = question[start:end] if own else topic + question[start:end].lstrip()
        if not _letter_count(rest) and beside[bool(not number)]:
            told = rests[1] if number == 0 else rests[0]
            space = " " if told[:1].isascii() or "가" <= told[:1] <= "힣" else ""
            whole = (question[start : match.end()] if own else topic + match.group()) + space + told
        parts.append(whole.strip(_JOINERS))
    return tuple(parts)


def _letter_count(text: str) -> int:
    return sum(char.isalnum() for char in text)
