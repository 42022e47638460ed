"""The report: one page, no network, and no text that can become markup."""

# ruff: noqa: F811
from __future__ import annotations

import hashlib
import re
import sys
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import tostring

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import browser, require_accessible  # noqa: F401

from konkyo.eval.plots import reliability_plot, risk_coverage_plot
from konkyo.eval.questions import Gold, Question
from konkyo.eval.report import report
from konkyo.eval.run import read_rows
from konkyo.eval.scoring import Quote, Row, skipped
from konkyo.eval.statistics import risk_coverage
from konkyo.rag.conversation import Turn
from konkyo.ui.cli.eval import evaluate

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x1b[31m\u202e"
QUESTION = Question(
    "q<1>",
    HOSTILE,
    "ja",
    "fact",
    True,
    (HOSTILE,),
    ((HOSTILE,),),
    gold=(Gold(HOSTILE, HOSTILE),),
    history=(Turn(HOSTILE, HOSTILE),),
    premise_truth=HOSTILE,
    note=HOSTILE,
)
OUTCOME: dict[str, object] = {
    "status": "answered",
    "reason": None,
    "answer": HOSTILE,
    "claims": [{"text": HOSTILE, "citations": [1]}],
    "citations": [
        {
            "id": 1,
            "title": HOSTILE,
            "source": HOSTILE,
            "published": None,
            "language": '"><x',
            "quote": "引用　文",
        }
    ],
    "removed": [{"text": HOSTILE, "reason": "number", "detail": HOSTILE}],
    "notices": [HOSTILE],
    "timings_ms": {"retrieve": 12.0, "total": 900.0},
}
ROWS = [
    Row(
        QUESTION,
        OUTCOME,
        None,
        1.0,
        {"Handled": 0.0},
        {"overlap": (0.25,)},
        (Quote(True, "前", "後"),),
        0.9,
    ),
    skipped(Question("q2", "何？", "zh", "absent", False), HOSTILE, 0.5),
]


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def page() -> tuple[str, Seen]:
    text = report(ROWS, title=HOSTILE, about={"dataset": HOSTILE})
    seen = Seen()
    seen.feed(text)
    return text, seen


def test_text_stays_text() -> None:
    text, seen = page()
    assert seen.tags.count("script") == 1
    assert "img" not in seen.tags
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "引用　文" in seen.text
    assert "前" in seen.text


def test_nothing_is_fetched_and_only_its_own_script_may_run() -> None:
    text, seen = page()
    assert not [v for name, v in seen.attributes if name in {"src", "href", "action"}]
    policy = next(v for name, v in seen.attributes if name == "content" and v and "default" in v)
    for tag in ("style", "script"):
        content = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = b64encode(hashlib.sha256(content[-1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_what_failed_is_marked() -> None:
    _, seen = page()
    states = [v for name, v in seen.attributes if name == "data-state"]
    assert states == ["failed", "failed"]
    assert "supported: overlap 0.25" in seen.text
    assert "900" in seen.text


def test_plots_stay_in_their_frame() -> None:
    answered = [(0.95, True), (0.9, False), (1.0, True), (0.05, False)]
    for svg in (
        risk_coverage_plot(risk_coverage(answered, 10)),
        reliability_plot(answered),
        risk_coverage_plot(risk_coverage([], 3)),
        reliability_plot([]),
    ):
        assert "nan" not in tostring(svg, encoding="unicode")
        for dot in svg.iter("circle"):
            assert 40 <= float(dot.get("cx", "")) <= 300
            assert 10 <= float(dot.get("cy", "")) <= 270


@pytest.mark.parametrize(("width", "dark"), [(1280, True), (390, False)])
def test_a_report_is_accessible_and_as_wide_as_the_screen(
    browser: Browser, width: int, dark: bool
) -> None:
    asked = read_rows(Path(__file__).parents[1] / "benchmarks/results/alliance-quotes")
    shown = browser.new_page(
        viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light"
    )
    shown.set_content(report(asked[:12], title="alliance", about={"dataset": "alliance"}))
    shown.locator("details").first.evaluate("one => { one.open = true; }")
    require_accessible(shown)
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    # What a table is about can be read on a phone; its columns are scrolled to.
    for caption in shown.locator("caption").all():
        box = caption.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
    shown.close()


def test_figures_stand_in_one_line(browser: Browser) -> None:
    asked = read_rows(Path(__file__).parents[1] / "benchmarks/results/alliance-quotes")
    shown = browser.new_page(viewport={"width": 1280, "height": 1000})
    shown.set_content(report(asked, title="alliance", about={}))
    assert shown.locator("td.n").count() > 50
    broken = """() => [...document.querySelectorAll('td.n')].filter((cell) => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return new Set([...range.getClientRects()].map((box) => box.top)).size > 1;
    }).length"""
    assert shown.evaluate(broken) == 0
    shown.close()


def test_the_command_writes_a_page(tmp_path: Path) -> None:
    import json

    lines = [json.dumps(row.to_json(), ensure_ascii=False) for row in ROWS]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = CliRunner().invoke(evaluate, ["report", str(tmp_path)], standalone_mode=False)
    assert result.return_value == 0
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!doctype html>")
