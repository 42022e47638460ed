"""The claims contract: what may be written, and how what was written is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konkyo.rag.generation.output_format import (
    Draft,
    claims_grammar,
    display_text,
    parse_line,
    split_lines,
    whole,
)
from konkyo.rag.generation.prompts import claims_prompt, without_hint


@pytest.mark.parametrize(
    ("line", "draft"),
    [
        ("The pledge is $550 billion. [2]", Draft("The pledge is $550 billion.", (2,))),
        ("規模は5500億ドルです[1][3]。", Draft("規模は5500億ドルです。", (1, 3))),
        ("規模は5500億ドルです。［１］", Draft("規模は5500億ドルです。", (1,))),
        ("約160人です【2】", Draft("約160人です", (2,))),
        ("- 약 160명입니다. [1, 2]", Draft("약 160명입니다.", (1, 2))),
        ("1. 约160人。[1][1]", Draft("约160人。", (1,))),
        ("A claim without a source.", Draft("A claim without a source.", ())),
        ("ราว 160 คน [4]", Draft("ราว 160 คน", (4,))),
        ("1.5 million people [1]", Draft("1.5 million people", (1,))),
    ],
)
def test_a_line_becomes_a_draft(line: str, draft: Draft) -> None:
    assert parse_line(line) == draft


@pytest.mark.parametrize("line", ["", "   ", "NONE", "none.", "[1]"])
def test_nothing_said_is_no_draft(line: str) -> None:
    assert parse_line(line) is None


def test_the_grammar_offers_exactly_the_numbers_shown() -> None:
    grammar = claims_grammar(3)
    assert '("1" | "2" | "3")' in grammar
    assert '"4"' not in grammar


def test_a_grammar_over_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one quote"):
        claims_grammar(0)


@given(st.lists(st.text(alphabet="ab\n。", max_size=8)))
def test_lines_do_not_depend_on_how_they_were_cut(pieces: list[str]) -> None:
    whole = "".join(pieces)
    assert list(split_lines(pieces)) == list(split_lines([whole]))


@pytest.mark.parametrize(
    ("language", "text"),
    [("ja", "甲です。[1]乙です。[2][3]"), ("en", "甲です。 [1] 乙です。 [2][3]")],
)
def test_claims_are_joined_as_the_language_joins(language: str, text: str) -> None:
    assert display_text([("甲です。", (1,)), ("乙です。", (2, 3))], language) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("カラカスで行われた。これは", "カラカスで行われた。"),
        ("稀土出口管制是议题。文本引用了", "稀土出口管制是议题。"),
        ("They met in South Korea. (Quote", "They met in South Korea."),
        ("Prime Minister Takaichi met Mr. Trump", "Prime Minister Takaichi met Mr. Trump"),
        ("It rose 3.5 percent in 2025", "It rose 3.5 percent in 2025"),
        ("首相は「行く。」と述べた", "首相は「行く。」と述べた"),
        ("He left (on Monday).", "He left (on Monday)."),
        ("規模は5500億ドル", "規模は5500億ドル"),
    ],
)
def test_the_beginning_of_a_next_sentence_is_cut_off(text: str, kept: str) -> None:
    assert whole(text) == kept


@pytest.mark.parametrize("language", ["ja", "en", "ko", "zh", "de"])
def test_a_model_that_repeats_our_remark_is_not_quoted_on_it(language: str) -> None:
    asked = claims_prompt("Q?", [], language, "160").user.split("Q?")[1].split("\n")[0].strip()
    assert "160" in asked
    assert without_hint(f"About 160 were there. {asked}") == "About 160 were there."


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("日本語の答え（文で）: 約160人がいる。", "約160人がいる。"),
        ("It is above 75 percent, as stated in quote", "It is above 75 percent"),
        (
            "She took office on October 21. This is proven by quote",
            "She took office on October 21.",
        ),
        ("He answered the question.", "He answered the question."),
        ("The figure is a quote", "The figure is a quote"),
    ],
)
def test_the_label_of_the_line_and_what_points_at_a_mark_are_left_out(text: str, kept: str) -> None:
    assert without_hint(text) == kept
