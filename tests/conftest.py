"""What all tests share: the real encoder, and a real index over the seed articles."""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest

if TYPE_CHECKING:
    from konkyo.index.embedding.protocol import Encoder
    from konkyo.rag.pipeline import Pipeline
    from konkyo.rag.reading.reader import LearnedReader

# No test may reach for a model hub or send anything home.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# A shell starts what runs in its background with interrupts ignored, and all children inherit
# that; then no test could interrupt what it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
_END_SECONDS = 120


def pytest_unconfigure() -> None:
    """Bound the end of the process too: a thread left behind would keep it for ever.

    Of several processes the first ends the others; they may wait for one another's tests longer.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        faulthandler.dump_traceback_later(_END_SECONDS, exit=True, file=sys.__stderr__)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """Put the environment back: the command line sets what its children are to know."""
    with mock.patch.dict(os.environ):
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of benchmark data and saved pages; a test that needs it skips without it."""
    folder = Path(os.environ.get("KONKYO_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no benchmark data at {folder} (set KONKYO_SHARED)")
    return folder


@pytest.fixture(scope="session")
def real_encoder() -> Encoder:
    """The default encoder; a test that needs it skips where it was never pulled."""
    from konkyo.index.embedding.encoders import load_encoder
    from konkyo.index.errors import ModelMissing

    try:
        return load_encoder("multilingual-e5-small")
    except ModelMissing as exc:
        pytest.skip(str(exc))


@pytest.fixture(scope="session")
def checker() -> LearnedReader:
    """The learned reader; a test that needs it skips where its encoder was never pulled."""
    from konkyo.rag.factory import open_checker

    found = open_checker()
    if found is None:
        pytest.skip("the embedding model has not been pulled")
    return found


@pytest.fixture(scope="session")
def seed_store(real_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of an index of the seed articles."""
    from konkyo.index.builder import build

    store = str(tmp_path_factory.mktemp("seeds") / "store")
    build([str(path) for path in sorted((ROOT / "seeds").glob("2*.md"))], store, real_encoder)
    return store


@pytest.fixture(scope="session")
def seed_pipeline(real_encoder: Encoder, seed_store: str) -> Pipeline:
    """A pipeline over the seed articles that answers by quotes alone."""
    from konkyo.rag.factory import open_pipeline
    from konkyo.rag.generation.llm import NoLLM

    return open_pipeline(seed_store, llm=NoLLM(), encoder=real_encoder)
