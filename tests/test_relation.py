"""A claim keeps the relations of its quotes.

Made shorter it passes, phrased anew it must be proved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konkyo.index.records import ArticleSummary
from konkyo.rag.calibration import load_calibration
from konkyo.rag.factory import open_checker
from konkyo.rag.reading.reader import LearnedReader
from konkyo.rag.thresholds import DEFAULT
from konkyo.rag.types import Evidence
from konkyo.rag.verification.relation import RelationCheck, kept_in_order, made_shorter

QUOTE = {
    "ja": "首相は会談後、公邸で記者団の取材に応じた。",
    "en": "Washington deployed the aircraft carrier Gerald Ford to the area and struck boats it "
    "said were carrying narcotics.",
    "zh": "自9月以来，美国派出“杰拉尔德·福特”号航母，并多次攻击运毒船只。",
    "ko": "일본의 대미 투자는 약 84조 엔 규모로, 관세 합의의 이행과 함께 논의될 것으로 알려졌다.",
}


@pytest.mark.parametrize(
    ("language", "claim"),
    [
        ("ja", "公邸で記者団の取材に応じた。"),
        ("ja", "首相は、公邸で記者団の取材に応じました。"),
        ("en", "Washington deployed the Gerald Ford and struck boats carrying narcotics."),
        ("en", "Washington deploys the aircraft carrier Gerald Ford to the area."),
        ("zh", "美国多次攻击运毒船只。"),
        ("ko", "일본의 대미 투자는 약 84조 엔 규모다."),
    ],
)
def test_a_quote_made_shorter_keeps_its_order(language: str, claim: str) -> None:
    assert kept_in_order(claim, [QUOTE[language]], language) >= DEFAULT.words_kept - 0.05


@pytest.mark.parametrize(
    ("language", "claim"),
    [
        ("ja", "記者団は公邸で首相の取材に応じた。"),
        ("en", "The Gerald Ford was deployed to the area and boats struck Washington."),
        ("zh", "运毒船只多次攻击美国。"),
        ("ko", "관세 합의의 이행은 일본의 대미 투자와 함께 논의된다."),
    ],
)
def test_the_same_words_in_another_order_are_phrased_anew(language: str, claim: str) -> None:
    assert kept_in_order(claim, [QUOTE[language]], language) < DEFAULT.words_kept


def test_a_subject_that_becomes_the_object_is_phrased_anew() -> None:
    quote = "国会で野党が首相を厳しく批判した。"
    assert made_shorter("野党が首相を批判した。", [quote], "ja")
    assert not made_shorter("野党を首相が批判した。", [quote], "ja")
    assert not made_shorter("首相は厳しく批判した。", [quote], "ja")
    assert made_shorter("国会で首相が厳しく批判された。", [quote], "ja")


@pytest.mark.parametrize(
    ("language", "quote", "done", "planned"),
    [
        (
            "ja",
            "政府は4月に増税する方針を固めた。",
            "政府は4月に増税する。",
            "政府は4月に増税する方針。",
        ),
        (
            "en",
            "The mayor plans to close the port in May.",
            "The mayor closes the port in May.",
            "The mayor plans to close the port.",
        ),
        (
            "zh",
            "两国政府正在协调，让首相与总统同乘直升机。",
            "首相与总统同乘直升机。",
            "政府正在协调首相与总统同乘直升机。",
        ),
        (
            "ko",
            "정부는 4월에 항구를 닫을 예정이다.",
            "정부는 4월에 항구를 닫는다.",
            "정부는 항구를 닫을 예정이다.",
        ),
    ],
)
def test_what_is_planned_is_not_told_as_done(
    language: str, quote: str, done: str, planned: str
) -> None:
    assert not made_shorter(done, [quote], language)
    assert made_shorter(planned, [quote], language)


def test_words_of_two_quotes_joined_are_phrased_anew() -> None:
    quotes = ["高市首相は2日に会談した。", "トランプ氏は4月に中国を訪れる。"]
    assert kept_in_order("高市首相は4月に中国を訪れる。", quotes, "ja") < DEFAULT.words_kept


@given(st.sampled_from(sorted(QUOTE)), st.data())
def test_a_quote_with_words_left_out_keeps_everything(language: str, data: st.DataObject) -> None:
    text = QUOTE[language]
    pieces = text.split(" ") if language in {"en", "ko"} else list(text)
    chosen = data.draw(st.lists(st.booleans(), min_size=len(pieces), max_size=len(pieces)))
    joint = " " if language in {"en", "ko"} else ""
    claim = joint.join(p for p, keep in zip(pieces, chosen, strict=True) if keep)
    assert kept_in_order(claim, [text], language) in {0.0, 1.0}


@dataclass(frozen=True)
class View:
    """What both heads of a checker would say."""

    entail: float = 0.0
    contradict: float = 0.0
    probability: float = 0.0
    start: int = 0
    end: int = 0
    places: tuple[tuple[int, int], ...] = ()
    neutral: float = 0.0
    unsupported: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Sees:
    """A checker of one opinion."""

    view: View

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[View]:
        return [self.view] * len(windows)

    def supports(self, claim: str, evidence: Sequence[str]) -> list[View]:
        return [self.view] * len(evidence)


def cited(text: str) -> list[Evidence]:
    article = ArticleSummary("a", "題", "s.md", None, None, "ja", None, 1)
    return [Evidence(1, article, 0, len(text), text, 1.0)]


def believed(claim: str, quote: str, view: View) -> bool:
    sees = Sees(view)
    relations = RelationCheck(sees, sees, load_calibration("phrased"))
    return relations.keeps(claim, cited(quote), question="首都は？", language="ja")


def test_what_is_phrased_anew_is_believed_if_both_heads_are_sure() -> None:
    quote, claim = "首都カラカスで爆発が起きた。", "ベネズエラの首都はカラカスです。"
    place = quote.index("カラカス")
    assert believed(claim, quote, View(0.99, 0.0, 0.99, place, place + 4))
    assert not believed(claim, quote, View(0.99, 0.0, 0.2, place, place + 4))
    assert not believed(claim, quote, View(0.2, 0.7, 0.99, place, place + 4))


def test_a_quote_made_shorter_needs_no_belief() -> None:
    assert believed("カラカスで爆発が起きた。", "首都カラカスで爆発が起きた。", View())


def test_every_sentence_of_a_claim_must_keep_its_relations() -> None:
    quote = "首都カラカスで爆発が起きた。"
    sure, unsure = View(0.99, 0.0, 0.99, 2, 6), View()
    claim = "カラカスで爆発が起きた。ベネズエラの首都はカラカスだ。"
    assert believed(claim, quote, sure)
    assert not believed(claim, quote, unsure)


def test_who_did_it_is_not_believed_of_whom_it_was_done_to() -> None:
    quote = "首相に就いた直後に、トランプ氏を賞の候補に推した。"
    sure = View(0.99, 0.0, 0.99, 0, 2)
    assert not believed("トランプ氏は直後に、賞の候補に推した。", quote, sure)
    assert not believed(
        "トランプ氏は首相に就いた直後に、トランプ氏を賞の候補に推した。", quote, sure
    )
    assert believed("トランプ氏は直後に、賞の候補に推された。", quote, sure)


@pytest.fixture(scope="module")
def checker() -> LearnedReader:
    found = open_checker()
    assert found is not None
    return found


def test_the_real_checker_does_not_believe_a_question_turned_into_a_statement(
    checker: LearnedReader,
) -> None:
    relations = RelationCheck(checker, checker, load_calibration("phrased"))
    quote = "川端康成は1899年、大阪市に生まれた。父は医師だった。"
    true = relations.keeps(
        "川端康成の父の職業は医師でした。",
        cited(quote),
        question="川端康成の父の職業は何ですか。",
        language="ja",
    )
    false = relations.keeps(
        "川端康成の妻の名前は大阪市です。",
        cited(quote),
        question="川端康成の妻の名前は何ですか。",
        language="ja",
    )
    assert (true, false) == (True, False)
