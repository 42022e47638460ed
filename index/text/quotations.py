"""Pairs of quotation marks and brackets in a line, within which no sentence ends."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["BRACKETS", "CLOSE", "OPEN", "Quotations", "quotations"]

Span = tuple[int, int]

_PAIRS = dict(zip("「『（(“«【《〈［[„〝", "」』）)”»】》〉］]“〟", strict=True))
OPEN = frozenset(_PAIRS)
CLOSE = frozenset(_PAIRS.values()) | {"’", '"', "'", "›"}
BRACKETS = OPEN | frozenset(_PAIRS.values()) | {'"'}
"""Marks that ``quotations`` pairs."""

# A bracket that runs on for longer than this is a passage of its own: sentences inside it are cut.
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Quotations:
    """Outermost quotations of a line: offsets of both marks, ascending, none within another."""

    spans: tuple[Span, ...]

    def opens(self, offset: int) -> bool:
        """Whether a quotation begins at ``offset``."""
        last = self._last_before(offset + 1)
        return last is not None and last[0] == offset

    def within(self, offset: int) -> bool:
        """Whether a cut before ``offset`` would fall between two marks of a pair."""
        last = self._last_before(offset)
        return last is not None and offset <= last[1]

    def around(self, offset: int) -> Span | None:
        """The quotation that has ``offset`` between its marks."""
        last = self._last_before(offset)
        return last if last is not None and offset < last[1] else None

    def _last_before(self, offset: int) -> Span | None:
        number = bisect_left(self.spans, offset, key=lambda span: span[0]) - 1
        return self.spans[number] if number >= 0 else None


def quotations(marks: Iterable[tuple[str, int]]) -> Quotations:
    """The quotations of a line, of all its marks in order, each with its offset."""
    marks = list(marks)
    straight = [at for mark, at in marks if mark == '"']
    found = _paired(marks)
    if len(straight) % 2 == 0:
        found.extend(zip(straight[::2], straight[1::2], strict=True))
    outer: list[Span] = []
    for quote in sorted(q for q in found if q[1] - q[0] <= _LONGEST):
        if not outer or quote[0] > outer[-1][1]:
            outer.append(quote)
        elif quote[1] > outer[-1][1]:
            outer[-1] = (outer[-1][0], quote[1])
    return Quotations(tuple(outer))


def _paired(marks: Iterable[tuple[str, int]]) -> list[Span]:
    """Offsets of opening marks and of the marks that close them."""
    found: list[Span] = []
    stack: list[tuple[str, int]] = []
    awaited: Counter[str] = Counter()
    for mark, at in marks:
        if mark in OPEN and not (stack and stack[-1][0] == mark):
            stack.append((_PAIRS[mark], at))
            awaited[_PAIRS[mark]] += 1
        elif awaited[mark]:
            # Whatever was opened since the opener of this mark is stray.
            closer, start = stack.pop()
            awaited[closer] -= 1
            while closer != mark:
                closer, start = stack.pop()
                awaited[closer] -= 1
            found.append((start, at))
    return found
