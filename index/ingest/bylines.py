"""What a byline tells: date, address, author and outlet."""

from __future__ import annotations

import re

from konkyo.index.ingest.vocabulary import shipped_vocabulary
from konkyo.index.text.header_dates import ParsedDate

__all__ = ["AUTHOR", "OUTLET", "credit", "first_url", "published"]

_URL = re.compile(r"https?://[^\s<>「」（）]+")


def published(stamps: list[ParsedDate]) -> ParsedDate | None:
    """The first date, with the time of another of the same day if the first has none."""
    if not stamps:
        return None
    first = stamps[0]
    return next((s for s in stamps if s.day == first.day and s.at is not None), first)


def first_url(text: str) -> str | None:
    """Return the first web address in a line, or None."""
    found = _URL.search(text)
    return found.group() if found else None


_VOCABULARY = shipped_vocabulary()
_NAME = (
    r"\s*+(?:[:：]\s*+)?([^|｜\d:：\s][^|｜\d:：]{1,58}?)"
    rf"(?=\s*+(?:[|｜\d]|$)|\s++{_VOCABULARY.name_end}[:：])"
)
AUTHOR = re.compile(
    rf"{_VOCABULARY.credited_author}{_NAME}|^(\S{{2,4}})\s{_VOCABULARY.author_title}", re.IGNORECASE
)
OUTLET = re.compile(rf"{_VOCABULARY.credited_outlet}{_NAME}")


def credit(pattern: re.Pattern[str], text: str) -> str | None:
    """The name a byline gives, or None."""
    found = pattern.search(text)
    if found is None:
        return None
    name = next(group for group in found.groups() if group is not None).strip(" -–—,、/・")
    return name if 2 <= len(name) <= 60 else None
