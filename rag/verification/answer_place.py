"""Where the learned reader and the language model must agree.

A sentence may be true, cited and supported, and still not answer: asked for a day, a small model
likes to give another day of the same article. The reader of ``rag/reading/reader.py`` marks the
place where it sees the answer. Where it is sure, a claim must hold what that place holds: the same
figure, date or name, whatever the notation or language, or else the same words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from konkyo.index.text.language import same_language
from konkyo.index.text.normalize import letters
from konkyo.rag.retrieval.evidence import Span
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.verification.facts import compare

__all__ = ["Said", "agrees", "anchors", "hint", "says"]

_HIRAGANA = re.compile(r"[぀-ゟ]")


def anchors(spans: Sequence[Span], thresholds: Thresholds = DEFAULT) -> tuple[Span, ...]:
    """The places of which the reader is sure, best first; none, if it is not sure or vague."""
    sure = thresholds.sure_place
    if not spans or spans[0].share < sure:
        return ()
    least = max(sure, thresholds.sure_place_near * spans[0].share)
    near = [s for s in spans if s.share >= least]
    return tuple(s for s in near if 0 < len(s.text.strip()) <= thresholds.place_letters)


def hint(spans: Sequence[Span], thresholds: Thresholds = DEFAULT) -> str:
    """The words to point a model at: the surest place, or nothing."""
    found = anchors(spans[:1], thresholds)
    return " ".join(found[0].text.split()) if found else ""


class Said(Protocol):
    """Words of an article in their language."""

    @property
    def text(self) -> str:
        """The words."""

    @property
    def language(self) -> str:
        """ISO 639-1."""


def says(claim: str, span: Said, language: str, thresholds: Thresholds = DEFAULT) -> bool | None:
    """Whether a claim holds what a span holds; ``None`` where that cannot be told."""
    wanted, given = letters(span.text), letters(claim)
    if wanted and wanted in given:
        return True
    report = compare(
        span.text,
        [claim],
        claim_language=span.language,
        evidence_languages=[language],
        thresholds=thresholds,
    )
    facts = {"number", "date", "name"}
    if any(i.kind in facts for i in report.issues):
        return False
    if any(m.kind in facts for m in report.matches):
        return True
    if not same_language(span.language, language) or len(wanted) > thresholds.place_words:
        return None
    every = {wanted[i : i + 2] for i in range(len(wanted) - 1)}
    pairs = {p for p in every if not _HIRAGANA.search(p)} or every
    return bool(pairs) and sum(p in given for p in pairs) >= thresholds.place_overlap * len(pairs)


def agrees(
    claim: str, places: Sequence[Span], language: str, thresholds: Thresholds = DEFAULT
) -> bool | None:
    """Whether a claim holds what any of the reader's sure places holds; ``None``: not known."""
    verdicts = [says(claim, place, language, thresholds) for place in places]
    if any(verdicts):
        return True
    return False if verdicts and all(v is False for v in verdicts) else None
