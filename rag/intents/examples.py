"""The examples that intents are learned from, and what of an utterance is their frame."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from typing import Literal, get_args

from pydantic import field_validator
from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.periods import period_in_question
from konkyo.index.text.word_data import CHECKED, word_data

__all__ = [
    "INTENTS",
    "Intent",
    "as_example",
    "examples",
    "examples_fingerprint",
    "subject_named",
    "subject_of",
]

Intent = Literal[
    "question",
    "definition",
    "summary",
    "timeline",
    "latest",
    "collection",
    "articles_about",
    "abilities",
    "greeting",
    "thanks",
]
INTENTS: tuple[Intent, ...] = get_args(Intent)

_OF_SUBJECT: tuple[Intent, ...] = ("timeline", "summary", "definition", "articles_about")
_END = " ?？.。!！"
_SLOT = re.compile(r"\{[xp]\}")
_FILLED = 4
_QUESTIONS_FILLED = 2
_SHORTEST_FRAME = 2
_FAR_AHEAD = date(2100, 1, 1)


@schema(frozen=True, config=CHECKED)
class _Examples:
    """Utterances by intent and language; {x} is one of ``things``, {p} one of ``people``.

    ``frames`` are regular expressions by intent, with {x} for what an utterance is about;
    ``subject`` find in a question for articles what they are about.
    """

    things: dict[str, list[str]]
    people: dict[str, list[str]]
    subject: tuple[re.Pattern[str], ...]
    frames: dict[Intent, list[str]]
    examples: dict[Intent, dict[str, list[str]]]

    @field_validator("examples")
    @classmethod
    def _complete(cls, given: Mapping[str, object]) -> Mapping[str, object]:
        if missing := set(INTENTS) - set(given):
            raise ValueError(f"no examples of {', '.join(sorted(missing))}")
        return given


def _data() -> _Examples:
    return word_data(_Examples, "examples", "konkyo.rag.intents")


def examples() -> Iterator[tuple[Intent, str, str]]:
    """Yields intent, template and utterance; templates with slots give several utterances."""
    for intent, languages in _data().examples.items():
        number = 0
        for language, templates in languages.items():
            things, people = _data().things[language], _data().people[language]
            most = _QUESTIONS_FILLED if intent == "question" else _FILLED
            for template in templates:
                choices = [len(things)] * ("{x}" in template) + [len(people)] * ("{p}" in template)
                for fill in range(min(most, max(choices, default=1))):
                    # Other words for the next template, so that none belongs to one intent.
                    at = 2 * fill + number
                    filled = {"x": things[at % len(things)], "p": people[at % len(people)]}
                    yield intent, template, template.format(**filled)
                number += 1


def examples_fingerprint() -> str:
    """Twelve hexadecimal digits that change with any example, frame or pattern of a subject."""
    data = _data()
    # A pattern's own repr is cut short.
    told = repr((data, [pattern.pattern for pattern in data.subject]))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def as_example(utterance: str) -> Intent | None:
    """The intent of an utterance that is an example or frame of it but for its slot, if any."""
    plain = utterance.strip(_END)
    of_period = _filled("latest").fullmatch(plain)
    if of_period and any(map(_is_period, filter(None, of_period.groups()))):
        return "latest"
    return next((i for i in _OF_SUBJECT if _filled(i).fullmatch(plain)), None)


def _is_period(text: str) -> bool:
    """Whether a text names a period that has begun by the day below, and nothing else."""
    period = period_in_question(text, _FAR_AHEAD)
    return period is not None and not any(
        map(str.isalnum, text[: period.start] + text[period.end :])
    )


def subject_of(utterance: str, intent: Intent) -> str:
    """What an utterance is about: all of it but what the examples of its intent say, too."""
    found = _filled(intent).fullmatch(utterance.strip(_END)) if intent in _OF_SUBJECT else None
    if found is not None:
        return next(filled for filled in found.groups() if filled).strip()
    bare = _frame(intent).sub(" ", utterance)
    return " ".join(re.sub(r"[^\w\s-]+", " ", bare).split())


def subject_named(question: str) -> str | None:
    """What the articles asked for are about, where the words around it say so."""
    found = (pattern.search(question) for pattern in _data().subject)
    return next((match["subject"].strip() for match in found if match), None)


@cache
def _filled(intent: Intent) -> re.Pattern[str]:
    """The frames and examples of an intent with anything in their slot, one group each."""
    templates = [t for ts in _data().examples[intent].values() for t in ts if _SLOT.search(t)]
    # The one that leaves least to its slot first.
    templates.sort(key=len, reverse=True)
    pieces = [frame.split("{x}") for frame in _data().frames.get(intent, [])]
    pieces += [[re.escape(p) for p in _SLOT.split(t.strip(_END))] for t in templates]
    return re.compile("|".join(map("(.{2,120}?)".join, pieces)), re.IGNORECASE)


@cache
def _frame(intent: Intent) -> re.Pattern[str]:
    """The words around the slots of an intent's examples, the longest first."""
    pieces: set[str] = set()
    for templates in _data().examples[intent].values():
        for template in templates:
            if not _SLOT.search(template):
                continue
            for piece in _SLOT.split(template):
                pieces |= {piece.strip(), *piece.split()}
    plain = (re.sub(r"^[^\w]+|[^\w]+$", "", piece) for piece in pieces)
    found = sorted({p for p in plain if p and (len(p) >= _SHORTEST_FRAME or p.isascii())}, key=len)
    return re.compile("|".join(map(_whole, reversed(found))), re.IGNORECASE)


def _whole(piece: str) -> str:
    """A pattern of a piece that, where its script writes spaces, does not end within a word."""
    spaced = [c.isascii() or "À" <= c <= "ɏ" for c in (piece[0], piece[-1])]
    return (r"\b" if spaced[0] else "") + re.escape(piece) + (r"\b" if spaced[1] else "")
