"""Measures against independent implementations, and the properties they must have."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konkyo.eval.answer_match import exact_match, f1, holds, normalise, strip_marks, units
from konkyo.eval.citation_metrics import Case, OverlapJudge, citation_scores, cohen_kappa
from konkyo.eval.metrics import MEASURES, Measure, retrieval
from konkyo.eval.statistics import mean, paired, percentile, risk_coverage
from konkyo.index.errors import UsageError
from konkyo.rag.types import Citation

CUT = {"hit", "MRR", "nDCG", "Recall", "Latency"}


@given(st.sampled_from(sorted(MEASURES)), st.integers(1, 1000))
def test_a_measure_parses_back_from_its_name(name: str, k: int) -> None:
    measure = Measure(name, k if name in CUT else None)
    assert Measure.parse(str(measure)) == measure
    assert Measure.parse(str(measure).upper()) == measure


@pytest.mark.parametrize("text", ["", "nDCG", "EM@3", "hit@0", "hit@-1", "hit@x", "bleu", "hit@１"])
def test_a_wrong_measure_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="measure"):
        Measure.parse(text)


# ---- retrieval, against scikit-learn and the formulas written out --------------------------

DOCS = [f"d{i}" for i in range(12)]
RANKING = st.lists(st.sampled_from(DOCS), unique=True, max_size=12)
GRADES = st.dictionaries(st.sampled_from(DOCS), st.integers(0, 3), max_size=6)


def written_out(name: str, k: int, grades: dict[str, int], ranking: Sequence[str]) -> float:
    relevant = {d for d, g in grades.items() if g > 0}
    top = ranking[:k]
    if not relevant:
        return 0.0
    if name == "hit":
        return float(any(d in relevant for d in top))
    if name == "MRR":
        return next((1 / i for i, d in enumerate(top, 1) if d in relevant), 0.0)
    return len(relevant & set(top)) / len(relevant)


def ndcg_of_sklearn(k: int, grades: dict[str, int], ranking: Sequence[str]) -> float:
    from sklearn.metrics import ndcg_score

    if not any(grades.values()):
        return 0.0
    # Scores must be given for every document: those not ranked come last, with no gain counted.
    truth = [[float(grades.get(d, 0)) for d in [*ranking, *[f"pad{i}" for i in range(12)]]]]
    extra = [float(g) for d, g in grades.items() if d not in ranking]
    truth[0] += extra
    scores = [[float(-i) for i in range(len(truth[0]))]]
    return float(ndcg_score(truth, scores, k=k))


@settings(max_examples=150, deadline=None)
@given(GRADES, RANKING, st.integers(1, 12))
def test_retrieval_agrees_with_independent_implementations(
    grades: dict[str, int], ranking: list[str], k: int
) -> None:
    measures = [Measure(n, k) for n in ("hit", "MRR", "Recall", "nDCG")]
    scores = retrieval(measures, {"q": grades}, {"q": ranking})
    for measure in measures[:3]:
        expected = written_out(measure.name, k, grades, ranking)
        assert scores[measure]["q"] == pytest.approx(expected)
    expected = ndcg_of_sklearn(k, grades, ranking)
    assert scores[measures[3]]["q"] == pytest.approx(expected)


def test_a_question_without_a_ranking_scores_zero() -> None:
    hit = Measure.parse("hit@1")
    scores = retrieval([hit], {"a": {"x": 1}, "b": {"y": 1}}, {"a": ["x"]})
    assert scores == {hit: {"a": 1.0, "b": 0.0}}
    assert retrieval([hit], {"a": {"x": 1}}, {}) == {hit: {"a": 0.0}}
    assert retrieval([hit], {}, {}) == {hit: {}}


def test_retrieval_refuses_other_measures() -> None:
    with pytest.raises(UsageError, match="EM is not a measure of retrieval"):
        retrieval([Measure("EM")], {}, {})


# ---- text ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("投資額は5,500億ドルです[1]。", "5500億ドル"),
        ("成長率は６２．５％だった。", "62.5%"),
        ("首相は高市 早苗氏である【1】", "高市早苗"),
        ("The deal is worth $550 Billion.", "$550 billion"),
        ("서울은 수도이다.", "서울"),
        ("การประชุมจัดขึ้นที่กรุงเทพฯ", "กรุงเทพ"),
        ("عُقد الاجتماع في القاهرة.", "القاهرة"),
        ("會議在台北舉行。", "台北"),
        ("It began on 12 March 2026.", "12 march"),
        ("「ＡＢＣ」社", "ABC"),
        ("Müller said so", "mu\u0308ller"),
        ("３年半、かかった", "3年半"),
    ],
)
def test_an_answer_is_found_whatever_its_form(text: str, answer: str) -> None:
    assert holds(text, answer)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It was in 2012.", "12"),
        ("The party began.", "art"),
        ("0.75 percent", "75"),
        ("10.5 km", "0.5"),
        ("1,234,567", "234"),
        ("", "x"),
        ("anything", ""),
        ("anything", "。"),
        ("answer [12]", "12"),
    ],
)
def test_a_part_of_a_word_or_number_is_no_answer(text: str, answer: str) -> None:
    assert not holds(text, answer)


def test_another_notation_counts_when_the_matcher_says_so() -> None:
    assert not holds("half a trillion dollars", "$500 billion")
    assert holds("half a trillion dollars", "$500 billion", lambda text, answer: "half" in text)


def test_em_and_f1_by_script() -> None:
    assert exact_match("The Denver Broncos!", ["Denver Broncos"]) == 1.0
    assert exact_match("小笠原諸島。[1]", ["小笠原諸島"]) == 1.0
    assert exact_match("小笠原諸島です", ["小笠原諸島"]) == 0.0
    assert f1("小笠原諸島です", ["小笠原諸島"]) == pytest.approx(2 * 5 / (7 + 5))
    assert f1("in the Denver area", ["Denver Broncos"]) == pytest.approx(2 * 1 / (3 + 2))
    assert f1("", ["x"]) == 0.0
    assert f1("x", []) == 0.0


def squad_f1(prediction: str, gold: str) -> float:
    """SQuAD 1.1's published scorer, written again for Latin text."""
    import re
    import string

    def tokens(text: str) -> list[str]:
        bare = "".join(c for c in text.lower() if c not in string.punctuation)
        return re.sub(r"\b(a|an|the)\b", " ", bare).split()

    p, g = tokens(prediction), tokens(gold)
    same = sum(min(p.count(t), g.count(t)) for t in set(p))
    return 2 * same / (len(p) + len(g)) if same else float(p == g)


@given(
    st.lists(st.sampled_from(["the", "red", "fox", "ran", "Far", "a"]), max_size=8),
    st.lists(st.sampled_from(["the", "red", "fox", "ran", "far", "away"]), max_size=8),
)
def test_f1_agrees_with_squads_scorer_on_english(p: list[str], g: list[str]) -> None:
    assert f1(" ".join(p) + ".", [" ".join(g)]) == pytest.approx(squad_f1(" ".join(p), " ".join(g)))


@given(st.text(max_size=60))
def test_text_functions_take_anything(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)
    assert all(units(text))
    assert exact_match(text, [text]) == 1.0
    assert 0.0 <= f1(text, ["x", text[:3]]) <= 1.0


def test_marks_go_and_prose_in_brackets_stays() -> None:
    assert strip_marks("金利は0.75％ [1][2]。次【3】、［１、２］ [注]") == "金利は0.75％。次、 [注]"


# ---- citations -----------------------------------------------------------------------------


def case(claim: str, *quotes: str) -> Case:
    return Case(
        question="?",
        language="en",
        claim=claim,
        citations=tuple(
            Citation(n, "a", "title", "file", None, None, "en", None, quote, 0, len(quote))
            for n, quote in enumerate(quotes, 1)
        ),
    )


class Table:
    """Supports what the table says."""

    name = "table"

    def __init__(self, *supported: tuple[str, str]) -> None:
        self._supported = set(supported)

    def supports(self, cases: Sequence[Case]) -> list[float]:
        said = [(c.claim, "".join(q.quote for q in c.citations)) for c in cases]
        return [float(pair in self._supported) for pair in said]


def test_citations_as_in_alce() -> None:
    judge = Table(("one", "a"), ("two", "ab"), ("three", "cd"), ("three", "c"))
    scores = citation_scores(
        [
            case("one", "a"),
            case("two", "a", "b"),
            case("three", "c", "d"),
            case("four", "e"),
            case("five"),
        ],
        judge,
    )
    # one, two, three are supported; c and the whole of one and two are needed, d and e are not.
    assert scores.recall == pytest.approx(3 / 5)
    assert scores.precision == pytest.approx((1 + 2 + 1 + 0) / 6)
    assert scores.supported == (1.0, 1.0, 1.0, 0.0, 0.0)


def test_no_claims_is_nan_and_no_citations_is_zero() -> None:
    assert math.isnan(citation_scores([], Table()).recall)
    scores = citation_scores([case("x")], Table(("x", "")))
    assert (scores.recall, scores.precision, scores.f1) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("claim", "quote", "yes"),
    [
        ("日銀は利上げを決めた", "日本銀行（日銀）は利上げを決めたと発表した。", True),
        ("日銀は0.5％の利上げを決めた", "日銀は0.75％の利上げを決めた。", False),
        ("The bank raised rates", "Farmers harvested rice in autumn.", False),
        ("", "x", False),
    ],
)
def test_the_overlap_judge(claim: str, quote: str, yes: bool) -> None:
    assert (OverlapJudge().supports([case(claim, quote)])[0] >= 0.5) is yes


def test_kappa_agrees_with_scikit_learn() -> None:
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(3)
    a = [bool(x) for x in rng.integers(0, 2, 60)]
    b = [x if keep else not x for x, keep in zip(a, rng.random(60) < 0.8, strict=True)]
    assert cohen_kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))
    # Both always say yes: chance alone agrees fully, which is no agreement of judges.
    assert math.isnan(cohen_kappa([True, True], [True, True]))
    assert math.isnan(cohen_kappa([], []))


# ---- refusal and means ---------------------------------------------------------------------


def test_risk_coverage_by_hand() -> None:
    curve = risk_coverage([(0.9, True), (0.8, False), (0.7, True), (0.7, False)], asked=8)
    assert curve.coverage == pytest.approx((1 / 8, 2 / 8, 4 / 8))
    assert curve.risk == pytest.approx((0.0, 1 / 2, 2 / 4))
    assert curve.area == pytest.approx((0 + 0.5 + 2 * 0.5) / 4)
    assert math.isnan(risk_coverage([], asked=3).area)
    with pytest.raises(UsageError, match="2 answered of 1 asked"):
        risk_coverage([(1.0, True), (1.0, True)], asked=1)


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.booleans()), min_size=1))
def test_risk_coverage_does_not_depend_on_order(answered: list[tuple[float, bool]]) -> None:
    forward, backward = (risk_coverage(a, asked=99) for a in (answered, answered[::-1]))
    assert forward.coverage == backward.coverage
    assert forward.risk == backward.risk
    assert forward.area == pytest.approx(backward.area)
    assert forward.risk[-1] == pytest.approx(sum(not r for _, r in answered) / len(answered))


def test_an_empty_mean_is_nan() -> None:
    empty = mean([])
    assert math.isnan(empty.value)
    assert math.isnan(empty.low)
    assert empty.n == 0
    assert math.isnan(percentile([], 0.5))


def test_the_interval_agrees_with_scipy() -> None:
    from scipy.stats import bootstrap

    values = np.random.default_rng(0).random(80)
    mine = mean(list(values), rounds=9999)
    theirs = bootstrap((values,), np.mean, method="percentile", rng=1).confidence_interval
    assert mine.value == pytest.approx(values.mean())
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    assert mean(list(values)) == mean(list(values))


def test_the_paired_test_agrees_with_scipy() -> None:
    from scipy.stats import permutation_test

    rng = np.random.default_rng(0)
    a, b = rng.random(40), rng.random(40) + 0.12
    theirs = permutation_test(
        (b, a),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        rng=1,
    ).pvalue
    names = [str(i) for i in range(40)]
    mine = paired(
        {n: float(x) for n, x in zip(names, a, strict=True)},
        {n: float(x) for n, x in zip(names, b, strict=True)},
    )
    assert mine.p == pytest.approx(theirs, abs=0.02)
    assert mine.difference == pytest.approx((b - a).mean())
    assert mine.better + mine.worse == 40


def test_a_question_only_one_run_has_counts_as_zero_in_the_other() -> None:
    result = paired({"a": 1.0, "b": 1.0}, {"a": 1.0, "c": 1.0})
    assert (result.n, result.better, result.worse, result.difference) == (3, 1, 1, 0.0)
    assert paired({"a": 1.0}, {"a": 1.0}).p == 1.0
    assert math.isnan(paired({}, {}).difference)


@pytest.mark.parametrize("n", [1, 5, 10, 200])
def test_all_right_is_not_certain(n: int) -> None:
    from scipy.stats import binomtest

    exact = binomtest(n, n).proportion_ci(method="exact")
    assert (mean([1.0] * n).low, mean([1.0] * n).high) == pytest.approx((exact.low, exact.high))
    none = mean([0.0] * n)
    assert (none.low, none.high) == pytest.approx((0.0, 1 - exact.low))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_interval_is_in_order(values: list[float]) -> None:
    result = mean(values, rounds=200)
    assert 0.0 <= result.low <= result.high + 1e-9
    assert result.high <= 1.0 + 1e-9
