"""Every state of the pages in every language: it fits small screens and is one language."""

# ruff: noqa: F811
from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import (
    LOCALES,
    ask,
    browser,  # noqa: F401
    console_errors,
    opened,
    out_of_reach,
    require_accessible_at_rest,
    served,
    settled,
)
from fixtures_engines import free_port
from fixtures_states import (
    QUESTION,
    State,
    answer,
    article,
    beside_an_answer,
    correction,
    ended_shares,
    error,
    evaluations,
    handed_over,
    in_line,
    index_gone,
    index_jobs,
    list_of_conversations,
    loading,
    model_gone,
    model_silent,
    no_articles,
    nothing_to_list,
    old_articles,
    opinions,
    rebuilding,
    removal,
    server_gone,
    server_of,  # noqa: F401
    signing_in,
    source_beside_a_refusal,
    too_long,
    watched,
)

from konkyo.index.text.word_data import word_data
from konkyo.ui.web.i18n import LANGUAGES, PHRASES, Language
from konkyo.ui.web.reasons import _Reasons, template_facts

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STATES = (
    answer,
    article,
    beside_an_answer,
    correction,
    ended_shares,
    error,
    evaluations,
    handed_over,
    in_line,
    index_gone,
    index_jobs,
    list_of_conversations,
    loading,
    model_gone,
    model_silent,
    no_articles,
    nothing_to_list,
    old_articles,
    opinions,
    rebuilding,
    removal,
    server_gone,
    signing_in,
    source_beside_a_refusal,
    too_long,
    watched,
)

SMALL = ((390, 780), (640, 400))
"""A phone, and a screen of 1280 by 800 at twice the size."""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_state_fits_small_screens_and_is_one_language(
    browser: Browser, server_of: Callable[[State], str], state: State, language: Language
) -> None:
    shown = "[type=password]" if state is signing_in else "#k-box textarea"
    with opened(
        browser, server_of(state), language=LOCALES[language], width=390, height=780, shown=shown
    ) as (page, watch):
        for _ in state(page) or (None,):
            assert foreign_words(page, language) == set()
            require_fits(page)
        watch.failed.clear()  # Some states are of what is not there.


def require_fits(page: Page) -> None:
    """Nothing of the page, or of what lies over it, is out of reach on any small screen."""
    for width, height in reversed(SMALL):
        resize(page, width, height)
        assert out_of_reach(page, lying_on_top(page)) == [], (width, height)


def lying_on_top(page: Page) -> str:
    """What lies over the rest of the page and hides it: a dialog or a drawer, else the page."""
    return str(
        page.evaluate(
            """() => ['dialog[open]', '.k-share', '#k-right', '#k-side'].find(one => {
                const there = document.querySelector(one);
                return there && there.checkVisibility({visibilityProperty: true})
                    && getComputedStyle(there).position === 'fixed';
            }) ?? 'body'"""
        )
    )


def resize(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    # The page hears of its new width with the next frame.
    page.evaluate("new Promise(r => requestAnimationFrame(() => setTimeout(r)))")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_interrupted_answer_fits_small_screens_and_is_one_language(
    browser: Browser, tmp_path: Path, language: Language
) -> None:
    environment = {"FAKE_PORT": str(free_port()), "FAKE_STORE": str(tmp_path / "store")}
    # The page is closed before the second server: what it loads anew is not cut off.
    with ExitStack() as servers, ExitStack() as pages:
        with served(**environment) as url:
            page, _ = pages.enter_context(opened(browser, url, language=LOCALES[language]))
            ask(page, "endless " + QUESTION)
            page.wait_for_selector(".k-card")
        servers.enter_context(served(**environment))
        page.wait_for_selector('.k-turn[data-state="interrupted"]')
        assert foreign_words(page, language) == set()
        require_fits(page)


@pytest.mark.parametrize("language", ["ja", "ko", "zh"])
def test_states_in_other_languages_are_accessible_at_rest(
    browser: Browser, server_of: Callable[[State], str], language: Language
) -> None:
    with opened(browser, server_of(answer), language=LOCALES[language]) as (page, watch):
        page.on("console", lambda m: watch.errors.extend(console_errors(m)))
        for states in (beside_an_answer, list_of_conversations, handed_over):
            page.goto(server_of(answer))
            settled(page)
            for _ in states(page) or ():
                pass
            require_accessible_at_rest(page)


@cache
def english_words(language: Language) -> tuple[frozenset[str], tuple[str, ...]]:
    """What is said in English alone: whole, and with facts put in; reasons of errors, too."""
    files = (word_data(_Reasons, name, "konkyo.ui.web") for name in ("reasons", "errors"))
    reasons = {known.en for file in files for known in file.reasons}
    said = (set(PHRASES["en"].values()) | reasons) - set(PHRASES[language].values())
    # A template without words of its own fits any text.
    spoken = [one for one in said if len(re.findall("[a-z]", re.sub(r"\{.*?\}", "", one))) > 3]
    return frozenset(said), tuple(one for one in spoken if "{" in one)


def foreign_words(page: Page, language: Language) -> set[str]:
    """What the page says in English that it has words for in its own language."""
    if language == "en":
        return set()
    said: list[str] = page.evaluate(
        """() => {
            const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            const said = [];
            while (texts.nextNode()) said.push(texts.currentNode.textContent.trim());
            for (const name of ['aria-label', 'title', 'placeholder']) {
                for (const one of document.querySelectorAll(`[${name}]`)) {
                    said.push(one.getAttribute(name), one.getAttribute(name).split(': ')[0]);
                }
            }
            return said;
        }"""
    )
    whole, templates = english_words(language)
    filled = {s for s in said if any(template_facts(one, s) is not None for one in templates)}
    return (whole & set(said)) | filled


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "state", [model_gone, server_gone, index_gone, loading], ids=lambda state: state.__name__
)
def test_nothing_of_the_header_lies_over_another_at_any_width(
    browser: Browser, server_of: Callable[[State], str], state: State, language: Language
) -> None:
    with opened(browser, server_of(state), language=LOCALES[language]) as (page, _):
        state(page)
        for width in (390, 530, 640, 780, 870, 1024, 1280):
            resize(page, width, 800)
            overlapping = page.evaluate(
                """() => {
                    const top = document.querySelector('#k-top');
                    const parts = [...top.querySelectorAll('.k-brand > *, .k-status, #k-tools *')]
                        .filter((one) => one.matches('.k-brand > *, .k-status, button, select'))
                        .map((one) => [one.className, one.getBoundingClientRect()])
                        .filter(([, box]) => box.width > 2 && box.bottom <= top.clientHeight);
                    const over = parts.filter(
                        ([, box], n) => n && box.left < parts[n - 1][1].right);
                    return [over.map(([name]) => name), top.offsetHeight];
                }"""
            )
            assert overlapping == [[], 56], width
