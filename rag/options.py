"""What a pipeline is made with: how much is searched, read and shown, and how sure it must be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from konkyo.index.embedding.protocol import Encoder
from konkyo.index.settings import RetrievalSettings
from konkyo.rag.answer_style import AnswerStyle
from konkyo.rag.retrieval.evidence import SelectionLimits
from konkyo.rag.retrieval.hybrid import FusionWeights, cosine_floor
from konkyo.rag.thresholds import DEFAULT, Thresholds

__all__ = ["Options", "fusion_of", "with_fitted", "with_retrieval"]


@dataclass(frozen=True, slots=True)
class Options:
    """How much is searched, read and shown, and every threshold; the fingerprint covers all of it.

    Twice ``top_k`` passages are found in the question's language; at most ``quotes_shown`` stand as
    an answer by themselves; ``quotes_read`` are given to the model where one fact is asked for
    whose place is sure (a shorter prompt is read sooner and misleads less); ``max_tokens`` it may
    write.
    """

    top_k: int = 8
    quotes_shown: int = 2
    quotes_read: int = 3
    max_tokens: int = 200
    limits: SelectionLimits = field(default_factory=SelectionLimits)
    fusion: FusionWeights = field(default_factory=FusionWeights)
    thresholds: Thresholds = field(default_factory=Thresholds)
    style: AnswerStyle = field(default_factory=AnswerStyle)

    @property
    def answerable(self) -> float:
        """The share from which quotes answer, as strict as the style asks for."""
        return self.style.threshold(self.thresholds.answerable, self.thresholds.strictness)

    def told_at(self, share: float) -> float | None:
        """The largest strictness at which a share is enough for an answer; None where none is."""
        return self.style.told_at(share, self.thresholds.answerable, self.thresholds.strictness)


def with_fitted(options: Options, threshold: float) -> Options:
    """The options with the fitted threshold of answerability, unless they name one of their own."""
    if options.thresholds.answerable != DEFAULT.answerable:
        return options
    return replace(options, thresholds=replace(options.thresholds, answerable=threshold))


def with_retrieval(
    options: Options, encoder: Encoder, retrieval: RetrievalSettings | None
) -> Options:
    """The options with whatever the settings put in their place."""
    options = replace(options, fusion=fusion_of(options.fusion, encoder, retrieval))
    if retrieval is not None and retrieval.top_k is not None:
        options = replace(options, top_k=retrieval.top_k)
    return options


def fusion_of(
    fusion: FusionWeights, encoder: Encoder, retrieval: RetrievalSettings | None
) -> FusionWeights:
    """The fitted weights with whatever the settings put in their place."""
    fusion = replace(fusion, floor=cosine_floor(encoder.fingerprint))
    if retrieval is not None and retrieval.dense_weight is not None:
        fusion = replace(fusion, dense=retrieval.dense_weight)
    if retrieval is not None and retrieval.candidates is not None:
        fusion = replace(fusion, pool=retrieval.candidates)
    if retrieval is not None and retrieval.reranker:
        fusion = replace(fusion, reranker=retrieval.reranker)
    return fusion
