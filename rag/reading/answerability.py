"""Do these quotes answer this question? One calibrated share from several weak witnesses.

The learned reader is the chief witness, but it was trained on questions that some passage of the
same encyclopaedia answers; near-topic questions about news fool it. More are heard: does the
place where it sees the answer hold what the question asks for (a number, a date, a name), and is it
in the passage found first; are the question's own figures, dates and names in the quotes, and its
words; and does the best passage stand out from the others, or is it one of many about the same
thing. The weights are fitted by ``benchmarks/fit_judge.py`` on data named in ``rag/calibration.json``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from konkyo.index.records import Hit
from konkyo.index.text.names import names
from konkyo.index.text.normalize import same_language
from konkyo.index.text.quantities import quantities
from konkyo.index.text.times import dates
from konkyo.index.text.tokens import tokens
from konkyo.rag.calibration import Calibration, logit
from konkyo.rag.retrieval.evidence import Selection, Span
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.verification.facts import compare

__all__ = ["Answerability", "Asked", "asked_for", "holds", "terms"]

Asked = Literal["number", "date", "name"]

# Of two that begin at one place the first counts: 何時間 is a length, 何時 a time.
_ASKED: tuple[tuple[Asked, re.Pattern[str]], ...] = (
    (
        "number",
        re.compile(
            r"いくら|いくつ|何(?:[人名件社台隻機枚本回度席議票割倍歳個階点位勝敗代番分％%万億兆円千百]|[年日時](?:間|かか|続|ぶり|以[上内]|分の)|ドル|秒|メートル|キロ|トン|[かカヶヵケ箇](?:国|月|所|条|年))|何パーセント|どれ(?:くらい|ほど|だけ)の|投票率|支持率"
            r"|\bhow (?:many|much|large|big|long|old|far|often)\b|\bwhat (?:share|percentage|number|figure|rate|turnout)\b"
            r"|얼마|몇\s?(?:명|개|석|번|퍼센트|%|회|차례|대|곳|년간|일간|시간)|多少|几[个名人次位席家艘架]|率是",
            re.IGNORECASE,
        ),
    ),
    (
        "date",
        re.compile(
            r"いつ|何[年月日曜時]|\bwhen\b|\bwhat (?:date|day|month|year|time)\b|\bwhich (?:date|day|month|year)\b"
            r"|언제|며칠|몇\s?(?:년|월|일|시)|什么时候|何时|哪[一]?[年月天日]|几[月日号]",
            re.IGNORECASE,
        ),
    ),
    (
        "name",
        re.compile(r"誰|だれ|どなた|\bwho(?:se|m)?\b|누구|누가|谁", re.IGNORECASE),
    ),
)
_SUREST = 1e-4
_BACKGROUND = 8
_EIGHTH = {False: 0.28, True: -0.25}
"""What the eighth passage scores at the median of the fitting data: in one language, across."""
_KANA_ONLY = re.compile(r"[぀-ゟ]+")


def asked_for(question: str) -> Asked | None:
    """What kind of answer a question asks for, where its words say so."""
    first: tuple[int, Asked] | None = None
    for kind, pattern in _ASKED:
        found = pattern.search(question)
        if found and (first is None or found.start() < first[0]):
            first = (found.start(), kind)
    return first[1] if first else None


def holds(kind: Asked, text: str, language: str | None) -> bool:
    """Whether a text holds something of that kind."""
    if kind == "date":
        return bool(dates(text, None, language)) or any(
            q.kind == "year" for q in quantities(text, language)
        )
    if kind == "number":
        return any(not q.small for q in quantities(text, language))
    return bool(names(text, language))


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

        Where a question asks for a number, a date or a name and no quote holds one, the answer
        cannot be there, whatever the reader sees.
        """
        found = self.features(question, language, selection, hits)
        share = self._calibration.probability(found)
        return min(share, self._thresholds.kind_missing) if found["kind_missing"] else share

    def features(
        self, question: str, language: str, selection: Selection, hits: Sequence[Hit]
    ) -> dict[str, float]:
        """The witnesses, by name, each of the order of one.

        ``reader``: log-odds of its surest place. ``place_rank``: how many passages were found
        before that place's, negative. ``dense``: the best cosine over what unrelated texts have with
        the E5 family. ``stands_out``: how far the best passage scores above the eighth; several
        articles that say the same do not change it. ``covered``: share of the question's own terms in the best
        quotes; across languages zero, which ``crossed`` says; ``fused_crossed``: the search score
        there, where it says more than the reader does. ``figures_missing``, ``names_missing``: the
        question's figures and days, and names, that no quote or title has. ``place_fits``: the
        surest place holds what the question asks for (1), does not (-1), or that is not known (0).
        """
        scores = sorted((h.score for h in hits), reverse=True)
        top = list(selection.evidence[:3])
        mine = terms(question)
        theirs = terms(" ".join([*(e.text for e in top), *(e.article.title for e in top)]))
        kind = asked_for(question)
        crossed = all(not same_language(language, e.article.language) for e in top)
        surest = selection.spans[0] if selection.spans else None
        fits = 0.0
        if kind is not None and surest is not None:
            fits = 1.0 if holds(kind, surest.text, surest.language) else -1.0
        report = compare(
            question,
            [e.text for e in selection.evidence],
            evidence_languages=[e.article.language for e in selection.evidence],
            published=[e.article.published for e in selection.evidence],
            titles=[e.article.title for e in selection.evidence],
        )
        figures = sum(i.kind in {"number", "date"} for i in report.issues)
        called = sum(i.kind == "name" for i in report.issues)
        many = len(scores) >= _BACKGROUND
        behind = scores[_BACKGROUND - 1] if many else min(scores[-1], _EIGHTH[crossed])
        return {
            "reader": logit(surest.share, _SUREST) if surest else 0.0,
            "dense": 20 * (max((h.dense or 0.0) for h in hits) - 0.8),
            "fused": 4 * scores[0],
            "fused_crossed": 4 * scores[0] * crossed,
            "stands_out": 4 * (scores[0] - behind),
            "place_rank": -float(_rank(surest, hits)) if surest else 0.0,
            "covered": len(mine & theirs) / len(mine) if mine and not crossed else 0.0,
            "crossed": float(crossed),
            "figures_missing": float(min(2, figures)),
            "names_missing": float(min(2, called)),
            "place_fits": fits,
            "kind_missing": float(
                kind is not None
                and not any(holds(kind, e.text, e.article.language) for e in selection.evidence)
            ),
        }


def _rank(place: Span, hits: Sequence[Hit]) -> int:
    """How many of the passages found lie before the one that holds a place."""
    for rank, hit in enumerate(hits):
        if place.begins_in(hit.article.article_id, hit.passage.start, hit.passage.end):
            return rank
    return len(hits)
