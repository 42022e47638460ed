"""Questions that ask several things: their parts, each answered or named as not answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from konkyo.eval.formats.clusters import DEV, load_clusters
from konkyo.index.records import ArticleSummary
from konkyo.rag.answering_parts import Told, answer_parts, look_again, returned
from konkyo.rag.outcome import OutcomeBuilder
from konkyo.rag.parts import parts_asked, parts_of
from konkyo.rag.question import understand
from konkyo.rag.reading.reader import WindowReading
from konkyo.rag.retrieval.evidence import Selection, Span
from konkyo.rag.retrieval.search import Found
from konkyo.rag.short_answer.place import Place
from konkyo.rag.short_answer.quotes import Quoted, quoted
from konkyo.rag.thresholds import DEFAULT
from konkyo.rag.timings import Timings
from konkyo.rag.types import Answer, Evidence, to_json
from konkyo.ui.web.html.answer import answer_body
from konkyo.ui.web.turns import Turn, advance

if TYPE_CHECKING:
    from konkyo.rag.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("language", "question", "parts"),
    [
        (
            "en",
            "When did the ferry sink, and how many people were on board?",
            ("When did the ferry sink", "how many people were on board?"),
        ),
        (
            "en",
            "When and where will the talks be held?",
            ("When will the talks be held?", "where will the talks be held?"),
        ),
        ("en", "Who signed the treaty? Why?", ("Who signed the treaty?", "Why?")),
        ("en", "How many people died when the dam broke and the valley was flooded?", ()),
        ("en", "What did the minister say about rice and barley?", ()),
        (
            "ja",
            "橋が開通したのはいつで、費用はいくらでしたか。",
            ("橋が開通したのはいつで", "費用はいくらでしたか。"),
        ),
        (
            "ja",
            "式典はいつ、どこで開かれますか。",
            ("式典はいつ開かれますか。", "式典はどこで開かれますか。"),
        ),
        ("ja", "工事はいつからいつまでですか。", ()),
        ("ja", "誰かが何かを言いましたか。", ()),
        (
            "ko",
            "회담은 언제 어디서 열리나요?",
            ("회담은 언제 열리나요?", "회담은 어디서 열리나요?"),
        ),
        (
            "ko",
            "지진은 언제 일어났고 몇 명이 다쳤나요?",
            ("지진은 언제 일어났고", "지진은 몇 명이 다쳤나요?"),
        ),
        ("zh", "会谈何时何地举行？", ("会谈何时举行？", "会谈何地举行？")),
        ("zh", "桥何时通车，花了多少钱？", ("桥何时通车", "花了多少钱？")),
        ("th", "เมื่อไหร่และที่ไหน", ()),
    ],
)
def test_parts_of_a_question(language: str, question: str, parts: tuple[str, ...]) -> None:
    assert parts_of(question, language) == parts


def test_questions_for_one_thing_are_left_whole() -> None:
    questions = load_clusters(ROOT / "eval/datasets/news/clusters", numbers=DEV).questions
    single = [q for q in questions if q.kind not in {"several", "comparison"}]
    apart = [q.question for q in single if parts_of(q.question, q.language)]
    assert len(apart) <= 0.005 * len(single), apart


def test_a_later_part_is_read_with_what_the_first_asks_about() -> None:
    asked = understand("When did the Aurora sink, and how many were on board?", (), "en")
    first, second = parts_asked(asked)
    assert first.searched == "When did the Aurora sink"
    assert second.searched == asked.text
    assert (second.text, second.asks_one_fact) == ("how many were on board?", True)
    assert second.standalone == "Aurora sink how many were on board?"
    assert second.other_forms == ()
    # One that names its own subject is read alone, too; one that has the words already, as it is.
    asked = understand(
        "When did the Aurora sink? How many people does Mokpo Lines employ?", (), "en"
    )
    assert parts_asked(asked)[1].other_forms == ("How many people does Mokpo Lines employ?",)
    asked = understand("When and where will the talks be held?", (), "en")
    assert [part.standalone == part.text for part in parts_asked(asked)] == [True, True]


def evidence(number: int, text: str, article_id: str = "a1", start: int = 0) -> Evidence:
    article = ArticleSummary(article_id, "題", "a.md", None, "2026-02-10", "ja", "根拠通信", 1)
    return Evidence(number, article, start, start + len(text), text, 1.0)


def place(quote: Evidence, text: str) -> Place:
    start = quote.text.index(text)
    return Place(quote.text, start, start + len(text), "ja", "2026-02-10")


def told(question: str, share: float, *quotes: tuple[Evidence, str]) -> Told:
    asked = understand(question, (), "ja")
    return Told(asked, Quoted(tuple((q, (place(q, text),)) for q, text in quotes)), share)


def answered(*parts: Told) -> Answer | None:
    building = OutcomeBuilder(understand("いつ、どこで？", (), "ja"), "f", Timings())
    cited = returned(answer_parts(parts, building))
    return building.answer(cited) if cited else None


OPENED = evidence(1, "橋は3月19日に釜山で開通した。")
COST = evidence(1, "費用は40億円だった。", "a2")


def test_each_part_is_quoted_and_a_sentence_of_two_parts_once() -> None:
    outcome = answered(
        told("いつ？", 0.9, (OPENED, "3月19日")),
        told("どこで？", 0.8, (OPENED, "釜山")),
        told("いくら？", 0.7, (COST, "40億円")),
    )
    assert outcome is not None
    assert outcome.short is not None
    assert outcome.short.text == "3月19日、釜山、40億円"
    assert outcome.short.items == ("3月19日", "釜山", "40億円")
    assert [c.text for c in outcome.claims] == [OPENED.text, COST.text]
    assert [(p.short.text if p.short else "", p.citations) for p in outcome.parts] == [
        ("3月19日", (1,)),
        ("釜山", (1,)),
        ("40億円", (2,)),
    ]
    assert outcome.notices == ()


def test_what_no_article_says_is_named() -> None:
    outcome = answered(told("いつ？", 0.9, (OPENED, "3月19日")), told("何人で？", 0.0))
    assert outcome is not None
    assert outcome.notices == ("「何人で？」の答えは記事の中に見つかりませんでした。",)
    parts = to_json(outcome)["parts"]
    assert isinstance(parts, list)
    assert parts[1] == {"question": "何人で？", "short": None, "citations": ()}
    assert answered(told("いつ？", 0.0), told("どこで？", 0.0)) is None


def test_one_place_does_not_answer_two_parts() -> None:
    outcome = answered(
        told("いつ？", 0.9, (OPENED, "3月19日")), told("何時？", 0.6, (OPENED, "3月19日"))
    )
    assert outcome is not None
    assert [p.citations for p in outcome.parts] == [(1,), ()]
    # Also where the later is surer: it was read with the words of the first.
    outcome = answered(
        told("なぜですか。", 0.6, (OPENED, "釜山")), told("誰が？", 0.9, (OPENED, "釜山"))
    )
    assert outcome is not None
    assert [p.citations for p in outcome.parts] == [(1,), ()]


def test_of_two_things_asked_the_same_the_surer_keeps_their_place() -> None:
    one = replace(told("いつ？", 0.6, (OPENED, "3月19日")), label="橋")
    other = replace(told("いつ？", 0.9, (OPENED, "3月19日")), label="港")
    kept = look_again([one, other], Alone(()), 0.7)
    assert [bool(each.quoted.quotes) for each in kept] == [False, True]


def test_a_place_goes_to_the_part_that_asks_for_its_kind() -> None:
    outcome = answered(
        told("いつ開通しましたか。", 0.9, (OPENED, "釜山")),
        told("どこで開通しましたか。", 0.6, (OPENED, "釜山")),
    )
    assert outcome is not None
    assert [p.citations for p in outcome.parts] == [(), (1,)]


@dataclass
class Alone:
    """A reader of single sentences: sure of those that hold one of its texts."""

    texts: tuple[str, ...]

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[WindowReading]:
        return [self._reading(window) for window in windows]

    def _reading(self, window: str) -> WindowReading:
        found = next((t for t in self.texts if t in window), None)
        if found is None:
            return WindowReading(0.1, 0, 1, window[:1])
        start = window.index(found)
        return WindowReading(0.9, start, start + len(found), found)


def test_a_sentence_that_answers_one_part_is_read_for_the_others() -> None:
    parts = [
        told("いつ開通しましたか。", 0.9, (OPENED, "3月19日")),
        told("どこで開通しましたか。", 0.0),
    ]
    outcome = answered(*look_again(parts, Alone(("釜山",)), 0.7))
    assert outcome is not None
    assert [p.short.text if p.short else "" for p in outcome.parts] == ["3月19日", "釜山"]
    assert outcome.notices == ()
    # A number is asked for, and what is seen is none.
    parts[1] = told("何人が出席しましたか。", 0.0)
    outcome = answered(*look_again(parts, Alone(("釜山",)), 0.7))
    assert outcome is not None
    assert [p.citations for p in outcome.parts] == [(1,), ()]


POSTS = (
    evidence(1, "のちに政調会長を務めた。", start=20),
    evidence(2, "初めは広報本部長だった。", start=0),
    evidence(3, "経済相は別の人だった。", start=40),
    evidence(4, "政調会長の前は広報本部長だ。", "a2"),
)


def found(*marked: tuple[int, int]) -> Found:
    span = Span("政調会長", 0.9, "a1", "ja", 23, 27, marked)
    other = Span("広報本部長", 0.9, "a2", "ja", 7, 12, ((7, 12),))
    return Found((), Selection(POSTS, 0.9, (span, other)), 0.9, (), (span,))


def test_parts_of_a_list_are_collected_over_sentences_each_read_by_itself() -> None:
    asked = understand("務めた役職にはどんなものがありますか。", (), "ja")
    reader = Alone(("政調会長", "広報本部長"))
    listed = quoted(found((23, 27), (3, 8), (40, 43)), asked, 2, reader, DEFAULT)
    # In the article's order; what another article says again is left out, and what does not answer.
    assert [q.number for q, _ in listed.quotes] == [2, 1]
    assert [p.text for p in listed.places] == ["広報本部長", "政調会長"]
    assert listed.several


def test_where_nothing_is_marked_the_best_quotes_are_the_answer() -> None:
    asked = understand("最後に務めた役職は何ですか。", (), "ja")
    single = quoted(found(), asked, 2, Alone(("政調会長",)), DEFAULT)
    assert [p.text for p in single.places] == ["政調会長"]
    assert not single.several


def test_the_real_reader_answers_both_parts_and_says_what_is_missing(
    seed_pipeline: Pipeline,
) -> None:
    today = date(2026, 2, 12)
    both = seed_pipeline.ask(
        "高市早苗首相とトランプ大統領の初会談は、いつ、どこで行われましたか。", today=today
    )
    assert isinstance(both, Answer)
    assert both.short is not None
    assert both.short.items == ("28日午前", "東京都内の迎賓館")
    assert both.short.day == "2025年10月28日"
    one = seed_pipeline.ask(
        "日米貿易合意による対米投資の規模はいくらで、担当者は何人ですか。", today=today
    )
    assert isinstance(one, Answer)
    assert [p.citations != () for p in one.parts] == [True, False]
    assert one.notices == ("「担当者は何人ですか。」の答えは記事の中に見つかりませんでした。",)
    turn = Turn(1, one.question)
    for event in seed_pipeline.stream(both.question, today=today):
        turn = advance(turn, event)
    assert '<strong><span class="k-whole">28日</span>午前</strong>' in answer_body(turn, "ja")
    assert "<strong>東京都内の迎賓館</strong>" in answer_body(turn, "ja")


NORMAL = "首相は「普通の国」に変えることを目指すと語った。"
AT_WAR = "野党は戦争のできる国への転換だと批判した。"


def foreign(number: int, text: str, place: str, start: int = 0) -> tuple[Evidence, tuple[int, int]]:
    quote = evidence(number, text, start=start)
    at = start + text.index(place)
    return quote, (at, at + len(place))


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("en", "Why does she want to change the constitution?"),
        ("ja", "首相はなぜ憲法を変えたいのですか。"),
    ],
)
def test_stretches_of_sentences_are_no_list_of_answers(language: str, question: str) -> None:
    one, first = foreign(1, NORMAL, "「普通の国」に変えること")
    two, second = foreign(2, AT_WAR, "戦争のできる国への転換", start=40)
    span = Span("「普通の国」に変えること", 0.9, "a1", "ja", *first, (first, second))
    found = Found((), Selection((one, two), 0.9, (span,)), 0.9, (), (span,))
    asked = understand(question, (), language)
    reader = Alone(("「普通の国」に変えること", "戦争のできる国への転換"))
    listed = quoted(found, asked, 2, reader, DEFAULT)
    assert [q.number for q, _ in listed.quotes] == [1, 2]
    assert listed.places == ()


def test_a_change_from_one_figure_to_another_is_an_item_of_a_list() -> None:
    one, first = foreign(1, "巣までは1.8キロだった。", "1.8キロ")
    two, second = foreign(2, "距離は1.8キロから6.3キロに伸びる。", "1.8キロから6.3キロに伸びる", 40)
    span = Span("1.8キロ", 0.9, "a1", "ja", *first, (first, second))
    found = Found((), Selection((one, two), 0.9, (span,)), 0.9, (), (span,))
    asked = understand("前後の距離はそれぞれ何キロですか。", (), "ja")
    listed = quoted(found, asked, 2, Alone(("1.8キロから6.3キロに伸びる", "1.8キロ")), DEFAULT)
    assert [p.text for p in listed.places] == ["1.8キロ", "1.8キロから6.3キロに伸びる"]


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_part_that_another_language_answers_in_a_stretch_has_its_quote_alone(
    language: str,
) -> None:
    opened = Told(
        understand("When did the bridge open?", (), language),
        Quoted(((OPENED, (place(OPENED, "3月19日"),)),)),
        0.9,
    )
    how = Told(understand("How was it told?", (), language), Quoted(()), 0.0)
    building = OutcomeBuilder(understand("When, and how?", (), language), "f", Timings())
    parts = look_again([opened, how], Alone(("釜山で開通した",)), 0.7)
    outcome = building.answer(returned(answer_parts(parts, building)))
    told = [p.short.text if p.short else None for p in outcome.parts]
    assert told == (["March 19", None] if language == "en" else ["3月19日", "釜山で開通した"])
    assert [p.citations for p in outcome.parts] == [(1,), (1,)]
