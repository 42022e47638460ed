"""Konkyo as a LlamaIndex response synthesizer: checked answers over anybody's retriever.

    from llama_index.core.query_engine import RetrieverQueryEngine
    from konkyo.rag import open_llm, response_synthesizer

    engine = RetrieverQueryEngine(retriever, response_synthesizer(open_llm("none")))

Responses are those of ``query_engine``. LlamaIndex is loaded by the functions, not before.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from konkyo.index.embedding.protocol import Encoder
from konkyo.index.stores.base import Store
from konkyo.rag.factory import open_parts
from konkyo.rag.generation.llm import LLM
from konkyo.rag.llamaindex.answer_stream import AnswerStream
from konkyo.rag.llamaindex.given_nodes import GivenNodes
from konkyo.rag.pipeline import Pipeline

if TYPE_CHECKING:
    from llama_index.core.base.response.schema import (
        AsyncStreamingResponse,
        Response,
        StreamingResponse,
    )
    from llama_index.core.prompts.mixin import PromptDictType
    from llama_index.core.response_synthesizers import BaseSynthesizer
    from llama_index.core.schema import NodeWithScore, QueryBundle

__all__ = ["NodeAnswers", "response_synthesizer"]


def response_synthesizer(
    llm: LLM | None = None, *, embedding: str = "multilingual-e5-small", streaming: bool = False
) -> BaseSynthesizer:
    """A response synthesizer whose every sentence is proved by the nodes it is given.

    ``llm`` is a language model of ``open_llm`` (None: the embedded one); ``embedding`` names the
    model that compares sentences. Raises ModelError.
    """
    from konkyo.index.embedding.encoders import load_encoder

    encoder = load_encoder(embedding)
    cls: Callable[..., BaseSynthesizer] = _synthesizer_class()
    return cls(NodeAnswers(encoder, open_parts(encoder, llm=llm).over, streaming))


@dataclass(frozen=True, slots=True)
class NodeAnswers:
    """Answers questions from nodes; ``over`` gives the pipeline of a store."""

    encoder: Encoder
    over: Callable[[Store], Pipeline]
    streaming: bool = False

    def answer(
        self,
        query: str | QueryBundle,
        nodes: Sequence[NodeWithScore],
        beside: Sequence[NodeWithScore] | None,
    ) -> AnswerStream:
        """The answer, not yet read."""
        given = GivenNodes(nodes)
        question = query if isinstance(query, str) else query.query_str
        events = given.events(question, self.encoder, self.over)
        return AnswerStream(events, made=given.source_node, beside=beside or ())

    def response(self, answer: AnswerStream) -> Response | StreamingResponse:
        """The answer as LlamaIndex's own value."""
        from llama_index.core.base.response.schema import Response, StreamingResponse

        if self.streaming:
            return StreamingResponse(answer.stream(), answer.nodes, answer.metadata)
        answer.read_all()
        return Response(answer.text, answer.nodes, answer.metadata)

    async def aresponse(self, answer: AnswerStream) -> Response | AsyncStreamingResponse:
        """The same without holding up the event loop."""
        from llama_index.core.base.response.schema import AsyncStreamingResponse, Response

        if self.streaming:
            return AsyncStreamingResponse(answer.astream(), answer.nodes, answer.metadata)
        await asyncio.to_thread(answer.read_all)
        return Response(answer.text, answer.nodes, answer.metadata)


class _Synthesizer:
    """Methods of the synthesizer; the class itself needs LlamaIndex (``_synthesizer_class``)."""

    _answers: NodeAnswers

    def _get_prompts(self) -> PromptDictType:
        return {}

    def _update_prompts(self, prompts: PromptDictType) -> None:
        """Konkyo's prompts are its own."""

    def synthesize(
        self,
        query: str | QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
        **response_kwargs: object,
    ) -> Response | StreamingResponse:
        """Answer from nodes; the source nodes are the quotes that the answer rests on."""
        return self._answers.response(self._answers.answer(query, nodes, additional_source_nodes))

    async def asynthesize(
        self,
        query: str | QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
        **response_kwargs: object,
    ) -> Response | AsyncStreamingResponse:
        """The same without holding up the event loop."""
        answer = self._answers.answer(query, nodes, additional_source_nodes)
        return await self._answers.aresponse(answer)

    def get_response(
        self, query_str: str, text_chunks: Sequence[str], **response_kwargs: object
    ) -> str | Generator[str, None, None]:
        """Answer from texts of which nothing else is known."""
        answer = self._answers.answer(query_str, _nodes_of(text_chunks), None)
        return answer.stream() if self._answers.streaming else answer.read_all().text

    async def aget_response(
        self, query_str: str, text_chunks: Sequence[str], **response_kwargs: object
    ) -> str | AsyncGenerator[str, None]:
        """The same without holding up the event loop."""
        answer = self._answers.answer(query_str, _nodes_of(text_chunks), None)
        if self._answers.streaming:
            return answer.astream()
        return (await asyncio.to_thread(answer.read_all)).text


@functools.cache
def _synthesizer_class() -> Callable[..., BaseSynthesizer]:
    """Made on first use: a subclass can only be written where LlamaIndex is loaded."""
    from llama_index.core.llms import MockLLM
    from llama_index.core.response_synthesizers import BaseSynthesizer

    class KonkyoSynthesizer(_Synthesizer, BaseSynthesizer):
        """Answers that prove themselves, over the nodes of any retriever."""

        def __init__(self, answers: NodeAnswers) -> None:
            # LlamaIndex's own model is not asked; without this one it would look for OpenAI's.
            super().__init__(llm=MockLLM(), streaming=answers.streaming)
            self._answers = answers

    return KonkyoSynthesizer


def _nodes_of(texts: Sequence[str]) -> list[NodeWithScore]:
    from llama_index.core.schema import NodeWithScore, TextNode

    return [NodeWithScore(node=TextNode(text=text)) for text in texts]
