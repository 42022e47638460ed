"""Words of web pages that are not the article, read from ``data/site_chrome.toml`` and checked."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from konkyo.index.errors import DataFileError

__all__ = ["LANGUAGES", "SECTIONS", "Vocabulary", "parse_vocabulary", "shipped_vocabulary"]

LANGUAGES = frozenset({"any", "ja", "en", "ko", "zh", "de", "fr", "es"})
SECTIONS = frozenset(
    {
        *("also", "byline", "comments", "contributor", "counted", "counter_unit", "credit"),
        *("credited_author", "credited_outlet", "form", "hint", "label", "name_end", "notice"),
        *("references", "related", "reply", "stamped"),
    }
)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Regular expressions by section, those of all languages together."""

    entries: Mapping[str, tuple[str, ...]]

    def choice(self, section: str) -> str:
        """Return the entries of a section as the alternatives of one expression."""
        return f"(?:{'|'.join(self.entries[section])})"

    def pattern(self, section: str) -> re.Pattern[str]:
        """Return a compiled section; case is ignored."""
        return re.compile(self.choice(section), re.IGNORECASE)


def parse_vocabulary(text: str, name: str) -> Vocabulary:
    """Read a vocabulary in TOML; raise DataFileError, which names the file and the key."""
    try:
        sections = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise DataFileError(name, "", f"not valid TOML: {exc}") from exc
    for key in sorted(SECTIONS ^ set(sections)):
        known = "missing" if key in SECTIONS else "no section is called that"
        raise DataFileError(name, key, known)
    return Vocabulary({key: _entries(sections[key], name, key) for key in sections})


def _entries(languages: object, name: str, section: str) -> tuple[str, ...]:
    """Return the entries of one section after checking each."""
    if not isinstance(languages, dict) or not languages:
        raise DataFileError(name, section, "not a table of languages")
    found: list[str] = []
    for language, entries in languages.items():
        key = f"{section}.{language}"
        if language not in LANGUAGES:
            raise DataFileError(name, key, f"not one of {', '.join(sorted(LANGUAGES))}")
        if not isinstance(entries, list) or not entries:
            raise DataFileError(name, key, "not a list of regular expressions")
        for entry in entries:
            if not isinstance(entry, str) or not entry:
                raise DataFileError(name, key, f"{entry!r} is not a regular expression")
            if entries.count(entry) > 1:
                raise DataFileError(name, key, f"{entry!r} stands there twice")
        found.extend(entry for entry in entries if entry not in found)
    try:
        Vocabulary({section: tuple(found)}).pattern(section)
    except re.error as exc:
        key = _wrong_key(languages, section)
        raise DataFileError(name, key, f"not a regular expression ({exc})") from exc
    return tuple(found)


def _wrong_key(languages: Mapping[str, list[str]], section: str) -> str:
    """Return the key of the first entry that is no regular expression by itself."""
    for language, entries in languages.items():
        try:
            Vocabulary({section: tuple(entries)}).pattern(section)
        except re.error:
            return f"{section}.{language}"
    return section


@cache
def shipped_vocabulary() -> Vocabulary:
    """Read the vocabulary that is installed with Konkyo."""
    file = resources.files("konkyo.index.ingest").joinpath("data", "site_chrome.toml")
    return parse_vocabulary(file.read_text(encoding="utf-8"), str(file))
