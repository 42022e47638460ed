"""States of the pages, and the servers in which they come about.

Beside single states there are those that follow one another on one page, which is opened once.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import ask, finished, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

QUESTION = "How much will Japan invest in the United States?"

State = Callable[["Page"], Iterator[None] | None]
"""Brings a page into a state; or, yielding in each, into several one after another."""


@pytest.fixture(scope="module")
def server_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[State], str]]:
    """Gives the address of a server in which a state comes about; states share servers."""
    with ExitStack() as running:

        @functools.cache
        def address(environment: frozenset[tuple[str, str]]) -> str:
            folder = tmp_path_factory.mktemp("states")
            (folder / "lost").touch()
            about = {"FAKE_STORE": "{folder}/store", "FAKE_SHARING": "anyone", **dict(environment)}
            said = {key: value.format(folder=folder) for key, value in about.items()}
            return running.enter_context(served(**said))

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


def opinions(page: Page) -> None:
    refusal(page)
    page.click('[data-act="good"]')
    page.wait_for_selector('.k-thumb[aria-pressed="true"]')
    ask(page, "retracted quoted")
    finished(page, 2)
    page.locator('.k-thumb[data-act="bad"]').last.click()
    form = page.locator(".k-why-form").last
    form.locator("input").fill("Nothing was agreed")
    form.locator("button").click()
    page.wait_for_selector('.k-thumb[data-turn="2"][aria-pressed="true"]')
    to_page(page, "feedback", '.k-opinions li[data-verdict="down"]')


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
    page.wait_for_selector(".k-turn .k-note >> text=/2026/")


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


def rebuilding(page: Page) -> None:
    to_page(page, "library", ".k-articles")
    page.click('[data-act="rebuild"]')
    page.wait_for_selector("#k-confirm[open]")


def article(page: Page) -> None:
    to_page(page, "library", ".k-articles")
    page.locator(".k-title > a").first.click()
    page.wait_for_selector("main .k-article")


def in_line(page: Page) -> Iterator[None]:
    ask(page, "endless " + QUESTION)
    page.wait_for_selector(".k-card")
    ask(page, "What is the weather?")
    page.wait_for_selector('.k-turn[data-turn="2"][data-state="queued"]')
    yield
    page.click("#k-stop")
    page.wait_for_selector('.k-turn[data-turn="1"][data-state="stopped"]')
    finished(page, 2)
    # Who asks the same again has two turns of one name.
    ask(page, "What is the weather?")
    finished(page, 3)
    yield


def list_of_conversations(page: Page) -> Iterator[None]:
    refusal(page)
    page.click('[data-act="share"]')
    page.wait_for_selector(".k-share input")
    page.keyboard.press("Escape")
    if not page.locator("#k-side").is_visible():
        page.click('[data-act="side"]')
    page.click(".k-shares summary")
    yield
    page.locator("#k-side .k-acts summary").first.click()
    page.locator('#k-side [data-act="rename"]').first.click()
    page.wait_for_selector(".k-rename")
    yield
    page.keyboard.press("Escape")
    page.locator("#k-side .k-acts summary").first.click()
    page.locator('#k-side [data-act="delete"]').first.click()
    page.wait_for_selector("#k-side .k-undo")
    yield


def beside_an_answer(page: Page) -> Iterator[None]:
    page.click("#k-tools .k-menu summary")
    yield
    page.click('#k-tools [data-form="md"]')
    page.wait_for_selector(".k-toast")
    yield
    ask(page, "retracted quoted")
    finished(page)
    ask(page, "quoted " + QUESTION)
    finished(page, 2)
    page.locator('[data-act="translate"]').first.click()
    page.wait_for_selector('.k-translation[data-state="done"]')
    page.select_option('[data-filter="outlet"]', index=1, force=True)
    page.wait_for_selector('.k-filters[data-chosen="1"]')
    yield


def index_jobs(page: Page) -> Iterator[None]:
    def order(source: str, shown: str) -> None:
        page.fill("#k-add textarea", source)
        page.click("#k-add button")
        page.wait_for_selector(f".k-job{shown}")

    to_page(page, "library", ".k-articles")
    order("slow.md", ' progress[max="8"]')
    yield
    page.click('.k-job [data-order="cancel"]')
    page.wait_for_selector('.k-job[data-state="stopped"]')
    yield
    order("missing.md", '[data-state="failed"]')
    yield
    order("a.md", '[data-state="done"] + .k-findings')
    yield


def handed_over(page: Page) -> Iterator[None]:
    to_page(page, "library", ".k-articles")
    files = [{"name": "two.md", "mimeType": "text/plain", "buffer": b"# Two\n\nWords."}]
    with page.expect_file_chooser() as chosen:
        page.click("#k-work input[data-upload]:not([webkitdirectory])")
    chosen.value.set_files(files)  # type: ignore[arg-type]
    page.wait_for_selector('.k-job[data-state="done"] + .k-findings:has-text("two.md")')
    yield


def changed_settings(page: Page) -> Iterator[None]:
    settings(page)
    page.select_option('[name="llm.kind"]', "ollama")
    page.fill('[name="llm.model"]', "none")
    page.fill('[name="llm.base_url"]', "http://127.0.0.1:9")
    page.click('[data-act="test-model"]')
    page.wait_for_selector('#k-told[data-good="no"]:has-text("127.0.0.1:9")')
    yield
    page.select_option('[name="llm.kind"]', "none")
    page.fill('[name="answers.strictness"]', "0.7")
    page.select_option('[name="chat.sharing"]', "anyone")
    page.click("#k-settings [type=submit]")
    page.wait_for_selector('#k-told[data-good="yes"]')
    yield


def evaluations(page: Page) -> Iterator[None]:
    evaluation(page)
    page.select_option("#k-set", "<b>own</b>.jsonl")
    page.click('[data-act="evaluate"]')
    page.wait_for_selector(".k-job progress")
    yield
    page.click('[data-act="evaluate-stop"]')
    page.wait_for_selector('.k-job[data-state="stopped"]')
    yield
    page.select_option("#k-set", "alliance.jsonl")
    page.fill("#k-limit", "1")
    page.click('[data-act="evaluate"]')
    page.wait_for_selector('.k-job[data-state="done"] .k-figures')
    yield


def ended_shares(page: Page) -> Iterator[None]:
    refusal(page)
    page.click('[data-act="share"]')
    page.wait_for_selector(".k-share input")
    link = page.locator(".k-share input").input_value()
    page.click('.k-share [data-act="revoke"]')
    page.locator(".k-shares").wait_for(state="detached")
    page.goto(link)
    page.wait_for_selector("main h1")
    yield
    for nowhere in ("article?id=0123", "no/such/page"):
        to_page(page, f"../{nowhere}", "main h1")
        yield


def signing_in(page: Page) -> Iterator[None]:
    yield
    page.fill('[name="username"]', "konkyo")
    page.fill('[name="password"]', "wrong one")
    page.keyboard.press("Enter")
    page.wait_for_selector(".k-failed")
    yield
    page.goto(page.evaluate("new URL('share/nothing', location.href).href"))
    page.wait_for_selector("main h1")
    yield


NEEDS: dict[State, dict[str, str]] = {
    opinions: {"FAKE_FEEDBACK": "{folder}/feedback.sqlite"},
    no_articles: {"FAKE_EMPTY": "yes"},
    nothing_to_list: {"FAKE_EMPTY": "yes"},
    loading: {"FAKE_LOAD": "600"},
    index_gone: {"FAKE_LOST": "{folder}/lost"},
    model_gone: {"FAKE_LLM": "dead"},
    model_silent: {"FAKE_LLM": "silent", "FAKE_PIPELINE": "yes"},
    old_articles: {"FAKE_STALE": "1", "FAKE_FAILING": "2"},
    watched: {"FAKE_WATCHED": "yes"},
    signing_in: {"FAKE_PASSWORD": "correct horse", "FAKE_SHARING": "readers"},
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
    opinions,
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
