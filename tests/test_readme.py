"""What the README offers to try is answered as it says, over the seed articles, by quotes alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from konkyo.rag.pipeline import Pipeline
from konkyo.rag.types import Answer, Refusal

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
ROWS = re.findall(r"^\| (.+[?？。]) \| .*?\*\*(.+?)\*\*", README, re.MULTILINE)


def test_the_readme_is_one_page_and_offers_five_things() -> None:
    assert len(README.splitlines()) <= 60
    assert len(ROWS) == 5


@pytest.mark.parametrize(("question", "told"), ROWS)
def test_a_question_of_the_readme_gets_what_it_says(
    seed_pipeline: Pipeline, question: str, told: str
) -> None:
    outcome = seed_pipeline.ask(question)
    if told == "a refusal":
        assert isinstance(outcome, Refusal)
        assert outcome.related
    else:
        assert isinstance(outcome, Answer)
        assert told in outcome.text
