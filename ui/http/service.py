"""The HTTP interface: ask, search, read and keep the index, beside the page on the same server.

Annotations are evaluated here, not postponed: the framework reads those of the handlers, which are
made inside a function because the framework is imported there.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, Protocol, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from konkyo.index.errors import (
    ArticleMissing,
    KonkyoError,
    LLMTimeout,
    LLMUnreachable,
    ModelError,
    QuestionTimeout,
    StoreError,
    StoreLocked,
    UsageError,
)
from konkyo.index.records import Filter, Hit
from konkyo.rag.conversation import Turn
from konkyo.rag.generation.prompts import language_name
from konkyo.rag.generation.translate import LONGEST_QUOTE, Translation
from konkyo.rag.types import (
    ClaimChecked,
    ClaimDrafted,
    ClaimRemoved,
    Event,
    EvidenceReady,
    Finished,
    Outcome,
    to_json,
)
from konkyo.ui.http.answering import Answering, event_stream, left, while_connected
from konkyo.ui.http.auth import Access, Denied, Limiter, Role, TooMany
from konkyo.ui.http.security_middleware import Application, Message, Receive, Scope, Send
from konkyo.ui.server.index_jobs import IndexJobs, Job, Order
from konkyo.ui.server.llm_queue import Heartbeat, Queued
from konkyo.ui.server.telemetry import Channel
from konkyo.ui.web.chat_service import QUESTION_LIMIT, ChatService
from konkyo.ui.web.pipeline_protocol import NotReady
from konkyo.ui.web.quote_translator import NoQuote

if TYPE_CHECKING:
    from fastapi import APIRouter, Request

__all__ = [
    "ARTICLE_ID",
    "AskRequest",
    "OrderRequest",
    "Ranker",
    "Services",
    "TranslateRequest",
    "Where",
    "answer_from",
    "api_application",
    "event_json",
    "problem",
    "problem_of",
    "some_problems",
]

T = TypeVar("T")

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}$")]
Short = Annotated[str, StringConstraints(min_length=1, max_length=300)]
_SOURCES_SHOWN = 1000
_FAR = 1_000_000_000
ARTICLE_ID = r"^[0-9A-Za-z_-]{1,64}$"

_STATUS: tuple[tuple[type[KonkyoError], int, str], ...] = (
    (TooMany, 429, "too_many"),
    (UsageError, 400, "usage"),
    (ArticleMissing, 404, "article_missing"),
    (StoreLocked, 409, "index_busy"),
    (NotReady, 503, "not_ready"),
    (LLMTimeout, 504, "llm_timeout"),
    (QuestionTimeout, 504, "question_timeout"),
    (LLMUnreachable, 503, "llm_unreachable"),
    (ModelError, 503, "model"),
    (StoreError, 503, "index"),
)


class Where(BaseModel):
    """Which articles may be used; an empty field lets everything through."""

    model_config = ConfigDict(extra="forbid")

    since: date | None = Field(None, description="Only articles from this day on.")
    until: date | None = Field(None, description="Only articles up to this day.")
    languages: list[Code] = Field(default=[], max_length=50, description="ISO 639-1 codes.")
    outlets: list[Short] = Field(default=[], max_length=50)

    @model_validator(mode="after")
    def _in_order(self) -> "Where":
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since {self.since} is after until {self.until}")
        return self

    def filter(self) -> Filter:
        """The same for the store."""
        return Filter(
            self.since.isoformat() if self.since else None,
            self.until.isoformat() if self.until else None,
            frozenset(code.lower() for code in self.languages),
            frozenset(self.outlets),
        )


class Past(BaseModel):
    """An earlier question and what was answered."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(max_length=QUESTION_LIMIT)
    answer: str = Field(max_length=20_000)


class AskRequest(Where):
    """A question, the turns before it, and which articles may be used."""

    question: str = Field(
        min_length=1,
        max_length=QUESTION_LIMIT,
        pattern=r"\S",
        examples=["How much will Japan invest in the United States?"],
    )
    history: list[Past] = Field(default=[], max_length=20)
    stream: bool = Field(False, description="Send events (text/event-stream) as they happen.")


class TranslateRequest(BaseModel):
    """A span of an article, in code points, and the language to tell it in."""

    model_config = ConfigDict(extra="forbid")

    article_id: str = Field(pattern=ARTICLE_ID)
    start: int = Field(ge=0, le=_FAR)
    end: int = Field(ge=1, le=_FAR, description=f"At most {LONGEST_QUOTE} letters after the start.")
    language: Code = Field(description="ISO 639-1 code, of the reader.", examples=["en"])

    @field_validator("language")
    @classmethod
    def _known(cls, code: str) -> str:
        if language_name(code.lower()) == code.lower():
            raise ValueError(f"{code} is the code of no language")
        return code.lower()

    @model_validator(mode="after")
    def _in_order(self) -> "TranslateRequest":
        if not self.start < self.end <= self.start + LONGEST_QUOTE:
            raise ValueError(f"end must come after start, by at most {LONGEST_QUOTE} letters")
        return self


class Translated(BaseModel):
    """A model's translation of a quote; ``mark`` must stand beside ``text`` wherever it is shown."""

    quote: str = Field(description="The article's own text: `text[start:end]`.")
    text: str = Field(description="The model's words. No source, and nothing to cite.")
    mark: str = Field(description="Says so to a reader, in the language asked for or English.")
    doubtful: bool = Field(description="Its figures or names are not those of the quote.")
    model: str
    language: str


class OrderRequest(BaseModel):
    """What to do to the index."""

    model_config = ConfigDict(extra="forbid")

    action: Order = Field(description="`cancel` stops the job under way; `verify` changes nothing.")
    sources: list[Short] = Field(
        default=[],
        max_length=500,
        description="Files, folders and patterns of the server, or addresses; for `remove`, also"
        " article identifiers. `refresh`, `rebuild` and `undo` need none.",
    )
    yes: bool = Field(
        default=False,
        description="Consent to the removal of more articles than `index.removal_limit` allows; a"
        " job that failed for want of it has `asks`.",
    )


class Problem(BaseModel):
    """The one form of every error."""

    class Error(BaseModel):
        """``code`` is stable and for programs, ``message`` for people."""

        code: str
        message: str
        type: str
        param: str | None = None

    error: Error


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str


class Readiness(BaseModel):
    """Whether questions can be answered now."""

    ready: bool
    state: Literal["loading", "ready", "failed", "draining"]
    problem: str = ""
    articles: int | None = None


class IndexState(BaseModel):
    """What is indexed, and the job under way or the last one."""

    articles: int
    source_count: int
    sources: list[str] = Field(description="The first thousand, in order.")
    job: dict[str, object] | None


class Ranker(Protocol):
    """What search needs of a pipeline; ``konkyo.rag.retrieval.hybrid.Retriever`` is one."""

    def retrieve(self, question: str, top_k: int = ..., where: Filter = ...) -> list[Hit]:
        """The best passages, best first."""


class Services:
    """Everything the ways in by program share: the desk, who may come in, and how often."""

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

    def events(
        self,
        caller: str,
        question: str,
        channel: Channel,
        history: Sequence[Turn] = (),
        where: Filter = Filter(),
        gone: threading.Event | None = None,
    ) -> Answering:
        """Answer within the caller's limits; the first event is had before this returns.

        So a limit or an index that cannot be used is raised here, not in mid-stream. Setting ``gone``
        ends it, and so does closing what this returns.
        """
        held = ExitStack()
        held.enter_context(self.limiter.slot(caller))
        gone = gone or threading.Event()
        stream = self.chat_service.events(
            question, channel, history=history, where=where, gone=gone
        )
        answering = Answering(stream, gone, held.close)
        answering.begin()
        return answering

    def translate(
        self, caller: str, asked: TranslateRequest, gone: threading.Event | None = None
    ) -> Translation:
        """Translate a quote within the caller's limits. Raises what ``ChatService.translation`` raises."""
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
        case ClaimDrafted():
            # What was not checked is not sent: a reader could take it for an answer.
            return "checking", {}
        case ClaimChecked():
            return "claim", asdict(event.claim)
        case ClaimRemoved():
            return "removed", asdict(event.removed)
        case Finished():
            return "outcome", to_json(event.outcome)


def problem_of(error: KonkyoError) -> tuple[int, dict[str, object], dict[str, str]]:
    """The status, body and headers an error of ours is told with."""
    headers: dict[str, str] = {}
    if isinstance(error, Denied):
        status, code = (403, "forbidden") if error.known else (401, "key_needed")
        if not error.known:
            headers["www-authenticate"] = "Bearer"
    else:
        status, code = next(
            ((s, c) for kind, s, c in _STATUS if isinstance(error, kind)), (500, "internal")
        )
    if isinstance(error, TooMany):
        headers["retry-after"] = str(error.retry_after)
    return status, problem(status, code, str(error)), headers


def problem(status: int, code: str, message: str, param: str | None = None) -> dict[str, object]:
    """The one form of every error."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    if status in (401, 403):
        kind = "authentication_error"
    return {"error": {"code": code, "message": message, "type": kind, "param": param}}


def _sse(events: Iterator[Event | Queued | Heartbeat]) -> Iterator[str]:
    try:
        for event in events:
            if isinstance(event, Heartbeat):
                # A comment keeps proxies patient, and fails when nobody listens any more.
                yield ": \n\n"
                continue
            name, data = event_json(event)
            yield f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
    except KonkyoError as exc:
        _, body, _ = problem_of(exc)
        yield f"event: error\ndata: {json.dumps(body, ensure_ascii=False)}\n\n"


def api_application(services: Services, tools: Application | None = None) -> Application:
    """The whole interface as an ASGI application, with its OpenAPI document and error bodies.

    ``tools`` answers at /mcp, for callers with a key.
    """
    from importlib.metadata import version

    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse, Response
    from starlette.exceptions import HTTPException

    from konkyo.ui.http.openai import router as openai_router

    app = FastAPI(
        title="Konkyo",
        version=version("konkyo"),
        description="Ask news articles; every sentence of an answer cites an exact quote.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.include_router(_router(services))
    app.include_router(openai_router(services))

    @app.exception_handler(KonkyoError)
    def ours(request: Request, exc: KonkyoError) -> Response:
        status, body, headers = problem_of(exc)
        return JSONResponse(body, status, headers)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, exc: RequestValidationError) -> Response:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return JSONResponse(problem(422, "invalid", f"{where}: {first['msg']}", where), 422)

    @app.exception_handler(HTTPException)
    def other(request: Request, exc: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(exc.status_code, "http")
        body = problem(exc.status_code, code, str(exc.detail))
        return JSONResponse(body, exc.status_code, dict(exc.headers or {}))

    @app.exception_handler(Exception)
    def unforeseen(request: Request, exc: Exception) -> Response:
        # The server logs it with its place; the caller is told in the form of every error.
        return JSONResponse(problem(500, "internal", "an error nobody foresaw; see the log"), 500)

    counted = services.chat_service.telemetry.requests

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = str(getattr(scope.get("route"), "path", "(none)"))
                counted.labels(path, str(message["status"])).inc()
            await send(message)

        inner: Application = app
        if tools is not None and scope["path"] == "/mcp":
            try:
                services.access.role_of_header(Request(dict(scope)).headers.get("authorization"))
            except KonkyoError as exc:
                status, body, headers = problem_of(exc)
                refused: Application = JSONResponse(body, status, headers)
                await refused(scope, receive, send)
                return
            inner = tools
        gone = threading.Event()
        left.set(gone)

        async def received() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                gone.set()
            return message

        await inner(scope, received, sent)

    return counting


_PROBLEMS = {
    400: {"model": Problem, "description": "It cannot be asked like that."},
    401: {"model": Problem, "description": "A key is needed."},
    403: {"model": Problem, "description": "This key may not do it."},
    404: {"model": Problem, "description": "There is no such thing."},
    409: {"model": Problem, "description": "The index is being changed by somebody else."},
    413: {"model": Problem, "description": "The request is too large."},
    422: {"model": Problem, "description": "A field is missing or malformed."},
    429: {"model": Problem, "description": "Too many; see Retry-After."},
    503: {"model": Problem, "description": "Not ready, or the language model cannot be reached."},
    504: {"model": Problem, "description": "The language model took too long."},
}


def some_problems(*codes: int) -> dict[int | str, dict[str, object]]:
    """How the OpenAPI document describes the errors of a door; that of a missing key always."""
    return {code: dict(_PROBLEMS[code]) for code in (401, *codes)}


def _router(services: Services) -> "APIRouter":
    from importlib.metadata import version

    from fastapi import APIRouter, Path, Query, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse, Response

    router = APIRouter(tags=["Konkyo"])
    chat_service = services.chat_service

    @router.post(
        "/api/ask",
        summary="Ask a question",
        responses={
            200: {
                "description": "The outcome (docs/schema.md), or with `stream` its events.",
                "content": {"application/json": {}, "text/event-stream": {}},
            },
            **some_problems(400, 413, 422, 429, 503),
        },
    )
    async def ask(body: AskRequest, request: Request) -> Response:
        """Every sentence of the answer cites an exact quote; otherwise it is a refusal."""
        history = [Turn(turn.question, turn.answer) for turn in body.history]
        caller, gone = services.caller(request), threading.Event()

        def work() -> Response:
            events = services.events(caller, body.question, "api", history, body.filter(), gone)
            if body.stream:
                return event_stream(_sse(events), events)
            return JSONResponse(to_json(answer_from(events)))

        return await while_connected(request, gone, work)

    @router.post(
        "/api/translate",
        summary="Translate a quote",
        responses=some_problems(400, 404, 413, 422, 429, 503, 504),
    )
    async def translate(body: TranslateRequest, request: Request) -> Translated:
        """One span of an article told by the language model; an aid, and marked as one."""
        caller, gone = services.caller(request), threading.Event()
        try:
            made = await while_connected(
                request, gone, lambda: services.translate(caller, body, gone)
            )
        except NoQuote as exc:
            wrong = {"type": "value_error", "loc": ("body", "end"), "msg": str(exc)}
            raise RequestValidationError([wrong]) from exc
        return Translated(
            quote=made.quote,
            text=made.text,
            mark=made.mark,
            doubtful=made.doubtful,
            model=made.model,
            language=made.language,
        )

    @router.get("/api/search", summary="Rank passages", responses=some_problems(400, 422, 429, 503))
    def search(
        request: Request,
        q: Annotated[
            str,
            Query(min_length=1, max_length=QUESTION_LIMIT, pattern=r"\S", examples=["対米投資"]),
        ],
        top_k: Annotated[int, Query(ge=1, le=100)] = 10,
        since: date | None = None,
        until: date | None = None,
        language: Annotated[list[Code], Query(max_length=50)] = [],  # noqa: B006
        outlet: Annotated[list[Short], Query(max_length=50)] = [],  # noqa: B006
    ) -> dict[str, object]:
        """Passages with their fused, dense and lexical scores, best first."""
        services.limiter.take(services.caller(request))
        if since and until and since > until:
            raise UsageError(f"since {since} is after until {until}")
        where = Where(since=since, until=until, languages=language, outlets=outlet).filter()
        hits = services.ranker().retrieve(q, top_k, where)
        return {
            "hits": [
                {
                    **asdict(hit.passage),
                    "title": hit.article.title,
                    "source": hit.article.source,
                    "url": hit.article.url,
                    "published": hit.article.published,
                    "language": hit.article.language,
                    "outlet": hit.article.outlet,
                    "scores": {"fused": hit.score, "dense": hit.dense, "lexical": hit.lexical},
                }
                for hit in hits
            ]
        }

    @router.get(
        "/api/articles/{article_id}", summary="One article", responses=some_problems(404, 422, 503)
    )
    def article(
        request: Request, article_id: Annotated[str, Path(pattern=ARTICLE_ID)]
    ) -> dict[str, object]:
        """The article as it is quoted: for every citation `text[start:end] == quote`."""
        services.caller(request)
        return asdict(chat_service.reader.article(article_id))

    @router.get("/api/index", summary="The index", responses=some_problems(403, 503))
    def index(request: Request) -> IndexState:
        """How many articles there are, from where, and the job under way or the last one."""
        services.caller(request, "editor")
        index_jobs = _index_jobs(services)
        chat_service.renew()
        job = index_jobs.job
        sources = index_jobs.sources()
        return IndexState(
            articles=chat_service.index_summary.count if chat_service.index_summary else 0,
            source_count=len(sources),
            sources=sources[:_SOURCES_SHOWN],
            job=_job(job) if job else None,
        )

    @router.post(
        "/api/index",
        status_code=202,
        summary="Change the index",
        responses=some_problems(400, 403, 409, 413, 422, 503),
    )
    def order(body: OrderRequest, request: Request) -> dict[str, object]:
        """Starts a job (one at a time); `GET /api/index` tells how it goes."""
        services.caller(request, "editor")
        index_jobs = _index_jobs(services)
        if body.action == "cancel":
            index_jobs.cancel()
        else:
            index_jobs.start(body.action, body.sources, yes=body.yes)
        job = index_jobs.job
        return {"job": _job(job) if job else None}

    @router.get("/health", summary="Alive?", include_in_schema=False)
    @router.get("/api/health", summary="Alive?")
    def health() -> Health:
        """The process answers. Needs no key."""
        return Health(version=version("konkyo"))

    @router.get("/ready", summary="Ready?", include_in_schema=False)
    @router.get("/api/ready", summary="Ready?", responses={503: {"model": Readiness}})
    def ready() -> Response:
        """Index and models are loaded: 200; before that, and while the server ends: 503. No key."""
        state = chat_service.readiness
        problem = "the index or a model cannot be used" if state == "failed" else ""
        count = chat_service.index_summary.count if chat_service.index_summary else None
        said = Readiness(ready=state == "ready", state=state, problem=problem, articles=count)
        return JSONResponse(said.model_dump(), 200 if said.ready else 503)

    @router.get(
        "/metrics",
        summary="Figures for Prometheus",
        responses={200: {"content": {"text/plain": {}}}, **some_problems()},
    )
    def metrics(request: Request) -> Response:
        """Counts and times of answers, in Prometheus' text format."""
        services.caller(request)
        return Response(chat_service.telemetry.exposition(), media_type="text/plain; version=0.0.4")

    return router


def _index_jobs(services: Services) -> IndexJobs:
    if services.index_jobs is None:
        raise NotReady("this server does not change its index")
    return services.index_jobs


def _job(job: Job) -> dict[str, object]:
    return {**asdict(job), "running": job.running}
