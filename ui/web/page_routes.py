"""The addresses of the pages beside the chat: articles, one article.

Annotations are evaluated here, not postponed: the framework reads those of the handlers.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal, get_args

from konkyo.index.errors import ArticleGone, ArticleMissing, KonkyoError
from konkyo.ui.http.auth import Access
from konkyo.ui.http.security_middleware import language_of
from konkyo.ui.http.sign_in import user_of
from konkyo.ui.server.audit import AuditLog
from konkyo.ui.server.index_jobs import Order
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.error_words import error_words
from konkyo.ui.web.feedback_page import FeedbackPage
from konkyo.ui.web.html.document import document
from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.html.overview import EditorPage
from konkyo.ui.web.i18n import say
from konkyo.ui.web.library import Library, article_listing
from konkyo.ui.web.reasons import reason_words
from konkyo.ui.web.settings_page import SettingsPage

if TYPE_CHECKING:
    from fastapi import APIRouter, Request
    from fastapi.responses import HTMLResponse

__all__ = ["page_routes"]

_log = logging.getLogger(__name__)

_LOADED_AGAIN = 2
"""Seconds after which a page is loaded again that has to wait for the models."""


def page_routes(chat_server: ChatServer, library: Library, files: Mapping[str, str]) -> "APIRouter":
    """Returns the routes; ``files`` are the addresses of style and script."""
    from fastapi import APIRouter

    router = APIRouter()
    shown = _Shown(chat_server.access, files, chat_server.editor_pages)
    _add_articles(router, library, shown)
    _add_orders(router, library, chat_server.access)
    if chat_server.feedback is not None:
        feedback = FeedbackPage(chat_server.chat_service, chat_server.feedback)
        _add_feedback(router, feedback, shown, lambda: library.loading)
    if chat_server.settings_page is not None:
        _add_settings(router, chat_server.settings_page, shown, library.audit)
    return router


@dataclass(frozen=True, slots=True)
class _Shown:
    """Makes the answer to a request for a page; ``for_editors`` are those of editors alone."""

    access: Access
    files: Mapping[str, str]
    for_editors: tuple[EditorPage, ...]

    def editor(self, request: "Request") -> bool:
        """Whether an editor asks."""
        return self.access.role_of_user(user_of(request.scope)) == "editor"

    def page(
        self, request: "Request", title: str, body: str, status: int = 200, here: str = "library"
    ) -> "HTMLResponse":
        """Returns a page that nobody keeps; ``here`` is its place in the navigation."""
        from fastapi.responses import HTMLResponse

        more = self.for_editors if self.editor(request) else ()
        links = (("./", "chat_page"), *((name, name) for name in ("library", *more)))
        language = language_of(request.headers)
        page = document(title, body, language, files=self.files, links=links, here=here)
        return HTMLResponse(page, status, {"cache-control": "no-store"})

    def refused(self, request: "Request", key: EditorPage) -> "HTMLResponse":
        """Returns that the page named by ``key`` is for editors."""
        language = language_of(request.headers)
        told = f'<p class="k-note" role="status">{phrase(language, "not_editor")}</p>'
        return self.page(request, say(language, key), told, 403, here=key)

    def problem(
        self, request: "Request", error: KonkyoError, *, soon: bool = False
    ) -> "HTMLResponse":
        """Returns the page that says why there is none; ``soon`` has it loaded again by itself."""
        language = language_of(request.headers)
        _log.warning("%s: %s", request.url.path, error)
        # Folders and addresses are named to those who may change them.
        words = error_words(error, language)
        if self.editor(request):
            words = reason_words(str(error), language)
        said = f'<p class="k-failed" role="alert" dir="auto">{escape(words)}</p>'
        page = self.page(request, say(language, "library"), said, 503)
        if soon:
            page.headers["refresh"] = str(_LOADED_AGAIN)
        return page


def _add_articles(router: "APIRouter", library: Library, shown: _Shown) -> None:
    """Add the list of articles and the page of one."""
    from fastapi import Request
    from fastapi.responses import HTMLResponse

    @router.get("/library")
    async def articles(request: Request) -> HTMLResponse:
        language = language_of(request.headers)
        listing = article_listing(request.query_params.multi_items())
        editor = shown.editor(request)
        try:
            body = await asyncio.to_thread(library.page, listing, language, editor=editor)
        except KonkyoError as exc:
            return shown.problem(request, exc, soon=library.loading)
        return shown.page(request, say(language, "library"), body)

    @router.get("/article")
    async def article(request: Request) -> HTMLResponse:
        language = language_of(request.headers)
        article_id = request.query_params.get("id", "")
        try:
            title, body = await asyncio.to_thread(library.article, article_id, language)
        except ArticleMissing as exc:
            key = "article_gone" if isinstance(exc, ArticleGone) else "article_unknown"
            gone = f'<p class="k-note">{phrase(language, key)}</p>'
            return shown.page(request, say(language, "library"), gone, 404)
        except KonkyoError as exc:
            return shown.problem(request, exc)
        return shown.page(request, title, body)


def _add_orders(router: "APIRouter", library: Library, access: Access) -> None:
    """Add what editors do."""
    from fastapi import Depends, HTTPException, Request
    from fastapi.responses import HTMLResponse, JSONResponse

    only = [Depends(_only_editors(access))]

    @router.get("/library/job", dependencies=only)
    async def job(request: Request) -> HTMLResponse:
        language = language_of(request.headers)
        return HTMLResponse(await asyncio.to_thread(library.job, language))

    @router.post("/library/order", dependencies=only)
    async def order(request: Request) -> HTMLResponse:
        said = await _said(request)
        known = next((name for name in get_args(Order) if name == said.get("order")), None)
        if known is None:
            raise HTTPException(400, "no such order")
        named = said.get("sources")
        sources = [str(source) for source in named] if isinstance(named, list) else []
        yes, language = said.get("yes") is True, language_of(request.headers)
        who = user_of(request.scope) or ""
        told = await asyncio.to_thread(library.order, known, sources, language, who, yes=yes)
        return HTMLResponse(told)

    @router.post("/library/watch", dependencies=only)
    async def watch(request: Request) -> HTMLResponse:
        said = await _said(request)
        do, source, hours = (str(said.get(n) or "").strip() for n in ("do", "source", "hours"))
        who = user_of(request.scope) or ""
        language = language_of(request.headers)
        return HTMLResponse(
            await asyncio.to_thread(library.watch, do, source, hours, language, who)
        )

    @router.post("/library/mark", dependencies=only)
    async def mark(request: Request) -> JSONResponse:
        said = await _said(request)
        article, status, how = (str(said.get(n) or "") for n in ("article", "status", "correction"))
        language, who = language_of(request.headers), user_of(request.scope) or ""
        problem = await asyncio.to_thread(library.mark, article, status, how, language, who)
        return JSONResponse({"problem": problem})


def _only_editors(access: Access) -> Callable[["Request"], None]:
    """Returns what refuses a request of anybody but an editor."""
    from fastapi import HTTPException, Request

    def editors(request: Request) -> None:
        if access.role_of_user(user_of(request.scope)) != "editor":
            raise HTTPException(403, say(language_of(request.headers), "not_editor"))

    return editors


def _add_feedback(
    router: "APIRouter", feedback: FeedbackPage, shown: _Shown, loading: Callable[[], bool]
) -> None:
    """Add the page of what readers said."""
    from fastapi import Request
    from fastapi.responses import HTMLResponse

    @router.get("/feedback")
    async def opinions(request: Request) -> HTMLResponse:
        language = language_of(request.headers)
        if not shown.editor(request):
            return shown.refused(request, "feedback")
        try:
            body = await asyncio.to_thread(feedback.page, language)
        except KonkyoError as exc:
            return shown.problem(request, exc, soon=loading())
        return shown.page(request, say(language, "feedback"), body, here="feedback")


def _add_settings(
    router: "APIRouter", settings: SettingsPage, shown: _Shown, audit: AuditLog | None
) -> None:
    """Add the page of settings."""
    from fastapi import Depends, Request
    from fastapi.responses import HTMLResponse, JSONResponse

    only = [Depends(_only_editors(shown.access))]

    @router.get("/settings")
    async def form(request: Request) -> HTMLResponse:
        language = language_of(request.headers)
        if not shown.editor(request):
            return shown.refused(request, "settings")
        try:
            body = await asyncio.to_thread(settings.page, language)
        except KonkyoError as exc:
            return shown.problem(request, exc)
        return shown.page(request, say(language, "settings"), body, here="settings")

    @router.post("/settings/{wish}", dependencies=only)
    async def change(request: Request, wish: Literal["save", "test"]) -> JSONResponse:
        said, language = await _said(request), language_of(request.headers)
        work = settings.save if wish == "save" else settings.test
        good, told = await asyncio.to_thread(work, said, language)
        if audit is not None and wish == "save":
            # Which settings there are is known, and a value may be a secret.
            who = user_of(request.scope) or ""
            await asyncio.to_thread(audit.add, who, "settings", (), "" if good else told)
        return JSONResponse({"good": good, "told": told})


async def _said(request: "Request") -> dict[str, object]:
    """Returns the object of a request's body; an empty one where there is none."""
    try:
        said = await request.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
