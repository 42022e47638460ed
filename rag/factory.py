"""The only wiring: a pipeline from a store, settings and the names of its models.

Every way in (command line, page, HTTP, MCP, evaluation, LlamaIndex) opens its pipeline here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from konkyo.index.embedding.protocol import Encoder, TokenEncoder
from konkyo.index.errors import ModelMissing, SettingsError, StoreMismatch
from konkyo.index.settings import LLMSettings, RetrievalSettings, Settings
from konkyo.index.stores.base import Store
from konkyo.rag.answer_style import AnswerStyle
from konkyo.rag.calibration import calibration_fingerprint, load_calibration
from konkyo.rag.generation.http_llm import OLLAMA, Remote, ollama_llm, openai_compatible_llm
from konkyo.rag.generation.llm import LLM, EmbeddedLLM, NoLLM
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.intents.classifier import IntentClassifier
from konkyo.rag.options import Options, fusion_of, with_fitted, with_retrieval
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.reading.answerability import Answerability
from konkyo.rag.reading.reader import WEIGHTS, LearnedReader, load_reader
from konkyo.rag.retrieval.hybrid import FusionWeights, Retriever
from konkyo.rag.retrieval.query_encoder import QueryEncoder
from konkyo.rag.retrieval.search import Decide, reader_alone
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.verification.relation import RelationCheck
from konkyo.rag.verification.verifier import Verifier

__all__ = [
    "PipelineParts",
    "open_checker",
    "open_from_settings",
    "open_llm",
    "open_parts",
    "open_pipeline",
    "open_query_encoder",
    "open_retriever",
    "open_verifier",
    "try_llm",
]

CHECKER_BASE = "multilingual-e5-small"
_TRIAL_SECONDS = 20.0
DEFAULT_LLM = "qwen2.5-coder-1.5b-instruct-q4_k_m"


@dataclass(frozen=True, slots=True)
class PipelineParts:
    """All of a pipeline but its store; ``models`` name what was opened."""

    encoder: Encoder
    llm: LLM
    checker: LearnedReader | None
    verifier: Verifier
    decide: Decide
    intents: IntentClassifier
    across: QueryEncoder | None
    options: Options
    models: str

    def over(self, store: Store) -> Pipeline:
        """The pipeline of a store."""
        from konkyo.index.text.language import detect
        from konkyo.index.text.sentences import sentences

        return Pipeline(
            store,
            self.encoder,
            self.llm,
            verifier=self.verifier,
            detect=detect,
            sentences=sentences,
            reader=self.checker,
            supporter=self.checker,
            decide=self.decide,
            intents=self.intents,
            across=self.across,
            options=self.options,
            models=self.models,
        )


def open_llm(
    kind: str,
    *,
    model: str = "",
    base_url: str = "",
    api_key: str = "",
    timeout: float = 120.0,
    how: Remote | None = None,
    embedded: Callable[[Path], LLM] | None = None,
) -> LLM:
    """A language model by kind: embedded, openai, ollama or none.

    For ``embedded`` the model is a catalogue name or the path of a GGUF file; nothing is loaded
    until it is first used, by ``embedded`` instead of in this process where it is given. ``how``
    says how a server is called; its time-out wins over ``timeout``, in seconds. Raises
    SettingsError for an unknown kind, ModelMissing for a model that has not been pulled.
    """
    how = how or Remote(timeout=timeout)
    if kind == "none":
        return NoLLM()
    if kind == "embedded":
        from konkyo.index.embedding.model_registry import resolve_llm

        file = Path(resolve_llm(model or DEFAULT_LLM))
        return embedded(file) if embedded else EmbeddedLLM(file, timeout=how.timeout)
    if kind == "openai":
        if not model or not base_url:
            raise SettingsError(
                "llm: an OpenAI-compatible endpoint needs llm.model and llm.base_url"
            )
        return openai_compatible_llm(model, base_url, api_key=api_key, how=how)
    if kind == "ollama":
        if not model:
            raise SettingsError("llm: Ollama needs llm.model, for example qwen2.5:7b")
        return ollama_llm(model, base_url or OLLAMA, api_key=api_key, how=how)
    raise SettingsError(f"llm.kind: {kind!r} is not one of embedded, openai, ollama, none")


def open_pipeline(
    store: str,
    *,
    llm: LLM | None = None,
    encoder: Encoder | None = None,
    embedding: str = "",
    options: Options | None = None,
    retrieval: RetrievalSettings | None = None,
    calibration: str = "",
    decide: Decide | None = None,
    style: AnswerStyle | None = None,
) -> Pipeline:
    """Open a store with its encoder, the learned checker where it can be had, and a model.

    The store is opened first, so that a wrong folder is told at once. ``calibration`` names a file
    of ``konkyo eval calibrate``; ``decide`` replaces the fitted decision; ``style`` says how
    answers are put. Raises StoreError, ModelError, SettingsError.
    """
    with ExitStack() as closing:
        opened, encoder = _open(store, encoder, embedding, closing)
        parts = open_parts(
            encoder,
            llm=llm,
            options=options,
            retrieval=retrieval,
            calibration=calibration,
            decide=decide,
            style=style,
        )
        closing.pop_all()
    return parts.over(opened)


def open_parts(
    encoder: Encoder,
    *,
    llm: LLM | None = None,
    options: Options | None = None,
    retrieval: RetrievalSettings | None = None,
    calibration: str = "",
    decide: Decide | None = None,
    style: AnswerStyle | None = None,
) -> PipelineParts:
    """Open what ``open_pipeline`` puts together, for a store or for several."""
    from konkyo.index.embedding.model_files import home

    checker = open_checker()
    across = open_query_encoder(encoder)
    refitted = Path(calibration) if calibration else None
    if checker is not None:
        answers = load_calibration("answers", refitted)
        options = with_fitted(options or Options(), answers.threshold)
        decide = decide or Answerability(answers, options.thresholds).share
    options = with_retrieval(options or Options(), encoder, retrieval)
    options = replace(options, style=style or options.style)
    intents = IntentClassifier(encoder, home() / "intents", options.thresholds)
    opened = [one.fingerprint for one in (encoder, checker, across, intents) if one is not None]
    opened.append(calibration_fingerprint(refitted))
    return PipelineParts(
        encoder,
        llm or open_llm("embedded"),
        checker,
        open_verifier(encoder, checker, refitted, options.thresholds),
        decide or reader_alone(options.thresholds),
        intents,
        across,
        options,
        " ".join(opened),
    )


def open_from_settings(
    store: str,
    *,
    llm: str | None = None,
    model: str | None = None,
    base_url: str | None = None,
    settings: Settings | None = None,
    embedded: Callable[[Path], LLM] | None = None,
    queue: Callable[[LLM], LLM] = lambda opened: opened,
) -> Pipeline:
    """Open a pipeline as konkyo.toml and the environment say; arguments win over both.

    ``embedded`` opens a model file in another way than in this process; ``queue`` puts questions
    in line before the model.
    """
    from konkyo.index.settings import load_settings

    settings = settings or load_settings()
    kind = llm or settings.llm.kind
    same = kind == settings.llm.kind
    named = model or (settings.llm.model if same else "")
    answers = settings.answers
    style = AnswerStyle(answers.phrasing, answers.strictness, answers.languages)

    def opened() -> LLM:
        return open_llm(
            kind,
            model=named,
            base_url=base_url or (settings.llm.base_url if same else ""),
            # A key is for the server it was set for, not for another kind on the command line.
            api_key=_key(settings.llm.api_key_env) if same else "",
            how=Remote(
                timeout=settings.llm.timeout,
                retries=settings.llm.retries,
                contract=settings.llm.contract,
                price_in=settings.llm.price_in,
                price_out=settings.llm.price_out,
            ),
            embedded=embedded,
        )

    return open_pipeline(
        store,
        embedding=settings.embedding.model,
        retrieval=settings.retrieval,
        calibration=settings.calibration,
        style=style,
        llm=queue(_if_needed(opened, style, named or DEFAULT_LLM)),
    )


def try_llm(settings: LLMSettings) -> str:
    """Ask the model of some settings for a word; return what it is, and what it said.

    An embedded model is looked for and not loaded. Raises KonkyoError.
    """
    llm = open_llm(
        settings.kind,
        model=settings.model,
        base_url=settings.base_url,
        api_key=_key(settings.api_key_env),
        how=Remote(timeout=min(settings.timeout, _TRIAL_SECONDS), retries=0, contract="lines"),
    )
    if settings.kind in ("embedded", "none"):
        return llm.name
    said = "".join(llm.stream(Prompt("", "Say only this word: ready", 0), max_tokens=16))
    return f"{llm.name}: {' '.join(said.split())[:80]}"


def _if_needed(opened: Callable[[], LLM], style: AnswerStyle, name: str) -> LLM:
    """The model; none where an embedded one is missing that would not be asked to phrase."""
    try:
        return opened()
    except ModelMissing:
        if style.phrases(f"embedded:{name}"):
            raise
        return NoLLM()


def open_verifier(
    encoder: Encoder,
    checker: LearnedReader | None,
    refitted: Path | None = None,
    thresholds: Thresholds = DEFAULT,
) -> Verifier:
    """The verifier with every check that the models at hand allow."""
    relations = None
    if checker is not None:
        relations = RelationCheck(checker, checker, load_calibration("phrased"), thresholds)
    return Verifier(
        support=load_calibration("support", refitted),
        states=encoder if isinstance(encoder, TokenEncoder) else None,
        supporter=checker,
        reader=checker,
        relations=relations,
        thresholds=thresholds,
    )


def _key(variable: str) -> str:
    """The secret an environment variable holds; the settings name the variable alone."""
    if variable and variable not in os.environ:
        raise SettingsError(f"llm.api_key_env: the environment has no variable {variable}")
    return os.environ.get(variable, "") if variable else ""


def open_checker() -> LearnedReader | None:
    """The learned checker, or ``None`` where its base model has not been pulled."""
    from konkyo.index.embedding.model_registry import resolve_embedding

    if not WEIGHTS.is_file():
        return None
    try:
        return load_reader(Path(resolve_embedding(CHECKER_BASE)))
    except ModelMissing:
        return None


def open_query_encoder(encoder: Encoder) -> QueryEncoder | None:
    """What searches other languages; None where the articles' model is another or not pulled."""
    from konkyo.index.embedding.int8_engine import kept_weights_hash
    from konkyo.index.embedding.model_registry import resolve_embedding

    name, _, rest = encoder.fingerprint.partition(":")
    if name != CHECKER_BASE:
        return None
    try:
        folder = Path(resolve_embedding(CHECKER_BASE))
    except ModelMissing:
        return None
    # A fine-tuned model may lie in a folder of the same name.
    same = rest.partition(":")[0] == kept_weights_hash(folder, CHECKER_BASE)
    return QueryEncoder(folder) if same else None


def open_retriever(
    store: str,
    *,
    encoder: Encoder | None = None,
    embedding: str = "",
    retrieval: RetrievalSettings | None = None,
) -> Retriever:
    """Open a store for ranking alone, as a pipeline ranks; no language model is involved."""
    with ExitStack() as closing:
        opened, encoder = _open(store, encoder, embedding, closing)
        fusion = fusion_of(FusionWeights(), encoder, retrieval)
        across = open_query_encoder(encoder)
        closing.pop_all()
    return Retriever(opened, encoder, fusion, across)


def _open(
    store: str, encoder: Encoder | None, embedding: str, closing: ExitStack
) -> tuple[Store, Encoder]:
    """The store, which ``closing`` closes where what is opened next cannot be, and its encoder."""
    from konkyo.index.settings import EmbeddingSettings
    from konkyo.index.stores.address import masked
    from konkyo.index.stores.open import encoder_of, open_store

    opened = open_store(store)
    closing.callback(opened.close)
    if encoder is None:
        from konkyo.index.embedding.encoders import load_encoder

        encoder = load_encoder(embedding or EmbeddingSettings().model)
    if encoder_of(opened.fingerprint) != encoder.fingerprint:
        raise StoreMismatch(
            f"{masked(store)}: was built with {encoder_of(opened.fingerprint)}, but the model "
            f"named is"
            f" {encoder.fingerprint}; name that model, or build the index again"
        )
    return opened, encoder
