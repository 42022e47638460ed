"""Dates of running text that no line breaks; the text itself stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from html import escape

from konkyo.index.text.dates import dates

__all__ = ["Span", "date_spans", "whole_dates", "whole_within"]

Span = tuple[int, int]
"""Start and end in code points."""

_LONGEST = 24
"""A longer date may be wider than the page."""

_GRAINS = frozenset({"day", "month", "year"})


@lru_cache(4096)
def date_spans(text: str, language: str | None) -> tuple[Span, ...]:
    """Returns where a text of a language has dates of figures and words, such as 3月19日."""
    found = dates(text, language=language.lower() if language else None)
    return tuple((m.start, m.end) for m in found if m.grain in _GRAINS and _may_break(m.text))


def _may_break(said: str) -> bool:
    figures = sum(map(str.isnumeric, said))
    return 0 < figures < len(said) <= _LONGEST and "\n" not in said


def whole_dates(text: str, language: str | None) -> str:
    """Returns a text as HTML in which no line breaks within a date."""
    return whole_within(text, 0, len(text), date_spans(text, language))


def whole_within(text: str, start: int, end: int, spans: Sequence[Span]) -> str:
    """Returns a part of a text as HTML; no line breaks within ``spans`` of the text."""
    pieces, done = [], start
    for left, right in spans:
        left, right = max(left, start), min(right, end)
        if left < right:
            kept = escape(text[left:right])
            pieces += [escape(text[done:left]), f'<span class="k-whole">{kept}</span>']
            done = right
    return "".join(pieces) + escape(text[done:end])
