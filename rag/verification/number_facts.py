"""Whether the evidence has the numbers of a claim."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from konkyo.index.text.moments import Moment
from konkyo.index.text.quantities import Quantity, quantities, same_quantity, unit_conflict
from konkyo.rag.verification.fact_sources import (
    Compared,
    Extent,
    FactIssue,
    FactMatch,
    Source,
    Text,
    changes_at,
    overlapping,
    verbatim,
)

__all__ = ["compare_numbers", "same_clock"]

_HAN_DIGITS = "〇一二三四五六七八九十"
_HAN_TWO = ("二", "两", "双", "両", "兩")


def compare_numbers(claim: Text, sources: Sequence[Source], question: str | None) -> Compared:
    """Returns which numbers of the claim no source has, and where the others stand."""
    issues: list[FactIssue] = []
    matches: list[FactMatch] = []
    asked = quantities(question) if question else []
    for quantity in claim.quantities:
        span = quantity.text, quantity.start, quantity.end
        others = [_instead(quantity, s) for s in sources]
        other = next((o for o in others if o), None)
        places = [(i, place) for i, s in enumerate(sources) if (place := _number_in(quantity, s))]
        clear = next((p for p in places if others[p[0]] is None), None)
        if clear:
            matches.append(FactMatch("number", *span, clear[0], *clear[1]))
        elif not places and not quantity.small and any(same_quantity(quantity, q) for q in asked):
            issues.append(FactIssue("number", *span, "the figure is only in the question"))
        elif other is not None and (not places or all(s.same for s in sources)):
            issues.append(FactIssue("number", *span, f"the evidence has {other} here"))
        elif not places and (not quantity.small or _counted(quantity, sources)):
            issues.append(FactIssue("number", *span, "the figure is not in the evidence"))
    return issues, matches


def _number_in(quantity: Quantity, source: Source) -> Extent | None:
    """Where the evidence gives the claim's number; ``None`` when it does not."""
    known = source.read.quantities
    found = next((q for q in known if same_quantity(quantity, q, convert=False)), None)
    if found is None and not any(q.unit == quantity.unit for q in known):
        found = next((q for q in known if same_quantity(quantity, q)), None)
    if found:
        return found.start, found.end
    if len(quantity.values) > 1:
        return _both_ends(quantity, known) or verbatim(source.read, quantity.text)
    return (
        _in_dates(quantity, source.read)
        or verbatim(source.read, quantity.text)
        or _in_han(quantity, source)
    )


def _both_ends(quantity: Quantity, known: Sequence[Quantity]) -> Extent | None:
    alike = [q for q in known if not unit_conflict(quantity, q)]
    ends = [next((q for q in alike if v in q.values), None) for v in quantity.values]
    found = [q for q in ends if q is not None]
    if len(found) < len(ends):
        return None
    return min(q.start for q in found), max(q.end for q in found)


def _in_dates(quantity: Quantity, read: Text) -> Extent | None:
    """A bare number may be part of a date, and minutes and seconds may be written as a clock."""
    value = quantity.values[0]
    for moment in read.moments:
        bare = quantity.unit in {None, "year"}
        if bare and value in {moment.year, moment.month, moment.day}:
            return moment.start, moment.end
        if same_clock(quantity, moment):
            return moment.start, moment.end
    return None


def same_clock(quantity: Quantity, moment: Moment) -> bool:
    """Whether minutes of a length of time are those of a clock: 1.5 minutes and 1:30."""
    if quantity.unit != "minute" or moment.clock is None:
        return False
    whole, part = divmod(moment.clock, 60)
    return abs(quantity.values[0] - (whole + Decimal(part) / 60)) < Decimal("0.01")


def _in_han(quantity: Quantity, source: Source) -> Extent | None:
    """Across languages, a small number may be any kanji numeral, whatever is counted."""
    value = quantity.values[0]
    if source.same or value != value.to_integral() or not 0 < value <= 10:
        return None
    forms = _HAN_TWO if value == 2 else (_HAN_DIGITS[int(value)],)
    at = next((at for form in forms if (at := source.read.folded.find(form)) >= 0), None)
    return None if at is None else (at, at + 1)


def _instead(quantity: Quantity, source: Source) -> str | None:
    """The number that the evidence has in this number's place, when it is another."""
    for change in changes_at(quantity.start, quantity.end, source):
        there = overlapping(change.evidence_start, change.evidence_end, source.read.quantities)
        if there and not any(same_quantity(quantity, q) for q in there):
            return there[0].text
    return None


def _counted(quantity: Quantity, sources: Sequence[Source]) -> bool:
    """Whether the evidence counts the same things and gets another number."""
    known = (q for source in sources for q in source.read.quantities)
    return quantity.unit is not None and any(
        (q.unit, q.kind) == (quantity.unit, quantity.kind) for q in known
    )
