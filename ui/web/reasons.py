"""Why something could not be read, ordered or asked of a model, in the language of the page."""

from __future__ import annotations

import string
from functools import cache, lru_cache
from itertools import chain
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, word_data
from konkyo.ui.web.i18n import Language, say

__all__ = ["reason_words", "template_facts"]

_Text = Annotated[str, Field(min_length=1)]

_REASONS = frozenset({"reason", "error"})
"""The facts of a reason that may be reasons themselves."""


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
    """Returns a reason in a language; one without words there as what the server said."""
    if language == "en" or not reason:
        return reason
    return _words(reason, language) or say(language, "error_said", reason=reason)


@lru_cache(4096)
def _words(reason: str, language: Language) -> str | None:
    for known in _known():
        facts = template_facts(known.en, reason)
        if facts is not None:
            words: str = getattr(known, language)
            for name in _REASONS & facts.keys():
                facts[name] = _words(facts[name], language) or facts[name]
            return words.format_map(facts)
    return None


@cache
def _known() -> tuple[_Reason, ...]:
    files = (word_data(_Reasons, name, "konkyo.ui.web") for name in ("reasons", "errors"))
    return tuple(chain.from_iterable(file.reasons for file in files))


def template_facts(template: str, text: str) -> dict[str, str] | None:
    """Returns what stands in a text for each {name} of a template; None where it does not fit."""
    first, *rest = _parts(template)
    if not text.startswith(first[0]):
        return None
    facts: dict[str, str] = {}
    at, name = len(first[0]), first[1]
    for literal, following in rest:
        # The last piece ends the text; each other one is taken where it first stands.
        end = text.find(literal, at) if following else len(text) - len(literal)
        if end < at or not text.endswith(literal, end, end + len(literal)):
            return None
        facts[name], at, name = text[at:end], end + len(literal), following
    return facts if at == len(text) else None


@cache
def _parts(template: str) -> tuple[tuple[str, str], ...]:
    """Returns the pieces of a template, each with the {name} behind it; the last has none."""
    pieces = [(literal, name or "") for literal, name, _, _ in string.Formatter().parse(template)]
    return (*pieces, ("", "")) if pieces[-1][1] else tuple(pieces)
