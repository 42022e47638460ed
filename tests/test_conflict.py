"""Different answers to one question are a disagreement; the same answer in other units is not."""

from __future__ import annotations

import pytest

from index.records import ArticleSummary
from rag.conflict import conflicting
from rag.evidence import Span
from rag.outcomes import Evidence

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
    return [text for _, text in found]


@pytest.mark.parametrize(
    ("question", "one", "two", "disputed"),
    [
        (HOW_MANY, ("邦人は約160人だった。", "約160人", "ja"), ("About 170 people were there.", "170 people", "en"), True),
        (HOW_MANY, ("邦人は160人だった。", "160人", "ja"), ("About 160 people were there.", "160 people", "en"), False),
        ("規模はいくらですか。", ("5500億ドルの投資。", "5500億ドル", "ja"), ("A pledge of $550 billion.", "$550 billion", "en"), False),
        ("規模はいくらですか。", ("5500億ドルの投資。", "5500億ドル", "ja"), ("約84兆円の投資。", "約84兆円", "ja"), False),
        (WHEN, ("11月25日に話した。", "11月25日", "ja"), ("They spoke on November 24.", "November 24", "en"), True),
        (WHEN, ("11月25日に話した。", "11月25日", "ja"), ("They spoke on November 25.", "November 25", "en"), False),
        ("どこで会いましたか。", ("11月25日に話した。", "11月25日", "ja"), ("They spoke on November 24.", "November 24", "en"), False),
    ],
)  # fmt: skip
def test_only_different_values_of_one_unit_are_a_disagreement(
    question: str, one: tuple[str, str, str], two: tuple[str, str, str], disputed: bool
) -> None:
    found = differing(question, told(1, *one), told(2, *two))
    assert found == ([one[1], two[1]] if disputed else [])


def test_another_event_of_the_same_kind_is_no_disagreement() -> None:
    call = told(1, "両首脳の電話会談は1月2日に行われた。", "1月2日")
    visit = told(2, "両首脳は10月28日に初会談を行った。", "10月28日")
    assert differing(WHEN, call, visit) == []


def test_one_article_does_not_disagree_with_itself() -> None:
    quote, first = told(1, "邦人は160人、のちに170人だった。", "160人")
    second = Span("170人", 0.8, "a1", "ja", 9, 13)
    assert conflicting(HOW_MANY, [first, second], [quote]) == ()
