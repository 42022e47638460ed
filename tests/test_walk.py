"""A new user's walk in a real browser: from an empty index to an answer somebody else opens."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import PATIENCE, ROOT, ask, browser, finished, opened, settled
from fixtures_process import started

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

QUESTION = "日本の対米投資の規模は？"
OTHERS = (
    ("ベッセント財務長官は何と述べましたか。", ".k-answer .k-cite"),
    ("明日の大阪の天気はどうですか。", ".k-refusal"),
    ("美方要求盟友做什么？", ".k-answer .k-cite"),
)
ARTICLES = ("2026-02-09-ja-investment.md", "2026-02-09-ja-bessent.md", "2026-02-10-zh-defence.md")


def test_from_an_empty_index_to_a_shared_answer(browser: Browser, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "konkyo", "chat", "--llm", "none", "--port", "0", "--no-open"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "KONKYO_STORE": str(tmp_path / "store"),
    }
    with started(command, cwd=tmp_path, env=environment) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[3]
        with opened(browser, url, language="ja-JP") as (page, _):
            _add_articles(page)
            _ask_five(page)
            _allow_sharing(page)
            link = _share_the_first(page)
            # Somebody without a cookie opens what is shared, as it was, and asks again today.
            context = browser.new_context(locale="ko-KR")
            context.set_default_timeout(PATIENCE)
            other = context.new_page()
            other.goto(link, timeout=PATIENCE)
            assert other.locator("h1").inner_text() == QUESTION
            assert other.locator(".k-short").inner_text() == "5500億ドル"
            other.click("a.again")
            settled(other)
            finished(other)
            assert "5500億ドル" in other.locator(".k-answer").inner_text()
            context.close()


def _add_articles(page: Page) -> None:
    """Nothing is there yet: the page leads to where articles are added."""
    page.wait_for_selector('#k-top .k-status[data-kind="partial"]')
    page.locator('.k-welcome a[href="library"]').click()
    page.wait_for_selector('html[data-page="ready"] .k-invitation')
    page.set_input_files(
        ".k-invitation [data-upload]", [ROOT / "seeds" / name for name in ARTICLES]
    )
    page.wait_for_selector("#k-job progress")
    page.wait_for_selector(".k-articles")
    assert page.locator(".k-title").count() == len(ARTICLES)
    page.get_by_role("link", name="質問する").click()
    page.wait_for_selector('html[data-page="ready"] #k-box textarea')
    page.wait_for_selector('#k-top .k-status[data-kind="ready"]')


def _ask_five(page: Page) -> None:
    """Five questions, one of them refused; a number opens its source."""
    ask(page, QUESTION)
    finished(page)
    assert "5500億ドル" in page.locator(".k-answer").inner_text()
    page.locator(".k-cite").first.click()
    page.wait_for_selector("#k-source #k-here")
    for number, (question, shown) in enumerate(OTHERS, 2):
        ask(page, question)
        finished(page, number)
        page.wait_for_selector(f'.k-turn[data-turn="{number}"] {shown}')
    # The fifth is one that is offered below an answer.
    page.locator(".k-follow-ups .k-chip").last.click()
    finished(page, 5)
    page.wait_for_selector('.k-turn[data-turn="5"] .k-answer .k-cite')


def _allow_sharing(page: Page) -> None:
    """Sharing is off until the owner turns it on, on the page of settings."""
    assert page.locator('[data-act="share"]').count() == 0
    page.locator('#k-state [data-act="articles"]').click()
    page.locator('.k-admin-links a[href="settings"]').click()
    page.wait_for_selector('html[data-page="ready"] #k-settings')
    page.select_option('[name="chat.sharing"]', "anyone")
    page.click("#k-settings [type=submit]")
    page.wait_for_selector('#k-told[data-good="yes"]')
    page.get_by_role("link", name="質問する").click()
    settled(page)


def _share_the_first(page: Page) -> str:
    """The conversation is kept; returns the link to its first answer."""
    page.locator(".k-conversation").first.click()
    finished(page, 5)
    page.locator('.k-turn[data-turn="1"] [data-act="share"]').click()
    page.wait_for_selector(".k-share input")
    return page.locator(".k-share input").input_value()
