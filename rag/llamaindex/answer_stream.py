"""A streamed answer of the pipeline as text, source nodes and metadata of LlamaIndex."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Self

from konkyo.rag.generation.output_format import END_OF_ANSWER, display_text, notice_lines
from konkyo.rag.outcome import citation_of
from konkyo.rag.short_answer.frame import framed_text
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
    from llama_index.core.schema import NodeWithScore

__all__ = ["AnswerStream", "evidence_nodes"]


class AnswerStream:
    """The answer to one question; text, nodes and metadata are filled in while it is read."""

    def __init__(
        self,
        events: Iterator[Event],
        done: Callable[[Outcome], None] = lambda outcome: None,
        *,
        made: Callable[[Citation, float], NodeWithScore] | None = None,
        beside: Sequence[NodeWithScore] = (),
    ) -> None:
        """``made`` makes a source node of a quote; ``beside`` follow those of the quotes."""
        self.nodes: list[NodeWithScore] = []
        self.metadata: dict[str, object] = {}
        self.text = ""
        self._events = events
        self._done = done
        self._made = made or _node
        self._beside = beside

    def pieces(self) -> Iterator[str]:
        """Text as it passes the check; empty pieces in between, so that a reader can stop."""
        language, quotes = "", dict[int, Citation]()
        claims: list[Claim] = []
        for event in self._events:
            if isinstance(event, EvidenceReady):
                language = event.language
                quotes = {e.number: citation_of(e) for e in event.evidence}
                yield ""
            elif isinstance(event, ClaimChecked):
                claims.append(event.claim)
                used = dict.fromkeys(n for c in claims for n in c.citations)
                self._show([quotes[n] for n in used if n in quotes], claims)
                yield from self._added(
                    display_text([(framed_text(c), c.citations) for c in claims], language)
                )
            elif isinstance(event, Finished):
                yield from self._added(event.outcome.text)
                if notices := notice_lines(event.outcome.notices):
                    yield from self._added(self.text + END_OF_ANSWER + "\n".join(notices))
                self._finish(event.outcome)
            else:
                yield ""

    def close(self) -> None:
        """Stop the model, if it still writes."""
        if isinstance(self._events, Generator):
            self._events.close()

    def read_all(self) -> Self:
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

        def put(piece: str | None) -> None:
            # The loop may be gone: its reader left.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(read.put_nowait, piece)

        def work() -> None:
            try:
                for piece in self.pieces():
                    if stop.is_set():
                        break
                    put(piece)
            finally:
                self.close()
                put(None)

        reading = asyncio.create_task(asyncio.to_thread(work))
        try:
            while (piece := await read.get()) is not None:
                if piece:
                    yield piece
            await reading
        finally:
            stop.set()

    def _added(self, text: str) -> Iterator[str]:
        """What a longer text adds to the text so far; nothing is ever taken back."""
        if text.startswith(self.text) and text != self.text:
            before, self.text = self.text, text
            yield text[len(before) :]

    def _finish(self, outcome: Outcome) -> None:
        if isinstance(outcome, Answer):
            self._show(outcome.citations, outcome.claims)
        else:
            self._show((), ())
        self.metadata.update(to_json(outcome))
        self._done(outcome)

    def _show(self, citations: Sequence[Citation], claims: Sequence[Claim]) -> None:
        """One node a quote, scored by the best claim that rests on it."""
        quotes = [
            self._made(q, max((c.support for c in claims if q.id in c.citations), default=0.0))
            for q in citations
        ]
        self.nodes[:] = [*quotes, *self._beside]


def evidence_nodes(events: Iterator[Event]) -> list[NodeWithScore]:
    """The quotes found, as nodes scored by how well they bear on the question.

    Reads events until quotes are there that are likely to answer, else to the end and returns the
    last ones; no language model is asked.
    """
    found: tuple[Evidence, ...] = ()
    for event in events:
        if isinstance(event, EvidenceReady):
            found = event.evidence
            if event.likely:
                break
    if isinstance(events, Generator):
        events.close()
    return [_node(citation_of(e), e.score) for e in found]


def _node(cited: Citation, score: float) -> NodeWithScore:
    """A quote as a node that names its article."""
    from llama_index.core.schema import (
        NodeRelationship,
        NodeWithScore,
        RelatedNodeInfo,
        TextNode,
    )

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
    return NodeWithScore(node=node, score=score)
