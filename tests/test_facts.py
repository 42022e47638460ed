"""A claim's exact facts against its evidence: honest rewordings pass, changed facts do not."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konkyo.rag.verification.facts import FactReport, compare

DAY = "2026-02-09"
JA = (
    "貿易合意に伴う対米投資の規模は5500億ドル（約84兆円）に上る。高市首相は昨年12月に続き、"
    "来月19日にワシントンでトランプ大統領と会談する。"
)
EN = (
    "Under the trade deal Japan will invest $550 billion in the United States. Prime Minister "
    "Takaichi is to meet President Trump in Washington on March 19."
)
KO = (
    "일본은 무역 합의에 따라 5500억 달러를 미국에 투자한다. 다카이치 총리는 다음 달 19일 "
    "워싱턴에서 트럼프 대통령과 회담한다."
)
ZH = "根据贸易协议，日本将对美投资5500亿美元。首相高市早苗将于3月19日在华盛顿与特朗普总统会谈。"
VENEZUELA = (
    "ベネズエラの首都カラカスには約160人の日本人が滞在しており、"
    "3日の攻撃による被害は確認されていない。政府は制裁対象を300社に広げた。"
)
ELECTION = (
    "8日の衆院選で自民党は465議席のうち316議席を獲得し、単独で3分の2を超えた。"
    "投票率は56.26％だった。高市氏は「責任ある積極財政を進める」と述べた。"
)

HONEST = [
    ("日本の対米投資は5500億ドルだ。", JA),
    ("対米投資の規模は5,500億ドル、約84兆円である。", JA),
    ("投資は五千五百億ドルに達する。", JA),
    ("両首脳は3月19日に会談する予定です。", JA),
    ("トランプ氏と高市氏は2026年3月19日、ワシントンで会う。", JA),
    ("首相は2025年12月にも会談した。", JA),
    ("Japan will invest $550 billion in the US.", JA),
    ("The investment is worth about 84 trillion yen.", JA),
    ("Takaichi and Trump will meet in Washington on March 19, 2026.", JA),
    ("The two leaders meet next month.", JA),
    ("일본의 대미 투자는 5500억 달러 규모다.", JA),
    ("다카이치 총리는 3월 19일 트럼프 대통령을 만난다.", JA),
    ("日本对美投资规模为5500亿美元。", JA),
    ("高市首相将于下个月19日与特朗普会谈。", JA),
    ("日本は5500億ドルを投資する。", EN),
    ("高市首相は3月19日にトランプ大統領と会う。", EN),
    ("日本将投资5,500亿美元。", EN),
    ("일본은 5,500억 달러를 투자한다.", EN),
    ("Prime Minister Sanae Takaichi will meet Donald Trump.", EN),
    ("It amounts to 550 billion dollars.", EN),
    ("The American president will host Japan's leader.", EN),
    ("日本は米国に5500億ドルを投じる。", KO),
    ("Trump meets Takaichi on March 19.", KO),
    ("首脳会談は来月19日だ。", KO),
    ("5500亿美元将投向美国。", KO),
    ("高市早苗首相は3月19日、米国で会談する。", ZH),
    ("Japan invests US$550bn.", ZH),
    ("미국에 5500억 달러를 투자한다.", ZH),
    ("カラカスにはおよそ160人の日本人がいる。", VENEZUELA),
    ("About 160 Japanese are staying in Venezuela.", VENEZUELA),
    ("制裁の対象は三百社となった。", VENEZUELA),
    ("300개사가 제재 대상이다.", VENEZUELA),
    ("300家公司受到制裁。", VENEZUELA),
    ("被害は確認されていません。", VENEZUELA),
    ("攻撃は1月3日だった。", VENEZUELA.replace("3日", "1月3日")),
    ("No damage has been confirmed.", VENEZUELA),
    ("自民党は316議席を得た。", ELECTION),
    ("The LDP won 316 of 465 seats.", ELECTION),
    ("자민당은 316석을 얻었다.", ELECTION),
    ("自民党获得316个席位。", ELECTION),
    ("投票率は56.26パーセントだった。", ELECTION),
    ("自民党は三分の二を超えた。", ELECTION),
    ("選挙は2月8日に行われた。", ELECTION),
    ("The election was held on Sunday, February 8.", ELECTION),
    ("高市氏は「責任ある積極財政」を進めると述べた。", ELECTION),
    ("Two thirds of the seats went to the LDP.", ELECTION),
    ("Turnout was about 56 percent.", ELECTION),
    ("2026年2月9日の記事によると、自民党が勝った。", ELECTION),
    ("この選挙で自民党は単独で3分の2を超える316議席を獲得した。", ELECTION),
    ("一方、野党の一部は反発している。", ELECTION),
]

FALSE = [
    ("number", "日本の対米投資は5600億ドルだ。", JA),
    ("number", "対米投資は5500億円だ。", JA),
    ("number", "投資は550億ドルに達する。", JA),
    ("number", "Japan will invest $55 billion in the US.", JA),
    ("number", "The investment is worth about 48 trillion yen.", JA),
    ("date", "両首脳は3月18日に会談する。", JA),
    ("date", "会談は今月19日だ。", JA),
    ("date", "The two leaders meet on April 19.", JA),
    ("date", "首相は2024年12月にも会談した。", JA),
    ("date", "다카이치 총리는 4월 19일 트럼프를 만난다.", JA),
    ("name", "石破首相は来月19日に会談する。", JA),
    ("name", "来月19日にソウルでトランプ大統領と会談する。", JA),
    ("name", "Takaichi will meet Biden.", JA),
    ("name", "바이든 대통령은 다음 달 회담한다.", KO),
    ("name", "高市首相将与拜登总统会谈。", ZH),
    ("name", "President Biden is to meet Prime Minister Takaichi.", EN),
    ("number", "日本は6000億ドルを投資する。", EN),
    ("number", "일본은 550억 달러를 투자한다.", EN),
    ("number", "日本将投资5500亿日元。", EN),
    ("date", "高市首相は5月19日に会う。", EN),
    ("date", "会談は金曜日だ。", EN),
    ("number", "カラカスには約170人の日本人がいる。", VENEZUELA),
    ("number", "300個の部品が見つかった。150社に及ぶ。", VENEZUELA),
    ("number", "制裁対象は三千社となった。", VENEZUELA),
    ("negation", "3日の攻撃による被害は確認されている。", VENEZUELA),
    ("number", "30家公司受到制裁。", VENEZUELA),
    ("number", "自民党は465議席のうち361議席を獲得した。", ELECTION),
    ("number", "8日の衆院選で自民党は316議席のうち316議席を獲得した。", ELECTION),
    ("number", "投票率は65.26％だった。", ELECTION),
    ("date", "9日の衆院選で自民党は316議席を獲得した。", ELECTION),
    ("number", "単独で2分の1を超えた。", ELECTION),
    ("number", "The LDP won 326 seats.", ELECTION),
    ("quotation", "高市氏は「無責任な積極財政を進める」と述べた。", ELECTION),
    ("quotation", "高市氏は「増税する」と述べた。", ELECTION),
    ("name", "8日の衆院選で立憲民主党は465議席のうち316議席を獲得した。", ELECTION),
    ("name", "F-35を配備する。", ELECTION),
    ("date", "選挙は先月8日に行われた。", ELECTION),
    ("negation", "8日の衆院選で自民党は465議席のうち316議席を獲得しなかった。", ELECTION),
]


def check(claim: str, evidence: str) -> FactReport:
    return compare(claim, [evidence], published=[DAY])


@pytest.mark.parametrize(("claim", "evidence"), HONEST)
def test_honest_claims_pass(claim: str, evidence: str) -> None:
    assert check(claim, evidence).issues == ()


@pytest.mark.parametrize(("kind", "claim", "evidence"), FALSE)
def test_changed_facts_are_named(kind: str, claim: str, evidence: str) -> None:
    issues = check(claim, evidence).issues
    assert kind in {i.kind for i in issues}, issues
    assert all(claim[i.start : i.end] == i.text for i in issues)


@pytest.mark.parametrize(("claim", "evidence"), HONEST)
def test_matches_point_into_claim_and_evidence(claim: str, evidence: str) -> None:
    for match in check(claim, evidence).matches:
        assert claim[match.start : match.end] == match.text
        assert match.evidence == 0
        assert 0 <= match.evidence_start <= match.evidence_end <= len(evidence)


def test_a_match_highlights_the_figure_in_the_right_evidence() -> None:
    report = compare("日本は5500億ドルを投資する。", [ZH[-12:], EN], published=[DAY, DAY])
    (match,) = [m for m in report.matches if m.kind == "number"]
    assert (match.evidence, EN[match.evidence_start : match.evidence_end]) == (1, "$550 billion")


def test_a_number_of_the_question_is_no_evidence() -> None:
    report = compare(
        "投資は7000億ドルだ。", [JA], question="対米投資が7000億ドルになったのはいつ？"
    )
    assert [i.detail for i in report.issues] == ["the figure is only in the question"]


def test_counting_words_raise_no_alarm() -> None:
    for claim in (
        "両首脳は一つの課題で一致した。",
        "One of the two leaders agreed.",
        "두 정상은 한 목소리를 냈다.",
        "两国领导人在一个问题上达成一致。",
    ):
        assert [i for i in check(claim, JA).issues if i.kind == "number"] == []


def test_names_may_stand_in_the_title() -> None:
    claim, quote = (
        "ベッセント財務長官はそう評価した。",
        "財務長官はこの日、立派な同盟だと評価した。",
    )
    assert compare(claim, [quote]).issues != ()
    assert compare(claim, [quote], titles=["ベッセント氏「日本が強ければ」"]).issues == ()


def test_relative_dates_are_read_by_each_article() -> None:
    quotes = ["会談は来月19日に開かれる。", "会談は来月19日に開かれる。"]
    claim = "会談は3月19日に開かれる。"
    assert compare(claim, quotes[:1], published=["2026-02-09"]).issues == ()
    assert compare(claim, quotes[:1], published=["2026-03-09"]).issues != ()
    assert compare(claim, quotes, published=["2026-03-09", "2026-02-09"]).issues == ()


def test_quotation_marks_width_and_gaps_do_not_matter() -> None:
    evidence = "首相は『責任ある、積極財政 を進める』と述べた。"
    assert compare("首相は「責任ある積極財政を進める」と述べた。", [evidence]).issues == ()
    assert compare("首相は「責任ある…進める」と述べた。", [evidence]).issues == ()
    assert compare("The premier said “responsible public finance”.", [evidence]).issues == ()


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("The mayor resigned in May.", "The mayor resigned after talks."),
        ("Troops left in March.", "The troops marched off."),
        ("The mayor resigned in May.", "The mayor may resign."),
    ],
)
def test_a_date_inside_a_word_or_in_another_case_is_no_evidence(claim: str, evidence: str) -> None:
    report = compare(claim, [evidence])
    assert [(i.kind, i.detail) for i in report.issues] == [
        ("date", "the date is not in the evidence")
    ]


@pytest.mark.parametrize(
    ("evidence", "language"),
    [("Of 12 ministers, some often resigned.", "en"), ("12 ministros tenían miedo.", "es")],
)
def test_a_number_word_inside_a_word_is_no_evidence(evidence: str, language: str) -> None:
    report = compare(
        "Ten ministers resigned.", [evidence], claim_language="en", evidence_languages=[language]
    )
    assert [m for m in report.matches if m.kind == "number"] == []


def test_no_evidence_proves_no_number() -> None:
    assert [i.kind for i in compare("投資は5500億ドルだ。", []).issues] == ["number"]
    assert compare("合意した。", []).issues == ()


def test_sequences_of_other_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        compare("5人", ["5人"], published=["2026-01-01", "2026-01-02"])


LANGUAGES = [
    "日本語の文［１］",
    "中文句子【1】",
    "한국어 문장",
    "ประโยคภาษาไทย ๒๕",
    "جملة عربية ١٢",
    "An English one",
    "Café́ ﬁn",
    "",
]


@pytest.mark.parametrize("claim", LANGUAGES)
@pytest.mark.parametrize("evidence", LANGUAGES)
def test_every_pair_of_scripts_is_compared(claim: str, evidence: str) -> None:
    for issue in compare(claim, [evidence]).issues:
        assert claim[issue.start : issue.end] == issue.text


@pytest.mark.parametrize("text", [JA, EN, KO, ZH, VENEZUELA, ELECTION, *(c for c, _ in HONEST)])
def test_a_text_agrees_with_itself(text: str) -> None:
    assert check(text, text).issues == ()


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60))
def test_any_text_agrees_with_itself(text: str) -> None:
    assert compare(text, [text]).issues == ()


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, konkyo.rag.verification.facts; print([m for m in ('torch','sudachipy',"
        "'babel','text_to_num') if m in sys.modules])"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert out.stdout.strip() == "[]"
