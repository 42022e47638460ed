"""Konkyo as a model: /v1/models and /v1/chat/completions, as OpenAI clients expect them.

The last user message is the question, earlier pairs of messages are its history; system messages
are not obeyed. An answer's text carries [n] marks and ends with its sources; the same citations are
in ``annotations`` and, whole, under ``konkyo``. A refusal is an ordinary message that says so.
"""

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from konkyo.index.errors import KonkyoError, UsageError
from konkyo.index.records import Filter
from konkyo.index.text.unicode import well_formed
from konkyo.rag.conversation import Turn
from konkyo.rag.generation.output_format import display_text
from konkyo.rag.short_answer.frame import framed_text
from konkyo.rag.types import (
    Answer,
    Citation,
    ClaimChecked,
    Event,
    EvidenceReady,
    Finished,
    Outcome,
    to_json,
)
from konkyo.ui.server.llm_queue import Heartbeat, Queued
from konkyo.ui.web.chat_service import QUESTION_LIMIT
from konkyo.ui.web.html.elements import safe_url

if TYPE_CHECKING:
    from fastapi import APIRouter

    from konkyo.ui.http.services import Services

__all__ = ["MODEL", "CompletionRequest", "footnotes", "history_of", "router"]

MODEL = "konkyo"
_RULE = "\n\n---\n"
_STARTED = int(time.time())


class Part(BaseModel):
    """One part of a message; text alone is understood."""

    model_config = ConfigDict(extra="allow")

    type: str = Field("text", max_length=100)
    text: str = ""


class Message(BaseModel):
    """One message of the conversation."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None

    def words(self) -> str:
        """The text of the message."""
        if isinstance(self.content, list):
            whole = "\n".join(part.text for part in self.content if part.type == "text")
            return well_formed(whole)
        return well_formed(self.content or "")


class StreamOptions(BaseModel):
    """What a stream is to carry besides the text."""

    model_config = ConfigDict(extra="allow")

    include_usage: bool | None = False


class CompletionRequest(BaseModel):
    """The part of OpenAI's request that means something here; the rest is passed over."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(MODEL, max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=200)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = 1


def history_of(messages: Sequence[Message]) -> tuple[str, list[Turn]]:
    """The question, and the pairs of messages before it. Raises UsageError without a question."""
    last = max((n for n, m in enumerate(messages) if m.role == "user"), default=-1)
    question = " ".join(messages[last].words().split()) if last >= 0 else ""
    if not question:
        raise UsageError("messages: there is no user message with text in it")
    if len(question) > QUESTION_LIMIT:
        raise UsageError(f"messages: a question has at most {QUESTION_LIMIT} characters")
    turns: list[Turn] = []
    asked = ""
    for message in messages[:last]:
        if message.role == "user":
            asked = message.words()
        elif message.role == "assistant" and asked:
            turns.append(Turn(asked[:QUESTION_LIMIT], message.words().split(_RULE)[0]))
            asked = ""
    return question, turns[-20:]


def footnotes(citations: Sequence[Citation]) -> str:
    """The sources of an answer as the lines that follow it."""
    lines = []
    for citation in citations:
        about = [citation.title, citation.outlet, citation.published, safe_url(citation.url)]
        quote = " ".join(citation.quote.split())
        lines.append(f"[{citation.id}] “{quote}” — {' · '.join(a for a in about if a)}")
    return _RULE + "\n".join(lines) if lines else ""


def _annotations(text: str, citations: Sequence[Citation]) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for citation in citations:
        mark = f"[{citation.id}]"
        start = text.find(mark)
        if start >= 0:
            address = safe_url(citation.url) or f"konkyo:article/{citation.article_id}"
            said = {
                "start_index": start,
                "end_index": start + len(mark),
                "title": citation.title,
                "url": address,
            }
            found.append({"type": "url_citation", "url_citation": said})
    return found


def _whole(outcome: Outcome) -> tuple[str, list[dict[str, object]]]:
    citations = outcome.citations if isinstance(outcome, Answer) else ()
    return outcome.text + footnotes(citations), _annotations(outcome.text, citations)


def _completion(outcome: Outcome, name: str, now: int) -> dict[str, object]:
    text, annotations = _whole(outcome)
    message = {
        "role": "assistant",
        "content": text,
        "refusal": None,
        "annotations": annotations,
    }
    return {
        "id": name,
        "object": "chat.completion",
        "created": now,
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        "system_fingerprint": outcome.fingerprint,
        "konkyo": to_json(outcome),
    }


def _chunks(
    events: Iterator[Event | Queued | Heartbeat], name: str, now: int, usage: bool
) -> Iterator[dict[str, object] | None]:
    """OpenAI's chunks for an answer as it is checked, sentence by sentence; None: nothing new."""

    def chunk(
        delta: Mapping[str, object], finish: str | None = None, **more: object
    ) -> dict[str, object]:
        choice = {"index": 0, "delta": dict(delta), "finish_reason": finish, "logprobs": None}
        return {
            "id": name,
            "object": "chat.completion.chunk",
            "created": now,
            "model": MODEL,
            "choices": [choice],
            **more,
        }

    yield chunk({"role": "assistant", "content": ""})
    sent, language = "", "en"
    claims: list[tuple[str, tuple[int, ...]]] = []
    for event in events:
        match event:
            case Heartbeat():
                yield None
            case EvidenceReady(language=language):
                pass
            case ClaimChecked(claim=claim):
                claims.append((framed_text(claim), claim.citations))
                text = display_text(claims, language)
                yield chunk({"content": text[len(sent) :]})
                sent = text
            case Finished(outcome=outcome):
                text, annotations = _whole(outcome)
                if not isinstance(outcome, Answer):
                    rest = text
                elif sent:
                    rest = footnotes(outcome.citations)
                    annotations = _annotations(sent, outcome.citations)
                else:
                    rest = text
                yield chunk({"content": rest})
                yield chunk(
                    {"annotations": annotations},
                    "stop",
                    konkyo=to_json(outcome),
                    system_fingerprint=outcome.fingerprint,
                )
    if usage:
        counts = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
        yield {**chunk({}), "choices": [], "usage": counts}


def _lines(chunks: Iterator[dict[str, object] | None]) -> Iterator[str]:
    """Chunks as server-sent events; an error of ours is told as the last."""
    from konkyo.ui.http.problems import problem_of

    try:
        for chunk in chunks:
            said = ": " if chunk is None else f"data: {json.dumps(chunk, ensure_ascii=False)}"
            yield f"{said}\n\n"
    except KonkyoError as exc:
        yield f"data: {json.dumps(problem_of(exc)[1], ensure_ascii=False)}\n\n"
    yield "data: [DONE]\n\n"


def router(services: "Services") -> "APIRouter":
    """The two routes."""
    from fastapi import APIRouter, Request
    from fastapi.responses import JSONResponse, Response

    from konkyo.ui.http.answering import event_stream, while_connected
    from konkyo.ui.http.problems import some_problems
    from konkyo.ui.http.services import answer_from

    routes = APIRouter(tags=["OpenAI"])

    @routes.get("/v1/models", summary="The model", responses=some_problems())
    def models(request: Request) -> dict[str, object]:
        """There is one: the articles."""
        services.caller(request)
        one = {"id": MODEL, "object": "model", "created": _STARTED, "owned_by": "konkyo"}
        return {"object": "list", "data": [one]}

    @routes.get("/v1/models/{model}", summary="The model", responses=some_problems(404))
    def model(request: Request, model: str) -> Response:
        """The same, by name."""
        services.caller(request)
        if model != MODEL:
            error = {"code": "model_not_found", "message": f"the only model is {MODEL}"}
            kind = {"type": "invalid_request_error", "param": "model"}
            return JSONResponse({"error": {**error, **kind}}, 404)
        return JSONResponse(
            {"id": MODEL, "object": "model", "created": _STARTED, "owned_by": "konkyo"}
        )

    @routes.post(
        "/v1/chat/completions",
        summary="Ask, as of an OpenAI model",
        responses={
            200: {"content": {"application/json": {}, "text/event-stream": {}}},
            **some_problems(400, 413, 422, 429, 503),
        },
    )
    async def complete(body: CompletionRequest, request: Request) -> Response:
        """The answer with its sources; with `stream`, each sentence when it has been checked."""
        caller, gone = services.caller(request), threading.Event()
        question, history = history_of(body.messages)
        name, now = f"chatcmpl-{secrets.token_hex(12)}", int(time.time())

        def work() -> Response:
            events = services.events(caller, question, "openai", history, Filter(), gone)
            if not body.stream:
                return JSONResponse(_completion(answer_from(events), name, now))
            usage = bool(body.stream_options and body.stream_options.include_usage)
            return event_stream(_lines(_chunks(events, name, now, usage)), events)

        return await while_connected(request, gone, work)

    return routes
