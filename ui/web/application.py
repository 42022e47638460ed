"""The whole application: the page, its files and the interfaces for programs, as ASGI.

Annotations are evaluated here, not postponed: FastAPI reads those of the routes, and could not
resolve names of a library that is imported inside a function.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import unquote

from konkyo.index.errors import KonkyoError, UsageError
from konkyo.ui.http.openid_sign_in import OpenIDSignIn
from konkyo.ui.http.origins import Origins
from konkyo.ui.http.security_middleware import (
    Application,
    Limits,
    SecurityMiddleware,
    fork,
    language_of,
)
from konkyo.ui.http.sign_in import SignIn
from konkyo.ui.web.admin import UPLOAD_LIMIT, AdminPages
from konkyo.ui.web.chat_server import LOOPBACK, ChatServer
from konkyo.ui.web.components.page import mount_page, share_sign_ins
from konkyo.ui.web.error_words import error_words
from konkyo.ui.web.html.sign_in import sign_in_form
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.library import Library
from konkyo.ui.web.not_found import add_not_found_page
from konkyo.ui.web.page_routes import page_routes
from konkyo.ui.web.reasons import reason_words
from konkyo.ui.web.views import asset_addresses, head_view, page_words

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

__all__ = ["build"]

_log = logging.getLogger(__name__)

_ASSETS = (
    "connection.js",
    "drops.js",
    "page.js",
    "pages.css",
    "pages.js",
    "share.css",
    "theme.css",
)


def build(
    chat_server: ChatServer, *, host: str = "127.0.0.1", port: int = 7860
) -> SecurityMiddleware:
    """Returns the whole application as an ASGI callable; nothing is loaded or bound."""
    from fastapi import FastAPI

    from konkyo.ui.http.mcp import http_application, server_of
    from konkyo.ui.http.service import api_application
    from konkyo.ui.http.services import Services

    chat_service, access = chat_server.chat_service, chat_server.access
    by_password = access.page_locked and not access.user_header
    admin = AdminPages(chat_server.index_jobs, chat_server.evaluation_jobs)
    assets = {n: files("konkyo.ui.web").joinpath("static", n).read_bytes() for n in _ASSETS}

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _tell_errors(app)
    app.include_router(_file_routes(admin, assets))
    addresses = asset_addresses(assets)
    library = Library(chat_service, chat_server.index_jobs, admin.tickets, chat_server.watcher)
    app.include_router(page_routes(chat_server, library, addresses))
    app.include_router(_share_routes(chat_server, f"../{addresses['share.css']}"))
    mounted = mount_page(app, chat_server, admin, host=host, port=port)
    add_not_found_page((app, mounted), addresses)
    signed_in = SignIn(
        app,
        access,
        chat_server.sign_ins,
        proxied=bool(chat_server.names),
        signed_out=chat_service.conversations.close_reader,
        storage=chat_server.limit_storage,
        form=partial(sign_in_form, files=addresses),
    )
    share_sign_ins(mounted, signed_in)
    page: Application = signed_in
    if chat_server.openid is not None:
        page = OpenIDSignIn(
            signed_in,
            chat_server.openid,
            chat_server.sign_ins,
            proxied=bool(chat_server.names),
            signed_out=chat_service.conversations.close_reader,
            storage=chat_server.limit_storage,
        )

    services = Services(chat_service, access, chat_server.index_jobs, chat_server.limiter)
    tools, running = http_application(server_of(services))
    _run_within(app, running)

    def words(language: Language) -> Mapping[str, str]:
        signs_in = by_password or chat_server.openid is not None
        return page_words(chat_service, language, by_password=signs_in)

    return SecurityMiddleware(
        fork(api_application(services, tools), page),
        words,
        head_view(assets),
        _limits(chat_server, host),
        Origins(frozenset(chat_server.origins)),
    )


def _tell_errors(app: "FastAPI") -> None:
    """Tell errors of ours that no route has told: what happened, in the reader's language."""
    from fastapi import Request
    from fastapi.responses import JSONResponse

    @app.exception_handler(KonkyoError)
    def ours(request: Request, exc: KonkyoError) -> JSONResponse:
        _log.warning("%s: %s", request.url.path, exc)
        return JSONResponse({"detail": error_words(exc, language_of(request.headers))}, 503)


def _limits(chat_server: ChatServer, host: str) -> Limits:
    """Returns what a request may be; on this machine alone, which names it may be sent to."""
    names = {*LOOPBACK, *(name.lower() for name in chat_server.names)}
    return Limits(
        hosts=frozenset(names) if host in LOOPBACK else frozenset(),
        upload=UPLOAD_LIMIT if chat_server.index_jobs else 0,
    )


def _file_routes(admin: AdminPages, assets: Mapping[str, bytes]) -> "APIRouter":
    """Returns the addresses below /konkyo/: script and style, reports, and uploads."""
    from fastapi import APIRouter, HTTPException, Request
    from fastapi.responses import JSONResponse, Response

    router = APIRouter(prefix="/konkyo")

    @router.get("/{name}")
    def asset(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404)
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        held = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(assets[name], media_type=f"{kind}; charset=utf-8", headers=held)

    @router.get("/report/{ticket}")
    def report(ticket: str) -> Response:
        page = admin.report(ticket)
        if page is None:
            raise HTTPException(404)
        return Response(page, media_type="text/html; charset=utf-8")

    @router.post("/upload/{ticket}")
    async def upload(ticket: str, request: Request) -> Response:
        if not admin.tickets.valid(ticket, "upload"):
            raise HTTPException(404)
        name = unquote(request.headers.get("x-file-name", ""))
        try:
            content = await request.body()
            kept = await asyncio.to_thread(admin.receive, ticket, name, content)
        except UsageError as exc:
            told = reason_words(str(exc), language_of(request.headers))
            return JSONResponse({"problem": told}, 400)
        return JSONResponse(kept)

    return router


def _share_routes(chat_server: ChatServer, style: str) -> "APIRouter":
    """Returns the addresses of shared answers."""
    from fastapi import APIRouter, Request
    from fastapi.responses import HTMLResponse

    router = APIRouter()

    @router.api_route("/share/{token}", methods=["GET", "HEAD"])
    def shared(token: str, request: Request) -> HTMLResponse:
        may_read = bool(request.scope.get("konkyo.may_read"))
        language = language_of(request.headers)
        status, page = chat_server.shares.page(
            token, language, style, chat_server.chat_service.citations.noted, signed_in=may_read
        )
        return HTMLResponse(page, status, {"cache-control": "no-store"})

    return router


def _run_within(
    app: "FastAPI",
    running: Callable[[], contextlib.AbstractAsyncContextManager[object]],
) -> None:
    """Let ``running`` last from the start of the application to its end."""
    own = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def both(application: "FastAPI") -> AsyncIterator[None]:
        async with running(), own(application):
            yield

    app.router.lifespan_context = both
