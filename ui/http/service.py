"""The HTTP interface: ask, search, read and keep the index, beside the page on the same server.

Annotations are evaluated here, not postponed: the framework reads those of the handlers, which are
made inside a function because the framework is imported there.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from konkyo.index.errors import KonkyoError
from konkyo.ui.http.answering import asking, left
from konkyo.ui.http.openapi_document import finish_document, key_needed
from konkyo.ui.http.problems import OPENAI_PATH, Fault, fault_of
from konkyo.ui.http.routes import (
    add_articles,
    add_asking,
    add_health,
    add_index,
    add_metrics,
    add_search,
)
from konkyo.ui.http.security_middleware import Application, Message, Receive, Scope, Send
from konkyo.ui.http.services import Services

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.responses import Response

__all__ = ["api_application", "api_document"]


def api_application(services: Services, tools: Application | None = None) -> Application:
    """The whole interface as an ASGI application, with its OpenAPI document and error bodies.

    ``tools`` answers at /mcp, for callers with a key.
    """
    app = _routed(services)
    add_error_handlers(app)
    return _counted(app, services, tools)


def api_document(services: Services) -> dict[str, object]:
    """The OpenAPI document."""
    return _routed(services).openapi()


def _routed(services: Services) -> "FastAPI":
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
    health = APIRouter(tags=["Konkyo"])
    add_health(health, services)
    routes = APIRouter(tags=["Konkyo"], dependencies=[key_needed()])
    for add in (add_asking, add_search, add_articles, add_index, add_metrics):
        add(routes, services)
    for router in (routes, health, openai_router(services)):
        app.include_router(router)
    finish_document(app)
    return app


def add_error_handlers(app: "FastAPI") -> None:
    """Tell every error in the form of its address: OpenAI's below /v1, else problem details."""
    from fastapi import Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import Response
    from starlette.exceptions import HTTPException

    @app.exception_handler(KonkyoError)
    def ours(request: Request, exc: KonkyoError) -> Response:
        return _told(fault_of(exc), request.url.path)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, exc: RequestValidationError) -> Response:
        path = request.url.path
        first = exc.errors()[0]
        if path.startswith(OPENAI_PATH):
            # Of a field with two forms: where the chosen one goes wrong, not that it is no string.
            first = max(exc.errors(), key=lambda e: (e["type"] != "string_type", len(e["loc"])))
            return _told(_unsupported(first["loc"], first["type"], first["msg"]), path)
        where = ".".join(str(part) for part in first["loc"])
        return _told(Fault(422, "invalid", f"{where}: {first['msg']}", where), path)

    @app.exception_handler(HTTPException)
    def other(request: Request, exc: HTTPException) -> Response:
        code = {404: "not_found", 405: "method_not_allowed"}.get(exc.status_code, "http")
        fault = Fault(exc.status_code, code, str(exc.detail), headers=dict(exc.headers or {}))
        return _told(fault, request.url.path)

    @app.exception_handler(Exception)
    def unforeseen(request: Request, exc: Exception) -> Response:
        # The server logs it with its place; the caller is told in the form of every error.
        fault = Fault(500, "internal", "an error nobody foresaw; see the log")
        return _told(fault, request.url.path)


def _told(fault: Fault, path: str) -> "Response":
    from fastapi.responses import Response

    kind, body = fault.encoded(path)
    return Response(body, fault.status, dict(fault.headers), kind)


def _unsupported(place: Sequence[object], kind: str, message: str) -> Fault:
    """What OpenAI's clients are told of a field that is malformed or asks for what is not here."""
    # The name of the chosen form of a message or of a stop is no part of the request.
    names = [
        part
        for part in place[1:]
        if part not in ("str", "constrained-str") and not str(part).startswith("list[")
    ]
    param = "".join(f"[{n}]" if isinstance(n, int) else f".{n}" for n in names).lstrip(".")
    if kind == "extra_forbidden":
        return Fault(400, "unknown_parameter", f"there is no parameter {param!r} here", param)
    if kind in ("literal_error", "too_long", "none_required", "union_tag_invalid"):
        said = f"{param}: this value is not supported here: {message}"
        return Fault(400, "unsupported_value", said, param)
    return Fault(400, "invalid_value", f"{param}: {message}", param or None)


def _counted(app: Application, services: Services, tools: Application | None) -> Application:
    """Counts requests by route and status, sends /mcp to ``tools``, and notices who hangs up."""
    from fastapi import Request

    counted = services.chat_service.telemetry.requests

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        to_tools = tools is not None and scope["path"] == "/mcp"

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                unrouted = "/mcp" if to_tools else "(none)"
                path = str(getattr(scope.get("route"), "path", unrouted))
                counted.labels(path, str(message["status"])).inc()
            await send(message)

        inner: Application = app
        if tools is not None and to_tools:
            try:
                asking.set(services.caller(Request(dict(scope))))
            except KonkyoError as exc:
                refused: Application = _told(fault_of(exc), "/mcp")
                await refused(scope, receive, sent)
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
