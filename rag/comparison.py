"""A question that compares two things: "Which is larger, X or Y?", 「AとBではどちらが高いですか」.

What is asked is put to each of them as a question of its own ("How large is X?"). Found by the
words of ``data/comparison.toml``; no model is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.word_data import CHECKED, FoldedPattern, word_data
from konkyo.rag.question import AskedQuestion
from konkyo.rag.reading.answerability import asked_for, terms

__all__ = ["Side", "sides_asked", "sides_of"]


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """How one language compares; ``data/comparison.toml`` says what each finds."""

    sides: tuple[FoldedPattern, ...]
    rewritten: tuple[tuple[FoldedPattern, str], ...]
    whole: str
    topical: str
    stems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Side:
    """One of two things that are compared, and what is asked of it.

    ``own`` are the search terms of its name that the other has not.
    """

    name: str
    asked: AskedQuestion
    own: frozenset[str]


def _words() -> Mapping[str, _Words]:
    return word_data(dict[str, _Words], "comparison", "konkyo.rag")


def sides_asked(asked: AskedQuestion) -> tuple[Side, ...]:
    """Both sides of a comparison as questions of their own; none where nothing is compared."""
    found = sides_of(asked.text, asked.language)
    if not found:
        return ()
    (first, _), (second, _) = found
    return tuple(
        Side(
            name,
            replace(
                asked,
                text=question,
                standalone=question,
                searched=question,
                asks_one_fact=asked_for(question) is not None,
                before="",
            ),
            frozenset(terms(name) - terms(second if name == first else first)),
        )
        for name, question in found
    )


def sides_of(question: str, language: str) -> tuple[tuple[str, str], ...]:
    """The names of two things that are compared, each with its question; else none."""
    words = _words().get(language)
    if words is None:
        return ()
    found = next((m for p in words.sides if (m := p.search(question.strip()))), None)
    if found is None:
        return ()
    groups = {name: text.strip() for name, text in found.groupdict(default="").items()}
    sides = groups["a"], groups["b"]
    asked = [_asked_of(side, groups, words) for side in sides]
    if sides[0] == sides[1] or not all(asked):
        return ()
    return tuple(zip(sides, asked, strict=True))


def _asked_of(side: str, groups: Mapping[str, str], words: _Words) -> str:
    """What is asked, put to one side; nothing where no rule of the language fits."""
    topic = groups.get("topic", "")
    for pattern, put in words.rewritten:
        found = pattern.search(groups["asked"])
        if found is None:
            continue
        parts = {name: text or "" for name, text in found.groupdict().items()}
        if "like" in parts:
            parts["like"] = words.stems.get(parts["like"].lower(), parts["like"])
        asked = put.format(side=side, **parts)
        form = words.topical if topic else words.whole
        return form.format(side=side, topic=topic, asked=asked, marked=_marked(side))
    return ""


def _marked(side: str) -> str:
    """A word with the Korean particle of what is spoken of, which follows its last sound.

    Both stand behind a word whose sound is not written in Hangul.
    """
    last = ord(side[-1]) - ord("가")
    if not 0 <= last < 11172:
        return f"{side}은(는)"
    return f"{side}{'은' if last % 28 else '는'}"
