"""Prompts: pure functions of what is asked and shown; the words are in ``data/prompts.toml``.

The fixed part comes first and never varies within a language, so that an engine that caches
prompt prefixes reads it once. Quotes are data: they are fenced by their numbers, and nothing in
them is an instruction.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass as pydantic_dataclass

from konkyo.index.text.word_data import CHECKED, Alternatives, word_data
from konkyo.rag.spoken import Spoken, language_name, spoken
from konkyo.rag.types import Evidence

__all__ = [
    "Prompt",
    "PromptTable",
    "PromptWords",
    "claims_prompt",
    "prompts_fingerprint",
    "repair_prompt",
    "without_hint",
]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one call sends: a fixed system text, the user's turn, how many quotes it shows.

    ``lines`` is the most claims that may come back; ``least`` the fewest letters of one, so that
    a hint alone is no claim.
    """

    system: str
    user: str
    shown: int
    lines: int = 3
    least: int = 6


_Text = Annotated[str, Field(min_length=1)]


@pydantic_dataclass(config=CHECKED, frozen=True)
class PromptWords:
    """What a model is told in one language."""

    system: _Text
    ask: _Text
    answer: _Text
    hint: _Text
    repair: _Text


@pydantic_dataclass(config=CHECKED, frozen=True)
class PromptTable:
    """What a model is told, in the languages that have words of their own."""

    en: PromptWords
    ja: PromptWords
    ko: PromptWords
    zh: PromptWords
    leftovers: Alternatives


_TABLE = word_data(PromptTable, "prompts", "konkyo.rag.generation")
_WORDS: dict[Spoken, PromptWords] = {
    "en": _TABLE.en,
    "ja": _TABLE.ja,
    "ko": _TABLE.ko,
    "zh": _TABLE.zh,
}
_HINTED = re.compile(
    "|".join(
        re.escape(words.hint.strip()).replace(re.escape("{hint}"), r".{0,60}?")
        for words in _WORDS.values()
    )
)
_LABEL = re.compile(
    "^(?:"
    + "|".join(re.escape(words.answer) for words in _WORDS.values())
    + r"|Answer in [A-Z][a-z]+)\s*[:：]\s*"
)
_PARTICLE = re.compile(r"(?<=[\u30a1-\u30ff\u4e00-\u9fff0-9０-９%％])[のをがはにでとへ]$")


@cache
def prompts_fingerprint(table: PromptTable = _TABLE) -> str:
    """Twelve hexadecimal digits that change with any word of the prompts."""
    # The repr of a pattern leaves out what stands behind its first 200 characters.
    told = repr((table.en, table.ja, table.ko, table.zh, table.leftovers.pattern))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def without_hint(text: str) -> str:
    """Remove our own words, which a model sometimes repeats, from its sentence.

    The remark about the answer, the label of the answer's line, and what is left of "as stated in
    quote [1]" without its mark.
    """
    return _TABLE.leftovers.sub("", _LABEL.sub("", _HINTED.sub("", text))).strip()


def _words(language: str) -> PromptWords:
    """The words of a language; in English, with the name of the language, where it has none."""
    own = spoken(language)
    if own is not None:
        return _WORDS[own]
    english, name = _WORDS["en"], language_name(language, "en")
    return PromptWords(
        system=english.system.replace("English", name),
        ask=english.ask,
        answer=f"Answer in {name}",
        hint=english.hint,
        repair=english.repair,
    )


def _quotes(evidence: Sequence[Evidence]) -> str:
    lines = []
    for item in evidence:
        # Without the article's date: a small model takes it for the date of the event.
        lines.append(f"[{item.number}] {' '.join(item.text.split())}")
    return "\n".join(lines)


def claims_prompt(
    question: str,
    evidence: Sequence[Evidence],
    language: str,
    hint: str = "",
    *,
    lines: int = 3,
) -> Prompt:
    """Ask for up to ``lines`` claims over ``evidence``, in ``language``.

    ``hint`` is the part of a quote where the answer is thought to be.
    """
    words = _words(language)
    asked = " ".join(question.split())
    # Of 「約160人の」 a small model makes 「約160人のです」.
    hint = _PARTICLE.sub("", hint)
    if hint:
        asked += words.hint.format(hint=hint)
    user = f"{_quotes(evidence)}\n\n{words.ask}: {asked}\n{words.answer}:"
    return Prompt(words.system, user, len(evidence), lines, len(hint) + 4)


def repair_prompt(prompt: Prompt, failed: str, why: str, language: str) -> Prompt:
    """Ask once more, telling the model which sentence failed and why."""
    note = _words(language).repair.format(text=failed, why=why)
    return replace(prompt, user=f"{prompt.user}\n\n{note}")
