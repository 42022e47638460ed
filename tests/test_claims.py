"""The claims contract: what may be written, and how what was written is read."""

from dataclasses import fields, replace
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konkyo.index.text.word_data import parse_words
from konkyo.rag.generation.output_format import (
    Draft,
    claims_grammar,
    display_text,
    parse_line,
    split_lines,
    whole,
)
from konkyo.rag.generation.prompts import (
    PromptTable,
    claims_prompt,
    prompts_fingerprint,
    without_hint,
)


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


@pytest.mark.parametrize(
    ("line", "language", "text"),
    [
        ("12. Dezember 2025 trat er zurück. [1]", "de", "12. Dezember 2025 trat er zurück."),
        ("12. joulukuuta 2025 hän erosi. [1]", "fi", "12. joulukuuta 2025 hän erosi."),
        ("- 12. Dezember 2025 trat er zurück. [1]", "de", "12. Dezember 2025 trat er zurück."),
        ("1. Die Zusage beträgt 550 Milliarden. [1]", "de", "Die Zusage beträgt 550 Milliarden."),
        ("1. 2025年12月に辞任した。[1]", "ja", "2025年12月に辞任した。"),
        ("(2) He resigned. [1]", "en", "He resigned."),
    ],
)
def test_a_bullet_is_left_out_and_a_day_is_not(line: str, language: str, text: str) -> None:
    assert parse_line(line, language) == Draft(text, (1,))


@pytest.mark.parametrize("line", ["", "   ", "NONE", "none.", "[1]"])
def test_nothing_said_is_no_draft(line: str) -> None:
    assert parse_line(line) is None


def test_every_word_of_the_prompts_changes_their_fingerprint() -> None:
    file = resources.files("konkyo.rag.generation").joinpath("data", "prompts.toml")
    table = parse_words(PromptTable, file.read_text("utf-8"), "prompts")
    assert prompts_fingerprint(table) == prompts_fingerprint()
    same = {"leftovers": [table.leftovers.pattern]}
    others = [
        replace(table, **same, **{code: replace(words, **{one.name: "other"})})
        for code in ("en", "ja", "ko", "zh")
        for words in (getattr(table, code),)
        for one in fields(words)
    ]
    others.append(replace(table, leftovers=[f"{table.leftovers.pattern}|other"]))
    assert len(others) == 21
    found = {prompts_fingerprint(one) for one in (table, *others)}
    assert len(found) == len(others) + 1


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
