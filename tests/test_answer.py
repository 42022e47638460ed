"""The pipeline's logic, with injected parts: what is shown, removed, repaired, refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date

import numpy as np
import pytest

from konkyo.index.errors import ArticleMissing, LLMUnreachable
from konkyo.index.records import Article, ArticleSummary, Filter, Passage, ScoredPassage
from konkyo.index.text.sentences import sentences
from konkyo.rag.answer_style import AnswerStyle, Phrasing
from konkyo.rag.calibration import Calibration
from konkyo.rag.conversation import Turn, standalone
from konkyo.rag.generation.llm import LLM, NoLLM, Usage
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.messages import NoticeKey, notice_text
from konkyo.rag.options import Options
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.reading.reader import LearnedReader
from konkyo.rag.thresholds import Thresholds
from konkyo.rag.types import (
    Answer,
    ClaimChecked,
    ClaimDrafted,
    ClaimRemoved,
    Event,
    Evidence,
    EvidenceReady,
    Finished,
    Refusal,
    Short,
    ShortReady,
    to_json,
)
from konkyo.rag.verification.relation import RelationCheck, made_shorter
from konkyo.rag.verification.verifier import Verifier
from konkyo.ui.server.llm_queue import LLMQueue

TEXT = "日本の対米投資は5500億ドルに上る。首相は履行を続ける姿勢を示した。"


class OneArticle:
    """A store of one article with one passage."""

    generation = 1
    fingerprint = "one"

    def __init__(self, text: str = TEXT) -> None:
        self.text = text
        self.newer: OneArticle | None = None

    def article(self, article_id: str) -> Article:
        if article_id != "a1":
            raise ArticleMissing(article_id)
        return Article("a1", "対米投資", self.text, "ja", "a.md", "2026-02-09")

    def summaries(self, article_ids: Sequence[str]) -> list[ArticleSummary]:
        return [self.summary() for _ in article_ids]

    def summary(self) -> ArticleSummary:
        return ArticleSummary("a1", "対米投資", "a.md", None, "2026-02-09", "ja", None, 1)

    def articles(self, where: Filter = Filter()) -> Iterator[ArticleSummary]:
        if self.text:
            yield self.summary()

    def languages(self, where: Filter = Filter()) -> dict[str, int]:
        return {"ja": 1} if self.text else {}

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        return [Passage(p, "a1", 0, 0, len(self.text), self.text) for p in passage_ids]

    def vectors(self, passage_ids: Sequence[str]) -> np.ndarray:
        return np.ones((len(passage_ids), 2), np.float32)

    def dense(self, vector: np.ndarray, k: int, where: Filter = Filter()) -> list[ScoredPassage]:
        return [ScoredPassage("a1-0", 0.9)] if self.text else []

    def lexical(self, text: str, k: int, where: Filter = Filter()) -> list[ScoredPassage]:
        return []

    def lexical_ceiling(self, text: str) -> float:
        return 1.0

    def refresh(self) -> bool:
        return False

    def renewed(self) -> OneArticle:
        return self.newer or self

    def close(self) -> None:
        pass


class FlatEncoder:
    """Every text is the same vector."""

    fingerprint = "flat"
    dimension = 2

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        return np.full((len(texts), 2), 0.7071, np.float32)

    passages = queries


@dataclass
class Says:
    """A model that says the given texts, one a call, and remembers what it was asked."""

    replies: list[str]
    asked: list[Prompt] = field(default_factory=list)
    name: str = "says"

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 0, usage: Usage | None = None
    ) -> Iterator[str]:
        self.asked.append(prompt)
        yield from self.replies.pop(0)


class Dead:
    """A model that cannot be reached."""

    name = "dead"

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 0, usage: Usage | None = None
    ) -> Iterator[str]:
        raise LLMUnreachable("no answer from 127.0.0.1:1; is the server running?")
        yield ""


class Stops(Dead):
    """A model that is lost after its first sentence."""

    def stream(
        self, prompt: Prompt, *, max_tokens: int = 0, usage: Usage | None = None
    ) -> Iterator[str]:
        yield GOOD
        raise LLMUnreachable("connection reset")


@dataclass
class Reads:
    """A reader that is this sure, everywhere."""

    probability: float
    start: int = 0
    end: int = 5
    places: tuple[tuple[int, int], ...] = ()

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[Reads]:
        return [self for _ in windows]


def pipeline(
    llm: LLM,
    *,
    sure: float = 0.9,
    text: str = TEXT,
    store: OneArticle | None = None,
    reader: Reads | None = None,
    supporter: LearnedReader | None = None,
    relations: RelationCheck | None = None,
) -> Pipeline:
    reader = reader or Reads(sure)
    return Pipeline(
        store or OneArticle(text),
        FlatEncoder(),
        llm,
        verifier=Verifier(
            support=Calibration({"overlap": 8}, -4, 0.5),
            supporter=supporter,
            reader=reader,
            relations=relations,
            without={"facts"},
        ),
        detect=lambda text: "ja",
        sentences=sentences,
        reader=reader,
        options=Options(),
    )


QUESTION = "日本の対米投資の規模は？"
GOOD = "日本の対米投資は5500億ドルに上る。[1]\n"
BAD = "首相は火星への移住計画を発表したと伝えられる。[1]\n"


def test_a_supported_claim_is_answered_with_its_exact_quote() -> None:
    outcome = pipeline(Says([GOOD])).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert outcome.text == "日本の対米投資は5500億ドルに上る。[1]"
    assert [c.citations for c in outcome.claims] == [(1,)]
    (citation,) = outcome.citations
    assert TEXT[citation.start : citation.end] == citation.quote


def test_passages_are_read_once_a_search() -> None:
    class Counting(OneArticle):
        def __init__(self) -> None:
            super().__init__()
            self.reads: list[Sequence[str]] = []

        def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
            self.reads.append(passage_ids)
            return super().passages(passage_ids)

    store = Counting()
    assert isinstance(pipeline(Says([GOOD]), store=store).ask(QUESTION), Answer)
    assert store.reads == [["a1-0"]]


def test_every_threshold_is_in_the_fingerprint() -> None:
    def named(thresholds: Thresholds) -> str:
        opened = pipeline(Says([]))
        opened.options = replace(opened.options, thresholds=thresholds)
        return opened.fingerprint

    plain = Thresholds()
    others = [replace(plain, **{f.name: getattr(plain, f.name) + 1}) for f in fields(plain)]
    assert len({named(one) for one in (plain, *others)}) == len(others) + 1


def test_a_stricter_pipeline_does_not_take_over_what_another_one_answered() -> None:
    plain = pipeline(NoLLM(), sure=0.9)
    assert plain.is_answered(QUESTION, "a1")
    assert not plain.styled(strictness=1.0).is_answered(QUESTION, "a1")


def test_events_come_in_order() -> None:
    events: list[Event] = list(pipeline(Says([BAD + GOOD])).stream(QUESTION))
    assert [type(e) for e in events] == [
        EvidenceReady,
        ShortReady,
        ClaimDrafted,
        ClaimRemoved,
        ClaimDrafted,
        ClaimChecked,
        Finished,
    ]


def test_a_question_is_answered_from_the_generation_it_began_with() -> None:
    asked = pipeline(Says([GOOD, GOOD]))
    store = asked.store
    assert isinstance(store, OneArticle)
    before = asked.fingerprint
    events = asked.stream(QUESTION)
    assert isinstance(next(events), EvidenceReady)
    store.newer = OneArticle("")
    store.newer.generation = 2
    assert asked.refresh()
    assert not asked.refresh()
    *_, last = events
    assert isinstance(last, Finished)
    assert isinstance(last.outcome, Answer)
    assert last.outcome.fingerprint == before
    refused = asked.ask(QUESTION)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.fingerprint) == ("empty_index", asked.fingerprint)
    assert asked.fingerprint != before


def test_an_unsupported_claim_is_removed_and_the_reader_can_see_why() -> None:
    outcome = pipeline(Says([BAD + GOOD])).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert [r.reason for r in outcome.removed] == ["meaning"]
    assert "火星" not in outcome.text
    assert outcome.removed[0].unsupported == ()


def test_a_removed_claim_names_the_words_that_its_quote_does_not_say(
    checker: LearnedReader,
) -> None:
    outcome = pipeline(Says([BAD + GOOD]), supporter=checker).ask(QUESTION)
    (removed,) = outcome.removed
    marked = [removed.text[one.start : one.end] for one in removed.unsupported]
    assert any("火星" in words for words in marked)
    (told,) = json.loads(json.dumps(to_json(outcome)))["removed"]
    assert told["unsupported"] == [asdict(one) for one in removed.unsupported]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("日本の対米投資は5500億ドルに上る。[7]\n", "unknown_citation"),
        ("日本の対米投資は5500億ドルに上る。[1][9]\n", "unknown_citation"),
        ("日本の対米投資は5500億ドルに上る。\n", "no_citation"),
        ("The pledge amounts to 550 billion dollars in all. [1]\n", "language"),
    ],
)
def test_a_claim_that_breaks_the_contract_fails(line: str, reason: str) -> None:
    outcome = pipeline(Says([line + GOOD])).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert [r.reason for r in outcome.removed] == [reason]
    assert {n for c in outcome.claims for n in c.citations} == {c.id for c in outcome.citations}


def test_a_failed_answer_is_repaired_once_and_told_why() -> None:
    llm = Says([BAD, GOOD])
    outcome = pipeline(llm).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert outcome.text == "日本の対米投資は5500億ドルに上る。[1]"
    assert "火星" in llm.asked[1].user
    assert len(llm.asked) == 2


def test_a_true_sentence_that_answers_something_else_gives_way_to_the_readers_quote() -> None:
    text = "トランプ大統領は5日に高市支持を明らかにし、会談は2026年1月2日夜に行われた。"
    llm = Says(["会談は2026年1月2日夜に行われた。[1]\n"])
    reader = Reads(0.95, text.index("5日"), text.index("5日") + 2)
    asked = pipeline(llm, text=text, reader=reader)
    outcome = asked.ask("トランプ大統領が高市支持を明らかにしたのはいつ？")
    assert isinstance(outcome, Answer)
    assert [(r.reason, r.detail) for r in outcome.removed] == [("off_question", "5日")]
    assert [c.text for c in outcome.claims] == [text]
    assert "5日" in llm.asked[0].user.split("いつ？")[1]
    assert llm.asked[0].lines == 1
    assert outcome.notices


def test_a_fact_the_article_tells_otherwise_is_named_and_not_answered() -> None:
    text = "北浜大橋の開通式は2019年5月3日に西港市で開かれた。"
    llm = Says([])
    reader = Reads(0.95, text.index("2019年"), text.index("に西港"))
    asked = pipeline(llm, text=text, reader=reader)
    outcome = asked.ask("北浜大橋の開通式が2012年5月3日に開かれたのはなぜ？")
    assert isinstance(outcome, Answer)
    assert [c.text for c in outcome.claims] == [text]
    assert [c.quote for c in outcome.citations] == [text]
    assert outcome.notices == (
        "質問には「2012年5月3日」とありますが、記事では「2019年5月3日」です。",
    )
    assert not llm.asked


class Doubts(RelationCheck):
    """Believes no sentence that is phrased anew."""

    def __init__(self) -> None:
        pass

    def keeps(self, claim: str, cited: Sequence[Evidence], *, question: str, language: str) -> bool:
        return made_shorter(claim, [e.text for e in cited], language)


def test_words_of_the_quote_in_another_relation_give_way_to_the_quote() -> None:
    llm = Says(["5500億ドルは日本の対米投資に上る。[1]\n"])
    asked = pipeline(llm, relations=Doubts())
    outcome = asked.ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert [r.reason for r in outcome.removed] == ["relation"]
    assert outcome.claims[0].text == outcome.citations[0].quote
    assert len(llm.asked) == 1
    assert outcome.notices


@dataclass
class SeesNothingIn(Reads):
    """Sure of the article, but sees no answer in the window ``word``."""

    word: str = ""

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[Reads]:
        return [Reads(0.05) if w == self.word else self for w in windows]


def test_a_second_sentence_beside_the_question_is_removed() -> None:
    reader = SeesNothingIn(0.75, word="投資の規模は5500億ドル。")
    asked = pipeline(Says([GOOD + "投資の規模は5500億ドル。[1]\n"]), reader=reader)
    outcome = asked.ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert [c.text for c in outcome.claims] == ["日本の対米投資は5500億ドルに上る。"]
    assert [r.reason for r in outcome.removed] == ["off_question"]


def test_after_a_failed_repair_the_quotes_stand_alone_with_a_notice() -> None:
    outcome = pipeline(Says([BAD, BAD])).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert outcome.claims[0].text == outcome.citations[0].quote
    assert outcome.notices


def test_weak_evidence_refuses_without_asking_the_model() -> None:
    llm = Says([])
    outcome = pipeline(llm, sure=0.1).ask(QUESTION)
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "weak_evidence"
    assert llm.asked == []
    assert [a.article_id for a in outcome.related] == ["a1"]


def test_a_refusal_carries_no_citations() -> None:
    found = to_json(pipeline(Says([]), sure=0.1).ask(QUESTION))
    assert found["status"] == "refused"
    assert found["citations"] == []
    assert found["claims"] == []


def test_an_empty_index_says_so() -> None:
    outcome = pipeline(Says([]), text="").ask(QUESTION)
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "empty_index"


def test_what_passed_before_the_model_was_lost_stays_and_is_not_called_a_quote() -> None:
    outcome = pipeline(Stops()).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert [c.text + "[1]\n" for c in outcome.claims] == [GOOD]
    assert outcome.notices == ("言語モデルが途中で止まったため、確認を通った文だけを示します。",)


def test_a_dead_model_degrades_to_quotes_with_a_notice() -> None:
    outcome = pipeline(Dead()).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert outcome.claims[0].text == outcome.citations[0].quote
    assert len(outcome.notices) == 1


@pytest.mark.parametrize("written", ["", " \n\n"])
def test_a_model_that_writes_nothing_leaves_quotes_with_a_notice(written: str) -> None:
    llm = Says([written])
    outcome = pipeline(llm).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert len(llm.asked) == 1
    assert outcome.claims[0].text == outcome.citations[0].quote
    assert outcome.notices == ("言語モデルが何も書かなかったため、記事の引用だけを示します。",)


@pytest.mark.parametrize(
    ("llm", "key"),
    [(Dead(), "llm_unavailable"), (Stops(), "llm_stopped"), (Says([""]), "llm_silent")],
    ids=["dead", "stops", "silent"],
)
def test_how_the_model_failed_is_told_beside_the_answer_and_remembered(
    llm: LLM, key: NoticeKey
) -> None:
    queue = LLMQueue(llm)
    outcome = pipeline(queue).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert outcome.notices == (notice_text(key, "ja"),)
    assert queue.problem


def test_without_a_model_the_quotes_are_the_answer() -> None:
    outcome = pipeline(NoLLM()).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert outcome.notices == ()
    assert all(c.text in TEXT for c in outcome.claims)


def test_the_documented_object_has_the_documented_keys() -> None:
    found = to_json(pipeline(Says([GOOD])).ask(QUESTION))
    assert set(found) >= {
        "question",
        "language",
        "status",
        "reason",
        "answer",
        "claims",
        "citations",
        "timings_ms",
        "fingerprint",
    }
    timings = found["timings_ms"]
    assert isinstance(timings, dict)
    assert set(timings) == {
        "retrieve",
        "read",
        "first_evidence",
        "short_answer",
        "generate",
        "verify",
        "total",
    }


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("それはいつ？", "日本の対米投資の規模は？ それはいつ？"),
        ("How many?", "日本の対米投資の規模は？ How many?"),
        ("언제?", "日本の対米投資の規模は？ 언제?"),
        ("什么时候？", "日本の対米投資の規模は？ 什么时候？"),
        (
            "ベネズエラに滞在していた邦人は何人だったのでしょうか？",
            "ベネズエラに滞在していた邦人は何人だったのでしょうか？",
        ),
        (
            "How many Japanese nationals were in Venezuela during the strike?",
            "How many Japanese nationals were in Venezuela during the strike?",
        ),
    ],
)
def test_a_follow_up_is_asked_with_what_it_is_about(question: str, asked: str) -> None:
    assert standalone(question, [Turn(QUESTION, GOOD)]) == asked


def test_without_history_a_question_is_itself() -> None:
    assert standalone("それはいつ？", []) == "それはいつ？"


def test_a_period_that_answers_nothing_is_opened_with_a_notice() -> None:
    llm = Says([GOOD])
    asked = pipeline(llm, store=OnlyOutside(TEXT))
    outcome = asked.ask("先週の対米投資の規模は？", today=date(2026, 11, 22))
    assert isinstance(outcome, Answer)
    assert len(outcome.notices) == 1


class OnlyOutside(OneArticle):
    """Nothing passes a date filter."""

    def dense(self, vector: np.ndarray, k: int, where: Filter = Filter()) -> list[ScoredPassage]:
        return [] if where.since else super().dense(vector, k, where)


def test_a_quote_in_another_language_is_never_the_bare_answer() -> None:
    outcome = pipeline(NoLLM()).ask("How large is the investment?", language="en")
    assert isinstance(outcome, Answer)
    assert outcome.text.startswith("According to 対米投資 (in Japanese, 9 Feb 2026): ")
    assert outcome.claims[0].language == "ja"
    assert outcome.claims[0].text in outcome.text


def test_the_short_answer_is_part_of_the_answer_and_of_its_json() -> None:
    outcome = pipeline(NoLLM()).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert outcome.short is not None
    assert outcome.short.text in outcome.citations[0].quote
    assert to_json(outcome)["short"] == {
        "text": outcome.short.text,
        "language": "ja",
        "exact": True,
        "items": (),
        "planned": False,
        "day": "",
    }


def test_a_model_that_must_not_phrase_is_not_asked() -> None:
    llm = Says([])
    outcome = pipeline(llm).styled("never").ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert outcome.claims[0].text == outcome.citations[0].quote
    assert llm.asked == []


@pytest.mark.parametrize(
    ("phrasing", "name", "asked"),
    [
        ("auto", "embedded:qwen2.5-coder-1.5b-instruct-q4_k_m", 0),
        ("always", "embedded:qwen2.5-coder-1.5b-instruct-q4_k_m", 1),
        ("auto", "openai:a-large-one", 1),
        ("never", "openai:a-large-one", 0),
    ],
)
def test_auto_asks_only_a_model_that_writes_well(phrasing: Phrasing, name: str, asked: int) -> None:
    llm = Says([GOOD], name=name)
    pipeline(llm).styled(phrasing).ask(QUESTION)
    assert len(llm.asked) == asked


def test_a_sentence_without_the_short_answer_leaves_the_quote_in_its_place() -> None:
    outcome = pipeline(Says(["投資は5500億ドルに上る。[1]\n"])).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert outcome.short == Short("日本の対米", "ja", True)
    assert [r.reason for r in outcome.removed] == ["off_question"]
    assert outcome.claims[0].text == outcome.citations[0].quote


def test_a_sentence_that_says_one_thing_twice_is_removed() -> None:
    twice = "日本の対米投資は5500億ドルに上り、日本の対米投資は5500億ドルに上る。[1]\n"
    outcome = pipeline(Says([twice + GOOD])).ask(QUESTION)
    assert isinstance(outcome, Answer)
    assert [r.reason for r in outcome.removed] == ["repetition"]
    assert [c.text for c in outcome.claims] == ["日本の対米投資は5500億ドルに上る。"]


def test_articles_in_other_languages_than_those_named_are_not_searched() -> None:
    seen: list[Filter] = []

    class Watched(OneArticle):
        def languages(self, where: Filter = Filter()) -> dict[str, int]:
            seen.append(where)
            return super().languages(where)

    asked = pipeline(NoLLM(), store=Watched(TEXT))
    asked.options = replace(asked.options, style=AnswerStyle(languages=("ja", "en")))
    assert asked.styled(strictness=0.5).options.style.languages == ("ja", "en")
    asked.ask(QUESTION)
    asked.ask(QUESTION, where=Filter(languages=frozenset({"en", "ko"})))
    asked.ask(QUESTION, where=Filter(languages=frozenset({"ko"})))
    found = {where.languages for where in seen}
    assert found == {frozenset({"ja", "en"}), frozenset({"en"}), frozenset({"zxx"})}


def test_strictness_moves_the_threshold_and_the_fingerprint() -> None:
    asked = pipeline(NoLLM(), sure=0.55)
    assert isinstance(asked.ask(QUESTION), Answer)
    assert isinstance(asked.styled(strictness=0.6).ask(QUESTION), Refusal)
    assert isinstance(pipeline(NoLLM(), sure=0.1).styled(strictness=0.2).ask(QUESTION), Answer)
    prints = {asked.styled(strictness=s).ask(QUESTION).fingerprint for s in (0.4, 0.5, 0.6)}
    assert len(prints) == 3


def test_a_refusal_says_how_strict_one_may_be_to_be_told_it() -> None:
    asked = pipeline(NoLLM(), sure=0.3)
    refused = asked.ask(QUESTION)
    assert isinstance(refused, Refusal)
    assert refused.told_at is not None
    assert 0 < refused.told_at < 0.5
    told = asked.styled(strictness=refused.told_at).ask(QUESTION)
    assert isinstance(told, Answer)
    assert told.notices == (notice_text("unsure", "ja"),)
    assert isinstance(asked.styled(strictness=refused.told_at + 0.01).ask(QUESTION), Refusal)
    assert to_json(refused)["told_at"] == refused.told_at
    sure = pipeline(NoLLM(), sure=0.9).ask(QUESTION)
    assert (sure.notices, to_json(sure)["told_at"]) == ((), None)
    assert AnswerStyle.told_at(1e-9, 0.7, 8.0) is None
    assert AnswerStyle.told_at(1.0, 0.7, 8.0) == 1.0


@pytest.mark.parametrize("fitted", [0.3, 0.7])
def test_half_strictness_is_the_fitted_threshold(fitted: float) -> None:
    assert AnswerStyle().threshold(fitted, 8.0) == pytest.approx(fitted)
    assert AnswerStyle(strictness=0).threshold(fitted, 8.0) < 0.05
    assert AnswerStyle(strictness=1).threshold(fitted, 8.0) > 0.95
    assert [AnswerStyle().threshold(share, 8.0) for share in (0.0, 1.0)] == [0.0, 1.0]


def test_a_list_is_not_phrased_by_a_sentence_that_may_say_one_item_of_it() -> None:
    text = "幹事長を務めた。政調会長も務めた。"
    reader = Reads(0.9, 0, 3, ((0, 3), (8, 12)))
    llm = Says(["幹事長を務めた。[1]\n"])
    outcome = pipeline(llm, text=text, reader=reader).ask("務めた役職にはどんなものがありますか。")
    assert isinstance(outcome, Answer)
    assert outcome.short is not None
    assert len(outcome.short.items) == 2
    assert llm.asked == []
