"""Claims and evidence read for their facts, and what is said of each fact of a claim."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal, Protocol, TypeVar

from konkyo.index.text.alignment import Alignment, Change
from konkyo.index.text.dates import dates
from konkyo.index.text.moments import Moment
from konkyo.index.text.normalize import fold
from konkyo.index.text.quantities import Quantity, quantities
from konkyo.rag.thresholds import Thresholds

__all__ = [
    "Compared", "Extent", "FactIssue", "FactKind", "FactMatch", "Source", "Text", "changes_at",
    "laid_over", "overlapping", "read", "verbatim",
]  # fmt: skip

FactKind = Literal["number", "date", "name", "negation", "quotation"]
Extent = tuple[int, int]

_LATIN = "a-zß-ɏ"
"""Folded Latin letters, as a range of a regular expression."""


@dataclass(frozen=True, slots=True)
class FactIssue:
    """One fact of a claim that the evidence does not bear out: ``claim[start:end] == text``."""

    kind: FactKind
    text: str
    start: int
    end: int
    detail: str


@dataclass(frozen=True, slots=True)
class FactMatch:
    """One fact found in evidence number ``evidence`` (from 0), with both spans."""

    kind: FactKind
    text: str
    start: int
    end: int
    evidence: int
    evidence_start: int
    evidence_end: int


class _Bounded(Protocol):
    """Anything that begins and ends in a text."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


Stretch = TypeVar("Stretch", bound=_Bounded)
Compared = tuple[list[FactIssue], list[FactMatch]]


@dataclass(frozen=True, slots=True)
class Text:
    """A claim or one evidence text with its numbers and dates."""

    text: str
    folded: str
    language: str
    published: date | None
    quantities: tuple[Quantity, ...]
    moments: tuple[Moment, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """One evidence with its article's title, and the claim laid over it in one language."""

    read: Text
    title: str
    same: bool
    laid: Alignment | None
    thresholds: Thresholds

    def is_clear(self, change: Change) -> bool:
        """Whether there is agreement on both sides of a difference, so that it replaces."""
        return min(change.left, change.right) >= self.thresholds.replaced


@lru_cache(maxsize=512)
def read(text: str, language: str, published: date | None) -> Text:
    """Reads numbers and dates; what is part of a date is no number, and "1435 mm" is no year."""
    counted = quantities(text, language)
    measured = [q for q in counted if q.unit is not None and q.kind != "year"]
    moments = tuple(
        m
        for m in dates(text, published, language)
        if m.grain != "year"
        or m.relative is not None
        or not any(q.start <= m.start and m.end <= q.end for q in measured)
    )
    dated = [m for m in moments if m.grain != "ago"]
    free = tuple(q for q in counted if not overlapping(q.start, q.end, dated))
    return Text(text, fold(text), language, published, free, moments)


def overlapping(start: int, end: int, spans: Sequence[Stretch]) -> list[Stretch]:
    """Returns the spans that share at least a character with ``start:end``."""
    return [span for span in spans if start < span.end and span.start < end]


def verbatim(source: Text, text: str, *, cased: bool = False) -> Extent | None:
    """Returns where a text stands as it is, not inside a longer number or Latin word.

    ``cased``: in the same case, too; the verb "may" is not the month.
    """
    for found in re.finditer(_as_whole_word(fold(text)), source.folded):
        if not cased or _same_case(text, source.text[slice(*found.span())]):
            return found.span()
    return None


def _as_whole_word(folded: str) -> str:
    """The regular expression that finds a folded text, not inside a longer number or Latin word."""
    before = f"(?<![{_LATIN}])" if re.match(f"[{_LATIN}]", folded) else ""
    after = f"(?![{_LATIN}])" if re.match(f"[{_LATIN}]", folded[-1:]) else ""
    return rf"(?<![\d.,]){before}{re.escape(folded)}{after}(?!\d|[.,]\d)"


def _same_case(one: str, other: str) -> bool:
    return all(a.isupper() == b.isupper() for a, b in zip(one, other, strict=True))


def laid_over(source: Source) -> Sequence[Change]:
    """Returns the differences of a claim that lies over a sentence of the evidence, else none."""
    laid = source.laid
    return laid.changes if laid and laid.share >= source.thresholds.laid_over else ()


def changes_at(start: int, end: int, source: Source) -> list[Change]:
    """Returns the clear replacements that touch a span of the claim."""
    return [
        c
        for c in laid_over(source)
        if c.start < end
        and start < c.end
        and source.is_clear(c)
        and 0 < c.evidence_end - c.evidence_start <= 2 * (c.end - c.start) + 8
    ]
