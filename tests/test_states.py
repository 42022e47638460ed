"""Every state of the pages: accessible, without an error in the console, and at rest."""

# ruff: noqa: F811
from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import (
    ask,
    browser,  # noqa: F401
    console_errors,
    finished,
    opened,
    require_accessible_at_rest,
    served,
)
from fixtures_engines import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUESTION = "How much will Japan invest in the United States?"

State = Callable[["Page"], None]


@pytest.fixture(scope="module")
def server_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[State], str]]:
    """Gives the address of a server in which a state comes about; states share servers."""
    with ExitStack() as running:

        @functools.cache
        def address(environment: frozenset[tuple[str, str]]) -> str:
            folder = tmp_path_factory.mktemp("states")
            (folder / "lost").touch()
            about = {"FAKE_STORE": str(folder / "store"), "FAKE_SHARING": "anyone"}
            said = {key: value.format(folder=folder) for key, value in environment}
            return running.enter_context(served(**about, **said))

        yield lambda state: address(frozenset(NEEDS.get(state, {}).items()))


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


def to_page(page: Page, name: str, shown: str) -> None:
    """Go to a page beside the chat, once it is ready and shows a selector."""
    page.goto(page.evaluate("name => new URL(name, location.href).href", name))
    page.wait_for_selector(f'html[data-page="ready"] {shown}')


def library(page: Page) -> None:
    to_page(page, "library", ".k-articles")
    page.click('[data-order="verify"]')
    page.wait_for_selector(".k-findings")
    page.click("#k-sources > summary")


def settings(page: Page) -> None:
    to_page(page, "settings", "#k-settings")


def no_articles(page: Page) -> None:
    page.wait_for_selector('.k-welcome a[href="library"]')


def nothing_to_list(page: Page) -> None:
    to_page(page, "library", ".k-invitation")


def loading(page: Page) -> None:
    page.wait_for_selector('.k-status[data-kind="loading"]')
    ask(page, QUESTION)
    page.wait_for_selector('.k-turn[data-state="waiting"]')


def server_gone(page: Page) -> None:
    question(page)
    page.context.set_offline(True)
    page.wait_for_selector(".k-gone:visible")


def index_gone(page: Page) -> None:
    page.wait_for_selector('.k-status[data-kind="failed"]')
    ask(page, QUESTION)
    page.wait_for_selector(".k-failed")


def model_gone(page: Page) -> None:
    ask(page, "quoted " + QUESTION)
    finished(page)
    page.locator('[data-act="translate"]').first.click()
    page.wait_for_selector('.k-status[data-kind="partial"]')


def model_silent(page: Page) -> None:
    phrased(page)
    page.wait_for_selector('.k-status[data-kind="partial"]')


def old_articles(page: Page) -> None:
    phrased(page)
    page.wait_for_selector(".k-turn:has-text('11 Feb 2026. What has happened since')")


def sharing(page: Page) -> None:
    refusal(page)
    page.click('[data-act="share"]')
    page.wait_for_selector(".k-share input")


def list_beside(page: Page) -> None:
    page.click("#k-state button")
    page.locator("#k-source .k-row").first.wait_for(state="visible")


def source_of_the_list(page: Page) -> None:
    list_beside(page)
    page.locator("#k-source .k-row").first.click()
    page.locator("#k-source .k-article").wait_for(state="visible")


def source_beside_a_refusal(page: Page) -> None:
    refusal(page)
    page.locator(".k-refusal .k-row").first.click()
    page.locator("#k-source .k-article").wait_for(state="visible")


def watched(page: Page) -> None:
    to_page(page, "library", '.k-watched .k-error:has-text("503")')


def correction(page: Page) -> None:
    to_page(page, "library", ".k-articles")
    page.locator('[data-act="mark"]').first.click()
    page.wait_for_selector("#k-mark[open]")


def removal(page: Page) -> None:
    to_page(page, "library", ".k-articles")
    page.locator('.k-articles [data-act="remove"]').first.click()
    page.wait_for_selector("#k-confirm[open]")


def article(page: Page) -> None:
    to_page(page, "library", ".k-articles")
    page.locator(".k-title > a").first.click()
    page.wait_for_selector("main .k-article")


NEEDS: dict[State, dict[str, str]] = {
    no_articles: {"FAKE_EMPTY": "yes"},
    nothing_to_list: {"FAKE_EMPTY": "yes"},
    loading: {"FAKE_LOAD": "600"},
    index_gone: {"FAKE_LOST": "{folder}/lost"},
    model_gone: {"FAKE_LLM": "dead"},
    model_silent: {"FAKE_LLM": "silent", "FAKE_PIPELINE": "yes"},
    old_articles: {"FAKE_STALE": "1", "FAKE_FAILING": "2"},
    watched: {"FAKE_WATCHED": "yes"},
}
"""What the server of a state is told."""

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
    no_articles,
    nothing_to_list,
    loading,
    server_gone,
    index_gone,
    model_gone,
    model_silent,
    old_articles,
    sharing,
    list_beside,
    source_of_the_list,
    source_beside_a_refusal,
    watched,
    correction,
    removal,
    article,
)

SCREENS = pytest.mark.parametrize(
    ("dark", "width"), [(False, 1280), (True, 390)], ids=["wide", "phone"]
)


@SCREENS
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_state_is_accessible_at_rest_and_without_errors(
    browser: Browser, server_of: Callable[[State], str], state: State, dark: bool, width: int
) -> None:
    with opened(browser, server_of(state), dark=dark, width=width) as (page, watch):
        page.on("console", lambda m: watch.errors.extend(console_errors(m)))
        state(page)
        require_accessible_at_rest(page)


@SCREENS
def test_an_interrupted_answer_is_accessible_at_rest_and_without_errors(
    browser: Browser, tmp_path: Path, dark: bool, width: int
) -> None:
    environment = {"FAKE_PORT": str(free_port()), "FAKE_STORE": str(tmp_path / "store")}
    # The page is closed before the second server: what it loads anew is not cut off.
    with ExitStack() as servers, ExitStack() as pages:
        with served(**environment) as url:
            page, watch = pages.enter_context(opened(browser, url, dark=dark, width=width))
            page.on("console", lambda m: watch.errors.extend(console_errors(m)))
            ask(page, "endless " + QUESTION)
            page.wait_for_selector(".k-card")
        servers.enter_context(served(**environment))
        page.wait_for_selector('.k-turn[data-state="interrupted"]')
        require_accessible_at_rest(page)
