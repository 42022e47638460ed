"""Links that open a page at a quote."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from konkyo.ui.web.text_fragment import text_fragment

if TYPE_CHECKING:
    from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import PATIENCE, browser

__all__ = ["browser"]

ARTICLE = [
    "Filler that no quote holds. " * 200,
    "The money would go to nine fields, among them semiconductors, shipbuilding and critical"
    " minerals, over three and a half years. It lasted eleven days, at 550-billion, b & c.",
    "日本と米国の両政府は9日、総額5500億ドルの対米投資の枠組みで合意したと発表した。対象は半導体、造船、"
    "重要鉱物など九つの分野で、期間は3年半とされる。対象となる企業は約300社に上る。",
    "정부는 새로운 투자 계획을 발표했다고 밝혔다."
    " 기간은 3년 반이며 참여하는 기업은 약 300곳에 이른다.",
    "两国政府9日宣布，就总额5500亿美元的对美投资达成协议。对象包括半导体、造船和重要矿产等九个领域，"
    "投资期限为三年半。",
    "More that no quote holds. " * 200,
]


@pytest.fixture(scope="module")
def article() -> Iterator[str]:
    """The address of a page whose quotes are far down."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = "".join(f"<p>{part.replace('&', '&amp;')}</p>" for part in ARTICLE)
            told = f"<!doctype html><meta charset=utf-8><title>a</title>{body}".encode()
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    serving.join(60)


@pytest.mark.parametrize("quote", [*ARTICLE[1:5], "It lasted eleven days, at 550-billion, b & c."])
def test_chromium_opens_a_page_at_the_quote(browser: Browser, article: str, quote: str) -> None:
    context = browser.new_context(viewport={"width": 800, "height": 600})
    page = context.new_page()
    page.goto(article + text_fragment(quote), timeout=PATIENCE)
    page.wait_for_function("window.scrollY > 300", timeout=PATIENCE)
    shown = page.get_by_text(quote[:20]).bounding_box()
    assert shown is not None
    assert -shown["height"] < shown["y"] < 600
    context.close()


@pytest.mark.parametrize(
    ("quote", "fragment"),
    [
        ("It lasted eleven days.", "It%20lasted%20eleven%20days."),
        ("a 550-billion, b & c", "a%20550%2Dbillion%2C%20b%20%26%20c"),
        ("期間は3年半とされる。", "%E6%9C%9F%E9%96%93%E3%81%AF3%E5%B9%B4%E5%8D%8A%E3%81%A8"
         "%E3%81%95%E3%82%8C%E3%82%8B%E3%80%82"),
        ("  two\t spaces ", "two%20spaces"),
        ("100% #1 a=b?", "100%25%20%231%20a%3Db%3F"),
    ],
)  # fmt: skip
def test_a_short_quote_is_given_whole_and_percent_encoded(quote: str, fragment: str) -> None:
    assert text_fragment(quote) == f"#:~:text={fragment}"


@pytest.mark.parametrize("nothing", ["", "  ", "…", "\n\n"])
def test_what_has_no_words_gives_no_fragment(nothing: str) -> None:
    assert text_fragment(nothing) == ""


@pytest.mark.parametrize(
    ("quote", "start", "end"),
    [
        (
            "The money would go to nine fields, among them semiconductors, shipbuilding and"
            " critical minerals, over three and a half years.",
            "The money would go to",
            "three and a half years.",
        ),
        (
            "日本と米国の両政府は9日、総額5500億ドルの対米投資の枠組みで合意したと発表した。"
            "対象は半導体、造船、重要鉱物など九つの分野で、期間は3年半とされる。"
            "対象となる企業は約300社に上る。",
            "日本と米国の両政府は9日、総額5500億ドルの対米投資の枠組みで合意したと発表した",
            "期間は3年半とされる。対象となる企業は約300社に上る。",
        ),
        ("First paragraph here, and more.\n\nThe very last one of them ends here.",
            "First paragraph here,",
            "one of them ends here.",
        ),
    ],
)  # fmt: skip
def test_a_long_quote_is_given_by_start_and_end_at_borders_of_words(
    quote: str, start: str, end: str
) -> None:
    fragment = text_fragment(quote)
    given = [unquote(part) for part in fragment.removeprefix("#:~:text=").split(",")]
    assert given == [start, end]
    assert quote.startswith(start)
    assert quote.endswith(end)


def test_a_long_run_without_a_border_is_given_whole() -> None:
    text = "あ" * 200
    assert unquote(text_fragment(text)) == f"#:~:text={text}"
