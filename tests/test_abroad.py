"""What one's own language does not say is looked for in the others: real models, a small store."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.embedding.encoders import load_encoder
from konkyo.index.errors import ModelMissing
from konkyo.rag.factory import open_pipeline
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.types import Answer, Refusal

ARTICLES = [
    ("港の新しい橋が開通", "港にかかる新しい橋が月曜日に開通した。市長は式典で、橋は街の誇りだと述べた。"),
    ("橋の開通を祝う行事", "橋の開通を祝って花火が打ち上げられた。多くの家族が岸辺に集まった。"),
    ("橋の夜景が人気", "港の橋の夜景を撮る人が増えている。照明は季節ごとに色が変わる。"),
    ("New harbour bridge", "The new harbour bridge cost 840 million dollars to build, the city said."),
]  # fmt: skip


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    try:
        encoder = load_encoder("multilingual-e5-small")
    except ModelMissing as exc:
        pytest.skip(str(exc))
    folder: Path = tmp_path_factory.mktemp("abroad")
    lines = [json.dumps({"title": t, "text": x}, ensure_ascii=False) for t, x in ARTICLES]
    (folder / "news.jsonl").write_text("\n".join(lines), "utf-8")
    build([str(folder / "news.jsonl")], folder / "store", encoder)
    found = open_pipeline(str(folder / "store"), llm=NoLLM(), encoder=encoder)
    found.options = replace(found.options, abroad=0.9)
    return found


def test_an_article_in_another_language_answers(pipeline: Pipeline) -> None:
    outcome = pipeline.ask("港の新しい橋の建設費は何ドルでしたか。")
    assert isinstance(outcome, Answer)
    assert [c.language for c in outcome.citations] == ["en"]
    assert "840 million dollars" in outcome.citations[0].quote


def test_what_no_language_says_is_refused(pipeline: Pipeline) -> None:
    assert isinstance(pipeline.ask("橋の設計者は誰ですか。"), Refusal)
