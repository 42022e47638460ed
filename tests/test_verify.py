"""Verification: facts fail a claim outright, meaning is one calibrated share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from konkyo.index.records import ArticleSummary
from konkyo.rag.calibration import Calibration, load_calibration
from konkyo.rag.generation.output_format import Draft
from konkyo.rag.reading.reader import LearnedReader
from konkyo.rag.types import Evidence
from konkyo.rag.verification.meaning import alignment, overlap, unsupported_words
from konkyo.rag.verification.script import script_fits
from konkyo.rag.verification.verifier import CHECKS, Check, Verifier, drafted

SURE = Calibration({}, 4.0, 0.5)


def shown(text: str, language: str = "ja", published: str | None = "2026-02-09") -> list[Evidence]:
    article = ArticleSummary("a1", "見出し", "a.md", None, published, language, None, 1)
    return [Evidence(1, article, 0, len(text), text, 1.0)]


def facts_alone() -> Verifier:
    return Verifier(support=SURE)


@pytest.mark.parametrize(
    ("claim", "language", "quote", "quote_language", "reason"),
    [
        ("対米投資は5500億ドルに上る。", "ja", "The pledge is worth $550 billion.", "en", None),
        ("The pledge is 550 billion dollars.", "en", "規模は5,500億ドルだ。", "ja", None),
        ("The pledge is 505 billion dollars.", "en", "規模は5,500億ドルだ。", "ja", "number"),
        ("対米投資は5500億円に上る。", "ja", "対米投資は5500億ドルに上る。", "ja", "number"),
        ("会談は5月7日に開かれた。", "ja", "The talks were held on May 7.", "en", None),
        ("会談は5月8日に開かれた。", "ja", "The talks were held on May 7.", "en", "date"),
        ("首相は増税を否定しなかった。", "ja", "首相は増税を否定した。", "ja", "negation"),
    ],
)
def test_a_fact_that_is_not_in_the_quote_fails_the_claim(
    claim: str, language: str, quote: str, quote_language: str, reason: str | None
) -> None:
    verdict = facts_alone().check(
        drafted(Draft(claim, (1,)), shown(quote, quote_language), "?", language)
    )
    assert verdict.reason == reason


def test_only_what_a_claim_cites_counts() -> None:
    quotes = [*shown("規模は5500億ドルだ。")]
    article = quotes[0].article
    quotes.append(Evidence(2, article, 0, 5, "首相が会見した。", 1.0))
    verdict = facts_alone().check(drafted(Draft("規模は5500億ドルだ。", (2,)), quotes, "?", "ja"))
    assert verdict.reason == "number"


def test_a_share_under_the_threshold_is_not_shown() -> None:
    doubtful = Verifier(support=Calibration({}, -1.0, 0.5), without={"facts"})
    verdict = doubtful.check(drafted(Draft("規模は大きい。", (1,)), shown("別の話。"), "?", "ja"))
    assert verdict.reason == "meaning"
    assert verdict.support == pytest.approx(0.2689, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "language", "fits"),
    [
        ("日本の投資は5500億ドルです。", "ja", True),
        ("5500億ドル", "ja", True),
        ("The pledge is large.", "ja", False),
        ("日本の投資です。", "zh", False),
        ("日本对美投资五千五百亿美元。", "zh", True),
        ("투자 규모는 5500억 달러입니다.", "ko", True),
        ("日本の投資です。", "ko", False),
        ("Les investissements", "fr", True),
        ("$550", "en", True),
        ("ราว 160 คน", "th", True),
        ("美 국무장관은 시진핑(習近平) 주석을 만났다.", "ko", True),
        ("日本의 투자 규모는 5500억 달러입니다.", "ko", False),
        ("Η επένδυση ανέρχεται σε 550 δισ.", "el", True),
        ("سرمایه‌گذاری ۵۵۰ میلیارد دلار است.", "fa", True),
        ("முதலீடு 550 பில்லியன் டாலர்.", "ta", True),
        ("Инвестицията е 550 милиарда долара.", "bg", True),
        ("سرمایہ کاری 550 ارب ڈالر ہے۔", "ur", True),
        ("ההשקעה היא 550 מיליארד דולר.", "he", True),
        ("বিনিয়োগ ৫৫০ বিলিয়ন ডলার।", "bn", True),
        ("పెట్టుబడి 550 బిలియన్ డాలర్లు.", "te", True),
        ("ინვესტიცია 550 მილიარდი დოლარია.", "ka", True),
        ("The investment is large.", "el", False),
        ("The investment is large.", "qq", True),
    ],
)
def test_a_claim_is_in_the_script_of_its_language(text: str, language: str, fits: bool) -> None:
    assert script_fits(text, language) is fits


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("空母「乔治·华盛顿」号を視察する。", "ja"),
        ("日本政府が 난처한 立場にある。", "ja"),
        ("Sanae Takaichiは賞を受賞しました。", "ja"),
        ('The helicopter is called "マリーンワン".', "en"),
        ("총리는 마린원（マリーンワン）을 탄다.", "ko"),
        ("首相将乘坐 Marine One 前往。", "zh"),
    ],
)
def test_words_copied_from_a_quote_in_another_language_do_not_fit(text: str, language: str) -> None:
    assert not script_fits(text, language)
    assert script_fits(text, language, known=text)


@pytest.mark.parametrize("check", CHECKS)
def test_each_check_can_be_left_out(check: Check) -> None:
    whole, without = Verifier(support=SURE), Verifier(support=SURE, without={check})
    quote = shown("会談は東京で開かれた。出席者は5人だった。")
    said = drafted(Draft("会談は東京で開かれた。", (1,)), quote, "会談はどこで？", "ja")
    failing = {
        "citations": replace(said, citations=()),
        "script": replace(said, language="ko"),
        "repetition": replace(said, before=(said.text,)),
        "facts": replace(said, text="会談は東京で開かれた。出席者は6人だった。"),
    }
    claim = failing.get(check, said)
    assert (whole.check(claim).reason is None) is (check not in failing)
    left = without.check(claim).reason
    # What cites nothing is supported by nothing, whatever is checked.
    assert left == ("meaning" if check == "citations" else None)


def test_across_languages_the_checker_must_be_surer() -> None:
    class Says:
        def __init__(self, entail: float) -> None:
            self.entail, self.contradict, self.neutral = entail, 0.0, 1 - entail
            self.unsupported = ()

        def supports(self, claim: str, evidence: Sequence[str]) -> list[Says]:
            return [self for _ in evidence]

    def reason(entail: float, language: str) -> str | None:
        verifier = Verifier(support=SURE, supporter=Says(entail), without={"facts"})
        quote = shown("The talks were held in Tokyo.", language)
        draft = Draft("会談は東京で開かれた。", (1,))
        return verifier.check(drafted(draft, quote, "", "ja")).reason

    assert reason(0.7, "en") == "meaning"
    assert reason(0.9, "en") is None
    assert reason(0.7, "ja") is None
    # What metadata calls the language of an article may say where it is spoken, too.
    assert reason(0.7, "ja-JP") is None


@dataclass(frozen=True)
class Marks:
    """A reader that marks the same stretches over any evidence."""

    unsupported: Sequence[tuple[int, int]]
    entail: float = 0.1
    contradict: float = 0.1
    neutral: float = 0.8

    def supports(self, claim: str, evidence: Sequence[str]) -> list[Marks]:
        return [self for _ in evidence]


@pytest.mark.parametrize(
    ("claim", "stretches", "wanted"),
    [
        ("Shares rose 1,900 points.", ((8, 9), (14, 15)), ["rose", "1,900"]),
        ("Investors left, they say.", ((0, 8), (9, 16)), ["Investors", "left"]),
        ("Investors left, they say.", ((0, 2), (5, 7), (24, 25)), ["Investors"]),
        ("船の重さを既に減らした。", ((5, 7), (11, 12)), ["既に"]),
        ("", (), []),
    ],
)
def test_whole_words_are_marked_and_no_punctuation(
    claim: str, stretches: Sequence[tuple[int, int]], wanted: list[str]
) -> None:
    marked = unsupported_words(Marks(stretches), claim, ["one", "two"])
    assert [claim[one.start : one.end] for one in marked] == wanted


def test_no_word_is_marked_where_the_quotes_say_so_or_otherwise() -> None:
    for view in (Marks(((0, 5),), 0.5, 0.1, 0.4), Marks(((0, 5),), 0.1, 0.5, 0.4)):
        assert unsupported_words(view, "Shares rose.", ["one"]) == ()


@pytest.mark.parametrize(
    ("claim", "language", "quote", "words"),
    [
        (
            "The city offered relatives lodging, and paid their air fares too.",
            "en",
            "The city offered the relatives of the victims lodging until the end of June.",
            ["and paid their air fares too"],
        ),
        (
            "村外のキャンプ場会社も関心を示し、村に寄付を申し出たという。",
            "ja",
            "외지의 한 캠핑 업체도 관심을 보인 것으로 전해졌다.",
            ["村に寄付を申し出た"],
        ),
    ],
)
def test_the_real_reader_marks_the_words_that_a_quote_does_not_say(
    checker: LearnedReader, claim: str, language: str, quote: str, words: list[str]
) -> None:
    verifier = Verifier(support=load_calibration("support"), supporter=checker)
    evidence = shown(quote, "ko" if language == "ja" else language)
    verdict = verifier.check(drafted(Draft(claim, (1,)), evidence, "?", language))
    assert verdict.reason == "meaning"
    assert [claim[one.start : one.end] for one in verdict.unsupported] == words


@given(st.text(max_size=40), st.text(max_size=40))
def test_overlap_is_a_share_and_whole_on_itself(claim: str, evidence: str) -> None:
    assert 0.0 <= overlap(claim, evidence) <= 1.0
    if any(c.isalnum() for c in claim):
        assert overlap(claim, claim) == 1.0


def test_alignment_is_whole_on_itself_and_nothing_on_nothing() -> None:
    states = np.eye(4, dtype=np.float32)
    assert alignment(states, states) == (1.0, 1.0)
    assert alignment(states[:0], states) == (0.0, 0.0)
    assert alignment(states[:2], states[2:]) == (0.0, 0.0)


@given(st.floats(-100, 100))
def test_a_probability_is_a_share(value: float) -> None:
    assert 0.0 <= Calibration({"x": 1.0}, 0.0, 0.5).probability({"x": value}) <= 1.0


@pytest.mark.parametrize("name", ["answers", "phrased", "support"])
def test_no_shipped_weight_is_zero(name: str) -> None:
    assert all(load_calibration(name).weights.values())


def test_the_shipped_calibration_names_its_data() -> None:
    calibration = load_calibration("support")
    assert 0.0 < calibration.threshold < 1.0
    assert calibration.weights
