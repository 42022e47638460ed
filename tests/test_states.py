"""Every state of the pages: accessible, without an error in the console, and at rest."""

# ruff: noqa: F811
from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import ask, browser, finished, opened, served  # noqa: F401

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUESTION = "How much will Japan invest in the United States?"
MOST_SHIFT = 0.02


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = str(tmp_path_factory.mktemp("states") / "store")
    with served(FAKE_STORE=store, FAKE_SHARING="anyone") as url:
        yield url


def empty(page: Page) -> None:
    page.wait_for_selector("#k-source .k-row", state="attached")
    page.wait_for_selector(".k-welcome .k-chip")


def question(page: Page) -> None:
    ask(page, "slow " + QUESTION)
    page.wait_for_selector(".k-claim")


def answer(page: Page) -> None:
    ask(page, "quoted " + QUESTION)
    finished(page)
    page.click(".k-checked summary")
    page.click('[data-act="bad"]')
    page.click(".k-filters summary")
    page.locator(".k-cite").first.click()
    page.wait_for_selector("#k-source #k-here")


def phrased(page: Page) -> None:
    ask(page, QUESTION)
    finished(page)


def refusal(page: Page) -> None:
    ask(page, "What is the weather?")
    finished(page)


def error(page: Page) -> None:
    ask(page, "damaged")
    page.wait_for_selector(".k-failed")
    page.click(".k-failed summary")


def too_long(page: Page) -> None:
    page.evaluate("navigator.clipboard.writeText('a'.repeat(600))")
    page.press("#k-box textarea", "Control+V")
    page.wait_for_selector(".k-count[data-over]")


def conversations(page: Page) -> None:
    refusal(page)
    if not page.locator("#k-side").is_visible():
        page.click('[data-act="side"]')
    page.locator("#k-side .k-acts summary").first.click()


def share(page: Page) -> None:
    refusal(page)
    page.click('[data-act="share"]')
    page.wait_for_selector(".k-share input")
    link = page.locator(".k-share input").input_value()
    page.goto(link)
    page.wait_for_selector("main h1")


def evaluation(page: Page) -> None:
    page.click("#k-state button")
    page.click('.k-admin-links [data-act="evaluate-look"]')
    page.wait_for_selector("#k-set")


def library(page: Page) -> None:
    page.goto(page.evaluate("new URL('library', location.href).href"))
    page.wait_for_selector('html[data-page="ready"] .k-articles')
    page.click('[data-order="verify"]')
    page.wait_for_selector(".k-findings")
    page.click("#k-sources > summary")


def settings(page: Page) -> None:
    page.goto(page.evaluate("new URL('settings', location.href).href"))
    page.wait_for_selector('html[data-page="ready"] #k-settings')


STATES = (
    empty,
    question,
    answer,
    phrased,
    refusal,
    error,
    too_long,
    conversations,
    share,
    evaluation,
    library,
    settings,
)


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 390)], ids=["wide", "phone"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_state_is_accessible_at_rest_and_without_errors(
    browser: Browser, address: str, state: Callable[[Page], None], dark: bool, width: int
) -> None:
    import axe_playwright_python

    script = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
    with opened(browser, address, dark=dark, width=width) as (page, watch):
        page.on("console", lambda m: watch.errors.append(m.text) if m.type == "error" else None)
        state(page)
        shifts = page.evaluate("window.shifts")
        assert sum(value for value, *_ in shifts) < MOST_SHIFT, shifts
        page.evaluate(script)
        found = page.evaluate("async () => (await axe.run(document)).violations")
        assert [f"{v['id']}: {n['html'][:160]}" for v in found for n in v["nodes"]] == []
