"""The page of articles in a real browser, over a real server with a real index."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from konkyo.index.errors import LLMUnreachable, StoreMissing, StoreUnreachable
from konkyo.index.records import Article, Filter
from konkyo.rag.conversation import Turn as Past
from konkyo.rag.generation.llm import Usage
from konkyo.rag.generation.prompts import Prompt
from konkyo.rag.types import Claim, Event, Finished
from konkyo.ui.server.llm_queue import LLMQueue
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.citation_notes import CitationNotes, citation_notes
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.i18n import LANGUAGES, Message, say
from konkyo.ui.web.index_check import IndexCheck
from konkyo.ui.web.turns import Mark, Turn
from konkyo.ui.web.views import conversation_view, source_view, status_view

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import PATIENCE, ask, browser, finished, opened, served, settled
from fixtures_chat import ENGLISH, HOSTILE, LONG, FakeReader, FakeStore, answer, evidence
from fixtures_library import chat_server, ended, library, titles
from fixtures_llm import events, serving

__all__ = ["browser"]

NEWS = {
    "bridge.md": ("Bridge opens in Oslo", "2026-02-09", "Oslo Daily", "en", "It cost 52 million."),
    "harbour.md": ("Harbour strike ends", "2026-02-10", "Harbour Post", "en", "It took a week."),
    "snow.md": (
        "札幌で大雪",
        "2026-02-11",
        "札幌新聞",
        "ja",
        "札幌では大雪となり、四十センチ積もった。",
    ),
}


def text_of(name: str) -> str:
    title, day, outlet, language, body = NEWS[name]
    return (
        f"---\ntitle: {title}\npublished: {day}\noutlet: {outlet}\nlanguage: {language}\n---\n"
        f"{body} {title}.\n"
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server that begins without an index; answers may be shared."""
    with chat_server(tmp_path_factory.mktemp("server"), KONKYO_CHAT__SHARING="anyone") as url:
        yield url


def drop(page: Page, names: list[str], onto: str = "main") -> None:
    """Drop files somewhere on the page."""
    files = [{"name": name, "text": text_of(name)} for name in names]
    data = page.evaluate_handle(
        """files => {
            const data = new DataTransfer();
            for (const { name, text } of files) data.items.add(new File([text], name));
            return data;
        }""",
        files,
    )
    page.dispatch_event(onto, "drop", {"dataTransfer": data})


def test_an_empty_index_invites_and_dropped_files_are_listed_with_their_results(
    browser: Browser, server: str
) -> None:
    while httpx.get(f"{server}ready", timeout=60).status_code != 200:
        pass
    with library(browser, server) as page:
        assert "There are no articles yet" in page.locator(".k-invitation").inner_text()
        assert "konkyo index" not in page.locator("main").inner_text()
        drop(page, [*NEWS, "bridge.md"])
        page.wait_for_selector(".k-articles")
        assert titles(page) == ["札幌で大雪", "Harbour strike ends", "Bridge opens in Oslo"]
        said = page.locator("#k-job").inner_text()
        assert "3 added" in said
        for name in NEWS:
            assert f"{name} 1 article" in said
        row = page.locator("tr", has_text="Bridge opens").inner_text()
        assert ("Oslo Daily" in row, "9 Feb 2026" in row, "characters" in row) == (True, True, True)


def test_files_dropped_on_any_page_are_added(browser: Browser, tmp_path: Path) -> None:
    with chat_server(tmp_path) as url, opened(browser, url) as (page, _):
        drop(page, ["bridge.md", "snow.md"], onto="#k-box textarea")
        page.wait_for_url(f"{url}library")
        page.wait_for_selector(".k-articles")
        assert sorted(titles(page)) == ["Bridge opens in Oslo", "札幌で大雪"]
        # What was kept is added once.
        page.reload()
        page.wait_for_selector('html[data-page="ready"]')
        number = page.locator("#k-job .k-job").get_attribute("data-number")
        page.get_by_role("link", name="Settings").click()
        page.wait_for_selector('html[data-page="ready"] #k-settings')
        drop(page, ["harbour.md"])
        page.wait_for_url(f"{url}library")
        page.wait_for_selector(".k-title:has-text('Harbour strike ends')")
        assert page.locator("#k-job .k-job").get_attribute("data-number") == str(
            int(number or 0) + 1
        )


def test_what_cannot_be_read_is_named_with_its_reason(browser: Browser, server: str) -> None:
    with library(browser, server) as page:
        page.set_input_files(
            "#k-work [data-upload] >> nth=0",
            {"name": "bad.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 broken"},
        )
        page.wait_for_selector(".k-job:has-text('bad.pdf')")
        page.fill("#k-add textarea", "/nowhere/at-all.md")
        page.click("#k-add button")
        page.wait_for_selector(".k-job:has-text('/nowhere/at-all.md: no such file or folder')")


def test_the_list_is_searched_sorted_and_filtered_by_several_at_once(
    browser: Browser, server: str
) -> None:
    with library(browser, server) as page:
        page.fill("[name=words]", "HARBOUR week")
        page.wait_for_function("document.querySelectorAll('.k-title').length === 1")
        assert titles(page) == ["Harbour strike ends"]
        page.fill("[name=words]", "")
        page.select_option("[name=sort]", "title")
        page.wait_for_function("document.querySelectorAll('.k-title').length === 3")
        assert titles(page) == ["Bridge opens in Oslo", "Harbour strike ends", "札幌で大雪"]
        for folded in page.locator(".k-choices > summary").all():
            folded.click()
        page.check('[value="Oslo Daily"]')
        page.check('[value="札幌新聞"]')
        page.check('[name="language"][value="ja"]')
        page.wait_for_function("document.querySelectorAll('.k-title').length === 1")
        assert titles(page) == ["札幌で大雪"]
        page.fill("[name=until]", "2026-02-10")
        page.wait_for_selector("text=No article matches.")
        address = page.url
    with library(browser, server, address.partition("library")[2]) as page:
        assert page.locator(".k-choices:first-of-type input:checked").count() == 1
        assert page.get_by_text("No article matches.").count() == 1


def test_an_article_is_removed_after_consent_and_brought_back(
    browser: Browser, server: str
) -> None:
    with library(browser, server) as page:
        button = page.get_by_role("button", name="Remove: Harbour strike ends")
        button.click()
        assert "Remove “Harbour strike ends”" in page.locator("#k-confirm").inner_text()
        page.keyboard.press("Escape")
        assert len(titles(page)) == 3
        button.click()
        page.click("#k-yes")
        page.wait_for_function("document.querySelectorAll('.k-title').length === 2")
        page.click("#k-job .k-note [data-order=undo]")
        page.wait_for_function("document.querySelectorAll('.k-title').length === 3")


def test_the_index_is_made_anew_after_consent(browser: Browser, server: str) -> None:
    with library(browser, server) as page:
        page.click("[data-act=rebuild]")
        assert "Read 3 sources again" in page.locator("#k-confirm").inner_text()
        page.click("#k-yes")
        page.wait_for_selector("#k-job progress[value]")
        ended(page)
        assert len(titles(page)) == 3
        before = page.locator("#k-job .k-job").get_attribute("data-number")
        page.click("#k-job .k-note [data-order=undo]")
        page.wait_for_selector(f'#k-job[data-job="done"] .k-job:not([data-number="{before}"])')
        assert page.locator("#k-job .k-failed").count() == 0
        page.reload()
        page.wait_for_selector('html[data-page="ready"]')
        assert sorted(titles(page)) == sorted(title for title, *_ in NEWS.values())


def test_a_kept_answer_is_marked_when_its_source_changes_or_goes(
    browser: Browser, server: str, tmp_path: Path
) -> None:
    """What a reader sees of an answer of before, in the page itself."""
    file = tmp_path / "tunnel.md"
    head = "---\ntitle: Tunnel opens in Bergen\npublished: 2026-02-08\noutlet: Bergen Post\n---\n"
    file.write_text(head + "The tunnel cost 52 million euros. It is nine kilometres long.\n")
    with library(browser, server) as page:
        page.fill("#k-add textarea", str(file))
        page.click("#k-add button")
        page.wait_for_selector(".k-title > a:has-text('Tunnel opens')")
        page.goto(server)
        settled(page)
        ask(page, "What does the article “Tunnel opens in Bergen” say?")
        finished(page)
        kept = page.url
        told = page.locator(".k-turn").inner_text()
        assert "52 million euros" in told
        assert "has changed since" not in told
        page.locator('[data-act="share"]').click()
        shared = page.locator(".k-share input").input_value()
        source = page.locator(".k-cite").first.get_attribute("data-article")
        file.write_text(head + "The tunnel cost 77 million euros. It is nine kilometres long.\n")
        page.goto(f"{server}library")
        page.wait_for_selector('html[data-page="ready"]')
        page.fill("#k-add textarea", str(file))
        page.click("#k-add button")
        page.wait_for_selector("#k-job[data-job=done]:has-text('1 changed')")
        page.goto(kept)
        page.wait_for_selector(".k-turn:has-text('The source has changed since. It now says:')")
        assert "77 million euros" in page.locator(".k-turn").inner_text()
        page.goto(shared)
        told = page.locator("main").inner_text()
        assert "The tunnel cost 52 million euros." in told
        assert "The source has changed since. It now says:" in told
        assert "77 million euros" in told
        page.goto(f"{server}library")
        page.wait_for_selector('html[data-page="ready"]')
        page.get_by_role("button", name="Remove: Tunnel opens in Bergen").click()
        page.click("#k-yes")
        page.wait_for_function("document.querySelectorAll('.k-title').length === 3")
        page.goto(kept)
        page.wait_for_selector(".k-turn:has-text('The source is no longer in the index.')")
        page.goto(shared)
        assert "The source is no longer in the index." in page.locator("main").inner_text()
    # What is gone is told apart from what never was.
    page = browser.new_page(locale="en-US")
    for article, words in (
        (source, "This article is no longer in the index."),
        ("0" * 16, "The index has no record of this article."),
    ):
        page.goto(f"{server}article?id={article}")
        assert page.locator("main .k-note").inner_text() == words
    page.close()


def test_an_editor_says_that_an_article_was_corrected(browser: Browser, server: str) -> None:
    with library(browser, server) as page:
        page.get_by_role("button", name="Correction…: Bridge opens in Oslo").click()
        page.select_option("#k-mark select", "corrected")
        page.fill("#k-mark textarea", "It cost <b>5.2</b> million.")
        page.click("#k-mark [value=yes]")
        note = page.wait_for_selector(".k-status-note")
        assert note is not None
        assert note.inner_text() == "Corrected It cost <b>5.2</b> million."
        page.click(".k-title > a:has-text('Bridge opens in Oslo')")
        page.wait_for_selector(".k-article")
        assert "Corrected" in page.locator(".k-article").inner_text()
        # It says so wherever it is quoted: beside the quote, in the source, in what is shared.
        question = "What does the article “Bridge opens in Oslo” say?"
        page.goto(server)
        settled(page)
        ask(page, question)
        finished(page)
        assert "Corrected" in page.locator(".k-turn .k-status-note").first.inner_text()
        page.locator(".k-cite").first.click()
        page.wait_for_selector("#k-source .k-status-note")
        page.locator('[data-act="share"]').click()
        page.goto(page.locator(".k-share input").input_value())
        assert "It cost <b>5.2</b> million." in page.locator("main").inner_text()
    found = httpx.post(f"{server}api/ask", json={"question": question}).json()
    assert {one["status"] for one in found["citations"]} == {"corrected"}


def test_a_folder_is_watched_and_read_at_once(
    browser: Browser, server: str, tmp_path: Path
) -> None:
    (tmp_path / "harbour.md").write_text(text_of("harbour.md").replace("a week", "a month"))
    with library(browser, server) as page:
        page.click("#k-watch > summary")
        assert "Nothing is watched" in page.locator("#k-watch").inner_text()
        page.fill("#k-watch [name=source]", str(tmp_path))
        page.fill("#k-watch [name=hours]", "2")
        page.click("#k-watch-form [type=submit]")
        page.wait_for_selector(f".k-watched:has-text('{tmp_path}')")
        page.click("#k-watch [data-do=now]")
        page.wait_for_function("document.querySelectorAll('.k-title > a').length === 4")
        # What came of it is written down after the job has ended.
        while "never" in page.locator(".k-watched tbody tr").inner_text():
            page.reload()
            page.wait_for_selector('html[data-page="ready"]')
        page.click("#k-watch [data-do=stop]")
        page.wait_for_selector("#k-watch:has-text('Nothing is watched')")


def test_a_watched_feed_that_fails_says_why_and_when_it_is_read_next(
    browser: Browser, server: str
) -> None:
    feed = "http://127.0.0.1/feed.xml"
    with library(browser, server) as page:
        page.click("#k-watch > summary")
        page.fill("#k-watch [name=source]", feed)
        page.fill("#k-watch [name=hours]", "2")
        page.click("#k-watch-form [type=submit]")
        page.wait_for_selector(f".k-watched:has-text('{feed}')")
        # A reload that comes before the answer takes the order back.
        with page.expect_response(lambda answer: answer.request.method == "POST"):
            page.click("#k-watch [data-do=now]")
        row = page.locator(".k-watched tbody tr")
        # What came of it is written down after the job has ended.
        while not row.locator(".k-error").inner_text():
            page.reload()
            page.wait_for_selector('html[data-page="ready"]')
        assert "127.0.0.1 is not a public address" in row.locator(".k-error").inner_text()
        success, following = row.locator(".k-date").all()
        assert success.inner_text() == "never"
        moment = datetime.fromisoformat(following.locator("time").get_attribute("datetime") or "")
        assert moment > datetime.now(UTC)
        with opened(browser, server) as (chat, _):
            ask(chat, "How much did the bridge cost?")
            finished(chat)
            told = chat.locator('.k-turn[data-turn="1"]').inner_text()
            assert say("en", "sources_failing_one", count=1) in told
        page.click("#k-watch [data-do=stop]")
        page.wait_for_selector("#k-watch:has-text('Nothing is watched')")


def test_a_server_that_is_told_their_age_warns_of_old_articles(
    browser: Browser, tmp_path: Path
) -> None:
    news = tmp_path / "news"
    news.mkdir()
    (news / "bridge.md").write_text(text_of("bridge.md").replace("2026-02-09", "2020-02-09"))
    watched = {"KONKYO_WATCH__SOURCES": json.dumps([str(news)])}
    with chat_server(tmp_path, KONKYO_CHAT__STALE_AFTER="1", **watched) as url:
        with library(browser, url) as page:
            while not titles(page):
                page.reload()
                page.wait_for_selector('html[data-page="ready"]')
        with opened(browser, url) as (chat, _):
            ask(chat, "How much did the bridge cost?")
            finished(chat)
            told = chat.locator('.k-turn[data-turn="1"]').inner_text()
            assert say("en", "stale", date="9 Feb 2020") in told


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", ["ja", "ko", "zh-CN", "en-US"])
def test_the_page_fits_the_screen_in_every_language(
    browser: Browser, server: str, language: str, width: int
) -> None:
    with library(browser, server, language=language, width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # A field and its button end on one line.
        ends = "one => one.getBoundingClientRect().bottom"
        field, button = page.locator("#k-add textarea"), page.locator("#k-add button")
        assert width == 390 or abs(field.evaluate(ends) - button.evaluate(ends)) < 1


@pytest.mark.parametrize(
    ("language", "date", "refused", "too_large", "saved", "no_model"),
    [
        (
            "ja",
            "2026年2月9日",
            "httpやhttpsのアドレスでも、パスでもありません",
            "MBを超えています",
            "保存しました",
            "サーバーは動いていますか？",
        ),
        (
            "ko",
            "2026년 2월 9일",
            "http나 https 주소도 아니고 경로도 아닙니다",
            "MB를 넘습니다",
            "저장했습니다",
            "서버가 실행 중인가요?",
        ),
        (
            "zh-CN",
            "2026年2月9日",
            "不是http或https地址",
            "MB，请拆分",
            "已保存",
            "服务器在运行吗？",
        ),
    ],
)
def test_what_goes_wrong_is_said_in_the_language_of_the_page(
    browser: Browser,
    server: str,
    language: str,
    date: str,
    refused: str,
    too_large: str,
    saved: str,
    no_model: str,
) -> None:
    with library(browser, server, language=language) as page:
        assert date in page.locator("tr", has_text="Bridge opens").inner_text()
        page.fill("#k-add textarea", "file:///example/a")
        page.click("#k-add button")
        assert refused in page.locator("#k-job .k-failed").inner_text()
        page.evaluate("document.querySelector('#k-work').dataset.limit = 3")
        page.set_input_files(
            "#k-work [data-upload] >> nth=0",
            {"name": "big.txt", "mimeType": "text/plain", "buffer": b"more than three bytes"},
        )
        page.wait_for_selector(f"#k-sending:has-text('{too_large}')")
        page.goto(f"{server}settings")
        page.wait_for_selector('html[data-page="ready"]')
        page.select_option('[name="llm.kind"]', "ollama")
        page.fill('[name="llm.model"]', "m")
        page.fill('[name="llm.base_url"]', "http://127.0.0.1:9")
        page.click('[data-act="test-model"]')
        told = page.wait_for_selector('#k-told[data-good="no"]')
        assert told is not None
        assert no_model in told.inner_text()
        assert not re.search("Connection|running", told.inner_text())
        page.select_option('[name="llm.kind"]', "none")
        page.fill('[name="llm.base_url"]', "")
        page.fill('[name="llm.model"]', "")
        page.fill('[name="chat.stale_after"]', "30")
        page.click("#k-settings [type=submit]")
        page.wait_for_selector(f'#k-told[data-good="yes"]:has-text("{saved}")')
        page.reload()
        assert page.input_value('[name="chat.stale_after"]') == "30"


def test_a_model_is_tested_and_strictness_and_languages_are_saved(
    browser: Browser, server: str
) -> None:
    with serving(events("ready")) as heard, library(browser, server) as page:
        page.goto(f"{server}settings")
        page.wait_for_selector('html[data-page="ready"]')
        page.select_option('[name="llm.kind"]', "openai")
        page.fill('[name="llm.model"]', "m")
        page.fill('[name="llm.base_url"]', f"{heard.url}/v1")
        page.click('[data-act="test-model"]')
        page.wait_for_selector('#k-told[data-good="yes"]:has-text("openai:m: ready")')
        # A model without a name could not be opened at the next start.
        page.fill('[name="llm.model"]', "")
        page.click("#k-settings [type=submit]")
        page.wait_for_selector('#k-told[data-good="no"]:has-text("llm.model")')
        page.select_option('[name="llm.kind"]', "none")
        page.fill('[name="llm.base_url"]', "")
        for strictness, languages, kept in (("0.7", "JA、en", "ja, en"), ("0.5", "", "")):
            page.fill('[name="answers.strictness"]', strictness)
            page.fill('[name="answers.languages"]', languages)
            page.click("#k-settings [type=submit]")
            page.wait_for_selector('#k-told[data-good="yes"]:has-text("Saved")')
            page.reload()
            page.wait_for_selector('html[data-page="ready"]')
            assert page.input_value('[name="answers.strictness"]') == strictness
            assert page.input_value('[name="answers.languages"]') == kept
            assert page.input_value('[name="llm.kind"]') == "none"


def test_what_the_server_refuses_is_told_and_not_said_to_be_done(
    browser: Browser, tmp_path: Path
) -> None:
    away = "The index cannot be read."
    with served(FAKE_PACE="0", FAKE_STORE=str(tmp_path / "store")) as url:
        context = browser.new_context(locale="en-US")
        context.set_default_timeout(PATIENCE)
        context.route(
            re.compile("/library/(order|mark|watch)|/settings/save"),
            lambda route: (
                route.fulfill(status=503, json={"detail": away})
                if route.request.method == "POST"
                else route.continue_()
            ),
        )
        page = context.new_page()
        while httpx.get(f"{url}ready", timeout=60).status_code != 200:
            pass
        page.goto(f"{url}library")
        page.wait_for_selector('html[data-page="ready"]')
        told = f"#k-sending:visible:text-is('{away}')"
        page.locator('[data-act="mark"]').first.click()
        page.locator("#k-mark [value=yes]").click()
        page.wait_for_selector(told)
        page.evaluate("document.querySelector('#k-sending').hidden = true")
        before = page.get_attribute("#k-job", "data-job")
        page.fill("#k-add textarea", "https://example.org/a")
        page.click("#k-add button")
        page.wait_for_selector(told)
        assert page.get_attribute("#k-job", "data-job") == before
        assert page.input_value("#k-add textarea") == "https://example.org/a"
        page.goto(f"{url}settings")
        page.wait_for_selector('html[data-page="ready"]')
        page.click("#k-settings [type=submit]")
        page.wait_for_selector(f"#k-told[data-good='no']:text-is('{away}')")
        context.close()


# ---- who may do what


def test_a_reader_sees_the_list_and_nothing_that_changes_it(tmp_path: Path) -> None:
    secrets = {
        "FAKE_PASSWORD": "readers-only",
        "FAKE_EDITOR_PASSWORD": "editors-only",
        "FAKE_STORE": str(tmp_path / "store"),
    }
    with served(**secrets) as url, httpx.Client(base_url=url) as client:
        assert client.get("library").headers["location"] == "./"
        assert client.get("library/job").status_code == 401
        client.post("login", data={"username": "konkyo", "password": "readers-only"})
        while client.get("ready").status_code != 200:
            time.sleep(0.1)
        page = client.get("library").text
        assert "Harbour strike" in page
        assert "k-work" not in page
        assert client.get("library/job").status_code == 403
        refused = client.get("settings", headers={"accept-language": "zh"})
        assert refused.status_code == 403
        assert "请以编辑者（editor）身份登录。" in refused.text
        assert "k-settings" not in refused.text
        assert client.post("settings/save", json={}).status_code == 403
        for address in ("library/order", "library/mark"):
            assert client.post(address, json={"order": "rebuild"}).status_code == 403
        client.post("login", data={"username": "editor", "password": "editors-only"})
        assert "k-work" in client.get("library").text
        assert client.post("library/order", json={"order": "explode"}).status_code == 400
        other = {"origin": "https://other.example", "sec-fetch-site": "cross-site"}
        assert (
            client.post("library/order", json={"order": "undo"}, headers=other).status_code == 403
        )


def test_nothing_of_an_article_becomes_markup(browser: Browser) -> None:
    with served(FAKE_HOSTILE="1") as url:
        while httpx.get(f"{url}ready", timeout=60).status_code != 200:
            pass
        with library(browser, url) as page:
            assert page.locator(".k-title").count() == min(50, len(HOSTILE))
            assert page.evaluate("window.pwned") is None
            page.locator(".k-title > a").first.click()
            page.wait_for_selector("main")
            assert page.evaluate("window.pwned") is None


def test_whoever_comes_before_the_models_are_ready_sees_the_list_once_they_are(
    browser: Browser,
) -> None:
    with served(FAKE_LOAD="8") as url:
        early = httpx.get(f"{url}library")
        assert (early.status_code, early.headers["refresh"]) == (503, "2")
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}library", timeout=PATIENCE)
        page.wait_for_selector(".k-articles", timeout=PATIENCE)
        context.close()
        assert "refresh" not in httpx.get(f"{url}library").headers


def test_an_article_that_was_never_there_is_told_from_one_that_is_gone() -> None:
    with served() as url:
        while httpx.get(f"{url}ready", timeout=60).status_code != 200:
            pass
        answer = httpx.get(f"{url}article", params={"id": "0123456789abcdef"})
        assert answer.status_code == 404
        assert "no record of this article" in answer.text


# ---- what readers are told of kept quotes, and of the server


def test_a_source_that_cannot_be_read_yet_is_not_said_to_be_unknown() -> None:
    loaded = threading.Event()

    def load() -> FakeReader:
        loaded.wait(60)
        raise StoreMissing("no index here")

    service = ChatService(load)
    service.open()

    def page() -> str:
        mark = Mark(0, 5, 1, primary=True)
        return source_view(service, Conversation(), ENGLISH.article_id, mark, 1, "en")

    assert "Getting the models ready" in page()
    loaded.set()
    assert service.wait(60)
    assert "The articles or a model cannot be opened" in page()


def test_a_store_that_failed_once_is_compared_again() -> None:
    shown = (evidence(1, ENGLISH, ENGLISH.text.split("\n")[1]),)
    turn = Turn(1, "q", "done", outcome=answer("q", (Claim("Nine fields.", (1,), 0.9),), shown))
    failing = True
    now = [0.0]

    class Away(FakeStore):
        def article(self, article_id: str) -> Article:
            if failing:
                raise StoreUnreachable("the database does not answer")
            return super().article(article_id)

    notes = CitationNotes(lambda: (Away(()), 1), clock=lambda: now[0])
    assert notes.noted(turn, "en").notes == ()
    failing = False
    # Not at once, as the page is shown again with every change.
    assert notes.noted(turn, "en").notes == ()
    now[0] = 10.0
    (note,) = notes.noted(turn, "en").notes
    assert "no record" in note


def test_examples_are_about_articles_that_are_there() -> None:
    class Later(FakeStore):
        """What is there after the change."""

    class Changing(FakeReader):
        """Its index changes while its first example is asked."""

        def is_answered(self, question: str, article_id: str, where: Filter | None = None) -> bool:
            if article_id != LONG.article_id and not isinstance(self.store, Later):
                self.store = Later((LONG,))
                self.changes = 1
                assert service.renew()
            return True

    service = ChatService(lambda: Changing(0))
    service.open()
    assert service.wait(60)
    for thread in threading.enumerate():
        if thread.name in ("konkyo-load", "konkyo-examples"):
            thread.join(60)
    offered = [service.examples(language) or () for language in LANGUAGES]
    assert all(LONG.title in question for found in offered for question in found), offered
    assert any(offered)


def test_a_kept_answer_says_what_became_of_its_quotes() -> None:
    reader = FakeReader(0)
    kept = ChatService(lambda: reader)
    kept.open()
    assert kept.wait(60)
    shown = (evidence(1, ENGLISH, ENGLISH.text.split("\n")[1]),)
    turn = Turn(1, "q", "done", outcome=answer("q", (Claim("Nine fields.", (1,), 0.9),), shown))
    assert kept.citations.noted(turn, "en").notes == ()
    text = ENGLISH.text.replace("nine fields", "ten fields")
    reader.store = FakeStore((replace(ENGLISH, article_id="f" * 16, text=text),))
    reader.changes = 1
    assert kept.renew()
    reader.article = reader.store.article
    conversation = Conversation()
    begun = conversation.begin("q", "searching", filtered=False)
    assert conversation.update(replace(begun, state="done", outcome=turn.outcome))
    mark = Mark(shown[0].start, shown[0].end, 1, primary=True)
    page = source_view(kept, conversation, ENGLISH.article_id, mark, 1, "en")
    assert re.search(r'<mark[^>]*id="k-here"[^>]*>The money would go to ten fields', page)
    (note,) = kept.citations.noted(turn, "en").notes
    assert note.startswith(
        "[1] The source has changed since. It now says: “The money would go to ten"
    )
    assert note in conversation_view(kept, (turn,), "en")
    (note,) = kept.citations.noted(turn, "ja").notes
    assert note.startswith("[1] 出典はその後変わりました。現在の記述：「The money would go to ten")
    reader.store = FakeStore((replace(ENGLISH, status="corrected", correction="十面です。"),))
    reader.changes = 1
    assert kept.renew()
    assert kept.citations.noted(turn, "ja").notes == ("[1] 訂正あり：十面です。",)
    reader.store = FakeStore(())
    reader.changes = 1
    assert kept.renew()
    assert kept.citations.noted(turn, "ja").notes == (
        "[1] この出典が索引にあった記録はありません。",
    )


@pytest.mark.parametrize("now", ["The money would go to ten fields", ""])
def test_a_quote_that_changed_also_tells_that_its_source_was_retracted_and_why(now: str) -> None:
    shown = evidence(1, ENGLISH, ENGLISH.text.split("\n")[1])
    cited = answer("q", (Claim("Nine fields.", (1,), 0.9),), (shown,)).citations
    text = ENGLISH.text.replace("The money would go to nine fields", now) if now else "Withdrawn."
    marked = replace(ENGLISH, text=text, status="retracted", correction="Nothing was agreed.")
    for language in LANGUAGES:
        why = say(language, "labelled", label=say(language, "retracted"), x="Nothing was agreed.")
        changed, retracted = citation_notes(FakeStore((marked,)), cited, language)
        assert now in changed
        assert (changed == f"[1] {say(language, 'says_no_more')}") == (not now)
        assert retracted == f"[1] {why}"
    # An answer that was made after it told it itself.
    told = [replace(one, status="retracted") for one in cited]
    assert len(citation_notes(FakeStore((marked,)), told, "en")) == 1


def test_the_dot_says_when_the_index_is_gone_and_clears_itself() -> None:
    class Index(FakeReader):
        gone = False

        def refresh(self) -> bool:
            if self.gone:
                raise StoreUnreachable("db.example: does not answer")
            return super().refresh()

    reader = Index(0)
    service = ChatService(lambda: reader)
    service.open()
    assert service.wait(60)
    assert service.check_index() == "ready"
    for language in LANGUAGES:
        assert 'data-kind="ready"' in status_view(service, language)
        reader.gone = True
        assert service.check_index() == "failed"
        said = status_view(service, language)
        assert ('data-kind="failed"' in said, say(language, "index_gone") in said) == (True, True)
        reader.gone = False
        assert service.check_index() == "ready"


def loaded_after(failures: int) -> tuple[ChatService, list[tuple[float, str, bool, str]]]:
    """A service whose index is away at first, and what it said of itself during each pause."""
    left = iter(range(failures))
    seen: list[tuple[float, str, bool, str]] = []

    def load() -> FakeReader:
        if next(left, None) is not None:
            raise StoreUnreachable("db.example: does not answer")
        return FakeReader(0)

    def pause(seconds: float) -> bool:
        *_, turn = service.ask(Conversation(), "How much?", details=True)
        assert turn.failure == Message("error_index")
        seen.append((seconds, service.readiness, service.will_be_ready, turn.error_detail))
        for language in LANGUAGES:
            said = status_view(service, language)
            assert 'data-kind="failed"' in said
            assert say(language, "index_gone") in said
            assert "k-failed" not in conversation_view(service, (), language, editor=True)
            assert service.examples(language) is None
        return False

    service = ChatService(load, pause=pause)
    service.open()
    loaded(service)
    return service, seen


def loaded(service: ChatService) -> None:
    """Wait until a service loads no more."""
    assert service.wait(60)
    for thread in threading.enumerate():
        if thread.name == "konkyo-load":
            thread.join(60)
            assert not thread.is_alive()


def test_an_index_that_is_away_at_the_start_is_tried_again_and_served_once_it_is_there() -> None:
    service, seen = loaded_after(2)
    told = ("failed", True, "db.example: does not answer")
    assert seen == [(1.0, *told), (2.0, *told)]
    assert (service.readiness, service.problem, service.index_readable) == ("ready", "", True)
    assert not service.will_be_ready
    assert all(service.examples(language) for language in LANGUAGES)
    *_, turn = service.ask(Conversation(), "How much?")
    assert turn.state == "done"


def test_the_pause_before_an_index_is_tried_again_grows_to_half_a_minute() -> None:
    _, seen = loaded_after(7)
    assert [seconds for seconds, *_ in seen] == [1, 2, 4, 8, 16, 30, 30]


def test_a_server_that_ends_tries_no_more() -> None:
    def load() -> FakeReader:
        raise StoreUnreachable("db.example: does not answer")

    service = ChatService(load)
    service.open()
    assert service.wait(60)
    service.drain()
    loaded(service)
    assert not service.will_be_ready
    assert service.readiness == "draining"


def test_the_index_is_asked_again_when_the_last_time_is_long_ago_and_waited_for_never() -> None:
    asked = threading.Semaphore(0)
    answer = threading.Event()
    now = [100.0]

    def ask() -> None:
        asked.release()
        answer.wait(60)
        raise StoreUnreachable("db.example: does not answer")

    check = IndexCheck(ask, clock=lambda: now[0])
    assert check.readable
    assert asked.acquire(timeout=60)
    now[0] += 4
    # Nothing came back in time.
    assert not check.readable
    answer.set()
    assert not check.now()
    assert not check.now()
    while asked.acquire(blocking=False):
        pass
    now[0] += 4
    assert not check.readable
    assert not asked.acquire(blocking=False)
    now[0] += 4
    assert not check.readable
    assert asked.acquire(timeout=60)


def test_the_dot_says_when_the_model_is_gone_or_no_article_is_there() -> None:
    class Dead:
        name = "dead"

        def stream(
            self, prompt: Prompt, *, max_tokens: int = 220, usage: Usage | None = None
        ) -> Iterator[str]:
            raise LLMUnreachable("gone")
            yield ""

    queue = LLMQueue(Dead())
    service = ChatService(lambda: FakeReader(0, llm=queue))
    service.open()
    assert service.wait(60)
    assert 'data-kind="ready"' in status_view(service, "en")
    with pytest.raises(LLMUnreachable):
        list(queue.stream(Prompt("", "", 1)))
    said = status_view(service, "en")
    assert 'data-kind="partial"' in said
    assert "the language model does not answer" in said
    empty = ChatService(lambda: FakeReader(0, articles=()))
    empty.open()
    assert empty.wait(60)
    assert 'data-kind="partial"' in status_view(empty, "en")


def test_questions_to_offer_are_found_while_no_reader_waits() -> None:
    at_once: list[int] = []

    class Watched(FakeReader):
        def is_answered(self, question: str, article_id: str, where: Filter = Filter()) -> bool:
            at_once.append(service.answering)
            return True

    reader = Watched(0)
    service = ChatService(lambda: reader)
    service.open()
    loaded(service)
    at_once.clear()
    answering = service.events("How much?", "page")
    next(answering)
    reader.changes = 1
    assert service.renew()
    time.sleep(0.5)
    assert at_once == []
    finding = [t for t in threading.enumerate() if t.name == "konkyo-examples"]
    list(answering)
    for thread in finding:
        thread.join(60)
    assert set(at_once) == {0}


def test_a_question_asked_before_does_not_wait_for_others_to_be_searched() -> None:
    unblocked = threading.Event()

    class Blocked(FakeReader):
        def stream(
            self, question: str, *, history: Sequence[Past] = (), where: Filter = Filter()
        ) -> Iterator[Event]:
            if "long" in question:
                unblocked.wait(60)
            yield from super().stream(question, history=history, where=where)

    service = ChatService(lambda: Blocked(0))
    service.open()
    loaded(service)
    list(service.events("How much?", "page"))
    others = [service.events(f"How long {n}?", "page") for n in range(os.cpu_count() or 1)]
    threads = [threading.Thread(target=list, args=(one,), daemon=True) for one in others]
    asked = service.events("How many?", "page")
    new = threading.Thread(target=list, args=(asked,), daemon=True)
    for thread in (*threads, new):
        thread.start()
        time.sleep(0.2)
    *_, last = service.events("How much?", "page")
    assert isinstance(last, Finished)
    assert new.is_alive()
    unblocked.set()
    for thread in (*threads, new):
        thread.join(60)
        assert not thread.is_alive()
