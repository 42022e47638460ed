"""Answers over the same articles are the same from a folder, from PostgreSQL and from Milvus.

    KONKYO_ALL_QUESTIONS=1 python -m pytest tests/test_stores_answers.py

asks all 229 questions of eval/datasets/alliance.jsonl instead of every sixth.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pytest

from konkyo.eval.formats.load import load
from konkyo.index.builder import build
from konkyo.index.errors import ModelMissing
from konkyo.index.migrate import copy_store
from konkyo.rag.factory import open_llm, open_pipeline
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.types import to_json

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_engines import Milvus, Postgres, milvus, postgres

__all__ = ["milvus", "postgres"]

ROOT = Path(__file__).resolve().parents[1]


def said(pipeline: Pipeline, question: str) -> dict[str, object]:
    """An outcome without what differs from run to run."""
    told = to_json(pipeline.ask(question))
    # A copy has generations of its own.
    return {k: v for k, v in told.items() if k not in ("timings_ms", "usage", "fingerprint")}


def test_the_same_answers_from_all_engines(
    tmp_path: Path, postgres: Postgres, milvus: Milvus
) -> None:
    from konkyo.index.embedding.encoders import load_encoder

    try:
        encoder = load_encoder("multilingual-e5-small", threads=2)
    except ModelMissing as exc:
        pytest.skip(f"the embedding model is not here: {exc}")
    folder = str(tmp_path / "store")
    build([str(ROOT / "seeds")], folder, encoder)
    addresses = [
        folder,
        postgres.make("answers"),
        f"{milvus.address}/answers?truth={postgres.make('answers_truth')}",
    ]
    for address in addresses[1:]:
        copy_store(folder, address)
    questions = load(ROOT / "eval" / "datasets" / "alliance.jsonl").questions
    asked = questions if os.environ.get("KONKYO_ALL_QUESTIONS") else questions[::6]
    with contextlib.ExitStack() as stack:
        pipelines = [
            open_pipeline(address, llm=open_llm("none"), encoder=encoder) for address in addresses
        ]
        for pipeline in pipelines:
            stack.callback(pipeline.store.close)
        different = []
        for question in asked:
            told = [said(pipeline, question.question) for pipeline in pipelines]
            if not told[0] == told[1] == told[2]:
                different.append(question.id)
    # Two passages of one score may change places; nothing else may.
    assert different == []
    assert len(asked) >= 38
