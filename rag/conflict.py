"""Articles that answer the same question differently: both are shown, each with its date.

Only what can be compared exactly is called a disagreement: the reader is sure of a place in two
articles, and they hold different figures in one unit, or different days. Figures of different
units, however unlike, are not compared; nothing is settled by which article is newer.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from rag.evidence import Span
from rag.folding import guess_language
from rag.judge import asked_for, terms
from rag.outcomes import Evidence
from rag.quantities import Quantity, quantities, same_quantity
from rag.times import Moment, dates, moments_agree

__all__ = ["conflicting"]

_SURE = 0.6
_NEARLY = 0.9


def conflicting(
    question: str, spans: Sequence[Span], evidence: Sequence[Evidence]
) -> tuple[tuple[Evidence, str], ...]:
    """The quotes that give different answers, with the words that differ; empty if none do.

    One quote an article, surest first. Questions that ask neither for a figure nor for a day
    are never called disputed.
    """
    kind = asked_for(question)
    if kind not in ("number", "date"):
        return ()
    told: list[tuple[Evidence, Span]] = []
    for span in spans:
        quote = next((e for e in evidence if span.within(e)), None)
        if quote is None or span.share < _SURE:
            continue
        if all(e.article.article_id != span.article_id for e, _ in told):
            told.append((quote, span))
    if len(told) < 2:
        return ()
    differ = _figures_differ if kind == "number" else _days_differ
    first = told[0]
    others = [t for t in told[1:] if _same_matter(question, first, t) and differ(first, t)]
    return tuple((e, s.text.strip()) for e, s in [first, *others]) if others else ()


def _same_matter(question: str, one: tuple[Evidence, Span], two: tuple[Evidence, Span]) -> bool:
    """Whether the second quote is about what was asked as much as the first, as far as can be told.

    A telephone call and a visit both have days; they are no disagreement. In one script the
    question's own terms decide; across scripts the reader must be nearly as sure.
    """
    asked = terms(question)
    scripts = {guess_language(question), *(guess_language(e.text) for e, _ in (one, two))}
    if len(scripts) > 1 or not asked:
        return two[1].share >= _NEARLY * one[1].share
    first, second = (len(asked & terms(e.text)) for e, _ in (one, two))
    return second >= _NEARLY * first


def _figure(told: tuple[Evidence, Span]) -> Quantity | None:
    found = [q for q in quantities(told[1].text, told[1].language) if not q.small]
    return found[0] if len(found) == 1 else None


def _figures_differ(one: tuple[Evidence, Span], two: tuple[Evidence, Span]) -> bool:
    a, b = _figure(one), _figure(two)
    if a is None or b is None or a.unit is None or (a.unit, a.kind) != (b.unit, b.kind):
        return False
    return not (same_quantity(a, b) or same_quantity(b, a))


def _day(told: tuple[Evidence, Span]) -> Moment | None:
    """The one full day of a span, read by its article's date."""
    evidence, span = told
    written = evidence.article.published
    published = date.fromisoformat(written[:10]) if written else None
    found = [m for m in dates(span.text, published, span.language) if m.day is not None]
    if len(found) != 1 or found[0].month is None:
        return None
    return found[0]


def _days_differ(one: tuple[Evidence, Span], two: tuple[Evidence, Span]) -> bool:
    a, b = _day(one), _day(two)
    return a is not None and b is not None and not moments_agree(a, b)
