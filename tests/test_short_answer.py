"""The short answer and the frame: pure functions, over all pairs of four languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from konkyo.index.records import ArticleSummary, published_day
from konkyo.rag.outcome import OutcomeBuilder
from konkyo.rag.question import understand
from konkyo.rag.retrieval.evidence import Selection, Span
from konkyo.rag.retrieval.search import Found
from konkyo.rag.short_answer.frame import frame, framed_text
from konkyo.rag.short_answer.place import Place, facts_of, place_in, place_of
from konkyo.rag.short_answer.quotes import Quoted, of_kind, quoted, without_repetition
from konkyo.rag.short_answer.short import short_answer, short_text
from konkyo.rag.thresholds import Thresholds
from konkyo.rag.timings import Timings
from konkyo.rag.types import Claim, Evidence, Short

ARTICLE = ArticleSummary("a1", "対米投資", "a.md", None, "2026-02-10", "ja", "根拠通信", 1)
QUOTE = "日本の対米投資は5500億ドルに上る。"


def test_a_place_is_cut_to_the_quote_that_holds_its_beginning() -> None:
    quote = Evidence(1, ARTICLE, 100, 100 + len(QUOTE), QUOTE, 0.9)
    place = place_in(quote, Span("上る。次の文", 0.9, "a1", "ja", 114, 121))
    assert place == Place(QUOTE, 14, len(QUOTE), "ja", "2026-02-10")
    assert place_of(quote, "5500億ドル") == Place(QUOTE, 8, 15, "ja", "2026-02-10")
    assert place_of(quote, "600億ドル") is None


@pytest.mark.parametrize("several", [False, True])
def test_a_quote_within_another_is_told_by_that_one_alone(several: bool) -> None:
    more = "内訳はまだ決まっていない。"
    inner = Evidence(1, ARTICLE, 100, 100 + len(QUOTE), QUOTE, 0.9)
    outer = Evidence(2, ARTICLE, 97, 100 + len(QUOTE + more), f"なお、{QUOTE}{more}", 0.8)
    other = Evidence(3, replace(ARTICLE, article_id="a2"), 100, 100 + len(QUOTE), QUOTE, 0.7)
    figure = Place(QUOTE, 8, 15, "ja")
    later = Place(outer.text, len(outer.text) - 7, len(outer.text) - 1, "ja")
    told = Quoted(((inner, (figure,)), (outer, (later,)), (other, ())), several)
    (first, places), second = without_repetition(told).quotes
    assert (first, second) == (outer, (other, ()))
    moved = Place(outer.text, 11, 18, "ja")
    assert moved.text == figure.text
    assert places == ((moved, later) if several else (moved,))


def said(
    quote: str, text: str, language: str, target: str, published: str | None = "2026-02-10"
) -> Short | None:
    at = quote.index(text)
    return short_answer([Place(quote, at, at + len(text), language, published)], target)


@pytest.mark.parametrize(
    ("quote", "text", "language", "published", "told"),
    [
        (
            "会談は28日午前に始まった。",
            "28日午前",
            "ja",
            "2025-10-28",
            "28日午前（2025年10月28日）",
        ),
        ("两人上个月会谈。", "上个月", "zh", "2026-02-10", "上个月（2026年1月）"),
        ("지난달 28일 만났다.", "지난달 28일", "ko", "2025-11-03", "지난달 28일(2025년 10월 28일)"),
        ("It fell on the 8th.", "the 8th", "en", "2026-02-10", "the 8th (February 8, 2026)"),
        # Of the month before or of this one?
        ("31日に会った。", "31日", "ja", "2025-11-01", "31日"),
        ("28日に会った。", "28日", "ja", "2025-11-03", "28日"),
        ("会談は3月19日に開く。", "3月19日", "ja", "2026-02-10", "3月19日"),
        ("8日から10日まで訪れる。", "8日から10日まで", "ja", "2026-01-09", "8日から10日まで"),
        ("28日に会った。", "28日", "ja", None, "28日"),
    ],
)
def test_a_day_told_by_the_day_of_its_article_alone_is_told_in_full(
    quote: str, text: str, language: str, published: str | None, told: str
) -> None:
    short = said(quote, text, language, language, published)
    assert short is not None
    assert short.text == text
    assert short_text(short, language) == told


PRINTED = {
    "money": {
        "en": ("Japan promised $550 billion more.", "550"),
        "ja": ("規模は5500億ドルに上る。", "5500億"),
        "ko": ("규모는 5500억 달러다.", "5500억"),
        "zh": ("规模达5500亿美元。", "5500亿美元"),
    },
    "people": {
        "en": ("It named about 160 people.", "160"),
        "ja": ("約160人が残る。", "160人が"),
        "ko": ("약 160명이 남아 있다.", "160명이"),
        "zh": ("约有160人留在当地。", "160人"),
    },
    "day": {
        "en": ("It opens on March 19.", "on March 19"),
        "ja": ("開会は3月19日になる。", "3月19日"),
        "ko": ("3월 19일에 열린다.", "3월 19일에"),
        "zh": ("会议3月19日开幕。", "3月19日"),
    },
    "share": {
        "en": ("Turnout was 53.4 percent.", "53.4 percent"),
        "ja": ("投票率は53.4％だった。", "53.4"),
        "ko": ("투표율은 53.4%로 나타났다.", "53.4%로"),
        "zh": ("投票率为53.4%。", "53.4%"),
    },
    "cities": {
        "en": ("Talks in Tokyo and Seoul ended.", "Tokyo and Seoul"),
        "ja": ("東京、ソウルで開かれた。", "東京、ソウル"),
        "ko": ("도쿄, 서울에서 열렸다.", "도쿄, 서울"),
        "zh": ("在东京和首尔举行。", "东京和首尔"),
    },
    "country": {
        "en": ("It was made in South Korea.", "South Korea"),
        "ja": ("原産国は韓国だ。", "韓国"),
        "ko": ("원산지는 한국이다.", "한국"),
        "zh": ("产地是韩国。", "韩国"),
    },
}
SAID = {
    "money": {
        "en": "$550 billion",
        "ja": "5500億米ドル",
        "ko": "5500억 미국 달러",
        "zh": "5500亿美元",
    },
    "people": {"en": "about 160 people", "ja": "約160人", "ko": "약 160명", "zh": "约160人"},
    "day": {"en": "March 19", "ja": "3月19日", "ko": "3월 19일", "zh": "3月19日"},
    "share": {"en": "53.4%", "ja": "53.4%", "ko": "53.4%", "zh": "53.4%"},
    "cities": {
        "en": "Tokyo and Seoul",
        "ja": "東京、ソウル",
        "ko": "도쿄 및 서울",
        "zh": "东京和首尔",
    },
    "country": {"en": "South Korea", "ja": "韓国", "ko": "한국", "zh": "韩国"},
}
PAIRS = [(a, b) for a in ("en", "ja", "ko", "zh") for b in ("en", "ja", "ko", "zh") if a != b]


def test_each_figure_of_a_list_keeps_what_it_counts() -> None:
    quote = "It named 170 and 160."
    place = Place(quote, 9, 20, "en", "2026-02-10", counted="person")
    short = short_answer([place], "ja")
    assert short is not None
    assert (short.text, short.exact) == ("170人、160人", True)


@pytest.mark.parametrize("what", SAID)
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_fact_is_said_exactly_in_the_askers_language(what: str, source: str, target: str) -> None:
    assert said(*PRINTED[what][source], source, target) == Short(SAID[what][target], target, True)


@pytest.mark.parametrize(
    ("quote", "text", "language", "whole"),
    [
        ("About 170 Japanese are staying.", "170", "en", "About 170"),
        ("It was President Trump's idea.", "Tru", "en", "Trump"),
        ("The day Kim's party won.", "'s party won", "en", "Kim's party won"),
        ("「立派な同盟だ」と評した。", "「立派な同盟だ", "ja", "「立派な同盟だ」"),
        ("約160人の日本人がいる。", "160人の", "ja", "約160人"),
        ("ベッセント米財務長官が話した。", "米財務長", "ja", "米財務長官"),
        ("レアアースの輸出を規制した。", "レア", "ja", "レアアース"),
        ("다음 회의는 여수에서 열린다.", "여수에서", "ko", "여수"),
        ("다카이치 총리는 추천했다.", "다카이치 총리는", "ko", "다카이치 총리"),
        ("니콜라스 마두로 대통령을 체포했다.", "니콜라스 마두", "ko", "니콜라스 마두로"),
        ("视察“乔治·华盛顿”号航母。", "乔治·华盛顿”号", "zh", "“乔治·华盛顿”号"),
        ("投票率は53.4%로 나타났다.", "53.4%로", "ko", "53.4%"),
        ("夜间不超过60分钟。", "60分钟", "zh", "不超过60分钟"),
        ("手当は1万4000円から2万2000円になる。", "2万2000円", "ja", "2万2000円"),
        ("会谈于28日，在东京举行。", "28日，", "zh", "28日"),
    ],
)
def test_a_place_is_widened_to_its_unit_and_trimmed(
    quote: str, text: str, language: str, whole: str
) -> None:
    assert said(quote, text, language, language) == Short(whole, language, True)


@pytest.mark.parametrize(
    ("quote", "text", "language", "target", "wanted"),
    [
        ("高市早苗首相は述べた。", "高市早苗首相", "ja", "en", "Takaichi (高市早苗首相)"),
        (
            "約160人の日本人がいる。",
            "約160人の日本人",
            "ja",
            "en",
            "about 160 people (約160人の日本人)",
        ),
        ("谷口氏が当選した。", "谷口", "ja", "en", "Taniguchi (谷口)"),
        ("张伟说，结果令人满意。", "张伟", "zh", "en", "Zhang Wei (张伟)"),
        ("视察“乔治·华盛顿”号航母。", "“乔治·华盛顿”号", "zh", "ko", "“乔治·华盛顿”号"),
        ("김민준 씨는 말했다.", "김민준", "ko", "ja", "김민준（Gim Minjun）"),
        ("German officials met.", "German", "en", "ja", "German"),
        ("毛布1200枚が届いた。", "1200枚", "ja", "zh", "1200（1200枚）"),
        ("気温は35度だった。", "35度", "ja", "en", "35度"),
        ("反对党认为时机不成熟。", "时机不成熟", "zh", "en", "时机不成熟"),
        ("円周率は" + "3" * 25 + "だ。", "3" * 25, "ja", "en", "3" * 25),
        ("It owes $" + "9" * 40 + ".", "$" + "9" * 40, "en", "ja", "$" + "9" * 40),
        ("It closes on 31 April.", "31 April", "en", "ja", "31 April"),
        ("締め切りは2月30日だ。", "2月30日", "ja", "en", "2月30日"),
        ("It fell on 29 February 2025.", "29 February 2025", "en", "ko", "29 February 2025"),
    ],
)
def test_what_cannot_be_said_exactly_is_left_as_printed(
    quote: str, text: str, language: str, target: str, wanted: str
) -> None:
    short = said(quote, text, language, target)
    assert short is not None
    assert (short.text, short.exact) == (wanted, False)


@pytest.mark.parametrize(
    ("quote", "text", "target", "wanted"),
    [
        ("昨日、会談した。", "昨日", "en", "February 9, 2026"),
        ("首相は19日に訪米する。", "19日", "en", "the 19th"),
        ("第2次内閣が発足した。", "第2次", "en", "2nd"),
        ("刑期は3年6カ月だ。", "3年6カ月", "ko", "3.5년"),
        ("手当は1万4000円から2万2000円になる。", "2万2000円", "en", "22,000 Japanese yen"),
        ("12日午前9時に鎮火した。", "12日午前9時に", "en", "the 12th, 9:00 AM"),
        ("1億2345万6789円を集めた。", "1億2345万6789円", "en", "123,456,789 Japanese yen"),
        ("20%から30%に上がる。", "20%から30%", "zh", "20%至30%"),
        ("規模は5500億ドルだ。", "5500億ドル", "de", "550 Milliarden US-Dollar"),
    ],
)
def test_days_magnitudes_and_ranges_keep_their_value(
    quote: str, text: str, target: str, wanted: str
) -> None:
    assert said(quote, text, "ja", target) == Short(wanted, target, True)


def test_no_more_than_is_not_more_than() -> None:
    assert said("夜间不超过60分钟。", "60分钟", "zh", "en") == Short("up to 60 minutes", "en", True)
    assert said("不到60分钟", "60分钟", "zh", "ja") == Short("60分未満", "ja", True)


def test_a_rough_figure_is_never_said_as_an_exact_one() -> None:
    # 弱 is "a little less than"; no word of the other languages says the same.
    assert said("6割弱が反対した。", "6割", "ja", "en") == Short("6割", "ja", False)


@pytest.mark.parametrize(
    ("language", "joined"),
    [("ja", "甲、乙"), ("en", "甲 and 乙"), ("zh", "甲和乙"), ("ko", "甲 및 乙")],
)
def test_items_are_joined_in_the_askers_language(language: str, joined: str) -> None:
    places = [Place("甲と乙", 0, 1, language), Place("甲と乙", 2, 3, language)]
    assert short_answer(places, language) == Short(joined, language, True, ("甲", "乙"))


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
    undated = replace(bare, published="next Tuesday")
    assert frame(undated, None, "ja") == "Talks（英語）の記事："


def test_a_date_that_is_none_is_no_day() -> None:
    assert published_day("2026-02-10T09:30:00+09:00") == date(2026, 2, 10)
    assert [published_day(text) for text in (None, "", "2026-02-30", "next Tuesday")] == [None] * 4
    place = Place("It opened three days ago.", 10, 24, "en", "next Tuesday")
    assert [fact.value.relative for fact in facts_of(place)] == [("day", -3)]


def test_a_foreign_quote_is_read_behind_its_frame() -> None:
    claim = Claim(QUOTE, (1,), 1.0, frame="根拠通信 (in Japanese) writes:", language="ja")
    assert framed_text(claim) == f"根拠通信 (in Japanese) writes: 「{QUOTE}」"
    claim = Claim("会谈持续25分钟。", (1,), 1.0, frame="Haixia (in Chinese) writes:", language="zh")
    assert framed_text(claim) == "Haixia (in Chinese) writes: “会谈持续25分钟。”"
    assert framed_text(Claim(QUOTE, (1,), 1.0)) == QUOTE


PLANS = {
    "en": ("The bridge is set to open on May 3.", "The bridge opened on May 3.", "May 3"),
    "ja": ("橋は5月3日に開通する予定だ。", "橋は5月3日に開通した。", "5月3日"),
    "ko": ("다리는 5월 3일 개통할 예정이다.", "다리가 5월 3일 개통했다.", "5월 3일"),
    "zh": ("大桥将于5月3日通车。", "大桥5月3日通车。", "5月3日"),
}
MARKED = {
    "en": "May 3 (planned or expected)",
    "ja": "5月3日（予定・見通し）",
    "ko": "5월 3일(예정·전망)",
    "zh": "5月3日（计划或预计）",
}


@pytest.mark.parametrize("written", list(PLANS))
@pytest.mark.parametrize("asked", list(PLANS))
def test_a_plan_is_not_told_as_done_in_any_language(written: str, asked: str) -> None:
    plan, deed, place = PLANS[written]
    planned, done = said(plan, place, written, asked), said(deed, place, written, asked)
    assert planned is not None
    assert done is not None
    assert (planned.planned, done.planned) == (True, False)
    assert planned.text == done.text == PLANS[asked][2]
    assert short_text(planned, asked) == MARKED[asked]
    assert short_text(done, asked) == PLANS[asked][2]
    article = ArticleSummary("a1", "Bridge", "a.md", None, "2026-02-10", written, "Post", 1)
    assert MARKED[asked] in frame(article, planned, asked)
    assert MARKED[asked] not in frame(article, done, asked)


@pytest.mark.parametrize(
    ("question", "language", "planned"),
    [
        ("橋はいつ開通する予定ですか。", "ja", False),
        ("橋の開通日はいつですか。", "ja", True),
        ("When is the bridge expected to open?", "en", False),
        ("What is the bridge's opening day?", "en", True),
    ],
)
def test_what_is_asked_of_a_plan_is_not_marked_as_planned(
    question: str, language: str, planned: bool
) -> None:
    plan, _, day = PLANS[language]
    at = plan.index(day)
    building = OutcomeBuilder(understand(question, (), language), "f", Timings())
    (ready,) = building.tell([Place(plan, at, at + len(day), language)])
    assert (ready.short.text, ready.short.planned) == (day, planned)


def test_of_several_places_all_must_be_planned() -> None:
    plan, deed, day = PLANS["en"]
    places = [Place(q, q.index(day), q.index(day) + len(day), "en") for q in (plan, deed)]
    told = short_answer(places, "en")
    assert told is not None
    assert not told.planned


@pytest.mark.parametrize("asked", ["en", "ko", "zh"])
def test_a_sentence_of_a_summary_in_another_language_is_never_bare(asked: str) -> None:
    building = OutcomeBuilder(understand("?", (), asked), "f", Timings())
    quote = Evidence(1, ARTICLE, 0, len(QUOTE), QUOTE, 1.0)
    claim = building.quote(quote, dated=True).claim
    assert claim.frame == frame(ARTICLE, None, asked)
    assert claim.language == "ja"
    answer = building.answer((quote,))
    assert answer.text.startswith(claim.frame)


@pytest.mark.parametrize(
    ("text", "language", "target", "wanted", "exact"),
    [
        ("総理大臣", "ja", "en", "prime minister", True),
        ("Treasury Secretary", "en", "ja", "財務長官", True),
        ("米財務長官", "ja", "ko", "재무장관(米財務長官)", False),
        ("国家主席", "zh", "ko", "국가주석", True),
        ("외교장관", "ko", "ja", "外相", True),
        ("former President", "en", "zh", "总统（former President）", False),
        ("村長", "ja", "en", "村長", False),
    ],
)
def test_an_office_is_said_in_the_askers_language(
    text: str, language: str, target: str, wanted: str, exact: bool
) -> None:
    told = short_answer([Place(text, 0, len(text), language)], target)
    assert told is not None
    assert (told.text, told.exact) == (wanted, exact)


@pytest.mark.parametrize(
    ("question", "text", "place", "language", "wanted"),
    [
        ("防长何时会谈的？", "上个月，两国防长在华盛顿会谈。", "华盛顿", "zh", "上个月"),
        ("When did they meet?", "They met in Oslo on May 3.", "Oslo", "en", "May 3"),
        ("How many came?", "The fair in Oslo drew 300 visitors.", "Oslo", "en", "300"),
        # More than one day, a place that holds one, and a question for neither.
        ("When did they meet?", "They met in Oslo on May 3 and May 5.", "Oslo", "en", "Oslo"),
        ("When did they meet?", "They met on May 3, after April 1.", "May 3", "en", "May 3"),
        ("Where did they meet?", "They met in Oslo on May 3.", "Oslo", "en", "Oslo"),
        (
            "着工はいつになった？",
            "着工は1年遅れの27年春だと8日に発表した。",
            "27年春",
            "ja",
            "27年春",
        ),
        ("投票日の何日前ですか。", "投票日の3日前の5日に表明した。", "5日", "ja", "3日前"),
        ("선거 며칠 전인가요?", "선거를 사흘 앞둔 5일 지지했다.", "5일", "ko", "사흘"),
        (
            "How many days before?",
            "On May 5, three days before.",
            "May 5",
            "en",
            "three days before",
        ),
        ("Votes when it was set?", "It got 15 votes in May 2027.", "15 votes", "en", "15 votes"),
    ],
)
def test_the_only_day_or_figure_of_a_quote_answers_where_one_is_asked_for(
    question: str, text: str, place: str, language: str, wanted: str
) -> None:
    at = text.index(place)
    told = of_kind(Place(text, at, at + len(place), language, "2026-02-10"), question)
    assert told.text == wanted


@pytest.mark.parametrize(
    ("question", "language", "short"),
    [
        ("最低賃上げ額はいくらになりましたか。", "ja", "40円"),
        ("What is the minimum raise now?", "en", "drop the minimum raise to 40 yen"),
    ],
)
def test_of_words_in_another_language_only_the_figure_asked_for_is_told(
    question: str, language: str, short: str
) -> None:
    text = "Harumart will now drop the minimum raise to 40 yen."
    article = ArticleSummary("b1", "Raise", "b.md", None, "2026-07-16", "en", "Digest", 1)
    quote = Evidence(1, article, 0, len(text), text, 0.9)
    at, end = text.index("drop"), len(text) - 1
    span = Span(text[at:end], 0.9, "b1", "en", at, end)
    found = Found((quote,), Selection((quote,), 0.9, (span,)), 0.9, (), ())
    asked = understand(question, (), language)
    told = quoted(found, asked, 1, None, Thresholds())
    answer = short_answer(told.places, language)
    assert answer is not None
    assert answer.text == short


@pytest.mark.parametrize(
    ("question", "text", "place", "short"),
    [
        (
            "What makes the region stronger?",
            "日本が強くなれば、アジアにおける米国の力も増すと述べた。",
            "アジアにおける米国の力",
            None,
        ),
        ("Who spoke?", "高市早苗首相は述べた。", "高市早苗首相", "Takaichi (高市早苗首相)"),
        ("Who has won?", "研究班の新星が当選した。", "新星", "新星"),
        ("Whom did it name?", "谷口氏が当選した。", "谷口", "Taniguchi (谷口)"),
        ("Which winner?", "谷口氏が当選した。", "谷口", "Taniguchi (谷口)"),
    ],
)
def test_of_words_in_another_language_a_stretch_of_a_sentence_is_no_short_answer(
    question: str, text: str, place: str, short: str | None
) -> None:
    article = ArticleSummary("b1", "題", "b.md", None, "2026-07-16", "ja", "暁新聞", 1)
    quote = Evidence(1, article, 0, len(text), text, 0.9)
    at = text.index(place)
    span = Span(place, 0.9, "b1", "ja", at, at + len(place))
    found = Found((quote,), Selection((quote,), 0.9, (span,)), 0.9, (), ())
    told = quoted(found, understand(question, (), "en"), 1, None, Thresholds())
    answer = short_answer(told.places, "en")
    assert (answer and answer.text) == short
