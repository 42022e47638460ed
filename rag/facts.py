"""Which exact facts of a claim are not in the evidence it cites, or contradict it.

Pure functions over text: no model, no network, nothing read at import. Numbers, dates, names,
quotations and negation are each compared by a module of their own; this one brings them together
and decides. It is cautious: what cannot be told is not an issue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from rag.folding import fold, guess_language
from rag.quantities import Quantity, quantities, same_quantity, unit_conflict
from rag.times import Moment, dates, moments_agree

__all__ = ["FactIssue", "FactKind", "FactMatch", "FactReport", "compare"]

FactKind = Literal["number", "date", "name", "negation", "quotation"]


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


@dataclass(frozen=True, slots=True)
class FactReport:
    """What comparing found, issues in the order of the claim."""

    issues: tuple[FactIssue, ...]
    matches: tuple[FactMatch, ...]

    @property
    def agrees(self) -> bool:
        """Whether no fact of the claim is missing from the evidence."""
        return not self.issues


@dataclass(frozen=True, slots=True)
class _Source:
    """One evidence text, read."""

    text: str
    folded: str
    language: str | None
    published: date | None
    quantities: tuple[Quantity, ...]
    moments: tuple[Moment, ...]


def _day(text: str | None) -> date | None:
    if not text or not re.match(r"\d{4}-\d{2}-\d{2}", text):
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _overlaps(start: int, end: int, spans: Sequence[Quantity] | Sequence[Moment]) -> bool:
    return any(start < span.end and span.start < end for span in spans)


@lru_cache(maxsize=512)
def _read(text: str, language: str | None, published: date | None) -> _Source:
    code = language or guess_language(text)
    moments = tuple(dates(text, published, code))
    found = tuple(
        q
        for q in quantities(text, code)
        if not _overlaps(q.start, q.end, [m for m in moments if m.grain not in {"ago", "year"}])
    )
    return _Source(text, fold(text), code, published, found, moments)


def _calendar_numbers(source: _Source) -> set[int]:
    parts: set[int] = set()
    for moment in source.moments:
        parts |= {p for p in (moment.year, moment.month, moment.day) if p is not None}
    return parts


def _verbatim(source: _Source, text: str) -> re.Match[str] | None:
    """The text as it stands, not inside a longer number."""
    return re.search(rf"(?<![\d.,]){re.escape(fold(text))}(?![\d]|[.,]\d)", source.folded)


def _number_in(quantity: Quantity, source: _Source) -> tuple[int, int] | None:
    """Where the evidence gives the claim's number; ``None`` when it does not."""
    for other in source.quantities:
        if same_quantity(quantity, other):
            return other.start, other.end
    ends: list[Quantity] = []
    for value in quantity.values if len(quantity.values) > 1 else ():
        for other in source.quantities:
            if not unit_conflict(quantity, other) and value in other.values:
                ends.append(other)
                break
    if ends and len(ends) == len(quantity.values):
        return ends[0].start, ends[-1].end
    bare = quantity.unit in {None, "year"} and len(quantity.values) == 1
    if bare and quantity.values[0] in _calendar_numbers(source):
        for moment in source.moments:
            if quantity.values[0] in {moment.year, moment.month, moment.day}:
                return moment.start, moment.end
    if found := _verbatim(source, quantity.text):
        return found.span()
    return None


def _contradicted(quantity: Quantity, sources: Sequence[_Source]) -> bool:
    """Whether the evidence counts the same things and gets another number."""
    return any(
        other.unit == quantity.unit and other.unit is not None and other.kind == quantity.kind
        for source in sources
        for other in source.quantities
    )


def _numbers(
    claim: str, language: str | None, sources: Sequence[_Source], question: str | None
) -> tuple[list[FactIssue], list[FactMatch]]:
    issues: list[FactIssue] = []
    matches: list[FactMatch] = []
    moments = [m for m in dates(claim, None, language) if m.grain != "ago"]
    asked = quantities(question, None) if question else []
    for quantity in quantities(claim, language):
        if _overlaps(quantity.start, quantity.end, moments):
            continue
        places = [(i, place) for i, s in enumerate(sources) if (place := _number_in(quantity, s))]
        if places:
            i, (a, b) = places[0]
            matches.append(
                FactMatch("number", quantity.text, quantity.start, quantity.end, i, a, b)
            )
        elif not quantity.small or _contradicted(quantity, sources):
            only = any(same_quantity(quantity, q) for q in asked)
            detail = (
                "the figure is only in the question"
                if only
                else "the figure is not in the evidence"
            )
            issues.append(FactIssue("number", quantity.text, quantity.start, quantity.end, detail))
    return issues, matches


def _covers(claim: Moment, evidence: Moment) -> bool:
    """Whether the evidence knows the parts that the claim gives."""
    if claim.day is not None and claim.grain == "day":
        exact = evidence.earliest is not None and evidence.earliest == evidence.latest
        return evidence.day is not None or exact
    if claim.month is not None and claim.grain == "month":
        bounded = evidence.earliest is not None and evidence.grain in {"week", "ago"}
        return evidence.month is not None or evidence.day is not None or bounded
    if claim.grain == "week":
        return evidence.grain in {"week", "day", "ago"}
    if claim.grain in {"decade", "century"}:
        return evidence.grain in {claim.grain, "year", "month", "day", "decade"}
    if claim.grain == "year":
        return evidence.grain not in {"century", "decade"}
    return True


def _year_known(claim: Moment, source: _Source) -> bool:
    """Whether the claim's year is named in the evidence or lies about its date."""
    if claim.year is None or claim.relative is not None:
        return True
    if source.published is not None and abs(claim.year - source.published.year) <= 1:
        return True
    if any(m.year == claim.year for m in source.moments):
        return True
    return any(q.unit in {None, "year"} and claim.year in q.values for q in source.quantities)


def _date_in(moment: Moment, source: _Source) -> tuple[int, int] | None:
    if not _year_known(moment, source):
        return None
    for other in source.moments:
        if moments_agree(moment, other) and _covers(moment, other):
            return other.start, other.end
    if moment.grain == "year":
        if any(m.year == moment.year for m in source.moments):
            return next((m.start, m.end) for m in source.moments if m.year == moment.year)
        for quantity in source.quantities:
            if quantity.unit in {None, "year"} and moment.year in quantity.values:
                return quantity.start, quantity.end
    bounded = moment.earliest is not None and moment.latest is not None
    published = source.published
    if (
        published
        and bounded
        and moment.earliest is not None
        and moment.latest is not None
        and moment.earliest <= published <= moment.latest
    ):
        return 0, 0
    if found := _verbatim(source, moment.text):
        return found.span()
    return None


def _dates(
    claim: str, language: str | None, sources: Sequence[_Source]
) -> tuple[list[FactIssue], list[FactMatch]]:
    issues: list[FactIssue] = []
    matches: list[FactMatch] = []
    for index, moment in enumerate(dates(claim, None, language)):
        if moment.grain == "ago":
            continue
        place: tuple[int, int, int] | None = None
        for i, source in enumerate(sources):
            # What is relative in the claim is meant as the cited article means it.
            resolved = dates(claim, source.published, language)[index]
            if found := _date_in(resolved, source):
                place = (i, *found)
                break
        if place:
            matches.append(FactMatch("date", moment.text, moment.start, moment.end, *place))
        elif not _vague(moment, sources):
            issues.append(
                FactIssue(
                    "date", moment.text, moment.start, moment.end, "the date is not in the evidence"
                )
            )
    return issues, matches


def _vague(moment: Moment, sources: Sequence[_Source]) -> bool:
    """Words such as "today" and "this year" that need no date in the evidence."""
    return moment.relative is not None and moment.relative[1] == 0 and moment.day is None


def compare(
    claim: str,
    evidence: Sequence[str],
    *,
    claim_language: str | None = None,
    evidence_languages: Sequence[str | None] | None = None,
    published: Sequence[str | None] | None = None,
    titles: Sequence[str | None] | None = None,
    question: str | None = None,
) -> FactReport:
    """Compare a claim's exact facts with the quotes it cites.

    ``published`` (ISO dates) and ``titles`` belong to the article of each quote: relative dates
    are read by the one, names may also stand in the other. A number that stands only in
    ``question`` is not proven. The sequences, where given, are as long as ``evidence``.
    """
    count = len(evidence)
    languages = list(evidence_languages or [None] * count)
    days = [_day(p) for p in (published or [None] * count)]
    sources = [
        _read(text, language, day)
        for text, language, day in zip(evidence, languages, days, strict=True)
    ]
    code = claim_language or guess_language(claim)
    issues: list[FactIssue] = []
    matches: list[FactMatch] = []
    for found, matched in (
        _numbers(claim, code, sources, question),
        _dates(claim, code, sources),
    ):
        issues += found
        matches += matched
    return FactReport(
        tuple(sorted(issues, key=lambda i: (i.start, i.end))),
        tuple(sorted(matches, key=lambda m: (m.start, m.end))),
    )
