"""Text between two marks, taken away or freed of its marks in one pass over the text.

A regular expression that looks from every opening mark for its closing one takes time as the
square of the text's length where nothing is closed; here every closing mark is looked up once.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from functools import lru_cache

__all__ = ["without_between", "without_emphasis"]


def without_between(text: str, opening: str, closing: str) -> str:
    """A text without what stands from each opening mark to the next closing one."""
    kept: list[str] = []
    at = 0
    while True:
        start = text.find(opening, at)
        end = text.find(closing, start + len(opening)) if start >= 0 else -1
        if end < 0:
            return "".join(kept) + text[at:]
        kept.append(text[at:start])
        at = end + len(closing)


def without_emphasis(line: str, marks: tuple[str, ...]) -> str:
    """A line of Markdown without the pairs of some marks; of two that fit, the first named counts.

    Underscores of which the list holds a single one mark whole words only.
    """
    closings = {mark: _closings(line, mark, whole="_" in marks) for mark in marks if mark in line}
    kept: list[str] = []
    at = place = 0
    while closings and (found := _first_mark(tuple(closings)).search(line, place)):
        start = place = found.start()
        for mark, ends in closings.items():
            inner = start + len(mark)
            if not _opens(line, mark, start, whole="_" in marks):
                continue
            number = bisect_left(ends, inner + 1)
            if number < len(ends):
                kept += [line[at:start], line[inner : ends[number]]]
                at = place = ends[number] + len(mark)
                break
        else:
            place += 1
    return "".join(kept) + line[at:]


@lru_cache(maxsize=32)
def _first_mark(marks: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, marks)))


def _opens(line: str, mark: str, start: int, *, whole: bool) -> bool:
    inner = start + len(mark)
    if not line.startswith(mark, start) or line[inner : inner + 1].strip() == "":
        return False
    return not (whole and "_" in mark and start > 0 and _in_word(line[start - 1]))


def _closings(line: str, mark: str, *, whole: bool) -> list[int]:
    """Where a mark stands that can close: after a letter, not after a space."""
    return [
        found.start()
        for found in re.finditer(f"(?={re.escape(mark)})", line)
        if found.start() > 0
        and not line[found.start() - 1].isspace()
        and not (
            whole
            and "_" in mark
            and _in_word(line[found.start() + len(mark) : found.start() + len(mark) + 1])
        )
    ]


def _in_word(letter: str) -> bool:
    return letter == "_" or letter.isalnum()
