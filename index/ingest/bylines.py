"""What a byline tells: date, address, author and outlet."""

from __future__ import annotations

import re

from konkyo.index.text.dates import ParsedDate

__all__ = ["AUTHOR", "OUTLET", "credit", "first_url", "published"]

_URL = re.compile(r"https?://[^\s<>「」（）]+")


def published(stamps: list[ParsedDate]) -> ParsedDate | None:
    """The first date, with the time of another of the same day if the first has none."""
    if not stamps:
        return None
    first = stamps[0]
    return next((s for s in stamps if s.day == first.day and s.at is not None), first)


def first_url(text: str) -> str | None:
    found = _URL.search(text)
    return found.group() if found else None


_NAME = r"\s*+(?:[:：]\s*+)?([^|｜\d:：\s][^|｜\d:：]{1,58}?)(?=\s*+(?:[|｜\d]|$)|\s++(?:来源|來源|作者|记者|記者|编辑|編輯|责任编辑)[:：])"
AUTHOR = re.compile(
    r"(?:投稿者|執筆者?|著者|筆者|作者|记者|記者|作成者|작성자|글쓴이|\b(?:(?:written |posted )?by|author|von|par|por)\b)"
    + _NAME
    + r"|^(\S{2,4})\s기자",
    re.IGNORECASE,
)
OUTLET = re.compile(r"(?:来源|來源|配信|출처)" + _NAME)


def credit(pattern: re.Pattern[str], text: str) -> str | None:
    """The name a byline gives, or None."""
    found = pattern.search(text)
    if found is None:
        return None
    name = next(group for group in found.groups() if group is not None).strip(" -–—,、/・")
    return name if 2 <= len(name) <= 60 else None
