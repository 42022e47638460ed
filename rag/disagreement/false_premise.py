"""A fact that a question takes for granted and the articles tell otherwise.

A question that names one figure, day or name that none of the passages found has is asked anew with
that fact as the unknown: of "Why did it close in 2012?" the reader is asked when it closed. Where
it sees a fact of the same kind that is certainly another one, in a sentence that holds half of the
question's other words, the question is not answered: that sentence is shown instead. So is one that
has the opposite of a word of the question ("Why did exports fall?") that no passage has.
Limits are fitted, and the shares of right and of needless corrections measured, by
``benchmarks/premises.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic.dataclasses import dataclass as schema

from konkyo.index.records import Hit
from konkyo.index.text.dates import dates
from konkyo.index.text.language import same_language
from konkyo.index.text.moments import Moment, moments_agree
from konkyo.index.text.name_identity import same_name
from konkyo.index.text.names import Name, names
from konkyo.index.text.negation import opposed_words, stands_in
from konkyo.index.text.quantities import Quantity, quantities, same_quantity
from konkyo.index.text.word_data import CHECKED, FoldedAlternatives, word_data
from konkyo.rag.reading.answerability import terms
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.retrieval.evidence import Sentences, about
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.types import Evidence
from konkyo.rag.verification.fact_sources import FactIssue, FactKind
from konkyo.rag.verification.facts import compare

__all__ = ["Otherwise", "asked_anew", "told_otherwise"]

Kind = FactKind | Literal["opposite"]

_KINDS = ("number", "date", "name")


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """What stands for an unknown date, number, person, place or other, and words that only ask."""

    unknown: dict[str, str]
    asking: FoldedAlternatives


def _words() -> dict[str, _Words]:
    return word_data(dict[str, _Words], "false_premise", "konkyo.rag.disagreement")


_FIGURE = re.compile(r"[\d.,０-９〇一二三四五六七八九十百千万億兆亿]+")


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What the question says (``asked``), what the article says (``told``), and where."""

    kind: Kind
    asked: str
    told: str
    quote: Evidence


def told_otherwise(
    question: str,
    language: str,
    hits: Sequence[Hit],
    *,
    reader: Reader,
    sentences: Sentences,
    thresholds: Thresholds = DEFAULT,
) -> Otherwise | None:
    """What a question takes for granted and the passages tell otherwise, or ``None``.

    Looked for only in questions and passages of one language (ja, zh, ko, en), and only where
    exactly one fact of the question, or one of a pair of opposites, is in no passage. The quote is
    a whole sentence, numbered 0.
    """
    hits = [h for h in hits if same_language(language, h.article.language)]
    if language not in _words() or not hits:
        return None
    read = hits[: thresholds.premise_passages]
    issue = _missing(question, language, hits, thresholds)
    if issue is not None:
        return _another_fact(question, issue, language, read, reader, sentences, thresholds)
    return _opposite(question, language, read, sentences, thresholds.premise_covered)


def _another_fact(
    question: str,
    issue: FactIssue,
    language: str,
    hits: Sequence[Hit],
    reader: Reader,
    sentences: Sentences,
    thresholds: Thresholds,
) -> Otherwise | None:
    found = reader.answers(
        asked_anew(question, issue, language),
        [h.passage.text for h in hits],
        [about(h) for h in hits],
    )
    places = sorted(zip(hits, found, strict=True), key=lambda pair: -pair[1].probability)
    for hit, reading in places:
        if reading.probability < thresholds.premise_place:
            break
        text = hit.passage.text
        place = _around(reading.start, reading.end, sentences(text, hit.article.language))
        quote = text[slice(*place)]
        others = _others(question, issue, quote, language)
        low, high = reading.start - place[0], reading.end - place[0]
        told = next((o.text for o in others if o.start < high and low < o.end), None)
        if told is None or len({o.text for o in others}) > 1:
            continue
        if _covered(question, issue.text, quote, language) >= thresholds.premise_covered:
            return Otherwise(issue.kind, issue.text, told, _quote(hit, place, reading.probability))
    return None


def _opposite(
    question: str, language: str, hits: Sequence[Hit], sentences: Sentences, covered: float
) -> Otherwise | None:
    whole = "\n".join(f"{h.article.title} {h.passage.text}" for h in hits)
    best: tuple[float, Otherwise] | None = None
    for asked, told in opposed_words(question, whole, language):
        for hit, place in _sentences(hits, sentences):
            quote = hit.passage.text[slice(*place)]
            share = _covered(question, asked, quote, language)
            if share < covered or share <= (best[0] if best else 0.0):
                continue
            if stands_in(told, quote, language):
                best = share, Otherwise("opposite", asked, told, _quote(hit, place, share))
    return best[1] if best else None


def _sentences(hits: Sequence[Hit], sentences: Sentences) -> Iterator[tuple[Hit, tuple[int, int]]]:
    """Every sentence of the passages, with its passage."""
    for hit in hits:
        for place in sentences(hit.passage.text, hit.article.language):
            yield hit, place


def asked_anew(question: str, issue: FactIssue, language: str) -> str:
    """The question with one of its facts as what is asked, and without what it asked before."""
    unknown = _words()[language].unknown
    if issue.kind == "number":
        new = _FIGURE.sub(unknown["number"], issue.text, count=1)
    elif issue.kind == "date":
        new = unknown["date"]
    else:
        new = unknown.get(_name_kind(question, issue, language), unknown["other"])
    space = "" if language in {"ja", "zh"} else " "
    before, after = (
        _words()[language].asking.sub(space, part)
        for part in (question[: issue.start], question[issue.end :])
    )
    return " ".join(f"{before}{new}{after}".split()).rstrip("。. ") + "?"


def _covered(question: str, without: str, quote: str, language: str) -> float:
    """Share of the question's other terms that a quote has; words that only ask do not count."""
    rest = _words()[language].asking.sub(" ", question.replace(without, " "))
    wanted = terms(rest)
    return len(wanted & terms(quote)) / len(wanted) if wanted else 0.0


def _quote(hit: Hit, place: tuple[int, int], score: float) -> Evidence:
    start, end = (hit.passage.start + at for at in place)
    return Evidence(0, hit.article, start, end, hit.passage.text[slice(*place)], score)


def _missing(
    question: str, language: str, hits: Sequence[Hit], thresholds: Thresholds
) -> FactIssue | None:
    """The only figure, day or name of the question that no passage has."""
    report = compare(
        question,
        [h.passage.text for h in hits],
        claim_language=language,
        evidence_languages=[h.article.language for h in hits],
        published=[h.article.published for h in hits],
        titles=[h.article.title for h in hits],
        thresholds=thresholds,
    )
    found = [i for i in report.issues if i.kind in _KINDS]
    return found[0] if len(found) == 1 else None


def _around(start: int, end: int, spans: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The sentences that hold a place."""
    held = [(a, b) for a, b in spans if a < end and start < b]
    return (held[0][0], held[-1][1]) if held else (start, end)


def _others(
    question: str, issue: FactIssue, quote: str, language: str
) -> Sequence[Moment | Quantity | Name]:
    """Facts of a quote of that fact's kind that are certainly another and not in the question."""
    found: Sequence[Moment | Quantity | Name]
    if issue.kind == "date":
        day = next((m for m in dates(question, None, language) if m.start == issue.start), None)
        found = [
            m
            for m in dates(quote, None, language)
            if day and m.grain == day.grain and not moments_agree(day, m)
        ]
    elif issue.kind == "number":
        own = next((q for q in quantities(question, language) if q.start == issue.start), None)
        found = [
            q
            for q in quantities(quote, language)
            if own and own.kind != "ordinal" and _alike(own, q) and not same_quantity(own, q)
        ]
    else:
        kind = _name_kind(question, issue, language)
        found = [
            n
            for n in names(quote, language)
            if n.kind == kind and same_name(issue.text, n.text) is False
        ]
    return [f for f in found if f.text not in question]


def _alike(one: Quantity, other: Quantity) -> bool:
    return one.unit == other.unit and one.kind == other.kind


def _name_kind(question: str, issue: FactIssue, language: str) -> str:
    return next((n.kind for n in names(question, language) if n.start == issue.start), "other")
