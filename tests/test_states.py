"""Every state of the pages: accessible, without an error in the console, and at rest."""

# ruff: noqa: F811
from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import (
    ask,
    browser,  # noqa: F401
    console_errors,
    opened,
    require_accessible_at_rest,
    served,
)
from fixtures_engines import free_port
from fixtures_states import (
    QUESTION,
    STATES,
    State,
    beside_an_answer,
    changed_settings,
    ended_shares,
    evaluations,
    handed_over,
    in_line,
    index_jobs,
    list_of_conversations,
    server_of,  # noqa: F401
    signing_in,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

SCREENS = pytest.mark.parametrize(
    ("dark", "width"), [(False, 1280), (True, 390)], ids=["wide", "phone"]
)


@SCREENS
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_state_is_accessible_at_rest_and_without_errors(
    browser: Browser, server_of: Callable[[State], str], state: State, dark: bool, width: int
) -> None:
    with opened(browser, server_of(state), dark=dark, width=width) as (page, watch):
        page.on("console", lambda m: watch.errors.extend(console_errors(m)))
        state(page)
        require_accessible_at_rest(page)


@pytest.mark.parametrize(
    ("states", "dark", "width", "refused"),
    [
        (in_line, True, 1280, ()),
        (list_of_conversations, False, 390, ()),
        (beside_an_answer, True, 390, ()),
        (index_jobs, True, 1280, ()),
        (handed_over, False, 390, ()),
        (changed_settings, True, 390, ()),
        (evaluations, False, 1280, ()),
        (ended_shares, False, 390, (404, 404, 404)),
        (signing_in, True, 1280, (400, 401)),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_states_one_after_another_are_accessible_at_rest_and_without_errors(
    browser: Browser,
    server_of: Callable[[State], str],
    states: State,
    dark: bool,
    width: int,
    refused: tuple[int, ...],
) -> None:
    shown = "[type=password]" if states is signing_in else "#k-box textarea"
    found: list[int] = []
    with opened(browser, server_of(states), dark=dark, width=width, shown=shown) as (page, watch):
        page.on("console", lambda m: watch.errors.extend(console_errors(m)))
        page.on("response", lambda r: found.append(r.status) if r.status >= 400 else None)
        for _ in states(page) or ():
            require_accessible_at_rest(page)
        watch.failed.clear()
    assert tuple(found) == refused


@SCREENS
def test_an_interrupted_answer_is_accessible_at_rest_and_without_errors(
    browser: Browser, tmp_path: Path, dark: bool, width: int
) -> None:
    environment = {"FAKE_PORT": str(free_port()), "FAKE_STORE": str(tmp_path / "store")}
    # The page is closed before the second server: what it loads anew is not cut off.
    with ExitStack() as servers, ExitStack() as pages:
        with served(**environment) as url:
            page, watch = pages.enter_context(opened(browser, url, dark=dark, width=width))
            page.on("console", lambda m: watch.errors.extend(console_errors(m)))
            ask(page, "endless " + QUESTION)
            page.wait_for_selector(".k-card")
        servers.enter_context(served(**environment))
        page.wait_for_selector('.k-turn[data-state="interrupted"]')
        require_accessible_at_rest(page)
