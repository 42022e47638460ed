"""What a question asks for, and whether a text holds it."""

import pytest

from konkyo.index.records import ArticleSummary, Hit, Passage
from konkyo.rag.calibration import Calibration
from konkyo.rag.reading.answerability import Answerability, Asked, Measured, asked_for, holds
from konkyo.rag.retrieval.evidence import Selection, Span
from konkyo.rag.types import Evidence


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("自民党は何議席を獲得しましたか。", "number"),
        ("投資の規模はいくらですか。", "number"),
        ("会談はいつでしたか。", "date"),
        ("会談したのは誰ですか。", "name"),
        ("加盟するのは何か国ですか。", "number"),
        ("交渉は何カ月続きましたか。", "number"),
        ("会談は何時間に及びましたか。", "number"),
        ("合意まで何年かかりましたか。", "number"),
        ("会談は何時に始まりますか。", "date"),
        ("회담은 몇 시간 이어졌나요?", "number"),
        ("회담은 몇 시에 시작하나요?", "date"),
        ("到着まで何分かかりましたか。", "number"),
        ("何分野に及びますか。", None),
        ("한 번 충전하면 몇 ㎞를 가나요?", "number"),
        ("몇몇 의원은 왜 떠났나요?", None),
        ("What sum was lost?", "number"),
        ("How strong was the earthquake?", "number"),
        ("修了多久？", "number"),
        ("用了几天？", "number"),
        ("会谈是哪几天？", "date"),
        ("他几乎输了吗？", None),
        ("近几年怎么样？", None),
        ("合意の柱は何か。", None),
        ("何が議題になりますか。", None),
        ("なぜ訪米するのですか。", None),
        ("How many Japanese were injured?", "number"),
        ("When will she visit?", "date"),
        ("Who is the president of South Korea?", "name"),
        ("Why did she visit?", None),
        ("숨진 사람은 몇 명인가요?", "number"),
        ("방미는 언제인가요?", "date"),
        ("누가 회담했나요?", "name"),
        ("拿下了多少议席？", "number"),
        ("什么时候访美？", "date"),
        ("防卫大臣是谁？", "name"),
    ],
)
def test_questions_say_what_they_ask_for(question: str, kind: Asked | None) -> None:
    assert asked_for(question) == kind


@pytest.mark.parametrize(
    ("kind", "text", "language", "held"),
    [
        ("number", "自民党が圧勝した。", "ja", False),
        ("number", "約160人の邦人が滞在する。", "ja", True),
        ("date", "首相が会見した。", "ja", False),
        ("date", "2月9日に会見した。", "ja", True),
        ("date", "The talks were held on May 7.", "en", True),
        ("number", "The bridge opened in 2018.", "en", False),
        ("number", "The 2018 agreement of May 7 failed.", "en", False),
        ("number", "The bridge of 2018 is 2,018 metres long.", "en", True),
        ("number", "About 2018 people came in 2018.", "en", True),
        ("number", "橋は2018年に開通した。", "ja", False),
        ("number", "大橋（1998）の開通", "ja", False),
        ("number", "建于1998的大桥", "zh", False),
        ("number", "다리는 2018년에 개통했다.", "ko", False),
        ("number", "다리는 2018명이 건넜다.", "ko", True),
        ("number", "Die Brücke wurde 2018 eröffnet.", "de", False),
        ("number", "Le pont a ouvert en 2018.", "fr", False),
        ("number", "Мост открыли в 2018 году.", "ru", False),
        ("number", "สะพานเปิดในปี 2018", "th", False),
        ("number", "افتتح الجسر عام 2018", "ar", False),
    ],
)
def test_a_text_holds_what_was_asked_for(
    kind: Measured, text: str, language: str, held: bool
) -> None:
    assert holds(kind, text, language) is held


TEXT = "首相は1月2日に電話で会談した。"


def witnesses(scores: list[float], place: int = 0) -> dict[str, float]:
    """What the judge hears where passages with these scores were found; the answer is in one."""
    hits = []
    for number, score in enumerate(scores):
        article = ArticleSummary(f"a{number}", "", "a.md", None, None, "ja", None, 1)
        passage = Passage(f"p{number}", f"a{number}", 0, 0, len(TEXT), TEXT)
        hits.append(Hit(passage, article, score, 0.9, 5.0))
    quote = Evidence(1, hits[0].article, 0, len(TEXT), TEXT, 0.9)
    span = Span("1月2日", 0.9, f"a{place}", "ja", 3, 7)
    judge = Answerability(Calibration({}, 0.0, 0.5))
    return judge.features("会談したのはいつですか。", "ja", Selection((quote,), 0.9, (span,)), hits)


def test_several_articles_that_say_the_same_are_as_good_as_one() -> None:
    assert witnesses([0.6, 0.6, 0.58] + [0.3] * 5) == witnesses([0.6] + [0.3] * 7)


def test_the_rank_of_the_passage_that_holds_the_place_is_heard() -> None:
    assert witnesses([0.6, 0.5, 0.4])["place_rank"] == 0.0
    assert witnesses([0.6, 0.5, 0.4], place=2)["place_rank"] == -2.0


def test_facts_that_no_quote_has_are_heard_apart() -> None:
    assert witnesses([0.6])["figures_missing"] == 0.0


def test_a_german_question_over_english_articles_is_one_across_languages() -> None:
    text = "Twelve people died in Munich."
    article = ArticleSummary("a0", "", "a.md", None, None, "en", None, 1)
    hit = Hit(Passage("p0", "a0", 0, 0, len(text), text), article, 0.6, 0.9, 5.0)
    selection = Selection((Evidence(1, article, 0, len(text), text, 0.9),), 0.9, ())
    answerability = Answerability(Calibration({}, 0.0, 0.5))
    asked = "Wie viele Menschen starben in München?"
    found = answerability.features(asked, "de", selection, [hit])
    assert found["crossed"] == 1.0


@pytest.mark.parametrize(
    ("question", "text", "vetoed"),
    [
        ("电影《山海之间》的导演是谁？", "《山海之间》由闻雨舟执导。", False),
        ("누가 감독했나?", "연출은 한결이 맡았다.", False),
        ("上映はいつ？", "上映が決まった。", True),
        ("How many cinemas show it?", "Cinemas show it.", True),
        ("観客は何人？", "上映は2024年から。", True),
    ],
)
def test_only_figures_and_days_that_are_missing_veto_the_decision(
    question: str, text: str, vetoed: bool
) -> None:
    article = ArticleSummary("a0", "", "a.md", None, None, "zh", None, 1)
    hit = Hit(Passage("p0", "a0", 0, 0, len(text), text), article, 0.6, 0.9, 5.0)
    quote = Evidence(1, article, 0, len(text), text, 0.9)
    selection = Selection((quote,), 0.9, (Span(text, 0.9, "a0", "zh", 0, len(text)),))
    sure = Answerability(Calibration({}, 3.0, 0.5))
    assert (sure.share(question, "zh", selection, [hit]) < 0.5) is vetoed
