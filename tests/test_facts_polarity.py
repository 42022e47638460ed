"""Only the same words with the opposite polarity are reported."""

from __future__ import annotations

import pytest

from konkyo.index.text.alignment import align
from konkyo.index.text.negation import opposites, polarity
from konkyo.index.text.tokens import words
from konkyo.rag.thresholds import Thresholds

LAID = Thresholds().negation_laid

TURNED = [
    ("ja", "首相は改憲に賛成した。", "首相は改憲に反対した。"),
    ("ja", "政府は計画を承認しなかった。", "政府は計画を承認した。"),
    ("ja", "政府は計画を承認した。", "政府は計画を承認していない。"),
    ("ja", "防衛費は増加した。", "防衛費は減少した。"),
    ("ja", "制裁の対象は30社以上に上る。", "制裁の対象は30社以下にとどまる。"),
    ("en", "The government did not approve the plan.", "The government did approve the plan."),
    ("en", "Exports increased in March.", "Exports decreased in March."),
    (
        "en",
        "He never visited the base with the president.",
        "He visited the base with the president.",
    ),
    ("en", "The bill was passed by the house.", "The bill was not passed by the house."),
    ("en", "More than 70,000 people took part in it.", "Less than 70,000 people took part in it."),
    ("zh", "政府没有批准这项计划。", "政府批准了这项计划。"),
    ("zh", "道路抢修未完成96%，正在恢复。", "道路抢修已完成96%，正在恢复。"),
    ("zh", "出口同比增长5%。", "出口同比下降5%。"),
    ("ko", "정부는 이 계획을 승인하지 않았다.", "정부는 이 계획을 승인했다."),
    ("ko", "연구원은 이 결과를 확인했다.", "연구원은 이 결과를 확인하지 못했다."),
    ("ko", "수출은 지난달 5% 증가했다.", "수출은 지난달 5% 감소했다."),
]
KEPT = [
    ("ja", "首相は改憲に賛成した。", "首相は、憲法の改正に賛成したと述べた。"),
    ("ja", "企業だけでなく政府も参加した。", "企業のみならず政府も参加した。"),
    ("ja", "政府は計画を承認しなければならない。", "政府は計画を承認すべきだ。"),
    ("ja", "防衛費は増えた。", "野党は反対したが、防衛費は増えた。"),
    (
        "en",
        "Not only companies but also the state took part.",
        "Companies and also the state took part.",
    ),
    ("en", "The plan was approved.", "The plan was approved, though it is not yet public."),
    ("en", "The government refused the plan.", "The government did not accept the plan."),
    ("zh", "不仅企业，政府也参加了。", "企业和政府也参加了。"),
    ("zh", "经济不断增长。", "经济持续增长。"),
    ("ko", "기업뿐만 아니라 정부도 참여했다.", "기업은 물론 정부도 참여했다."),
    ("th", "รัฐบาลไม่อนุมัติ", "รัฐบาลอนุมัติ"),
]


@pytest.mark.parametrize(("language", "claim", "evidence"), TURNED)
def test_the_opposite_is_noticed_both_ways(language: str, claim: str, evidence: str) -> None:
    for mine, theirs in ((claim, evidence), (evidence, claim)):
        found = opposites(mine, theirs, language, LAID)
        assert found, (mine, theirs)
        assert all(0 <= o.start <= o.end <= len(mine) for o in found)
        assert all(0 <= o.evidence_start <= o.evidence_end <= len(theirs) for o in found)


@pytest.mark.parametrize(("language", "claim", "evidence"), KEPT)
def test_what_says_the_same_is_let_through(language: str, claim: str, evidence: str) -> None:
    assert opposites(claim, evidence, language, LAID) == []
    assert opposites(claim, claim, language, LAID) == []


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("ja", "承認しなかった。", ["なかった"]),
        ("ja", "少ないが、必ず行く。企業だけでなく", []),
        ("en", "It was not only cheap; it didn't fail to please.", ["n't", "fail to"]),
        ("zh", "不仅没有下降，非常不同", ["没有"]),
        ("ko", "뿐만 아니라 승인하지 않았다", ["않"]),
    ],
)
def test_markers_of_negation(language: str, text: str, expected: list[str]) -> None:
    assert [m.text for m in polarity(text, language)] == expected


def test_alignment_finds_the_sentence_and_the_replacement() -> None:
    claim = "対象は3名の騎士である。"
    evidence = "空は青い。対象は9名の騎士である。"
    laid = align(claim, evidence)
    assert laid is not None
    assert evidence[laid.start : laid.end] == "対象は9名の騎士である。"
    assert [
        (claim[c.start : c.end], evidence[c.evidence_start : c.evidence_end]) for c in laid.changes
    ] == [("3", "9")]
    assert align("まったく別の話をする。", evidence) is None


def test_tokens_split_mixed_scripts() -> None:
    assert [t.key for t in words("X標志は1,234のTurtleBotで")] == [
        "x",
        "標",
        "志",
        "は",
        "1234",
        "の",
        "turtlebot",
        "で",
    ]
