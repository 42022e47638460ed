"""The words of the form for signing in, in a real browser."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from konkyo.ui.http.security_middleware import LANGUAGE_COOKIE
from konkyo.ui.web.i18n import LANGUAGES, Language, say

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import PATIENCE, browser, served, settled

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

PASSWORD = "correct horse"
LOCALES: dict[Language, str] = {"en": "en-US", "ja": "ja-JP", "ko": "ko-KR", "zh": "zh-CN"}


@pytest.fixture(scope="module")
def locked() -> Iterator[str]:
    with served(FAKE_PASSWORD=PASSWORD, FAKE_PACE="0") as url:
        yield url


def words_of(page: Page) -> list[str]:
    """All that stands in the page below its heading, from the top."""
    lines = page.locator("form").inner_text().split("\n")
    return [line.strip() for line in lines if line.strip()]


def asked_in(language: Language) -> list[str]:
    return [say(language, key) for key in ("login", "user_name", "password", "sign_in")]


@contextmanager
def form(browser: Browser, url: str, locale: str, chosen: str | None) -> Iterator[Page]:
    """The form in a browser of some locale; ``chosen`` is the language its reader chose before."""
    context = browser.new_context(locale=locale)
    context.set_default_timeout(PATIENCE)
    if chosen:
        context.add_cookies([{"name": LANGUAGE_COOKIE, "value": chosen, "url": url}])
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def enter(page: Page, language: Language, password: str) -> None:
    page.get_by_label(say(language, "user_name")).fill("konkyo")
    page.get_by_label(say(language, "password")).fill(password)
    page.get_by_role("button", name=say(language, "sign_in")).click()


@pytest.mark.parametrize("locale", [*LOCALES.values(), "de-DE", "zh-TW"])
@pytest.mark.parametrize("chosen", [None, *LANGUAGES])
def test_the_form_is_in_the_language_of_the_page_whatever_the_browsers_is(
    browser: Browser, locked: str, locale: str, chosen: Language | None
) -> None:
    of_browser = next((one for one in LANGUAGES if locale.startswith(one)), "en")
    language: Language = chosen or of_browser
    with form(browser, locked, locale, chosen) as page:
        assert words_of(page) == asked_in(language)
        assert page.locator("h1").inner_text() == say(language, "sign_in")
        assert page.locator("html").get_attribute("lang") == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wrong_password_is_told_and_a_right_one_taken_in_that_language(
    browser: Browser, locked: str, language: Language
) -> None:
    locale = LOCALES["ko" if language == "ja" else "ja"]
    with form(browser, locked, locale, language) as page:
        enter(page, language, "wrong")
        note, *fields = asked_in(language)
        assert page.get_by_role("alert").inner_text() == say(language, "wrong_password")
        assert words_of(page) == [note, say(language, "wrong_password"), *fields]
        enter(page, language, PASSWORD)
        settled(page)
        asked = page.locator("#k-box textarea").get_attribute("placeholder")
        assert asked == say(language, "placeholder")
        assert page.locator("html").get_attribute("lang") == language
