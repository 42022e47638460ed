"""Different answers to one question are a disagreement; the same answer in other units is not."""

from __future__ import annotations

import pytest

from konkyo.index.records import ArticleSummary, Hit, Passage
from konkyo.index.text.sentences import sentences
from konkyo.rag.disagreement.conflicts import (
    asks_whether_they_differ,
    conflicting,
    of_one_event,
    same_matter,
    told_in,
)
from konkyo.rag.question import understand
from konkyo.rag.reading.reader import LearnedReader
from konkyo.rag.retrieval.evidence import Selection, Span
from konkyo.rag.retrieval.search import Found
from konkyo.rag.short_answer.chooser import QuoteChooser
from konkyo.rag.short_answer.origins import origins
from konkyo.rag.short_answer.quotes import disputed
from konkyo.rag.thresholds import DEFAULT
from konkyo.rag.types import Evidence

HOW_MANY = "ベネズエラに日本人は何人いましたか。"
WHEN = "電話会談が行われたのはいつですか。"


def told(number: int, text: str, place: str, language: str = "ja") -> tuple[Evidence, Span]:
    article = ArticleSummary(
        f"a{number}", "題", "a.md", None, f"2026-01-0{number}", language, None, 1
    )
    at = text.index(place)
    quote = Evidence(number, article, 0, len(text), text, 0.9)
    return quote, Span(place, 0.9, f"a{number}", language, at, at + len(place))


def differing(question: str, *articles: tuple[Evidence, Span]) -> list[str]:
    found = conflicting(question, [s for _, s in articles], [e for e, _ in articles])
    return [version.text for version in found]


@pytest.mark.parametrize(
    ("question", "one", "two", "disputed"),
    [
        (
            HOW_MANY,
            ("邦人は約160人だった。", "約160人", "ja"),
            ("About 170 people were there.", "About 170 people", "en"),
            True,
        ),
        (
            HOW_MANY,
            ("邦人は160人だった。", "160人", "ja"),
            ("About 160 people were there.", "160 people", "en"),
            False,
        ),
        (
            "規模はいくらですか。",
            ("5500億ドルの投資。", "5500億ドル", "ja"),
            ("A pledge of $550 billion.", "$550 billion", "en"),
            False,
        ),
        (
            "規模はいくらですか。",
            ("5500億ドルの投資。", "5500億ドル", "ja"),
            ("約84兆円の投資。", "約84兆円", "ja"),
            False,
        ),
        (
            WHEN,
            ("11月25日に話した。", "11月25日", "ja"),
            ("They spoke on November 24.", "November 24", "en"),
            True,
        ),
        (
            WHEN,
            ("昨年11月25日に話した。", "昨年11月25日", "ja"),
            ("They spoke on November 24.", "November 24", "en"),
            True,
        ),
        (
            WHEN,
            ("11月25日に話した。", "11月25日", "ja"),
            ("They spoke on November 25.", "November 25", "en"),
            False,
        ),
        (
            WHEN,
            ("昨年11月25日に話した。", "昨年11月25日", "ja"),
            ("They spoke on November 25.", "November 25", "en"),
            False,
        ),
        (
            "どこで会いましたか。",
            ("11月25日に話した。", "11月25日", "ja"),
            ("They spoke on November 24.", "November 24", "en"),
            False,
        ),
    ],
)
def test_only_different_values_of_one_unit_are_a_disagreement(
    question: str, one: tuple[str, str, str], two: tuple[str, str, str], disputed: bool
) -> None:
    found = differing(question, told(1, *one), told(2, *two))
    assert found == ([one[1], two[1]] if disputed else [])


def test_another_event_of_the_same_kind_is_no_disagreement() -> None:
    call = told(1, "両首脳の電話会談は1月2日に行われた。", "1月2日")
    visit = told(2, "両首脳は10月28日に初会談を行った。", "10月28日")
    assert differing(WHEN, call, visit) == []


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("en", "The articles disagree: 160 people (題, 2026-01-01); 170 people (題, 2026-01-02)"),
        ("ja", "記事によって食い違いがあります：160人（題、2026-01-01）；170人（題、2026-01-02）"),
        ("zh", "各篇报道说法不一：160人（題，2026-01-01）；170人（題，2026-01-02）"),
    ],
)
def test_each_side_of_a_disagreement_is_named(language: str, wanted: str) -> None:
    sides = [told(1, "邦人は160人だった。", "160人"), told(2, "日本人は170人いる。", "170人")]
    found = conflicting(HOW_MANY, [s for _, s in sides], [e for e, _ in sides])
    assert disputed(found, (), language).notices == (wanted,)


def reported(outlet: str, day: str | None) -> ArticleSummary:
    return ArticleSummary(f"{outlet}{day}", "題", "a.md", None, day, "ja", outlet or None, 1)


NAMED = [
    reported("B", "2026-01-05"),
    reported("A", "2026-01-04"),
    reported("", "2026-01-06"),
    reported("D", "2026-01-07"),
    reported("A", "2026-01-08"),
]


@pytest.mark.parametrize(
    ("language", "two", "five"),
    [
        (
            "en",
            "A 2026-01-04 and B 2026-01-05",
            "A 2026-01-04, B 2026-01-05, 題 2026-01-06 and 2 more",
        ),
        (
            "ja",
            "A 2026-01-04、B 2026-01-05",
            "A 2026-01-04、B 2026-01-05、題 2026-01-06、ほか2本",
        ),
        (
            "ko",
            "A 2026-01-04 및 B 2026-01-05",
            "A 2026-01-04, B 2026-01-05, 題 2026-01-06 외 2건",
        ),
        (
            "zh",
            "A 2026-01-04和B 2026-01-05",
            "A 2026-01-04、B 2026-01-05、題 2026-01-06及另外2篇",
        ),
    ],
)
def test_articles_that_say_the_same_are_named_with_their_days(
    language: str, two: str, five: str
) -> None:
    assert origins(NAMED[:2], language) == two
    assert origins(NAMED, language) == five


def test_an_article_without_a_day_is_named_alone() -> None:
    assert origins([reported("A", None)], "en") == "A"
    assert origins([reported("A", None), reported("B", "2026-01-05")], "en") == (
        "A and B 2026-01-05"
    )


def test_one_article_does_not_disagree_with_itself() -> None:
    quote, first = told(1, "邦人は160人、のちに170人だった。", "160人")
    second = Span("170人", 0.8, "a1", "ja", 9, 13)
    assert conflicting(HOW_MANY, [first, second], [quote]) == ()


@pytest.mark.parametrize(
    ("question", "plain"),
    [
        ("死者は何人ですか。記事によって違いますか。", "死者は何人ですか"),
        ("Do the reports agree on the number of victims?", "the number of victims?"),
        ("How many died, according to the various sources?", "How many died?"),
        ("사망자는 몇 명인가요, 보도마다 다른가요?", "사망자는 몇 명인가요"),
        ("各家媒体说死者有多少？", "死者有多少？"),
    ],
)
def test_asking_whether_articles_differ_is_told_from_the_matter(question: str, plain: str) -> None:
    assert asks_whether_they_differ(question) == (plain, True)


@pytest.mark.parametrize(
    "question",
    [HOW_MANY, "Which newspaper reported the vote?", "記事は何本ありますか。", "媒体是谁？"],
)
def test_other_questions_are_left_alone(question: str) -> None:
    assert asks_whether_they_differ(question) == (question, False)


def test_the_checker_tells_the_same_matter_from_another(checker: LearnedReader) -> None:
    one = "地震による死者は31人に上ったと県が発表した。"
    assert same_matter(checker, one, "地震の死者は35人だと県は明らかにした。") > 0.5
    assert same_matter(checker, one, "大会には35人の選手が出場した。") < 0.5


def test_a_figure_the_reader_did_not_mark_is_a_disagreement_all_the_same(
    checker: LearnedReader,
) -> None:
    quote, span = told(1, "地震による死者は31人に上ったと県が発表した。", "31人")
    rival, _ = told(2, "地震の死者は35人だと県は明らかにした。", "35人")
    other, _ = told(3, "大会には35人の選手が出場した。", "35人")
    asked = "地震で何人が亡くなりましたか。"
    found = conflicting(asked, [span], [quote, rival, other], checker)
    assert [(v.evidence.number, v.text) for v in found] == [(1, "31人"), (2, "35人")]


def test_three_days_before_something_else_is_no_day() -> None:
    quote, span = told(1, "表明は投票の3日前だった。", "3日前")
    rival, other = told(2, "表明は今月5日だった。", "今月5日")
    assert conflicting(WHEN, [span, other], [quote, rival]) == ()


CALL = "高市首相は1月2日夜、トランプ大統領と電話で会談した。"
CALLED = "高市首相は1月2日、トランプ大統領と電話会談した。"


@pytest.mark.parametrize(
    ("beside", "left"),
    [
        ("天気は晴れだった。", ["1月2日", "昨年11月25日"]),
        (CALLED, []),
    ],
)
def test_an_article_that_tells_both_days_tells_two_events(
    checker: LearnedReader, beside: str, left: list[str]
) -> None:
    quote, span = told(3, CALL, "1月2日")
    rival, other = told(
        4, "高市首相は昨年11月25日夜、トランプ大統領と電話で会談した。", "昨年11月25日"
    )
    text = f"{beside}{rival.text}"
    hit = Hit(Passage("p", "a4", 0, 0, len(text), text), rival.article, 1.0, None, None)
    found = conflicting(WHEN, [span, other], [quote, rival], checker)
    assert [v.text for v in found] == ["1月2日", "昨年11月25日"]
    one = of_one_event(WHEN, found, [hit], sentences, checker)
    assert [v.text for v in one] == left


def test_an_opening_that_was_put_off_is_no_second_event(checker: LearnedReader) -> None:
    quote, span = told(1, "オーク橋は4月12日に開通する。", "4月12日")
    rival, other = told(2, "オーク橋は6月20日に開通する。", "6月20日")
    text = f"オーク橋は4月12日に開通する予定だった。{rival.text}"
    hit = Hit(Passage("p", "a2", 0, 0, len(text), text), rival.article, 1.0, None, None)
    asked = "オーク橋はいつ開通しますか。"
    found = conflicting(asked, [span, other], [quote, rival], checker)
    assert len(found) == 2
    assert of_one_event(asked, found, [hit], sentences, checker) == found


DEATHS = [
    told(1, "地震による死者は31人に上ったと県が発表した。", "31人"),
    told(2, "地震の死者は35人だと県は明らかにした。", "35人"),
]
IN_ENGLISH = told(3, "The prefecture said the earthquake killed 35 people.", "35 people", "en")[0]
ASKED = "How many people did the earthquake kill?"


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        ("ja", [("a1", "31人"), ("a2", "35人")]),
        ("en", [("a1", "31人"), ("a3", "35 people")]),
        ("ko", [("a1", "31人"), ("a2", "35人")]),
    ],
)
def test_an_answer_is_told_by_a_quote_in_the_askers_language(
    checker: LearnedReader, language: str, shown: list[tuple[str, str]]
) -> None:
    quotes = [*(quote for quote, _ in DEATHS), IN_ENGLISH]
    versions = conflicting(ASKED, [span for _, span in DEATHS], quotes, checker)
    told_anew = told_in(language, versions)
    assert [(v.evidence.article.article_id, v.text) for v in told_anew] == shown
    assert [v.span.share for v in told_anew] == [v.span.share for v in versions]


class Wider:
    """A search that finds some passages when more are asked for."""

    def __init__(self, *hits: Hit) -> None:
        self._hits = hits

    def wider(self, asked: object, where: object) -> tuple[Hit, ...]:
        return self._hits


def test_a_sentence_of_a_passage_that_becomes_a_quote_gets_a_number(
    checker: LearnedReader,
) -> None:
    text = IN_ENGLISH.text
    hit = Hit(Passage("p", "a3", 0, 0, len(text), text), IN_ENGLISH.article, 1.0, None, None)
    evidence = tuple(quote for quote, _ in DEATHS)
    selection = Selection(evidence, 0.9, tuple(span for _, span in DEATHS))
    chooser = QuoteChooser(Wider(hit), sentences, None, checker, DEFAULT)
    found = Found((), selection, 0.9, (), ())
    chosen = chooser.choose(found, understand(ASKED, (), "en"), 2)
    assert [(quote.number, quote.text) for quote, _ in chosen.quotes] == [
        (3, text),
        (1, evidence[0].text),
    ]
