"""One wiring: what the settings say holds for every way in, also with the default model."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.embedding.encoders import load_encoder
from konkyo.index.embedding.model_files import sha256_of
from konkyo.index.errors import ModelMissing, ModelUnknown, SettingsError, StoreMismatch
from konkyo.index.settings import AnswerSettings, LLMSettings, Settings, load_settings
from konkyo.index.stores.local.reader import LocalStore
from konkyo.rag import calibration
from konkyo.rag.factory import (
    open_from_settings,
    open_parts,
    open_pipeline,
    open_query_encoder,
    open_retriever,
)
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.options import Options
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.retrieval.hybrid import cosine_floor
from konkyo.rag.thresholds import Thresholds
from konkyo.ui.cli.chat import load_pipeline
from konkyo.ui.server.llm_queue import LLMQueue
from konkyo.ui.server.telemetry import Telemetry

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_llm import refuses, serving
from fixtures_store import ToyEncoder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings that name a calibration of the user's own."""
    folder: Path = tmp_path_factory.mktemp("wiring")
    news = folder / "news"
    news.mkdir()
    (news / "bridge.md").write_text(
        "---\ntitle: 北浜大橋が開通\n---\n北浜大橋の開通式は5月3日に開かれた。\n", "utf-8"
    )
    build([str(news)], folder / "store", load_encoder("multilingual-e5-small"))
    calibration = folder / "own.json"
    entry = {"weights": {"reader": 1.0}, "bias": 0.0, "threshold": 0.123}
    calibration.write_text(json.dumps({"answers": entry}), "utf-8")
    return load_settings(flags={"store": str(folder / "store"), "calibration": str(calibration)})


def opened_by_chat(settings: Settings, llm: str | None) -> Pipeline:
    with contextlib.ExitStack() as closing:
        return load_pipeline(settings, llm, None, None, closing, Telemetry())


@pytest.mark.parametrize("llm", [None, "none"])
def test_chat_honours_the_calibration_of_the_settings(settings: Settings, llm: str | None) -> None:
    assert opened_by_chat(settings, llm).options.thresholds.answerable == 0.123


def test_chat_asks_the_server_of_a_model_whether_it_is_there(settings: Settings) -> None:
    with serving(refuses(500, "not asked"), before=[refuses(503, "loading")]) as heard:
        named = LLMSettings(kind="openai", model="m", base_url=f"{heard.url}/v1")
        queue = opened_by_chat(settings.model_copy(update={"llm": named}), None).llm
        assert isinstance(queue, LLMQueue)
        until = time.monotonic() + 60
        while not queue.problem:
            assert time.monotonic() < until
            time.sleep(0.02)
        assert queue.problem.endswith("the server answers 503")
    assert heard.requests == [("/v1/models", {})]
    assert isinstance(opened_by_chat(settings, "none").llm, NoLLM)


def test_options_keep_the_fitted_threshold_unless_they_name_another(settings: Settings) -> None:
    opened = partial(open_pipeline, settings.store, llm=NoLLM(), calibration=settings.calibration)
    few = opened(options=Options(top_k=5)).options
    assert (few.top_k, few.thresholds.answerable) == (5, 0.123)
    own = opened(options=Options(thresholds=Thresholds(answerable=0.9)))
    assert own.options.thresholds.answerable == 0.9


def test_the_shipped_calibration_is_among_what_the_fingerprint_names(settings: Settings) -> None:
    shipped = Path(calibration.__file__).with_name("calibration.json")
    named = f"calibration:{sha256_of(shipped)[:12]}"
    assert named in open_parts(load_encoder("multilingual-e5-small"), llm=NoLLM()).models.split()


def test_every_way_in_gives_the_same_fingerprint(settings: Settings) -> None:
    ask = open_from_settings(settings.store, settings=settings, llm="none")
    assert opened_by_chat(settings, "none").fingerprint == ask.fingerprint


def test_every_way_in_ranks_alike(seed_pipeline: Pipeline, seed_store: str) -> None:
    asked = "When did the bank last change its interest rate?"
    ranker = open_retriever(seed_store, encoder=seed_pipeline.encoder)
    found = ranker.retrieve(asked, 8, language="en")
    assert len({hit.article.language for hit in found}) > 1
    assert found == seed_pipeline.retriever.retrieve(asked, 8, language="en")
    ranker.store.close()


def test_a_model_that_is_missing_is_no_fault_where_it_would_not_be_asked(
    settings: Settings,
) -> None:
    asked = partial(open_from_settings, settings.store, model="/nowhere/writer.gguf")
    with pytest.raises(ModelMissing):
        asked(settings=settings)
    quoting = settings.model_copy(update={"answers": AnswerSettings(phrasing="never")})
    assert asked(settings=quoting).llm.name == "none"


class Named(ToyEncoder):
    """An encoder of some fingerprint."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__()
        self.fingerprint = fingerprint


def test_questions_are_encoded_for_the_very_model_of_the_articles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    base = load_encoder("multilingual-e5-small").fingerprint
    name, weights, engine = base.split(":")
    assert open_query_encoder(Named(base)) is not None
    assert open_query_encoder(Named(f"{name}:{weights}:plain")) is not None
    assert open_query_encoder(Named(f"{name}-news:{weights}:{engine}")) is None
    assert open_query_encoder(Named(f"{name}:0123456789ab:{engine}")) is None
    monkeypatch.setenv("KONKYO_HOME", str(tmp_path))
    assert open_query_encoder(Named(base)) is None


@pytest.mark.parametrize(
    ("fingerprint", "floor"),
    [
        ("multilingual-e5-small:17b163fde9b0:int8-v5", 0.7),
        ("intfloat/E5_large-v2:17b163fde9b0:plain", 0.7),
        ("paraphrase-minilm:17b1e5fde9b0:int8-v5", 0.0),
        ("google/byte5-small:17b163fde9b0:plain", 0.0),
    ],
)
def test_unrelated_texts_are_known_by_the_family_of_the_model(
    fingerprint: str, floor: float
) -> None:
    assert cosine_floor(fingerprint) == floor


def test_a_store_is_closed_where_the_rest_cannot_be_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bridge.md").write_text("---\ntitle: 北浜大橋\n---\n開通式は5月3日だ。\n", "utf-8")
    store = str(tmp_path / "store")
    build([str(tmp_path / "bridge.md")], tmp_path / "store", ToyEncoder())
    closed: list[LocalStore] = []
    close = LocalStore.close
    monkeypatch.setattr(LocalStore, "close", lambda opened: closed.append(opened) or close(opened))
    with pytest.raises(StoreMismatch):
        open_pipeline(store, encoder=ToyEncoder("other"), llm=NoLLM())
    with pytest.raises(StoreMismatch):
        open_retriever(store, encoder=ToyEncoder("other"))
    with pytest.raises(ModelUnknown):
        open_retriever(store, embedding="nowhere")
    with pytest.raises(SettingsError):
        open_pipeline(store, encoder=ToyEncoder(), llm=NoLLM(), calibration="/nowhere/own.json")
    assert len(closed) == 4
    opened = open_retriever(store, encoder=ToyEncoder())
    assert len(closed) == 4
    opened.store.close()
