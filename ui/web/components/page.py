"""The page: puts its components together, and mounts it on the application.

Annotations are evaluated here, not postponed: see ``events``.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from konkyo.ui.http.sign_in import SignIn
from konkyo.ui.web.admin import AdminPages
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.components.context import PageContext
from konkyo.ui.web.components.conversation_column import ConversationColumn
from konkyo.ui.web.components.conversation_list import ConversationList
from konkyo.ui.web.components.events import at_once, on_request, unchanged
from konkyo.ui.web.components.header import Header
from konkyo.ui.web.components.source_panel import SourcePanel
from konkyo.ui.web.page_sessions import reader_of

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI
    from gradio.routes import App

__all__ = ["mount_page", "share_sign_ins"]

_WAITING_AT_MOST = 200


def mount_page(
    app: "FastAPI", chat_server: ChatServer, admin: AdminPages, *, host: str, port: int
) -> "App":
    """Add the page to an application at /, with all of Gradio turned off that it does not need.

    Returns Gradio's own application.
    """
    import gradio as gr
    from gradio.routes import App

    access = chat_server.access
    by_password = access.page_locked and not access.user_header
    sans = ["ui-sans-serif", "system-ui", "sans-serif"]
    gr.mount_gradio_app(
        app,
        _build_page(PageContext(chat_server, admin)),
        path="/",
        server_name=host,
        server_port=port,
        footer_links=[],
        run_history=False,
        auth=_refuse if by_password else None,
        auth_dependency=_user_of(access.user_header) if access.user_header else None,
        show_error=False,
        max_file_size=1,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=gr.themes.Base(font=sans, font_mono=["ui-monospace", "monospace"]),
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    pages = (getattr(route, "app", None) for route in app.routes)
    return next(page for page in pages if isinstance(page, App))


def share_sign_ins(mounted: "App", signed_in: SignIn) -> None:
    """Tell Gradio the cookies by which it knows those who signed in."""
    mounted.cookie_id = signed_in.framework_cookie_id
    mounted.tokens = signed_in.framework_tokens


def _build_page(context: PageContext) -> "gr.Blocks":
    import gradio as gr

    page: gr.Blocks
    with gr.Blocks(
        title="@@title@@", analytics_enabled=False, fill_width=True, fill_height=True
    ) as page:
        header = Header(context)
        with gr.Row(elem_id="k-columns", equal_height=False):
            with gr.Column(elem_id="k-side", scale=0, min_width=0):
                listed = ConversationList(context)
            with gr.Column(elem_id="k-left", scale=6, min_width=0):
                column = ConversationColumn(context)
            with gr.Column(elem_id="k-right", scale=5, min_width=0):
                source = SourcePanel(context)
        column.wire(source, listed)
        listed.wire(column, source)
        header.wire()
        source.wire(column.conversation)
        _wire_page(page, context, header, column, source, listed)
    page.queue(max_size=_WAITING_AT_MOST)
    return page


def _wire_page(
    page: "gr.Blocks",
    context: PageContext,
    header: Header,
    column: ConversationColumn,
    source: SourcePanel,
    listed: ConversationList,
) -> None:
    """Wire what happens when the page is opened and when it is closed."""
    import gradio as gr

    def shown(request: gr.Request, waited: bool) -> tuple[object, object, object, object]:
        visit = context.visit(request)
        conversation = visit.conversation
        untouched = not conversation.turns
        # No source could be read before the models were ready: not one the reader opened either.
        opened = conversation.source_opened and not waited
        # The source of an answer under way comes with that answer.
        stays = conversation.admin_page_open or conversation.busy or opened
        return (
            context.status(visit.language),
            context.conversation(visit) if untouched else unchanged(),
            unchanged() if stays else source.beside_shown(visit),
            context.filters(visit),
        )

    async def arrive(request: gr.Request) -> tuple[object, object, object, object]:
        waited = False
        while context.chat_service.readiness == "loading":
            waited = True
            await asyncio.sleep(0.2)
        # A conversation may have to be fetched from a database.
        return await asyncio.to_thread(shown, request, waited)

    def welcome(request: gr.Request) -> object:
        visit = context.visit(request)
        return unchanged() if visit.conversation.turns else context.conversation(visit)

    async def find_examples(request: gr.Request) -> object:
        service = context.chat_service
        # A conversation may have to be fetched from a database.
        language = (await asyncio.to_thread(context.visit, request)).language
        while service.readiness in ("loading", "ready") and service.examples(language) is None:
            await asyncio.sleep(0.2)
        return await asyncio.to_thread(welcome, request)

    def leave(request: gr.Request) -> None:
        session = str(request.session_hash)
        context.chat_service.conversations.leave(reader_of(session), session)

    # What is kept is shown before the models are ready.
    at_once(page.load, on_request(context, listed.show), listed.outputs)
    parts = [header.status, column.conversation, source.panel, column.filter_bar.filters]
    at_once(page.load, arrive, parts)
    at_once(page.load, find_examples, column.conversation)
    # A page that was opened while the index was away.
    at_once(header.status.returned, arrive, parts)
    at_once(header.status.returned, find_examples, column.conversation)
    page.unload(leave)


def _user_of(header: str) -> Callable[[object], str | None]:
    """Returns a function that reads from a request who the proxy says is asking.

    Nobody is let in without a name.
    """
    from fastapi import Request

    def user(request: Request) -> str | None:
        return request.headers.get(header) or None

    return user  # type: ignore[return-value]


def _refuse(user: str, given: str) -> bool:
    """Let nobody in: ``SignIn`` takes passwords before Gradio sees them."""
    return False
