"""The conversations of a reader in a real browser: kept, found, renamed, deleted, in line."""

# ruff: noqa: F811
from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import (
    PATIENCE,
    ask,
    browser,  # noqa: F401
    finished,
    opened,
    served,
    settled,
)
from fixtures_chat import ENGLISH
from fixtures_engines import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUESTION = "How much will Japan invest in the United States?"
FOUR = (QUESTION, "What is the weather?", "How long was the harbour strike?", "How many turns?")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(FAKE_PACE="0", FAKE_STORE=str(tmp_path_factory.mktemp("kept") / "store")) as url:
        yield url


def ask_all(page: Page, questions: tuple[str, ...] = FOUR) -> None:
    for number, question in enumerate(questions, 1):
        ask(page, question)
        finished(page, number)


def questions(page: Page) -> list[str]:
    return page.locator(".k-question").all_inner_texts()


def shows(page: Page, count: int) -> None:
    page.wait_for_function(f"document.querySelectorAll('.k-turn').length === {count}")


def lists(page: Page, *titles: str) -> None:
    """Wait until these are the conversations of the list."""
    page.wait_for_function(
        "wanted => [...document.querySelectorAll('.k-conversation')]"
        ".map(one => one.textContent).join('|') === wanted",
        arg="|".join(titles),
    )


def act(page: Page, title: str, name: str) -> None:
    row = page.locator("#k-side li", has_text=title)
    row.locator("summary").click()
    row.get_by_role("button", name=name).click()


def start(page: Page) -> None:
    page.get_by_role("button", name="New conversation").click()
    page.wait_for_selector(".k-welcome")


def test_a_reload_and_another_language_keep_every_turn_and_the_filters(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        page.click(".k-filters summary")
        page.select_option('[data-filter="outlet"]', "Alliance Wire")
        page.wait_for_selector('.k-filters[data-chosen="1"]')
        ask_all(page)
        # What one could go on with is looked for after the answer, and comes when it is found.
        page.wait_for_selector('.k-turn[data-turn="4"] .k-follow-ups')
        before = page.locator(".k-turns").inner_text()
        page.fill("#k-box textarea", "not sent yet")
        page.reload()
        settled(page)
        shows(page, 4)
        assert page.locator(".k-turns").inner_text() == before
        assert page.locator('[data-state="done"]').count() == 4
        page.wait_for_selector('.k-filters[data-chosen="1"]')
        assert page.locator('[data-filter="outlet"]').input_value() == "Alliance Wire"
        page.wait_for_function("document.querySelector('#k-box textarea').value === 'not sent yet'")
        page.select_option("#k-language", "ja")
        page.wait_for_selector('html[lang="ja"] #k-box textarea')
        shows(page, 4)
        assert questions(page) == list(FOUR)
        page.wait_for_selector('.k-filters[data-chosen="1"]')
        assert page.locator('[data-filter="outlet"]').input_value() == "Alliance Wire"
        # What was asked is still what a follow-up goes on from, and nothing was asked again.
        ask(page, "How many turns?")
        finished(page, 5)
        said = page.locator('.k-turn[data-turn="5"] .k-claim').inner_text()
        assert f"Before: {' / '.join((FOUR[0], FOUR[2], FOUR[3]))}." in said


def test_what_one_could_go_on_with_comes_to_a_page_that_shows_the_answer_already(
    browser: Browser, tmp_path: Path
) -> None:
    environment = {"FAKE_PACE": "0", "FAKE_STORE": str(tmp_path / "store"), "FAKE_FINDING": "2"}
    with served(**environment) as url, opened(browser, url) as (page, _):
        ask(page, QUESTION)
        finished(page)
        page.reload()
        settled(page)
        finished(page)
        page.wait_for_selector(".k-follow-ups")
        page.wait_for_selector("#k-conversation :not([data-changing])[data-conversation]")


def test_a_question_in_the_address_is_asked_once(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}?q=What+is+the+weather") as (page, _):
        finished(page)
        assert "?q=" not in page.url
        page.reload()
        settled(page)
        shows(page, 1)
        assert questions(page) == ["What is the weather"]
        lists(page, "What is the weather")


def test_a_restart_of_the_server_keeps_them(browser: Browser, tmp_path: Path) -> None:
    port = str(free_port())
    environment = {"FAKE_PORT": port, "FAKE_STORE": str(tmp_path / "store"), "FAKE_PACE": "0"}
    with served(**environment) as url:
        context = browser.new_context(locale="en-US")
        context.set_default_timeout(240_000)
        page = context.new_page()
        page.goto(url)
        settled(page)
        ask_all(page, FOUR[:2])
        ask(page, "endless " + QUESTION)
        page.wait_for_selector('.k-turn[data-turn="3"] .k-card')
    with served(**environment):
        page.reload()
        settled(page)
        # The one that was under way has ended with the server, and says so.
        page.wait_for_selector('.k-turn[data-turn="3"][data-state="interrupted"]')
        shows(page, 3)
        lists(page, QUESTION)
        ask(page, "How many turns?")
        finished(page, 4)
        context.close()


def test_a_kept_answer_has_its_source_beside_it_once_the_models_are_ready(
    browser: Browser, tmp_path: Path
) -> None:
    port = str(free_port())
    environment = {"FAKE_PORT": port, "FAKE_STORE": str(tmp_path / "store"), "FAKE_PACE": "0"}
    with served(**environment) as url:
        context = browser.new_context(locale="en-US")
        context.set_default_timeout(240_000)
        page = context.new_page()
        page.goto(url)
        settled(page)
        ask(page, QUESTION)
        finished(page)
        page.wait_for_selector("#k-source #k-here")
    with served(**environment, FAKE_LOAD="12"):
        page.reload()
        settled(page)
        page.wait_for_selector("#k-source .k-note:has-text('Getting the models ready')")
        page.wait_for_selector("#k-source #k-here")
        context.close()


def test_filters_outlast_a_restart_and_the_way_back_on_a_phone(
    browser: Browser, tmp_path: Path
) -> None:
    environment = {
        "FAKE_PORT": str(free_port()),
        "FAKE_STORE": str(tmp_path / "store"),
        "FAKE_PACE": "0",
    }

    def require_filtered(page: Page) -> None:
        page.wait_for_selector('.k-filters[data-chosen="1"]')
        assert page.locator('[data-filter="outlet"]').input_value() == "Alliance Wire"
        finished(page)

    # The page is closed before the second server: what it loads anew is not cut off.
    with ExitStack() as servers, ExitStack() as pages:
        with served(**environment) as url:
            page, _ = pages.enter_context(opened(browser, url, width=390, height=780))
            page.wait_for_selector('.k-status[data-kind="ready"]')
            page.click(".k-filters summary")
            page.select_option('[data-filter="outlet"]', "Alliance Wire")
            page.wait_for_selector('.k-filters[data-chosen="1"]')
            ask(page, QUESTION)
            finished(page)
            page.locator(".k-cite").nth(2).click()
            page.wait_for_selector(f'#k-source h2:has-text("{ENGLISH.title}")')
            page.go_back()
            page.locator("#k-source h2").wait_for(state="hidden")
            require_filtered(page)
            page.goto("about:blank")
            page.go_back()
            settled(page)
            require_filtered(page)
            page.goto("about:blank")
        servers.enter_context(served(**environment))
        page.go_back()
        settled(page)
        require_filtered(page)
        start(page)
        page.wait_for_selector('.k-filters[data-chosen="0"]')
        page.go_back()
        require_filtered(page)


def test_a_signed_in_reader_finds_their_conversations_in_every_browser(
    browser: Browser, tmp_path: Path
) -> None:
    def page_of(reader: str) -> Page:
        context = browser.new_context(locale="en-US", extra_http_headers={"x-user": reader})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(url)
        settled(page)
        return page

    with served(FAKE_PACE="0", FAKE_STORE=str(tmp_path / "store"), FAKE_HEADER="X-User") as url:
        page = page_of("bob")
        ask(page, QUESTION)
        finished(page)
        lists(page, QUESTION)
        kept_at = page.url
        page.context.close()
        page = page_of("bob")
        page.locator(".k-conversation", has_text=QUESTION).click()
        finished(page)
        assert (questions(page), page.url) == ([QUESTION], kept_at)
        page.context.close()
        page = page_of("cleo")
        page.goto(kept_at)
        settled(page)
        page.wait_for_selector("#k-side .k-note")
        assert page.locator(".k-turn, .k-conversation").count() == 0
        page.context.close()


def test_who_signs_out_leaves_no_conversation_in_the_browser(
    browser: Browser, tmp_path: Path
) -> None:
    def sign_in(page: Page) -> None:
        page.get_by_label("User name").fill("konkyo")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Sign in").click()
        settled(page)

    environment = {"FAKE_STORE": str(tmp_path / "store"), "FAKE_PASSWORD": "correct horse"}
    with served(FAKE_PACE="0", **environment) as url:
        context = browser.new_context(locale="en-US")
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(url)
        sign_in(page)
        ask(page, QUESTION)
        finished(page)
        lists(page, QUESTION)
        page.reload()
        settled(page)
        finished(page)
        page.locator('[data-act="leave"]:visible').click()
        page.get_by_label("Password").wait_for()
        assert QUESTION not in page.content()
        context.close()


def test_conversations_are_searched_renamed_and_pinned(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        start(page)
        ask(page, "What is the weather?")
        finished(page)
        lists(page, "What is the weather?", QUESTION)
        act(page, QUESTION, "Rename")
        page.keyboard.type("The <b>deal</b>")
        page.keyboard.press("Enter")
        lists(page, "What is the weather?", "The <b>deal</b>")
        # The keyboard stays where it was when the list has come anew.
        page.wait_for_selector('.k-conversation[title="The <b>deal</b>"]')
        page.wait_for_function("document.activeElement.textContent === 'The <b>deal</b>'")
        act(page, "deal", "Pin")
        lists(page, "The <b>deal</b>", "What is the weather?")
        # By title, and by what was asked and answered.
        for words in ("DEAL", "how much japan", "nine fields"):
            page.get_by_label("Search conversations").fill(words)
            lists(page, "The <b>deal</b>")
        page.get_by_label("Search conversations").fill("nothing of the kind")
        page.wait_for_selector("#k-side .k-note")
        page.get_by_label("Search conversations").fill("")
        lists(page, "The <b>deal</b>", "What is the weather?")
        assert page.locator('[aria-current="page"]').inner_text() == "What is the weather?"
        page.locator(".k-conversation", has_text="deal").click()
        page.wait_for_selector('.k-question:has-text("How much")')
        page.wait_for_selector('[aria-current="page"]:has-text("deal")')
        assert page.locator("#k-source #k-here").count() == 1
        page.go_back()
        page.wait_for_selector('.k-question:has-text("weather")')


def test_a_menu_stays_open_when_the_list_comes_anew(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        page.locator("#k-side li", has_text=QUESTION).locator("summary").click()
        start(page)
        ask(page, "What is the weather?")
        finished(page)
        lists(page, "What is the weather?", QUESTION)
        row = page.locator("#k-side li", has_text=QUESTION)
        row.get_by_role("button", name="Pin").click()
        lists(page, QUESTION, "What is the weather?")
        page.wait_for_selector("#k-side li[data-pinned] .k-acts:not([open])")


def test_a_deleted_conversation_can_be_had_back(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        lists(page, QUESTION)
        act(page, QUESTION, "Delete")
        page.wait_for_selector(".k-welcome")
        lists(page)
        page.get_by_role("button", name="Undo").click()
        finished(page)
        lists(page, QUESTION)
        start(page)
        act(page, QUESTION, "Delete")
        lists(page)
        page.reload()
        settled(page)
        page.wait_for_selector("#k-side .k-note")
        assert page.locator(".k-turn").count() == 0


def test_a_second_question_and_a_second_tab_wait_in_line(browser: Browser) -> None:
    with served(FAKE_PACE="0.05") as url, opened(browser, url) as (page, _):
        ask(page, "endless " + QUESTION)
        page.wait_for_selector(".k-card")
        ask(page, "What is the weather?")
        page.wait_for_selector('.k-turn[data-turn="2"][data-state="queued"]')
        assert "1 question is ahead of yours" in page.locator(".k-turn").last.inner_text()
        assert page.locator('.k-turn[data-turn="1"][data-state="stopped"]').count() == 0
        other = page.context.new_page()
        other.goto(page.url)
        settled(other)
        ask(other, "How long was the harbour strike?")
        other.wait_for_selector('.k-turn[data-turn="3"][data-state="queued"]')
        shows(page, 3)
        # Who stops the first has the others answered, in both tabs.
        page.click("#k-stop")
        for tab in (page, other):
            finished(tab, 2)
            finished(tab, 3)
            assert tab.locator('.k-turn[data-turn="1"][data-state="stopped"]').count() == 1
        page.locator("#k-stop").wait_for(state="hidden")


def test_a_second_question_is_answered_once_the_first_has_ended(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "slow " + QUESTION)
        page.wait_for_selector(".k-card")
        ask(page, "What is the weather?")
        page.wait_for_selector('.k-turn[data-turn="2"][data-state="queued"]')
        finished(page)
        finished(page, 2)
        assert page.locator('.k-turn[data-turn="1"] .k-claim').count() == 2
        assert page.locator('.k-turn[data-turn="2"] .k-refusal').count() == 1


def test_an_answer_goes_on_while_its_reader_reloads_or_looks_at_another(browser: Browser) -> None:
    with served(FAKE_PACE="0.4") as url, opened(browser, url) as (page, _):
        ask(page, QUESTION)
        page.wait_for_selector(".k-card")
        page.reload()
        settled(page)
        finished(page)
        ask(page, "slow " + QUESTION)
        page.wait_for_selector('.k-turn[data-turn="2"] .k-card')
        before = page.url
        start(page)
        page.go_back()
        page.wait_for_selector('.k-turn[data-turn="2"]')
        assert page.url == before
        finished(page, 2)


def test_another_browser_sees_none_of_them(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        with opened(browser, page.url) as (other, _):
            other.wait_for_selector("#k-side .k-note")
            assert other.locator(".k-welcome").is_visible()
            assert other.locator(".k-turn").count() == 0


def test_on_a_phone_the_list_is_a_drawer_that_back_closes(browser: Browser, address: str) -> None:
    with opened(browser, address, width=390, height=780) as (page, _):
        ask(page, QUESTION)
        finished(page)
        asked_at = page.url
        assert not page.locator("#k-side").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for close in (page.go_back, lambda: page.keyboard.press("Escape")):
            page.get_by_role("button", name="Conversations").click()
            page.locator(".k-conversation").wait_for(state="visible")
            assert page.evaluate("document.activeElement.type") == "search"
            close()
            page.locator("#k-side").wait_for(state="hidden")
            assert page.url == asked_at
        page.get_by_role("button", name="Conversations").click()
        page.mouse.click(380, 400)
        page.locator("#k-side").wait_for(state="hidden")
        # Back closes a source, too, and leaves the conversation where it is.
        page.locator(".k-cite").nth(2).click()
        page.wait_for_selector(f'#k-source h2:has-text("{ENGLISH.title}")')
        page.go_back()
        page.locator("#k-source h2").wait_for(state="hidden")
        assert questions(page) == [QUESTION]
        start(page)
        page.get_by_role("button", name="Conversations").click()
        page.locator(".k-conversation").click()
        page.locator("#k-side").wait_for(state="hidden")
        finished(page)
        # Whoever leaves and comes back finds it again.
        page.goto("about:blank")
        page.go_back()
        settled(page)
        finished(page)
        assert questions(page) == [QUESTION]


# ---- what is done with an answer


def test_an_answer_is_shared_opened_without_cookies_and_taken_back(
    browser: Browser, tmp_path: Path
) -> None:
    environment = {"FAKE_SHARING": "anyone", "FAKE_STORE": str(tmp_path / "store")}
    with (
        served(FAKE_PACE="0", **environment) as url,
        opened(browser, url) as (page, _),
        opened(browser, url) as (other, _),
    ):
        ask(page, QUESTION)
        finished(page)
        page.locator('[data-act="share"]').click()
        page.wait_for_selector(".k-share input")
        link = page.locator(".k-share input").input_value()
        page.locator(".k-share").get_by_role("button", name="Copy").click()
        assert page.evaluate("navigator.clipboard.readText()") == link
        page.keyboard.press("Escape")
        page.locator(".k-share").wait_for(state="detached")
        other.context.clear_cookies()
        other.goto(link)
        assert other.locator("h1").inner_text() == QUESTION
        assert other.locator("blockquote").all_inner_texts()[2] == ENGLISH.text.split("\n")[1]
        assert other.evaluate("document.scripts.length") == 0
        assert other.context.cookies() == []
        other.get_by_role("link", name="Ask again today").click()
        settled(other)
        finished(other)
        assert questions(other) == [QUESTION]
        other.goto("about:blank")
        page.locator(".k-shares summary").click()
        page.locator(".k-shares").get_by_role("button", name="Stop sharing").click()
        page.locator(".k-shares").wait_for(state="detached")
        answered = other.request.get(link)
        assert answered.status == 404


def test_sharing_is_offered_once_an_editor_turns_it_on(browser: Browser, tmp_path: Path) -> None:
    with (
        served(FAKE_PACE="0", FAKE_STORE=str(tmp_path / "s")) as url,
        opened(browser, url) as (page, _),
    ):
        ask(page, QUESTION)
        finished(page)
        assert page.locator('[data-act="share"]').count() == 0
        page.goto(f"{url}settings")
        page.wait_for_selector('html[data-page="ready"]')
        assert page.input_value('[name="chat.sharing"]') == "off"
        page.select_option('[name="chat.sharing"]', "readers")
        page.click("#k-settings [type=submit]")
        page.wait_for_selector('#k-told[data-good="yes"]')
        page.go_back()
        finished(page)
        page.click('[data-act="share"]')
        page.wait_for_selector(".k-share input")


@pytest.mark.parametrize("language", ["en-US", "ja-JP", "ko-KR", "zh-CN"])
def test_dates_and_words_are_not_broken_on_a_phone(
    browser: Browser, tmp_path: Path, language: str
) -> None:
    whole = """() => [...document.querySelectorAll('time')].filter((one) =>
        new Set([...one.getClientRects()].map((box) => Math.round(box.top))).size > 1).length"""
    breaks = (
        "code => getComputedStyle(document.querySelector(`blockquote:lang(${code})`)).wordBreak"
    )
    environment = {"FAKE_SHARING": "anyone", "FAKE_STORE": str(tmp_path / "s")}
    with (
        served(FAKE_PACE="0", **environment) as url,
        opened(browser, url, language=language, width=390) as (page, _),
    ):
        ask(page, "quoted " + QUESTION)
        finished(page)
        assert page.locator(".k-frame time").count() == 1
        assert page.evaluate(whole) == 0
        # A Japanese quote is broken as Japanese is, whatever the page speaks.
        assert page.evaluate(breaks, "ja") == "normal"
        assert page.evaluate("getComputedStyle(document.querySelector('.k-note')).wordBreak") == {
            "ja-JP": "auto-phrase",
            "ko-KR": "keep-all",
        }.get(language, "normal")
        page.click('[data-act="share"]')
        page.wait_for_selector(".k-share input")
        link = page.locator(".k-share input").input_value()
        # The link does not lie over the next answer.
        ask(page, "What is the weather?")
        finished(page, 2)
        page.locator(".k-share").wait_for(state="detached")
        page.goto(link)
        assert page.evaluate(whole) == 0
        assert page.evaluate(breaks, "ja") == "normal"
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_copy_has_the_sentences_and_their_sources_in_order(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        page.locator('[data-act="copy"]').click()
        copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[:5] == [
        QUESTION,
        "",
        "Japan agreed to invest 550 billion dollars in the United States. [1]",
        "The money goes to nine fields over three and a half years. [2][3]",
        "",
    ]
    assert [line[:3] for line in copied[5:] if line.startswith("[")] == ["[1]", "[2]", "[3]"]


def test_a_saved_file_is_named_by_the_question(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "a/b: 日本は<いくら>投資？ …")
        finished(page)
        page.locator(".k-menu summary").click()
        with page.expect_download() as saving:
            page.get_by_role("button", name="Markdown").click()
        assert saving.value.suggested_filename == "a b 日本は いくら 投資？ ….md"


def test_an_answer_is_followed_by_questions_that_the_articles_answer(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        page.wait_for_selector(".k-follow-ups .k-chip")
        offered = page.locator(".k-follow-ups .k-chip").all_inner_texts()
        assert 1 <= len(offered) <= 3
        assert QUESTION not in offered
        page.locator(".k-follow-ups .k-chip").first.click()
        finished(page, 2)
        assert questions(page)[1] == offered[0]
