"""Misspelt words are spelt like the articles, where nothing else answers; right words are left."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.embedding.encoders import load_encoder
from konkyo.index.errors import ModelMissing
from konkyo.rag.factory import open_pipeline
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.retrieval.spelling import ArticleWords
from konkyo.rag.types import Answer

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ("Governor Lindqvist approved the merger.", "リンドクビスト知事は合併を承認した。")


@pytest.mark.parametrize(
    ("asked", "spelt"),
    [
        ("lindqvyst merger aproved", "Lindqvist merger approved"),
        ("What did Lindqvisd say?", "What did Lindqvist say?"),
        ("リンドクビヌト知事は何を承認した？", "リンドクビスト知事は何を承認した？"),
    ],
)
def test_spells_like_the_articles(asked: str, spelt: str) -> None:
    assert ArticleWords(TEXTS).corrected(asked) == spelt


@pytest.mark.parametrize(
    "asked",
    [
        "Which margin did the emerge have?",  # Words of the dictionary.
        "What did Xindqvist say?",  # Another first letter.
        "Who is Mergerr?",  # A name is no other word.
        "アメリカはなぜ反対した？",
        "이사회는 왜 합병에 반대했나?",
        "知亊说了什么？",
    ],
)
def test_leaves_other_words_alone(asked: str) -> None:
    assert ArticleWords(TEXTS).corrected(asked) == asked


def test_misspelt_questions_are_answered_and_say_what_was_searched(tmp_path: Path) -> None:
    try:
        encoder = load_encoder("multilingual-e5-small")
    except ModelMissing as exc:
        pytest.skip(str(exc))
    store = str(tmp_path / "store")
    build([str(p) for p in sorted((ROOT / "seeds").glob("2*.md"))], store, encoder)
    pipeline = open_pipeline(store, llm=NoLLM(), encoder=encoder)
    asked = tomllib.loads((Path(__file__).parent / "typos.toml").read_text("utf-8"))["questions"]
    assert len(asked) >= 20
    right, told = 0, []
    for question, answers in asked.items():
        outcome = pipeline.ask(question, today=date(2026, 2, 12))
        right += isinstance(outcome, Answer) and any(a in outcome.text for a in answers)
        told += outcome.notices if isinstance(outcome, Answer) else ()
    assert right >= 9
    assert any(notice.startswith("Searched for: ") for notice in told)
