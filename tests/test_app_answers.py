"""What a reader sees of an answer and of a refusal, in a real browser."""

# ruff: noqa: F811
from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from konkyo.ui.web.html.article import article_page
from konkyo.ui.web.i18n import LANGUAGES, say
from konkyo.ui.web.turns import Mark

if TYPE_CHECKING:
    from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import (
    LOCALES,
    address,  # noqa: F401
    ask,
    browser,  # noqa: F401
    finished,
    opened,
    out_of_reach,
    served,
)
from fixtures_chat import ENGLISH, JAPANESE

QUESTION = "How much will Japan invest in the United States?"


# ---- the answer


def test_one_line_says_how_an_answer_was_checked_and_unfolds(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        line = page.locator(".k-checked summary")
        assert line.inner_text() == "checked · 2 sources · 3.2 s · articles up to 11 Feb 2026"
        assert not page.get_by_text("Passages not used").is_visible()
        line.click()
        told = page.locator(".k-checked").inner_text()
        for part in (
            "About 500 companies take part. (the figure is not in the source: 500)",
            "投资期限为三年半。",
            "Phrased by interpreter; each sentence was checked against its source.",
            "0123456789ab",
        ):
            assert part in told
        assert page.locator(".k-turn s, .k-turn del").count() == 0


def test_words_of_a_removed_sentence_that_are_not_in_the_sources_are_underlined(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "doubted " + QUESTION)
        finished(page)
        page.locator(".k-checked summary").click()
        marked = page.locator(".k-removed mark")
        assert marked.inner_text() == "Mars first"
        style = marked.evaluate("e => getComputedStyle(e).textDecorationLine")
        assert style == "underline"
        told = page.locator(".k-removed").inner_text()
        assert told.endswith("(the source does not support it; not in the sources: Mars first)")


def test_a_quote_in_another_language_stands_under_its_frame_and_is_named(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "quoted " + QUESTION)
        finished(page)
        answer = page.locator(".k-answer")
        assert answer.locator(".k-frame").inner_text() == (
            "According to 合同通信 (in Japanese, 9 Feb 2026): $550 billion."
        )
        assert answer.locator(".k-frame strong").inner_text() == "$550 billion"
        quote = answer.locator("blockquote")
        assert quote.get_attribute("lang") == "ja"
        assert JAPANESE.text.split("\n")[0] in quote.inner_text()
        about = answer.locator(".k-quoted .k-meta").inner_text()
        assert about == f"{JAPANESE.title} · 合同通信 · 9 Feb 2026 · Japanese"
        # The quote itself is the answer: no card repeats it, and no sentence that says the same
        # is called removed.
        page.locator(".k-checked summary").click()
        assert page.locator(".k-removed").count() == 0
        assert "another relation" not in page.locator(".k-turn").inner_text()
        assert page.locator(".k-card").count() == 1
        quote.locator(".k-cite").click()
        page.wait_for_selector(f'#k-source h2:has-text("{JAPANESE.title}")')


def test_the_short_answer_comes_before_any_sentence(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "slow quoted " + QUESTION)
        page.wait_for_selector(".k-short")
        assert page.locator(".k-short").inner_text() == "$550 billion"
        assert page.locator(".k-answer blockquote").count() == 0
        finished(page)


def test_a_number_never_begins_a_line_alone(browser: Browser, address: str) -> None:
    with opened(browser, address, language="ko-KR", width=390, height=780) as (page, _):
        ask(page, "quoted " + QUESTION)
        finished(page)
        ask(page, QUESTION)
        finished(page, 2)
        kept = page.locator(".k-kept")
        cites = page.locator(".k-kept .k-cite").count()
        assert cites == page.locator(".k-answer .k-cite").count() >= 4
        for width in range(180, 360, 7):
            lines = kept.evaluate_all(
                """(all, width) => all.map(e => {
                    e.closest('.k-answer').style.width = `${width}px`;
                    const tops = new Set([...e.getClientRects()].map(r => Math.round(r.top)));
                    return tops.size === 1 && !e.textContent.startsWith('[');
                })""",
                width,
            )
            assert all(lines), width


def test_every_card_can_be_reached_and_no_date_is_broken(browser: Browser, address: str) -> None:
    with opened(browser, address, width=390, height=780) as (page, _):
        ask(page, "slow " + QUESTION)
        page.wait_for_selector(".k-card")
        boxes = [card.bounding_box() for card in page.locator(".k-card").all()]
        assert len(boxes) == 4
        assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
        for time in page.locator(".k-card time").all():
            assert time.evaluate("e => e.getClientRects().length") == 1
        page.click("#k-stop")


def test_no_line_breaks_within_a_date_of_a_text(browser: Browser, address: str) -> None:
    text = "首脳会談は3月19日に始まり、2026年2月10日の合意を確かめる。They met on March 19, too. "
    article = replace(JAPANESE, text=text * 3)
    html = article_page(article, [Mark(5, 40, 1, primary=True)], "ja")
    with opened(browser, address, language="ja-JP", width=390, height=780) as (page, _):
        page.wait_for_selector("#k-box textarea")
        page.evaluate(
            """html => document.querySelector('#k-left').insertAdjacentHTML(
                'beforeend', `<div id="dated">${html}</div>`)""",
            html,
        )
        dates = page.locator("#dated .k-body .k-whole")
        assert dates.count() == 9
        assert page.locator("#dated .k-body").inner_text().strip() == (text * 3).strip()
        for width in range(180, 380, 7):
            lines = dates.evaluate_all(
                """(all, width) => all.map(e => {
                    document.querySelector('#dated').style.width = `${width}px`;
                    return new Set([...e.getClientRects()].map(r => Math.round(r.top))).size;
                })""",
                width,
            )
            assert lines == [1] * 9, width


def test_a_long_quote_in_a_card_ends_with_its_last_line(browser: Browser, address: str) -> None:
    with opened(browser, address, width=1280) as (page, _):
        ask(page, QUESTION)
        finished(page)
        for quote in page.locator(".k-cards > li .k-card-quote").all():
            lines = quote.evaluate(
                "e => Math.round(e.clientHeight / parseFloat(getComputedStyle(e).lineHeight))"
            )
            assert lines <= 3


def test_the_source_stays_where_the_reader_opened_it(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "slow " + QUESTION)
        page.wait_for_selector(".k-card")
        page.locator(".k-card").nth(2).click()
        page.wait_for_selector(f'#k-source h2:has-text("{ENGLISH.title}")')
        finished(page)
        assert page.locator("#k-source h2").inner_text() == ENGLISH.title


def test_a_list_of_articles_opened_during_an_answer_stays(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        ask(page, "slow " + QUESTION)
        page.wait_for_selector(".k-card")
        page.locator("#k-state [data-act='articles']").click()
        page.wait_for_selector("#k-source .k-overview .k-row")
        finished(page)
        assert page.locator("#k-source .k-overview .k-row").count() > 0
        assert page.locator("#k-source .k-article").count() == 0


def test_the_source_does_not_change_while_an_answer_goes_on(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        page.wait_for_selector("#k-source .k-row")
        page.evaluate(
            """() => { window.titles = []; new MutationObserver(() => {
                const title = document.querySelector('#k-source .k-article h2')?.textContent;
                if (title && window.titles.at(-1) !== title) window.titles.push(title);
            }).observe(document.querySelector('#k-source'), {childList: true, subtree: true}); }"""
        )
        ask(page, QUESTION)
        finished(page)
        page.wait_for_selector("#k-source #k-here")
        assert page.evaluate("window.titles") == [JAPANESE.title]


# ---- refusals


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_shows_no_passage_before_and_speaks_the_pages_language(
    browser: Browser, address: str, language: str
) -> None:
    with opened(browser, address, language=LOCALES[language]) as (page, _):
        page.evaluate(
            """() => { window.cards = 0; new MutationObserver(() => {
                window.cards += document.querySelectorAll('.k-card, .k-claim').length;
            }).observe(document.querySelector('#k-conversation'),
                {childList: true, subtree: true}); }"""
        )
        ask(page, "What is the weather?")
        finished(page)
        assert page.evaluate("window.cards") == 0
        told = page.locator(".k-refusal").inner_text()
        assert say(language, "refused") in told  # type: ignore[arg-type]
        assert ("The articles do not say." in told) == (language == "en")
        near = page.locator(".k-refusal .k-row").all_inner_texts()
        assert [ENGLISH.title in row for row in near] == [False, True]
        assert all("2026" in row for row in near)
        assert "2026" in page.locator(".k-checked summary").inner_text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_old_articles_and_failed_sources_are_warned_of(browser: Browser, language: str) -> None:
    dates = {"en": "11 Feb 2026", "ko": "2026년 2월 11일"}
    with (
        served(FAKE_STALE="1", FAKE_FAILING="2", FAKE_PACE="0") as url,
        opened(browser, url, language=LOCALES[language]) as (page, _),
    ):
        for turn, question in enumerate((QUESTION, "What is the weather?"), 1):
            ask(page, question)
            finished(page, turn)
            told = page.locator(f'.k-turn[data-turn="{turn}"]').inner_text()
            date = dates.get(language, "2026年2月11日")
            for key, facts in (
                ("stale", {"date": date}),
                ("sources_failing", {"count": 2}),
                ("as_of", {"date": date}),
            ):
                assert say(language, key, **facts) in told  # type: ignore[arg-type]


# ---- the question


def test_a_paste_over_the_limit_is_kept_and_counted(browser: Browser, address: str) -> None:
    with opened(browser, address) as (page, _):
        page.fill("#k-box textarea", "あ" * 399)
        assert page.locator(".k-count").is_hidden()
        page.fill("#k-box textarea", "あ" * 612)
        assert page.locator(".k-count").inner_text() == "Too long: shorten it to ask. 612 / 500"
        page.press("#k-box textarea", "Enter")
        page.click("#k-ask")
        page.wait_for_timeout(300)
        assert page.locator("#k-box textarea").input_value() == "あ" * 612
        assert page.locator(".k-turn").count() == 0
        page.fill("#k-box textarea", QUESTION)
        assert page.locator(".k-count").is_hidden()
        page.press("#k-box textarea", "Enter")
        finished(page)


# ---- names and zoom


def test_repeated_buttons_have_names_of_their_own_and_the_page_has_one_heading(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        for turn, question in enumerate((QUESTION, "Which fields?", QUESTION), start=1):
            ask(page, question)
            finished(page, turn)
        assert page.locator("h1").all_inner_texts() == ["Konkyo"]
        for act in ("retry", "edit", "copy", "link", "good", "bad"):
            buttons = page.locator(f'.k-turn button[data-act="{act}"]')
            names = [b.get_attribute("aria-label") for b in buttons.all()]
            assert len(set(names)) == len(names) == 3, act


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("width", "height"), [(390, 780), (640, 400)])
def test_nothing_is_out_of_reach_on_a_phone_or_at_twice_the_size(
    browser: Browser, address: str, language: str, width: int, height: int
) -> None:
    with opened(browser, address, language=LOCALES[language], width=width, height=height) as (
        page,
        _,
    ):
        assert out_of_reach(page) == []
        ask(page, QUESTION)
        finished(page)
        page.locator(".k-checked summary").click()
        page.locator(".k-filters summary").click()
        assert out_of_reach(page) == []
        page.locator(".k-filters summary").click()
        box = page.locator("#k-box textarea").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= height


def test_a_date_of_the_filters_is_not_cut_beside_the_list_of_conversations(
    browser: Browser, address: str
) -> None:
    with opened(browser, address) as (page, _):
        page.locator(".k-filters summary").click()
        fields = page.locator('.k-filters input[type="date"]').all()
        assert [field.evaluate("one => one.offsetWidth >= 130") for field in fields] == [True, True]


@pytest.fixture(scope="module")
def sharing_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = str(tmp_path_factory.mktemp("sharing") / "store")
    with served(FAKE_STORE=store, FAKE_SHARING="anyone", FAKE_WATCHED="yes", FAKE_PACE="0") as url:
        yield url


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("width", "height"), [(390, 780), (640, 400)])
def test_nothing_beside_the_chat_is_out_of_reach_on_a_phone_or_at_twice_the_size(
    browser: Browser, sharing_address: str, language: str, width: int, height: int
) -> None:
    with opened(
        browser, sharing_address, language=LOCALES[language], width=width, height=height
    ) as (page, _):
        ask(page, "quoted " + QUESTION)
        finished(page)
        page.click('[data-act="share"]')
        page.wait_for_selector(".k-share input")
        assert out_of_reach(page, within=".k-share") == []
        link = page.locator(".k-share input").input_value()
        page.keyboard.press("Escape")
        page.locator(".k-cite").first.click()
        page.wait_for_selector("#k-source #k-here")
        assert out_of_reach(page, within="#k-right") == []
        page.keyboard.press("Escape")
        page.click('[data-act="side"]')
        page.locator(".k-conversation").first.wait_for(state="visible")
        assert out_of_reach(page, within="#k-side") == []
        for address, shown in (
            (f"{sharing_address}library", 'html[data-page="ready"] .k-articles'),
            (f"{sharing_address}settings", 'html[data-page="ready"] #k-settings'),
            (link, "main h1"),
        ):
            page.goto(address)
            page.wait_for_selector(shown)
            assert out_of_reach(page) == [], address
        page.goto(f"{sharing_address}library")
        page.wait_for_selector('html[data-page="ready"] .k-articles')
        month = {"en": "Feb 2026", "ko": "2026년 2월"}.get(language, "2026年2月")
        assert month in page.locator(".k-watched time").first.inner_text()
        page.locator('[data-act="mark"]').first.click()
        page.wait_for_selector("#k-mark[open]")
        assert out_of_reach(page, within="#k-mark") == []
