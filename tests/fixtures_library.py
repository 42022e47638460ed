"""A real server over a real index, and its page of articles in a browser."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import PATIENCE, ROOT, Watch
from fixtures_process import started

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@contextlib.contextmanager
def chat_server(folder: Path, **settings: str) -> Iterator[str]:
    """Starts ``konkyo chat`` without an index; gives its address once it is ready."""
    command = [sys.executable, "-m", "konkyo", "chat", "--llm", "none", "--port", "0", "--no-open"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KONKYO_STORE": str(folder / "store")}
    with started(command, cwd=folder, env=environment | settings) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[3]
        while httpx.get(f"{url}ready", timeout=60).status_code != 200:
            time.sleep(0.1)
        yield url


@contextlib.contextmanager
def library(
    browser: Browser, url: str, query: str = "", *, language: str = "en-US", width: int = 1280
) -> Iterator[Page]:
    context = browser.new_context(locale=language, viewport={"width": width, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    watch = Watch(page)
    page.goto(f"{url}library{query}")
    page.wait_for_selector('html[data-page="ready"]')
    yield page
    context.close()
    assert (watch.outside, watch.failed, watch.errors) == ([], [], [])


def ended(page: Page, state: str = "done") -> None:
    page.wait_for_selector(f'#k-job[data-job="{state}"]')


def titles(page: Page) -> list[str]:
    return page.locator(".k-title > a").all_inner_texts()
