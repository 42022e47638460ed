"""Translations of quotes: marked as such, apart from answers, their figures compared."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from konkyo.index.embedding.model_registry import resolve_llm
from konkyo.index.errors import LLMUnreachable, ModelMissing
from konkyo.rag.factory import DEFAULT_LLM
from konkyo.rag.generation.llm import EmbeddedLLM, NoLLM, Usage
from konkyo.rag.generation.translate import translate_quote

sys.path.insert(0, str(Path(__file__).parent))
from test_answer import Dead, Says

QUOTE = "ベネズエラには約160人の邦人が滞在している。"
ENGLISH = "About 160 Japanese nationals are staying in Venezuela."


def test_a_translation_is_marked_as_one_and_keeps_its_quote() -> None:
    llm = Says([f' "{ENGLISH}"\n'])
    found = translate_quote(llm, QUOTE, "en")
    assert (found.text, found.quote, found.model, found.doubtful) == (ENGLISH, QUOTE, "says", False)
    assert found.mark == "machine translation by says; not the source's words"
    (prompt,) = llm.asked
    assert prompt.shown == 0
    assert "into English" in prompt.system
    assert QUOTE in prompt.user


@pytest.mark.parametrize(
    ("quote", "language", "said", "mark"),
    [
        (
            ENGLISH,
            "ja",
            "ベネズエラには約160人の日本人がいる。",
            "機械翻訳（says）。出典の言葉ではありません",
        ),
        (
            ENGLISH,
            "ko",
            "베네수엘라에는 약 160명의 일본인이 있다.",
            "기계 번역(says). 출처의 표현이 아닙니다",
        ),
        (ENGLISH, "zh", "约160名日本人在委内瑞拉。", "机器翻译（says），并非出处原文"),
        (
            QUOTE,
            "fr",
            "Environ 160 Japonais au Venezuela.",
            "machine translation by says; not the source's words",
        ),
    ],
)
def test_the_mark_is_in_the_readers_language(
    quote: str, language: str, said: str, mark: str
) -> None:
    found = translate_quote(Says([said]), quote, language)
    assert (found.text, found.mark) == (said, mark)


@pytest.mark.parametrize(
    "said",
    [
        "About 190 Japanese nationals are staying in Venezuela.",
        "Many Japanese are in Venezuela.",
        # What the default model really made of it once.
        "There are approximately 160 people in Benin who are staying there.",
    ],
)
def test_another_figure_or_country_is_told(said: str) -> None:
    found = translate_quote(Says([said]), QUOTE, "en")
    assert found.doubtful
    assert "figures or names differ" in found.mark


@pytest.mark.parametrize(
    ("said", "doubtful"),
    [
        ("The talks will be held on December 3.", False),
        ("The talks will be held on March 3.", True),
        ("The talks will be held on December 4.", True),
    ],
)
def test_another_date_is_told(said: str, doubtful: bool) -> None:
    found = translate_quote(Says([said]), "会談は12月3日に開かれる。", "en")
    assert found.doubtful is doubtful


@pytest.mark.parametrize(
    ("quote", "said"),
    [
        ("選挙は来年行われる。", "The election is held next year."),
        ("首相は昨夜、辞任した。", "The prime minister resigned last night."),
        ("発表は先月だった。", "It was announced last month."),
        ("攻撃は3日にあった。", "The attack was on the 3rd."),
    ],
)
def test_relative_dates_are_the_same_in_both_languages(quote: str, said: str) -> None:
    assert not translate_quote(Says([said]), quote, "en").doubtful


def test_without_a_model_there_is_no_translation() -> None:
    with pytest.raises(LLMUnreachable, match="no language model is set"):
        translate_quote(NoLLM(), QUOTE, "en")
    with pytest.raises(LLMUnreachable, match="no answer from"):
        translate_quote(Dead(), QUOTE, "en")
    with pytest.raises(LLMUnreachable, match="gave no translation"):
        translate_quote(Says([" \n"]), QUOTE, "en")


@pytest.mark.parametrize("quote", ["", "  ", "あ" * 1201])
def test_what_is_no_quote_is_not_sent(quote: str) -> None:
    with pytest.raises(ValueError, match="1 to 1200 characters"):
        translate_quote(Says([]), quote, "en")


def test_the_real_model_translates() -> None:
    try:
        llm = EmbeddedLLM(resolve_llm(DEFAULT_LLM))
    except ModelMissing as exc:
        pytest.skip(str(exc))
    usage = Usage()
    quote = "トランプ大統領は5日、日本を訪問した。"
    found = translate_quote(llm, quote, "en", usage=usage)
    assert "Trump" in found.text
    assert "5" in found.text
    assert "machine translation by embedded:qwen" in found.mark
    assert usage.completion_tokens > 0
    # Small models take Venezuela for Benin; the reader is told.
    found = translate_quote(llm, QUOTE, "en")
    assert "160" in found.text
    assert found.doubtful == ("Venezuela" not in found.text)
