"""``konkyo chat``: the page, on this machine unless a password is set."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rag.answer import Pipeline
    from ui.apart import ApartLLM
    from ui.app import Served

__all__ = ["chat"]

_PASSWORD_LENGTH = 8


@click.command(
    epilog="""
    \b
    Examples:
      konkyo chat
      konkyo chat --store /data/news --port 8080 --no-open
      konkyo chat --llm none                 quotes alone, no language model
      konkyo chat --host 0.0.0.0 --password-file ~/.konkyo-password

    The user name for the password is: konkyo. Ctrl-C stops the server.
    """
)
@click.option(
    "--store",
    default=".konkyo/store",
    show_default=True,
    envvar="KONKYO_STORE",
    help="Folder of the index.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=7860,
    show_default=True,
    help="Port to listen on; 0 takes any free one.",
)
@click.option(
    "--llm",
    default=None,
    help="embedded, openai, ollama or none (quotes alone).  [default: from settings, embedded]",
)
@click.option("--model", default=None, help="Model name, or the path of a GGUF file.")
@click.option("--base-url", default=None, help="Address of an OpenAI-compatible or Ollama server.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="File whose first line is the password; or set KONKYO_PASSWORD.",
)
@click.option(
    "--open/--no-open",
    "browse",
    default=None,
    help="Open a browser.  [default: if there is a screen and a terminal]",
)
def chat(
    store: str,
    host: str,
    port: int,
    llm: str | None,
    model: str | None,
    base_url: str | None,
    password_file: Path | None,
    browse: bool | None,
) -> None:
    """Open the chat in a browser: ask, read the answer, press a number to see its source."""
    # Before Gradio is imported: it asks the network for nothing.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from ui.app import listen, serve

    password = _password(password_file, os.environ.get("KONKYO_PASSWORD"))
    taken = listen(host, port, password)
    _require_store(store)
    click.echo("Starting …", err=True)

    with contextlib.ExitStack() as closing:

        def load() -> Pipeline:
            return _load(store, llm, model, base_url, closing)

        with contextlib.suppress(KeyboardInterrupt):
            serve(load, taken, password=password, ready=partial(_opened, browse))
    click.echo("\nStopped.", err=True)
    # An answer still being written sits in a thread that Python would wait for; nobody reads it.
    sys.stdout.flush()
    os._exit(0)


def _opened(browse: bool | None, served: Served) -> None:
    click.echo(f"Konkyo is at {served.url}   (Ctrl-C stops it)")
    sys.stdout.flush()
    if browse or (browse is None and _has_screen()):
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(served.url,), daemon=True).start()


def _load(
    store: str,
    llm: str | None,
    model: str | None,
    base_url: str | None,
    closing: contextlib.ExitStack,
) -> Pipeline:
    from index.settings import load_settings
    from rag.opening import open_from_settings, open_pipeline

    settings = load_settings()
    if (llm or settings.llm.kind) != "embedded":
        return open_from_settings(store, llm=llm, model=model, base_url=base_url)
    from index.models import resolve_llm
    from rag.opening import DEFAULT_LLM
    from ui.apart import ApartLLM

    named = model or (settings.llm.model if settings.llm.kind == "embedded" else "")
    apart = ApartLLM(resolve_llm(named or DEFAULT_LLM))
    closing.callback(apart.close)
    # Evidence can already be found and shown while this gigabyte is read.
    threading.Thread(target=_warm, args=(apart,), daemon=True).start()
    return open_pipeline(store, embedding=settings.embedding.model, llm=apart)


def _warm(llm: ApartLLM) -> None:
    from index.errors import LLMError

    try:
        llm.load()
    except LLMError as exc:
        click.echo(f"konkyo: {exc}", err=True)


def _require_store(store: str) -> None:
    from index.errors import StoreMissing

    if not Path(store).exists():
        raise StoreMissing(
            f"{store}: there is no index here; make one with "
            f"`konkyo index build SOURCE... --store {store}`"
        )


def _password(file: Path | None, variable: str | None) -> str | None:
    password = variable
    if file is not None:
        lines = file.read_text(encoding="utf-8").splitlines()
        password = lines[0].strip() if lines else ""
    if password is None:
        return None
    if len(password) < _PASSWORD_LENGTH:
        raise click.UsageError(f"the password needs at least {_PASSWORD_LENGTH} characters")
    return password


def _has_screen() -> bool:
    if not sys.stdout.isatty():
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
