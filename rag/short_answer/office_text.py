"""An office or post, said in another language."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, word_data
from konkyo.rag.spoken import ByLanguage

__all__ = ["office_text"]

_Forms = Annotated[tuple[str, ...], Field(min_length=1)]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """``data/offices.toml``: forms of each office; the first of a language is said."""

    offices: dict[str, ByLanguage[_Forms]]


def office_text(text: str, language: str, target: str) -> tuple[str, bool] | None:
    """Returns the office that ends a text, in another language, and whether it is all of it.

    The longest form counts: 国家主席 is no 主席. ``None`` where the text ends with no known one.
    """
    offices = word_data(_Words, "offices", "konkyo.rag.short_answer").offices.values()
    plain = text.casefold()
    found = [
        (form, office)
        for office in offices
        for form in office.by_language(language)
        if plain == form.casefold() or plain.endswith(_behind(form.casefold(), language))
    ]
    if not found:
        return None
    form, office = max(found, key=lambda one: len(one[0]))
    return office.by_language(target)[0], len(form) == len(text)


def _behind(form: str, language: str) -> str:
    """The form where something stands before it: a word of its own, where words have spaces."""
    return form if language[:2] in {"ja", "zh", "ko"} else f" {form}"
