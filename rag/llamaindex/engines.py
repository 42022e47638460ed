"""Konkyo's answers inside LlamaIndex: a query engine and a chat engine over one pipeline.

    from konkyo.rag import chat_engine, open_pipeline, query_engine

    engine = query_engine(open_pipeline(".konkyo/store"))
    response = engine.query("How large is the pledge?")

The text of a response is what Konkyo shows: sentences that passed the check, each with its [n]
marks, then its notices behind a line of three dashes. Its source nodes are exactly the quotes
those marks name, verbatim; a refusal has none. Its metadata is the documented object of ``konkyo
ask --json``: status, reason, claims, removed, ... A stream gives each sentence once it has passed,
never a draft. LlamaIndex is loaded by the functions, not before.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from typing import TYPE_CHECKING

from konkyo.index.records import Filter
from konkyo.rag.conversation import Turn, cut_turns
from konkyo.rag.generation.output_format import END_OF_ANSWER
from konkyo.rag.llamaindex.answer_stream import AnswerStream, evidence_nodes
from konkyo.rag.llamaindex.synthesizer import NodeAnswers
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.types import Outcome

if TYPE_CHECKING:
    from llama_index.core.base.base_query_engine import BaseQueryEngine
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse
    from llama_index.core.base.response.schema import (
        AsyncStreamingResponse,
        Response,
        StreamingResponse,
    )
    from llama_index.core.chat_engine.types import (
        AgentChatResponse,
        BaseChatEngine,
        StreamingAgentChatResponse,
    )
    from llama_index.core.prompts.mixin import PromptMixinType
    from llama_index.core.schema import NodeWithScore, QueryBundle
    from llama_index.core.tools import ToolOutput

__all__ = ["chat_engine", "query_engine"]

_EVERYTHING = Filter()


def query_engine(
    pipeline: Pipeline, *, streaming: bool = False, where: Filter = _EVERYTHING
) -> BaseQueryEngine:
    """A LlamaIndex query engine; with ``streaming`` its responses are streams.

    ``where`` limits every question to some articles. A question holds no conversation.
    """
    cls: Callable[..., BaseQueryEngine] = _query_engine_class()
    return cls(pipeline, streaming, where)


def chat_engine(
    pipeline: Pipeline, *, turns: int = 6, where: Filter = _EVERYTHING
) -> BaseChatEngine:
    """A LlamaIndex chat engine that remembers the last ``turns`` questions and answers.

    One engine is one conversation: not to be shared by readers.
    """
    cls: Callable[..., BaseChatEngine] = _chat_engine_class()
    return cls(pipeline, turns, where)


class _QueryEngine:
    """Methods of the query engine; the class itself needs LlamaIndex (``_query_engine_class``)."""

    _pipeline: Pipeline
    _streaming: bool
    _where: Filter

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}

    def retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """The quotes an answer would rest on, best first; the language model is not asked."""
        events = self._pipeline.stream(query_bundle.query_str, where=self._where)
        return evidence_nodes(events)

    async def aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """The same without holding up the event loop."""
        return await asyncio.to_thread(self.retrieve, query_bundle)

    def synthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> Response | StreamingResponse:
        """An answer from these nodes alone, whoever found them."""
        answers = self._answers()
        return answers.response(answers.answer(query_bundle, nodes, additional_source_nodes))

    async def asynthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> Response | AsyncStreamingResponse:
        """The same without holding up the event loop."""
        answers = self._answers()
        answer = answers.answer(query_bundle, nodes, additional_source_nodes)
        return await answers.aresponse(answer)

    def _answers(self) -> NodeAnswers:
        return NodeAnswers(self._pipeline.encoder, self._pipeline.over_store, self._streaming)

    def _ask(self, bundle: QueryBundle) -> AnswerStream:
        events = self._pipeline.stream(bundle.query_str, where=self._where)
        return AnswerStream(events)

    def _query(self, query_bundle: QueryBundle) -> Response | StreamingResponse:
        return self._answers().response(self._ask(query_bundle))

    async def _aquery(self, query_bundle: QueryBundle) -> Response | AsyncStreamingResponse:
        return await self._answers().aresponse(self._ask(query_bundle))


@functools.cache
def _query_engine_class() -> Callable[..., BaseQueryEngine]:
    """Made on first use: a subclass can only be written where LlamaIndex is loaded."""
    from llama_index.core.base.base_query_engine import BaseQueryEngine

    class KonkyoQueryEngine(_QueryEngine, BaseQueryEngine):
        """Answers that prove themselves, as LlamaIndex responses."""

        def __init__(self, pipeline: Pipeline, streaming: bool, where: Filter) -> None:
            super().__init__(callback_manager=None)
            self._pipeline = pipeline
            self._streaming = streaming
            self._where = where

    return KonkyoQueryEngine


class _ChatEngine:
    """Methods of the chat engine; the class itself needs LlamaIndex (``_chat_engine_class``)."""

    def __init__(self, pipeline: Pipeline, turns: int, where: Filter) -> None:
        self._pipeline = pipeline
        self._turns = turns
        self._where = where
        self._history: tuple[Turn, ...] = ()

    def reset(self) -> None:
        """Forget the conversation."""
        self._history = ()

    @property
    def chat_history(self) -> list[ChatMessage]:
        """What is remembered, oldest first."""
        from llama_index.core.base.llms.types import ChatMessage, MessageRole

        return [
            ChatMessage(role=role, content=text)
            for turn in self._history
            for role, text in (
                (MessageRole.USER, turn.question),
                (MessageRole.ASSISTANT, turn.answer),
            )
        ]

    def chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> AgentChatResponse:
        """The whole answer. ``chat_history``, where given, replaces the one that is remembered."""
        return _chat_response(message, self._ask(message, chat_history).read_all())

    async def achat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> AgentChatResponse:
        """The same without holding up the event loop."""
        answer = self._ask(message, chat_history)
        await asyncio.to_thread(answer.read_all)
        return _chat_response(message, answer)

    def stream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAgentChatResponse:
        """Sentences as they pass the check; source nodes and sources fill meanwhile."""
        from llama_index.core.chat_engine.types import StreamingAgentChatResponse

        answer = self._ask(message, chat_history)
        sources: list[ToolOutput] = []

        def replies() -> Generator[ChatResponse, None, None]:
            for piece in answer.stream():
                yield _chat_piece(answer.text, piece)
            sources.append(_tool_output(message, answer))

        return StreamingAgentChatResponse(
            chat_stream=replies(),
            sources=sources,
            source_nodes=answer.nodes,
            is_writing_to_memory=False,
        )

    async def astream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAgentChatResponse:
        """The same without holding up the event loop."""
        from llama_index.core.chat_engine.types import StreamingAgentChatResponse

        answer = self._ask(message, chat_history)
        sources: list[ToolOutput] = []

        async def replies() -> AsyncGenerator[ChatResponse, None]:
            async for piece in answer.astream():
                yield _chat_piece(answer.text, piece)
            sources.append(_tool_output(message, answer))

        return StreamingAgentChatResponse(
            achat_stream=replies(),
            sources=sources,
            source_nodes=answer.nodes,
            is_writing_to_memory=False,
        )

    def _ask(self, message: str, given: list[ChatMessage] | None) -> AnswerStream:
        if given is not None:
            self._history = cut_turns(_turns_of(given), turns=self._turns)
        events = self._pipeline.stream(message, history=self._history, where=self._where)
        return AnswerStream(events, self._remember)

    def _remember(self, outcome: Outcome) -> None:
        turn = Turn(outcome.question, outcome.text)
        self._history = cut_turns([*self._history, turn], turns=self._turns)


@functools.cache
def _chat_engine_class() -> Callable[..., BaseChatEngine]:
    """Made on first use: a subclass can only be written where LlamaIndex is loaded."""
    from llama_index.core.chat_engine.types import BaseChatEngine

    class KonkyoChatEngine(_ChatEngine, BaseChatEngine):
        """A conversation; follow-ups are understood through the turns before."""

    return KonkyoChatEngine


def _chat_piece(text: str, delta: str) -> ChatResponse:
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole

    message = ChatMessage(role=MessageRole.ASSISTANT, content=text)
    return ChatResponse(message=message, delta=delta)


def _chat_response(message: str, answer: AnswerStream) -> AgentChatResponse:
    from llama_index.core.chat_engine.types import AgentChatResponse

    return AgentChatResponse(
        response=answer.text,
        sources=[_tool_output(message, answer)],
        source_nodes=answer.nodes,
        metadata=answer.metadata,
    )


def _tool_output(message: str, answer: AnswerStream) -> ToolOutput:
    from llama_index.core.base.response.schema import Response
    from llama_index.core.tools import ToolOutput

    return ToolOutput(
        content=answer.text,
        tool_name="konkyo",
        raw_input={"question": message},
        raw_output=Response(answer.text, answer.nodes, answer.metadata),
    )


def _turns_of(messages: Sequence[ChatMessage]) -> list[Turn]:
    """Questions with the answers that followed them; what belongs to neither is left out."""
    turns: list[Turn] = []
    for message in messages:
        text = message.content or ""
        if message.role.value == "user":
            turns.append(Turn(text, ""))
        elif message.role.value == "assistant" and turns:
            turns[-1] = Turn(turns[-1].question, text.split(END_OF_ANSWER)[0])
    return turns
