"""What all ways in by program share: who may come in, how often, and who answers."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol

from konkyo.index.errors import (
    KonkyoError,
)
from konkyo.index.records import ArticlePage, ArticleQuery, Filter, Hit
from konkyo.rag.answer_style import Phrasing
from konkyo.rag.conversation import Turn
from konkyo.rag.generation.translate import Translation
from konkyo.rag.types import (
    ClaimChecked,
    ClaimDrafted,
    ClaimRemoved,
    Event,
    EvidenceReady,
    Finished,
    Outcome,
    ShortReady,
    to_json,
)
from konkyo.ui.http.answering import Answering
from konkyo.ui.http.auth import Access, Denied, Limiter, Role
from konkyo.ui.server.index_jobs import IndexJobs
from konkyo.ui.server.llm_queue import Heartbeat, Queued
from konkyo.ui.server.telemetry import Channel
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.pipeline_protocol import NotReady

if TYPE_CHECKING:
    from fastapi import Request
from konkyo.ui.http.problems import fault_of
from konkyo.ui.http.schemas import TranslateRequest

__all__ = ["Ranker", "Services", "answer_from", "event_json", "event_lines"]


class Ranker(Protocol):
    """What search needs of a pipeline; ``konkyo.rag.retrieval.hybrid.Retriever`` is one."""

    def retrieve(self, question: str, top_k: int = ..., where: Filter = ...) -> list[Hit]:
        """The best passages, best first."""


class Services:
    """Everything the ways in by program share: who answers, who may come in, and how often."""

    def __init__(
        self,
        chat_service: ChatService,
        access: Access | None = None,
        index_jobs: IndexJobs | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self.chat_service = chat_service
        self.access = access or Access()
        self.index_jobs = index_jobs
        self.limiter = limiter or Limiter(0)

    def caller(self, request: "Request", needed: Role = "reader") -> str:
        """A name to count the caller by. Raises Denied."""
        role, key = self.access.role_of_header(request.headers.get("authorization"))
        if needed == "editor" and role != "editor":
            raise Denied("this key may read; an editor's key is needed", known=True)
        return key or (request.client.host if request.client else "")

    def ranker(self) -> Ranker:
        """The pipeline's own retriever. Raises NotReady."""
        found = getattr(self.chat_service.reader, "retriever", None)
        if found is None:
            raise NotReady("search is not available")
        ranker: Ranker = found
        return ranker

    def articles(self, query: ArticleQuery, where: Filter) -> ArticlePage:
        """A part of the list of articles. Raises NotReady."""
        return self.chat_service.reader.store.article_page(query, where)

    def events(
        self,
        caller: str,
        question: str,
        channel: Channel,
        history: Sequence[Turn] = (),
        where: Filter = Filter(),
        gone: threading.Event | None = None,
        phrasing: Phrasing | None = None,
        strictness: float | None = None,
    ) -> Answering:
        """Answer within the caller's limits; the first event is had before this returns.

        So a limit or an index that cannot be used is raised here, not in mid-stream. Setting
        ``gone`` ends it, and so does closing what this returns.
        """
        held = ExitStack()
        held.enter_context(self.limiter.slot(caller))
        gone = gone or threading.Event()
        stream = self.chat_service.events(
            question,
            channel,
            history=history,
            where=where,
            gone=gone,
            phrasing=phrasing,
            strictness=strictness,
        )
        answering = Answering(stream, gone, held.close)
        answering.begin()
        return answering

    def translate(
        self, caller: str, asked: TranslateRequest, gone: threading.Event | None = None
    ) -> Translation:
        """Translate a quote within the caller's limits.

        Raises what ``QuoteTranslator.events`` raises.
        """
        place = (asked.article_id, asked.start, asked.end)
        with self.limiter.slot(caller):
            for event in self.chat_service.translator.events(*place, asked.language, "api", gone):
                if isinstance(event, Translation):
                    return event
        raise NotReady("the translation was cut off; ask again")


def answer_from(events: Iterator[Event | Queued | Heartbeat]) -> Outcome:
    """The outcome a stream ends with."""
    for event in events:
        if isinstance(event, Finished):
            return event.outcome
    raise NotReady("the answer was cut off; ask again")


def event_json(event: Event | Queued) -> tuple[str, dict[str, object]]:
    """The name and the object by which an event is sent; documented in docs/http.md."""
    match event:
        case Queued():
            return "queued", {"ahead": event.ahead}
        case EvidenceReady():
            return "evidence", {
                "language": event.language,
                "evidence": [asdict(quote) for quote in event.evidence],
            }
        case ShortReady():
            return "short", asdict(event.short)
        case ClaimDrafted():
            # What was not checked is not sent: a reader could take it for an answer.
            return "checking", {}
        case ClaimChecked():
            return "claim", asdict(event.claim)
        case ClaimRemoved():
            return "removed", asdict(event.removed)
        case Finished():
            return "outcome", to_json(event.outcome)


def event_lines(events: Iterator[Event | Queued | Heartbeat]) -> Iterator[str]:
    """Events as server-sent events, an error of ours as the last."""
    try:
        for event in events:
            if isinstance(event, Heartbeat):
                # A comment keeps proxies patient, and fails when nobody listens any more.
                yield ": \n\n"
                continue
            name, data = event_json(event)
            yield f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
    except KonkyoError as exc:
        yield f"event: error\ndata: {fault_of(exc).encoded('')[1].decode()}\n\n"
