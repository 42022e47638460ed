"""Put a pipeline together from a store and the names of its models."""

from __future__ import annotations

from pathlib import Path

from index.errors import ModelError, SettingsError
from index.protocols import Encoder, TokenEncoder
from rag.answer import Options, Pipeline
from rag.llm import LLM, EmbeddedLLM, NoLLM, ollama_llm, openai_compatible_llm
from rag.verify import Verifier, load_calibration

__all__ = ["open_llm", "open_pipeline"]


def open_llm(
    kind: str,
    *,
    model: str = "",
    base_url: str = "",
    api_key: str = "",
    timeout: float = 60.0,
) -> LLM:
    """A language model by kind: embedded, openai, ollama or none.

    For ``embedded`` the model is a catalogue name or the path of a GGUF file; nothing is loaded
    until it is first used. Raises SettingsError for an unknown kind, ModelMissing for a model
    that has not been pulled.
    """
    if kind == "none":
        return NoLLM()
    if kind == "embedded":
        from index.models import resolve_llm

        return EmbeddedLLM(Path(resolve_llm(model)))
    if kind == "openai":
        if not model or not base_url:
            raise SettingsError("llm: an OpenAI-compatible endpoint needs llm.model and llm.base_url")
        return openai_compatible_llm(model, base_url, api_key=api_key, timeout=timeout)
    if kind == "ollama":
        if not model:
            raise SettingsError("llm: Ollama needs llm.model, for example qwen2.5:7b")
        return ollama_llm(model, base_url or "http://127.0.0.1:11434", timeout=timeout)
    raise SettingsError(f"llm.kind: {kind!r} is not one of embedded, openai, ollama, none")


def open_pipeline(
    store: str,
    *,
    llm: LLM | None = None,
    encoder: Encoder | None = None,
    embedding: str = "",
    options: Options | None = None,
) -> Pipeline:
    """Open a store with its encoder, the learned checker where it can be had, and a model.

    The store is opened first, so that a wrong folder is told at once. Raises StoreError,
    ModelError, SettingsError.
    """
    from index.languages import detect
    from index.sentences import sentences
    from index.store import open_store

    opened = open_store(store)
    if encoder is None:
        from index.embed import load_encoder

        encoder = load_encoder(embedding)
    checker = _checker()
    states = encoder if isinstance(encoder, TokenEncoder) else None
    verifier = Verifier(
        facts=check_facts,
        states=states,
        supporter=checker,
        calibration=load_calibration("support"),
    )
    return Pipeline(
        opened,
        encoder,
        llm or open_llm("embedded"),
        verifier=verifier,
        detect=detect,
        sentences=sentences,
        reader=checker,
        options=options,
    )
