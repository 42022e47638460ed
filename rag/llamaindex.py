"""Konkyo's answers inside LlamaIndex: a query engine and a chat engine over one pipeline.

    from konkyo.rag import chat_engine, open_pipeline, query_engine

    engine = query_engine(open_pipeline(".konkyo/store"))
    response = engine.query("How large is the pledge?")

The text of a response is what Konkyo shows: sentences that passed the check, each with its [n]
marks. Its source nodes are exactly the quotes those marks name, verbatim; a refusal has none. Its
metadata is the documented object of ``konkyo ask --json``: status, reason, claims, removed, ...
A stream gives each sentence once it has passed, never a draft. LlamaIndex is loaded by the
functions, not before.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from konkyo.index.records import Filter
from konkyo.rag.conversation import Turn, bounded
from konkyo.rag.generation.output_format import display_text
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.types import (
    Answer,
    Citation,
    Claim,
    ClaimChecked,
    Event,
    Evidence,
    EvidenceReady,
    Finished,
    Outcome,
    to_json,
)

if TYPE_CHECKING:
    from llama_index.core.base.base_query_engine import BaseQueryEngine
    from llama_index.core.base.llms.types import ChatMessage
    from llama_index.core.chat_engine.types import BaseChatEngine
    from llama_index.core.schema import NodeWithScore

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


class _Told:
    """What one question has given so far; filled in place while its pieces are read."""

    def __init__(self, events: Iterator[Event], done: Callable[[Outcome], None]) -> None:
        self.nodes: list[NodeWithScore] = []
        self.metadata: dict[str, object] = {}
        self.text = ""
        self._events = events
        self._done = done

    def pieces(self) -> Iterator[str]:
        """Text as it passes the check; empty where there is nothing yet, so that one may leave."""
        language, quotes = "", dict[int, Citation]()
        claims: list[Claim] = []
        for event in self._events:
            if isinstance(event, EvidenceReady):
                language = event.language
                quotes = {e.number: _citation(e) for e in event.evidence}
                yield ""
            elif isinstance(event, ClaimChecked):
                claims.append(event.claim)
                used = dict.fromkeys(n for c in claims for n in c.citations)
                self.nodes[:] = _nodes([quotes[n] for n in used if n in quotes], claims)
                yield from self._grown(
                    display_text([(c.text, c.citations) for c in claims], language)
                )
            elif isinstance(event, Finished):
                yield from self._grown(event.outcome.text)
                self._finish(event.outcome)
            else:
                yield ""

    def close(self) -> None:
        """Stop the model, if it still writes."""
        if isinstance(self._events, Generator):
            self._events.close()

    def all(self) -> Self:
        """Read to the end."""
        for _ in self.pieces():
            pass
        return self

    def stream(self) -> Generator[str, None, None]:
        """Pieces of text; closing the iterator stops the model."""
        try:
            for piece in self.pieces():
                if piece:
                    yield piece
        finally:
            self.close()

    async def astream(self) -> AsyncGenerator[str, None]:
        """The same without holding up the event loop; a thread of its own reads the pieces."""
        loop = asyncio.get_running_loop()
        read: asyncio.Queue[str | None] = asyncio.Queue()
        stop = threading.Event()

        def tell(piece: str | None) -> None:
            # The loop may be gone: its reader left.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(read.put_nowait, piece)

        def work() -> None:
            try:
                for piece in self.pieces():
                    if stop.is_set():
                        break
                    tell(piece)
            finally:
                self.close()
                tell(None)

        reading = asyncio.create_task(asyncio.to_thread(work))
        try:
            while (piece := await read.get()) is not None:
                if piece:
                    yield piece
            await reading
        finally:
            stop.set()

    def _grown(self, text: str) -> Iterator[str]:
        """What a longer text adds to what was told; nothing that was told is taken back."""
        if text.startswith(self.text) and text != self.text:
            told, self.text = self.text, text
            yield text[len(told) :]

    def _finish(self, outcome: Outcome) -> None:
        if isinstance(outcome, Answer):
            self.nodes[:] = _nodes(outcome.citations, outcome.claims)
        else:
            self.nodes.clear()
        self.metadata.update(to_json(outcome))
        self._done(outcome)


def _citation(evidence: Evidence) -> Citation:
    article = evidence.article
    return Citation(
        evidence.number,
        article.article_id,
        article.title,
        article.source,
        article.url,
        article.published,
        article.language,
        article.outlet,
        evidence.text,
        evidence.start,
        evidence.end,
    )


def _nodes(citations: Sequence[Citation], claims: Sequence[Claim]) -> list[NodeWithScore]:
    """One node a quote, scored by the best claim that rests on it."""
    from llama_index.core.schema import (
        NodeRelationship,
        NodeWithScore,
        RelatedNodeInfo,
        TextNode,
    )

    made = []
    for cited in citations:
        metadata = asdict(cited)
        metadata["citation"] = metadata.pop("id")
        metadata.pop("quote")
        node = TextNode(
            id_=f"{cited.article_id}:{cited.start}-{cited.end}",
            text=cited.quote,
            metadata=metadata,
            start_char_idx=cited.start,
            end_char_idx=cited.end,
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=cited.article_id)},
        )
        score = max((c.support for c in claims if cited.id in c.citations), default=0.0)
        made.append(NodeWithScore(node=node, score=score))
    return made


def _nothing(outcome: Outcome) -> None:
    """A single question leaves no trace."""


@functools.cache
def _query_engine_class() -> Callable[..., BaseQueryEngine]:
    """Made on first use: a subclass can only be written where LlamaIndex is loaded."""
    from llama_index.core.base.base_query_engine import BaseQueryEngine
    from llama_index.core.base.response.schema import (
        AsyncStreamingResponse,
        Response,
        StreamingResponse,
    )
    from llama_index.core.prompts.mixin import PromptMixinType
    from llama_index.core.schema import QueryBundle

    class KonkyoQueryEngine(BaseQueryEngine):
        """Answers that prove themselves, as LlamaIndex responses."""

        def __init__(self, pipeline: Pipeline, streaming: bool, where: Filter) -> None:
            super().__init__(callback_manager=None)
            self._pipeline = pipeline
            self._streaming = streaming
            self._where = where

        def _get_prompt_modules(self) -> PromptMixinType:
            return {}

        def _told(self, bundle: QueryBundle) -> _Told:
            events = self._pipeline.stream(bundle.query_str, where=self._where)
            return _Told(events, _nothing)

        def _query(self, query_bundle: QueryBundle) -> Response | StreamingResponse:
            told = self._told(query_bundle)
            if self._streaming:
                return StreamingResponse(told.stream(), told.nodes, told.metadata)
            told.all()
            return Response(told.text, told.nodes, told.metadata)

        async def _aquery(self, query_bundle: QueryBundle) -> Response | AsyncStreamingResponse:
            told = self._told(query_bundle)
            if self._streaming:
                return AsyncStreamingResponse(told.astream(), told.nodes, told.metadata)
            await asyncio.to_thread(told.all)
            return Response(told.text, told.nodes, told.metadata)

    return KonkyoQueryEngine


@functools.cache
def _chat_engine_class() -> Callable[..., BaseChatEngine]:
    from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
    from llama_index.core.base.response.schema import Response
    from llama_index.core.chat_engine.types import (
        AgentChatResponse,
        BaseChatEngine,
        StreamingAgentChatResponse,
    )
    from llama_index.core.tools import ToolOutput

    def said(text: str, delta: str) -> ChatResponse:
        message = ChatMessage(role=MessageRole.ASSISTANT, content=text)
        return ChatResponse(message=message, delta=delta)

    class KonkyoChatEngine(BaseChatEngine):
        """A conversation; follow-ups are understood through the turns before."""

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
            """The whole answer. ``chat_history``, where given, takes the place of the own one."""
            return self._whole(message, self._told(message, chat_history).all())

        async def achat(
            self, message: str, chat_history: list[ChatMessage] | None = None
        ) -> AgentChatResponse:
            """The same without holding up the event loop."""
            told = self._told(message, chat_history)
            await asyncio.to_thread(told.all)
            return self._whole(message, told)

        def stream_chat(
            self, message: str, chat_history: list[ChatMessage] | None = None
        ) -> StreamingAgentChatResponse:
            """Sentences as they pass the check; source nodes and sources fill meanwhile."""
            told = self._told(message, chat_history)
            sources: list[ToolOutput] = []

            def replies() -> Generator[ChatResponse, None, None]:
                for piece in told.stream():
                    yield said(told.text, piece)
                sources.append(self._source(message, told))

            return StreamingAgentChatResponse(
                chat_stream=replies(),
                sources=sources,
                source_nodes=told.nodes,
                is_writing_to_memory=False,
            )

        async def astream_chat(
            self, message: str, chat_history: list[ChatMessage] | None = None
        ) -> StreamingAgentChatResponse:
            """The same without holding up the event loop."""
            told = self._told(message, chat_history)
            sources: list[ToolOutput] = []

            async def replies() -> AsyncGenerator[ChatResponse, None]:
                async for piece in told.astream():
                    yield said(told.text, piece)
                sources.append(self._source(message, told))

            return StreamingAgentChatResponse(
                achat_stream=replies(),
                sources=sources,
                source_nodes=told.nodes,
                is_writing_to_memory=False,
            )

        def _told(self, message: str, given: list[ChatMessage] | None) -> _Told:
            if given is not None:
                self._history = bounded(_turns_of(given), turns=self._turns)
            events = self._pipeline.stream(message, history=self._history, where=self._where)
            return _Told(events, self._remember)

        def _remember(self, outcome: Outcome) -> None:
            turn = Turn(outcome.question, outcome.text)
            self._history = bounded([*self._history, turn], turns=self._turns)

        def _whole(self, message: str, told: _Told) -> AgentChatResponse:
            return AgentChatResponse(
                response=told.text,
                sources=[self._source(message, told)],
                source_nodes=told.nodes,
                metadata=told.metadata,
            )

        def _source(self, message: str, told: _Told) -> ToolOutput:
            return ToolOutput(
                content=told.text,
                tool_name="konkyo",
                raw_input={"question": message},
                raw_output=Response(told.text, told.nodes, told.metadata),
            )

    return KonkyoChatEngine


def _turns_of(messages: Sequence[ChatMessage]) -> list[Turn]:
    """Questions with the answers that followed them; what belongs to neither is left out."""
    turns: list[Turn] = []
    for message in messages:
        text = message.content or ""
        if message.role.value == "user":
            turns.append(Turn(text, ""))
        elif message.role.value == "assistant" and turns:
            turns[-1] = Turn(turns[-1].question, text)
    return turns
