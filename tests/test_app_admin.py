"""Filters, feedback, taking a conversation away, and the pages for editors, in a real browser."""

# ruff: noqa: F811
from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import ask, browser, finished, opened, served, settled  # noqa: F401
from fixtures_chat import ENGLISH, JAPANESE, PAYLOADS

from konkyo.ui.server.feedback import read_opinions

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUESTION = "How much will Japan invest in the United States?"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def address(kept: Path) -> Iterator[str]:
    opinions, store = str(kept / "feedback.sqlite"), str(kept / "store")
    with served(FAKE_PACE="0", FAKE_FEEDBACK=opinions, FAKE_STORE=store) as url:
        yield url


def ready(page: Page) -> None:
    page.wait_for_selector('.k-status[data-kind="ready"]')


def articles(page: Page) -> Page:
    """The page of articles, in a tab of its own."""
    ready(page)
    tab = page.context.new_page()
    tab.goto(page.evaluate("new URL('library', location.href).href"))
    tab.wait_for_selector('html[data-page="ready"] #k-work')
    return tab


def the_job(page: Page) -> int:
    job = page.locator(".k-job")
    return int(job.get_attribute("data-number") or 0) if job.count() else 0


def order(page: Page, source: str) -> None:
    """Give the order, and wait until the page tells of it and no longer of an earlier one."""
    before = the_job(page)
    page.fill("#k-add textarea", source)
    page.click("#k-add [type=submit]")
    page.wait_for_selector(f'.k-job[data-number="{before + 1}"]')


# ---- filters and what a refusal offers


def test_filters_are_offered_from_the_index_and_a_refusal_offers_to_drop_them(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ready(page)
        page.click(".k-filters summary")
        offered = page.locator('[data-filter="outlet"] option').all_inner_texts()
        assert offered == [
            "All",
            "Alliance Wire",
            "Harbour Post",
            "合同通信",
            "联合新闻",
            "연합소식",
        ]
        names = page.locator('[data-filter="language"] option').all_inner_texts()
        assert set(names) == {"All", "Japanese", "English", "Korean", "Chinese"}
        page.select_option('[data-filter="language"]', "ja")
        page.wait_for_selector('.k-filters[open][data-chosen="1"]')
        page.fill('[data-filter="since"]', "2026-01-01")
        page.locator('[data-filter="since"]').dispatch_event("change")
        page.wait_for_selector('.k-filters[data-chosen="2"]')
        ask(page, "What is the weather?")
        finished(page)
        assert "A filter is on" in page.locator(".k-refusal").inner_text()
        page.get_by_role("button", name="Ask all articles, without filters").click()
        finished(page, 2)
        page.wait_for_selector('.k-filters[data-chosen="0"]')
        assert "A filter is on" not in page.locator(".k-refusal").last.inner_text()
        assert page.locator('[data-act="widen"]').count() == 1


def test_filters_can_be_cleared(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ready(page)
        page.click(".k-filters summary")
        page.select_option('[data-filter="outlet"]', "Alliance Wire")
        page.wait_for_selector('.k-filters[data-chosen="1"]')
        page.click('[data-act="unfilter"]')
        page.wait_for_selector('.k-filters[data-chosen="0"]')
        assert page.locator('[data-filter="outlet"]').input_value() == ""


def test_filters_chosen_before_the_script_listens_are_used(browser: Browser, address: str) -> None:
    """The answer to the page's opening may also come after the answer to the choice."""
    with opened(browser, address) as (page, _):
        ready(page)
        sent = page.evaluate(
            """() => {
              const bar = document.querySelector("#k-filter-bar").cloneNode(true);
              const outlet = bar.querySelector('[data-filter="outlet"]');
              const unfiltered = outlet.innerHTML;
              const sent = [];
              let renewed = null;
              const show = (options) => { outlet.innerHTML = options; renewed(); };
              outlet.value = "Alliance Wire";
              const trigger = (name, values) => sent.push([name, values?.outlet]);
              const watch = (_, then) => { renewed = then; };
              window.konkyo.filters(bar, trigger, watch, "narrow", "all");
              show(unfiltered.replace('value="Alliance Wire"', "$& selected"));
              const shown = outlet.value;
              show(unfiltered);
              show(unfiltered);
              return { sent, shown };
            }"""
        )
    assert sent["shown"] == "Alliance Wire"
    assert sent["sent"] == [["narrow", "Alliance Wire"]] * 2


def test_a_refusal_offers_a_question_on_the_nearest_article(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "What is the weather?")
        finished(page)
        page.locator(".k-refusal .k-chip", has_text="Harbour strike").click()
        finished(page, 2)
        assert "eleven days" in page.locator('.k-turn[data-turn="2"]').inner_text()


def test_a_refusal_of_something_near_offers_it_less_strictly(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "What is the weather?")
        finished(page)
        assert page.locator('[data-act="lenient"]').count() == 0
        ask(page, "Who is unsure?")
        finished(page, 2)
        assert page.locator('.k-turn[data-turn="2"] .k-card').count() == 0
        page.get_by_role("button", name="Show what comes nearest, even if unsure").click()
        finished(page, 3)
        told = page.locator('.k-turn[data-turn="3"]').inner_text()
        assert "Dock workers returned to work" in told
        assert "Unsure: these passages are the nearest" in told
        assert page.locator(".k-note-unsure").count() == 1
        # Asked again as usual, it is as strict as before.
        ask(page, "Who is unsure?")
        finished(page, 4)
        assert page.locator('.k-turn[data-turn="4"] .k-refusal').count() == 1


# ---- the line before the model, and limits


def test_evidence_comes_at_once_and_the_place_in_the_line_is_shown(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (one, _), opened(browser, address) as (two, _):
        ask(one, "Who stands in line?")
        one.wait_for_selector(".k-card")
        ask(two, "Who stands in line?")
        two.wait_for_selector('.k-turn[data-state="queued"] .k-card')
        assert "1 question is ahead of yours" in two.locator(".k-doing").inner_text()
        finished(one)
        finished(two)


def test_too_many_questions_are_told_when_to_try_again(browser: Browser) -> None:
    with served(FAKE_PACE="0", FAKE_RATE="2") as url, opened(browser, url) as (page, _):
        for turn in (1, 2):
            ask(page, QUESTION)
            finished(page, turn)
        ask(page, QUESTION)
        page.wait_for_selector(".k-failed")
        assert "Too many questions" in page.locator(".k-failed").inner_text()
        assert page.locator("#k-ask").is_visible()


# ---- feedback


def test_thumbs_and_reasons_are_kept_with_the_fingerprint(
    browser: Browser, address: str, kept: Path
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        page.get_by_role("button", name="Good answer").click()
        page.wait_for_selector('.k-thumb[data-act="good"][aria-pressed="true"]')
        ask(page, "What is the weather?")
        finished(page, 2)
        page.locator('.k-thumb[data-act="bad"][data-turn="2"]').click()
        form = page.locator('.k-why-form[data-turn="2"]')
        form.locator("select").select_option("should_answer")
        form.locator("input").fill("It <b>rained</b>.")
        form.get_by_role("button", name="Send").click()
        page.wait_for_selector('.k-thumb[data-turn="2"][aria-pressed="true"]')
    good, bad = read_opinions(kept / "feedback.sqlite")[-2:]
    assert (good.verdict, good.question, good.fingerprint) == ("up", QUESTION, "0123456789ab")
    assert (bad.verdict, bad.reason, bad.correction) == (
        "down",
        "should_answer",
        "It <b>rained</b>.",
    )
    assert bad.history[0][0] == QUESTION


def test_an_opinion_that_was_not_kept_is_not_thanked_for(browser: Browser, tmp_path: Path) -> None:
    # A folder, to which no row can be written.
    unwritable = str(tmp_path)
    with (
        served(FAKE_PACE="0", FAKE_FEEDBACK=unwritable) as url,
        opened(browser, url) as (page, _),
    ):
        ask(page, QUESTION)
        finished(page)
        with page.expect_response(lambda r: '"verdict"' in (r.request.post_data or "")) as sent:
            page.get_by_role("button", name="Good answer").click()
        assert sent.value.ok
        ask(page, "What is the weather?")
        finished(page, 2)
        thumb = page.locator('.k-thumb[data-act="good"][data-turn="1"]')
        assert thumb.get_attribute("aria-pressed") == "false"


# ---- taking it away


def test_a_conversation_can_be_taken_away(browser: Browser, address: str) -> None:
    def saved(page: Page, name: str) -> str:
        page.locator(".k-menu summary").click()
        with page.expect_download() as download:
            page.get_by_role("button", name=name, exact=True).click()
        return Path(download.value.path()).read_text("utf-8")

    with opened(browser, address) as (page, _):
        page.locator(".k-menu summary").click()
        page.get_by_role("button", name="JSON").click()
        page.wait_for_selector(".k-toast")
        ask(page, QUESTION)
        finished(page)
        markdown = saved(page, "Markdown")
        assert f"## {QUESTION}" in markdown
        assert f"[^1-3]: “{ENGLISH.text.splitlines()[1]}”" in markdown
        assert f"<{ENGLISH.url}>" in markdown
        (outcome,) = json.loads(saved(page, "JSON"))
        assert outcome["question"] == QUESTION
        assert outcome["citations"][0]["quote"] == JAPANESE.text.splitlines()[0]


def test_on_paper_the_sources_are_listed_and_nothing_is_cut(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        page.emulate_media(media="print")
        assert page.locator(".k-printed li").count() == 3
        assert page.locator(".k-printed").is_visible()
        for hidden in ("#k-composer", "#k-top", "#k-right", ".k-foot"):
            assert not page.locator(hidden).first.is_visible()
        assert len(page.pdf()) > 1000


# ---- the page of articles


def test_sources_are_added_with_progress_and_what_changed_is_told(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        page = articles(page)
        order(page, "a.md")
        page.wait_for_selector('.k-job[data-state="done"]')
        said = page.locator(".k-job").inner_text()
        assert "2 added, 1 changed, 0 removed, 3 unchanged" in said
        assert "<b>bad</b>.pdf: damaged" in said


def test_the_next_answer_says_that_the_index_is_newer(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        tab = articles(page)
        order(tab, "a.md")
        tab.wait_for_selector('.k-job[data-state="done"]')
        ask(page, QUESTION)
        finished(page, 2)
        newer = "Now reading a newer version of the index."
        assert newer in page.locator('.k-turn[data-turn="2"]').inner_text()
        assert newer not in page.locator('.k-turn[data-turn="1"]').inner_text()
        ask(page, QUESTION)
        finished(page, 3)
        assert newer not in page.locator('.k-turn[data-turn="3"]').inner_text()


def test_a_job_can_be_cancelled_and_questions_are_answered_meanwhile(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        tab = articles(page)
        order(tab, "slow.md")
        tab.wait_for_selector('.k-job progress[max="8"]')
        ask(page, QUESTION)
        finished(page)
        assert tab.locator(".k-job progress").is_visible()
        assert "8 / 8" in tab.locator(".k-job").inner_text()
        tab.locator(".k-job").get_by_role("button", name="Cancel").click()
        tab.wait_for_selector('.k-job[data-state="stopped"]')


def test_a_failure_and_a_verification_are_told(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        page = articles(page)
        order(page, "missing.md")
        page.wait_for_selector('.k-job[data-state="failed"]')
        assert "missing.md: no such file" in page.locator(".k-job").inner_text()
        page.get_by_role("button", name="Verify").click()
        page.wait_for_selector(".k-findings")
        assert page.locator('.k-findings [data-ok="no"]').count() == 1
        removal = the_job(page) + 1
        page.click("#k-sources > summary")
        page.locator("#k-sources").get_by_role("button", name="Remove").first.click()
        page.click("#k-yes")
        page.wait_for_selector(f'.k-job[data-number="{removal}"][data-state="done"]')


def test_files_of_the_readers_device_are_handed_over(
    browser: Browser, address: str, kept: Path
) -> None:
    with opened(browser, address) as (page, _):
        page = articles(page)
        files = [
            {"name": "../../evil<b>.md", "mimeType": "text/plain", "buffer": b"# One\n\nText."},
            {"name": "日本.md", "mimeType": "text/plain", "buffer": "# 二\n\n本文。".encode()},
        ]
        handed = the_job(page) + 1
        page.set_input_files("#k-work input[data-upload]:not([webkitdirectory])", files)
        page.wait_for_selector(f'.k-job[data-number="{handed}"][data-state="done"]')
    names = sorted(path.name for path in (kept / "store-files").iterdir())
    assert len(names) == 2
    assert all("/" not in name and "<" not in name and ".." not in name for name in names)
    assert sum(name.endswith("-日本.md") for name in names) == 1


def test_without_a_ticket_nothing_is_taken(address: str) -> None:
    import httpx

    found = httpx.post(address + "konkyo/upload/guess", content=b"x")
    assert found.status_code == 404
    assert httpx.get(address + "konkyo/report/guess").status_code == 404


# ---- evaluation


def test_a_set_is_run_and_its_report_opened(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ready(page)
        page.click('.k-admin-links [data-act="evaluate-look"]')
        page.fill("#k-limit", "4")
        page.get_by_role("button", name="Run").click()
        page.wait_for_selector(".k-job progress")
        page.wait_for_selector('.k-job[data-state="done"]')
        assert "75%" in page.locator(".k-figures").inner_text()
        with page.expect_popup() as popup:
            page.get_by_role("link", name="Open the whole report").click()
        report = popup.value
        report.wait_for_selector("h1")
        assert report.locator("h1").inner_text() == "<b>own</b>"
        # Its own script runs, though the page's policy would forbid it.
        report.wait_for_function("document.getElementById('shown').textContent === '0 / 0'")


def test_an_evaluation_can_be_cancelled(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ready(page)
        page.click('.k-admin-links [data-act="evaluate-look"]')
        page.select_option("#k-set", "<b>own</b>.jsonl")
        page.get_by_role("button", name="Run").click()
        page.get_by_role("button", name="Cancel").click()
        page.wait_for_selector('.k-job[data-state="stopped"]')


# ---- roles


def test_readers_read_and_editors_edit(browser: Browser) -> None:
    def enter(page: Page, user: str, password: str) -> None:
        page.get_by_label("User name").fill(user)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        settled(page)
        ready(page)

    passwords = {"FAKE_PASSWORD": "reading-only", "FAKE_EDITOR_PASSWORD": "editing-too"}
    with served(FAKE_PACE="0", **passwords) as url:
        for user, password, admin in (("konkyo", "reading-only", 0), ("editor", "editing-too", 1)):
            context = browser.new_context(locale="en-US")
            context.set_default_timeout(240_000)
            page = context.new_page()
            page.goto(url)
            enter(page, user, password)
            page.wait_for_selector("#k-source .k-row")
            if admin:
                page.wait_for_selector(".k-admin-links", state="attached")
            assert page.locator(".k-admin-links").count() == admin
            ask(page, QUESTION)
            finished(page)
            if not admin:
                # Even a page that was tampered with gets nothing.
                page.evaluate(
                    "document.querySelector('#k-source .html-container > div').insertAdjacentHTML("
                    "'beforeend', '<button data-act=evaluate-look>x</button>')"
                )
                page.get_by_role("button", name="x", exact=True).click()
                page.wait_for_selector("text=Sign in as editor to do this.")
            context.close()


def test_people_whom_a_proxy_signed_in_have_their_roles(browser: Browser) -> None:
    import httpx

    with served(FAKE_PACE="0", FAKE_HEADER="X-User", FAKE_NAMES="news.example") as url:
        assert httpx.get(url + "config").status_code == 401
        assert httpx.get(url + "config", headers={"host": "evil.example"}).status_code == 421
        through = {"host": "news.example", "x-user": "bob", "x-forwarded-proto": "https"}
        root = httpx.get(url + "config", headers=through).json()["root"]
        assert root == "https://news.example"
        for user, admin in (("bob", 0), ("ann", 1)):
            context = browser.new_context(locale="en-US", extra_http_headers={"x-user": user})
            context.set_default_timeout(240_000)
            page = context.new_page()
            page.goto(url)
            settled(page)
            ready(page)
            page.wait_for_selector("#k-source .k-row")
            if admin:
                page.wait_for_selector(".k-admin-links", state="attached")
            assert page.locator(".k-admin-links").count() == admin
            ask(page, QUESTION)
            finished(page)
            context.close()


def prevented(page: Page, kind: str, *, file: bool) -> bool:
    """Whether the page keeps the browser from what it does when something is dragged or dropped."""
    found: bool = page.evaluate(
        """([kind, file]) => {
            const dataTransfer = new DataTransfer();
            if (file) dataTransfer.items.add(new File(["A bridge."], "bridge.md"));
            else dataTransfer.setData("text/plain", "a bridge");
            const event = new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true });
            return !document.querySelector("#k-box textarea").dispatchEvent(event);
        }""",
        [kind, file],
    )
    return found


def test_a_dropped_file_opens_the_page_of_articles_for_editors_and_nothing_for_readers(
    browser: Browser, tmp_path: Path
) -> None:
    with served(FAKE_PACE="0", FAKE_STORE=str(tmp_path / "store"), FAKE_HEADER="X-User") as url:
        for user, edits in (("bob", False), ("ann", True)):
            context = browser.new_context(locale="en-US", extra_http_headers={"x-user": user})
            context.set_default_timeout(240_000)
            page = context.new_page()
            page.goto(url)
            settled(page)
            ask(page, QUESTION)
            finished(page)
            kept_at = page.url
            # Words may be dropped into the question.
            assert not any(prevented(page, kind, file=False) for kind in ("dragover", "drop"))
            assert prevented(page, "dragover", file=True)
            assert prevented(page, "drop", file=True)
            if edits:
                page.wait_for_url(f"{url}library")
                page.wait_for_selector('html[data-page="ready"] #k-work')
                page.go_back()
            finished(page)
            assert page.url == kept_at
            assert page.locator(".k-question").all_inner_texts() == [QUESTION]
            context.close()


# ---- hostile text


def test_no_hostile_name_runs_in_the_rooms(browser: Browser) -> None:
    with served(FAKE_HOSTILE="1", FAKE_PACE="0") as url, opened(browser, url) as (page, watch):
        tab = articles(page)
        shown = tab.locator("#k-sources .k-path").all_text_contents()
        assert len(shown) >= 40
        assert {name.replace("\ufffd", "\0") for name in shown} >= {
            p for p in PAYLOADS if "\0" not in p and "\n" not in p
        }
        page.click(".k-filters summary")
        assert page.locator('[data-filter="outlet"] option').count() > 40
        for payload in (PAYLOADS[0], PAYLOADS[2], PAYLOADS[4], PAYLOADS[10]):
            order(tab, f"missing {payload}")
            tab.wait_for_selector('.k-job[data-state="failed"]')
        assert tab.evaluate("window.pwned") is None
        ask(page, f"payload 0 13 {PAYLOADS[0]}")
        finished(page)
        page.locator(".k-menu summary").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Markdown").click()
        text = Path(download.value.path()).read_text("utf-8")
        assert "<script" not in text.replace("\\<script", "")
        assert page.evaluate("window.pwned") is None
        assert watch.outside == []
