"""Konkyo's checker inside LlamaIndex: an evaluator of any answer, a postprocessor of any nodes.

    from konkyo.rag import faithfulness_evaluator, node_postprocessor

    result = faithfulness_evaluator().evaluate_response(response=engine.query("..."))
    engine = index.as_query_engine(node_postprocessors=[node_postprocessor(top_n=3)])

No language model is asked. LlamaIndex is loaded by the functions, not before.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from konkyo.index.errors import ModelMissing
from konkyo.rag.factory import CHECKER_BASE, open_checker, open_verifier
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.verification.text_check import CheckedSentence, TextCheck

if TYPE_CHECKING:
    from llama_index.core.evaluation import BaseEvaluator, EvaluationResult
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.prompts.mixin import PromptDictType
    from llama_index.core.schema import NodeWithScore, QueryBundle

__all__ = ["faithfulness_evaluator", "node_postprocessor"]


def faithfulness_evaluator(embedding: str = "multilingual-e5-small") -> BaseEvaluator:
    """An evaluator with the interface of LlamaIndex's ``FaithfulnessEvaluator``, without its LLM.

    A response passes when contexts support each of its sentences; its score is the share of
    sentences that they do, its feedback names the others and why. Raises ModelError.
    """
    from konkyo.index.embedding.encoders import load_encoder

    encoder = load_encoder(embedding)
    cls: Callable[..., BaseEvaluator] = _evaluator_class()
    return cls(TextCheck(open_verifier(encoder, open_checker()), encoder, encoder.count_tokens))


def node_postprocessor(
    *, top_n: int | None = None, cutoff: float = 0.0, reader: Reader | None = None
) -> BaseNodePostprocessor:
    """A postprocessor that scores nodes by the share that they answer the question, best first.

    At most ``top_n`` are kept, and none below ``cutoff``. ``reader`` replaces the learned reader.
    Raises ModelMissing.
    """
    reader = reader or open_checker()
    if reader is None:
        raise ModelMissing(f"{CHECKER_BASE} is not here; run `konkyo models pull {CHECKER_BASE}`")
    cls: Callable[..., BaseNodePostprocessor] = _postprocessor_class()
    return cls(reader, top_n, cutoff)


class _Evaluator:
    """Methods of the evaluator; the class itself needs LlamaIndex (``_evaluator_class``)."""

    _check: TextCheck

    def _get_prompts(self) -> PromptDictType:
        return {}

    def _update_prompts(self, prompts: PromptDictType) -> None:
        """There are no prompts."""

    def evaluate(
        self,
        query: str | None = None,
        response: str | None = None,
        contexts: Sequence[str] | None = None,
        **kwargs: object,
    ) -> EvaluationResult:
        """Whether contexts support each sentence of a response. Raises ValueError without them."""
        from llama_index.core.evaluation import EvaluationResult

        if response is None or contexts is None:
            raise ValueError("contexts and response must be given")
        checked = self._check.sentences(response, contexts, query or "")
        supported = sum(each.reason is None for each in checked)
        return EvaluationResult(
            query=query,
            response=response,
            contexts=contexts,
            passing=bool(checked) and supported == len(checked),
            score=supported / len(checked) if checked else 0.0,
            feedback="\n".join(_told(each) for each in checked if each.reason is not None),
            invalid_result=not checked,
            invalid_reason=None if checked else "the response holds no sentence",
        )

    async def aevaluate(
        self,
        query: str | None = None,
        response: str | None = None,
        contexts: Sequence[str] | None = None,
        **kwargs: object,
    ) -> EvaluationResult:
        """The same without holding up the event loop."""
        return await asyncio.to_thread(self.evaluate, query, response, contexts)


@functools.cache
def _evaluator_class() -> Callable[..., BaseEvaluator]:
    """Made on first use: a subclass can only be written where LlamaIndex is loaded."""
    from llama_index.core.evaluation import BaseEvaluator

    class KonkyoFaithfulnessEvaluator(_Evaluator, BaseEvaluator):
        """Konkyo's checker as an evaluator."""

        def __init__(self, check: TextCheck) -> None:
            self._check = check

    return KonkyoFaithfulnessEvaluator


class _Postprocessor:
    """Methods of the postprocessor; the class needs LlamaIndex (``_postprocessor_class``)."""

    _reader: Reader
    _top_n: int | None
    _cutoff: float

    @classmethod
    def class_name(cls) -> str:
        """Name used by LlamaIndex."""
        return "KonkyoNodePostprocessor"

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        from llama_index.core.schema import MetadataMode, NodeWithScore

        if query_bundle is None:
            raise ValueError("the question must be given: query_bundle or query_str")
        readings = self._reader.answers(
            query_bundle.query_str,
            [each.node.get_content(metadata_mode=MetadataMode.NONE) for each in nodes],
            [str(each.node.metadata.get("title") or "") for each in nodes],
        )
        scored = [
            NodeWithScore(node=each.node, score=reading.probability)
            for each, reading in zip(nodes, readings, strict=True)
            if reading.probability >= self._cutoff
        ]
        return sorted(scored, key=lambda each: -(each.score or 0.0))[: self._top_n]


@functools.cache
def _postprocessor_class() -> Callable[..., BaseNodePostprocessor]:
    """Made on first use: a subclass can only be written where LlamaIndex is loaded."""
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

    class KonkyoNodePostprocessor(_Postprocessor, BaseNodePostprocessor):
        """Konkyo's reader as a reranker."""

        _reader: Reader = PrivateAttr()
        _top_n: int | None = PrivateAttr()
        _cutoff: float = PrivateAttr()

        def __init__(self, reader: Reader, top_n: int | None, cutoff: float) -> None:
            super().__init__()
            self._reader = reader
            self._top_n = top_n
            self._cutoff = cutoff

    return KonkyoNodePostprocessor


def _told(sentence: CheckedSentence) -> str:
    """One line that names a sentence without support, and why."""
    why = f"{sentence.reason}: {sentence.detail}" if sentence.detail else str(sentence.reason)
    return f"{sentence.text} ({why})"
