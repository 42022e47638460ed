"""Names are found by honest marks; spellings are matched across scripts as far as possible."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konkyo.index.text.gazetteer import entity
from konkyo.index.text.name_identity import find_name, same_name
from konkyo.index.text.names import names


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("トランプ", "Trump"),
        ("トランプ", "트럼프"),
        ("트럼프", "Trump"),
        ("特朗普", "Trump"),
        ("特朗普", "トランプ"),
        ("Donald Trump", "Trump"),
        ("高市", "高市早苗"),
        ("高市早苗", "Sanae Takaichi"),
        ("高市", "다카이치"),
        ("다카이치 사나에", "Sanae Takaichi"),
        ("ﾄﾗﾝﾌﾟ", "トランプ"),
        ("ＴＲＵＭＰ", "Trump"),
        ("ベッセント", "Bessent"),
        ("베선트", "Bessent"),
        ("習近平", "习近平"),
        ("習近平", "시진핑"),
        ("マドゥロ", "Maduro"),
        ("米国", "アメリカ"),
        ("米国", "United States"),
        ("미국", "U.S."),
        ("美国", "America"),
        ("韓国", "South Korea"),
        ("ベネズエラ", "委内瑞拉"),
        ("Deutschland", "ドイツ"),
        ("国連", "United Nations"),
        ("自民党", "LDP"),
        ("ホワイトハウス", "백악관"),
        ("ペイトン・マニング", "Peyton Manning"),
        ("シェーンベルク", "Schoenberg"),
        ("김민수", "Kim Min-su"),
        ("アルトゥーロ・トスカニーニ", "トスカニーニ"),
        ("ニュートン", "뉴턴"),
    ],
)
def test_one_name_in_many_scripts(first: str, second: str) -> None:
    assert same_name(first, second) is True
    assert same_name(second, first) is True


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("トランプ", "Biden"),
        ("バイデン", "特朗普"),
        ("日本", "China"),
        ("Manning", "Newton"),
        ("マニング", "ニュートン"),
        ("高市", "石破"),
        ("東京", "Seoul"),
        ("김민수", "이서연"),
    ],
)
def test_other_names_are_other_names(first: str, second: str) -> None:
    assert same_name(first, second) is False


@pytest.mark.parametrize(
    ("first", "second"), [("特斯拉", "Newton"), ("徳川家康", "Elway"), ("诺曼", "マニング")]
)
def test_what_cannot_be_told_is_none(first: str, second: str) -> None:
    assert same_name(first, second) is None


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        (
            "高市早苗首相は8日、ホワイトハウスでトランプ大統領と会談した。",
            "ja",
            ["高市早苗", "ホワイトハウス", "トランプ"],
        ),
        (
            "アルトゥーロ・トスカニーニが怒った。徳川家康は関ヶ原で勝った。",
            "ja",
            ["アルトゥーロ・トスカニーニ", "徳川家康", "関ヶ原"],
        ),
        ("However, Peyton Manning won in Paris.", "en", ["Peyton Manning", "Paris"]),
        ("The president of the United States said so.", "en", ["United States"]),
        (
            "吴俊辉强调，谢胜文大使说，易卜拉欣·帕特尔出席。",
            "zh",
            ["吴俊辉", "谢胜文", "易卜拉欣·帕特尔"],
        ),
        ("김민수 장관은 트럼프 대통령과 만났다.", "ko", ["김민수", "트럼프"]),
        ("F-35とG7、COVID-19", "ja", ["F-35", "G7", "COVID-19"]),
        ("その企業は一部の部品をメーカーから買う。", "ja", []),
        ("However, this is what the government said on Monday.", "en", []),
    ],
)
def test_names_are_found(text: str, language: str, expected: list[str]) -> None:
    assert [n.text for n in names(text, language)] == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("米国", "アメリカの大統領"),
        ("United States", "米大統領が発表した"),
        ("Trump", "トランプ氏は"),
        ("日本", "Japan said"),
        ("アルトン・エリス", "アルトンエリスは"),
    ],
)
def test_a_name_is_found_in_another_spelling(name: str, text: str) -> None:
    assert find_name(name, text) is not None


def test_us_is_not_the_pronoun() -> None:
    assert find_name("米国", "they told us so") is None
    assert find_name("米国", "the US said so") is not None


def test_countries_are_known_in_languages_of_the_cldr() -> None:
    assert entity("Frankreich", "de") == entity("フランス", "ja") == entity("法国", "zh") == "FR"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=50), st.sampled_from(["ja", "en", "zh", "ko", "th", "ar", "de"]))
def test_any_text_is_read_without_error(text: str, language: str) -> None:
    for name in names(text, language):
        assert text[name.start : name.end] == name.text
        assert same_name(name.text, name.text) in {True, None}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_sameness_does_not_depend_on_order(first: str, second: str) -> None:
    assert same_name(first, second) == same_name(second, first)
