"""Whether quotes answer a question: one calibrated share from several weak measures.

The learned reader sees one window at a time. So more is measured: whether the place where it sees
the answer is in the passage found first, how well that fits the question, and whether the
question's own figures and dates are in the quotes. The weights are fitted by
``benchmarks/fit_judge.py`` on data named in ``rag/calibration.json``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydantic.dataclasses import dataclass

from konkyo.index.records import Hit
from konkyo.index.text.dates import dates
from konkyo.index.text.language import language_of_script, same_language
from konkyo.index.text.quantities import quantities
from konkyo.index.text.tokens import tokens
from konkyo.index.text.word_data import CHECKED, FoldedAlternatives, word_data
from konkyo.rag.calibration import Calibration
from konkyo.rag.reading.place_choice import log_odds, measured
from konkyo.rag.retrieval.evidence import Selection, Span
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.verification.fact_sources import read
from konkyo.rag.verification.facts import compare

__all__ = ["Answerability", "Asked", "Measured", "asked_for", "holds", "terms"]

Measured = Literal["number", "date"]
"""What is recognised exactly in any text."""

Asked = Measured | Literal["name"]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _AskedWords:
    """Words that ask for something of a kind; of two at one place the kind named first counts."""

    number: FoldedAlternatives
    date: FoldedAlternatives
    name: FoldedAlternatives


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """Words that ask."""

    asked: _AskedWords


def _words() -> _Words:
    return word_data(_Words, "answerability", "konkyo.rag.reading")


_KANA_ONLY = re.compile(r"[぀-ゟ]+")


def asked_for(question: str) -> Asked | None:
    """What kind of answer a question asks for, where its words say so."""
    asked = _words().asked
    patterns: tuple[tuple[Asked, re.Pattern[str]], ...] = (
        ("number", asked.number),
        ("date", asked.date),
        ("name", asked.name),
    )
    # Of two that begin at one place the first counts: 何時間 is a length, 何時 a time.
    found = [(m.start(), kind) for kind, p in patterns if (m := p.search(question))]
    return min(found, key=lambda one: one[0])[1] if found else None


def holds(kind: Measured, text: str, language: str | None) -> bool:
    """Whether a text holds something of that kind; a year or another date is no number."""
    if kind == "date":
        return bool(dates(text, None, language)) or any(
            q.kind == "year" for q in quantities(text, language)
        )
    counted = read(text, language or language_of_script(text) or "en", None).quantities
    return any(not q.small and q.kind != "year" for q in counted)


def terms(text: str) -> set[str]:
    """The search terms of a text that carry meaning: those of hiragana alone are left out."""
    return {t for t in tokens(text) if not _KANA_ONLY.fullmatch(t)}


class Answerability:
    """Decides whether what was found answers a question. Safe to share by threads."""

    def __init__(self, calibration: Calibration, thresholds: Thresholds = DEFAULT) -> None:
        self._calibration = calibration
        self._thresholds = thresholds

    def share(
        self, question: str, language: str, selection: Selection, hits: Sequence[Hit]
    ) -> float:
        """The probability that what was found answers the question.

        Where a question asks for a number or a date and no quote holds one, the answer cannot be
        there, whatever the reader sees. Names are not recognised surely enough for that.
        """
        found = self.features(question, language, selection, hits)
        share = self._calibration.probability(found)
        if _kind_missing(question, selection):
            return min(share, self._thresholds.kind_missing)
        return share

    def features(
        self, question: str, language: str, selection: Selection, hits: Sequence[Hit]
    ) -> dict[str, float]:
        """Returns the measures that the weights are fitted for, each of the order of one.

        ``reader``: log-odds of the reader's share of the likeliest place; ``sentence``: those where
        its sentence is read alone with the one before it. ``place_rank``: how many passages were
        found before that place's, negative. ``fused``: the best search score. ``crossed``: question
        and place are in different languages; ``fused_crossed``: the search score there, where it
        says more than the reader does. ``figures_missing``: the question's figures and days that no
        quote or title has.
        """
        evidence = selection.evidence
        likeliest = selection.spans[0] if selection.spans else None
        languages = (
            [likeliest.language] if likeliest else [e.article.language for e in evidence[:3]]
        )
        crossed = not any(same_language(language, one) for one in languages)
        report = compare(
            question,
            [e.text for e in evidence],
            claim_language=language,
            evidence_languages=[e.article.language for e in evidence],
            published=[e.article.published for e in evidence],
            titles=[e.article.title for e in evidence],
            thresholds=self._thresholds,
        )
        sure, near = measured(likeliest.share if likeliest else 0.5, max(h.score for h in hits))
        alone = likeliest.sentence_share if likeliest else None
        figures = sum(i.kind in {"number", "date"} for i in report.issues)
        return {
            "reader": sure,
            "sentence": sure if alone is None else log_odds(alone),
            "fused": near,
            "fused_crossed": near * crossed,
            "place_rank": -float(_rank(likeliest, hits)) if likeliest else 0.0,
            "crossed": float(crossed),
            "figures_missing": float(min(2, figures)),
        }


def _kind_missing(question: str, selection: Selection) -> bool:
    """Whether no quote holds anything of the kind that the question asks for."""
    kind = asked_for(question)
    if kind is None or kind == "name":
        return False
    return not any(holds(kind, e.text, e.article.language) for e in selection.evidence)


def _rank(place: Span, hits: Sequence[Hit]) -> int:
    """How many of the passages found lie before the one that holds a place."""
    for rank, hit in enumerate(hits):
        if place.begins_in(hit.article.article_id, hit.passage.start, hit.passage.end):
            return rank
    return len(hits)
