"""A new user's walk in a real browser: from an empty index to an answer somebody else opens."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import PATIENCE, ROOT, ask, browser, finished, opened
from fixtures_process import started

if TYPE_CHECKING:
    from playwright.sync_api import Browser

__all__ = ["browser"]

QUESTION = "日本の対米投資の規模は？"
ARTICLES = ("2026-02-09-ja-investment.md", "2026-02-09-ja-bessent.md", "2026-02-10-zh-defence.md")


def test_from_an_empty_index_to_a_shared_answer(browser: Browser, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "konkyo", "chat", "--llm", "none", "--port", "0", "--no-open"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "KONKYO_STORE": str(tmp_path / "store"),
        "KONKYO_CHAT__SHARING": "anyone",
    }
    with started(command, cwd=tmp_path, env=environment) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[3]
        with opened(browser, url, language="ja-JP") as (page, _):
            # Nothing is there yet: the page leads to where articles are added.
            page.wait_for_selector('#k-top .k-status[data-kind="partial"]')
            page.locator('.k-welcome a[href="library"]').click()
            page.wait_for_selector('html[data-page="ready"] .k-invitation')
            page.set_input_files(
                ".k-invitation [data-upload]", [ROOT / "seeds" / name for name in ARTICLES]
            )
            page.wait_for_selector("#k-job progress")
            page.wait_for_selector(".k-articles")
            assert page.locator(".k-title").count() == len(ARTICLES)
            # Back in the chat something is offered to ask, and is answered.
            page.get_by_role("link", name="質問する").click()
            page.wait_for_selector('html[data-page="ready"] #k-box textarea')
            page.wait_for_selector('#k-top .k-status[data-kind="ready"]')
            ask(page, QUESTION)
            finished(page)
            assert "5500億ドル" in page.locator(".k-answer").inner_text()
            page.locator(".k-cite").first.click()
            page.wait_for_selector("#k-source #k-here")
            # Somebody without a cookie opens what is shared, as it was.
            page.click('[data-act="share"]')
            page.wait_for_selector(".k-share input")
            link = page.locator(".k-share input").input_value()
            context = browser.new_context(locale="ko-KR")
            other = context.new_page()
            other.goto(link, timeout=PATIENCE)
            assert other.locator("h1").inner_text() == QUESTION
            assert "5500億ドル" in other.locator("main").inner_text()
            context.close()
