"""The seed articles and the question sets: complete, quoted word for word, in our own words."""

from __future__ import annotations

import os
import re
from collections import Counter
from datetime import date
from functools import cache
from pathlib import Path

import frontmatter
import pytest

from konkyo.eval.answer_match import holds
from konkyo.eval.formats.jsonl import load_jsonl
from konkyo.eval.questions import KINDS, Question
from konkyo.index.ingest.articles import to_articles
from konkyo.index.ingest.sources import Listing, expand
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.types import EvidenceReady, Finished, Refusal

ROOT = Path(__file__).resolve().parents[1]
SEEDS = ROOT / "seeds"
DATASETS = ROOT / "eval" / "datasets"
SHARED = Path(os.environ.get("KONKYO_SHARED", ROOT.parent / "shared")) / "seeds"
LANGUAGES = ("ja", "en", "ko", "zh")
# Names of offices, ships and meetings run on; a copied sentence is longer than any of them.
LONGEST_COMMON_RUN = 25
# What an answer leaves to the reader: "before", a name out of two.
NOT_IN_QUOTE = {"comparison", "cross"}


@cache
def articles() -> dict[str, frontmatter.Post]:
    return {p.name: frontmatter.load(str(p)) for p in sorted(SEEDS.glob("2*.md"))}


@cache
def alliance() -> tuple[Question, ...]:
    return load_jsonl(DATASETS / "alliance.jsonl").questions


@cache
def shared_questions() -> tuple[Question, ...]:
    return load_jsonl(DATASETS / "shared-pages.jsonl").questions


@cache
def asked(corpus: str) -> tuple[Question, ...]:
    """What askers would say, whatever it is: no part of any other set."""
    return load_jsonl(DATASETS / f"asked-{corpus}.jsonl").questions


@pytest.fixture(scope="module")
def pages() -> str:
    files = sorted(SHARED.glob("*.txt"))
    if not files:
        pytest.skip(f"the two saved pages are not in {SHARED}; KONKYO_SHARED names their folder")
    return "\n".join(p.read_text(encoding="utf-8") for p in files)


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def longest_common_run(text: str, other: str) -> str:
    best = ""
    for i in range(len(text)):
        while text[i : i + len(best) + 1] in other and i + len(best) < len(text):
            best = text[i : i + len(best) + 1]
    return best


# ---- articles -----------------------------------------------------------------------------


def test_there_are_enough_articles_about_half_of_them_japanese():
    counts = Counter(str(a["language"]) for a in articles().values())
    assert len(articles()) >= 24
    assert set(counts) == set(LANGUAGES)
    assert 0.4 <= counts["ja"] / len(articles()) <= 0.6
    assert min(counts.values()) >= 4


def test_front_matter_is_complete():
    for name, article in articles().items():
        assert str(article["title"]).strip(), name
        assert str(article["outlet"]).strip(), name
        assert article["licence"] == "CC0-1.0", name
        assert date.fromisoformat(str(article["published"])).isoformat() == name[:10], name
        assert article["language"] == name[11:13], name
        assert ("source_url" in article) != ("source_note" in article), name
        if "source_url" in article:
            assert str(article["source_url"]).startswith("https://"), name


def test_the_index_reads_the_same_articles_and_nothing_else():
    found = list(expand([str(SEEDS)]))
    read = {Path(f.source).name: to_articles(f.read()) for f in found if isinstance(f, Listing)}
    assert {n: len(a) for n, a in read.items()} == dict.fromkeys(articles(), 1)
    for name, (article,) in read.items():
        post = articles()[name]
        assert article.text == post.content, name
        stated = (post["title"], post["published"], post["language"], post["outlet"])
        assert (article.title, article.published, article.language, article.outlet) == stated


def test_titles_differ():
    titles = Counter(str(a["title"]) for a in articles().values())
    assert [t for t, n in titles.items() if n > 1] == []


def test_bodies_are_plain_paragraphs_of_news_length():
    for name, article in articles().items():
        body = article.content
        assert not re.search(r"[*`#<>\[\]_|]|^\s*[-+] ", body, re.MULTILINE), name
        assert 3 <= len(body.split("\n\n")) <= 6, name
        size = len(body.split()) if name[11:13] == "en" else len(squeezed(body))
        low, high = (120, 300) if name[11:13] == "en" else (200, 700)
        assert low <= size <= high, (name, size)


def test_one_figure_stands_in_several_notations_and_a_planted_one_disagrees():
    text = {n: a.content for n, a in articles().items()}
    for notation in (
        "5500億ドル",
        "$550 billion",
        "5500억 달러",
        "5500亿美元",
        "84兆円",
        "84 trillion yen",
    ):
        assert any(notation in t for t in text.values()), notation
    noted = {n: str(a["note"]) for n, a in articles().items() if "note" in a}
    assert len(noted) >= 2
    for name, note in noted.items():
        assert note.startswith("deliberately disagrees with "), name
        assert f"{note.split()[3]}.md" in text, name
    assert "170 Japanese" in text["2026-01-04-en-venezuela.md"]
    assert "約160人" in text["2026-01-04-ja-venezuela-nationals.md"]


def test_no_sentence_is_copied_from_the_pages(pages: str):
    source = squeezed(pages)
    for name, article in articles().items():
        for sentence in re.split(r"(?<=[。！？!?])|(?<=\.)\s|\n", article.content):
            words = squeezed(sentence)
            assert len(words) < 20 or words not in source, (name, sentence)


def test_no_long_run_of_words_is_copied_from_the_pages(pages: str):
    source = squeezed(pages)
    for name, article in articles().items():
        run = longest_common_run(squeezed(article.content), source)
        assert len(run) < LONGEST_COMMON_RUN, (name, run)


# ---- questions over the seed articles -----------------------------------------------------


def test_there_are_enough_questions_of_every_kind_and_language():
    questions = alliance()
    assert len(questions) >= 150
    kinds = Counter(q.kind for q in questions)
    assert set(kinds) <= set(KINDS)
    assert len(kinds) == 12
    assert min(kinds.values()) >= 5
    languages = Counter(q.language for q in questions)
    assert set(languages) == set(LANGUAGES)
    assert 0.4 <= languages["ja"] / len(questions) <= 0.5
    assert min(languages.values()) >= 0.12 * len(questions)


def test_about_a_third_cannot_be_answered():
    for questions in (alliance(), shared_questions()):
        share = sum(not q.answerable for q in questions) / len(questions)
        assert 0.2 <= share <= 0.4


def test_ids_and_questions_are_unique_and_ids_say_language_and_kind():
    for questions in (alliance(), shared_questions()):
        assert len({q.id for q in questions}) == len(questions)
        asked = Counter((q.question, q.history) for q in questions)
        assert [k for k, n in asked.items() if n > 1] == []
        for q in questions:
            assert re.fullmatch(rf"{q.language}-{q.kind}-\d{{3}}", q.id), q.id


def test_every_gold_quote_is_in_its_article_word_for_word():
    for q in alliance():
        for gold in q.gold:
            assert gold.quote, q.id
            assert gold.quote in articles()[gold.article].content, (q.id, gold)


def test_answerable_means_answers_and_gold():
    for q in (*alliance(), *shared_questions()):
        assert q.answerable == (q.kind not in {"absent", "premise"}), q.id
        if q.answerable:
            assert q.gold, q.id
            assert q.answers or q.all_of, q.id
        else:
            assert not q.answers, q.id
            assert not q.all_of, q.id
        assert (q.premise_truth is not None) == (q.kind == "premise"), q.id
        if q.kind == "absent":
            assert not q.gold, q.id
        assert bool(q.history) == (q.kind == "followup"), q.id


def test_what_the_key_accepts_stands_in_the_gold_quotes():
    for q in (*alliance(), *shared_questions()):
        if q.kind in NOT_IN_QUOTE:
            continue
        groups = ([q.answers] if q.answers else []) + list(q.all_of)
        for group in groups:
            assert any(holds(g.quote, a) for a in group for g in q.gold), (q.id, group)


def test_the_kinds_mean_what_they_say():
    for q in alliance():
        languages = {g.article[11:13] for g in q.gold}
        if q.kind == "cross":
            assert q.language not in languages, q.id
        elif q.answerable:
            assert q.language in languages, q.id
        if q.kind == "several":
            assert len({g.article for g in q.gold}) >= 2, q.id
        if q.kind == "conflict":
            assert len({g.article for g in q.gold}) >= 2, q.id
            assert len(q.all_of) >= 2, q.id


def test_questions_do_not_copy_the_articles():
    bodies = [squeezed(a.content) for a in articles().values()]
    for q in alliance():
        asked = squeezed(q.question)
        limit = 40 if q.language == "en" else 20
        for body in bodies:
            run = longest_common_run(asked, body)
            assert len(run) < limit, (q.id, run)


# ---- questions over the two saved pages ---------------------------------------------------


def test_the_questions_over_the_pages_are_ten_and_more():
    answerable = [q for q in shared_questions() if q.answerable]
    assert len(answerable) >= 10
    assert {q.language for q in answerable} == set(LANGUAGES)


def test_gold_quotes_of_the_pages_are_short_and_verbatim(pages: str):
    for q in shared_questions():
        for gold in q.gold:
            assert 0 < len(gold.quote) <= 25, (q.id, gold)
            assert gold.quote in pages, (q.id, gold)
            assert gold.article in pages, (q.id, gold)


# ---- what askers say, over the seed articles and the pages -----------------------------------


def test_askers_say_things_of_every_kind_in_four_languages():
    every = {*KINDS} - {"fact", "place", "quote", "injected"}
    assert (len(asked("seeds")), len(asked("pages"))) == (60, 40)
    assert {q.kind for q in (*asked("seeds"), *asked("pages"))} == every
    for corpus in ("seeds", "pages"):
        assert {q.language for q in asked(corpus)} == set(LANGUAGES)
        assert len({q.id for q in asked(corpus)}) == len(asked(corpus))
        for q in asked(corpus):
            assert re.fullmatch(rf"{q.language}-{q.kind}-\d{{3}}", q.id), q.id
            assert q.answerable == (q.kind not in {"absent", "premise", "reply"}), q.id
            assert (q.premise_truth is not None) == (q.kind == "premise"), q.id
            assert bool(q.history) == (q.kind == "followup"), q.id
            assert bool(q.gold) or q.kind in {"absent", "reply", "summary"}, q.id


def test_what_askers_say_is_in_no_other_set():
    others = {squeezed(q.question) for q in (*alliance(), *shared_questions()) if not q.history}
    for q in (*asked("seeds"), *asked("pages")):
        assert squeezed(q.question) not in others, q.id


def test_gold_quotes_of_what_askers_say_are_verbatim(pages: str):
    for q in asked("seeds"):
        for gold in q.gold:
            assert gold.quote in articles()[gold.article].content, (q.id, gold)
    for q in asked("pages"):
        for gold in q.gold:
            assert 0 < len(gold.quote) <= 25, (q.id, gold)
            assert gold.quote in pages, (q.id, gold)
            assert gold.article in pages, (q.id, gold)


def test_what_is_accepted_of_askers_stands_in_the_gold_quotes():
    for q in (*asked("seeds"), *asked("pages")):
        if q.kind in {"comparison", "cross", "summary", "reply"}:
            continue
        for group in [*([q.answers] if q.answers else []), *q.all_of]:
            assert any(holds(g.quote, a) for a in group for g in q.gold), (q.id, group)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_refusal_tells_no_quote_as_likely_before(seed_pipeline: Pipeline, language: str) -> None:
    unanswered = [q for q in alliance() if q.language == language and not q.answerable]
    told: dict[str, list[bool]] = {}
    for q in unanswered[:8]:
        *before, last = seed_pipeline.stream(q.question, today=date(2026, 2, 10))
        assert isinstance(last, Finished)
        if isinstance(last.outcome, Refusal):
            told[q.question] = [e.likely for e in before if isinstance(e, EvidenceReady)]
    assert len(told) >= 4
    # There are quotes to show, and none is expected to answer.
    assert any(told.values())
    assert {question: likely for question, likely in told.items() if any(likely)} == {}
