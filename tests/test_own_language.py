"""What an article in the asker's language answers as well is quoted from that article."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from konkyo.index.embedding.protocol import Encoder
from konkyo.index.records import ArticleSummary, Hit, Passage
from konkyo.index.text.sentences import sentences
from konkyo.rag.reading.reader import LearnedReader
from konkyo.rag.retrieval.evidence import Selection, Span
from konkyo.rag.retrieval.search import Found
from konkyo.rag.short_answer.own_language import answering_place, own_quote, said_in
from konkyo.rag.short_answer.place import Place
from konkyo.rag.short_answer.rendering import rendered
from konkyo.rag.thresholds import DEFAULT
from konkyo.rag.types import Evidence

TOLD = {
    "en": "The county has opened three shelters, and nobody was hurt in the flood in Arden.",
    "ja": "県は避難所を3カ所開いており、アーデンの洪水でけがをした人はいない。",
    "ko": "군은 대피소 세 곳을 열었으며, 아덴 홍수로 다친 사람은 없다.",
    "zh": "该县开设了三处避难所，阿登的洪水没有造成人员受伤。",
}
OTHERWISE = {
    "en": "The county has closed two schools for a week.",
    "ja": "県は学校2校を1週間休校にした。",
    "ko": "군은 학교 두 곳을 일주일 동안 닫았다.",
    "zh": "该县两所学校停课一周。",
}


def article(language: str) -> ArticleSummary:
    return ArticleSummary(language, "Flood", "a.md", None, "2026-02-10", language, "Post", 1)


def quote(language: str, text: str, number: int = 1) -> Evidence:
    return Evidence(number, article(language), 0, len(text), text, 0.9)


def found(evidence: Sequence[Evidence], *texts: tuple[str, str]) -> Found:
    hits = tuple(
        Hit(Passage(f"{code}-p", code, 0, 0, len(text), text), article(code), 1.0, None, None)
        for code, text in texts
    )
    return Found(hits, Selection(tuple(evidence), 0.9, ()), 0.9, (), ())


@pytest.mark.parametrize(("asked", "written"), [("ja", "ko"), ("ko", "ja"), ("en", "zh")])
def test_the_sentence_that_says_the_same_is_found_in_the_askers_language(
    real_encoder: Encoder, checker: LearnedReader, asked: str, written: str
) -> None:
    foreign = quote(written, TOLD[written])
    text = f"{OTHERWISE[asked]} {TOLD[asked]}"
    same = said_in(
        asked,
        foreign,
        None,
        found([foreign], (asked, text), (written, TOLD[written])),
        encoder=real_encoder,
        sentences=sentences,
        supporter=checker,
        limits=DEFAULT,
    )
    assert same is not None
    assert (same.text, same.number, same.article.language) == (TOLD[asked], 2, asked)
    assert text[same.start : same.end] == same.text


@pytest.mark.parametrize(("asked", "written"), [("ja", "ko"), ("ko", "ja"), ("en", "zh")])
def test_a_sentence_that_says_something_else_is_not_taken_for_it(
    real_encoder: Encoder, checker: LearnedReader, asked: str, written: str
) -> None:
    foreign = quote(written, TOLD[written])
    for_all = found([foreign], (asked, OTHERWISE[asked]))
    alone = found([foreign], (written, TOLD[written]))
    tools = {
        "encoder": real_encoder,
        "sentences": sentences,
        "supporter": checker,
        "limits": DEFAULT,
    }
    assert said_in(asked, foreign, None, for_all, **tools) is None
    assert said_in(asked, foreign, None, alone, **tools) is None


def test_a_sentence_with_another_figure_does_not_say_the_same(
    real_encoder: Encoder, checker: LearnedReader
) -> None:
    foreign = quote("ko", TOLD["ko"])
    place = Place(foreign.text, foreign.text.index("세 곳"), foreign.text.index("을 열"), "ko")
    five = TOLD["ja"].replace("3カ所", "5カ所")
    tools = {
        "encoder": real_encoder,
        "sentences": sentences,
        "supporter": checker,
        "limits": DEFAULT,
    }
    for text, same in ((TOLD["ja"], True), (five, False)):
        told = said_in("ja", foreign, place, found([foreign], ("ja", text)), **tools)
        assert (told is not None) == same


def test_a_sentence_that_is_quoted_already_keeps_its_number(
    real_encoder: Encoder, checker: LearnedReader
) -> None:
    foreign, own = quote("ko", TOLD["ko"]), quote("ja", TOLD["ja"], 2)
    same = said_in(
        "ja",
        foreign,
        None,
        found([foreign, own], ("ja", TOLD["ja"])),
        encoder=real_encoder,
        sentences=sentences,
        supporter=checker,
        limits=DEFAULT,
    )
    assert same == own


def test_the_first_place_in_the_askers_language_is_given_with_its_quote() -> None:
    foreign, own = quote("ko", TOLD["ko"]), quote("ja", TOLD["ja"], 2)
    spans = [Span("아덴", 0.97, "ko", "ko", 16, 18), Span("3カ所", 0.9, "ja", "ja", 6, 9)]
    told = own_quote([foreign, own], spans, "ja")
    assert told is not None
    assert (told[0], told[1].text) == (own, "3カ所")
    assert own_quote([foreign, own], spans, "zh") is None


def test_a_place_is_read_in_a_sentence_alone_or_not_at_all(checker: LearnedReader) -> None:
    own = quote("ja", TOLD["ja"])
    place = answering_place("県は避難所を何カ所開いたか。", own, checker, DEFAULT.bearing)
    assert place is not None
    assert "3カ所" in place.text
    assert answering_place("橋はいつ開通したか。", own, checker, DEFAULT.bearing) is None


def test_a_name_that_is_a_small_part_of_a_place_is_not_said_for_it() -> None:
    text = "国連安全保障理事会に緊急会合を求めた。"
    whole = Place(text, 0, text.index("を"), "ja")
    assert rendered(whole, "ko").text == "国連安全保障理事会に緊急会合"
    assert rendered(Place(text, 0, 2, "ja"), "en").exact
    near = Place("도쿄 영빈관에서 만났다.", 0, 6, "ko")
    assert rendered(near, "en").text == "Tokyo (도쿄 영빈관)"
