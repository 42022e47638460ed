"""``konkyo mcp``: the articles as tools for an assistant, over standard streams or HTTP."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from konkyo.rag.pipeline import Pipeline
from konkyo.ui.cli.llm_options import BASE_URL_OPTION, MODEL_OPTION

__all__ = ["mcp"]


@click.command(
    epilog="""
    \b
    Examples:
      konkyo mcp                               for a client that starts this command itself
      konkyo mcp --store /data/news --llm none
      konkyo mcp --http --port 8080            at http://127.0.0.1:8080/mcp

    \b
    In a client's settings:
      {"mcpServers": {"konkyo": {"command": "konkyo", "args": ["mcp", "--store", "/data/news"]}}}
    """
)
@click.option("--store", default=None, envvar="KONKYO_STORE", help="Folder of the index.")
@click.option("--llm", default=None, help="embedded, openai, ollama or none (quotes alone).")
@MODEL_OPTION
@BASE_URL_OPTION
@click.option("--http", is_flag=True, help="Serve at /mcp beside the chat instead.")
@click.option("--host", default=None, help="With --http: address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="With --http: the port.")
@click.pass_context
def mcp(
    ctx: click.Context,
    store: str | None,
    llm: str | None,
    model: str | None,
    base_url: str | None,
    http: bool,
    host: str | None,
    port: int | None,
) -> None:
    """Offer ask, search, list and show to a Model Context Protocol client."""
    from konkyo.ui.cli.chat import chat, load_pipeline
    from konkyo.ui.cli.first_index import require_store

    if http:
        options = {"store": store, "llm": llm, "model": model, "base_url": base_url}
        ctx.invoke(chat, **options, host=host, port=port, browse=False)
        return
    if host is not None or port is not None:
        raise click.UsageError("--host and --port need --http")
    from konkyo.index.settings import load_settings
    from konkyo.ui.http.auth import Limiter
    from konkyo.ui.http.mcp import server_of
    from konkyo.ui.http.services import Services
    from konkyo.ui.server.telemetry import Telemetry, open_tracer
    from konkyo.ui.web.chat_service import ChatService

    settings = load_settings(flags={"store": store})
    require_store(settings.store)
    # What libraries print must not end up between the messages.
    told = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(told, "w", encoding="utf-8")
    with contextlib.ExitStack() as closing:
        telemetry = Telemetry(open_tracer())

        def load() -> Pipeline:
            return load_pipeline(settings, llm, model, base_url, closing, telemetry)

        chat_service = ChatService(load, telemetry)
        chat_service.open()
        with contextlib.suppress(KeyboardInterrupt):
            server_of(Services(chat_service, limiter=Limiter(0))).run("stdio")
    os._exit(0)
