"""A model behind llama.cpp's own HTTP server phrases answers, and every check runs on them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import pytest

from konkyo.index.embedding.model_registry import resolve_llm
from konkyo.index.errors import ModelMissing
from konkyo.rag.factory import DEFAULT_LLM
from konkyo.rag.generation.http_llm import Remote, openai_compatible_llm
from konkyo.rag.types import Answer, ClaimChecked, ClaimDrafted, ClaimRemoved, Finished

if TYPE_CHECKING:
    from konkyo.rag.pipeline import Pipeline

# The server of llama.cpp as xllamacpp has it.
SERVER = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx, params.n_parallel, params.port = 4096, 1, 0
params.verbosity, params.warmup, params.ui = 0, False, False
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    pytest.importorskip("xllamacpp", reason="llama.cpp is not installed")
    try:
        model = resolve_llm(DEFAULT_LLM)
    except ModelMissing as exc:
        pytest.skip(f"the default model has not been pulled: {exc}")
    command = [sys.executable, "-c", SERVER, str(model)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    assert server.stdin is not None
    try:
        yield server.stdout.readline().strip()
    finally:
        server.kill()
        server.wait(10)
        server.stdin.close()
        server.stdout.close()


def test_what_a_model_behind_a_server_writes_is_checked(
    address: str, seed_pipeline: Pipeline
) -> None:
    asked = seed_pipeline.styled("always")
    asked.llm = openai_compatible_llm("local", f"{address}/v1", how=Remote(timeout=600))
    events = list(
        asked.stream("空母ジョージ・ワシントンはいつ横須賀に戻りましたか", today=date(2026, 2, 10))
    )
    last = events[-1]
    assert isinstance(last, Finished)
    outcome = last.outcome
    assert isinstance(outcome, Answer)
    assert outcome.usage["completion_tokens"] > 0
    assert outcome.fingerprint != seed_pipeline.fingerprint
    drafted = [e.text for e in events if isinstance(e, ClaimDrafted)]
    assert drafted
    # Each sentence of the model is checked before it is shown; what failed is not.
    passed = [e.claim.text for e in events if isinstance(e, ClaimChecked)]
    removed = [e.removed.text for e in events if isinstance(e, ClaimRemoved)]
    assert sorted(drafted) == sorted([*(t for t in passed if t in drafted), *removed])
    assert not set(removed) & {claim.text for claim in outcome.claims}
    assert outcome.short is not None
    assert "2024年11月" in outcome.short.text
    assert "2024年11月" in outcome.claims[0].text
