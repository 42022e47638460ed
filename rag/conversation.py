"""Many turns: what a follow-up is about, from the turns before it. Pure; no model is asked.

A question that names its own subject is left alone, so that a change of topic is not polluted by
what came before. One that points back ("それはいつ？"), names nothing ("How many people died?")
or only names what to put in the place of something ("韓国は？") is completed from earlier
questions, never from answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.language import detect
from konkyo.index.text.names import Name, names
from konkyo.index.text.word_data import (
    CHECKED,
    Alternatives,
    FoldedAlternatives,
    FoldedPattern,
    word_data,
)
from konkyo.rag.reading.answerability import terms
from konkyo.rag.retrieval.evidence import token_cost
from konkyo.rag.thresholds import DEFAULT, Thresholds

__all__ = [
    "Turn",
    "cut_turns",
    "leans_on_history",
    "other_forms",
    "said_anew",
    "standalone",
    "topic_words",
]


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier question and the answer that was shown."""

    question: str
    answer: str


_LETTERS = 20_000
_HAN = re.compile(r"[一-龥]{1,8}")


@schema(frozen=True, slots=True, config=CHECKED)
class _Instead:
    """How one language asks only when, where or why of what was asked before."""

    asks: FoldedPattern
    asked: FoldedPattern


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """How a question leans on the turns before it.

    A question that begins as ``opens_back`` is about what was said; ``points_back`` counts only
    where nothing before it can be meant; ``ellipsis`` leaves out what is asked about but for what
    is new ("韓国は？", "中国呢？", "And Korea?"), and ``around`` is what stands around that.
    ``complete`` asks for the thing ("Xとは？"); ``asking_kana`` are Japanese words that ask and
    ends of questions; ``instead`` is by language.
    """

    opens_back: FoldedAlternatives
    points_back: FoldedAlternatives
    ellipsis: FoldedAlternatives
    around: FoldedAlternatives
    complete: Alternatives
    asking_han: Alternatives
    asking_kana: Alternatives
    hangul_asking: Alternatives
    small_words: frozenset[str]
    instead: dict[str, _Instead]


def _words() -> _Words:
    return word_data(_Words, "conversation", "konkyo.rag")


_HAN_RUN = re.compile(r"[一-龥々〆ヶ]{4,}")
_HANGUL_WORD = re.compile(r"[가-힣A-Za-z0-9]+")
_WORD = re.compile(r"[A-Za-zÀ-ɏ][\w'’-]*")


def cut_turns(
    history: Sequence[Turn], *, turns: int = 6, letters: int = _LETTERS
) -> tuple[Turn, ...]:
    """The newest turns that fit: at most ``turns`` of them, and ``letters`` code points in all."""
    kept: list[Turn] = []
    spent = 0
    for turn in reversed(history[-turns:] if turns > 0 else ()):
        spent += len(turn.question) + len(turn.answer)
        if spent > letters:
            break
        kept.insert(0, turn)
    return tuple(kept)


def leans_on_history(question: str, thresholds: Thresholds = DEFAULT) -> bool:
    """Whether a question cannot be understood alone."""
    question = question.strip()
    cost, short = token_cost(question), thresholds.follow_up_cost
    if _words().ellipsis.search(question) and not _words().complete.search(question):
        return True
    if _words().opens_back.search(question):
        return cost <= thresholds.follow_up_pointing * short
    if cost > thresholds.follow_up_naming * short:
        return False
    own = _subject(question)
    pointer = _words().points_back.search(question)
    if pointer is not None:
        return own is None or own >= pointer.start()
    return own is None


def _subject(question: str) -> int | None:
    """Where a question names something of its own, or None."""
    language = detect(question)
    found = [n.start for n in names(question, language)]
    if language in {"ja", "zh"}:
        plain = _words().asking_han.sub(lambda m: "　" * len(m.group()), question)
        found += [m.start() for m in _HAN_RUN.finditer(plain)]
    elif language == "ko":
        words = [
            m
            for m in _HANGUL_WORD.finditer(question)
            if not _words().hangul_asking.search(m.group()) and len(m.group()) > 1
        ]
        found += [words[0].start()] if len(words) >= 2 else []
    else:
        # Any first word has a capital.
        found = [start for start in found if start]
        words = [
            m for m in _WORD.finditer(question) if m.group().lower() not in _words().small_words
        ]
        found += [m.start() for m in words if m.start() and m.group()[0].isupper()]
        found += [words[0].start()] if len(words) >= 3 else []
    if re.search(r"(?<!第)\d{2,}", question):
        found.append(0)
    return min(found, default=None)


def standalone(question: str, history: Sequence[Turn], *, thresholds: Thresholds = DEFAULT) -> str:
    """The question with what it is about put before it, or as it is if it stands alone.

    A follow-up is understood through as many questions before it as it takes to reach one that
    stands alone, at most three. A bare "韓国は？" takes the place of the one name of its kind in
    the question before.
    """
    if not history or not leans_on_history(question, thresholds):
        return question
    replaced = _in_place(question, history[-1].question)
    if replaced is not None and not leans_on_history(replaced, thresholds):
        return replaced
    before: list[str] = []
    for turn in reversed(history):
        before.insert(0, turn.question)
        if not leans_on_history(turn.question, thresholds):
            break
        if len(before) >= thresholds.follow_up_turns:
            break
    return " ".join([*before, question])


def other_forms(
    question: str, history: Sequence[Turn], thresholds: Thresholds = DEFAULT
) -> tuple[str, ...]:
    """What a follow-up that was put behind the questions before it may ask in other words.

    A bare "when", "where" or "why" takes the place of what the question before asks for; else
    the question before about the one name that is new ("What about Korea?"), in the place of one
    of its first two; else the names of the question before with what is new ("高市 支持率"), and
    the follow-up behind all its words but those that ask: of two questions in a row a reader
    answers either.
    """
    if not history:
        return ()
    instead = _asked_instead(question, history[-1].question)
    if instead is not None:
        return (instead,)
    topical = f"{topic_words(history[-1].question)} {question.strip()}"
    before = next((t.question for t in reversed(history) if names(t.question)), "")
    if not before:
        return (topical,)
    new = _words().around.sub("", question.strip()).strip()
    language = detect(before)
    known, fresh = names(before, language), names(new, language)
    whole = len(fresh) == 1 and (fresh[0].start, _title(new, fresh[0], language)) == (0, len(new))
    if whole and _words().ellipsis.search(question):
        others = [n for n in known if n.text != fresh[0].text][: thresholds.follow_up_names]
        return tuple(_put(before, name, new, fresh[0]) for name in others)
    return " ".join([*dict.fromkeys(n.text for n in known), new]), topical


def topic_words(question: str) -> str:
    """The words of a question but those that ask, and those of grammar where spaces part them."""
    words, language = _words(), detect(question)
    if language in {"ja", "zh"}:
        left = words.asking_han.sub("", question)
        return (words.asking_kana.sub("", left) if language == "ja" else left).strip(" ？?。、，")
    if language == "ko":
        parted = (word.strip("?？,.") for word in question.split())
        return " ".join(word for word in parted if not words.hangul_asking.search(word))
    return " ".join(w for w in _WORD.findall(question) if w.lower() not in words.small_words)


def _asked_instead(question: str, before: str) -> str | None:
    """The question before with a bare "when", "where" or "why" for what it asks, if it can be."""
    words = _words().instead.get(detect(before))
    asks = words.asks.search(question.strip()) if words else None
    asked = words.asked.search(before) if words else None
    if asks is None or asked is None:
        return None
    word = asks["word"]
    word = word.capitalize() if asked.start() == 0 else word
    return before[: asked.start()] + word + before[asked.end() :]


def said_anew(question: str, before: str) -> frozenset[str]:
    """The search terms of a question that the one before it has not; those of grammar left out."""
    return frozenset(terms(question) - terms(before) - _words().small_words)


def _title(text: str, name: Name, language: str) -> int:
    """Where the Japanese title behind a name ends; where the name does in other languages."""
    title = _HAN.match(text, name.end) if language == "ja" else None
    return title.end() if title else name.end


def _put(text: str, name: Name, new: str, fresh: Name) -> str:
    """A text with a new name in the place of one, and with its title in that of a title."""
    language = detect(text)
    titled = _title(new, fresh, language) > fresh.end
    return text[: name.start] + new + text[_title(text, name, language) if titled else name.end :]


def _in_place(question: str, before: str) -> str | None:
    """The question before, with a bare new name in the place of the only one of its kind."""
    if not _words().ellipsis.search(question):
        return None
    language = detect(question)
    if language != detect(before):
        return None
    new = _words().around.sub("", question.strip()).strip()
    fresh, known = names(new, language), names(before, language)
    if len(fresh) != 1:
        return None
    alike = [n for n in known if n.kind == fresh[0].kind and n.text != fresh[0].text]
    if len(alike) != 1 or len({n.text for n in known if n.kind == fresh[0].kind}) != 1:
        return None
    name = fresh[0]
    told = new[name.start : _title(new, name, language)]
    return _put(before, alike[0], told, replace(name, start=0, end=name.end - name.start))
