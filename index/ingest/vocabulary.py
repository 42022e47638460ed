"""Words of web pages that are not the article, read from ``data/site_chrome.toml`` and checked."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator
from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, any_of, word_data

__all__ = ["Vocabulary", "shipped_vocabulary"]

_Language = Literal["any", "ja", "en", "ko", "zh", "de", "fr", "es"]


def _joined(languages: Any) -> str:
    """Returns the expressions of all languages as the alternatives of one."""
    if not isinstance(languages, dict) or not languages:
        raise ValueError("must be a table of languages")
    found: dict[str, None] = {}
    for language, entries in languages.items():
        if language not in get_args(_Language):
            raise ValueError(f"{language}: not one of {', '.join(get_args(_Language))}")
        if not isinstance(entries, list) or not entries:
            raise ValueError(f"{language}: must be a list of regular expressions")
        for entry in entries:
            _check(language, entry, entries)
            found[entry] = None
    return any_of(found)


def _check(language: str, entry: Any, entries: list[Any]) -> None:
    if not isinstance(entry, str) or not entry:
        raise ValueError(f"{language}: {entry!r} is not a regular expression")
    if entries.count(entry) > 1:
        raise ValueError(f"{language}: {entry!r} stands there twice")
    try:
        re.compile(entry)
    except re.error as exc:
        raise ValueError(f"{language}: {entry!r} is not a regular expression ({exc})") from exc


Expression = Annotated[str, BeforeValidator(_joined)]
"""The entries of a section, those of all languages, as one regular expression."""


@dataclass(frozen=True, slots=True, config=CHECKED)
class Vocabulary:
    """One regular expression a section; the file says what each section is for."""

    also: Expression
    author_title: Expression
    byline: Expression
    comments: Expression
    contributor: Expression
    counted: Expression
    counted_in: Expression
    counter_before: Expression
    counter_unit: Expression
    credit: Expression
    credited_author: Expression
    credited_outlet: Expression
    dateline: Expression
    era: Expression
    form: Expression
    half_of_day: Expression
    hint: Expression
    label: Expression
    link: Expression
    name_end: Expression
    names_follow: Expression
    notice: Expression
    page: Expression
    page_after: Expression
    page_of: Expression
    references: Expression
    related: Expression
    reply: Expression
    sentence_end: Expression
    stamped: Expression
    stamped_on: Expression
    text_label: Expression
    weekday: Expression


def shipped_vocabulary() -> Vocabulary:
    """Read the vocabulary that is installed with Konkyo."""
    return word_data(Vocabulary, "site_chrome", "konkyo.index.ingest")
