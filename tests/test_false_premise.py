"""A fact that a question takes for granted and an article tells otherwise is named."""

from __future__ import annotations

import pytest

from konkyo.index.records import ArticleSummary, Hit, Passage
from konkyo.index.text.language import language_of_script
from konkyo.index.text.negation import opposed_words
from konkyo.index.text.sentences import sentences
from konkyo.rag.disagreement.false_premise import asked_anew, told_otherwise
from konkyo.rag.factory import open_checker
from konkyo.rag.reading.reader import LearnedReader
from konkyo.rag.verification.fact_sources import FactIssue

BRIDGE = (
    "新しい橋は三つの島を結ぶ。北浜大橋の開通式は2019年5月3日に西港市で開かれ、"
    "知事や住民ら800人が出席した。"
    "総工費は当初の見込みより減少した。"
)
MILL = (
    "The old paper mill at Harlow stood empty for years. It was bought by a cooperative in 2014 "
    "for 3 million pounds. "
    "The cooperative reopened the mill with 120 workers. Sales of paper rose after the mill "
    "reopened."
)
FUND = (
    "Under the plan the state fund promised to invest $550 million in the harbour, on top of "
    "new cranes."
)
PRIZE = (
    "ノルウェーの委員会は10日、山田太郎氏にノーベル平和賞を授与すると発表した。"
    "授賞式は12月10日にオスロで開かれる。"
)
CHEMISTRY = (
    "The academy in Stockholm awarded the 2025 Nobel Prize in Chemistry to Maria Keller of "
    "Zurich on Wednesday. "
    "She was honoured for her work on catalysts."
)
OTHERS = {
    "ja": "市立図書館は来月から開館時間を延ばす。利用者の要望に応えた。",
    "en": "The town library will stay open longer from next month, as readers had asked.",
}


def hits(*texts: str) -> list[Hit]:
    found = []
    for number, text in enumerate(texts, start=1):
        language = language_of_script(text) or "en"
        article = ArticleSummary(
            f"a{number}", "", "a.md", None, None, "en" if language == "en" else "ja", None, 1
        )
        passage = Passage(f"p{number}", f"a{number}", 0, 0, len(text), text)
        found.append(Hit(passage, article, 1.0 / number, 0.9, 5.0))
    return found


@pytest.fixture(scope="module")
def reader() -> LearnedReader:
    checker = open_checker()
    assert checker is not None
    return checker


@pytest.mark.parametrize(
    ("language", "text", "question", "asked", "told"),
    [
        (
            "ja",
            BRIDGE,
            "北浜大橋の開通式が2012年5月3日に西港市で開かれたのはなぜですか。",
            "2012年5月3日",
            "2019年5月3日",
        ),
        (
            "ja",
            BRIDGE,
            "北浜大橋の開通式に知事や住民ら950人が出席したのはどこですか。",
            "950人",
            "800人",
        ),
        ("en", MILL, "Why was the old paper mill bought by a cooperative in 2009?", "2009", "2014"),
        (
            "en",
            FUND,
            "Why did the state fund promise to invest $900 million in the harbour?",
            "$900 million",
            "$550 million",
        ),
        ("ja", BRIDGE, "大橋の総工費が当初の見込みより増加したのはなぜですか。", "増加", "減少"),
        (
            "en",
            MILL,
            "Why was it that sales of paper fell after the mill reopened?",
            "fell",
            "rose",
        ),
    ],
)
def test_what_is_told_instead_is_named_and_quoted(
    reader: LearnedReader, language: str, text: str, question: str, asked: str, told: str
) -> None:
    found = told_otherwise(
        question, language, hits(text, OTHERS[language]), reader=reader, sentences=sentences
    )
    assert found is not None
    assert (found.asked, found.told) == (asked, told)
    assert found.quote.text == text[found.quote.start : found.quote.end]
    assert told in found.quote.text


@pytest.mark.parametrize(
    ("language", "text", "question"),
    [
        ("ja", BRIDGE, "北浜大橋の開通式が2019年5月3日に開かれたのはどこですか。"),
        ("ja", BRIDGE, "北浜大橋の開通式はいつ開かれましたか。"),
        ("ja", BRIDGE, "2012年の知事選で当選したのは誰ですか。"),
        ("ja", BRIDGE, "大橋の総工費が減少したのはなぜですか。"),
        ("en", MILL, "Who bought the old paper mill in 2014?"),
        ("ja", PRIZE, "山田太郎氏がノーベル賞を受賞したのはなぜですか。"),
        ("ja", PRIZE, "山田太郎氏にノーベル平和賞を授与すると発表したのは誰ですか。"),
        ("en", CHEMISTRY, "Why did Maria Keller win the Nobel Chemistry Prize?"),
        ("en", MILL, "When did the 1984 world fair open in Osaka?"),
        ("de", MILL, "Warum wurde die Papiermühle 2009 gekauft?"),
    ],
)
def test_honest_questions_and_those_about_something_else_are_left_alone(
    reader: LearnedReader, language: str, text: str, question: str
) -> None:
    found = told_otherwise(
        question, language, hits(text, OTHERS.get(language, "")), reader=reader, sentences=sentences
    )
    assert found is None


def test_a_word_that_another_article_has_is_not_contradicted(reader: LearnedReader) -> None:
    rival = "別の試算では、大橋の総工費は増加した。"
    question = "大橋の総工費が当初の見込みより増加したのはなぜですか。"
    found = told_otherwise(question, "ja", hits(BRIDGE, rival), reader=reader, sentences=sentences)
    assert found is None


@pytest.mark.parametrize(
    ("question", "language", "issue", "anew"),
    [
        ("2012年に閉鎖されたのはなぜですか。", "ja", ("date", "2012年"), "いつに閉鎖されたのは?"),
        ("Why did it close in 2012?", "en", ("date", "2012"), "it close in what date?"),
        ("为什么有35人缺席？", "zh", ("number", "35人"), "有几人缺席?"),
        ("왜 35명이 결석했나요?", "ko", ("number", "35명"), "몇 명이 결석했나요?"),
    ],
)
def test_the_fact_becomes_what_is_asked(
    question: str, language: str, issue: tuple[str, str], anew: str
) -> None:
    kind, text = issue
    at = question.index(text)
    fact = FactIssue(kind, text, at, at + len(text), "")  # type: ignore[arg-type]
    assert asked_anew(question, fact, language) == anew


def test_opposites_are_told_only_where_each_text_has_one_alone() -> None:
    assert opposed_words("輸出が増加した理由", "輸出は減少した。", "ja") == [("増加", "減少")]
    assert opposed_words("増加と減少の理由", "輸出は減少した。", "ja") == []


def test_a_law_approved_for_something_does_not_meet_one_against_it() -> None:
    question = "Which law was approved for the harbour in 2019?"
    assert opposed_words(question, "The council approved a law against noise.", "en") == []


def test_a_prize_that_no_article_says_was_won_is_no_premise_of_its_own(
    reader: LearnedReader,
) -> None:
    wished = "市長は、画家の森氏をノーベル平和賞の候補に推すと述べた。"
    question = "森氏がノーベル平和賞を受賞したのはなぜですか。"
    assert told_otherwise(question, "ja", hits(wished), reader=reader, sentences=sentences) is None
