"""What a reader sees while the server is gone, and when it is back, in a real browser."""

# ruff: noqa: F811
from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from konkyo.ui.web.i18n import say

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import (
    PATIENCE,
    address,  # noqa: F401
    ask,
    browser,  # noqa: F401
    finished,
    opened,
    served,
    settled,
)
from fixtures_chat import ENGLISH
from fixtures_engines import free_port
from fixtures_llm import refuses, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

QUESTION = "How much will Japan invest in the United States?"
GONE = ".k-gone:visible"


@contextmanager
def tab(browser: Browser, url: str) -> Iterator[Page]:
    """A page whose requests may fail."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(url)
    settled(page)
    yield page
    context.close()


def told_that_it_is_gone(page: Page) -> None:
    """Wait for the line, and see that nothing else pretends that all is well."""
    page.wait_for_selector(GONE)
    assert page.locator(".k-gone").inner_text() == say("en", "gone")
    assert page.locator(".k-doing").is_hidden()
    dot = "getComputedStyle(document.querySelector('.k-status'), '::before').backgroundColor"
    assert page.evaluate(dot) == "rgb(168, 50, 31)"


def test_a_server_that_ends_is_told_in_place_and_the_page_goes_on_with_the_next(
    browser: Browser, tmp_path: Path
) -> None:
    environment = {"FAKE_PORT": str(free_port()), "FAKE_STORE": str(tmp_path / "store")}
    with served(**environment) as url:
        page_of = tab(browser, url)
        page = page_of.__enter__()
        ask(page, QUESTION)
        finished(page)
        ask(page, "endless " + QUESTION)
        page.wait_for_selector('.k-turn[data-turn="2"] [data-doing="checking"]')
    told_that_it_is_gone(page)
    assert say("en", "interrupted") in page.locator(".k-turn").last.inner_text()
    # A question that cannot be sent stays where it is.
    ask(page, "How many turns?")
    with served(**environment):
        page.wait_for_selector('.k-turn[data-turn="2"][data-state="interrupted"]')
        assert page.locator(GONE).count() == 0
        assert say("en", "interrupted") in page.locator(".k-turn").last.inner_text()
        assert page.locator('.k-turn[data-turn="1"] .k-claim').count() == 2
        page.wait_for_function(
            "document.querySelector('#k-box textarea').value === 'How many turns?'"
        )
        page.press("#k-box textarea", "Enter")
        finished(page, 3)
        page.locator('.k-turn[data-turn="2"] [data-act="retry"]').click()
        page.wait_for_selector('.k-turn[data-turn="4"] [data-doing="checking"]')
        page_of.__exit__(None, None, None)


def test_a_network_that_comes_back_leaves_the_page_as_it_is(browser: Browser, address: str) -> None:
    with tab(browser, address) as page:
        ask(page, QUESTION)
        finished(page)
        page.locator(".k-cite", has_text="[3]").click()
        page.wait_for_selector(f'#k-source h2:has-text("{ENGLISH.title}")')
        ask(page, "slow " + QUESTION)
        page.wait_for_selector('.k-turn[data-turn="2"] .k-card')
        page.evaluate("window.sameDocument = true")
        page.context.set_offline(True)
        told_that_it_is_gone(page)
        page.context.set_offline(False)
        page.wait_for_selector(".k-gone", state="hidden")
        # The answer went on meanwhile, and what comes after is heard, too.
        finished(page, 2)
        ask(page, "What is the weather?")
        finished(page, 3)
        assert page.evaluate("window.sameDocument")


def test_an_index_that_goes_away_turns_the_dot_red_until_it_is_back(
    browser: Browser, tmp_path: Path
) -> None:
    lost = tmp_path / "lost"
    with (
        served(FAKE_PACE="0", FAKE_LOST=str(lost)) as url,
        opened(browser, url) as (page, _),
    ):
        page.wait_for_selector('.k-status[data-kind="ready"]')
        # Nobody asks meanwhile.
        lost.touch()
        page.wait_for_selector('.k-status[data-kind="failed"]')
        assert page.locator("#k-state").inner_text().strip() == say("en", "index_gone")
        ask(page, QUESTION)
        page.wait_for_selector(".k-failed")
        assert say("en", "error_index") in page.locator(".k-failed").inner_text()
        lost.unlink()
        page.wait_for_selector('.k-status[data-kind="ready"]')
        page.locator('.k-turn [data-act="retry"]').click()
        page.wait_for_selector('.k-turn[data-turn="2"][data-state="done"] .k-claim')


def test_a_model_whose_server_goes_away_turns_the_dot_amber_until_it_is_back(
    browser: Browser,
) -> None:
    port = free_port()
    with (
        served(FAKE_PACE="0", FAKE_LLM=f"http://127.0.0.1:{port}/v1") as url,
        opened(browser, url, language="ja-JP") as (page, _),
    ):
        # Nobody asks anything.
        page.wait_for_selector('.k-status[data-kind="partial"]')
        told = page.locator("#k-state").inner_text().strip()
        assert told.endswith(f" · {say('ja', 'model_gone')}")
        with serving(refuses(500, "not asked"), models={"data": []}, port=port) as heard:
            page.wait_for_selector('.k-status[data-kind="ready"]')
            assert {path for path, _ in heard.requests} == {"/v1/models"}
        page.wait_for_selector('.k-status[data-kind="partial"]')


def test_a_page_opened_while_the_index_is_away_fills_once_it_is_there(
    browser: Browser, tmp_path: Path
) -> None:
    lost = tmp_path / "lost"
    lost.touch()
    with (
        served(FAKE_PACE="0", FAKE_LOST=str(lost)) as url,
        opened(browser, url) as (page, _),
    ):
        page.wait_for_selector('.k-status[data-kind="failed"]')
        assert page.locator("#k-state").inner_text().strip() == say("en", "index_gone")
        ask(page, QUESTION)
        page.wait_for_selector(".k-failed")
        assert say("en", "error_index") in page.locator(".k-failed").inner_text()
        page.get_by_role("button", name="New conversation").click()
        page.wait_for_selector(".k-welcome")
        assert page.locator(".k-chips, .k-failed, #k-source .k-row").count() == 0
        lost.unlink()
        page.wait_for_selector('.k-status[data-kind="ready"]')
        page.wait_for_selector(".k-welcome .k-chips button")
        page.wait_for_selector("#k-source .k-row")
        page.wait_for_selector('[data-filter="outlet"] option >> nth=1', state="attached")
        ask(page, QUESTION)
        finished(page)


def test_the_page_of_articles_tells_it_too(browser: Browser, address: str) -> None:
    with tab(browser, address) as page:
        page.goto(f"{address}library")
        page.wait_for_selector('html[data-page="ready"] .k-articles')
        page.context.set_offline(True)
        page.click('[data-order="verify"]')
        page.wait_for_selector(GONE)
        page.context.set_offline(False)
        page.wait_for_selector(".k-gone", state="hidden")
        page.wait_for_selector('#k-job:not([data-job="running"])', state="attached")
        page.click('[data-order="verify"]')
        page.wait_for_selector(".k-findings")
