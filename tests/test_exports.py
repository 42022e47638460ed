"""A conversation as Markdown means what it said, whatever articles and readers wrote."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import FakeReader

from konkyo.ui.web.export import as_json, as_markdown
from konkyo.ui.web.turns import Turn, advance


def turn(question: str, number: int = 1) -> Turn:
    made = Turn(number, question)
    for event in FakeReader(0).stream(question):
        made = advance(made, event)
    return made


def test_sentences_cite_and_sources_carry_quotes_and_links() -> None:
    text = as_markdown([turn("How much?"), turn("What is the weather?", 2)], "en")
    lines = text.splitlines()
    assert lines[0] == "## How much?"
    assert "Japan agreed to invest 550 billion dollars in the United States.[^1-1]" in lines
    assert sum(line.startswith("[^1-") for line in lines) == 3
    assert "*The articles do not say.*" in lines
    assert "500 companies" not in text


def test_a_turn_without_an_outcome_is_left_out() -> None:
    assert as_markdown([Turn(1, "waiting")], "en") == ""
    assert (
        json.loads(as_json([Turn(1, "waiting"), turn("How much?", 2)]))[0]["status"] == "answered"
    )


@pytest.mark.parametrize(
    ("question", "written"),
    [
        ("# a heading", r"\# a heading"),
        ("1. a list", r"1\. a list"),
        ("- a list", r"\- a list"),
        ("<b>x</b>", r"\<b\>x\</b\>"),
        ("![x](http://example.org)", r"\!\[x\](http://example.org)"),
        ("a\n\n# b", r"a \# b"),
        ("日本の対米投資は？", "日本の対米投資は？"),
    ],
)
def test_text_of_others_means_nothing_but_itself(question: str, written: str) -> None:
    assert as_markdown([turn(question)], "en").splitlines()[0] == f"## {written}"
