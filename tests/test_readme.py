"""What the README offers to try is answered as it says, over the seed articles, by quotes alone."""

from __future__ import annotations

import re
from datetime import date
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


@pytest.mark.parametrize(
    ("question", "few", "many"),
    [
        ("How many Japanese nationals are in Venezuela?", "160", "170"),
        ("ベネズエラに滞在している日本人は何人ですか。", "160人", "170人"),
        ("베네수엘라에 있는 일본인은 몇 명인가요?", "160명", "170명"),
        ("委内瑞拉有多少日本人？", "160名", "170人"),
    ],
)
def test_both_figures_of_a_disagreement_are_told_with_their_sources(
    seed_pipeline: Pipeline, question: str, few: str, many: str
) -> None:
    outcome = seed_pipeline.ask(question, today=date(2026, 2, 10))
    assert isinstance(outcome, Answer)
    assert outcome.short is not None
    assert few in outcome.short.text
    assert many in outcome.short.text
    (told,) = (n for n in outcome.notices if few in n and many in n)
    sides = sorted(part for part in re.split("[;；]", told))
    (of_many,) = (side for side in sides if many in side)
    (of_few,) = (side for side in sides if few in side)
    assert re.search(r"Pacific Ledger\W+2026-01-04", of_many)
    for outlet, day in (
        ("暁新聞", "2026-01-04"),
        ("근거신문", "2026-01-05"),
        ("根据日报", "2026-01-05"),
    ):
        assert re.search(rf"{outlet}\W+{day}", of_few)
    cited = {c.outlet for c in outcome.citations}
    assert "Pacific Ledger" in cited
    assert cited & {"暁新聞", "근거신문", "根据日报"}
