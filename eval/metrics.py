"""Measures: values that print and parse back, and pure functions that compute them."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from index.errors import UsageError
from rag.outcomes import Citation

__all__ = [
    "CONDITIONAL",
    "MEASURES",
    "Case",
    "CitationScores",
    "Judge",
    "Mean",
    "Measure",
    "NumericMatcher",
    "OverlapJudge",
    "Paired",
    "RiskCoverage",
    "citation_scores",
    "cohen_kappa",
    "exact_match",
    "f1",
    "holds",
    "mean",
    "normalise",
    "paired",
    "percentile",
    "retrieval",
    "risk_coverage",
    "strip_marks",
    "units",
]

MEASURES: Mapping[str, str] = {
    "hit": "share of questions with a relevant passage among the first k",
    "MRR": "mean of 1/rank of the first relevant passage among the first k, else 0",
    "nDCG": "discounted gain of the first k over the best possible",
    "Recall": "share of the relevant passages that are among the first k",
    "Handled": "share of all questions answered right or, where there is no answer, refused",
    "Right": "share of answerable questions whose shown answer holds an acceptable answer",
    "RightWhenAnswered": "the same, among answerable questions that were answered",
    "EM": "share of answerable questions whose answer is an acceptable one and nothing else",
    "F1": "overlap of answer and acceptable answer, in characters or words by script; refused: 0",
    "AnswerRate": "share answered among answerable questions",
    "RefusalRecall": "share refused among questions the articles do not answer",
    "RefusalPrecision": "share not answerable among the questions refused",
    "PremiseHandled": "share of false premises refused, or answered with the words that correct them",
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

    @property
    def meaning(self) -> str:
        """One line for people."""
        return MEASURES[self.name]


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


# ---- text ---------------------------------------------------------------------------------

_MARK = re.compile(r"(?<!\s)\s*+[\[［【](?:\d{1,3}(?:\s*+[,、]\s*+\d{1,3})*+)[\]］】]")
_GROUPING = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ARTICLES = frozenset({"a", "an", "the"})
# Scripts whose words are not parted by spaces, so that text is compared by character: Thai, Lao,
# Myanmar, Khmer, kana, bopomofo, Han.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3100-\u312f\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0002fa1f]"
)
_HANGUL = re.compile("[\uac00-\ud7af]")


def strip_marks(text: str) -> str:
    """Take citation marks such as ``[1]``, ``【1】`` or ``［１、２］`` out of an answer."""
    return _MARK.sub("", text)


def normalise(text: str) -> str:
    """Fold what does not change meaning: width and form (NFKC), case, digit grouping, spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_GROUPING.sub("", folded).split())


def _words(text: str) -> Iterator[str]:
    """Runs of letters, marks and digits; a number keeps its point; %, $ and the like count."""
    word = ""
    previous = ""
    for i, char in enumerate(text):
        category = unicodedata.category(char)[0]
        point = char == "." and previous.isdigit() and text[i + 1 : i + 2].isdigit()
        joins = category in "LM" or category == "N" or point
        # A border between digits and letters: "12月", "3km".
        turn = (
            word
            and category != "M"
            and not point
            and ((previous.isdigit() or previous == ".") != (category == "N"))
        )
        if word and (not joins or turn):
            yield word
            word = ""
        if joins:
            word += char
        elif char in "%$€£¥₩℃°":
            yield char
        previous = char
    if word:
        yield word


def _tokens(text: str, split: Callable[[str], bool]) -> list[str]:
    tokens: list[str] = []
    for word in _words(normalise(text)):
        run = ""
        for char in word:
            if split(char):
                if run:
                    tokens.append(run)
                    run = ""
                tokens.append(char)
            elif tokens and not run and unicodedata.category(char)[0] == "M":
                tokens[-1] += char
            else:
                run += char
        if run:
            tokens.append(run)
    return tokens


def units(text: str) -> list[str]:
    """What EM and F1 count: characters of unspaced scripts (ja, zh, th ...), words elsewhere.

    Punctuation and the English articles do not count, as in SQuAD's own scorer; a number is
    one unit in every script.
    """
    found = _tokens(text, lambda char: bool(_UNSPACED.match(char)))
    return [token for token in found if token not in _ARTICLES]


def _fine(text: str) -> list[str]:
    """Units for containment; Hangul by syllable, since particles stick to Korean words."""
    return _tokens(text, lambda char: bool(_UNSPACED.match(char) or _HANGUL.match(char)))


NumericMatcher = Callable[[str, str], bool]


def holds(text: str, answer: str, numeric: NumericMatcher | None = None) -> bool:
    """Whether ``text`` holds ``answer`` after normalisation.

    Whole words and whole numbers only: ``12`` is not in ``2012`` and ``art`` is not in
    ``party``; characters in scripts without spaces. Failing that, ``numeric(text, answer)``
    may say that the same quantity stands there in another notation.
    """
    needle, hay = _fine(answer), _fine(strip_marks(text))
    if not needle:
        return False
    size = len(needle)
    if any(hay[i : i + size] == needle for i in range(len(hay) - size + 1)):
        return True
    return numeric is not None and numeric(strip_marks(text), answer)


def exact_match(text: str, answers: Sequence[str]) -> float:
    """1 if the answer is one of ``answers`` and nothing else, after normalisation; else 0."""
    mine = units(strip_marks(text))
    return float(any(mine == units(answer) for answer in answers))


def f1(text: str, answers: Sequence[str]) -> float:
    """The best overlap with one of ``answers``, as a share; order does not count (SQuAD's F1)."""
    mine = Counter(units(strip_marks(text)))
    return max((_overlap(mine, Counter(units(a))) for a in answers), default=0.0)


def _overlap(a: Counter[str], b: Counter[str]) -> float:
    if not a or not b:
        return float(a == b)
    shared = (a & b).total()
    return 2 * shared / (a.total() + b.total())


# ---- citations ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """A claim, made in answer to a question, and the citations it rests on."""

    question: str
    language: str
    claim: str
    citations: tuple[Citation, ...]


class Judge(Protocol):
    """Says whether what a claim cites supports it."""

    @property
    def name(self) -> str:
        """A short name for tables; another judge has another one."""

    def supports(self, cases: Sequence[Case]) -> list[float]:
        """For each case a share in 0..1: 0.5 and up is yes. All citations count together."""


class OverlapJudge:
    """Supported if every number of the claim and most of its wording stand in the quotes.

    A crude judge that shares no model with the pipeline it judges. Across languages it sees
    little but numbers, so it is a lower bound there.
    """

    name = "overlap"

    def __init__(self, share: float = 0.5, numeric: NumericMatcher | None = None) -> None:
        self._share = share
        self._numeric = numeric

    def supports(self, cases: Sequence[Case]) -> list[float]:
        """Share of the claim's bigrams that the quotes hold, 0 if a number is missing."""
        return [self._support(c.claim, "\n".join(q.quote for q in c.citations)) for c in cases]

    def _support(self, claim: str, quotes: str) -> float:
        mine, theirs = _fine(claim), _fine(quotes)
        if not mine or not theirs:
            return 0.0
        numbers = {t for t in mine if t[0].isdigit()} - set(theirs)
        if any(self._numeric is None or not self._numeric(quotes, n) for n in numbers):
            return 0.0
        if len(mine) == 1:
            return float(mine[0] in theirs)
        have = set(pairwise(theirs))
        found = sum(pair in have for pair in pairwise(mine)) / (len(mine) - 1)
        # Piecewise linear, so that the accepted share of bigrams maps to 0.5.
        if found < self._share:
            return 0.5 * found / self._share
        return 0.5 + 0.5 * (found - self._share) / max(1 - self._share, 1e-9)


@dataclass(frozen=True, slots=True)
class CitationScores:
    """One answer's citation scores, shares; ``supported`` holds one judgement a claim."""

    recall: float
    precision: float
    f1: float
    supported: tuple[float, ...]


def citation_scores(claims: Sequence[Case], judge: Judge) -> CitationScores:
    """Citation recall and precision of one answer, after ALCE (arXiv 2305.14627, section 3).

    ``claims`` are the claims of one answer. A claim is recalled if it cites something and what
    it cites together supports it. A citation is precise if its claim is recalled and either it
    supports the claim alone or the others do not do so without it. Without claims all scores
    are NaN; with claims but without citations precision is 0.
    """
    if not claims:
        return CitationScores(math.nan, math.nan, math.nan, ())
    joint = judge.supports(claims)
    supported = tuple(
        score if case.citations else 0.0 for score, case in zip(joint, claims, strict=True)
    )
    total = sum(len(case.citations) for case in claims)
    precise = sum(
        _precise(case, judge) for score, case in zip(supported, claims, strict=True) if score >= 0.5
    )
    recall = sum(score >= 0.5 for score in supported) / len(claims)
    precision = precise / total if total else 0.0
    both = recall + precision
    return CitationScores(
        recall, precision, 2 * recall * precision / both if both else 0.0, supported
    )


def _precise(case: Case, judge: Judge) -> int:
    cited = case.citations
    if len(cited) == 1:
        return 1
    alone = judge.supports([replace(case, citations=(one,)) for one in cited])
    rest = judge.supports(
        [replace(case, citations=(*cited[:i], *cited[i + 1 :])) for i in range(len(cited))]
    )
    return sum(a >= 0.5 or r < 0.5 for a, r in zip(alone, rest, strict=True))


def cohen_kappa(a: Sequence[bool], b: Sequence[bool]) -> float:
    """Agreement of two judges beyond chance: 1 is full, 0 is chance; NaN if there is nothing."""
    if not a:
        return math.nan
    n = len(a)
    observed = sum(x == y for x, y in zip(a, b, strict=True)) / n
    yes = (sum(a) / n) * (sum(b) / n)
    expected = yes + (1 - sum(a) / n) * (1 - sum(b) / n)
    return 1.0 if expected == 1.0 else (observed - expected) / (1 - expected)


# ---- refusal ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """Share wrong (``risk``) among the most confident ``coverage`` of all questions asked.

    ``area`` is the mean risk over the coverage reached, NaN if nothing was answered.
    """

    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    area: float


def risk_coverage(answered: Sequence[tuple[float, bool]], asked: int) -> RiskCoverage:
    """The curve over the answered questions, each (confidence, right); ``asked`` counts all.

    Questions of equal confidence enter together, so that their order does not matter.
    After Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks" (2017).
    """
    if asked < len(answered):
        raise UsageError(f"{len(answered)} answered of {asked} asked")
    ranked = sorted(answered, key=lambda pair: -pair[0])
    coverage: list[float] = []
    risk: list[float] = []
    area = 0.0
    wrong = 0
    start = 0
    while start < len(ranked):
        end = start
        while end < len(ranked) and ranked[end][0] == ranked[start][0]:
            wrong += not ranked[end][1]
            end += 1
        coverage.append(end / asked)
        risk.append(wrong / end)
        area += (end - start) * wrong / end
        start = end
    return RiskCoverage(tuple(coverage), tuple(risk), area / len(ranked) if ranked else math.nan)


# ---- means --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean, its 95 % interval and how many values it is of; all NaN when there are none."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Paired:
    """How run B differs from run A on the same questions.

    ``difference`` is mean(B) - mean(A) with its 95 % interval; ``p`` is two-sided;
    ``better`` and ``worse`` count questions.
    """

    difference: float
    low: float
    high: float
    p: float
    n: int
    better: int
    worse: int


def _resampled(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], rounds: int, seed: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    means = np.empty(rounds)
    step = max(1, 2_000_000 // values.size)
    for start in range(0, rounds, step):
        size = min(step, rounds - start)
        picks = rng.integers(0, values.size, (size, values.size))
        means[start : start + size] = values[picks].mean(axis=1)
    return means


def mean(values: Sequence[float], *, rounds: int = 2000, seed: int = 0) -> Mean:
    """The mean with a percentile bootstrap interval (95 %); the same seed, the same interval.

    The interval says what other questions like these would give. Where all are 1, or all 0,
    resampling has nothing to vary, and the exact binomial interval (Clopper and Pearson) stands
    in: ten right of ten is 0.69 to 1, not 1 to 1.
    """
    if not len(values):
        return Mean(math.nan, math.nan, math.nan, 0)
    array = np.asarray(values, dtype=np.float64)
    n = array.size
    edge = 0.025 ** (1 / n)
    if (array == 1.0).all():
        return Mean(1.0, edge, 1.0, n)
    if (array == 0.0).all():
        return Mean(0.0, 0.0, 1.0 - edge, n)
    low, high = np.quantile(_resampled(array, rounds, seed), [0.025, 0.975])
    return Mean(float(array.mean()), float(low), float(high), n)


def paired(
    a: Mapping[str, float], b: Mapping[str, float], *, rounds: int = 10_000, seed: int = 0
) -> Paired:
    """Compare two runs question by question with a paired randomisation test.

    The test flips the sign of each question's difference (Fisher), so it assumes nothing of
    their distribution. A question only one run has counts as 0 in the other.
    """
    names = sorted(a.keys() | b.keys())
    if not names:
        return Paired(math.nan, math.nan, math.nan, math.nan, 0, 0, 0)
    difference = np.array([b.get(q, 0.0) - a.get(q, 0.0) for q in names])
    low, high = np.quantile(_resampled(difference, 2000, seed), [0.025, 0.975])
    return Paired(
        difference=float(difference.mean()),
        low=float(low),
        high=float(high),
        p=_sign_flip(difference, rounds, seed),
        n=len(names),
        better=int((difference > 0).sum()),
        worse=int((difference < 0).sum()),
    )


def _sign_flip(
    difference: np.ndarray[tuple[int], np.dtype[np.float64]], rounds: int, seed: int
) -> float:
    moved = difference[difference != 0]
    if not moved.size:
        return 1.0
    rng = np.random.default_rng(seed)
    observed = abs(moved.sum()) - 1e-12
    extreme = 0
    step = max(1, 2_000_000 // moved.size)
    for start in range(0, rounds, step):
        signs = rng.choice([-1.0, 1.0], (min(step, rounds - start), moved.size))
        extreme += int((abs(signs @ moved) >= observed).sum())
    # The observed assignment is one of those possible, hence the ones.
    return (extreme + 1) / (rounds + 1)


def percentile(values: Sequence[float], share: float) -> float:
    """The value at ``share`` (0..1) of the sorted values, interpolated; NaN if there are none."""
    return float(np.quantile(np.asarray(values), share)) if len(values) else math.nan
