"""The routes under /api, /health and /metrics.

Annotations are evaluated here, not postponed: the framework reads those of the handlers.
"""

import threading
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated

from konkyo.index.errors import (
    UsageError,
)
from konkyo.rag.conversation import Turn
from konkyo.rag.types import (
    to_json,
)
from konkyo.ui.http.answering import event_stream, while_connected
from konkyo.ui.server.index_jobs import IndexJobs, Job
from konkyo.ui.web.chat_service import QUESTION_LIMIT
from konkyo.ui.web.pipeline_protocol import NotReady
from konkyo.ui.web.quote_translator import NoQuote

if TYPE_CHECKING:
    from fastapi import APIRouter
from konkyo.ui.http.problems import some_problems
from konkyo.ui.http.schemas import (
    ARTICLE_ID,
    AskRequest,
    Code,
    Health,
    IndexState,
    OrderRequest,
    Readiness,
    Short,
    Translated,
    TranslateRequest,
    Where,
)
from konkyo.ui.http.services import Services, answer_from, event_lines

__all__ = ["add_asking", "add_health", "add_index", "add_reading"]

_SOURCES_SHOWN = 1000


def add_asking(router: "APIRouter", services: Services) -> None:
    """Add the routes that ask a question and translate a quote."""
    from fastapi import Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse, Response

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
            put = body.phrasing, body.strictness
            events = services.events(
                caller, body.question, "api", history, body.filter(), gone, *put
            )
            if body.stream:
                return event_stream(event_lines(events), events)
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


def add_reading(router: "APIRouter", services: Services) -> None:
    """Add the routes that rank passages and give an article."""
    from fastapi import Path, Query, Request

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
        return asdict(services.chat_service.reader.article(article_id))


def add_index(router: "APIRouter", services: Services) -> None:
    """Add the routes by which editors see and change the index."""
    from fastapi import Request

    chat_service = services.chat_service

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


def add_health(router: "APIRouter", services: Services) -> None:
    """Add the routes that operators watch."""
    from importlib.metadata import version

    from fastapi import Request
    from fastapi.responses import JSONResponse, Response

    chat_service = services.chat_service

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


def _index_jobs(services: Services) -> IndexJobs:
    if services.index_jobs is None:
        raise NotReady("this server does not change its index")
    return services.index_jobs


def _job(job: Job) -> dict[str, object]:
    return {**asdict(job), "running": job.running}
