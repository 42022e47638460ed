"""Quotes in the asker's language in the place of one in another that they answer as well as."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from konkyo.index.embedding.protocol import Encoder
from konkyo.index.text.language import same_language
from konkyo.rag.disagreement.conflicts import same_matter
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.retrieval.evidence import Sentences, Span
from konkyo.rag.retrieval.search import Found
from konkyo.rag.short_answer.place import Place, clean, place_in, place_read
from konkyo.rag.thresholds import Thresholds
from konkyo.rag.types import Evidence
from konkyo.rag.verification.facts import compare
from konkyo.rag.verification.meaning import Supporter

__all__ = ["answering_place", "own_quote", "said_in"]


def own_quote(
    evidence: Sequence[Evidence], places: Sequence[Span], language: str
) -> tuple[Evidence, Place] | None:
    """The first of some places in a language that a quote holds, with its quote; else none."""
    for span in places:
        quote = next((e for e in evidence if span.within(e)), None)
        if quote is not None and same_language(span.language, language):
            return quote, place_in(quote, span)
    return None


def said_in(
    language: str,
    quote: Evidence,
    place: Place | None,
    found: Found,
    *,
    encoder: Encoder,
    sentences: Sentences,
    supporter: Supporter,
    limits: Thresholds,
) -> Evidence | None:
    """The sentence of the nearest passages in a language that says what a quote says; else none.

    The checker must take both for the same matter, and the figures and days of the quote's
    ``place`` must stand in it. Of 360 neighbours of news sentences and 120 translations (NTREX-128;
    Japanese, English, Korean, Chinese), the threshold passes 2 and 81 of a hundred.
    """
    number = len(found.evidence) + 1
    own = [h for h in found.hits if same_language(h.article.language, language)]
    told = [
        Evidence(number, h.article, base + start, base + end, h.passage.text[start:end], h.score)
        for h in own[: limits.twin_passages]
        for base in [h.passage.start]
        for start, end in sentences(h.passage.text, h.article.language)
    ]
    if not told:
        return None
    vectors = encoder.passages([quote.text, *(e.text for e in told)])
    nearest = np.argsort(-(vectors[1:] @ vectors[0]), kind="stable")[: limits.twin_sentences]
    alike = [(same_matter(supporter, quote.text, told[int(i)].text), int(i)) for i in nearest]
    share, best = max(alike, key=lambda one: one[0])
    if share < limits.twin_share or not (place is None or _holds(told[best], place)):
        return None
    key = (told[best].article.article_id, told[best].end)
    known = (e for e in found.evidence if (e.article.article_id, e.end) == key)
    return next(known, told[best])


def _holds(quote: Evidence, place: Place) -> bool:
    """Whether a quote has the figures and days of a place in another language."""
    article = quote.article
    report = compare(
        clean(place).text,
        [quote.text],
        claim_language=place.language,
        evidence_languages=[article.language],
        published=[article.published],
        titles=[article.title],
    )
    return not any(issue.kind in {"number", "date"} for issue in report.issues)


def answering_place(question: str, quote: Evidence, reader: Reader, least: float) -> Place | None:
    """Where the reader sees the answer in a quote alone; none below a share."""
    reading = reader.answers(question, [quote.text], [quote.article.title])[0]
    return place_read(quote, reading) if reading.probability >= least else None
