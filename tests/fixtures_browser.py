"""A real browser over a served chat, for the tests of the page.

Everything waits for a state, never for a clock: PATIENCE is only how long a slow machine may take.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_process import started

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = int(os.environ.get("KONKYO_TEST_PATIENCE", "240000"))
"""Milliseconds; a state that has not come after this will not come."""

LOCALES = {"en": "en-US", "ja": "ja-JP", "ko": "ko-KR", "zh": "zh-CN"}
"""The browser's language for each language of the page."""

MOST_SHIFT = 0.02
"""How much may move in a page without a press, as browsers count it."""

CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_WATCH_SHIFTS = """{
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
            if (entry.hadRecentInput) continue;
            const moved = entry.sources.map(({ node }) => node?.outerHTML?.slice(0, 90) ?? 'gone');
            window.shifts.push([entry.value, ...moved]);
        }
    }).observe({ type: 'layout-shift', buffered: true });
}"""
"""Keeps in each document what moved there without a press, and by how much."""


@contextmanager
def served(errors: IO[str] | None = None, **environment: str) -> Iterator[str]:
    """The fake chat in a process of its own; gives its address. It writes ``errors`` there."""
    command = [sys.executable, str(ROOT / "tests" / "fixtures_chat.py")]
    said = {**os.environ, "PYTHONPATH": str(ROOT), "GRADIO_ANALYTICS_ENABLED": "False"}
    with started(command, cwd=ROOT, env={**said, **environment}, stderr=errors) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), "the server did not start"
        yield address


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if _system_chromium() is None:
        pytest.skip("no chromium on this machine; .ci/run installs it")
    with launched() as opened:
        yield opened


@contextmanager
def launched() -> Iterator[Browser]:
    """The system's browser, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=_system_chromium(), headless=True, args=CHROMIUM, timeout=PATIENCE
        )
        yield opened
        opened.close()


def _system_chromium() -> str | None:
    """The system's own browser, never one that a test library downloaded."""
    for place in ("/usr/bin/chromium", "/usr/bin/chromium-browser"):
        if Path(place).is_file():
            return place
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return None if found and "ms-playwright" in str(Path(found).resolve()) else found


class Watch:
    """What a page did that it must not do."""

    def __init__(self, page: Page) -> None:
        self.outside: list[str] = []
        self.failed: list[str] = []
        self.errors: list[str] = []
        page.on("request", self._request)
        page.on("response", lambda r: self.failed.append(r.url) if r.status >= 400 else None)
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on("dialog", lambda d: (self.errors.append(f"dialog {d.message}"), d.dismiss()))
        page.on(
            "console",
            lambda m: (
                self.errors.append(m.text)
                if m.type == "error" and "Content Security Policy" in m.text
                else None
            ),
        )

    def _request(self, request: object) -> None:
        url = str(request.url)  # type: ignore[attr-defined]
        if url.startswith(("data:", "blob:")):
            return
        if urlsplit(url).hostname != "127.0.0.1" or "pwned" in urlsplit(url).path:
            self.outside.append(url)


@contextmanager
def opened(
    browser: Browser,
    url: str,
    *,
    language: str = "en-US",
    width: int = 1280,
    height: int = 800,
    dark: bool = False,
    shown: str = "#k-box textarea",
) -> Iterator[tuple[Page, Watch]]:
    """A page of a browser of its own, once its script listens and it shows a selector."""
    context = browser.new_context(
        locale=language,
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )
    context.add_init_script(_WATCH_SHIFTS)
    context.set_default_timeout(PATIENCE)
    context.set_default_navigation_timeout(PATIENCE)
    page = context.new_page()
    watch = Watch(page)
    page.goto(url)
    settled(page, shown)
    yield page, watch
    context.close()
    assert watch.outside == [], watch.outside
    assert watch.failed == [], watch.failed
    assert watch.errors == [], watch.errors


def settled(page: Page, shown: str = "#k-box textarea") -> None:
    """Wait until the page's own script listens; before that a key press may go nowhere."""
    page.wait_for_selector(f'html[data-page="ready"] {shown}')


def ask(page: Page, question: str) -> None:
    page.fill("#k-box textarea", question)
    page.press("#k-box textarea", "Enter")


def finished(page: Page, turn: int = 1) -> None:
    page.wait_for_selector(f'.k-turn[data-turn="{turn}"]:is([data-state="done"])')


def in_view(page: Page, selector: str, pane: str) -> bool:
    return bool(
        page.evaluate(
            """([s, p]) => {
                const a = document.querySelector(s).getBoundingClientRect();
                const b = document.querySelector(p).getBoundingClientRect();
                return a.top >= b.top && a.bottom <= b.bottom && a.height > 0;
            }""",
            [selector, pane],
        )
    )


def console_errors(message: ConsoleMessage) -> list[str]:
    """What a page wrote as an error; not what the browser itself says of an answer or of none."""
    browsers_own = message.text.startswith("Failed to load resource: ")
    return [message.text] if message.type == "error" and not browsers_own else []


def require_accessible_at_rest(page: Page) -> None:
    # The framework's own word while it starts; on a busy machine it outlasts a quick state.
    page.wait_for_selector("p.loading", state="detached")
    shifts = page.evaluate("window.shifts")
    assert sum(value for value, *_ in shifts) < MOST_SHIFT, shifts
    require_accessible(page)


def require_accessible(page: Page) -> None:
    import axe_playwright_python

    script = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
    page.evaluate(script)
    found = page.evaluate("async () => (await axe.run(document)).violations")
    assert [f"{v['id']}: {n['html'][:160]}" for v in found for n in v["nodes"]] == []


def out_of_reach(page: Page, within: str = "body") -> list[str]:
    """What stands beside the screen, or above or below it where a reader cannot scroll.

    Also what something else lies over, and the page itself where it is wider than the screen. The
    framework's own "Loading..." lies over all of it when a page opens.
    """
    page.wait_for_selector("p.loading", state="detached")
    return list(
        page.evaluate(
            """within => {
                const {clientWidth: width, scrollWidth} = document.documentElement;
                const controls = 'button, summary, select, textarea, input, a, p';
                const seen = [...document.querySelector(within).querySelectorAll(controls)]
                    .filter(e => e.checkVisibility({visibilityProperty: true}))
                    .filter(e => e.offsetWidth > 1 && e.offsetHeight > 1);
                const beside = seen.filter(e => {
                    const {left, right} = e.getBoundingClientRect();
                    return left < -1 || right > width + 1;
                });
                const away = seen.filter(e => {
                    e.scrollIntoView({block: 'center', behavior: 'instant'});
                    for (let a = e.parentElement; a; a = a.parentElement) {
                        const {overflowY} = getComputedStyle(a);
                        if (['hidden', 'clip'].includes(overflowY) && a.scrollTop > 1) return true;
                    }
                    const {left, right, top, bottom} = e.getBoundingClientRect();
                    if (bottom - top > innerHeight / 2) return false;
                    if (top < -1 || bottom > innerHeight + 1) return true;
                    if (e.matches('p, a')) return false;
                    const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);
                    return !(hit && (e.contains(hit) || hit.contains(e)));
                });
                const wide = scrollWidth > width ? ['the page'] : [];
                return [...wide, ...[...beside, ...away].map(e => e.outerHTML.slice(0, 120))];
            }""",
            within,
        )
    )
