"""Dates as newspapers write them, and the periods questions ask about."""

import tomllib
from collections.abc import Callable
from datetime import date
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from konkyo.index.text.date_words import DateWords, date_words, named_pattern, notations
from konkyo.index.text.header_dates import parse_date, parse_stated
from konkyo.index.text.periods import period_in_question
from konkyo.index.text.word_data import WordDataError

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "day", "at"),
    [
        ("2026/02/09 17:17", "2026-02-09", "2026-02-09T17:17"),
        ("投稿者: | 2026年2月9日", "2026-02-09", None),
        ("令和8年2月9日（月）午後3時30分", "2026-02-09", "2026-02-09T15:30"),
        ("令和元年5月1日", "2019-05-01", None),
        ("平成31年4月30日", "2019-04-30", None),
        ("R8.2.9", "2026-02-09", None),
        ("２０２６年２月９日", "2026-02-09", None),
        ("[ 2023-07-28 16：40 ]", "2023-07-28", "2023-07-28T16:40"),
        ("2023-07-29 11:49:25，", "2023-07-29", "2023-07-29T11:49:25"),
        ("2026. 2. 9. 오후 5:17", "2026-02-09", "2026-02-09T17:17"),
        ("2026년 2월 9일 오전 9시", "2026-02-09", "2026-02-09T09:00"),
        ("2026-02-09T17:17:00+09:00", "2026-02-09", "2026-02-09T17:17:00+09:00"),
        ("2026-02-09T08:17:00Z", "2026-02-09", "2026-02-09T08:17:00+00:00"),
        ("2026-02-09T08:17:00.123Z", "2026-02-09", "2026-02-09T08:17:00+00:00"),
        ("Mon, 09 Feb 2026 17:17:00 +0900", "2026-02-09", "2026-02-09T17:17:00+09:00"),
        ("March 3rd, 2026 at 5:30 pm EST", "2026-03-03", "2026-03-03T17:30-05:00"),
        ("3 March 2026", "2026-03-03", None),
        ("am 3. Oktober 2025", "2025-10-03", None),
        ("1er janvier 2026", "2026-01-01", None),
        ("9 de febrero de 2026", "2026-02-09", None),
        ("9.2.2026", "2026-02-09", None),
        ("20260209", "2026-02-09", None),
    ],
)
def test_a_date_keeps_its_time_and_zone_and_gains_none(text: str, day: str, at: str | None) -> None:
    found = parse_date(text)
    assert found is not None
    assert (found.day, found.at) == (day, at)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("202602091015", "2026-02-09T10:15"),
        ("20260209101530", "2026-02-09T10:15:30"),
        ("1767225600", "2026-01-01T00:00:00+00:00"),
        ("1767225600000", "2026-01-01T00:00:00+00:00"),
        ("999999999999", "2001-09-09T01:46:39+00:00"),
        ("202602301015", "1976-06-02T22:25:01+00:00"),
    ],
)
def test_a_day_and_time_in_figures_alone_are_no_milliseconds(text: str, at: str) -> None:
    found = parse_stated(text)
    assert found is not None
    assert (found.day, found.at) == (at[:10], at)


@pytest.mark.parametrize(
    "text",
    ["2月30日", "2026-02-30", "version 1.2.3", "13/45", "no date", "2月9日", "1,250,000", ""],
)
def test_what_is_no_date_gives_none(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [("08/16  13:50", "2023-08-16"), ("12月30日", "2022-12-30"), ("07-20 22:43", "2023-07-20")],
)
def test_a_day_without_a_year_is_the_one_nearest_the_page(text: str, day: str) -> None:
    found = parse_date(text, reference=date(2023, 3, 1))
    assert found is not None
    assert found.day == day


def test_a_leap_day_without_a_year_finds_a_leap_year_or_nothing() -> None:
    leap = parse_date("2月29日", reference=date(2025, 1, 10))
    assert leap is not None
    assert leap.day == "2024-02-29"
    assert parse_date("2月29日", reference=date(2022, 6, 1)) is None


@given(st.dates(date(1990, 1, 1), date(2099, 12, 31)))
def test_every_day_is_read_back_from_every_notation(day: date) -> None:
    notations = [
        day.isoformat(),
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}/{day.month:02}/{day.day:02}",
        f"{day.year}년 {day.month}월 {day.day}일",
        f"{day:%d %B %Y}",
        f"{day:%B} {day.day}, {day.year}",
    ]
    assert [found.day for n in notations if (found := parse_date(n)) is not None] == [
        day.isoformat()
    ] * 6


@given(st.text(max_size=60))
def test_no_text_is_too_odd(text: str) -> None:
    parse_date(text, reference=TODAY)
    period_in_question(text, TODAY)


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("昨日の首相の発言は？", "2026-11-21", "2026-11-21"),
        ("先週の首脳会談で何が決まったか", "2026-11-09", "2026-11-15"),
        ("今週のニュース", "2026-11-16", "2026-11-22"),
        ("先月の会談", "2026-10-01", "2026-10-31"),
        ("昨年12月に何があった？", "2025-12-01", "2025-12-31"),
        ("去年の選挙", "2025-01-01", "2025-12-31"),
        ("一昨年の予算", "2024-01-01", "2024-12-31"),
        ("過去30日間のニュース", "2026-10-23", "2026-11-22"),
        ("2025年以降の支持率", "2025-01-01", None),
        ("5月以降の動き", "2026-05-01", None),
        ("12月以降の動き", "2025-12-01", None),
        ("2025年1月から3月までの動き", "2025-01-01", "2025-03-31"),
        ("令和7年の予算", "2025-01-01", "2025-12-31"),
        ("What happened since May?", "2026-05-01", None),
        ("What happened in 2025?", "2025-01-01", "2025-12-31"),
        ("What was said last week about tariffs?", "2026-11-09", "2026-11-15"),
        ("in the past 3 days", "2026-11-19", "2026-11-22"),
        ("from May to July 2025", "2025-05-01", "2025-07-31"),
        ("between May 2025 and July 2025", "2025-05-01", "2025-07-31"),
        ("since last month", "2026-10-01", None),
        ("before March 2026", None, "2026-02-28"),
        ("since 7 May", "2026-05-07", None),
        ("last December", "2025-12-01", "2025-12-31"),
        ("지난주에 무슨 일이 있었나", "2026-11-09", "2026-11-15"),
        ("작년 12월에 무슨 일이 있었나", "2025-12-01", "2025-12-31"),
        ("2025년 이후", "2025-01-01", None),
        ("上周发生了什么", "2026-11-09", "2026-11-15"),
        ("去年12月以来", "2025-12-01", None),
        ("最近三天的新闻", "2026-11-19", "2026-11-22"),
        ("Was geschah letzte Woche?", "2026-11-09", "2026-11-15"),
        ("Que s'est-il passé depuis 2025 ?", "2025-01-01", None),
    ],
)
def test_a_period_is_understood_from_today(
    question: str, since: str | None, until: str | None
) -> None:
    period = period_in_question(question, TODAY)
    assert period is not None
    assert (period.since, period.until) == (since, until)
    assert 0 <= period.start < period.end <= len(question)


@pytest.mark.parametrize(
    "question",
    [
        "5月7日に何があったか",
        "2025年10月28日の初会談はどこで",
        "What was agreed on 28 October 2025?",
        "トランプは2026年4月にどこを訪問する予定か",
        "Where will he go in April 2027?",
        "Who won the election?",
        "May I ask who won in May?",
        "2024年度予算の総額",
        "日中首脳会談",
        "250周年の祝意",
    ],
)
def test_an_event_or_a_plan_is_no_filter_on_publication(question: str) -> None:
    assert period_in_question(question, TODAY) is None


def test_relative_phrases_are_told_from_years_that_may_name_an_event() -> None:
    last_week = period_in_question("先週の会談", TODAY)
    year = period_in_question("2012年の総裁選", TODAY)
    assert last_week is not None
    assert last_week.relative
    assert year is not None
    assert not year.relative


@pytest.mark.parametrize(
    ("question", "since", "until"),
    [
        ("from May 2025 to last week", "2025-05-01", "2026-11-15"),
        ("2025年から先月まで", "2025-01-01", "2026-10-31"),
        ("1992年至1999年间", "1992-01-01", "1999-12-31"),
        ("since October of 2024", "2024-10-01", None),
        ("a partir de marzo de 2015", "2015-03-01", None),
        ("since last month to last week", "2026-10-01", "2026-11-15"),
        ("지난 6개월 동안의 뉴스", "2026-05-22", "2026-11-22"),
    ],
)
def test_a_range_reaches_from_its_first_date_to_its_second(
    question: str, since: str, until: str | None
) -> None:
    period = period_in_question(question, TODAY)
    assert period is not None
    assert (period.since, period.until) == (since, until)


@pytest.mark.parametrize(
    "question", ["the 2008–09 season", "前年比で何％増えたか", "the music of the 1980's"]
)
def test_a_season_and_a_comparison_are_no_period(question: str) -> None:
    assert period_in_question(question, TODAY) is None


def test_a_header_names_the_part_of_the_day_in_chinese() -> None:
    found = parse_date("2023年7月27日早上8时")
    assert found is not None
    assert found.at == "2023-07-27T08:00"


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026년 2월 9일 밤 12시", "2026-02-09T00:00"),
        ("2026年2月9日晚上8点30分", "2026-02-09T20:30"),
        ("2026-02-09 12:05 am", "2026-02-09T00:05"),
        ("2026/02/09 | 17:17", "2026-02-09T17:17"),
        ("3 mars 2026 à 17:30", "2026-03-03T17:30"),
        ("le 3 mars 2026, 17:30 est prévu", "2026-03-03T17:30"),
    ],
)
def test_a_header_gives_the_time_after_a_mark_or_a_word(text: str, at: str) -> None:
    found = parse_date(text)
    assert found is not None
    assert found.at == at


def test_a_range_of_months_in_a_header_is_no_day() -> None:
    assert parse_date("1—6月", reference=TODAY) is None


def test_every_notation_and_relative_word_is_compiled() -> None:
    assert set(date_words().notations) - set(notations()) == {"western"}
    assert {f"relative_{unit}" for unit in ("day", "week", "month", "year")} <= set(notations())


def test_a_notation_with_an_unknown_name_is_refused() -> None:
    with pytest.raises(WordDataError, match=r"notations\.western: 'month'"):
        named_pattern("western", begin="", end="")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (lambda tables: tables["clock"].pop("noon"), "clock.noon"),
        (lambda tables: tables["eras"].update({"令和": "first"}), "eras.令和"),
        (lambda tables: tables.update({"moons": {}}), "moons"),
        (lambda tables: tables["questions"].update({"to": ["("]}), "questions.to"),
    ],
)
def test_a_wrong_table_is_refused_by_its_key(change: Callable[[Any], object], key: str) -> None:
    file = resources.files("konkyo.index.text").joinpath("data", "dates.toml")
    tables = tomllib.loads(file.read_text("utf-8"))
    change(tables)
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(DateWords).validate_python(tables)
    assert [".".join(map(str, error["loc"])) for error in raised.value.errors()] == [key]
