"""Comparisons of two things: both sides answered, what is missing said, the greater named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from konkyo.eval.formats.clusters import DEV, load_clusters
from konkyo.index.builder import build
from konkyo.index.embedding.protocol import Encoder
from konkyo.index.records import Article, ArticleSummary
from konkyo.rag.answering_comparison import compares_both, greater, of_sides
from konkyo.rag.answering_parts import Told
from konkyo.rag.comparison import Side, sides_asked, sides_of
from konkyo.rag.factory import open_pipeline
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.question import understand
from konkyo.rag.retrieval.evidence import Selection
from konkyo.rag.retrieval.search import Found
from konkyo.rag.short_answer.place import Place
from konkyo.rag.short_answer.quotes import Quoted
from konkyo.rag.types import Answer, Evidence

if TYPE_CHECKING:
    from konkyo.rag.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[1]
TODAY = date(2026, 2, 12)


@pytest.mark.parametrize(
    ("language", "question", "asked"),
    [
        ("en", "Which is taller, the Oak Dam or the Elm Dam?", "How tall is the Oak Dam?"),
        ("en", "Which dam is larger, the Oak or the Elm?", "How large is the Oak?"),
        ("en", "Which was completed first, Oak or Elm?", "When was Oak completed?"),
        ("en", "Who carried more passengers, A or B?", "How many passengers were carried by A?"),
        ("en", "Between A and B, which is more expensive?", "How expensive is A?"),
        ("en", "Is the Oak Dam heavier than the Elm Dam?", "How heavy is the Oak Dam?"),
        ("en", "Which leaders met in Tokyo?", ""),
        ("en", "What did the mayor say, and did he or she resign?", ""),
        ("ja", "松川ダムと竹沢ダムではどちらが高いですか。", "松川ダムはどのくらい高いですか"),
        ("ja", "松川ダムと竹沢ダム、どちらが先に完成しましたか。", "松川ダムはいつ完成しましたか"),
        (
            "ja",
            "費用は松川ダムと竹沢ダムのどちらが大きいですか。",
            "松川ダムの費用はどのくらい大きいですか",
        ),
        ("ja", "開会と採決はどちらが先で、それぞれ何日でしたか。", "開会はいつでしたか"),
        ("ja", "開会と採決では、どちらが早いですか。", "開会はいつでしたか"),
        ("ja", "市長と知事はどこで会いましたか。", ""),
        ("ko", "솔댐과 대댐 중 어느 쪽이 더 높은가요?", "솔댐은 얼마나 높은가요?"),
        ("ko", "배다리랑 새다리 중에 어느 다리가 먼저 완공됐나요?", "배다리는 언제 완공됐나요?"),
        ("ko", "개회와 표결 중 어느 쪽이 먼저인가요?", "개회는 언제였나요?"),
        ("ko", "iPhone과 Galaxy 중 어느 쪽이 더 비싼가요?", "iPhone은(는) 얼마나 비싼가요?"),
        ("ko", "시장과 지사는 어디서 만났나요?", ""),
        ("zh", "松河大坝和竹溪大坝哪个更高？", "松河大坝有多高？"),
        ("zh", "松河大坝和竹溪大坝哪座先建成？", "松河大坝什么时候建成？"),
        ("zh", "松河大坝与竹溪大坝相比，哪个造价更高？", "松河大坝造价是多少？"),
        ("zh", "开幕和表决哪个更早？", "开幕是什么时候？"),
        ("zh", "市长和省长在哪里会谈？", ""),
        ("th", "เขื่อนไหนสูงกว่า", ""),
    ],
)
def test_what_is_asked_of_both_is_put_to_each(language: str, question: str, asked: str) -> None:
    found = sides_of(question, language)
    assert (found[0][1] if found else "") == asked
    assert len(found) == (2 if asked else 0)


def test_other_questions_compare_nothing() -> None:
    questions = load_clusters(ROOT / "eval/datasets/news/clusters", numbers=DEV).questions
    others = [q for q in questions if q.kind != "comparison"]
    taken = [q.question for q in others if sides_of(q.question, q.language)]
    assert len(taken) <= 0.002 * len(others), taken


ASKED = understand("松川ダムと竹沢ダムではどちらが高いですか。", (), "ja")


def told(text: str, place: str, language: str = "ja") -> Told:
    article = ArticleSummary(text, "題", "a.md", None, "2026-01-15", language, "根拠通信", 1)
    quote = Evidence(1, article, 0, len(text), text, 1.0)
    at = text.index(place)
    found = Place(text, at, at + len(place), language, "2026-01-15")
    return Told(ASKED, Quoted(((quote, (found,)),)), 0.9)


def named(sides: Sequence[Side], *told: Told) -> list[Told]:
    return [replace(each, label=side.name) for side, each in zip(sides, told, strict=True)]


def article(text: str, language: str = "ja") -> Article:
    return Article(text, "題", text, language, "a.md")


MATSU = told("松川ダムの高さは120メートルだ。", "120メートル")
TAKE = told("竹沢ダムは高さ95メートルだ。", "95メートル")


def test_the_greater_of_two_exact_values_of_one_unit_is_named() -> None:
    sides = sides_asked(ASKED)
    both = of_sides(sides, named(sides, MATSU, TAKE), article)
    assert [each.label for each in both] == ["松川ダム", "竹沢ダム"]
    assert greater(both, "ja") == (
        "120メートル（松川ダム）は95メートル（竹沢ダム）より大きい値です。",
    )
    assert greater(both, "en") == ("120 meters (松川ダム) is more than 95 meters (竹沢ダム).",)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("竹沢ダムは高さ約95メートルだ。", "95メートル"),
        ("竹沢ダムは高さ120メートルだ。", "120メートル"),
        ("竹沢ダムの費用は95億円だ。", "95億円"),
        ("竹沢ダムは高い。", "高い"),
    ],
)
def test_rough_equal_and_unlike_values_are_only_shown(text: str, place: str) -> None:
    both = of_sides(
        sides_asked(ASKED), named(sides_asked(ASKED), MATSU, told(text, place)), article
    )
    assert greater(both, "ja") == ()


def test_the_sooner_of_two_years_is_named() -> None:
    asked = understand("松川ダムと竹沢ダム、どちらが先に完成しましたか。", (), "ja")
    one = told("松川ダムは1971年に完成した。", "1971年")
    two = told("竹沢ダムは1988年に完成した。", "1988年")
    both = of_sides(sides_asked(asked), named(sides_asked(asked), one, two), article)
    assert greater(both, "ja") == ("1971年（松川ダム）は1988年（竹沢ダム）より前です。",)


def test_an_article_that_does_not_name_a_side_answers_nothing_of_it() -> None:
    sides = sides_asked(ASKED)
    kept = of_sides(
        sides, named(sides, MATSU, told("梅原ダムは高さ95メートルだ。", "95メートル")), article
    )
    assert [bool(each.quoted.quotes) for each in kept] == [True, False]
    # In another language a name is told by its sound.
    across = sides_asked(understand("Which is taller, the Matsukawa Dam or the Elm Dam?", (), "en"))
    kept = of_sides(across, named(across, MATSU, TAKE), article)
    assert [bool(each.quoted.quotes) for each in kept] == [True, False]


def test_a_side_whose_place_is_no_day_is_not_answered_where_days_are_compared() -> None:
    asked = understand("松川ダムと竹沢ダム、どちらが先に完成しましたか。", (), "ja")
    sides = sides_asked(asked)
    day = told("松川ダムは1971年に完成した。", "1971年")
    name = told("竹沢ダムは水源として完成した。", "竹沢ダム")
    kept = of_sides(sides, named(sides, day, name), article)
    assert [bool(each.quoted.quotes) for each in kept] == [True, False]


def test_one_sentence_may_compare_both() -> None:
    sides = sides_asked(ASKED)
    (quote, _), *_ = told("松川ダムは竹沢ダムより25メートル高い。", "25メートル").quoted.quotes
    (single, _), *_ = MATSU.quoted.quotes
    for item, both in ((quote, True), (single, False)):
        found = Found((), Selection((item,), 0.9, ()), 0.9, (), ())
        assert compares_both(found, sides) == both


ARTICLES = {
    "en": (
        "The Kestrel Dam is 120 metres high and was completed in 1971.",
        "The Heron Dam in the south was completed in 1988.",
        "Which was completed first, the Kestrel Dam or the Heron Dam?",
        "Which was completed first, the Kestrel Dam or the Robin Dam?",
        ("the Kestrel Dam: 1971; the Heron Dam: 1988", "the Kestrel Dam: 1971"),
    ),
    "ja": (
        "松川ダムの高さは120メートルで、1971年に完成した。",
        "南部の竹沢ダムは1988年に完成した。",
        "松川ダムと竹沢ダム、どちらが先に完成しましたか。",
        "松川ダムと梅原ダム、どちらが先に完成しましたか。",
        ("松川ダム：1971年、竹沢ダム：1988年", "松川ダム：1971年"),
    ),
    "ko": (
        "소나무댐의 높이는 120미터이며 1971년에 완공됐다.",
        "남부의 대나무댐은 1988년에 완공됐다.",
        "소나무댐과 대나무댐 중 어느 댐이 먼저 완공됐나요?",
        "소나무댐과 매화댐 중 어느 댐이 먼저 완공됐나요?",
        ("소나무댐: 1971년, 대나무댐: 1988년", "소나무댐: 1971년"),
    ),
    "zh": (
        "松河大坝高120米，1971年建成。",
        "南部的竹溪大坝1988年建成。",
        "松河大坝和竹溪大坝哪座先建成？",
        "松河大坝和梅岭大坝哪座先建成？",
        ("松河大坝：1971年；竹溪大坝：1988年", "松河大坝：1971年"),
    ),
}


@pytest.fixture(scope="module")
def pipeline(real_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("dams")
    for language, (one, two, *_) in ARTICLES.items():
        for number, text in enumerate((one, two)):
            head = f'---\ntitle: "{text[:9]}"\npublished: "2026-01-15"\nlanguage: {language}\n---'
            file = folder / f"{language}-{number}.md"
            file.write_text(f"{head}\n\n{text}\n", encoding="utf-8")
    store = str(folder / "store")
    build([str(path) for path in sorted(folder.glob("*.md"))], store, real_encoder)
    return open_pipeline(store, llm=NoLLM(), encoder=real_encoder)


@pytest.mark.parametrize("language", list(ARTICLES))
def test_both_sides_are_cited_and_one_that_is_missing_is_named(
    pipeline: Pipeline, language: str
) -> None:
    one, two, both, missing, (told_both, told_one) = ARTICLES[language]
    outcome = pipeline.ask(both, today=TODAY)
    assert isinstance(outcome, Answer)
    assert outcome.short is not None
    assert outcome.short.text == told_both
    assert [c.text for c in outcome.claims] == [one, two]
    assert [p.citations for p in outcome.parts] == [(1,), (2,)]
    assert len(outcome.notices) == 1
    other = pipeline.ask(missing, today=TODAY)
    assert isinstance(other, Answer)
    assert other.short is not None
    assert other.short.text == told_one
    assert [p.citations for p in other.parts] == [(1,), ()]
    assert other.parts[1].question in other.notices[0]
