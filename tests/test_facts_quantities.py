"""Numbers mean the same in every notation and language; what is no number is not read as one."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from num2words import num2words

from konkyo.index.text.quantities import Quantity, quantities, same_quantity, unit_conflict

SAME = [
    (
        "5500億ドル",
        "5,500億ドル",
        "５５００億ドル",
        "$550 billion",
        "550 billion dollars",
        "US$550bn",
        "$550B",
        "5500亿美元",
        "5500억 달러",
        "五千五百億ドル",
    ),
    ("84兆円", "84 trillion yen", "84조 엔", "84万亿日元", "八十四兆円"),
    (
        "62.5%",
        "62.5％",
        "62.5パーセント",
        "62.5 percent",
        "62.5 per cent",
        "百分之62.5",
        "百分之六十二点五",
        "62.5퍼센트",
        "６２．５％",
    ),
    ("約300社", "about 300 companies", "三百社", "300개사", "300家公司"),
    (
        "3年半",
        "three and a half years",
        "3.5 years",
        "3년 반",
        "三年半",
        "3½ years",
        "3 1/2 years",
        "42か月",
        "42 months",
        "3年6カ月",
    ),
    ("3分の1", "one third of them", "三分之一", "3분의 1", "1/3", "三分の一"),
    ("半分", "50%", "half of the seats", "절반", "一半"),
    ("七割五分", "75%"),
    ("一成半", "1割半", "15%"),
    ("3時間", "세 시간", "3시간", "three hours", "三个小时"),
    ("3時間半", "3시간 반", "三个半小时", "three and a half hours"),
    ("两个半月", "2か月半", "두 달 반", "2.5 months"),
    ("3日間", "사흘", "三天", "three days"),
    ("10日間", "열흘", "十天", "10일 동안", "10일 만에", "10일 연속"),
    ("2週間", "a fortnight", "2주일", "two weeks"),
    ("3カ月", "석 달", "3개월", "三个月"),
    ("32人", "서른두 명", "32명"),
    ("반년", "半年", "half a year", "半年間"),
    ("3割", "30%", "三成"),
    ("36歳", "36 years old", "36-year-old", "36岁", "36세", "三十六歳"),
    ("3カ国", "three countries", "3개국", "三个国家", "3个国家"),
    ("1兆2000億ウォン", "1조 2000억 원", "1.2 trillion won"),
    ("2億5,000万円", "250 million yen", "2억5000만 엔", "2.5亿日元"),
    ("10万8千人", "108,000 people", "10만 8천 명", "10.8万人"),
    ("第2次", "2度目", "2回目", "second", "2nd", "第二次", "두 번째", "제2차"),
    ("二十五人", "25人", "25 people", "twenty-five people", "25명"),
    ("20 km", "20キロ", "20公里", "20 kilometres", "20km"),
    ("60〜75人", "60-75人", "60 to 75 people", "60~75명"),
    ("4分51秒", "4 minutes 51 seconds"),
    ("1,435 mm", "1435ミリ", "1.435 m"),
]


def only(text: str, language: str | None = None) -> Quantity:
    found = quantities(text, language)
    assert len(found) == 1, (text, found)
    return found[0]


@pytest.mark.parametrize("group", SAME, ids=lambda g: g[0])
def test_one_value_in_many_notations(group: tuple[str, ...]) -> None:
    first = only(group[0])
    for other in group[1:]:
        assert same_quantity(first, only(other)), (group[0], other, only(other))
        assert same_quantity(only(other), first), (other, group[0])


@pytest.mark.parametrize(
    "text",
    [
        "一部の企業",
        "一方で三菱は",
        "八王子で万全に",
        "十分な準備と一緒に",
        "千葉県",
        "七夕まつり",
        "四国と九州",
        "三重県",
        "百貨店",
        "一般に",
        "五輪",
        "一番",
        "万一",
        "一定の",
        "统一",
        "一些人一直",
        "十分重要",
        "삼성",
        "이천시",
        "세계",
    ],
)
def test_kanji_in_words_are_not_numbers(text: str) -> None:
    assert quantities(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "G7の首脳",
        "F-35を導入",
        "COVID-19",
        "CO2",
        "according to [1]",
        "上った［２］",
        "数百社",
        "第三者ではない",
    ],
)
def test_numbers_that_name_or_cite_are_left_out(text: str) -> None:
    assert [q for q in quantities(text) if q.kind != "ordinal"] == []


@pytest.mark.parametrize("text", ["5月7日", "8日に", "午後3時", "5월 7일", "7月27日"])
def test_days_and_hours_are_left_to_times(text: str) -> None:
    assert quantities(text) == []


@pytest.mark.parametrize(
    ("text", "language", "value", "unit"),
    [
        ("2,5 Milliarden Euro", "de", "2500000000", "EUR"),
        ("2.5 Milliarden Euro", "de", "2500000000", "EUR"),
        ("1.234,5 Millionen", "de", "1234500000", None),
        ("veinticinco años", "es", "25", "year"),
        ("3.500 millones de euros", "es", "3500000000", None),
        ("trois mille personnes", "fr", "3000", "person"),
        ("12 500 euros", "fr", "12500", "EUR"),
        ("5,5 млн рублей", "ru", "5500000", "RUB"),
        ("5.5 ล้าน", "th", "5500000", None),
        ("3 milyon", "tr", "3000000", None),
    ],
)
def test_european_and_asian_figures(text: str, language: str, value: str, unit: str | None) -> None:
    found = only(text, language)
    assert (found.value, found.unit) == (Decimal(value), unit)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("5 dollars", "5 percent"),
        ("3年", "3人"),
        ("100円", "100ドル"),
        ("30%", "30ポイント"),
        ("5 km", "5 kg"),
        ("NZ$5", "$5"),
        ("S$5", "$5"),
        ("R$ 5", "5 dollars"),
        ("MX$5", "US$5"),
        ("CA$5", "A$5"),
        ("3度", "3 degrees"),
        ("36.5度", "36.5回"),
    ],
)
def test_other_units_are_other_facts(first: str, second: str) -> None:
    assert unit_conflict(only(first), only(second))
    assert not same_quantity(only(first), only(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("NZ$5 million", "500万NZドル"),
        ("S$5", "5 Singapore dollars"),
        ("CA$5", "C$5"),
        ("AU$5", "A$5"),
        ("J$5", "5 Jamaican dollars"),
        ("costs $5", "5 dollars"),
        ("3度", "three times"),
        ("12度", "12 times"),
        ("三十五度", "35 degrees"),
        ("36.5度", "36.5℃"),
    ],
)
def test_one_currency_or_degree_in_two_notations(first: str, second: str) -> None:
    assert same_quantity(only(first), only(second))


def test_about_tolerates_rounding_of_an_exact_figure_only() -> None:
    assert same_quantity(only("about 300 companies"), only("312 companies"))
    assert not same_quantity(only("300 companies"), only("312 companies"))
    assert not same_quantity(only("about 300 companies"), only("about 312 companies"))
    assert not same_quantity(only("about 300 companies"), only("350 companies"))


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("400メートルを超える", "436メートル"),
        ("200명을 넘었다", "203명"),
        ("10분 남짓", "11分钟"),
        ("5メートル近く", "4.7米"),
        ("more than 400 people", "436 people"),
    ],
)
def test_a_bound_of_one_digit_is_near_what_it_bounds(claim: str, evidence: str) -> None:
    assert same_quantity(only(claim), only(evidence))
    assert not same_quantity(only(evidence), only(claim))
    doubled = only(evidence)
    assert not same_quantity(only(claim), replace(doubled, value=2 * doubled.value))


def test_offsets_point_into_the_text() -> None:
    text = "対米投資は約５５００億ドル（84兆円）で、３年半ぶりに62.5％増えた。"
    assert [q.text for q in quantities(text)] == ["５５００億ドル", "84兆円", "３年半", "62.5％"]
    assert all(text[q.start : q.end] == q.text for q in quantities(text))


LANGUAGES = {
    "ja": "日本は3年半で5,500億ドル、［１］約３００社。",
    "zh": "中国有31个省，约1.4亿人。",
    "ko": "약 160명이 1조 2000억 원을 투자했다.",
    "th": "เงิน 5.5 แสนล้านบาท และ ๒๕ คน",
    "ar": "بلغت ١٢ مليون دولار و5 أعوام",
    "en": "It cost $5.5 billion in 2019, a third of it.",
    "combining": "Café́ 12 für 3́ Jahre",
    "marks": "数字［１］と【1】と①と²",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_script_is_read_without_moving(language: str) -> None:
    text = LANGUAGES[language]
    for quantity in quantities(text):
        assert text[quantity.start : quantity.end] == quantity.text


def test_citation_marks_are_no_numbers() -> None:
    assert quantities("である。[1] [2, 3] ［１］ 【1】") == []


_KANJI = "〇一二三四五六七八九"


def kanji(value: int) -> str:
    """An oracle of the test's own: kanji numerals with magnitudes."""
    out = ""
    for power, mark in ((10**12, "兆"), (10**8, "億"), (10**4, "万"), (1, "")):
        part, value = divmod(value, power)
        if not part:
            continue
        for small, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
            digit, part = divmod(part, small)
            if digit:
                out += (
                    _KANJI[digit] if digit > 1 or not name or (mark and small == 1000) else ""
                ) + name
        out += mark
    return out


def mixed(value: int, marks: str) -> str:
    """5兆2000億-style figures with the magnitudes of one language."""
    out = ""
    for power, mark in zip((10**12, 10**8, 10**4, 1), [*marks, ""], strict=True):
        part, value = divmod(value, power)
        if part:
            out += f"{part}{mark}"
    return out


@settings(max_examples=150, deadline=None)
@given(st.integers(min_value=1, max_value=10**15 - 1))
def test_rendering_in_any_notation_reads_back(value: int) -> None:
    forms = [
        f"{value}円",
        f"{value:,}円",
        f"{kanji(value)}円",
        f"{mixed(value, '兆億万')}円",
        f"{mixed(value, '조억만')} 엔",
        f"¥{value:,}",
        f"{value:,} yen",
        f"{num2words(value)} yen",
        f"{mixed(value, '兆亿万')}日元",
    ]
    for form in forms:
        found = only(form)
        assert (found.value, found.unit) == (Decimal(value), "JPY"), form


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=3, max_value=10**9), st.sampled_from(["de", "es", "fr"]))
def test_number_words_of_european_languages_read_back(value: int, language: str) -> None:
    # num2words writes German 601,000 with an s too many.
    words = num2words(value, lang=language).replace("einstausend", "eintausend")
    found = quantities(f"{words}.", language)
    assert [q.values[0] for q in found] == [Decimal(value)]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_without_error(text: str) -> None:
    for quantity in quantities(text):
        assert text[quantity.start : quantity.end] == quantity.text


@settings(max_examples=100, deadline=None)
@given(
    st.decimals(min_value=0, max_value=1000, places=1),
    st.decimals(min_value=0, max_value=1000, places=1),
)
def test_percentages_agree_exactly_when_equal(first: Decimal, second: Decimal) -> None:
    mine, theirs = only(f"{first}%"), only(f"{second} percent")
    assert same_quantity(mine, theirs) == (first == second)
