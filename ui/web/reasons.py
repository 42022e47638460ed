"""Why a source could not be read or an order was refused, in the language of the page."""

from __future__ import annotations

import string
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, word_data
from konkyo.ui.web.i18n import Language

__all__ = ["reason_words"]

_Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Reason:
    en: _Text
    ja: _Text
    ko: _Text
    zh: _Text


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Reasons:
    reasons: tuple[_Reason, ...]


def reason_words(reason: str, language: Language) -> str:
    """Returns a reason in a language; one that has no words there stays in English."""
    if language == "en":
        return reason
    for known in word_data(_Reasons, "reasons", "konkyo.ui.web").reasons:
        facts = _facts(known.en, reason)
        if facts is not None:
            words: str = getattr(known, language)
            if "reason" in facts:
                facts["reason"] = reason_words(facts["reason"], language)
            return words.format_map(facts)
    return reason


def _facts(template: str, text: str) -> dict[str, str] | None:
    """Returns what stands in a text for each {name} of a template; None where it does not fit."""
    facts: dict[str, str] = {}
    name: str | None = None
    parts = list(string.Formatter().parse(template))
    for number, (literal, following, _, _) in enumerate(parts, 1):
        ends = number == len(parts) and following is None
        at = len(text) - len(literal) if ends else text.find(literal) if literal else len(text)
        if at < 0 or not text.startswith(literal, at) or (at > 0) != (name is not None):
            return None
        if name is not None:
            facts[name] = text[:at]
        text, name = text[at + len(literal) :], following
    if name is not None:
        facts[name] = text
    return facts
