"""How free replies of other systems are read before they are measured with ours."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from konkyo.eval.questions import Dataset, Question
from konkyo.eval.run import write_json
from konkyo.eval.statistics import Mean
from konkyo.index.errors import UsageError
from konkyo.index.records import Article
from konkyo.rag.types import Answer, Outcome, Refusal

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
from news_table import measured_with, version
from three_systems import REFUSALS, blocks, numbers, read_reply, require_same_run, shown

ARTICLES = {
    "a": Article("a", "投資", "規模は5500億ドルに上る。首相が述べた。", "ja", "a.md"),
    "b": Article("b", "会談", "会談は3月19日に開かれる。", "ja", "b.md"),
}
SOURCES = [("a", ARTICLES["a"].text, 0.9), ("b", ARTICLES["b"].text, 0.8)]


def read(text: str, kind: str = "citation") -> Outcome:
    return read_reply(
        "規模は？",
        text,
        SOURCES,
        kind=kind,
        language="ja",
        article=ARTICLES.__getitem__,
        fingerprint="f",
        timings={"total": 1.0},
        usage={"prompt_tokens": 7},
    )


def test_numbers_bind_to_the_sentence_that_carries_them() -> None:
    outcome = read(
        "規模は5500億ドルです[1]。会談は3月19日です。[2] 詳細は首相が述べました [1, 2]。"
    )
    assert isinstance(outcome, Answer)
    assert [c.citations for c in outcome.claims] == [(1,), (2,), (1, 2)]
    assert outcome.claims[0].text == "規模は5500億ドルです。"
    for cited in outcome.citations:
        text = ARTICLES[cited.article_id].text
        assert text[cited.start : cited.end] == cited.quote
    assert outcome.usage["prompt_tokens"] == 7


def test_a_sentence_without_a_number_cites_nothing_and_unknown_numbers_are_dropped() -> None:
    outcome = read("規模は5500億ドルです。首相が述べました[9]。")
    assert isinstance(outcome, Answer)
    assert [c.citations for c in outcome.claims] == [(), ()]
    assert outcome.citations == ()


def test_the_plain_engine_rests_on_all_it_was_given() -> None:
    outcome = read("規模は5500億ドルです。", kind="plain")
    assert isinstance(outcome, Answer)
    assert outcome.claims[0].citations == (1, 2)
    assert len(outcome.citations) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Empty Response",
        "The provided sources do not mention the cost.",
        "There is no information about this in the context.",
        "None of the sources are helpful.",
        "提供された情報源には、この質問に関する情報はありません。",
        "記事には明記されていません。",
        "その年は不明です。",
        "答えることはできません。",
        "제공된 자료에는 정보가 없습니다.",
        "文中没有提到这一点。",
        "无法确定具体时间。",
    ],
)
def test_a_reply_that_says_it_does_not_know_is_a_refusal(text: str) -> None:
    assert isinstance(read(text), Refusal)


@pytest.mark.parametrize(
    "text",
    [
        "規模は5500億ドルです [1]。",
        "1910年",
        "The bridge was not damaged in the flood [1].",
        "彼は賛成しなかった [2]。",
        "他没有参加会议[1]。",
        "회담은 3월 19일에 열린다 [2].",
    ],
)
def test_a_plain_no_is_an_answer(text: str) -> None:
    assert not REFUSALS.search(text)
    assert isinstance(read(text), Answer)


def test_marks_in_any_width() -> None:
    assert numbers("x [1][2] y［３］ z【1、4】") == [1, 2, 3, 4]


def test_halves_are_asked_in_turn() -> None:
    def half(name: str, count: int) -> Dataset:
        made = [Question(f"{name}{n}", "?", "ja", "absent", False) for n in range(count)]
        return Dataset(name, tuple(made))

    parts = blocks([half("a", 25), half("b", 12)], lambda number: pytest.fail("not opened"))
    assert [(p.dataset.name, len(p.dataset.questions)) for p in parts] == [
        ("a", 10),
        ("b", 10),
        ("a", 10),
        ("b", 2),
        ("a", 5),
    ]


def test_rows_of_other_questions_or_code_do_not_count_as_done(tmp_path: Path) -> None:
    asked = Dataset("a", (Question("q1", "?", "ja", "absent", False),))
    identity = {"dataset": asked.fingerprint, "code": "of before"}
    write_json(tmp_path / "run.json", {"dataset": ["a"], "identity": identity})
    require_same_run(tmp_path, [asked], code=False)
    with pytest.raises(UsageError, match="with another code"):
        require_same_run(tmp_path, [asked], code=True)
    other = Dataset("a", (Question("q2", "?", "ja", "absent", False),))
    with pytest.raises(UsageError, match="with another dataset;"):
        require_same_run(tmp_path, [other], code=False)


def test_figures_of_other_weights_are_measured_again(tmp_path: Path) -> None:
    kept = tmp_path / "reader.json"
    assert not measured_with(kept, "abc")
    kept.write_text(json.dumps({"auc same": 0.9}), "utf-8")
    assert not measured_with(kept, "abc")
    kept.write_text(json.dumps({"weights": "abc", "figures": {}}), "utf-8")
    assert measured_with(kept, "abc")
    assert not measured_with(kept, version())


def test_a_measure_nothing_counted_for_is_empty() -> None:
    assert shown(Mean(math.nan, math.nan, math.nan, 0)) == ""
    assert shown(Mean(0.5, 0.4, 0.6, 9)) == "0.500 (0.400-0.600)"
