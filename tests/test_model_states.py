"""A model that writes nothing or is gone, in a real browser: told in place, with a way out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from konkyo.rag.messages import NoticeKey, notice_text
from konkyo.ui.web.i18n import LANGUAGES, Language, say

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import ask, browser, finished, opened, served
from fixtures_engines import free_port
from fixtures_llm import Heard, Reply, events, refuses, serving
from test_answer import QUESTION, TEXT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

LOCALES: dict[Language, str] = {"en": "en-US", "ja": "ja-JP", "ko": "ko-KR", "zh": "zh-CN"}
LINES = {"data": [{"id": "m", "owned_by": "llamacpp"}]}
"""A list of models by which a server is asked for lines, as PHRASED is one."""
PHRASED = "日本の対米投資は総額5500億ドルに上る。[1]\n"
QUOTE = TEXT.split("。")[0] + "。"


@contextmanager
def model(port: int, *replies: Reply) -> Iterator[Heard]:
    """The server of a model, which gives these replies in order."""
    with serving(*replies, models=LINES, port=port) as heard:
        yield heard


def asked(heard: Heard) -> int:
    """How many answers the model was asked for."""
    return sum(path == "/v1/chat/completions" for path, _ in heard.requests)


def quoted_with(page: Page, turn: int, notice: NoticeKey, language: Language) -> None:
    """Wait for an answer of quotes alone, and see that it says why and that nothing goes on."""
    finished(page, turn)
    there = page.locator(f'.k-turn[data-turn="{turn}"]')
    assert QUOTE in there.locator(".k-answer").inner_text()
    assert there.locator(f'.k-note:has-text("{notice_text(notice, language)}")').count() == 1
    assert there.locator(".k-doing, .k-failed").count() == 0
    assert there.locator(".k-answer").get_attribute("aria-busy") == "false"
    assert page.locator("#k-box textarea").is_editable()
    page.wait_for_selector('.k-status[data-kind="partial"]')
    assert say(language, "model_gone") in page.locator("#k-state").inner_text()


def phrased(page: Page, turn: int) -> None:
    """Wait for an answer that the model phrased; nothing is said of it any more."""
    finished(page, turn)
    there = page.locator(f'.k-turn[data-turn="{turn}"]')
    assert there.locator(".k-claim").all_inner_texts() == [PHRASED.strip()]
    assert there.locator(".k-note:visible").count() == 0
    page.wait_for_selector('.k-status[data-kind="ready"]')


def test_a_model_that_writes_nothing_is_told_in_place_until_it_writes(browser: Browser) -> None:
    port = free_port()
    replies = [events(""), events(PHRASED)] * len(LANGUAGES)
    with (
        model(port, *replies) as heard,
        served(FAKE_PIPELINE="yes", FAKE_LLM=f"http://127.0.0.1:{port}/v1") as url,
    ):
        for number, language in enumerate(LANGUAGES):
            with opened(browser, url, language=LOCALES[language]) as (page, _):
                ask(page, QUESTION)
                quoted_with(page, 1, "llm_silent", language)
                assert asked(heard) == 2 * number + 1
                page.locator('.k-turn[data-turn="1"] [data-act="retry"]').click()
                phrased(page, 2)
                assert asked(heard) == 2 * number + 2


def test_a_model_whose_server_goes_away_is_told_in_place_until_it_is_back(
    browser: Browser,
) -> None:
    port = free_port()
    with (
        served(FAKE_PIPELINE="yes", FAKE_LLM=f"http://127.0.0.1:{port}/v1") as url,
        opened(browser, url) as (page, _),
    ):
        ask(page, QUESTION)
        quoted_with(page, 1, "llm_unavailable", "en")
        with model(
            port, events(PHRASED), events(PHRASED, end=False), refuses(500, "never")
        ) as heard:
            # Nobody asks anything meanwhile.
            page.wait_for_selector('.k-status[data-kind="ready"]')
            assert asked(heard) == 0
            page.locator('.k-turn[data-turn="1"] [data-act="retry"]').click()
            phrased(page, 2)
            # What passed before the server was gone stays, and is said to be no more than that.
            ask(page, QUESTION)
            finished(page, 3)
            there = page.locator('.k-turn[data-turn="3"]')
            assert there.locator(".k-claim").all_inner_texts() == [PHRASED.strip()]
            stopped = notice_text("llm_stopped", "en")
            assert there.locator(f'.k-note:has-text("{stopped}")').count() == 1
            assert there.locator(".k-doing, .k-failed").count() == 0
