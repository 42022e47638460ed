"""The short answer and the frame: pure functions, over all pairs of four languages."""

from __future__ import annotations

import pytest

from konkyo.index.records import ArticleSummary
from konkyo.rag.retrieval.evidence import Span
from konkyo.rag.short_answer.frame import frame, framed_text
from konkyo.rag.short_answer.short import Place, place_in, place_of, short_answer
from konkyo.rag.types import Claim, Evidence, Short

ARTICLE = ArticleSummary("a1", "対米投資", "a.md", None, "2026-02-10", "ja", "根拠通信", 1)
QUOTE = "日本の対米投資は5500億ドルに上る。"


def test_a_place_is_cut_to_the_quote_that_holds_its_beginning() -> None:
    quote = Evidence(1, ARTICLE, 100, 100 + len(QUOTE), QUOTE, 0.9)
    place = place_in(quote, Span("上る。次の文", 0.9, "a1", "ja", 114, 121))
    assert place == Place(QUOTE, 14, len(QUOTE), "ja", "2026-02-10")
    assert place_of(quote, "5500億ドル") == Place(QUOTE, 8, 15, "ja", "2026-02-10")
    assert place_of(quote, "600億ドル") is None


@pytest.mark.parametrize(
    ("language", "joined"),
    [("ja", "甲、乙"), ("en", "甲 and 乙"), ("zh", "甲和乙"), ("ko", "甲 및 乙")],
)
def test_items_are_joined_in_the_askers_language(language: str, joined: str) -> None:
    places = [Place("甲と乙", 0, 1, language), Place("甲と乙", 2, 3, language)]
    assert short_answer(places, language) == Short(joined, language, True)


def test_there_is_no_short_answer_without_a_letter() -> None:
    assert short_answer([Place("a b", 1, 2, "en")], "en") is None
    assert short_answer([], "en") is None


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("en", "According to 根拠通信 (in Japanese, 10 Feb 2026): $550 billion."),
        ("de", "According to 根拠通信 (in Japanese, 10 Feb 2026): $550 billion."),
        ("zh", "据根拠通信（日语，2026年2月10日）报道：$550 billion。"),
        ("ko", "根拠通信(일본어, 2026년 2월 10일) 보도: $550 billion."),
    ],
)
def test_a_frame_names_the_article_in_the_askers_language(language: str, wanted: str) -> None:
    short = Short("$550 billion", language, True)
    assert frame(ARTICLE, short, language) == wanted


def test_a_frame_without_day_outlet_or_answer_says_what_is_known() -> None:
    bare = ArticleSummary("a1", "Talks", "a.md", None, None, "en", None, 1)
    assert frame(bare, None, "ja") == "Talks（英語）の記事："


def test_a_foreign_quote_is_read_behind_its_frame() -> None:
    claim = Claim(QUOTE, (1,), 1.0, frame="根拠通信 (in Japanese) writes:", language="ja")
    assert framed_text(claim) == f"根拠通信 (in Japanese) writes: 「{QUOTE}」"
    assert framed_text(Claim(QUOTE, (1,), 1.0)) == QUOTE
