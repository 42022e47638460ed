"""The door to language models, with the real default model, in process and over HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from index.errors import LLMError, LLMTimeout, LLMUnreachable, ModelMissing, SettingsError
from index.models import resolve_llm
from index.records import ArticleSummary
from rag.claims import parse_line, split_lines
from rag.llm import EmbeddedLLM, NoLLM, RemoteLLM, Usage, ollama_llm, openai_compatible_llm
from rag.opening import DEFAULT_LLM, open_llm
from rag.outcomes import Evidence
from rag.prompt import Prompt, claims_prompt, repair_prompt

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


@pytest.fixture(scope="module")
def llama_server() -> Iterator[tuple[str, str]]:
    """A real llama.cpp server over HTTP, with a key."""
    import xllamacpp

    try:
        path = resolve_llm(DEFAULT_LLM)
    except ModelMissing as exc:
        pytest.skip(f"the default model has not been pulled: {exc}")
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = 2048
    params.n_parallel = 1
    params.warmup = False
    params.verbosity = 0
    params.api_keys = ["a-key-for-this-test"]
    server = xllamacpp.Server(params)
    yield server.listening_address, "a-key-for-this-test"
    del server


def test_an_openai_compatible_server_is_held_to_the_same_contract(
    llama_server: tuple[str, str],
) -> None:
    address, key = llama_server
    llm = openai_compatible_llm("default", f"{address}/v1", api_key=key, grammar=True, timeout=240)
    prompt = claims_prompt("How large is the pledge?", evidence(), "en")
    drafts = [parse_line(line) for line in split_lines(llm.stream(prompt, max_tokens=60))]
    assert any(d is not None and "550" in d.text and set(d.citations) <= {1, 2} for d in drafts)


def test_a_wrong_key_is_an_error_of_ours_without_the_key(llama_server: tuple[str, str]) -> None:
    llm = openai_compatible_llm("default", f"{llama_server[0]}/v1", api_key="wrong-secret")
    with pytest.raises(LLMUnreachable) as caught:
        list(llm.stream(Prompt("", "hello", 1)))
    assert "wrong-secret" not in str(caught.value)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "make",
    [
        lambda port: openai_compatible_llm("m", f"http://127.0.0.1:{port}/v1", timeout=2),
        lambda port: ollama_llm("m", f"http://127.0.0.1:{port}", timeout=2),
    ],
    ids=["openai", "ollama"],
)
def test_a_server_that_is_not_there_is_unreachable(make: object) -> None:
    llm: RemoteLLM = make(_free_port())  # type: ignore[operator]
    with pytest.raises(LLMError):
        list(llm.stream(Prompt("", "hello", 1)))


class _Ollama(BaseHTTPRequestHandler):
    """Speaks Ollama's chat API with a fixed reply; counts nothing, logs nothing."""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        asked = json.loads(self.rfile.read(length)) if length else {}
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.end_headers()
        for piece, done in (("The pledge is 550 ", False), ("billion dollars. [2]\n", True)):
            row = {
                "model": asked.get("model", "m"),
                "created_at": "2026-01-01T00:00:00Z",
                "message": {"role": "assistant", "content": piece},
                "done": done,
            }
            self.wfile.write(json.dumps(row).encode() + b"\n")

    def log_message(self, *args: object) -> None:
        pass


def test_ollamas_api_streams_claims() -> None:
    server = HTTPServer(("127.0.0.1", 0), _Ollama)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        llm = ollama_llm("m", f"http://127.0.0.1:{server.server_port}")
        lines = list(split_lines(llm.stream(claims_prompt("?", evidence(), "en"))))
    finally:
        server.shutdown()
        server.server_close()
    assert [parse_line(line).citations for line in lines] == [(2,)]  # type: ignore[union-attr]


def test_a_silent_server_times_out() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        llm = ollama_llm("m", f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=0.5)
        with pytest.raises(LLMTimeout, match="no answer in time"):
            list(llm.stream(Prompt("", "hello", 1)))


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


def test_an_address_must_be_http() -> None:
    with pytest.raises(SettingsError, match="not an http or https address"):
        openai_compatible_llm("m", "file:///etc/passwd")


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
