"""Links into a page at the words of a quote (URL Fragment Text Directives)."""

from __future__ import annotations

import re
from urllib.parse import quote as percent_encoded

__all__ = ["text_fragment"]

_LONGEST_WHOLE = 80
_SHORTEST_END = 20
# A browser finds only what begins and ends with a word: text is cut at spaces and after marks.
_CUT = re.compile(r"\s+|(?<=[、。，．！？；：」』）])(?=\S)")
_MARKS = " \t\r\n、。，．！？；："


def text_fragment(quote: str) -> str:
    """Returns ``#:~:text=…`` for a quote; nothing where it has no words.

    A quote that is long or runs over several paragraphs is given by its start and its end.
    """
    lines = [" ".join(line.split()) for line in quote.splitlines() if line.strip()]
    if not any(character.isalnum() for character in quote):
        return ""
    if len(lines) == 1 and len(lines[0]) <= _LONGEST_WHOLE:
        return f"#:~:text={_encoded(lines[0])}"
    start, end = _head(lines[0]), _tail(lines[-1])
    if len(lines) == 1 and len(start) + len(end) >= len(lines[0]):
        return f"#:~:text={_encoded(lines[0])}"
    return f"#:~:text={_encoded(start)},{_encoded(end)}"


def _head(line: str) -> str:
    cuts = (m.start() for m in _CUT.finditer(line) if m.start() >= _SHORTEST_END)
    return line[: next(cuts, len(line))].rstrip(_MARKS)


def _tail(line: str) -> str:
    cuts = [m.end() for m in _CUT.finditer(line) if len(line) - m.end() >= _SHORTEST_END]
    return line[cuts[-1] if cuts else 0 :]


def _encoded(text: str) -> str:
    """Percent-encodes text, also what separates the parts of a text directive: - , and &."""
    return percent_encoded(text, safe="").replace("-", "%2D")
