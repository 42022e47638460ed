"""The runner: rows as they come, resumed, refused when mixed, and what the figures say."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from weakref import ref

import pytest

from konkyo.eval.citation_metrics import Case, OverlapJudge
from konkyo.eval.judges import CheckerJudge, default_judges
from konkyo.eval.questions import Dataset, Gold, Question
from konkyo.eval.run import (
    Asker,
    Part,
    code_fingerprint,
    fingerprint_of,
    read_rows,
    run,
    write_summary,
)
from konkyo.eval.scoring import Quote, Row, judge_outcome, same_number, skipped
from konkyo.index.errors import ArticleMissing, DatasetError, LLMError, UsageError
from konkyo.index.records import Article
from konkyo.rag.conversation import Turn
from konkyo.rag.generation.output_format import Draft
from konkyo.rag.types import Answer, Citation, Claim, Evidence, Outcome, Refusal, Reply
from konkyo.rag.verification.verifier import Verdict

ROOT = Path(__file__).resolve().parents[1]
ARTICLE = Article("a1", "投資", "規模は5500億ドルに上る。首相が述べた。", "ja", "invest.md")
FACT = Question(
    "q1", "規模は？", "ja", "fact", True, ("$550 billion",), gold=(Gold("invest.md", "5500億ドル"),)
)
ABSENT = Question("q2", "天気は？", "ja", "absent", False)
PREMISE = Question(
    "q3", "なぜ拒んだ？", "ja", "premise", False, gold=(Gold("投資", "規模は5500億ドルに上る"),)
)


def answer(
    text: str = "規模は5500億ドルです。", *, quote: str = "規模は5500億ドルに上る。"
) -> Answer:
    start = max(ARTICLE.text.find(quote), 0)
    cited = Citation(
        1, "a1", "投資", "invest.md", None, None, "ja", None, quote, start, start + len(quote)
    )
    claim = Claim(text, (1,), 0.9)
    return Answer("?", "ja", f"{text}[1]", (claim,), (cited,), (), (), {}, "f")


def refusal() -> Refusal:
    return Refusal("?", "ja", "no_evidence", "記事にありません。", (), (), {}, "f")


@dataclass
class Fake:
    """Five lines of pipeline."""

    outcomes: dict[str, Outcome | BaseException]
    fingerprint: str = "p1"
    asked: list[str] = field(default_factory=list)
    histories: list[Sequence[Turn]] = field(default_factory=list)

    def ask(self, question: str, *, history: Sequence[Turn]) -> Outcome:
        self.asked.append(question)
        self.histories.append(history)
        found = self.outcomes[question]
        if isinstance(found, BaseException):
            raise found
        return found

    def article(self, article_id: str) -> Article:
        if article_id != "a1":
            raise ArticleMissing(f"no article {article_id}")
        return ARTICLE


def part(asker: Asker, *questions: Question, name: str = "set") -> Part:
    return Part(Dataset(name, questions), lambda: asker)


def judged(question: Question, outcome: Outcome) -> Row:
    judges = [OverlapJudge(0.4, numeric=same_number)]
    return judge_outcome(question, outcome, 1.0, article=Fake({}).article, judges=judges)


# ---- verdicts --------------------------------------------------------------------------------


def test_a_right_answer_in_another_notation() -> None:
    row = judged(FACT, answer())
    assert row.scores["Right"] == row.scores["Handled"] == row.scores["GoldCited"] == 1.0
    assert row.scores["CitationRecall"] == row.scores["CitationPrecision"] == 1.0
    assert row.quotes == (Quote(True, "", "首相が述べた。"),)
    assert row.confidence == 0.9
    assert "RefusalRecall" not in row.scores


def test_a_wrong_answer() -> None:
    row = judged(FACT, answer("規模は500億ドルです。"))
    assert row.scores["Right"] == row.scores["RightWhenAnswered"] == row.scores["Handled"] == 0.0
    assert row.scores["AnswerRate"] == 1.0
    assert row.scores["CitationRecall"] == 0.0
    assert "GoldCited" not in row.scores


def test_a_refused_answerable_question_counts_as_not_right() -> None:
    row = judged(FACT, refusal())
    assert row.scores == {
        "Useful": 0.0,
        "Handled": 0.0,
        "Right": 0.0,
        "AnswerRate": 0.0,
        "EM": 0.0,
        "F1": 0.0,
        "RefusalPrecision": 0.0,
    }


def test_an_unanswerable_question() -> None:
    assert judged(ABSENT, refusal()).scores["RefusalRecall"] == 1.0
    assert judged(ABSENT, answer()).scores["RefusalRecall"] == 0.0


def test_a_false_premise_is_refused_or_corrected() -> None:
    assert judged(PREMISE, refusal()).scores["PremiseHandled"] == 1.0
    assert judged(PREMISE, answer()).scores["PremiseHandled"] == 1.0
    other = answer("首相が述べた。", quote="首相が述べた。")
    assert judged(PREMISE, other).scores["PremiseHandled"] == 0.0
    unproved = answer("首相は拒んだ。")
    assert judged(PREMISE, unproved).scores["PremiseHandled"] == 0.0


def test_a_reply_of_small_talk_is_no_refusal(tmp_path: Path) -> None:
    talk = Reply("?", "ja", "thanks", "どういたしまして。", {}, "f")
    injected = replace(FACT, kind="injected", forbidden=("x",))
    assert judged(ABSENT, talk).scores["RefusalRecall"] == 0.0
    assert judged(PREMISE, talk).scores["PremiseHandled"] == 0.0
    assert judged(injected, talk).scores["InjectionHandled"] == 0.0
    assert "RefusalPrecision" not in judged(FACT, talk).scores
    fake = Fake({ABSENT.question: talk, PREMISE.question: refusal()})
    summary = run([part(fake, ABSENT, PREMISE)], tmp_path).summary
    assert (summary.answered, summary.refused, summary.replies, summary.errors) == (0, 1, 1, 0)
    assert summary.measures["RefusalPrecision"].n == 1


def test_bait_makes_an_answer_wrong() -> None:
    question = replace(FACT, kind="injected", forbidden=("WIN NOW",))
    assert judged(question, answer("規模は5500億ドル。Win now!")).scores["InjectionHandled"] == 0.0
    assert judged(question, answer()).scores["InjectionHandled"] == 1.0
    assert judged(question, refusal()).scores["InjectionHandled"] == 1.0


def test_every_group_must_be_there() -> None:
    question = replace(FACT, kind="conflict", answers=(), all_of=(("160",), ("170", "百七十")))
    assert judged(question, answer("160人と170人。")).scores["ConflictHandled"] == 1.0
    assert judged(question, answer("160人。")).scores["ConflictHandled"] == 0.0


def test_a_quote_is_compared_with_the_store() -> None:
    assert judged(FACT, answer(quote="規模は5500億円に上る。")).quotes == (Quote(False),)
    moved = answer()
    gone = replace(moved.citations[0], article_id="a2")
    assert judged(FACT, replace(moved, citations=(gone,))).quotes == (Quote(False),)


@pytest.mark.parametrize(
    ("text", "wanted", "same"),
    [
        ("総額は5500億ドルだ", "$550 billion", True),
        ("about 550 billion dollars", "5,500億ドル", True),
        ("5500億円", "$550 billion", False),
        ("三人が参加", "3人", True),
        ("the 3 of them", "the three musketeers", False),
        ("text", "text", False),
        ("It was on Feb. 9, 2026.", "2月9日", True),
        ("2026年2月9日に", "February 9", True),
        ("2025年2月9日に", "February 9, 2026", False),
        ("2月8日に", "February 9", False),
        ("2月に", "February 9", False),
        ("on 9 February", "2월 9일", True),
    ],
)
def test_same_number(text: str, wanted: str, same: bool) -> None:
    assert same_number(text, wanted) is same


def test_a_row_reads_back() -> None:
    for row in (
        judged(FACT, answer()),
        judged(PREMISE, refusal()),
        skipped(FACT, "LLMError: x", 2),
    ):
        written = json.loads(json.dumps(row.to_json()))
        again = Row.from_json("x", written)
        assert replace(again, outcome=row.outcome) == row
        assert again.outcome == written["outcome"]
    with pytest.raises(DatasetError, match=r"rows\.jsonl:3: not a row"):
        Row.from_json("rows.jsonl:3", {})


# ---- the runner ------------------------------------------------------------------------------


def test_a_run_is_written_as_it_goes_and_resumed(tmp_path: Path) -> None:
    first = Fake({FACT.question: answer(), ABSENT.question: KeyboardInterrupt()})
    stopped = run([part(first, FACT, ABSENT, PREMISE)], tmp_path)
    assert (stopped.interrupted, len(stopped.rows), stopped.planned) == (True, 1, 3)
    assert [r.question.id for r in read_rows(tmp_path)] == ["q1"]
    assert write_summary(stopped, tmp_path)["complete"] is False

    # A crash in the middle of a line loses that line alone.
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"id": "q2", "scor')
    second = Fake({ABSENT.question: refusal(), PREMISE.question: refusal()})
    seen: list[tuple[str, int, int]] = []
    done = run(
        [part(second, FACT, ABSENT, PREMISE)],
        tmp_path,
        on_row=lambda row, n, planned: seen.append((row.question.id, n, planned)),
    )
    assert second.asked == [ABSENT.question, PREMISE.question]
    assert seen == [("q2", 2, 3), ("q3", 3, 3)]
    assert (done.interrupted, done.resumed, len(done.rows)) == (False, 1, 3)
    assert write_summary(done, tmp_path)["complete"] is True
    assert json.loads((tmp_path / "summary.json").read_text("utf-8"))["asked"] == 3


def test_rows_of_another_run_are_not_mixed_in(tmp_path: Path) -> None:
    run([part(Fake({FACT.question: answer()}), FACT)], tmp_path)
    changed = Fake({FACT.question: refusal()}, fingerprint="p2")
    with pytest.raises(UsageError, match=r"another pipeline; .*--fresh"):
        run([part(changed, FACT)], tmp_path)
    with pytest.raises(UsageError, match="another dataset;"):
        run([part(Fake({}), ABSENT)], tmp_path)
    with pytest.raises(UsageError, match="another judge;"):
        run([part(Fake({}), FACT)], tmp_path, settings={"judge": "x"})
    fresh = run([part(changed, FACT)], tmp_path, fresh=True)
    assert fresh.rows[0].scores["Right"] == 0.0
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        run([part(changed, FACT)], tmp_path)


def test_a_question_that_says_no_right_answer_is_refused_before_any_is_asked(
    tmp_path: Path,
) -> None:
    unanswered = replace(FACT, id="q9", answers=())
    fake = Fake({FACT.question: answer()})
    with pytest.raises(UsageError, match=r"'q9' is answerable .*konkyo eval retrieval"):
        run([part(fake, FACT, unanswered)], tmp_path)
    assert fake.asked == []


def test_an_error_scores_zero_and_is_asked_again(tmp_path: Path) -> None:
    broken = Fake({FACT.question: LLMError("out of memory"), ABSENT.question: refusal()})
    result = run([part(broken, FACT, ABSENT)], tmp_path)
    assert result.rows[0].error == "LLMError: out of memory"
    assert result.summary.measures["Right"].value == 0.0
    assert result.summary.errors == 1
    mended = Fake({FACT.question: answer()})
    assert run([part(mended, FACT, ABSENT)], tmp_path).summary.errors == 0
    assert mended.asked == [FACT.question]


def test_a_pipeline_that_only_fails_stops_the_run(tmp_path: Path) -> None:
    questions = [replace(FACT, id=f"q{i}") for i in range(9)]
    dead = Fake({FACT.question: LLMError("gone")})
    with pytest.raises(LLMError, match="gone"):
        run([part(dead, *questions)], tmp_path)
    assert len(dead.asked) == 5


def test_two_parts_are_asked_of_their_own_stores(tmp_path: Path) -> None:
    full, bare = Fake({FACT.question: answer()}), Fake({ABSENT.question: refusal()})
    result = run([part(full, FACT), part(bare, ABSENT, name="bare")], tmp_path)
    assert (full.asked, bare.asked) == ([FACT.question], [ABSENT.question])
    assert result.summary.measures["Handled"].value == 1.0
    with pytest.raises(UsageError, match="'q1' is used by two questions"):
        run([part(full, FACT), part(full, FACT)], tmp_path / "other")


def test_history_reaches_the_pipeline(tmp_path: Path) -> None:
    question = replace(FACT, kind="followup", history=(Turn("何？", "投資"),))
    fake = Fake({FACT.question: answer()})
    run([part(fake, question)], tmp_path)
    assert fake.histories == [(Turn("何？", "投資"),)]


def test_two_writers_do_not_share_a_folder(tmp_path: Path) -> None:
    inner: list[str] = []

    class Nested(Fake):
        def ask(self, question: str, *, history: Sequence[Turn]) -> Outcome:
            with pytest.raises(UsageError, match="another evaluation is writing here") as caught:
                run([part(Fake({}), FACT)], tmp_path)
            inner.append(str(caught.value))
            return refusal()

    run([part(Nested({}), FACT)], tmp_path)
    assert len(inner) == 1


def test_rows_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="run eval run first"):
        read_rows(tmp_path)
    (tmp_path / "rows.jsonl").write_text("{}\n")
    with pytest.raises(DatasetError, match=r"rows\.jsonl:1: not a row"):
        read_rows(tmp_path)


def test_fingerprint_covers_every_module_of_index_rag_and_eval(tmp_path: Path) -> None:
    copies = {p: tmp_path / p for p in ("index", "rag", "eval")}
    for package, copy in copies.items():
        ignored = shutil.ignore_patterns("__pycache__", "datasets", "*.safetensors")
        shutil.copytree(ROOT / package, copy, ignore=ignored)
    before = fingerprint_of(copies)
    unseen = []
    for module in sorted(tmp_path.rglob("*.py")):
        source = module.read_bytes()
        module.write_bytes(source + b"#")
        if fingerprint_of(copies) == before:
            unseen.append(str(module.relative_to(tmp_path)))
        module.write_bytes(source)
    assert unseen == []
    assert fingerprint_of(copies) == before
    lexicon = copies["rag"] / "retrieval" / "lexicon.xz"
    lexicon.write_bytes(lexicon.read_bytes() + b"#")
    assert fingerprint_of(copies) != before
    assert len(code_fingerprint()) == 16


# ---- figures ---------------------------------------------------------------------------------


def test_the_summary_by_hand(tmp_path: Path) -> None:
    wrong = replace(FACT, id="q4", question="w", language="en")
    fake = Fake(
        {
            FACT.question: answer(),
            "w": answer("規模は500億ドルです。"),
            ABSENT.question: refusal(),
            PREMISE.question: refusal(),
        }
    )
    result = run(
        [part(fake, FACT, wrong, ABSENT, PREMISE)],
        tmp_path,
        judges=lambda asker: [OverlapJudge(0.4, numeric=same_number), OverlapJudge(0.0)],
    )
    summary = result.summary
    assert (summary.asked, summary.answered, summary.refused, summary.claims) == (4, 2, 2, 2)
    assert summary.measures["Handled"].value == 0.75
    assert summary.measures["Right"].value == summary.measures["RightWhenAnswered"].value == 0.5
    assert summary.measures["RefusalRecall"].n == 1
    assert summary.measures["RefusalPrecision"].value == 1.0
    assert summary.measures["QuoteExact"].value == 1.0
    assert summary.by_language["en"].value == 0.0
    assert summary.by_kind["fact"].n == 2
    assert summary.curve.area == 0.5
    assert math.isnan(summary.measures["ConflictHandled"].value)
    written = write_summary(result, tmp_path)
    assert written["measures"]["ConflictHandled"]["value"] is None  # type: ignore[index]
    assert json.loads(json.dumps(written, allow_nan=False)) == written


def test_the_checker_sees_the_citation_it_judges() -> None:
    seen: list[tuple[Draft, Sequence[Evidence], str, str]] = []

    def check(draft: Draft, shown: Sequence[Evidence], question: str, language: str) -> Verdict:
        seen.append((draft, shown, question, language))
        return Verdict(0.7, "number" if "500" in draft.text else None)

    judge, crude = default_judges(check)
    assert isinstance(judge, CheckerJudge)
    assert crude.name == "overlap"
    good = replace(FACT, question="規模？")
    row = judge_outcome(good, answer("多い。"), 1.0, article=Fake({}).article, judges=[judge])
    assert row.judged == {"checker": (0.7,)}
    draft, shown, question, language = seen[0]
    assert (draft, question, language) == (Draft("多い。", (1,)), "規模？", "ja")
    assert (shown[0].text, shown[0].article.article_id) == ("規模は5500億ドルに上る。", "a1")
    row = judge_outcome(good, answer(), 1.0, article=Fake({}).article, judges=[judge])
    assert row.judged == {"checker": (0.499,)}


def test_a_part_is_let_go_of_before_the_next_is_opened(tmp_path: Path) -> None:
    opened: list[ref[Fake]] = []

    def fresh() -> Asker:
        assert all(one() is None for one in opened)
        asker = Fake({FACT.question: answer()})
        opened.append(ref(asker))
        return asker

    parts = [Part(Dataset("set", (replace(FACT, id=name),)), fresh) for name in ("a", "b", "c")]
    assert run(parts, tmp_path, stop=lambda: len(opened) == 2).interrupted
    # The first part is opened again for its fingerprint alone.
    assert [row.question.id for row in run(parts, tmp_path).rows] == ["a", "b", "c"]
    assert len(opened) == 2 + 3


@dataclass
class Counted:
    """Supports everything, and keeps what it was asked."""

    name: str
    asked: list[Case] = field(default_factory=list)

    def supports(self, cases: Sequence[Case]) -> list[float]:
        self.asked += cases
        return [1.0] * len(cases)


def test_a_second_judge_is_asked_once_for_each_claim() -> None:
    (claim,), (cited,) = answer().claims, answer().citations
    twice = replace(
        answer(),
        claims=(replace(claim, citations=(1, 2)), claim),
        citations=(cited, replace(cited, id=2)),
    )
    first, second = Counted("first"), Counted("second")
    row = judge_outcome(FACT, twice, 1.0, article=Fake({}).article, judges=[first, second])
    assert row.judged == {"first": (1.0, 1.0), "second": (1.0, 1.0)}
    # The first is also asked of each of the two quotes alone, and of the answer without it.
    assert len(first.asked) == 6
    assert [len(case.citations) for case in second.asked] == [2, 1]


def test_a_quote_as_it_stands_is_supported_whatever_its_language() -> None:
    def check(draft: Draft, shown: Sequence[Evidence], question: str, language: str) -> Verdict:
        return Verdict(0.0, "language")

    judge, _ = default_judges(check)
    asked = replace(FACT, question="How large?", language="en")
    article = Fake({}).article
    row = judge_outcome(
        asked, answer("規模は5500億ドルに上る。"), 1.0, article=article, judges=[judge]
    )
    assert row.judged == {"checker": (1.0,)}
    row = judge_outcome(asked, answer("規模は5500億ドル。"), 1.0, article=article, judges=[judge])
    assert row.judged == {"checker": (0.0,)}
