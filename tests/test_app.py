"""The chat in a real browser, over a fake pipeline and, where the models are, over the real one."""

# ruff: noqa: F811
from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import (  # noqa: E402
    PATIENCE,
    address,  # noqa: F401
    ask,
    browser,  # noqa: F401
    finished,
    in_view,
    opened,
    served,
    settled,
)
from fixtures_chat import ENGLISH, HOSTILE, JAPANESE, LONG, PAYLOADS  # noqa: E402
from fixtures_process import started  # noqa: E402

from konkyo.ui.web.i18n import LANGUAGES, say  # noqa: E402
from konkyo.ui.web.text_fragment import text_fragment  # noqa: E402

QUESTION = "How much will Japan invest in the United States?"


# ---- asking and reading


def test_evidence_comes_first_then_checked_sentences_then_the_source(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "slow " + QUESTION)
        page.wait_for_selector(".k-card")
        assert page.locator(".k-card").count() == 4
        assert page.locator(".k-claim").count() == 0
        page.wait_for_selector('[data-doing="checking"]')
        assert page.get_by_text("Japan agreed to invest").count() == 0
        assert page.locator("#k-stop").is_visible()
        page.wait_for_selector(".k-claim")
        assert page.locator(".k-claim").count() == 1
        # The quote it cites lies open beside the conversation.
        page.wait_for_selector(f'#k-source h2:has-text("{JAPANESE.title}")')
        finished(page)
        assert page.locator(".k-claim").count() == 2
        assert page.locator("#k-ask").is_visible()
        assert not page.locator("#k-stop").is_visible()


def test_pressing_a_number_opens_the_article_at_the_highlighted_quote(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        page.locator(".k-cite", has_text="[3]").click()
        page.wait_for_selector(f'#k-source h2:has-text("{ENGLISH.title}")')
        assert page.locator("#k-here").inner_text() == ENGLISH.text.split("\n")[1]
        link = page.locator("#k-source a")
        at = text_fragment(ENGLISH.text.split("\n")[1])
        assert link.get_attribute("href") == f"{ENGLISH.url}{at}"
        assert link.get_attribute("rel") == "noopener noreferrer nofollow"
        page.locator(".k-cite", has_text="[1]").click()
        page.wait_for_selector(f'#k-source h2:has-text("{JAPANESE.title}")')
        assert page.locator("#k-here").inner_text() == JAPANESE.text.split("\n")[0]
        assert page.locator("#k-source mark").count() == 2


def test_a_quote_far_down_is_scrolled_into_view_and_again_on_a_second_press(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "How long was the harbour strike?")
        finished(page)
        page.wait_for_function("document.querySelector('#k-right').scrollTop > 1000")
        assert in_view(page, "#k-here", "#k-right")
        page.evaluate("document.querySelector('#k-right').scrollTo(0, 0)")
        page.locator(".k-cite").click()
        page.wait_for_function("document.querySelector('#k-right').scrollTop > 1000")
        assert in_view(page, "#k-here", "#k-right")
        assert page.locator("#k-source h2").inner_text() == LONG.title


def test_pointing_at_a_number_shows_the_quote(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        page.locator(".k-cite").nth(2).hover()
        shown = page.locator("#k-peek").inner_text()
        for part in (ENGLISH.text.split("\n")[1], ENGLISH.title, "Alliance Wire", "10 Feb 2026"):
            assert part in shown
        page.mouse.move(5, 5)
        assert page.locator("#k-peek").is_hidden()


def test_pointing_at_a_number_says_that_its_source_was_retracted(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "Where does the retracted money go?")
        finished(page)
        page.locator(".k-cite").first.hover()
        note = page.locator("#k-peek .k-status-note")
        assert note.inner_text() == "Retracted Nothing was agreed."
        assert note.evaluate("e => getComputedStyle(e).borderInlineStartWidth") == "3px"


def test_what_was_removed_can_be_opened(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        fold = page.locator("details.k-checked")
        assert not page.get_by_text("About 500 companies").is_visible()
        fold.locator("summary").click()
        assert page.get_by_text("About 500 companies").is_visible()
        ask(page, "And then?")
        finished(page, 2)
        assert page.get_by_text("About 500 companies").first.is_visible()


def test_a_refusal_looks_different_cites_nothing_and_offers_articles(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "What is the weather?")
        finished(page)
        assert page.locator(".k-refusal").is_visible()
        assert page.locator(".k-cite, .k-card").count() == 0
        page.locator(".k-refusal .k-row", has_text=ENGLISH.title).click()
        page.wait_for_selector(f'#k-source h2:has-text("{ENGLISH.title}")')
        assert page.locator("#k-source mark").count() == 0


def test_stop_keeps_what_was_checked_and_retry_asks_again(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "slow " + QUESTION)
        page.wait_for_selector(".k-claim")
        page.click("#k-stop")
        page.wait_for_selector('.k-turn[data-state="stopped"]')
        assert page.locator("#k-ask").is_visible()
        time.sleep(2.5)
        assert page.locator('.k-turn[data-state="stopped"]').count() == 1
        assert page.locator(".k-claim").count() == 1
        page.get_by_role("button", name="Ask again").click()
        page.wait_for_selector('.k-turn[data-turn="2"] .k-card')


def test_errors_of_ours_are_told_and_others_are_not(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "damaged")
        page.wait_for_selector(".k-failed")
        assert "A model cannot be used right now." in page.locator(".k-failed").inner_text()
        page.locator(".k-failed summary").click()
        assert "the index says <b>no</b>" in page.locator(".k-failed").inner_text()
        ask(page, "crash")
        page.wait_for_selector('.k-turn[data-turn="2"] .k-failed')
        assert "nobody foresaw" not in page.content()
        ask(page, QUESTION)
        finished(page, 3)


def test_the_address_reopens_the_question(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        page.get_by_role("button", name="Copy link").click()
        shared = page.evaluate("navigator.clipboard.readText()")
        page.locator('[data-act="copy"]').click()
        assert ENGLISH.title in page.evaluate("navigator.clipboard.readText()")
    with opened(browser, shared) as (page, _):
        finished(page)
        assert page.locator(".k-question").inner_text() == QUESTION


def test_edit_puts_the_question_back_and_new_clears_the_desk(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        page.get_by_role("button", name="Edit").click()
        assert page.locator("#k-box textarea").input_value() == QUESTION
        page.get_by_role("button", name="New conversation").click()
        page.wait_for_selector(".k-welcome")
        page.wait_for_selector("#k-source .k-overview")
        assert "?q=" not in page.url


def test_a_suggestion_can_be_asked_and_articles_browsed(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        page.locator(".k-chip", has_text="Japan").first.click()
        finished(page)
        page.get_by_role("button", name="All articles").click()
        page.locator("#k-source .k-row", has_text=LONG.title).click()
        page.wait_for_selector(f'#k-source h2:has-text("{LONG.title}")')


def test_a_follow_up_is_told_what_came_before(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        ask(page, "What is the weather?")
        finished(page, 2)
        ask(page, "How many turns?")
        finished(page, 3)
        assert f"Before: {QUESTION}." in page.locator('.k-turn[data-turn="3"]').inner_text()


def test_two_readers_do_not_see_each_other(browser: Browser, address: str) -> None:
    with opened(browser, address) as (one, _), opened(browser, address) as (two, _):
        ask(one, QUESTION)
        finished(one)
        ask(two, "What is the weather?")
        finished(two)
        assert one.locator(".k-turn").count() == two.locator(".k-turn").count() == 1
        assert two.locator(".k-cite").count() == 0


def test_a_slow_answer_holds_up_nobody_else(browser: Browser, address: str) -> None:
    with opened(browser, address) as (one, _), opened(browser, address) as (two, _):
        ask(one, "endless " + QUESTION)
        one.wait_for_selector(".k-card")
        ask(two, QUESTION)
        finished(two)
        assert one.locator('.k-turn[data-state="done"]').count() == 0
        one.locator(".k-card").nth(2).click()
        one.wait_for_selector(f'#k-source h2:has-text("{ENGLISH.title}")')
        one.click("#k-stop")
        one.wait_for_selector('.k-turn[data-state="stopped"]')


def test_questions_sent_the_moment_the_last_answer_ends_are_all_heard(browser: Browser) -> None:
    with served(FAKE_PACE="0") as url, opened(browser, url) as (page, _):
        for turn in range(1, 13):
            ask(page, f"{QUESTION} {turn}")
            finished(page, turn)
        assert page.locator('.k-turn[data-state="done"]').count() == 12
        assert page.locator("#k-ask").is_visible()


# ---- languages, phone, dark, keyboard


@pytest.mark.parametrize(
    ("locale", "language", "placeholder", "button"),
    [
        ("ja-JP", "ja", "記事について質問する", "質問する"),
        ("ko-KR", "ko", "기사에 대해 질문하기", "질문"),
        ("zh-CN", "zh", "就报道内容提问", "提问"),
        ("fr-FR", "en", "Ask about the articles", "Ask"),
    ],
)
def test_the_page_speaks_the_browsers_language(
    browser: Browser, address: str, locale: str, language: str, placeholder: str, button: str
) -> None:
    with opened(browser, address, language=locale) as (page, _):
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("#k-box textarea").get_attribute("placeholder") == placeholder
        assert page.locator("#k-ask").inner_text() == button
        ask(page, "いくら")
        finished(page)
        assert "@@" not in page.content()


def test_the_name_is_painted_before_the_framework_has_built_the_page(
    browser: Browser, address: str
) -> None:
    context = browser.new_context(locale="ja-JP")
    page = context.new_page()
    held: list[Route] = []
    page.route("**/assets/index-*.js", lambda route: held.append(route))
    page.goto(address, wait_until="commit")
    page.wait_for_selector('#k-first :text("すべての文に、根拠を。")')
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    held[0].continue_()
    page.wait_for_selector("#k-brand h1")
    assert not page.locator("#k-first").is_visible()
    context.close()


def test_the_language_can_be_switched(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        page.select_option("#k-language", "ja")
        page.wait_for_selector('html[lang="ja"] #k-box textarea')
        assert page.locator("#k-ask").inner_text() == "質問する"
        page.reload()
        page.wait_for_selector('html[lang="ja"] #k-box textarea')


def test_on_a_phone_the_source_slides_over_and_back(browser: Browser, address: str) -> None:
    with opened(browser, address, width=390, height=780) as (page, _):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        ask(page, QUESTION)
        finished(page)
        assert not page.locator("#k-source h2").is_visible()
        cite = page.locator(".k-cite").nth(2)
        cite.click()
        page.wait_for_selector(f'#k-source h2:has-text("{ENGLISH.title}")')
        page.wait_for_function("document.activeElement.id === 'k-article-title'")
        assert in_view(page, "#k-here", "#k-right")
        page.get_by_role("button", name="Close").click()
        page.locator("#k-source h2").wait_for(state="hidden")
        assert page.evaluate("document.activeElement.className").startswith("k-cite")
        cite.click()
        page.locator("#k-source h2").wait_for(state="visible")
        page.keyboard.press("Escape")
        page.locator("#k-source h2").wait_for(state="hidden")


def test_dark_follows_the_system_and_can_be_switched(browser: Browser, address: str) -> None:
    def background(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    with opened(browser, address, dark=True) as (page, _):
        assert background(page) == "rgb(22, 23, 26)"
        page.get_by_role("button", name="Light or dark").click()
        assert background(page) == "rgb(247, 245, 240)"
        page.reload()
        settled(page)
        assert background(page) == "rgb(247, 245, 240)"


def test_everything_can_be_reached_by_keyboard(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        page.locator(".k-question").click()
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
        reached = []
        for _step in range(40):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate(
                    "document.activeElement.dataset.act ?? document.activeElement.tagName"
                )
            )
        assert {
            "open",
            "retry",
            "edit",
            "copy",
            "link",
            "new",
            "theme",
            "SUMMARY",
            "SELECT",
        } <= set(reached)
        page.locator(".k-cite").nth(2).focus()
        assert page.locator("#k-peek").is_visible()
        page.keyboard.press("Enter")
        page.wait_for_selector(f'#k-source h2:has-text("{ENGLISH.title}")')


# ---- readiness


def test_the_page_opens_at_once_and_a_question_waits_for_the_models(browser: Browser) -> None:
    with served(FAKE_LOAD="12") as url, opened(browser, url) as (page, _):
        assert page.locator('.k-status[data-kind="loading"]').is_visible()
        ask(page, QUESTION)
        page.wait_for_selector('.k-turn[data-state="waiting"]')
        finished(page)
        page.wait_for_selector('.k-status[data-kind="ready"]')


# ---- hostile text


def test_no_hostile_text_runs_or_reaches_the_network(browser: Browser) -> None:
    assert len(PAYLOADS) >= 40
    with served(FAKE_HOSTILE="1", FAKE_PACE="0") as url, opened(browser, url) as (page, watch):
        page.wait_for_selector("#k-source .k-row")
        assert page.evaluate("window.pwned") is None
        for turn, first in enumerate(range(0, len(PAYLOADS), 14), start=1):
            last = min(first + 13, len(PAYLOADS) - 1)
            ask(page, f"payload {first} {last} {PAYLOADS[first]}")
            finished(page, turn)
            shown = page.locator(f'.k-turn[data-turn="{turn}"]')
            for number in range(first, last + 1):
                cite = shown.locator(f'.k-cite[data-n="{number}"]')
                cite.hover()
                cite.click()
                page.wait_for_function(
                    "n => document.querySelector('#k-source h2')?.textContent.startsWith(n + ' ')",
                    arg=number,
                )
                seen = page.locator("#k-source h2").text_content() or ""
                assert seen == HOSTILE[number].title.replace("\0", "")
                for link in page.locator("#k-source a").all():
                    assert re.match(r"https?://", link.get_attribute("href") or "")
                assert page.evaluate("window.pwned") is None, PAYLOADS[number]
            for summary in shown.locator("summary").all():
                summary.click()
        assert (
            page.evaluate(
                "document.querySelectorAll('#k-columns script, #k-columns iframe').length"
            )
            == 0
        )
        assert watch.outside == []


@pytest.mark.parametrize("number", [0, 2, 4, 39, 43])
def test_a_hostile_link_runs_nothing(browser: Browser, address: str, number: int) -> None:
    from urllib.parse import quote

    with opened(browser, f"{address}?q={quote('x ' + PAYLOADS[number])}") as (page, _):
        finished(page)
        assert PAYLOADS[number] in page.locator(".k-question").inner_text()
        assert page.evaluate("window.pwned") is None


def test_even_an_inline_handler_that_slipped_through_would_not_run(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, watch):
        page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=x: onerror=window.pwned=1>')"
        )
        page.wait_for_timeout(400)
        assert page.evaluate("window.pwned") is None
        watch.errors.clear()
        watch.outside.clear()


# ---- the border to the network


def test_every_answer_carries_the_security_headers(address: str) -> None:
    for path in ("", "config", "konkyo/page.js", "nowhere", "gradio_api/upload"):
        headers = httpx.get(address + path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "script-src 'self' 'nonce-" in policy
        assert "'unsafe-inline'" not in policy.split("style-src")[0]
        assert "server" not in headers


def test_each_page_has_its_own_nonce(address: str) -> None:
    found = {
        re.findall(r"nonce-([\w-]+)'", httpx.get(address).headers["content-security-policy"])[0]
        for _ in range(3)
    }
    assert len(found) == 3


def test_the_page_names_no_other_host(address: str) -> None:
    html = httpx.get(address).text
    assert re.findall(r"https?://(?!www\.w3\.org|127\.0\.0\.1)[\w.-]+", html) == []


@pytest.mark.parametrize(
    ("method", "path", "headers", "code"),
    [
        ("GET", "", {"host": "evil.example"}, 421),
        ("GET", "", {"host": "127.0.0.1.evil.example:80"}, 421),
        ("POST", "gradio_api/queue/join", {"sec-fetch-site": "cross-site"}, 403),
        ("POST", "gradio_api/upload", {}, 404),
        ("GET", "gradio_api/file=/etc/passwd", {}, 404),
        ("GET", "gradio_api/proxy=http://example.org/", {}, 404),
        ("GET", "monitoring/x", {}, 404),
        ("DELETE", "", {}, 405),
        ("GET", "konkyo/..%2Fapp.py", {}, 404),
        ("GET", "konkyo/app.py", {}, 404),
    ],
)
def test_doors_that_stay_shut(
    address: str, method: str, path: str, headers: dict[str, str], code: int
) -> None:
    assert httpx.request(method, address + path, headers=headers).status_code == code


@pytest.mark.parametrize("path", ["nothing", "no/such%2Fpage", "konkyo/report/guess"])
def test_an_address_that_leads_nowhere_is_told_on_a_page(address: str, path: str) -> None:
    for language in LANGUAGES:
        asked = {"accept": "text/html", "accept-language": language}
        found = httpx.get(address + path, headers=asked)
        assert found.status_code == 404
        assert f"<h1>{say(language, 'not_found')}</h1>" in found.text
        for link in re.findall(r'(?:href|src)="([^"]+)"', found.text):
            # The list of articles may have to wait for the models.
            assert httpx.get(found.url.join(link)).status_code in (200, 503), link
    assert httpx.get(address + path).json() == {"detail": "Not Found"}


def test_a_large_request_is_refused(address: str) -> None:
    sent = httpx.post(address + "gradio_api/queue/join", content=b"x" * 70_000)
    assert sent.status_code == 413


def test_a_long_question_is_refused_with_the_limit(browser: Browser, address: str) -> None:
    from urllib.parse import quote

    with opened(browser, f"{address}?q={quote('あ' * 501)}") as (page, _):
        page.wait_for_selector(".k-count[data-over]")
        assert "501 / 500" in page.locator(".k-count").inner_text()
        assert page.locator("#k-box textarea").input_value() == "あ" * 501
        assert page.locator(".k-turn").count() == 0


def test_a_password_keeps_others_out(browser: Browser) -> None:
    with served(FAKE_PASSWORD="correct horse") as url:
        assert httpx.get(url + "config").status_code == 401
        assert "5500億" not in httpx.get(url).text
        context = browser.new_context(locale="en-US")
        page = context.new_page()
        page.goto(url)
        page.get_by_label("User name").fill("konkyo")
        page.get_by_label("Password").fill("wrong")
        with page.expect_response("**/login*") as refused:
            page.get_by_role("button", name="Sign in").click()
        assert refused.value.status == 400
        assert page.locator("#k-box").count() == 0
        page.get_by_label("User name").fill("konkyo")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("#k-box textarea")
        ask(page, QUESTION)
        finished(page)
        context.close()


@pytest.mark.parametrize("language", ["en-US", "ja-JP", "ko-KR", "zh-CN"])
def test_a_phone_signs_out_from_the_list_of_conversations(browser: Browser, language: str) -> None:
    with served(FAKE_PASSWORD="correct horse") as url:
        context = browser.new_context(locale=language, viewport={"width": 390, "height": 780})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(url)
        page.locator("input").first.fill("konkyo")
        page.locator("input[type=password]").fill("correct horse")
        page.locator("button.lg, button.primary, form button").first.click()
        settled(page)
        shown = page.locator("#k-top button, #k-top summary, #k-top select").all()
        boxes = [one.bounding_box() for one in shown if one.is_visible()]
        assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
        page.click('#k-top [data-act="side"]')
        page.click('#k-side-foot [data-act="leave"]')
        page.wait_for_selector("input[type=password]")
        assert page.locator("#k-box").count() == 0
        context.close()


# ---- the command


def konkyo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "konkyo", "chat", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_listening_elsewhere_needs_a_password(tmp_path: Path) -> None:
    done = konkyo("--host", "0.0.0.0", "--store", str(tmp_path))
    assert done.returncode == 2
    assert "--password-file" in done.stderr
    done = konkyo("--host", "0.0.0.0", "--store", str(tmp_path), KONKYO_PASSWORD="short")
    assert done.returncode == 2
    assert "at least 8" in done.stderr


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = konkyo("--port", port, "--store", str(tmp_path))
    assert done.returncode == 2
    assert f"port {port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("load", ["0", "600"])
def test_interrupting_ends_cleanly_while_a_page_is_open(
    browser: Browser, tmp_path: Path, load: str
) -> None:
    said = tmp_path / "said"
    with said.open("w") as errors, served(errors, FAKE_LOAD=load) as url:
        page = browser.new_page()
        page.goto(url)
        settled(page)
    page.close()
    assert "Traceback" not in said.read_text()


# ---- the real thing


def test_a_real_question_is_answered_from_the_seed_articles(
    browser: Browser, tmp_path: Path
) -> None:
    from konkyo.index.embedding.model_registry import model_path
    from konkyo.index.errors import ModelError

    try:
        model_path("multilingual-e5-small")
        model_path("qwen2.5-coder-1.5b-instruct-q4_k_m")
    except ModelError as exc:
        pytest.skip(f"{exc}")
    store = str(tmp_path / "store")
    command = [sys.executable, "-m", "konkyo"]
    subprocess.run(
        [*command, "index", "build", "seeds", "--store", store],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=300,
    )
    chat = [*command, "chat", "--store", store, "--port", "0", "--no-open"]
    with started(chat, cwd=ROOT) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        with opened(browser, found.group(), language="ja-JP") as (page, _):
            ask(page, "日本の対米投資の規模はいくらですか。")
            page.wait_for_selector('.k-turn[data-state="done"]', timeout=500_000)
            cite = page.locator(".k-quoted .k-cite").first
            shown = page.locator(".k-quoted blockquote").first.text_content() or ""
            quote = shown.removesuffix(cite.text_content() or "").strip()
            cite.click()
            page.wait_for_selector("#k-here")
            marked = "".join(page.locator("#k-source mark.k-primary").all_text_contents())
            assert marked.replace("\n", " ") == quote
            assert in_view(page, "#k-here", "#k-right")
    assert process.returncode == 0
