"""Addresses and feeds, corrections and retractions, as a reader sees them in a real browser.

A web server of this machine is read, as tests/local_web says; all else is as it is delivered.
"""

# ruff: noqa: F811
from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import (
    ROOT,
    ask,
    browser,  # noqa: F401
    finished,
    opened,
    settled,
)
from fixtures_library import chat_server, ended, library, titles
from fixtures_site import Site, site  # noqa: F401

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HTML = {"Content-Type": "text/html; charset=utf-8"}
FEED = {"Content-Type": "application/rss+xml; charset=utf-8"}
BRIDGE = (
    "The new bridge over the fjord in Bergen opened on Monday after nine years of work.",
    "It cost 52 million crowns, the city council of Bergen said in a statement.",
    "Ferries across the fjord stop in May, when the last contract ends.",
)
WIDER = "Thousands walked over it on the first day, and bands played on both banks."


@pytest.fixture
def server(site: Site, tmp_path: Path) -> Iterator[str]:
    """A real server without an index, to which the web server of this machine is public."""
    path = os.pathsep.join((str(ROOT / "tests" / "local_web"), str(ROOT)))
    settings = {"PYTHONPATH": path, "KONKYO_TEST_SITE": str(site.port)}
    with chat_server(tmp_path, KONKYO_CHAT__SHARING="anyone", **settings) as url:
        yield url


def page_of(title: str, *paragraphs: str, **said: object) -> tuple[int, dict[str, str], bytes]:
    """A page of news; ``said`` is what it says of itself."""
    data = {"@type": "NewsArticle", "headline": title, "datePublished": "2026-02-09", **said}
    body = "".join(f"<p>{one}</p>" for one in paragraphs)
    text = (
        f'<html lang="en"><head><title>{title}</title>'
        f'<script type="application/ld+json">{json.dumps(data)}</script></head>'
        f"<body><article><h1>{title}</h1>{body}</article></body></html>"
    )
    return 200, HTML, text.encode()


def add(page: Page, source: str) -> None:
    """Add a source on the page of articles, and wait until it is read."""
    if "/library" not in page.url:
        page.goto(page.evaluate("new URL('library', location.href).href"))
        page.wait_for_selector('html[data-page="ready"]')
    before = page.locator("#k-job .k-job").get_attribute("data-number") if _jobs(page) else ""
    page.fill("#k-add textarea", source)
    page.click("#k-add button")
    page.wait_for_selector(f'#k-job[data-job="done"] .k-job:not([data-number="{before}"])')
    assert page.locator("#k-job .k-failed").count() == 0


def _jobs(page: Page) -> int:
    return page.locator("#k-job .k-job").count()


def put(page: Page, server: str, question: str) -> str:
    """Ask in a conversation of its own; returns what the answer shows."""
    page.goto(server)
    settled(page)
    ask(page, question)
    finished(page)
    page.wait_for_selector(".k-turn .k-cite")
    return page.locator(".k-turn").inner_text()


def test_an_address_and_a_feed_are_read_and_watched(
    browser: Browser, server: str, site: Site
) -> None:
    site.pages["/bridge"] = page_of("Bridge opens in Bergen", *BRIDGE, WIDER)
    items = "".join(
        f"<item><title>{title}</title><link>{site.url(path)}</link><description>{text}"
        "</description><pubDate>Tue, 10 Feb 2026 08:00:00 GMT</pubDate></item>"
        for title, path, text in (
            ("Harbour strike ends", "/strike", "Dock workers in Hull returned to work on Friday."),
            ("Snow in Sapporo", "/snow", "Forty centimetres of snow fell in Sapporo on Sunday."),
        )
    )
    site.pages["/feed.xml"] = (
        200,
        FEED,
        f"<rss version='2.0'><channel><title>Post</title>{items}</channel></rss>".encode(),
    )
    with library(browser, server) as page:
        add(page, site.url("/bridge"))
        assert titles(page) == ["Bridge opens in Bergen"]
        page.click("#k-watch > summary")
        page.fill("#k-watch [name=source]", site.url("/feed.xml"))
        page.fill("#k-watch [name=hours]", "2")
        page.click("#k-watch-form [type=submit]")
        page.wait_for_selector(".k-watched tbody tr")
        # It is read by itself; what came of it is written down after that.
        while "never" in page.locator(".k-watched tbody tr").inner_text():
            page.reload()
            page.wait_for_selector('html[data-page="ready"]')
        assert page.locator(".k-watched .k-error").inner_text() == ""
        assert len(titles(page)) == 3
        assert page.locator(".k-watched time").count() == 2
        assert "52 million crowns" in put(page, server, "How much did the bridge in Bergen cost?")
        page.locator(".k-cite").first.click()
        link = page.locator('#k-source a[href^="http://news.example"]').first
        assert (link.get_attribute("href") or "").startswith(site.url("/bridge#:~:text="))
        told = put(page, server, "When did the dock workers in Hull return to work?")
        assert "Friday" in told


def test_what_a_page_says_became_of_it_is_shown_wherever_it_is_quoted(
    browser: Browser, server: str, site: Site, tmp_path: Path
) -> None:
    site.pages["/bridge"] = page_of(
        "Bridge opens in Bergen", *BRIDGE, WIDER, correction="It cost 5.2 million crowns."
    )
    tower = tmp_path / "tower.md"
    tower.write_text(
        "---\ntitle: Tower falls in Turin\npublished: 2026-02-08\nlanguage: en\n"
        "status: retracted\ncorrection: The tower stands.\n---\n"
        "A tower of 40 metres fell in Turin on Sunday night, witnesses said.\n"
    )
    wires = tmp_path / "wires.xml"
    wires.write_text(
        '<nitf><head><title>Strike in Ghent</title><docdata><date.issue norm="20260207T080000Z"/>'
        '<correction info="It was 14 trains."/></docdata></head><body><body.content>'
        "<p>In Ghent 40 trains stood still on Saturday because of a strike of drivers.</p>"
        "</body.content></body></nitf>"
    )
    with library(browser, server) as page:
        for source in (site.url("/bridge"), str(tower), str(wires)):
            add(page, source)
        for question, label, why in (
            ("How many trains stood still in Ghent?", "Corrected", "It was 14 trains."),
            ("How much did the bridge cost?", "Corrected", "It cost 5.2 million crowns."),
            ("How high was the tower in Turin that fell?", "Retracted", "The tower stands."),
        ):
            put(page, server, question)
            note = page.locator(".k-turn .k-status-note").first.inner_text()
            assert label in note
            assert why in note
            page.locator(".k-cite").first.click()
            page.wait_for_selector(f"#k-source .k-status-note:has-text('{label}')")
            page.locator('[data-act="share"]').click()
            page.goto(page.locator(".k-share input").input_value())
            told = page.locator("main").inner_text()
            assert why in told
            day = page.locator("main > .meta time").get_attribute("datetime") or ""
            assert datetime.now(UTC) - datetime.fromisoformat(day) < timedelta(hours=1)


def test_a_corrected_article_gives_way_to_its_correction(
    browser: Browser, server: str, site: Site
) -> None:
    now = site.url("/bridge-cost")
    site.pages["/bridge"] = page_of(
        "Bridge opens in Bergen", *BRIDGE, WIDER, correction=f"See {now} for the right figure."
    )
    mended = [line.replace("52 million", "5.2 million") for line in BRIDGE]
    site.pages["/bridge-cost"] = page_of("What the bridge of Bergen cost", *mended, WIDER)
    with library(browser, server) as page:
        add(page, site.url("/bridge"))
        add(page, now)
        told = put(page, server, "How much did the bridge over the fjord in Bergen cost?")
        assert "5.2 million crowns" in told
        assert "52 million crowns" not in told
        cited = {one.inner_text() for one in page.locator(".k-turn .k-from, .k-card").all()}
        assert not any("Bridge opens in Bergen" in one for one in cited)


def test_a_kept_answer_is_marked_when_its_source_is_corrected_and_outlasts_a_rebuild(
    browser: Browser, server: str, site: Site
) -> None:
    site.pages["/bridge"] = page_of("Bridge opens in Bergen", *BRIDGE, WIDER)
    with library(browser, server) as page:
        add(page, site.url("/bridge"))
        put(page, server, "How much did the bridge in Bergen cost?")
        kept = page.url
        page.click('.k-turn [data-act="good"]')
        page.wait_for_selector('.k-thumb[data-act="good"][aria-pressed="true"]')
        page.goto(f"{server}library")
        page.wait_for_selector('html[data-page="ready"]')
        page.get_by_role("button", name="Correction…: Bridge opens in Bergen").click()
        page.select_option("#k-mark select", "corrected")
        page.fill("#k-mark textarea", "The council counted anew.")
        page.click("#k-mark [value=yes]")
        page.wait_for_selector(".k-status-note")
        page.goto(kept)
        page.wait_for_selector(".k-turn:has-text('Corrected: The council counted anew.')")
        # The page is told anew, under its address; what was quoted stands in it as it stood.
        site.pages["/bridge"] = page_of("Fjord bridge open at last", WIDER, *BRIDGE)
        page.goto(f"{server}library")
        page.wait_for_selector('html[data-page="ready"]')
        page.click("[data-act=rebuild]")
        page.click("#k-yes")
        page.wait_for_selector(".k-title > a:has-text('Fjord bridge open at last')")
        ended(page)
        page.goto(kept)
        page.wait_for_selector(".k-turn:has-text('Corrected: The council counted anew.')")
        told = page.locator(".k-turn").inner_text()
        assert "has changed since" not in told
        assert "no longer in the index" not in told
        page.locator(".k-cite").first.click()
        page.wait_for_selector("#k-source h2:has-text('Fjord bridge open at last')")
        marked = " ".join(page.locator("#k-source mark").all_inner_texts())
        assert "It cost 52 million crowns" in marked
        # What readers said of answers is marked, too.
        opinions = page.locator(".k-opinions li")
        page.goto(f"{server}feedback")
        assert "Corrected: The council counted anew." in opinions.inner_text()
        page.goto(f"{server}library")
        page.wait_for_selector('html[data-page="ready"]')
        page.get_by_role("button", name="Remove: Fjord bridge open at last").click()
        page.click("#k-yes")
        page.wait_for_selector(".k-invitation")
        page.goto(f"{server}feedback")
        assert "The source is no longer in the index." in opinions.inner_text()


def test_a_file_that_cannot_be_read_is_told_in_the_language_of_the_page(
    browser: Browser, server: str
) -> None:
    for language, why in (
        ("ja-JP", "PDFが壊れています"),
        ("ko-KR", "PDF가 손상되었습니다"),
        ("zh-CN", "PDF已损坏"),
    ):
        with library(browser, server, language=language) as page:
            page.set_input_files(
                "#k-work [data-upload] >> nth=0",
                {"name": "bad.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 broken"},
            )
            page.wait_for_selector(f".k-job:has-text('{why}')")
            # Nothing changed: the last change is an earlier one.
            ended(page)
            assert page.locator("#k-job [data-order=undo]").count() == 0


def test_what_is_chosen_on_the_settings_holds_from_the_next_start(
    browser: Browser, tmp_path: Path
) -> None:
    story = tmp_path / "bridge.md"
    story.write_text(f"---\ntitle: Bridge opens\npublished: 2020-02-09\n---\n{' '.join(BRIDGE)}\n")
    chosen = {"llm.kind": "embedded", "chat.stale_after": "30", "watch.hours": "5"}
    with chat_server(tmp_path) as url, library(browser, url) as page:
        add(page, str(story))
        page.goto(f"{url}settings")
        page.wait_for_selector('html[data-page="ready"]')
        page.select_option('[name="llm.kind"]', chosen["llm.kind"])
        for name in ("chat.stale_after", "watch.hours"):
            page.fill(f'[name="{name}"]', chosen[name])
        page.click("#k-settings [type=submit]")
        page.wait_for_selector('#k-told:has-text("when the server next starts")')
    with chat_server(tmp_path) as url, opened(browser, url) as (page, _):
        told = put(page, url, "How much did the bridge in Bergen cost?")
        assert "The newest article is from 9 Feb 2020." in told
        page.goto(f"{url}settings")
        page.wait_for_selector('html[data-page="ready"]')
        assert {name: page.input_value(f'[name="{name}"]') for name in chosen} == chosen
