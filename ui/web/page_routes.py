"""The addresses of the pages beside the chat: articles, one article.

Annotations are evaluated here, not postponed: the framework reads those of the handlers.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, get_args

from konkyo.index.errors import ArticleGone, ArticleMissing, KonkyoError
from konkyo.ui.http.auth import Access
from konkyo.ui.http.security_middleware import language_of
from konkyo.ui.http.sign_in import user_of
from konkyo.ui.server.index_jobs import Order
from konkyo.ui.web.html.document import document
from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.library import Library, article_listing

if TYPE_CHECKING:
    from fastapi import APIRouter, Request
    from fastapi.responses import HTMLResponse

__all__ = ["page_routes"]

_PAGES = (("library", "library"), ("./", "chat_page"))


def page_routes(library: Library, access: Access, files: Mapping[str, str]) -> "APIRouter":
    """Returns the routes; ``files`` are the addresses of style and script."""
    from fastapi import APIRouter

    router = APIRouter()
    _add_articles(router, library, _Shown(access, files))
    _add_orders(router, library, access)
    return router


@dataclass(frozen=True, slots=True)
class _Shown:
    """Makes the answer to a request for a page."""

    access: Access
    files: Mapping[str, str]

    def editor(self, request: "Request") -> bool:
        """Whether an editor asks."""
        return self.access.role_of_user(user_of(request.scope)) == "editor"

    def page(self, title: str, body: str, language: Language, status: int = 200) -> "HTMLResponse":
        """Returns a page that nobody keeps."""
        from fastapi.responses import HTMLResponse

        page = document(title, body, language, files=self.files, links=_PAGES)
        return HTMLResponse(page, status, {"cache-control": "no-store"})

    def problem(self, error: KonkyoError, language: Language) -> "HTMLResponse":
        """Returns the page that says why there is none."""
        said = f'<p class="k-failed" role="alert" dir="auto">{escape(str(error))}</p>'
        return self.page(say(language, "library"), said, language, 503)


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
            return shown.problem(exc, language)
        return shown.page(say(language, "library"), body, language)

    @router.get("/article")
    async def article(request: Request) -> HTMLResponse:
        language = language_of(request.headers)
        article_id = request.query_params.get("id", "")
        try:
            title, body = await asyncio.to_thread(library.article, article_id, language)
        except ArticleMissing as exc:
            key = "article_gone" if isinstance(exc, ArticleGone) else "article_unknown"
            gone = f'<p class="k-note">{phrase(language, key)}</p>'
            return shown.page(say(language, "library"), gone, language, 404)
        except KonkyoError as exc:
            return shown.problem(exc, language)
        return shown.page(title, body, language)


def _add_orders(router: "APIRouter", library: Library, access: Access) -> None:
    """Add what editors do."""
    from fastapi import Depends, HTTPException, Request
    from fastapi.responses import HTMLResponse, JSONResponse

    def editors(request: Request) -> None:
        if access.role_of_user(user_of(request.scope)) != "editor":
            raise HTTPException(403, say(language_of(request.headers), "not_editor"))

    only = [Depends(editors)]

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
        language = language_of(request.headers)
        return HTMLResponse(await asyncio.to_thread(library.watch, do, source, hours, language))

    @router.post("/library/mark", dependencies=only)
    async def mark(request: Request) -> JSONResponse:
        said = await _said(request)
        facts = [str(said.get(name) or "") for name in ("article", "status", "correction")]
        facts.append(user_of(request.scope) or "")
        return JSONResponse({"problem": await asyncio.to_thread(library.mark, *facts)})


async def _said(request: "Request") -> dict[str, object]:
    """Returns the object of a request's body; an empty one where there is none."""
    try:
        said = await request.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
