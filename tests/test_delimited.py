"""Taking marks away in one pass gives what a backtracking pattern gives, in linear time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konkyo.index.ingest.markdown import EMPHASIS, plain_line, plain_markdown
from konkyo.index.ingest.plain_text import plain_emphasis
from konkyo.index.ingest.site_chrome import _navigation, kind_of
from konkyo.index.text.delimited import without_between, without_emphasis

_BACKTRACKING = re.compile(
    r"(\*\*\*|\*\*|\*|~~)(?=\S)(.+?)(?<=\S)\1|(?<!\w)(___|__|_)(?=\S)(.+?)(?<=\S)\3(?!\w)"
)
_STRONG = re.compile(r"\*\*(?=\S)(.+?)(?<=\S)\*\*|__(?=\S)(.+?)(?<=\S)__")
_ITEMS = re.compile(r"\S.{0,30}?(?:\s*[|｜>›»/·•]\s*\S.{0,30}?){2,}")


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="*_~a一 .", max_size=24))
def test_emphasis_is_what_the_pattern_finds(line: str) -> None:
    found = _BACKTRACKING.sub(lambda m: m[2] if m[2] is not None else m[4], line)
    assert without_emphasis(line, EMPHASIS) == found
    strong = _STRONG.sub(lambda m: m[1] if m[1] is not None else m[2], line)
    assert without_emphasis(line, ("**", "__")) == strong


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="<!->ab", max_size=30))
def test_comments_are_what_the_pattern_finds(text: str) -> None:
    found = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    assert without_between(text, "<!--", "-->") == found


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(["|", " > ", "a", "一" * 15, " ", "b" * 31]), max_size=9))
def test_navigation_is_what_the_pattern_finds(parts: list[str]) -> None:
    text = "".join(parts).strip()
    assert _navigation(text) == bool(text and _ITEMS.fullmatch(text))


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("ホーム > ニュース > 国際 > アジア", "label"),
        (
            "ホーム | ニュース | 天気 | スポーツ | 経済 | 政治 | 国際 | 科学 | 文化 | 生活 | 地域",
            "label",
        ),
        ("A > " * 14 + "x" * 40, "short"),
        ("天気 | " * 14 + "x" * 40 + " y", "short"),
        ("2026-03-02 10:15 来源：海滨日报 作者：李明", "byline"),
        ("2026年3月2日 10:15 | 海滨日报", "byline"),
        ("Published: 2026-03-02 10:15 am JST", "stamp"),
        ("更新日時： 2026年3月2日（月） 午後 3時15分", "stamp"),
        ("source: https://example.org/a", "url"),
        ("- - - -", "rule"),
    ],
)
def test_lines_of_a_page_are_told_apart(line: str, kind: str) -> None:
    assert kind_of(line) == kind


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("![alt](a.png) and [a [b](u) **c** <https://x.org>", " and [a b c https://x.org"),
        ("[![alt](a.png)](u) x", "[](u) x"),
        ("[a](u_(b)) [c][d]", "a c"),
        ("![" * 10**5, "![" * 10**5),
        ("[a](" * 10**5, "[a](" * 10**5),
        ("~~a " * 10**5, "~~a " * 10**5),
        ("<http://a" * 10**5, "<http://a" * 10**5),
    ],
)
def test_markdown_of_one_line_becomes_plain(line: str, plain: str) -> None:
    assert plain_line(line) == plain


def test_a_heading_ends_before_its_closing_marks() -> None:
    assert plain_markdown("# A #1 title ##  \n\ntext") == ("A #1 title", "text")
    assert plain_markdown("<!-- a\n\nb -->text <!-- c") == (None, "text <!-- c")
    title, text = plain_markdown("## #" + " " * 10**5 + "x\n\ntext")
    assert title is None
    assert text.endswith("text")


def test_strong_marks_of_a_page_are_taken_away() -> None:
    assert plain_emphasis("**a** and __b__") == "a and b"
    assert plain_emphasis("a stray ** mark") == "a stray  mark"
