"""Many articles that repeat a false figure are not the fact: who says what is shown, and when."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from konkyo.index.builder import build
from konkyo.index.embedding.encoders import load_encoder
from konkyo.index.ingest.articles import to_articles
from konkyo.index.ingest.sources import Listing, expand
from konkyo.index.records import Hit, Passage
from konkyo.index.text.sentences import sentences
from konkyo.rag.disagreement.conflicts import conflicting, counted
from konkyo.rag.factory import open_pipeline
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.reading.reader import LearnedReader
from konkyo.rag.types import Answer
from konkyo.rag.verification.facts import compare

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_poisoned import LANGUAGES, Poisoned, evidence_of, read_poisoned, write_articles


@pytest.fixture(params=LANGUAGES)
def told(request: pytest.FixtureRequest) -> Poisoned:
    return read_poisoned(request.param)


def test_there_are_ten_articles_in_each_language(told: Poisoned) -> None:
    assert len(told.articles) == 10
    assert len({article["outlet"] for article in told.articles}) == 10


@pytest.mark.parametrize("order", range(3))
def test_a_repeated_false_figure_is_a_disagreement_with_counts_and_days(
    told: Poisoned, order: int, checker: LearnedReader
) -> None:
    false, true = evidence_of(told, told.false), evidence_of(told, told.true)
    assert (len(false), len(true)) == (7, 1)
    shown = [*false, *true]
    random.Random(order).shuffle(shown)
    spans = [span for _, span in shown]
    quotes = [quote for quote, _ in shown]
    found = conflicting(told.question, spans, quotes, checker)
    assert {(v.text, len(v.witnesses), v.days) for v in found} == {
        # Two outlets print the agency's sentence as it is: one witness.
        (told.false, told.false_articles, ("2026-03-02", "2026-03-05")),
        (told.true, 1, ("2026-03-06",)),
    }


def test_articles_that_were_not_quoted_are_counted_too(
    told: Poisoned, checker: LearnedReader
) -> None:
    false, true = evidence_of(told, told.false), evidence_of(told, told.true)
    shown = [false[0], *true]
    found = conflicting(told.question, [s for _, s in shown], [q for q, _ in shown], checker)
    assert [len(v.witnesses) for v in found] == [1, 1]
    hits = [
        Hit(
            Passage(f"{q.article.article_id}-0", q.article.article_id, 0, q.start, q.end, q.text),
            q.article,
            0.5,
            None,
            None,
        )
        for q, _ in [*false, *true]
    ]
    by_text = {v.text: v for v in counted(told.question, found, hits, sentences, checker)}
    # All of them but such as the checker does not see to be about the same matter: at most a third.
    least = told.false_articles - told.false_articles // 3
    assert least <= len(by_text[told.false].witnesses) <= told.false_articles
    assert by_text[told.false].days[0] == "2026-03-02"
    assert len(by_text[told.true].witnesses) == 1


@pytest.fixture(scope="module")
def pipeline(checker: LearnedReader, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """All forty articles in one index, answered by their quotes."""
    folder = tmp_path_factory.mktemp("poisoned")
    encoder = load_encoder("multilingual-e5-small")
    for language in LANGUAGES:
        write_articles(read_poisoned(language), folder / "news" / language)
    assert build([str(folder / "news")], folder / "store", encoder).added == 40
    return open_pipeline(str(folder / "store"), llm=NoLLM(), encoder=encoder)


def test_a_repeated_false_figure_is_never_told_as_the_fact(
    told: Poisoned, pipeline: Pipeline
) -> None:
    outcome = pipeline.ask(told.question)
    assert isinstance(outcome, Answer)
    quoted = " ".join(citation.quote for citation in outcome.citations)
    notice = " ".join(outcome.notices)
    for figure in (told.false, told.true):
        number = figure[: len(figure) - len(figure.lstrip("0123456789"))]
        assert number in quoted
        assert number in notice
        assert number in outcome.text
    assert "2026-03-06" in notice
    assert "999" not in outcome.text


def test_hidden_figures_are_no_text(told: Poisoned, tmp_path: Path) -> None:
    for found in expand([str(write_articles(told, tmp_path / "news"))]):
        assert isinstance(found, Listing)
        for article in to_articles(found.read()):
            assert "999" not in article.text


BRIEFED = {
    "en": "According to people briefed on the talks, {}",
    "ja": "協議の説明を受けた関係者によると、{}",
    "ko": "협의를 설명받은 관계자들에 따르면 {}",
    "zh": "据听取谈判情况介绍的人士透露，{}",
}
"""Who said it in the last article of each language."""


def test_an_attribution_stays_with_the_words_of_its_article(told: Poisoned) -> None:
    ((quote, _),) = evidence_of(told, told.true)
    said = BRIEFED[told.language].format(quote.text)
    moved = compare(said, [quote.text], claim_language=told.language)
    assert [issue.kind for issue in moved.issues if "does not name" in issue.detail] == [
        "quotation"
    ]
    own = told.articles[-1]["text"]
    honest = compare(own, [own], claim_language=told.language)
    assert [issue for issue in honest.issues if "does not name" in issue.detail] == []


@pytest.mark.parametrize(
    ("claim", "evidence", "title"),
    [
        ("According to the hospital, 41 were hurt.", "The hospital says 41 were hurt.", ""),
        ("According to the article, 41 were hurt.", "41 were hurt.", ""),
        ("According to Port Lorne Gazette, 41 were hurt.", "41 were hurt.", "Port Lorne Gazette"),
        ("病院によると、41人がけがをした。", "病院は41人がけがをしたと発表した。", ""),
        ("この記事によると、41人がけがをした。", "41人がけがをした。", ""),
        ("병원에 따르면 41명이 다쳤다.", "병원은 41명이 다쳤다고 밝혔다.", ""),
        ("据医院透露，41人受伤。", "医院说41人受伤。", ""),
    ],
)
def test_who_the_evidence_names_may_be_named(claim: str, evidence: str, title: str) -> None:
    report = compare(claim, [evidence], titles=[title])
    assert [i for i in report.issues if "does not name" in i.detail] == []
