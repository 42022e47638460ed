"""The chat's page: Gradio components wired to a desk, served by uvicorn behind the guard.

Annotations are evaluated here, not postponed: Gradio reads those of the handlers to know what
to pass them, and could not resolve names of a library that is imported inside a function.
"""

import asyncio
import contextlib
import hashlib
import itertools
import logging
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from types import FrameType
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote

from konkyo.index.errors import ArticleMissing, UsageError
from konkyo.index.records import Filter
from konkyo.index.text.unicode import well_formed
from konkyo.rag.types import to_json
from konkyo.ui.http.auth import Access, Limiter, TooMany
from konkyo.ui.http.origins import Origins
from konkyo.ui.http.security_middleware import (
    LANGUAGE_COOKIE,
    Limits,
    SecurityMiddleware,
    fork,
    language_of,
)
from konkyo.ui.http.sign_in import SignIn
from konkyo.ui.server.evaluation_jobs import EvaluationJobs
from konkyo.ui.server.feedback import REASONS, Keeps, Reason
from konkyo.ui.server.index_jobs import IndexJobs
from konkyo.ui.web.admin import UPLOAD_LIMIT, AdminPages
from konkyo.ui.web.chat_service import QUESTION_LIMIT, ChatService, Conversation
from konkyo.ui.web.export import as_json, as_markdown
from konkyo.ui.web.html.article import article_page, notice_page
from konkyo.ui.web.html.conversation import conversation
from konkyo.ui.web.html.elements import suggested_question
from konkyo.ui.web.html.filters import filters
from konkyo.ui.web.html.overview import file_download, overview, status
from konkyo.ui.web.i18n import LANGUAGE_NAMES, LANGUAGES, PHRASES, Language, say
from konkyo.ui.web.page_sessions import reader_of
from konkyo.ui.web.turns import Mark, leading_quote

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

__all__ = ["ChatServer", "Served", "build", "listen", "serve"]

_ARTICLE_ID = re.compile(r"[0-9A-Za-z_-]{1,64}\Z")
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_READERS_AT_ONCE = 32
_TRANSLATIONS_AT_ONCE = 16
_THREADS = 120
# A tenth of a second each.
_QUIET_TICKS = 5

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChatServer:
    """What one server consists of: the desk, who may come in and how often, who keeps the index,
    who evaluates, and where readers' feedback goes (None: there is no such thing here);
    ``names`` are host names by which a proxy calls it.
    """

    chat_service: ChatService
    access: Access = field(default_factory=Access)
    limiter: Limiter | None = None
    index_jobs: IndexJobs | None = None
    evaluation_jobs: EvaluationJobs | None = None
    feedback: Keeps | None = None
    names: tuple[str, ...] = ()
    sign_ins: MutableMapping[str, str] | None = None
    """Who signed in where several servers share that (None: each server its own)."""
    grace: float = 30.0
    """Seconds a server that is told to end (SIGTERM) goes on with answers under way."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may call the HTTP interface."""


@dataclass(frozen=True, slots=True)
class Served:
    """Where the chat can be reached."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address to open in a browser on this machine."""
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        shown = f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown
        return f"http://{shown}:{self.port}/"


def listen(host: str, port: int, access: Access, names: Sequence[str] = ()) -> socket.socket:
    """Take the port, before anything slow is done.

    ``names`` are those by which a proxy on this machine calls the chat. Raises UsageError when the
    port is taken or the host is not one of this machine's, when others could reach the chat but
    nobody is asked who they are, and when others could say that they are somebody else.
    """
    if access.user_header and host not in _LOOPBACK:
        raise UsageError(
            f"--host {host}: anybody could send the header {access.user_header}. Listen on 127.0.0.1,"
            " where only the proxy of this machine can."
        )
    if names and not access.page_locked:
        raise UsageError(
            f"[chat] names: {', '.join(names)} lets others in. Set a password, or user_header where"
            " the proxy signs people in."
        )
    if host not in _LOOPBACK and not access.page_locked:
        raise UsageError(
            f"--host {host}: other machines could read the articles. Set a password first "
            "(--password-file FILE, or KONKYO_PASSWORD), or listen on 127.0.0.1."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except (OSError, OverflowError) as exc:
        taken.close()
        raise UsageError(
            f"cannot listen on {host} port {port}: {exc}. Something else may be using it; "
            "choose another with --port (make chat PORT=...)."
        ) from exc
    return taken


def serve(
    chat_server: ChatServer,
    taken: socket.socket,
    *,
    ready: Callable[[Served], None] | None = None,
) -> None:
    """Serve the chat on a socket from ``listen`` until interrupted; KeyboardInterrupt passes on.

    SIGTERM ends it gently, and this returns: it says it is not ready, answers what it was asked,
    and closes when nobody waits any more, at the latest after ``house.grace`` seconds. The desk gets ready in the background; ``ready`` is called once the page can be opened.
    """
    import uvicorn

    host, port = taken.getsockname()[:2]
    application = build(chat_server, host=host, port=port)
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=1,
    )
    chat_server.chat_service.open()

    class DrainingServer(uvicorn.Server):
        until: float | None = None
        quiet = 0

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if sig != signal.SIGTERM:
                super().handle_exit(sig, frame)
            elif self.until is None:
                chat_server.chat_service.drain()
                self.until = time.monotonic() + chat_server.grace

        async def on_tick(self, counter: int) -> bool:
            if self.until is not None:
                # Between two requests of one answer nothing is open: look more than once.
                waited_for = application.busy or chat_server.chat_service.answering
                self.quiet = 0 if waited_for else self.quiet + 1
                if self.quiet >= _QUIET_TICKS or time.monotonic() > self.until:
                    self.should_exit = True
            return await super().on_tick(counter)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            from anyio.to_thread import current_default_thread_limiter

            # A question being answered holds a thread; others must still find one.
            current_default_thread_limiter().total_tokens = _THREADS
            await super().startup(sockets)
            if ready is not None:
                ready(Served(host, port))

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            application.close()
            await super().shutdown(sockets)

    DrainingServer(config).run(sockets=[taken])


def build(
    chat_server: ChatServer, *, host: str = "127.0.0.1", port: int = 7860
) -> SecurityMiddleware:
    """The whole application over a desk, as an ASGI callable; nothing is loaded or bound."""
    import gradio as gr
    from fastapi import FastAPI, Request
    from fastapi.responses import JSONResponse, Response

    from konkyo.ui.http.mcp import http_application, server_of
    from konkyo.ui.http.service import Services, api_application

    chat_service, access = chat_server.chat_service, chat_server.access
    by_password = access.page_locked and not access.user_header
    admin = AdminPages(chat_server.index_jobs, chat_server.evaluation_jobs)

    assets = {name: _asset(name) for name in ("desk.js", "theme.css")}
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/konkyo/{name}")
    def asset(name: str) -> Response:
        if name not in assets:
            return Response("Not found.", 404, media_type="text/plain")
        kind = "text/css" if name.endswith(".css") else "text/javascript"
        held = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(assets[name], media_type=f"{kind}; charset=utf-8", headers=held)

    @app.get("/konkyo/report/{ticket}")
    def report(ticket: str) -> Response:
        page = admin.report(ticket)
        if page is None:
            return Response("Not found.", 404, media_type="text/plain")
        return Response(page, media_type="text/html; charset=utf-8")

    @app.post("/konkyo/upload/{ticket}")
    async def upload(ticket: str, request: Request) -> Response:
        if not admin.tickets.valid(ticket, "upload"):
            return Response("Not found.", 404, media_type="text/plain")
        name = unquote(request.headers.get("x-file-name", ""))
        try:
            content = await request.body()
            kept = await asyncio.to_thread(admin.receive, ticket, name, content)
        except UsageError as exc:
            return JSONResponse({"problem": str(exc)}, 400)
        return JSONResponse(kept)

    gr.mount_gradio_app(
        app,
        _page(chat_server, admin),
        path="/",
        server_name=host,
        server_port=port,
        footer_links=[],
        run_history=False,
        auth=_not_by_framework if by_password else None,
        auth_dependency=_named(access.user_header) if access.user_header else None,
        auth_message="@@login@@",
        show_error=False,
        max_file_size=1,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=_theme(),
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    signed_in = SignIn(
        app,
        access,
        chat_server.sign_ins,
        proxied=bool(chat_server.names),
        signed_out=chat_service.forget_reader,
    )
    _tell_sign_ins(app, signed_in)
    own_names = {"localhost", "127.0.0.1", "::1", *(name.lower() for name in chat_server.names)}
    hosts = frozenset(own_names) if host in _LOOPBACK else frozenset()
    services = Services(chat_service, access, chat_server.index_jobs, chat_server.limiter)
    tools, running = http_application(server_of(services))
    own = app.router.lifespan_context

    @contextlib.asynccontextmanager
    async def both(application: FastAPI) -> AsyncIterator[None]:
        async with running(), own(application):
            yield

    app.router.lifespan_context = both
    inner = fork(api_application(services, tools), signed_in)
    limits = Limits(hosts=hosts, upload=UPLOAD_LIMIT if chat_server.index_jobs else 0)
    origins = Origins(frozenset(chat_server.origins))

    def words(language: Language) -> Mapping[str, str]:
        return _words(chat_service, language, by_password=by_password)

    return SecurityMiddleware(inner, words, _head(assets), limits, origins)


def _page(chat_server: ChatServer, admin: AdminPages) -> "gr.Blocks":
    import gradio as gr

    chat_service = chat_server.chat_service

    def language(request: gr.Request) -> Language:
        return language_of({k.lower(): v for k, v in dict(request.headers or {}).items()})

    def mine(request: gr.Request) -> Conversation:
        session = str(request.session_hash)
        return chat_service.conversation(session, reader_of(session))

    def said(event: gr.EventData, name: str) -> str:
        data = event._data if isinstance(event._data, dict) else {}
        value = data.get(name)
        return well_formed(str(value)) if isinstance(value, (str, int)) else ""

    def hurried(request: gr.Request, tongue: Language) -> str:
        if chat_server.limiter is None:
            return ""
        # Behind a proxy, and on this machine, everybody has one address: count tabs there.
        place = request.client.host if request.client is not None else ""
        try:
            chat_server.limiter.take(str(request.session_hash) if place in _LOOPBACK else place)
        except TooMany as exc:
            return say(tongue, "too_many", seconds=exc.retry_after)
        return ""

    def edits(request: gr.Request) -> bool:
        user = getattr(request, "username", None)
        return admin.open and chat_server.access.role_of_user(user) == "editor"

    presses = itertools.count()

    def anew(html: str) -> str:
        # The browser is told of a value only if it differs; a second press must scroll again.
        return f'{html}<span hidden data-press="{next(presses)}"></span>'

    def ask(
        typed: str, event: gr.EventData, request: gr.Request
    ) -> Iterator[tuple[object, object, object, object, object]]:
        tongue, tab = language(request), mine(request)
        question = (said(event, "question") or typed or "").strip()
        if not question:
            yield gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip()
            return
        show, hide = gr.update(visible=True), gr.update(visible=False)
        lying: tuple[str, Mark] | None = None
        first = True
        if said(event, "widen"):
            tab.where = Filter()
        for turn in chat_service.ask(tab, question, tongue, tab.where, hurried(request, tongue)):
            beside: object = gr.skip()
            quote = leading_quote(turn)
            if tab.reading or tab.room:
                pass
            elif quote is not None and (lying is None or turn.state == "done") and quote != lying:
                lying = quote
                beside = _open(chat_service, tab, quote[0], quote[1], turn.number, tongue)
            elif quote is None and turn.state == "done":
                beside = overview(chat_service.index_summary, tongue, editor=edits(request))
            talk = _talk(chat_service, tab, tongue)
            if first:
                yield talk, beside, "", hide, show
                first = False
            elif turn.state in ("done", "failed"):
                yield talk, beside, gr.skip(), show, hide
            else:
                yield talk, beside, gr.skip(), gr.skip(), gr.skip()
        if not tab.busy:
            chat_service.remember(tab)
            yield _talk(chat_service, tab, tongue), gr.skip(), gr.skip(), show, hide

    def settle(request: gr.Request) -> tuple[str, object, object]:
        page = _talk(chat_service, mine(request), language(request))
        return page, gr.update(visible=True), gr.update(visible=False)

    def stop(request: gr.Request) -> tuple[str, object, object]:
        mine(request).stop()
        return settle(request)

    def opened(event: gr.EventData, request: gr.Request) -> str:
        tongue = language(request)
        article_id = said(event, "article")
        numbers = {name: said(event, name) for name in ("start", "end", "n", "turn")}
        spans = {k: int(v) if v.isdecimal() and len(v) < 10 else 0 for k, v in numbers.items()}
        if not _ARTICLE_ID.match(article_id):
            return anew(notice_page(say(tongue, "article_gone"), tongue))
        mine(request).reading, mine(request).room = True, False
        mark = Mark(spans["start"], spans["end"], spans["n"], primary=True)
        return anew(_open(chat_service, mine(request), article_id, mark, spans["turn"], tongue))

    def translate(event: gr.EventData, request: gr.Request) -> Iterator[object]:
        tongue, tab = language(request), mine(request)
        numbers = [said(event, name) for name in ("turn", "start", "end")]
        if not all(n.isdecimal() and len(n) < 10 for n in numbers):
            yield gr.skip()
            return
        number, start, end = map(int, numbers)
        place = (said(event, "article"), start, end)
        for _ in chat_service.translate(tab, number, place, tongue, hurried(request, tongue)):
            yield _talk(chat_service, tab, tongue)
        yield gr.skip()

    def index_summary(request: gr.Request) -> str:
        mine(request).room = False
        return anew(overview(chat_service.index_summary, language(request), editor=edits(request)))

    def narrow(event: gr.EventData, request: gr.Request) -> str:
        tab = mine(request)
        dates = [said(event, name) for name in ("since", "until")]
        since, until = (d if _ISO_DATE.match(d) else None for d in dates)
        if since and until and since > until:
            since, until = until, since
        chosen = [said(event, name)[:300] for name in ("language", "outlet")]
        languages, outlets = (frozenset({c}) if c else frozenset() for c in chosen)
        tab.where = Filter(since, until, languages, outlets)
        chat_service.remember(tab)
        return filters(chat_service.index_summary, tab.where, language(request))

    def widened(request: gr.Request) -> str:
        mine(request).where = Filter()
        return filters(chat_service.index_summary, Filter(), language(request))

    def opine(event: gr.EventData, request: gr.Request) -> str:
        tab, tongue = mine(request), language(request)
        number = said(event, "turn")
        verdict: Literal["up", "down"] = "down" if said(event, "verdict") == "down" else "up"
        turn = (
            tab.set_opinion(int(number), verdict)
            if number.isdecimal() and len(number) < 6
            else None
        )
        if turn is not None and turn.outcome is not None and chat_server.feedback is not None:
            past = [(p.question, p.answer) for p in tab.history(turn.number)]
            named = said(event, "reason") if verdict == "down" else ""
            reason: Reason = next((r for r in REASONS if r == named), "other")
            chat_server.feedback.keep(
                tab.name,
                turn.number,
                verdict,
                to_json(turn.outcome),
                reason=reason,
                correction=said(event, "correction"),
                history=past,
            )
            chat_service.remember(tab)
        return _talk(chat_service, tab, tongue)

    def save(event: gr.EventData, request: gr.Request) -> str:
        tab, tongue = mine(request), language(request)
        if not any(turn.outcome is not None for turn in tab.turns):
            return anew(file_download("", "", say(tongue, "nothing_to_save")))
        if said(event, "form") == "json":
            return anew(file_download("konkyo.json", as_json(tab.turns)))
        return anew(file_download("konkyo.md", as_markdown(tab.turns)))

    def keep(event: gr.EventData, request: gr.Request) -> tuple[str, str]:
        tongue = language(request)
        mine(request).room = True
        sources = said(event, "sources").split("\n")
        order = said(event, "order")
        yes = bool(said(event, "yes"))
        page = admin.keep(tongue, editor=edits(request), order=order, sources=sources, yes=yes)
        return anew(page), _status(chat_service, tongue)

    def examine(event: gr.EventData, request: gr.Request) -> str:
        limit = said(event, "limit")
        mine(request).room = True
        return anew(
            admin.examine(
                language(request),
                editor=edits(request),
                act=said(event, "do"),
                name=said(event, "name"),
                limit=int(limit) if limit.isdecimal() and len(limit) < 6 else 0,
            )
        )

    def fresh(request: gr.Request) -> tuple[str, str, object, object]:
        tab, tongue = mine(request), language(request)
        tab.clear()
        tab.room = False
        chat_service.remember(tab)
        beside = overview(chat_service.index_summary, tongue, editor=edits(request))
        page = _talk(chat_service, tab, tongue)
        return page, beside, gr.update(visible=True), gr.update(visible=False)

    async def arrive(request: gr.Request) -> tuple[object, object, object, object]:
        while chat_service.readiness == "loading":
            await asyncio.sleep(0.2)

        def shown() -> tuple[object, object, object, object]:
            tongue, tab = language(request), mine(request)
            untouched = not tab.turns
            return (
                _status(chat_service, tongue),
                _talk(chat_service, tab, tongue) if untouched else gr.skip(),
                overview(chat_service.index_summary, tongue, editor=edits(request))
                if untouched
                else gr.skip(),
                filters(chat_service.index_summary, tab.where, tongue),
            )

        # A conversation may have to be fetched from a database.
        return await asyncio.to_thread(shown)

    def leave(request: gr.Request) -> None:
        chat_service.forget(str(request.session_hash))

    page: gr.Blocks
    with gr.Blocks(
        title="@@title@@", analytics_enabled=False, fill_width=True, fill_height=True
    ) as page:
        with gr.Row(elem_id="k-top"):
            gr.HTML("@@html:brand@@", elem_id="k-brand", apply_default_css=False)
            state = gr.HTML(
                "@@html:status@@",
                elem_id="k-state",
                apply_default_css=False,
                js_on_load="konkyo.state(element);",
            )
            tools = gr.HTML(
                "@@html:tools@@",
                elem_id="k-tools",
                apply_default_css=False,
                js_on_load="konkyo.tools(element, trigger, 'new', 'save');",
            )
            packed = gr.HTML(
                "",
                elem_id="k-parcel",
                apply_default_css=False,
                js_on_load="konkyo.parcel(element, watch);",
            )
        with gr.Row(elem_id="k-desk", equal_height=False):
            with gr.Column(elem_id="k-left", scale=6, min_width=0):
                talk = gr.HTML(
                    "@@html:talk@@",
                    elem_id="k-talk",
                    apply_default_css=False,
                    js_on_load=(
                        "konkyo.talk(element, trigger, watch,"
                        " 'ask', 'open', 'opinion', 'translate');"
                    ),
                )
                sieve = gr.HTML(
                    "@@html:filters@@",
                    elem_id="k-sieve",
                    apply_default_css=False,
                    js_on_load="konkyo.sieve(element, trigger, watch, 'narrow', 'widened');",
                )
                with gr.Row(elem_id="k-composer"):
                    box = gr.Textbox(
                        elem_id="k-box",
                        label="@@question_label@@",
                        show_label=False,
                        container=False,
                        placeholder="@@placeholder@@",
                        lines=1,
                        max_lines=6,
                        max_length=QUESTION_LIMIT,
                        autofocus=True,
                        scale=1,
                    )
                    asker = gr.Button("@@ask@@", elem_id="k-ask", variant="primary", scale=0)
                    stopper = gr.Button("@@stop@@", elem_id="k-stop", visible=False, scale=0)
            with gr.Column(elem_id="k-right", scale=5, min_width=0):
                source = gr.HTML(
                    "@@html:source@@",
                    elem_id="k-source",
                    apply_default_css=False,
                    js_on_load=(
                        "konkyo.source(element, trigger, watch,"
                        " 'open', 'shelf', 'keep', 'examine');"
                    ),
                )
        answer = [talk, source, box, asker, stopper]
        typed = gr.on(
            [box.submit, asker.click],
            ask,
            box,
            answer,
            # A question sent while the last answer's end is still on its way must not be dropped.
            trigger_mode="multiple",
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=_READERS_AT_ONCE,
            concurrency_id="ask",
        )
        pressed = talk.ask(
            ask,
            box,
            answer,
            trigger_mode="multiple",
            show_progress="hidden",
            api_visibility="private",
            # Said again: of the limits that share a name, Gradio takes the lowest.
            concurrency_limit=_READERS_AT_ONCE,
            concurrency_id="ask",
        )
        # An error nobody foresaw: Gradio writes it to the terminal, the reader is told on the page.
        for asking in (typed, pressed):
            asking.failure(
                settle,
                None,
                [talk, asker, stopper],
                queue=False,
                show_progress="hidden",
                api_visibility="private",
            )
        # Through the queue, as it waits for the language model.
        told = talk.translate(
            translate,
            None,
            talk,
            trigger_mode="multiple",
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=_TRANSLATIONS_AT_ONCE,
        )
        # What follows answers at once: past the queue, so that a slow answer holds up no click.
        stopper.click(
            stop,
            None,
            [talk, asker, stopper],
            cancels=[typed, pressed],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
        tools.new(
            fresh,
            None,
            [talk, source, asker, stopper],
            cancels=[typed, pressed, told],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
        for column in (talk, source):
            column.open(
                opened,
                None,
                source,
                queue=False,
                trigger_mode="multiple",
                show_progress="hidden",
                api_visibility="private",
            )
        source.shelf(
            index_summary,
            None,
            source,
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
        quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        sieve.narrow(narrow, None, sieve, trigger_mode="multiple", **quiet)
        sieve.widened(widened, None, sieve, **quiet)
        talk.opinion(opine, None, talk, trigger_mode="multiple", **quiet)
        tools.save(save, None, packed, trigger_mode="multiple", **quiet)
        source.keep(keep, None, [source, state], trigger_mode="multiple", **quiet)
        source.examine(examine, None, source, trigger_mode="multiple", **quiet)
        page.load(
            arrive,
            None,
            [state, talk, source, sieve],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
        page.unload(leave)
    page.queue(max_size=200)
    return page


def _open(
    chat_service: ChatService,
    tab: Conversation,
    article_id: str,
    mark: Mark,
    turn: int,
    language: Language,
) -> str:
    try:
        article = chat_service.article(article_id)
    except ArticleMissing:
        return notice_page(say(language, "article_gone"), language)
    marks = list(tab.marks(turn, article_id, mark.number))
    if mark.end > mark.start and not any(m.primary for m in marks):
        marks.append(Mark(mark.start, mark.end, mark.number, primary=True))
    return article_page(article, marks, language)


def _talk(chat_service: ChatService, tab: Conversation, language: Language) -> str:
    suggestions = [suggested_question(s, language) for s in chat_service.suggestions(language)]
    return conversation(tab.turns, language, suggestions, translates=chat_service.translates)


def _status(chat_service: ChatService, language: Language) -> str:
    if chat_service.readiness == "failed":
        return status("failed", f"{say(language, 'failed')}: {chat_service.problem}")
    if chat_service.readiness == "loading":
        return status("loading", say(language, "loading"))
    count = chat_service.index_summary.count if chat_service.index_summary is not None else 0
    return status("ready", say(language, "ready", count=count))


def _words(
    chat_service: ChatService, language: Language, *, by_password: bool
) -> Mapping[str, str]:
    suggestions = [suggested_question(s, language) for s in chat_service.suggestions(language)]
    words = {key: escape(phrase, quote=False) for key, phrase in PHRASES[language].items()}
    words["html:brand"] = (
        '<p class="k-brand"><span class="k-seal" aria-hidden="true" lang="ja">根</span>'
        f'<span><strong>Konkyo</strong> <span class="k-tagline">{words["tagline"]}</span></span></p>'
    )
    options = "".join(
        f'<option value="{code}" lang="{code}"{" selected" if code == language else ""}>'
        f"{LANGUAGE_NAMES[code]}</option>"
        for code in LANGUAGES
    )
    saving = "".join(
        f'<button type="button" class="k-quiet" data-act="save" data-form="{form}">{name}</button>'
        for form, name in (("md", "Markdown"), ("json", "JSON"), ("print", words["print"]))
    )
    words["html:tools"] = (
        f'<button type="button" class="k-quiet" data-act="new">{words["new"]}</button>'
        f'<details class="k-menu"><summary class="k-quiet">{words["save"]}</summary>'
        f'<div class="k-menu-list">{saving}</div></details>'
        f'<label class="k-select"><span class="k-hidden">{words["language"]}</span>'
        f'<select id="k-language" data-cookie="{LANGUAGE_COOKIE}">{options}</select></label>'
        f'<button type="button" class="k-quiet k-icon" data-act="theme"'
        f' aria-label="{words["theme"]}" title="{words["theme"]}">◐</button>'
    )
    if by_password:
        words["html:tools"] += (
            f'<button type="button" class="k-quiet" data-act="leave">{words["sign_out"]}</button>'
        )
    words["html:status"] = _status(chat_service, language)
    words["html:talk"] = conversation((), language, suggestions)
    words["html:source"] = overview(chat_service.index_summary, language)
    words["html:filters"] = filters(chat_service.index_summary, Filter(), language)
    return words


def _head(assets: Mapping[str, bytes]) -> str:
    def stamped(name: str) -> str:
        return f"konkyo/{name}?v={hashlib.sha256(assets[name]).hexdigest()[:12]}"

    return (
        '<meta name="color-scheme" content="light dark" />'
        f'<link rel="stylesheet" href="{stamped("theme.css")}" />'
        f'<script nonce="{{nonce}}" src="{stamped("desk.js")}"></script>'
    )


def _asset(name: str) -> bytes:
    return files("konkyo.ui.web").joinpath("static", name).read_bytes()


def _theme() -> "gr.themes.Base":
    import gradio as gr

    sans = ["ui-sans-serif", "system-ui", "sans-serif"]
    return gr.themes.Base(font=sans, font_mono=["ui-monospace", "monospace"])


def _named(header: str) -> Callable[[object], str | None]:
    """Who the proxy says is asking; nobody is let in without a name."""
    from fastapi import Request

    def user(request: Request) -> str | None:
        return request.headers.get(header) or None

    return user  # type: ignore[return-value]


def _tell_sign_ins(app: "FastAPI", signed_in: SignIn) -> None:
    """Let the framework know those who signed in by the cookies they are passed on with."""
    from gradio.routes import App

    for route in app.routes:
        page = getattr(route, "app", None)
        if isinstance(page, App):
            page.cookie_id = signed_in.framework_cookie_id
            page.tokens = signed_in.framework_tokens


def _not_by_framework(user: str, given: str) -> bool:
    """Nobody: passwords are taken by ``SignIn`` before the framework hears of them."""
    return False
