"""The routes under /api, /health and /metrics.

Annotations are evaluated here, not postponed: the framework reads those of the handlers.
"""

import threading
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated

from konkyo.index.errors import UsageError
from konkyo.index.records import ArticleOrder, ArticleQuery, Filter
from konkyo.rag.conversation import Turn
from konkyo.rag.types import to_json
from konkyo.ui.http.answering import event_stream, while_connected
from konkyo.ui.server.index_jobs import IndexJobs, Job
from konkyo.ui.web.chat_service import QUESTION_LIMIT
from konkyo.ui.web.pipeline_protocol import NotReady
from konkyo.ui.web.quote_translator import NoQuote

if TYPE_CHECKING:
    from fastapi import APIRouter
from konkyo.ui.http.openapi_document import event_stream_of, some_problems
from konkyo.ui.http.results import MOST_ARTICLES, WORDS, article_list, search_result, words_of
from konkyo.ui.http.schemas import (
    ARTICLE_ID,
    EVENTS,
    ArticleList,
    ArticleObject,
    AskRequest,
    Code,
    Health,
    IndexState,
    JobObject,
    OrderRequest,
    OrderTaken,
    OutcomeObject,
    Readiness,
    SearchResult,
    ShortText,
    Translated,
    TranslateRequest,
    Where,
)
from konkyo.ui.http.services import Services, answer_from, event_lines

__all__ = ["add_articles", "add_asking", "add_health", "add_index", "add_metrics", "add_search"]

_SOURCES_SHOWN = 1000


def add_asking(router: "APIRouter", services: Services) -> None:
    """Add the routes that ask a question and translate a quote."""
    from fastapi import Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse, Response

    @router.post(
        "/api/ask",
        operation_id="ask",
        summary="Ask a question",
        responses={
            200: {
                "description": "The outcome (docs/schema.md), or with `stream` its events.",
                "model": OutcomeObject,
                "content": event_stream_of(EVENTS),
            },
            **some_problems(400, 413, 422, 429, 503, 504),
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
        operation_id="translate",
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


def _filter(
    since: date | None, until: date | None, languages: list[Code], outlets: list[ShortText]
) -> Filter:
    if since and until and since > until:
        raise UsageError(f"since {since} is after until {until}")
    return Where(since=since, until=until, languages=languages, outlets=outlets).filter()


def add_search(router: "APIRouter", services: Services) -> None:
    """Add the route that ranks passages."""
    from fastapi import Query, Request

    asked = Query(min_length=1, max_length=QUESTION_LIMIT, pattern=r"\S", examples=["対米投資"])
    languages = Annotated[list[Code], Query(max_length=50, description="ISO 639-1 codes.")]
    outlets = Annotated[list[ShortText], Query(max_length=50)]

    @router.get(
        "/api/search",
        operation_id="search",
        summary="Rank passages",
        responses=some_problems(400, 422, 429, 503),
    )
    def search(
        request: Request,
        q: Annotated[str, asked],
        top_k: Annotated[int, Query(ge=1, le=100)] = 10,
        since: date | None = None,
        until: date | None = None,
        language: languages = [],  # noqa: B006
        outlet: outlets = [],  # noqa: B006
    ) -> SearchResult:
        """Passages with their fused, dense and lexical scores, best first."""
        services.limiter.take(services.caller(request))
        where = _filter(since, until, language, outlet)
        return search_result(services.ranker().retrieve(q, top_k, where))


def add_articles(router: "APIRouter", services: Services) -> None:
    """Add the routes that list and give articles."""
    from fastapi import Path, Query, Request

    languages = Annotated[list[Code], Query(max_length=50, description="ISO 639-1 codes.")]
    outlets = Annotated[list[ShortText], Query(max_length=50)]

    @router.get(
        "/api/articles",
        operation_id="list_articles",
        summary="List articles",
        responses=some_problems(400, 422, 503),
    )
    def articles(
        request: Request,
        text: Annotated[str, Query(max_length=300, description=WORDS)] = "",
        since: date | None = None,
        until: date | None = None,
        language: languages = [],  # noqa: B006
        outlet: outlets = [],  # noqa: B006
        order: ArticleOrder = "date",
        descending: bool = True,
        offset: Annotated[int, Query(ge=0, le=MOST_ARTICLES)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> ArticleList:
        """The articles that pass, a page at a time."""
        services.caller(request)
        query = ArticleQuery(words_of(text), order, descending, offset, limit)
        return article_list(
            services.articles(query, _filter(since, until, language, outlet)), offset
        )

    @router.get(
        "/api/articles/{article_id}",
        operation_id="get_article",
        summary="One article",
        responses=some_problems(404, 422, 503),
    )
    def article(
        request: Request, article_id: Annotated[str, Path(pattern=ARTICLE_ID)]
    ) -> ArticleObject:
        """The article as it is quoted: for every citation `text[start:end] == quote`."""
        services.caller(request)
        found = services.chat_service.reader.article(article_id)
        return ArticleObject.model_validate(asdict(found))


def add_index(router: "APIRouter", services: Services) -> None:
    """Add the routes by which editors see and change the index."""
    from fastapi import Request

    chat_service = services.chat_service

    @router.get(
        "/api/index",
        operation_id="get_index",
        summary="The index",
        responses=some_problems(403, 503),
        response_model_exclude_unset=True,
    )
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
        operation_id="change_index",
        status_code=202,
        response_model_exclude_unset=True,
        summary="Change the index",
        responses=some_problems(400, 403, 409, 413, 422, 503),
    )
    def order(body: OrderRequest, request: Request) -> OrderTaken:
        """Starts a job (one at a time); `GET /api/index` tells how it goes."""
        who = services.caller(request, "editor")
        index_jobs = _index_jobs(services)
        if body.action == "cancel":
            index_jobs.cancel(who)
        else:
            index_jobs.start(body.action, body.sources, yes=body.yes, who=who)
        job = index_jobs.job
        return OrderTaken(job=_job(job) if job else None)


def add_health(router: "APIRouter", services: Services) -> None:
    """Add the routes that operators watch."""
    from importlib.metadata import version

    from fastapi import Response

    chat_service = services.chat_service

    @router.get("/health", include_in_schema=False)
    @router.get("/api/health", operation_id="health", summary="Alive?")
    def health() -> Health:
        """The process answers. Needs no key."""
        return Health(version=version("konkyo"))

    @router.get("/ready", include_in_schema=False)
    @router.get(
        "/api/ready",
        operation_id="ready",
        summary="Ready?",
        responses={503: {"model": Readiness, "description": "Not now."}},
    )
    def ready(response: Response) -> Readiness:
        """Index and models are loaded and the index answers: 200; else, or ending: 503. No key."""
        state = chat_service.check_index()
        problem = "the index or a model cannot be used" if state == "failed" else ""
        count = chat_service.index_summary.count if chat_service.index_summary else None
        response.status_code = 200 if state == "ready" else 503
        return Readiness(ready=state == "ready", state=state, problem=problem, articles=count)


def add_metrics(router: "APIRouter", services: Services) -> None:
    """Add the route that Prometheus reads."""
    from fastapi import Request
    from fastapi.responses import PlainTextResponse, Response

    @router.get(
        "/metrics",
        operation_id="metrics",
        summary="Figures for Prometheus",
        response_class=PlainTextResponse,
        responses=some_problems(),
    )
    def metrics(request: Request) -> Response:
        """Counts and times of answers, in Prometheus' text format."""
        services.caller(request)
        told = services.chat_service.telemetry.exposition()
        return Response(told, media_type="text/plain; version=0.0.4")


def _index_jobs(services: Services) -> IndexJobs:
    if services.index_jobs is None:
        raise NotReady("this server does not change its index")
    return services.index_jobs


def _job(job: Job) -> JobObject:
    said = {**asdict(job), "running": job.running}
    return JobObject.model_validate(said)
