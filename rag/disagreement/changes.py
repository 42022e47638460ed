"""What articles told before and what they tell now: where the answer changed, the newest is it.

Answers that are given on the same days are a disagreement; where all articles that give one are
older than all that give another, the state of things changed: a toll rose, an opening was put off,
an office has another holder, what was planned was done. What a question asks of a certain time did
not change, nor did a day that had passed when it was written of.
"""

from __future__ import annotations

from collections.abc import Sequence

from konkyo.index.text.dates import dates
from konkyo.index.text.name_identity import same_name
from konkyo.index.text.names import Name, names
from konkyo.rag.disagreement.conflicts import (
    Version,
    about_the_same,
    surest_place,
    was_to_come,
)
from konkyo.rag.planned import asks_for_plan, is_planned
from konkyo.rag.reading.answerability import Asked, asked_for, terms
from konkyo.rag.retrieval.evidence import Span
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.types import Evidence
from konkyo.rag.verification.meaning import Supporter

__all__ = ["newest_and_earlier", "replaced"]

_Place = tuple[Evidence, Span]


def newest_and_earlier(
    question: str, language: str, versions: Sequence[Version]
) -> tuple[tuple[Version, ...], tuple[Version, ...]]:
    """Part answers into those of the newest days and those told before, newest first.

    All are of the first kind where nothing changed: then they disagree. The reader must have seen
    the answer in one of the newest.
    """
    whole = (tuple(versions), ())
    if dates(question, None, language) or not all(v.days for v in versions):
        return whole
    newest, earlier = list[Version](), list[Version]()
    for version in sorted(versions, key=lambda v: v.days[-1], reverse=True):
        since = min((v.days[0] for v in newest), default="")
        (newest if version.days[-1] >= since else earlier).append(version)
    read = any(version.span.share > 0.0 for version in newest)
    if not read or any(v.kind == "date" and not was_to_come(v) for v in earlier):
        return whole
    return tuple(newest), tuple(earlier)


def replaced(
    question: str,
    language: str,
    spans: Sequence[Span],
    evidence: Sequence[Evidence],
    supporter: Supporter | None,
    thresholds: Thresholds = DEFAULT,
) -> tuple[Version, ...]:
    """Answers of different days of which the newest takes the place of the surest; else none.

    Another name where a name is asked for, of which the reader is sure, too; or when something was
    done where the surest place is a plan. Both must be about the same matter: for the checker or,
    where the reader is sure of a deed, by the question's words.
    """
    first = surest_place(spans, evidence, thresholds)
    if supporter is None or first is None or dates(question, None, language):
        return ()
    wanted = asked_for(question)
    names_asked = wanted == "name"
    # Planned and spent sums are often different sums; what else is asked for cannot be compared.
    plan = wanted == "date" and _planned(first) and not asks_for_plan(question, language)
    found: list[_Place] = [first]
    for other in evidence:
        place = next((s for s in spans if s.within(other)), None)
        if place is None or not all(_on_other_days(known, other) for known, _ in found):
            continue
        sure = place.share >= thresholds.conflict_place
        named = sure and all(_other_name(known, (other, place)) for known in found)
        newer = place.share >= thresholds.bearing and _day(other) > _day(first[0])
        done = plan and newer and not _planned((other, place))
        if not (named and names_asked) and not done:
            continue
        two = (other, place)
        alike = about_the_same(question, first, two, supporter, thresholds)
        # What is said beside it hides from the checker that a deed is the one that was planned.
        if alike or (done and sure and _covers(other, question, thresholds)):
            found.append(two)
    if len(found) == 1:
        return ()
    kind: Asked | None = "name" if names_asked else None
    return tuple(Version(quote, span, kind, (quote,)) for quote, span in found)


def _covers(quote: Evidence, question: str, thresholds: Thresholds) -> bool:
    """Whether a quote holds enough of a question's words."""
    asked = terms(question)
    return len(asked & terms(quote.text)) >= max(1, thresholds.premise_covered * len(asked))


def _day(quote: Evidence) -> str:
    return (quote.article.published or "")[:10]


def _on_other_days(one: Evidence, other: Evidence) -> bool:
    return bool(_day(one) and _day(other)) and _day(one) != _day(other)


def _planned(told: _Place) -> bool:
    quote, span = told
    start, end = span.start - quote.start, span.end - quote.start
    return is_planned(quote.text, span.language, start, end)


def _other_name(one: _Place, other: _Place) -> bool:
    """Whether both places hold one name each, of a kind and a language, and not the same one."""
    first, second = _only_name(one[1]), _only_name(other[1])
    if first is None or second is None or one[1].language != other[1].language:
        return False
    return first.kind == second.kind and same_name(first.text, second.text) is False


def _only_name(span: Span) -> Name | None:
    found = names(span.text, span.language)
    return found[0] if len(found) == 1 else None
