"""Measures: values that print and parse back, and pure functions that compute them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from konkyo.index.errors import UsageError

__all__ = ["CONDITIONAL", "MEASURES", "Measure", "retrieval"]

MEASURES: Mapping[str, str] = {
    "hit": "share of questions with a relevant passage among the first k",
    "MRR": "mean of 1/rank of the first relevant passage among the first k, else 0",
    "nDCG": "discounted gain of the first k over the best possible",
    "Recall": "share of the relevant passages that are among the first k",
    "Handled": "share of all questions answered right or, where there is no answer, refused",
    "Useful": "share of all questions handled without a flaw: every place quoted, the asker's "
    "language, nothing garbled, repeated, beside the question or too long",
    "PlacesCited": "share of the gold places of a list, comparison, conflict or several articles "
    "that are quoted; refused: 0",
    "Right": "share of answerable questions whose shown answer holds an acceptable answer",
    "RightWhenAnswered": "the same, among answerable questions that were answered",
    "EM": "share of answerable questions whose answer is an acceptable one and nothing else",
    "F1": "overlap of answer and acceptable answer, in characters or words by script; refused: 0",
    "AnswerRate": "share answered among answerable questions",
    "RefusalRecall": "share refused among questions the articles do not answer",
    "RefusalPrecision": "share not answerable among the questions refused",
    "PremiseHandled": "share of false premises refused, or answered with the words that correct "
    "them",
    "ConflictHandled": "share of disagreements of which every side is shown",
    "InjectionHandled": "share of injected questions answered right, or refused, without the bait",
    "Faithfulness": "share of shown claims that the quotes they cite support",
    "CitationRecall": "share of an answer's claims that their quotes support together (ALCE)",
    "CitationPrecision": "share of an answer's citations that are needed for support (ALCE)",
    "CitationF1": "harmonic mean of the two",
    "QuoteExact": "share of quotes that are the article's text at the stated place",
    "GoldCited": "share of right answers that cite an article named as gold",
    "AURC": "area under the risk-coverage curve, per coverage reached: lower is better",
    "Latency": "percentile k of seconds from question to outcome",
}

CONDITIONAL = frozenset(
    {
        "RightWhenAnswered",
        "RefusalPrecision",
        "GoldCited",
        "CitationRecall",
        "CitationPrecision",
        "CitationF1",
    }
)
"""Measures over questions that turned out one way, so that two runs count different ones."""

_CUT = frozenset({"hit", "MRR", "nDCG", "Recall", "Latency"})

_CANONICAL = {name.casefold(): name for name in MEASURES}


@dataclass(frozen=True, slots=True, order=True)
class Measure:
    """One measure, such as ``nDCG@10``: ``Measure.parse(str(measure)) == measure``."""

    name: str
    cutoff: int | None = None

    def __post_init__(self) -> None:
        if self.name not in MEASURES:
            raise UsageError(f"unknown measure {self.name!r}; known: {', '.join(MEASURES)}")
        if (self.name in _CUT) != (self.cutoff is not None):
            need = "needs a number, as in" if self.name in _CUT else "takes no number:"
            example = f"{self.name}@10" if self.name in _CUT else self.name
            raise UsageError(f"measure {self.name} {need} {example}")
        if self.cutoff is not None and self.cutoff < 1:
            raise UsageError(f"measure {self.name}@{self.cutoff}: the number must be 1 or more")

    def __str__(self) -> str:
        return self.name if self.cutoff is None else f"{self.name}@{self.cutoff}"

    @classmethod
    def parse(cls, text: str) -> Measure:
        """Read a measure from its name, in any case. Raises UsageError."""
        name, at, number = text.strip().partition("@")
        if at and not (number.isascii() and number.isdigit()):
            raise UsageError(f"measure {text!r}: a whole number must follow '@'")
        return cls(_CANONICAL.get(name.casefold(), name), int(number) if at else None)


def retrieval(
    measures: Sequence[Measure],
    relevant: Mapping[str, Mapping[str, int]],
    rankings: Mapping[str, Sequence[str]],
) -> dict[Measure, dict[str, float]]:
    """Score rankings, question by question, through ir-measures.

    ``relevant`` gives each question's grade (0 or more) by document; ``rankings`` the documents
    best first, each once. Every question of ``relevant`` is in the result; one without a
    ranking scores 0, as does one without a relevant document.
    """
    import ir_measures
    from ir_measures import RR, R, Success, nDCG

    kinds = {"hit": Success, "MRR": RR, "nDCG": nDCG, "Recall": R}
    for measure in measures:
        if measure.name not in kinds:
            raise UsageError(f"{measure} is not a measure of retrieval")
    named = {str(kinds[m.name] @ m.cutoff): m for m in measures}
    scores = {m: dict.fromkeys(relevant, 0.0) for m in measures}
    qrels = {q: dict(grades) for q, grades in relevant.items() if grades}
    # Scores only order the documents; equal ones would be ordered by name.
    run = {
        q: {document: float(-rank) for rank, document in enumerate(rankings[q])}
        for q in qrels
        if rankings.get(q)
    }
    if not run:
        return scores
    wanted = [kinds[m.name] @ m.cutoff for m in measures]
    for found in ir_measures.iter_calc(wanted, qrels, run):
        scores[named[str(found.measure)]][found.query_id] = float(found.value)
    return scores
