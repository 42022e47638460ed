"""The door to language models, with the real default model in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from konkyo.index.embedding.model_registry import resolve_llm
from konkyo.index.errors import LLMTimeout, LLMUnreachable, ModelMissing, SettingsError
from konkyo.index.records import ArticleSummary
from konkyo.rag.factory import DEFAULT_LLM, open_llm
from konkyo.rag.generation.llm import EmbeddedLLM, NoLLM, Usage
from konkyo.rag.generation.output_format import parse_line, split_lines
from konkyo.rag.generation.prompts import Prompt, claims_prompt, repair_prompt
from konkyo.rag.types import Evidence

QUOTES = (
    "ベネズエラには約160人の邦人が滞在している。",
    "The pledge is worth 550 billion dollars.",
)


def evidence() -> list[Evidence]:
    article = ArticleSummary("a1", "t", "a.md", None, "2026-02-09", "ja", None, 1)
    return [Evidence(n, article, 0, len(q), q, 1.0) for n, q in enumerate(QUOTES, start=1)]


@pytest.fixture(scope="module")
def embedded() -> EmbeddedLLM:
    try:
        return EmbeddedLLM(resolve_llm(DEFAULT_LLM))
    except ModelMissing as exc:
        pytest.skip(f"the default model has not been pulled: {exc}")


def test_the_default_model_writes_claims_that_cite_only_what_was_shown(
    embedded: EmbeddedLLM,
) -> None:
    usage = Usage()
    prompt = claims_prompt("ベネズエラに滞在する邦人は何人ですか？", evidence(), "ja")
    lines = list(split_lines(embedded.stream(prompt, max_tokens=60, usage=usage)))
    drafts = [d for d in map(parse_line, lines) if d is not None]
    assert drafts
    assert {n for d in drafts for n in d.citations} <= {1, 2}
    assert "160" in drafts[0].text
    assert 0 < usage.prompt_tokens < 400


def test_closing_the_stream_stops_the_engine_and_it_answers_again(embedded: EmbeddedLLM) -> None:
    prompt = claims_prompt("How large is the pledge?", evidence(), "en")
    pieces = embedded.stream(prompt, max_tokens=60)
    assert isinstance(next(iter(pieces)), str)
    pieces.close()  # type: ignore[attr-defined]
    assert "550" in "".join(embedded.stream(prompt, max_tokens=60))


def test_a_model_that_takes_too_long_times_out(embedded: EmbeddedLLM) -> None:
    hurried = EmbeddedLLM(embedded._path, timeout=0.05)
    hurried._server = embedded._server
    with pytest.raises(LLMTimeout, match=r"no whole answer in 0\.05 s; raise llm\.timeout"):
        list(hurried.stream(claims_prompt("How large is the pledge?", evidence(), "en")))


def test_a_prompt_that_shows_nothing_is_answered_freely_in_one_line(embedded: EmbeddedLLM) -> None:
    text = "".join(embedded.stream(Prompt("Say good day in German.", "Now.", 0), max_tokens=20))
    assert text.strip()
    assert "\n" not in text.strip()


def test_none_writes_nothing() -> None:
    assert list(NoLLM().stream(Prompt("", "hello", 1))) == []


def test_a_missing_model_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LLMUnreachable, match=r"gone\.gguf.*konkyo models pull"):
        list(EmbeddedLLM(tmp_path / "gone.gguf").stream(Prompt("", "hello", 1)))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("openai", "needs llm.model and llm.base_url"),
        ("ollama", "needs llm.model"),
        ("gpt", "is not one of embedded, openai, ollama, none"),
    ],
)
def test_a_model_that_cannot_be_opened_says_what_is_missing(kind: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        open_llm(kind)


@pytest.mark.parametrize("language", ["ja", "en", "ko", "zh", "fr", "th"])
def test_the_fixed_part_of_a_prompt_does_not_depend_on_the_question(language: str) -> None:
    one = claims_prompt("A?", evidence(), language)
    other = claims_prompt("B?", evidence()[:1], language)
    assert one.system == other.system
    assert one.user != other.user


def test_a_repair_says_what_was_wrong() -> None:
    prompt = claims_prompt("A?", evidence(), "en")
    again = repair_prompt(prompt, "It is 999.", "the figure is not in the source", "en")
    assert again.system == prompt.system
    assert "999" in again.user
    assert "the figure is not in the source" in again.user
