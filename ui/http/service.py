"""The HTTP interface: ask, search, read and keep the index, beside the page on the same server.

Annotations are evaluated here, not postponed: the framework reads those of the handlers, which are
made inside a function because the framework is imported there.
"""

import threading
from typing import TYPE_CHECKING, TypeVar

from konkyo.index.errors import (
    KonkyoError,
)
from konkyo.ui.http.answering import left
from konkyo.ui.http.security_middleware import Application, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from fastapi import FastAPI

    pass
from konkyo.ui.http.problems import problem, problem_of
from konkyo.ui.http.routes import add_asking, add_health, add_index, add_reading
from konkyo.ui.http.services import Services

__all__ = ["api_application"]

T = TypeVar("T")


def api_application(services: Services, tools: Application | None = None) -> Application:
    """The whole interface as an ASGI application, with its OpenAPI document and error bodies.

    ``tools`` answers at /mcp, for callers with a key.
    """
    from importlib.metadata import version

    from fastapi import APIRouter, FastAPI

    from konkyo.ui.http.openai import router as openai_router

    app = FastAPI(
        title="Konkyo",
        version=version("konkyo"),
        description="Ask news articles; every sentence of an answer cites an exact quote.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    routes = APIRouter(tags=["Konkyo"])
    for add in (add_asking, add_reading, add_index, add_health):
        add(routes, services)
    app.include_router(routes)
    app.include_router(openai_router(services))

    add_error_handlers(app)
    return _counted(app, services, tools)


def add_error_handlers(app: "FastAPI") -> None:
    """Tell every error in the one form."""
    from fastapi import Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse, Response
    from starlette.exceptions import HTTPException

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


def _counted(app: Application, services: Services, tools: Application | None) -> Application:
    """Counts requests by route and status, sends /mcp to ``tools``, and notices who hangs up."""
    from fastapi import Request
    from fastapi.responses import JSONResponse

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
