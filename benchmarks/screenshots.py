"""Pictures of the pages in a real browser: those of the documentation, or all to look at.

    python benchmarks/screenshots.py                       # writes docs/screenshots
    python benchmarks/screenshots.py --all /tmp/pages      # ten pages x 4 languages x 2 widths x 2

The chat is served with quotes alone over an index of ``seeds/``; the report is that of
``benchmarks/results/alliance-quotes``. Chromium and fonts for every script have to be there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from fixtures_browser import ask, finished, launched, opened, settled  # noqa: E402
from fixtures_process import started  # noqa: E402

DESK, PHONE = (1280, 800), (390, 844)
LOCALES = {"en": "en-US", "ja": "ja-JP", "ko": "ko-KR", "zh": "zh-CN"}
ANSWERED = {
    "en": "How much will Japan invest in the United States?",
    "ja": "日本の対米投資は8000億ドルですか。",
    "ko": "다카이치 총리의 방미 일정은 언제인가요?",
    "zh": "日本对美投资的规模是多少？",
}
REFUSED = {
    "en": "What will the weather be in Osaka tomorrow?",
    "ja": "明日の大阪の天気はどうですか。",
    "ko": "내일 오사카 날씨는 어때요?",
    "zh": "明天大阪的天气怎么样？",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", help="an index of seeds/; made anew where none is named")
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every page, to look at")
    parser.add_argument("--language", choices=[*LOCALES], action="append", help="only these")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        store = args.store or _indexed(Path(folder))
        with _served(Path(store).resolve(), Path(folder)) as url:
            if args.all is None:
                _documentation(browser, url, Path(folder), ROOT / "docs" / "screenshots")
            else:
                args.all.mkdir(parents=True, exist_ok=True)
                _everything(browser, url, args.all, args.language or [*LOCALES])


def _indexed(folder: Path) -> str:
    store = str(folder / "store")
    subprocess.run([*_KONKYO, "index", "build", str(ROOT / "seeds"), "--store", store], check=True)
    return store


_KONKYO = (sys.executable, "-m", "konkyo")


@contextmanager
def _served(store: Path, folder: Path) -> Iterator[str]:
    """The chat over an index, with sharing on; gives its address."""
    (folder / "konkyo.toml").write_text('[chat]\nsharing = "anyone"\n', "utf-8")
    command = [*_KONKYO, "chat", "--llm", "none", "--port", "0", "--no-open"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "KONKYO_STORE": str(store)}
    with started(command, cwd=folder, env=environment) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[3]


def _documentation(browser: Browser, url: str, folder: Path, out: Path) -> None:
    for language, name in (("en", "chat"), ("ja", "chat-ja")):
        with opened(browser, url, language=LOCALES[language]) as (page, _):
            _ready(page)
            _answered(page, language)
            page.screenshot(path=out / f"{name}.png")
    report = folder / "report.html"
    rows = ROOT / "benchmarks" / "results" / "alliance-quotes"
    subprocess.run([*_KONKYO, "eval", "report", str(rows), "--html", str(report)], check=True)
    page = browser.new_page(viewport={"width": 1280, "height": 1000})
    page.goto(report.as_uri())
    page.screenshot(path=out / "report.png")
    page.close()


def _everything(browser: Browser, url: str, out: Path, languages: list[str]) -> None:
    for language in languages:
        for width, height in (DESK, PHONE):
            for dark in (False, True):
                name = f"{language}-{width}-{'dark' if dark else 'light'}"
                with opened(
                    browser,
                    url,
                    language=LOCALES[language],
                    width=width,
                    height=height,
                    dark=dark,
                ) as (page, _):
                    _visit(page, url, language, out / name)
                print(name, flush=True)


def _visit(page: Page, url: str, language: str, name: Path) -> None:
    """Walk through the pages as a reader, and keep each."""

    def keep(what: str, *, whole: bool = False) -> None:
        page.mouse.move(1, 1)
        page.screenshot(path=f"{name}-{what}.png", full_page=whole)

    _ready(page)
    keep("welcome")
    _answered(page, language)
    keep("chat")
    page.locator(".k-cite").first.click()
    page.wait_for_selector("#k-source #k-here")
    keep("source")
    page.keyboard.press("Escape")
    page.click('[data-act="good"]')
    page.wait_for_selector('.k-thumb[aria-pressed="true"]')
    page.click('[data-act="share"]')
    page.wait_for_selector(".k-share input")
    keep("sharing")
    shared = page.locator(".k-share input").input_value()
    ask(page, REFUSED[language])
    finished(page, 2)
    page.wait_for_selector(".k-refusal")
    keep("refusal")
    if not page.locator("#k-side").is_visible():
        page.keyboard.press("Escape")
        page.click('[data-act="side"]')
        page.locator(".k-conversation").first.wait_for(state="visible")
    keep("conversations")
    for what in ("library", "feedback", "settings"):
        page.goto(f"{url.rstrip('/')}/{what}")
        page.wait_for_selector('html[data-page="ready"]')
        keep(what, whole=what == "settings")
    page.goto(shared)
    keep("shared", whole=True)


def _ready(page: Page) -> None:
    settled(page)
    page.wait_for_selector('#k-top .k-status[data-kind="ready"]')
    page.wait_for_selector(".k-welcome .k-chip")


def _answered(page: Page, language: str) -> None:
    ask(page, ANSWERED[language])
    finished(page)
    page.wait_for_selector(".k-answer .k-cite")
    page.wait_for_selector(".k-follow-ups")


if __name__ == "__main__":
    main()
