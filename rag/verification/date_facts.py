"""Whether the evidence has the dates of a claim."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic.dataclasses import dataclass

from konkyo.index.text.moments import Moment, moments_agree
from konkyo.index.text.word_data import CHECKED, Alternatives, word_data
from konkyo.rag.verification.fact_sources import (
    Compared,
    Extent,
    FactIssue,
    FactMatch,
    Source,
    Text,
    changes_at,
    overlapping,
    read,
    verbatim,
)
from konkyo.rag.verification.number_facts import same_clock

__all__ = ["compare_dates"]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """What stands after a date that is an article's own: "the article of 3 May"."""

    article_of: Alternatives


def _words() -> _Words:
    return word_data(_Words, "date_facts", "konkyo.rag.verification")


def compare_dates(claim: Text, sources: Sequence[Source]) -> Compared:
    """Returns which dates of the claim no source has, and where the others stand.

    What is relative in the claim is meant as the cited article means it.
    """
    issues: list[FactIssue] = []
    matches: list[FactMatch] = []
    for moment in claim.moments:
        if moment.grain == "ago":
            continue
        span = moment.text, moment.start, moment.end
        place, other = _look_up(moment, claim, sources)
        if place:
            matches.append(FactMatch("date", *span, *place))
        elif other is not None:
            issues.append(FactIssue("date", *span, f"the evidence has {other} here"))
        elif not _vague(moment):
            issues.append(FactIssue("date", *span, "the date is not in the evidence"))
    return issues, matches


def _look_up(
    moment: Moment, claim: Text, sources: Sequence[Source]
) -> tuple[tuple[int, int, int] | None, str | None]:
    """The source that has a date, and where; and the first other date found in its place."""
    other: str | None = None
    for i, source in enumerate(sources):
        dated = read(claim.text, claim.language, source.read.published).moments
        span = moment.start, moment.end
        resolved = next((m for m in dated if (m.start, m.end) == span), moment)
        instead = _instead(resolved, source)
        other = other or instead
        found = _date_in(resolved, source.read, claim.text)
        if found and instead is None:
            return (i, *found), other
    return None, other


def _covers(claim: Moment, evidence: Moment) -> bool:
    """Whether the evidence knows the parts that the claim gives."""
    known = evidence.earliest is not None
    if claim.grain == "day" and claim.day is not None:
        return evidence.day is not None or (known and evidence.earliest == evidence.latest)
    if claim.grain == "month":
        bounded = known and evidence.grain in {"week", "ago"}
        return evidence.month is not None or evidence.day is not None or bounded
    if claim.grain == "week":
        return evidence.grain in {"week", "day", "ago"}
    if claim.grain in {"decade", "century"}:
        return evidence.grain in {"decade", "century", "year", "month", "day"}
    if claim.grain == "year":
        given = evidence.year is not None or known
        return given and evidence.grain not in {"century", "decade"}
    return True


def _year_known(claim: Moment, evidence: Text) -> bool:
    """Whether the claim's year is named in the evidence or lies about its date."""
    if claim.year is None or claim.relative is not None:
        return True
    if evidence.published is not None and abs(claim.year - evidence.published.year) <= 1:
        return True
    return any(m.year == claim.year for m in evidence.moments) or bool(_years(claim, evidence))


def _years(claim: Moment, evidence: Text) -> list[Extent]:
    """Where numbers of the evidence may be the claim's year."""
    bare = (q for q in evidence.quantities if q.unit in {None, "year"})
    return [(q.start, q.end) for q in bare if claim.year in q.values]


def _date_in(moment: Moment, evidence: Text, claim: str) -> Extent | None:
    if not _year_known(moment, evidence):
        return None
    for other in evidence.moments:
        if moments_agree(moment, other) and _covers(moment, other):
            return other.start, other.end
    places = _years(moment, evidence) if moment.grain == "year" else []
    places += [(q.start, q.end) for q in evidence.quantities if same_clock(q, moment)]
    if places:
        return min(places)
    # The article's own month or year is known without being said; the day of an event is not.
    low, high, published = moment.earliest, moment.latest, evidence.published
    own = moment.grain != "day" or _words().article_of.match(claim, moment.end)
    dated = low and high and published and low <= published <= high
    if moment.relative is None and own and dated:
        return 0, 0
    return verbatim(evidence, moment.text, cased=True)


def _instead(moment: Moment, source: Source) -> str | None:
    """The date that the evidence has in this date's place, when it is another."""
    known = [m for m in source.read.moments if m.grain != "ago"]
    for change in changes_at(moment.start, moment.end, source):
        there = overlapping(change.evidence_start, change.evidence_end, known)
        if there and not any(moments_agree(moment, m) for m in there):
            return there[0].text
    return None


def _vague(moment: Moment) -> bool:
    """Words such as "today" and "this year", which need no date in the evidence."""
    now = moment.relative is not None and moment.relative[1] == 0
    return now and moment.day is None and moment.grain != "month"
