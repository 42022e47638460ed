"""Konkyo as a model: /v1/models and /v1/chat/completions, as OpenAI clients expect them.

The last user message is the question, earlier pairs of messages are its history; system messages
are not obeyed. An answer's text carries [n] marks and ends with its notices and sources; the same
citations are in ``annotations`` and, whole, under ``konkyo``. A refusal is an ordinary message that
says so.
"""

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from konkyo.index.errors import KonkyoError
from konkyo.index.records import Filter
from konkyo.rag.types import (
    Answer,
    Claim,
    ClaimChecked,
    Event,
    EvidenceReady,
    Finished,
    Outcome,
    to_json,
)
from konkyo.ui.http.answer_text import sentence_pieces, text_pieces
from konkyo.ui.http.openai_content import (
    LimitedText,
    url_citations,
    usage,
)
from konkyo.ui.http.openai_request import MODEL, CompletionRequest, JsonSchemaFormat, history_of
from konkyo.ui.http.openai_schemas import Completion, CompletionChunk, Model, ModelList
from konkyo.ui.http.problems import OPENAI_PATH, InvalidField, fault_of
from konkyo.ui.http.response_schema import check_schema, fitted
from konkyo.ui.http.schemas import OutcomeObject
from konkyo.ui.server.llm_queue import Heartbeat, Queued

if TYPE_CHECKING:
    from fastapi import APIRouter

    from konkyo.ui.http.services import Services

__all__ = ["router"]

_STARTED = int(time.time())


@dataclass(frozen=True, slots=True)
class _Reply:
    """One completion under way: its name, when it began and what was asked for."""

    request: CompletionRequest
    name: str
    created: int

    def limited(self) -> LimitedText:
        """A text within the limits that were asked for."""
        return LimitedText(self.request.stops, self.request.most_tokens)

    @property
    def as_object(self) -> bool:
        """Whether the text is to be a JSON object."""
        wanted = self.request.response_format
        return wanted is not None and wanted.type != "text"

    def pieces(self, outcome: Outcome) -> list[str]:
        """The whole text of an outcome, in pieces."""
        if self.as_object:
            said: object = to_json(outcome)
            if isinstance(self.request.response_format, JsonSchemaFormat):
                said = fitted(said, self.request.response_format.json_schema.wanted)
            return [json.dumps(said, ensure_ascii=False)]
        return text_pieces(outcome)

    def usage(self, outcome: Outcome, text: str) -> dict[str, object]:
        """The tokens of messages and text."""
        return usage(outcome, [message.words() for message in self.request.messages], text)

    def completion(self, outcome: Outcome) -> dict[str, object]:
        """The object of an answer that is sent at once."""
        limited = self.limited()
        for piece in self.pieces(outcome):
            limited.add(piece)
        limited.end()
        message = {
            "role": "assistant",
            "content": limited.text,
            "refusal": None,
            "annotations": _annotations(limited.text, outcome, self.as_object),
        }
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": limited.finish,
            "logprobs": None,
        }
        return {
            "id": self.name,
            "object": "chat.completion",
            "created": self.created,
            "model": MODEL,
            "choices": [choice],
            "usage": self.usage(outcome, limited.text),
            "system_fingerprint": outcome.fingerprint,
            "konkyo": to_json(outcome),
        }

    def chunk(
        self, delta: Mapping[str, object], finish: str | None = None, **more: object
    ) -> dict[str, object]:
        """One object of an answer that is sent in pieces."""
        choice = {"index": 0, "delta": dict(delta), "finish_reason": finish, "logprobs": None}
        return {
            "id": self.name,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": MODEL,
            "choices": [choice],
            **more,
        }

    def chunks(
        self, events: Iterator[Event | Queued | Heartbeat]
    ) -> Iterator[dict[str, object] | None]:
        """An answer as it is checked, sentence by sentence; None: nothing new."""
        yield self.chunk({"role": "assistant", "content": ""})
        limited, language = self.limited(), "en"
        claims: list[Claim] = []
        for event in events:
            match event:
                case Heartbeat():
                    yield None
                case EvidenceReady(language=language):
                    pass
                case ClaimChecked(claim=claim) if not self.as_object:
                    claims.append(claim)
                    if ready := limited.add(sentence_pieces(claims, language)[-1]):
                        yield self.chunk({"content": ready})
                case Finished(outcome=outcome):
                    yield from self._last_chunks(outcome, limited, len(claims))

    def _last_chunks(
        self, outcome: Outcome, limited: LimitedText, sent: int
    ) -> Iterator[dict[str, object]]:
        rest = self.pieces(outcome)[sent:] if isinstance(outcome, Answer) else self.pieces(outcome)
        ready = "".join([*map(limited.add, rest), limited.end()])
        if ready:
            yield self.chunk({"content": ready})
        yield self.chunk(
            {"annotations": _annotations(limited.text, outcome, self.as_object)},
            limited.finish,
            konkyo=to_json(outcome),
            system_fingerprint=outcome.fingerprint,
        )
        wanted = self.request.stream_options
        if wanted is not None and wanted.include_usage:
            counts = self.usage(outcome, limited.text)
            yield {**self.chunk({}), "choices": [], "usage": counts}


def _annotations(text: str, outcome: Outcome, as_object: bool) -> list[dict[str, object]]:
    if as_object or not isinstance(outcome, Answer):
        return []
    return url_citations(text, outcome.citations)


def _lines(chunks: Iterator[dict[str, object] | None]) -> Iterator[str]:
    """Chunks as server-sent events; an error of ours is told as the last."""
    try:
        for chunk in chunks:
            said = ": " if chunk is None else f"data: {json.dumps(chunk, ensure_ascii=False)}"
            yield f"{said}\n\n"
    except KonkyoError as exc:
        yield f"data: {fault_of(exc).encoded(OPENAI_PATH)[1].decode()}\n\n"
    yield "data: [DONE]\n\n"


def _check_model(name: str) -> None:
    if name != MODEL:
        said = f"there is no model {name!r}; the only model is {MODEL!r}"
        raise InvalidField("model", said, "model_not_found", 404)


def router(services: "Services") -> "APIRouter":
    """The three routes."""
    from fastapi import APIRouter, Request
    from fastapi.responses import JSONResponse, Response

    from konkyo.ui.http.answering import event_stream, while_connected
    from konkyo.ui.http.openapi_document import event_stream_of, key_needed, some_errors
    from konkyo.ui.http.services import answer_from

    routes = APIRouter(tags=["OpenAI"], dependencies=[key_needed()])

    @routes.get(
        "/v1/models", operation_id="list_models", summary="The model", responses=some_errors()
    )
    def models(request: Request) -> ModelList:
        """There is one: the articles."""
        services.caller(request)
        return ModelList(data=[Model(created=_STARTED)])

    @routes.get(
        "/v1/models/{model:path}",
        operation_id="get_model",
        summary="The model, by name",
        responses=some_errors(404, 422),
    )
    def model(request: Request, model: str) -> Model:
        """The same, by name."""
        services.caller(request)
        _check_model(model)
        return Model(created=_STARTED)

    @routes.post(
        "/v1/chat/completions",
        operation_id="create_chat_completion",
        summary="Ask, as of an OpenAI model",
        responses={
            200: {"model": Completion, "content": event_stream_of({"": CompletionChunk})},
            **some_errors(400, 404, 413, 422, 429, 503, 504),
        },
    )
    async def complete(body: CompletionRequest, request: Request) -> Response:
        """The answer with its sources; with `stream`, each sentence when it has been checked."""
        caller, gone = services.caller(request), threading.Event()
        _check_model(body.model)
        if isinstance(body.response_format, JsonSchemaFormat):
            wanted = body.response_format.json_schema.wanted
            check_schema(wanted, tuple(OutcomeObject.model_fields))
        question, history = history_of(body.messages)
        reply = _Reply(body, f"chatcmpl-{secrets.token_hex(12)}", int(time.time()))

        def work() -> Response:
            events = services.events(caller, question, "openai", history, Filter(), gone)
            if not body.stream:
                return JSONResponse(reply.completion(answer_from(events)))
            return event_stream(_lines(reply.chunks(events)), events)

        return await while_connected(request, gone, work)

    return routes
