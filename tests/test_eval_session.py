"""One evaluation from start to report: progress, stopping, perturbation, judges, tokens."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from konkyo.eval.answering import PipelineAsker
from konkyo.eval.citation_metrics import Case
from konkyo.eval.corpus import corpus_store
from konkyo.eval.questions import Dataset, Question
from konkyo.eval.robustness import PerturbedRetriever, noisy, paraphrased, robustness
from konkyo.eval.run import read_rows, setting_of, write_json
from konkyo.eval.scoring import Row, skipped
from konkyo.eval.session import (
    Progress,
    _perturbed_part,
    _same_but_questions,
    evaluate_with,
    write_report,
)
from konkyo.eval.summary import summarise, summary_json
from konkyo.eval.withheld import withheld
from konkyo.index.builder import build
from konkyo.index.errors import ExtraMissing, LLMUnreachable, UsageError
from konkyo.index.records import Article, ArticleSummary, Filter, Hit, Passage
from konkyo.index.stores.open import open_store
from konkyo.index.text.sentences import sentences
from konkyo.rag.calibration import Calibration
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.options import Options
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.thresholds import Thresholds
from konkyo.rag.verification.verifier import Verifier

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder, story, write_stories

TODAY = date(2026, 11, 22)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    folder = tmp_path_factory.mktemp("session")
    encoder = ToyEncoder()
    build([str(write_stories(folder / "news", 12))], folder / "store", encoder)
    store = open_store(folder / "store")
    yield Pipeline(
        store,
        encoder,
        NoLLM(),
        verifier=Verifier(support=Calibration({}, 0.0, 0.5), without={"facts"}),
        detect=lambda text: "ja",
        sentences=sentences,
        decide=lambda question, language, selection, hits: 0.9,
        options=Options(thresholds=Thresholds(answerable=0.1)),
    )
    store.close()


def questions(count: int = 4) -> Dataset:
    found = []
    for number in range(count):
        title = story(number).split("\n")[1].removeprefix("title: ")
        found.append(
            Question(f"q{number}", f"{title}は何件ですか。", "ja", "fact", True, (f"第{number}号",))
        )
    return Dataset("own", tuple(found))


def test_progress_rows_summary_and_page(pipeline: Pipeline, tmp_path: Path) -> None:
    told: list[Progress] = []
    done = evaluate_with(
        pipeline, questions(), tmp_path / "out", today=TODAY, on_progress=told.append
    )
    assert [(p.stage, p.done, p.total) for p in told] == [("questions", n, 4) for n in (1, 2, 3, 4)]
    assert told[-1].asked == 4
    assert not done.interrupted
    assert done.report.read_text("utf-8").startswith("<!doctype html>")
    assert json.loads((tmp_path / "out" / "summary.json").read_text("utf-8")) == done.summary
    again = evaluate_with(
        pipeline, questions(), tmp_path / "out", today=TODAY, on_progress=told.append
    )
    assert again.result.resumed == 4
    assert len(told) == 4


def test_a_run_keeps_the_day_on_which_it_began(pipeline: Pipeline, tmp_path: Path) -> None:
    told: list[Progress] = []
    evaluate_with(
        pipeline, questions(), tmp_path, on_progress=told.append, stop=lambda: len(told) >= 2
    )
    assert setting_of(tmp_path, "today") == date.today().isoformat()
    # As if it had begun a day that is long over: going on without a day goes on with that one.
    head = json.loads((tmp_path / "run.json").read_text("utf-8"))
    head["identity"]["today"] = "2020-02-29"
    write_json(tmp_path / "run.json", head)
    rest = evaluate_with(pipeline, questions(), tmp_path, on_progress=told.append)
    assert (rest.result.resumed, rest.result.identity["today"]) == (2, "2020-02-29")
    with pytest.raises(UsageError, match="another today"):
        evaluate_with(pipeline, questions(), tmp_path, today=TODAY)
    anew = evaluate_with(pipeline, questions(), tmp_path, fresh=True)
    assert anew.result.identity["today"] == date.today().isoformat()


def test_stopping_keeps_what_was_asked(pipeline: Pipeline, tmp_path: Path) -> None:
    told: list[Progress] = []
    stopped = evaluate_with(
        pipeline,
        questions(),
        tmp_path,
        on_progress=told.append,
        stop=lambda: len(told) >= 2,
        perturb=("order",),
    )
    assert stopped.interrupted
    assert len(stopped.result.rows) == 2
    assert stopped.report.exists()
    at_once = evaluate_with(pipeline, questions(), tmp_path / "none", stop=lambda: True)
    assert at_once.interrupted
    assert at_once.result.rows == ()
    rest = evaluate_with(pipeline, questions(), tmp_path, on_progress=told.append)
    assert (rest.interrupted, len(told)) == (False, 4)


def test_perturbed_runs_stand_beside_the_first(pipeline: Pipeline, tmp_path: Path) -> None:
    before = pipeline.retriever
    told: list[Progress] = []
    done = evaluate_with(
        pipeline,
        questions(),
        tmp_path,
        perturb=("noise", "order", "paraphrase"),
        on_progress=told.append,
    )
    assert pipeline.retriever is before
    assert [p.stage for p in told[::4]] == ["questions", "noise", "order", "paraphrase"]
    assert len(read_rows(tmp_path / "noise")) == 4
    assert read_rows(tmp_path / "paraphrase")[0].question.question.startswith("教えてください。")
    assert read_rows(tmp_path / "order")[0].question.id == "q0"
    shown = done.summary["robustness"]
    assert isinstance(shown, dict)
    assert set(shown) == {"noise", "order", "paraphrase"}
    assert shown["order"]["n"] == 4
    assert "The same questions, perturbed" in done.report.read_text("utf-8")
    json.dumps(done.summary, allow_nan=False)


def test_perturbed_rows_of_another_version_are_not_compared(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    evaluate_with(pipeline, questions(), tmp_path, perturb=("order", "paraphrase"))
    head = json.loads((tmp_path / "order" / "run.json").read_text("utf-8"))
    head["identity"]["code"] = "of before"
    write_json(tmp_path / "order" / "run.json", head)
    shown = write_report(tmp_path).read_text("utf-8")
    assert "paraphrase" in shown
    evaluate_with(pipeline, questions(), tmp_path / "plain")
    assert not _same_but_questions(tmp_path, tmp_path / "order")
    assert _same_but_questions(tmp_path, tmp_path / "paraphrase")
    (tmp_path / "paraphrase" / "rows.jsonl").unlink()
    assert "The same questions, perturbed" not in write_report(tmp_path).read_text("utf-8")


def test_an_article_of_another_day_gets_a_store_of_its_own(tmp_path: Path) -> None:
    article = Article("1", "t", "本文です。", "ja", "a.md", "2026-01-01")
    folders = {
        corpus_store([one], ToyEncoder(), tmp_path, budget=64, overlap=0)
        for one in (article, article, replace(article, published="2026-01-02"))
    }
    assert len(folders) == 2


def test_the_order_of_all_that_may_be_read_is_reversed(pipeline: Pipeline) -> None:
    read: list[int] = []

    class Deep:
        store, options = None, pipeline.options
        retriever = pipeline.retriever

        def over(self, changed: PerturbedRetriever) -> object:
            read.append(changed._read)
            return pipeline

    part = _perturbed_part(questions(1), "order", Deep, None)  # type: ignore[arg-type]
    part.open()
    assert read == [pipeline.options.limits.passages]


def hit(name: str, score: float) -> Hit:
    article = ArticleSummary(name, name, f"{name}.md", None, None, "ja", None, 1)
    return Hit(Passage(f"{name}:0", name, 0, 0, 1, "x"), article, score, score, score)


class Found:
    store = None

    def retrieve(
        self, question: str, top_k: int = 10, where: Filter = Filter(), language: str = ""
    ) -> list[Hit]:
        names = "abcd" if question == "mine" else "cxyz"
        return [hit(name, 1.0 - n / 10) for n, name in enumerate(names)][:top_k]


def test_noise_is_foreign_and_speaks_for_itself() -> None:
    found = Found()
    mixed = noisy(found.retrieve("mine"), found.retrieve("theirs"))
    assert [h.article.article_id for h in mixed] == ["a", "x", "b", "y", "c", "z", "d"]
    assert {h.score for h in mixed if h.article.article_id in "xyz"} == {0.7}
    assert all(h.dense is None for h in mixed if h.article.article_id in "xyz")
    assert noisy([], found.retrieve("theirs")) == []


def test_a_retriever_is_perturbed_the_same_way_every_time() -> None:
    def order(kind: str, others: Sequence[str] = ("theirs", "mine")) -> str:
        retriever = PerturbedRetriever(Found(), kind, others=others, read=3)  # type: ignore[arg-type]
        assert retriever.retrieve("mine") == retriever.retrieve("mine")
        return "".join(h.article.article_id for h in retriever.retrieve("mine"))

    assert order("order") == "cbad"
    assert order("noise") == "axbyczd"
    assert order("noise", ("mine",)) == "abcd"
    assert order("paraphrase") == "abcd"


def test_withheld_articles_are_not_found(pipeline: Pipeline) -> None:
    question = questions().questions[0].question
    found = pipeline.retriever.retrieve(question, 5)
    best = found[0].article
    for name in (best.article_id, best.title, Path(best.source).name):
        left = withheld(pipeline, {name}).retriever.retrieve(question, 5)
        assert len(left) == 5
        assert best.article_id not in {h.article.article_id for h in left}
    everything = {a.article_id for a in pipeline.store.articles()}
    assert withheld(pipeline, everything).retriever.retrieve(question, 5) == []
    assert pipeline.retriever.retrieve(question, 5) == found


def test_a_written_paraphrase_wins_over_the_frame() -> None:
    plain = Question("1", "When?", "en", "date", True, ("May 7",))
    assert paraphrased(plain).question == "Could you please tell me: When?"
    written = replace(plain, paraphrases=("On what day?",))
    assert paraphrased(written).question == "On what day?"
    assert paraphrased(written).answers == plain.answers


def row(name: str, status: str, handled: float, answer: str = "") -> Row:
    question = Question(name, "?", "ja", "fact", True, ("x",))
    outcome = {"status": status, "answer": answer}
    return replace(
        skipped(question, "", 0.5), outcome=outcome, error=None, scores={"Handled": handled}
    )


def test_what_a_perturbation_changed_by_hand() -> None:
    base = [
        row("1", "answered", 1.0, "a"),
        row("2", "answered", 1.0, "b"),
        row("3", "refused", 0.0),
    ]
    after = [row("1", "answered", 1.0, "a"), row("2", "refused", 0.0), row("4", "refused", 0.0)]
    found = robustness(base, after)
    assert (found.flipped.value, found.flipped.n) == (0.5, 2)
    assert found.changed.value == 0.5
    assert found.same_text.value == 0.5
    assert found.handled.difference == -0.5
    assert math.isnan(robustness(base, []).flipped.value)


def test_a_failed_question_turns_nothing_but_counts_as_not_handled() -> None:
    def failed(name: str) -> Row:
        return skipped(row(name, "", 0.0).question, "LLMUnreachable: away", 0.5)

    base = [row("1", "answered", 1.0, "a"), row("2", "answered", 1.0, "b"), failed("3")]
    after = [row("1", "answered", 1.0, "a"), failed("2"), failed("3")]
    found = robustness(base, after)
    assert (found.flipped.value, found.flipped.n) == (0.0, 1)
    assert (found.same_text.value, found.same_text.n) == (1.0, 1)
    assert (found.changed.value, found.changed.n) == (pytest.approx(1 / 3), 3)


def test_tokens_and_latency_are_counted_where_outcomes_say() -> None:
    rows = []
    for number, (prompt, seconds) in enumerate([(100, 1.0), (300, 3.0), (None, 2.0)]):
        made = row(str(number), "answered", 1.0)
        usage = {} if prompt is None else {"prompt_tokens": prompt, "calls": 1, "odd": "x"}
        outcome = {**(made.outcome or {}), "usage": usage}
        rows.append(replace(made, outcome=outcome, seconds=seconds))
    summary = summarise(rows)
    assert set(summary.tokens) == {"prompt_tokens", "calls"}
    counted = summary.tokens["prompt_tokens"]
    assert (counted.mean, counted.total, counted.n) == (200.0, 400, 2)
    assert summary.latency_by_kind["fact"].p50 == 2.0
    assert summary.latency_by_language["ja"].n == 3
    value = summary_json(summary)
    json.dumps(value, allow_nan=False)
    assert summary_json(summarise([]))["tokens"] == {}


def test_a_day_reaches_the_pipeline(pipeline: Pipeline) -> None:
    class Spy:
        def __init__(self) -> None:
            self.today: list[object] = []

        def ask(self, question: str, *, history: object, today: object) -> object:
            self.today.append(today)
            return None

    spy = Spy()
    PipelineAsker(spy, today=TODAY).ask("?", history=())  # type: ignore[arg-type]
    assert spy.today == [TODAY]


class Abstainer:
    """A judge without a verdict on every second claim."""

    name = "abstainer"

    def supports(self, cases: Sequence[Case]) -> list[float]:
        return [math.nan if n % 2 else 1.0 for n, _ in enumerate(cases)]


def test_no_verdict_is_counted_apart_and_never_as_zero(pipeline: Pipeline, tmp_path: Path) -> None:
    done = evaluate_with(pipeline, questions(), tmp_path, judges=[Abstainer()])
    rows = read_rows(tmp_path)
    verdicts = [v for r in rows for v in r.judged["abstainer"]]
    given = [v for v in verdicts if not math.isnan(v)]
    assert 0 < len(given) < len(verdicts)
    shown = done.result.summary.faithfulness["abstainer"]
    assert (shown.value, shown.n) == (1.0, len(given))
    pair = next(a for a in done.result.summary.agreement if a.b == "abstainer")
    assert pair.n == len(given)
    json.dumps(done.summary, allow_nan=False)
    assert "gave no verdict" in done.report.read_text("utf-8")
    with pytest.raises(UsageError, match="another judges"):
        evaluate_with(pipeline, questions(), tmp_path)


class Broken:
    name = "broken"

    def supports(self, cases: Sequence[Case]) -> list[float]:
        raise LLMUnreachable("the judge is away")


def test_a_judge_that_is_away_leaves_the_question_to_be_asked_again(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    done = evaluate_with(pipeline, questions(2), tmp_path, judges=[Broken()])
    assert [r.error for r in done.result.rows] == ["LLMUnreachable: the judge is away"] * 2
    assert done.result.summary.errors == 2


# ---- judges made of language models ----------------------------------------------------------


def case(claim: str) -> Case:
    from konkyo.rag.types import Citation

    quote = Citation(1, "a", "t", "s", None, None, "en", None, "Japan pledged $550 billion.", 0, 27)
    return Case("How much?", "en", claim, (quote,))


def test_llamaindexs_evaluator_says_yes_or_no() -> None:
    from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata

    from konkyo.eval.llamaindex import LlamaIndexFaithfulness

    class Echo(CustomLLM):
        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata()

        def complete(
            self, prompt: str, formatted: bool = False, **kwargs: object
        ) -> CompletionResponse:
            assert "Japan pledged $550 billion." in prompt
            asked = prompt.rsplit("Information:", 1)[-1]
            return CompletionResponse(text="YES" if "550" in asked.split("Context:")[0] else "NO")

        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: object) -> object:
            raise NotImplementedError

    judge = LlamaIndexFaithfulness(Echo(), "llamaindex:echo")
    assert judge.supports([case("It is $550 billion."), case("It is $90 billion.")]) == [1.0, 0.0]
    assert judge.supports([replace(case("x"), citations=())]) == [0.0]


@pytest.mark.parametrize(
    "spec", ["", "gpt", "openai:m", "openai:m@ftp://x", "ollama:", "llamaindex:x"]
)
def test_a_spec_that_names_no_model_is_told(spec: str) -> None:
    from konkyo.eval.llamaindex import faithfulness_from

    with pytest.raises(UsageError, match=r"names no model: write embedded"):
        faithfulness_from(spec)


def test_ragas_is_asked_for_by_name() -> None:
    from konkyo.eval.llamaindex import faithfulness_from

    try:
        import ragas  # noqa: F401
    except ImportError:
        with pytest.raises(ExtraMissing, match=r"konkyo\[judges\]"):
            faithfulness_from("ragas:ollama:m")
    else:
        pytest.skip("ragas is installed")


def test_a_judge_that_cannot_be_reached_raises_our_error() -> None:
    from konkyo.eval.llamaindex import faithfulness_from

    pytest.importorskip("llama_index.llms.ollama")
    with pytest.raises(LLMUnreachable, match=r"^llamaindex:ollama:m@http://127\.0\.0\.1:9: "):
        faithfulness_from("ollama:m@http://127.0.0.1:9").supports([case("It is $550 billion.")])


def test_remote_models_are_made_without_a_call() -> None:
    from konkyo.eval.llamaindex import llamaindex_llm

    pytest.importorskip("llama_index.llms.ollama")
    pytest.importorskip("llama_index.llms.openai_like")

    assert (
        llamaindex_llm("ollama:qwen2.5:7b@http://127.0.0.1:1").metadata.model_name == "qwen2.5:7b"
    )
    assert llamaindex_llm("openai:m@http://127.0.0.1:1/v1").metadata.model_name == "m"
