"""Dates mean the same in every notation and language; relative ones by the article's date."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konkyo.index.text.dates import dates
from konkyo.index.text.moments import Moment, moments_agree

PUBLISHED = date(2026, 2, 9)
SAME = [
    ("5月7日", "May 7", "7 May", "the 7th of May", "5월 7일", "五月七日", "5月7号"),
    (
        "2026年2月9日",
        "February 9, 2026",
        "9 February 2026",
        "Feb. 9, 2026",
        "2026-02-09",
        "2026/02/09",
        "2026.2.9",
        "2026년 2월 9일",
        "令和8年2月9日",
        "二〇二六年二月九日",
    ),
    ("令和8年2月", "February 2026", "2026年2月", "2026년 2월"),
    ("2026年", "令和8年", "in 2026", "2026년", "二〇二六年"),
    ("1990年代", "the 1990s", "1990년대", "1990年代"),
    ("19世紀", "the 19th century", "19세기", "十九世纪", "the nineteenth century"),
    ("17世纪20年代", "the 1620s"),
    ("紀元前44年", "44 BC", "公元前44年", "기원전 44년"),
    ("午後3時30分", "3:30 p.m.", "오후 3시 30분", "下午3点半", "15:30", "15時30分"),
    ("月曜日", "Monday", "월요일", "星期一", "周一"),
    ("昨年12月", "December last year", "2025年12月", "去年12月", "지난해 12월"),
    ("来月19日", "March 19", "下个月19日", "다음 달 19일", "next month 19", "2026年3月19日"),
    ("先月", "last month", "지난달", "上个月", "2026年1月"),
    ("昨日", "yesterday", "어제", "昨天", "8日", "2月8日", "2026-02-08"),
    ("先週", "last week", "지난주", "上周"),
]


def only(text: str, reference: date | None = PUBLISHED, language: str | None = None) -> Moment:
    found = dates(text, reference, language)
    assert len(found) == 1, (text, found)
    return found[0]


def test_a_day_and_a_time_begin_behind_a_comma_of_full_width() -> None:
    found = dates("他27日抵达，28日会谈，下午3点半结束。", PUBLISHED, "zh")
    assert [m.text for m in found] == ["27日", "28日", "下午3点半"]
    assert dates("共1,28日", PUBLISHED, "zh") == []


@pytest.mark.parametrize("group", SAME, ids=lambda g: g[0])
def test_one_moment_in_many_notations(group: tuple[str, ...]) -> None:
    for first in group:
        for second in group:
            assert moments_agree(only(first), only(second)), (first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("5月7日", "May 8"),
        ("5月7日", "6月7日"),
        ("2026年2月9日", "2025年2月9日"),
        ("昨日", "2月7日"),
        ("来月19日", "2月19日"),
        ("先月", "来月"),
        ("昨年", "来年"),
        ("1990年代", "1980年代"),
        ("19世紀", "20世紀"),
        ("月曜日", "Tuesday"),
        ("午後3時", "午前3時"),
        ("15:30", "15:31"),
        ("8日", "9日"),
        ("8日", "6月8日"),
        ("44 BC", "44 AD 2044"),
        ("1914年", "1918年"),
    ],
)
def test_other_moments_do_not_agree(first: str, second: str) -> None:
    assert not moments_agree(dates(first, PUBLISHED)[0], dates(second, PUBLISHED)[-1])


@pytest.mark.parametrize(
    ("partial", "full"),
    [
        ("5月7日", "2024年5月7日"),
        ("2024年", "2024年5月7日"),
        ("2024年5月", "2024年5月7日"),
        ("3時", "15:00"),
    ],
)
def test_partial_dates_agree_with_full_ones(partial: str, full: str) -> None:
    assert moments_agree(only(partial, None), only(full, None))


@pytest.mark.parametrize(
    "text",
    [
        "5日間",
        "3か月",
        "3時間",
        "서울시장",
        "1日1回",
        "今日的な課題を除く3か国",
        "He may go",
        "march on",
        "41号高速公路",
        "2000 people",
        "1.2030",
    ],
)
def test_what_only_looks_like_a_date(text: str) -> None:
    assert [m for m in dates(text, None) if m.grain != "day" or m.relative is None] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025년 전망", ("year", 2025, None, None)),
        ("2025년 전체 매출", ("year", 2025, None, None)),
        ("9일 전국에서", ("day", None, None, 9)),
        ("9일 후쿠시마", ("day", None, None, 9)),
        ("9日前往北京", ("day", None, None, 9)),
        ("3년 전에", ("ago", 2023, None, None)),
        ("3일 전", ("ago", 2026, 2, 6)),
        ("1년 전과 비교해", ("ago", 2025, None, None)),
        ("3日前に", ("ago", 2026, 2, 6)),
        ("3天前", ("ago", 2026, 2, 6)),
        ("民國114年", ("year", 2025, None, None)),
        ("民國114年3月5日", ("day", 2025, 3, 5)),
        ("民國99年", ("year", 2010, None, None)),
    ],
)
def test_a_word_that_only_begins_like_before_leaves_the_date(
    text: str, expected: tuple[str, int | None, int | None, int | None]
) -> None:
    found = only(text)
    assert (found.grain, found.year, found.month, found.day) == expected


@pytest.mark.parametrize("text", ["3日前後", "1,250日前", "9日後に", "9일 후에", "1.5년 전"])
def test_no_day_is_counted_from_about_or_a_part_of_a_number(text: str) -> None:
    assert dates(text, PUBLISHED) == []


@pytest.mark.parametrize(
    ("inside", "alone", "grain"),
    [
        ("日本年金機構", "日本は本年", "year"),
        ("日本日前宣布", "日本が本日", "day"),
        ("基本年金", "基本を本年", "year"),
        ("今日头条报道", "今日报道", "day"),
        ("待つことしかできない", "政府はことしから", "year"),
        ("検査を受けさせる", "政府はけさ", "day"),
        ("오늘날", "9시(오늘)", "day"),
        ("보내달라고", "시는 내달", "month"),
        ("그제야", "그제 열린", "day"),
    ],
)
def test_a_relative_word_inside_another_word_is_no_date(
    inside: str, alone: str, grain: str
) -> None:
    assert [m for m in dates(inside, PUBLISHED) if m.relative] == []
    assert [m.grain for m in dates(alone, PUBLISHED) if m.relative] == [grain]


@pytest.mark.parametrize(
    ("text", "clock", "half_known"),
    [
        ("밤 12시", 0, True),
        ("晚上12点整", 0, True),
        ("凌晨12点30分", 30, True),
        ("밤 1시", 60, True),
        ("밤 11시", 23 * 60, True),
        ("晚上8点半", 20 * 60 + 30, True),
        ("새벽 2시", 120, True),
        ("오전 12시", 0, False),
        ("午後12時", 720, True),
        ("中午12点整", 720, True),
        ("낮 12시", 720, True),
        ("낮 2시", 14 * 60, True),
        ("中午11点半", 11 * 60 + 30, True),
        ("자정에", 0, True),
        ("정오에", 720, True),
    ],
)
def test_twelve_at_night_is_midnight(text: str, clock: int, half_known: bool) -> None:
    found = only(text)
    assert (found.clock, found.half_known) == (clock, half_known)


def test_self_cleaning_is_no_midnight() -> None:
    assert dates("자정 노력", PUBLISHED) == []


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("am 8. Mai 2024", "de", date(2024, 5, 8)),
        ("el 8 de mayo de 2024", "es", date(2024, 5, 8)),
        ("le 8 mai 2024", "fr", date(2024, 5, 8)),
        ("8 мая 2024", "ru", date(2024, 5, 8)),
        ("8 Mayıs 2024", "tr", date(2024, 5, 8)),
    ],
)
def test_month_names_of_other_languages(text: str, language: str, expected: date) -> None:
    assert only(text, None, language).earliest == expected


def test_a_day_keeps_the_month_named_before_it() -> None:
    moments = dates("1945年8月6日に広島、9日に長崎", None)
    assert [(m.month, m.day) for m in moments] == [(8, 6), (None, 9)]
    assert moments[1].context_month == 8
    assert moments_agree(only("8月9日", None), moments[1])
    assert not moments_agree(only("6月9日", None), moments[1])


def test_offsets_point_into_the_text() -> None:
    text = "２０２６年２月９日（月）午後３時、昨年12月に続き"
    assert all(text[m.start : m.end] == m.text for m in dates(text, PUBLISHED))
    assert [m.text for m in dates(text, PUBLISHED)] == [
        "２０２６年２月９日",
        "（月）",
        "午後３時",
        "昨年12月",
    ]


def test_without_a_reference_relative_dates_keep_their_direction() -> None:
    assert moments_agree(only("先月", None), only("last month", None))
    assert not moments_agree(only("先月", None), only("next month", None))


@settings(max_examples=150, deadline=None)
@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_rendering_a_date_in_any_notation_reads_back(day: date) -> None:
    english = f"{day:%B} {day.day}"
    forms = [
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}년 {day.month}월 {day.day}일",
        day.isoformat(),
        f"{day:%Y/%m/%d}",
        f"{english}, {day.year}",
        f"{day.day} {day:%B} {day.year}",
        f"{day.day} {day:%b} {day.year}",
    ]
    if date(1927, 1, 1) <= day <= date(1988, 12, 31):
        forms.append(f"昭和{day.year - 1925}年{day.month}月{day.day}日")
    for form in forms:
        assert (only(form, None).earliest, only(form, None).latest) == (day, day), form


@settings(max_examples=100, deadline=None)
@given(st.dates(date(2001, 1, 8), date(2098, 12, 31)), st.integers(min_value=-2, max_value=2))
def test_relative_days_are_the_reference_and_steps(reference: date, steps: int) -> None:
    words = {-2: "一昨日", -1: "yesterday", 0: "今天", 1: "내일", 2: "明後日"}
    assert only(words[steps], reference).earliest == reference + timedelta(days=steps)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_without_error(text: str) -> None:
    for moment in dates(text, PUBLISHED):
        assert text[moment.start : moment.end] == moment.text
        assert moments_agree(moment, moment)


def test_a_language_that_writes_months_in_figures_is_read_however_its_tag_is_written() -> None:
    for tag in ("JA", "Ja-JP", "ja"):
        found = dates("3月19日, here", PUBLISHED, tag)
        assert [moment.text for moment in found] == ["3月19日"]
