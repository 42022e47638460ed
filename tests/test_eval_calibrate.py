"""Refitting: on whose rows, how far they move it, and what is never fitted on."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from konkyo.eval.calibrate import Example, refit
from konkyo.eval.calibration_rows import answer_examples, claims_of, read_claims, refuse_shipped
from konkyo.eval.questions import Gold, Question
from konkyo.eval.run import write_json
from konkyo.eval.scoring import judge_outcome
from konkyo.index.errors import DatasetError, SettingsError, UsageError
from konkyo.index.records import Article, ArticleSummary, Filter, Hit, Passage
from konkyo.index.text.sentences import sentences
from konkyo.rag.calibration import Calibration, load_calibration
from konkyo.rag.options import Options
from konkyo.rag.reading.answerability import Answerability
from konkyo.rag.types import Answer, Citation, Claim
from konkyo.ui.cli.eval import evaluate

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = Calibration({"a": 1.0, "b": 0.0}, 0.0, 0.6)


def examples(n: int, *, seed: int = 0, shift: float = 0.0) -> list[Example]:
    """Rows whose truth is a + 2 b - shift, with noise."""
    rng = random.Random(seed)
    found = []
    for number in range(n):
        a, b = rng.gauss(0, 1), rng.gauss(0, 1)
        label = a + 2 * b - shift + rng.gauss(0, 0.7) > 0
        found.append(Example({"a": a, "b": b}, label, str(number)))
    return found


def test_many_rows_move_it_to_what_is_true() -> None:
    found = refit(examples(600, shift=1.0), SHIPPED, wrong_weighs=1.5)
    weights = found.calibration.weights
    assert weights["b"] / weights["a"] == pytest.approx(2.0, abs=0.4)
    assert found.calibration.threshold == pytest.approx(0.6)
    assert found.better
    assert found.after.auc > found.before.auc + 0.1
    assert (found.yes + found.no, found.derived) == (600, 0)


def test_few_rows_move_it_little() -> None:
    few = refit(examples(40, seed=3), SHIPPED, wrong_weighs=1.5).calibration
    many = refit(examples(600, seed=3), SHIPPED, wrong_weighs=1.5).calibration
    assert abs(few.weights["b"]) < abs(many.weights["b"])


def test_rows_that_say_nothing_are_not_better() -> None:
    rng = random.Random(1)
    noise = [
        Example({"a": e.features["a"], "b": 0.0}, e.features["a"] + rng.gauss(0, 1) > 0, e.group)
        for e in examples(200)
    ]
    shuffled = [Example(e.features, rng.random() < 0.5, e.group) for e in noise]
    found = refit(shuffled, Calibration({}, 0.0, 0.5), wrong_weighs=1.0)
    assert found.after.auc == pytest.approx(0.5, abs=0.12)
    assert not found.better


def test_the_threshold_keeps_the_precision() -> None:
    loose = refit(examples(400), SHIPPED, precision=0.8)
    strict = refit(examples(400), SHIPPED, precision=0.97)
    assert loose.calibration.threshold < strict.calibration.threshold
    assert strict.after.precision >= 0.97
    assert refit(examples(400), SHIPPED, wrong_weighs=4.0).calibration.threshold == 0.8


def test_the_fit_agrees_with_an_independent_one() -> None:
    """Against scikit-learn, whose ridge pulls to zero: so the shipped weights are zero here."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    from konkyo.eval.logistic import auc, fit

    rows = examples(300, shift=0.5)
    x = np.array([[e.features["a"], e.features["b"]] for e in rows])
    y = np.array([e.label for e in rows])
    ours = fit(x, y, np.zeros(3))
    theirs = LogisticRegression(C=0.1, class_weight="balanced").fit(x, y)
    assert ours[:2] == pytest.approx(theirs.coef_[0], abs=0.02)
    share = theirs.predict_proba(x)[:, 1]
    assert auc(share, y) == pytest.approx(roc_auc_score(y, share))
    assert auc(np.round(share, 1), y) == pytest.approx(roc_auc_score(y, np.round(share, 1)))


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(UsageError, match=r"at least 30 in all"):
        refit(examples(20), SHIPPED, wrong_weighs=1.5)
    one_sided = [Example(e.features, True, e.group) for e in examples(50)]
    with pytest.raises(UsageError, match=r"50 labelled yes and 0 no"):
        refit(one_sided, SHIPPED, wrong_weighs=1.5)


def test_the_projects_own_sets_are_never_fitted_on() -> None:
    line = (ROOT / "eval/datasets/alliance.jsonl").read_text("utf-8").split("\n")[0]
    with pytest.raises(UsageError, match="own evaluation sets"):
        refuse_shipped(["something else", json.loads(line)["question"]], "own.jsonl")
    refuse_shipped(["a question that nobody asked before"], "own.jsonl")
    result = CliRunner().invoke(
        evaluate,
        ["calibrate", str(ROOT / "eval/datasets/alliance.jsonl"), "--out", "x.json"],
        standalone_mode=False,
    )
    assert isinstance(result.exception, UsageError)


def test_questions_and_claims_of_the_news_set_are_never_fitted_on() -> None:
    cluster = json.loads((ROOT / "eval/datasets/news/clusters/A03.json").read_text("utf-8"))
    for text in (cluster["questions"][0]["ask"]["ko"], cluster["claims"][0]["text"]):
        with pytest.raises(UsageError, match="1 of 1 rows"):
            refuse_shipped([text], "own.jsonl")


def test_a_precision_that_no_threshold_reaches_is_told() -> None:
    from konkyo.eval.logistic import threshold_for

    share, labels = np.array([0.9, 0.99, 0.2]), np.array([False, True, False])
    assert threshold_for(share, labels, 0.5) == pytest.approx(0.3)
    with pytest.raises(UsageError, match=r"no threshold up to 0\.95 keeps a precision of 1\.00"):
        threshold_for(np.array([0.99, 0.99]), np.array([False, True]), 1.0)


class Finds:
    """Finds as many passages as it is asked for, the answer in the last of them."""

    def retrieve(
        self, question: str, top_k: int = 10, where: Filter = Filter(), language: str = ""
    ) -> list[Hit]:
        def hit(number: int) -> Hit:
            text = "規模は5500億ドル。" if number == top_k - 1 else f"天気は晴れ{number}。"
            name = f"a{number}"
            article = ArticleSummary(name, name, f"{name}.md", None, None, "ja", None, 1)
            return Hit(Passage(name, name, 0, 0, len(text), text), article, 0.5, 0.5, 0.5)

        return [hit(number) for number in range(top_k)]


@dataclass(frozen=True)
class Read:
    probability: float
    start: int
    end: int
    places: tuple[tuple[int, int], ...] = ()


class Reads:
    """Is sure of a window with the figure alone."""

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[Read]:
        return [Read(0.9 if "5500" in text else 0.01, 0, len(text) - 1) for text in windows]


def test_examples_are_read_as_deep_as_the_product_reads() -> None:
    question = Question("q1", "規模は？", "ja", "fact", True, gold=(Gold("a7.md"),))
    asked = answer_examples(
        [question],
        Finds(),  # type: ignore[arg-type]
        ToyEncoder(),
        Reads(),
        Answerability(Calibration({}, 0.0, 0.5)),
        sentences=sentences,
        options=Options(top_k=4),
    )
    # The eighth passage, named by its file, holds the answer; without it nothing does.
    assert [(e.label, e.derived) for e in asked] == [(True, False), (False, True)]


def test_labelled_claims_are_read_with_line_numbers(tmp_path: Path) -> None:
    path = tmp_path / "claims.jsonl"
    good = {"claim": "c", "quotes": ["q"], "supported": True}
    path.write_text(json.dumps(good) + "\n\n" + json.dumps({**good, "crossed": True}) + "\n")
    assert [c.crossed for c in read_claims(path)] == [False, True]
    for bad, message in (
        ({**good, "claim": ""}, "'claim'"),
        ({**good, "quotes": []}, "'quotes'"),
        ({**good, "supported": "yes"}, "'supported'"),
    ):
        path.write_text(json.dumps(good) + "\n" + json.dumps(bad) + "\n")
        with pytest.raises(DatasetError, match=rf"claims\.jsonl:2: {message}"):
            read_claims(path)


def test_a_person_labels_the_claims_of_a_run(tmp_path: Path) -> None:
    cited = Citation(1, "a1", "t", "a.md", None, None, "ja", None, "規模は5500億ドル。", 0, 11)
    claim = Claim("規模は5500億ドルです。", (1,), 0.9)
    outcome = Answer("?", "ja", "規模は5500億ドルです。[1]", (claim,), (cited,), (), (), {}, "f")
    question = Question("q1", "規模は？", "ja", "fact", True, ("5500億ドル",))
    article = Article("a1", "t", "規模は5500億ドル。", "ja", "a.md")
    row = judge_outcome(question, outcome, 1.0, article=lambda _: article)
    run = tmp_path / "run"
    run.mkdir()
    (run / "rows.jsonl").write_text(json.dumps(row.to_json(), ensure_ascii=False) + "\n")
    assert len(claims_of([row, row])) == 1
    out = tmp_path / "claims.jsonl"
    result = CliRunner().invoke(evaluate, ["label", str(run), "--out", str(out)], input="y\n")
    assert result.exit_code == 0, result.output
    (found,) = read_claims(out)
    assert (found.supported, found.crossed) == (True, False)
    again = CliRunner().invoke(evaluate, ["label", str(run), "--out", str(out)])
    assert "1 labelled claims" in again.output


def test_a_calibration_file_is_read_and_a_wrong_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    found = refit(examples(100), SHIPPED, wrong_weighs=3.0)
    write_json(path, {"answers": found.to_json("own.jsonl: 100 questions")})
    assert load_calibration("answers", path).threshold == 0.75
    assert load_calibration("support", path) == load_calibration("support")
    path.write_text('{"answers": {"weights": {}}}')
    with pytest.raises(SettingsError, match="needs weights, bias and threshold"):
        load_calibration("answers", path)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_calibration("answers", tmp_path / "none.json")


@pytest.mark.parametrize("threshold", ["0", "1", "1.5", "-0.1", "NaN"])
def test_a_threshold_that_lets_all_or_nothing_pass_is_refused(
    tmp_path: Path, threshold: str
) -> None:
    path = tmp_path / "own.json"
    path.write_text(
        f'{{"answers": {{"weights": {{"reader": 1}}, "bias": 0, "threshold": {threshold}}}}}'
    )
    with pytest.raises(SettingsError, match=r"own\.json: .*'answers'.* not between 0 and 1"):
        load_calibration("answers", path)
