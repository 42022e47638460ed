"""``konkyo chat``: the page, on this machine unless a password is set."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from konkyo.ui.http.auth import Access, Limiter

if TYPE_CHECKING:
    from konkyo.index.settings import Settings
    from konkyo.rag.generation.llm import LLM
    from konkyo.rag.pipeline import Pipeline
    from konkyo.ui.server.audit import AuditLog
    from konkyo.ui.server.index_jobs import IndexJobs
    from konkyo.ui.server.llm_subprocess import SubprocessLLM
    from konkyo.ui.server.telemetry import Telemetry
    from konkyo.ui.server.watcher import Watcher
    from konkyo.ui.web.chat_server import ChatServer
    from konkyo.ui.web.chat_service import ChatService
    from konkyo.ui.web.serving import Served
    from konkyo.ui.web.settings_page import SettingsPage
    from konkyo.ui.web.shares import Shares
from konkyo.ui.cli.chat_access import access_of, openid_of
from konkyo.ui.cli.first_index import make_empty_index, require_store, store_exists
from konkyo.ui.cli.llm_options import (
    BASE_URL_OPTION,
    MODEL_OPTION,
    PHRASING_OPTION,
    STRICTNESS_OPTION,
)

__all__ = ["chat", "load_pipeline"]

_REMOTE_AT_ONCE = 4
_FROM = "{}  [default: from settings, {}]"
_log = logging.getLogger(__name__)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(
    epilog="""
    \b
    Examples:
      konkyo chat
      konkyo chat --store /data/news --port 8080 --no-open
      konkyo chat --llm none                 quotes alone, no language model
      konkyo chat --terminal                 ask here, without a browser
      konkyo chat --host 0.0.0.0 --password-file ~/.konkyo-password

    \b
    The user name for the password is konkyo (reads) or editor (also keeps the index).
    The HTTP interface is on the same port: /api/ask, /v1/chat/completions, /mcp, /metrics.
    Ctrl-C stops the server; on SIGTERM it finishes what it is answering first.
    """
)
@click.option(
    "--store",
    default=None,
    envvar="KONKYO_STORE",
    help=_FROM.format("Folder of the index.", ".konkyo/store"),
)
@click.option("--host", default=None, help=_FROM.format("Address to listen on.", "127.0.0.1"))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=None,
    help=_FROM.format("Port to listen on; 0 takes any free one.", "7860"),
)
@click.option(
    "--llm",
    default=None,
    help=_FROM.format("embedded, openai, ollama or none (quotes alone).", "embedded"),
)
@MODEL_OPTION
@BASE_URL_OPTION
@PHRASING_OPTION
@STRICTNESS_OPTION
@click.option(
    "--password-file",
    type=_FILE,
    default=None,
    help="File whose first line is the readers' password; or set KONKYO_PASSWORD.",
)
@click.option(
    "--editor-password-file",
    type=_FILE,
    default=None,
    help="The same for editors, who may also change the index; or KONKYO_EDITOR_PASSWORD.",
)
@click.option(
    "--keys-file",
    type=_FILE,
    default=None,
    help="Keys of the HTTP interface, one `reader KEY` or `editor KEY` a line.",
)
@click.option(
    "--allow-path",
    "allowed",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Folder whose files editors may index; repeatable.  [default: any where no"
    " password, key or sign-in is set, else none]",
)
@click.option(
    "--log",
    "log",
    type=click.Choice(["text", "json"]),
    default=None,
    help=_FROM.format("Form of the log on standard error.", "text"),
)
@click.option("--verbose", is_flag=True, help="Log a line for every answer.")
@click.option("--terminal", is_flag=True, help="Ask here instead of in a browser.")
@click.option(
    "--open/--no-open",
    "browse",
    default=None,
    help="Open a browser.  [default: if there is a screen and a terminal]",
)
def chat(
    store: str | None,
    host: str | None,
    port: int | None,
    llm: str | None,
    model: str | None,
    base_url: str | None,
    phrasing: str | None,
    strictness: float | None,
    password_file: Path | None,
    editor_password_file: Path | None,
    keys_file: Path | None,
    allowed: tuple[Path, ...],
    log: str | None,
    verbose: bool,
    terminal: bool,
    browse: bool | None,
) -> None:
    """Open the chat in a browser: ask, read the answer, press a number to see its source."""
    # Before Gradio is imported: it asks the network for nothing.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")

    from konkyo.index.settings import load_settings
    from konkyo.ui.server.telemetry import Telemetry, configure_logs, open_tracer

    if log == "json":
        configure_logs("json")
    settings = load_settings(
        flags={
            "store": store,
            "answers": {"phrasing": phrasing, "strictness": strictness},
            "chat": {"host": host, "port": port, "log": log},
        }
    )
    if terminal:
        _in_terminal(settings, llm, model, base_url)
        return
    from konkyo.ui.web.serving import listen, serve

    configure_logs(
        settings.chat.log,
        logging.INFO if verbose or settings.chat.log == "json" else logging.WARNING,
    )
    access = access_of(settings, password_file, editor_password_file, keys_file)
    taken = listen(settings.chat.host, settings.chat.port, access, settings.chat.names)
    new = not store_exists(settings.store)
    say = _log.info if settings.chat.log == "json" else partial(click.echo, err=True)
    say(f"{settings.store}: no index yet; add articles on the page …" if new else "Starting …")
    with contextlib.ExitStack() as closing:
        telemetry = Telemetry(open_tracer())
        load = partial(load_pipeline, settings, llm, model, base_url, closing, telemetry, new=new)
        chat_server = _chat_server(settings, access, allowed, load, telemetry, closing)
        with contextlib.suppress(KeyboardInterrupt):
            serve(chat_server, taken, ready=partial(_opened, browse))
    say("Stopped.")
    # An answer still being written sits in a thread that Python would wait for; nobody reads it.
    sys.stdout.flush()
    os._exit(0)


def _chat_server(
    settings: Settings,
    access: Access,
    allowed: tuple[Path, ...],
    load: Callable[[], Pipeline],
    telemetry: Telemetry,
    closing: contextlib.ExitStack,
) -> ChatServer:
    """Everything one server consists of; ``load`` opens the pipeline in the background."""
    from konkyo.ui.server.audit import audit_log_of
    from konkyo.ui.server.conversation_store import ConversationLimits, open_conversation_store
    from konkyo.ui.server.evaluation_jobs import EvaluationJobs
    from konkyo.ui.server.feedback import Feedback, feedback_file
    from konkyo.ui.server.session_store import SignIns, session_store_of
    from konkyo.ui.server.share_store import ShareStore
    from konkyo.ui.server.shared_limits import SharedCounts, SharedPlaces
    from konkyo.ui.server.watcher import Watcher
    from konkyo.ui.web.admin import question_sets
    from konkyo.ui.web.chat_server import ChatServer
    from konkyo.ui.web.chat_service import ChatService
    from konkyo.ui.web.shares import Shares

    store = settings.store
    session_store = session_store_of(store)
    storage = SharedCounts(session_store) if session_store is not None else None
    places = SharedPlaces(session_store) if session_store is not None else None
    kept = settings.chat
    limits = ConversationLimits(kept.conversations, kept.turns, kept.conversation_days)
    conversation_store = open_conversation_store(store, limits)
    chat_service = ChatService(load, telemetry, conversation_store, kept.stale_after)
    audit = audit_log_of(store)
    index_jobs = _index_jobs(settings, chat_service, access, allowed, audit)
    closing.callback(index_jobs.close)
    watcher = Watcher(index_jobs, settings.watch, ready=lambda: chat_service.readiness == "ready")
    chat_service.failing_sources = watcher.failing
    closing.callback(watcher.close)
    watcher.start()
    shares = Shares(ShareStore(conversation_store), kept.sharing)
    evaluation_jobs = EvaluationJobs(
        store, lambda: question_sets(store), lambda: _pipeline(chat_service), audit
    )
    return ChatServer(
        chat_service,
        access,
        Limiter(kept.rate, kept.concurrent, storage, places=places),
        index_jobs,
        evaluation_jobs,
        session_store or Feedback(feedback_file(store)),
        settings.chat.names,
        SignIns(session_store) if session_store is not None else None,
        storage,
        settings.chat.grace,
        settings.chat.origins,
        openid_of(settings.oidc),
        watcher,
        _settings_page(watcher, shares),
        shares,
    )


def _settings_page(watcher: Watcher, shares: Shares) -> SettingsPage:
    """The page of settings; what it changes of these holds at once."""
    from konkyo.ui.web.settings_page import SettingsPage

    def changed(settings: Settings) -> None:
        watcher.change(settings.watch)
        shares.change(settings.chat.sharing)

    return SettingsPage(changed=changed, environment=os.environ)


def _pipeline(chat_service: ChatService) -> Pipeline:
    from konkyo.rag.pipeline import Pipeline

    reader = chat_service.reader
    assert isinstance(reader, Pipeline)
    return reader


def _index_jobs(
    settings: Settings,
    chat_service: ChatService,
    access: Access,
    allowed: tuple[Path, ...],
    audit: AuditLog,
) -> IndexJobs:
    from konkyo.ui.server.index_jobs import IndexJobs

    def known() -> list[str]:
        return [place.source for place in _pipeline(chat_service).store.kept_places()]

    # Whoever may use this machine may read its files; anybody else only what was allowed.
    roots = None if not access.locked and not allowed else allowed
    return IndexJobs(
        settings.store, known=known, roots=roots, changed=chat_service.renew, audit=audit
    )


def _in_terminal(
    settings: Settings, llm: str | None, model: str | None, base_url: str | None
) -> None:
    from konkyo.rag.factory import open_from_settings
    from konkyo.ui.cli.terminal import converse

    require_store(settings.store)
    converse(
        lambda: open_from_settings(
            settings.store, llm=llm, model=model, base_url=base_url, settings=settings
        )
    )


def _opened(browse: bool | None, served: Served) -> None:
    click.echo(f"Konkyo is at {served.url}   (Ctrl-C stops it)")
    sys.stdout.flush()
    if browse or (browse is None and _has_screen()):
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(served.url,), daemon=True).start()


def load_pipeline(
    settings: Settings,
    llm: str | None,
    model: str | None,
    base_url: str | None,
    closing: contextlib.ExitStack,
    telemetry: Telemetry,
    *,
    new: bool = False,
) -> Pipeline:
    """The pipeline as settings and flags say, behind a queue; ``closing`` ends its processes.

    ``new`` makes an index without articles first.
    """
    from konkyo.rag.factory import open_from_settings
    from konkyo.rag.generation.http_llm import RemoteLLM
    from konkyo.rag.generation.llm import NoLLM
    from konkyo.ui.server.llm_queue import LLMQueue
    from konkyo.ui.server.llm_subprocess import SubprocessLLM

    if new:
        make_empty_index(settings)
    queues: list[LLMQueue] = []
    children: list[SubprocessLLM] = []

    def embedded(file: Path) -> LLM:
        children.append(SubprocessLLM(file))
        closing.callback(children[0].close)
        return children[0]

    def queue(opened: LLM) -> LLM:
        if isinstance(opened, NoLLM):
            return opened
        slots = 1 if isinstance(opened, SubprocessLLM) else _REMOTE_AT_ONCE
        check = opened.check_reachable if isinstance(opened, RemoteLLM) else None
        queues.append(LLMQueue(opened, slots, check))
        return queues[0]

    pipeline = open_from_settings(
        settings.store,
        llm=llm,
        model=model,
        base_url=base_url,
        settings=settings,
        embedded=embedded,
        queue=queue,
    )
    pipeline.prepare()
    for child in children:
        if pipeline.options.style.phrases(child.name):
            # Evidence can already be found and shown while this gigabyte is read.
            threading.Thread(target=_warm, args=(child,), daemon=True).start()
    telemetry.gauge(
        "konkyo_queue", "Questions waiting for the model.", lambda: sum(q.waiting for q in queues)
    )
    telemetry.gauge("konkyo_generation", "Of the index.", lambda: pipeline.store.generation)
    return pipeline


def _warm(llm: SubprocessLLM) -> None:
    from konkyo.index.errors import LLMError

    try:
        llm.load()
    except LLMError as exc:
        click.echo(f"konkyo: {exc}", err=True)


def _has_screen() -> bool:
    if not sys.stdout.isatty():
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
