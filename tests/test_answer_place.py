"""Where reader and model must agree: figures in other notations, days, names, plain words."""

from __future__ import annotations

import pytest

from konkyo.rag.retrieval.evidence import Span
from konkyo.rag.verification.answer_place import agrees, anchors, hint, says


def span(text: str, share: float = 0.95, language: str = "ja") -> Span:
    return Span(text, share, "a1", language, 10, 10 + len(text))


@pytest.mark.parametrize(
    ("place", "language", "claim", "told"),
    [
        ("5日", "ja", "トランプ大統領は5日に支持を明らかにした。", True),
        ("5日", "ja", "トランプ大統領は2月5日に支持を明らかにした。", True),
        ("5日", "ja", "トランプ大統領は2026年1月2日夜に支持を明らかにした。", False),
        ("5500億ドル", "ja", "The pledge is worth $550 billion.", True),
        ("5500億ドル", "ja", "日本は約84兆円規模の投資を約束した。", False),
        ("2026年4月", "ja", "She goes in April 2026.", True),
        ("フォックスニュース", "ja", "米財務長官はフォックスニュースに語った。", True),
        ("都内の迎賓館", "ja", "会談は迎賓館で開かれた。", True),
        ("都内の迎賓館", "ja", "会談は日米同盟を強化した。", False),
        ("懸念事項", "ja", "Tokyo wanted its view heard first.", None),
    ],
)
def test_a_claim_holds_what_the_place_holds(
    place: str, language: str, claim: str, told: bool | None
) -> None:
    spoken = "en" if claim.isascii() else "ja"
    assert says(claim, span(place, language=language), spoken) is told


def test_only_a_sure_and_short_place_is_an_anchor() -> None:
    assert anchors([]) == ()
    assert anchors([span("5日", 0.7)]) == ()
    assert anchors([span("長" * 60)]) == ()
    both = (span("5日", 0.95), span("6日", 0.9))
    assert anchors(both) == both
    assert anchors([both[0], span("6日", 0.81)]) == both[:1]


def test_any_sure_place_will_do_and_without_one_nothing_is_known() -> None:
    places = (span("5日"), span("9日"))
    assert agrees("それは9日だった。", places, "ja") is True
    assert agrees("それは3日だった。", places, "ja") is False
    assert agrees("それは3日だった。", (), "ja") is None


def test_the_hint_is_one_line() -> None:
    assert hint([span("5\n日")]) == "5 日"
    assert hint([span("5日", 0.5)]) == ""
