"""Datasets: the project's own form, the importers on real files, and errors that name the line."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from konkyo.eval.formats.beir import load_beir
from konkyo.eval.formats.jsonl import load_jsonl
from konkyo.eval.formats.load import load
from konkyo.eval.formats.rgb import load_rgb
from konkyo.eval.formats.squad import load_squad
from konkyo.eval.questions import KINDS, Dataset, Gold, Question, without_gold
from konkyo.index.errors import DatasetError, UsageError
from konkyo.index.records import Article
from konkyo.rag.conversation import Turn
from konkyo.ui.cli.eval_options import chosen_questions

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("KONKYO_SHARED", ROOT.parent / "shared")) / "data"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"the benchmark data are not at {DATA} (set KONKYO_SHARED)"
)

GOOD = {
    "id": "a",
    "question": "いつ？",
    "language": "ja",
    "kind": "followup",
    "answerable": True,
    "answers": ["2月9日"],
    "all_of": [["9日", "the 9th"]],
    "gold": [{"article": "x.md", "quote": "2月9日に"}],
    "history": [{"question": "何？", "answer": "会談"}],
}


def write(path: Path, *rows: object) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_the_own_form_is_read_whole(tmp_path: Path) -> None:
    dataset = load(write(tmp_path / "set.jsonl", GOOD, "", {**GOOD, "id": "b"}))
    first = dataset.questions[0]
    assert (dataset.name, len(dataset.questions), dataset.articles) == ("set", 2, ())
    assert first.answers == ("2月9日",)
    assert first.all_of == (("9日", "the 9th"),)
    assert first.gold == (Gold("x.md", "2月9日に"),)
    assert first.history == (Turn("何？", "会談"),)


def test_a_line_separator_inside_a_text_ends_no_line(tmp_path: Path) -> None:
    row = json.dumps({**GOOD, "note": "a\u2028b\u0085c"}, ensure_ascii=False)
    assert load(write(tmp_path / "set.jsonl", row)).questions[0].note == "a\u2028b\u0085c"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", r"set\.jsonl:2: not JSON at column"),
        ("[1]", r"set\.jsonl:2: expected an object"),
        ({**GOOD, "id": "first"}, r"set\.jsonl:2: id 'first' is used on line 1"),
        ({**GOOD, "id": ""}, r"set\.jsonl:2: 'id' must be a text"),
        ({**GOOD, "kind": "guess"}, r"set\.jsonl:2: kind is 'guess'; it must be one of fact"),
        ({**GOOD, "answerable": "yes"}, r"set\.jsonl:2: 'answerable' must be true or false"),
        ({**GOOD, "answers": "x"}, r"set\.jsonl:2: 'answers' must be a list"),
        ({**GOOD, "answers": [""]}, r"set\.jsonl:2: 'answers' must hold texts"),
        ({**GOOD, "answers": [], "all_of": []}, r"set\.jsonl:2: an answerable question needs"),
        ({**GOOD, "all_of": [[]]}, r"set\.jsonl:2: a group of 'all_of' is empty"),
        ({**GOOD, "gold": [{"quote": "x"}]}, r"set\.jsonl:2: 'article' must be a text"),
        ({**GOOD, "anwser": 1}, r"set\.jsonl:2: unknown field 'anwser'"),
        ({**GOOD, "note": 3}, r"set\.jsonl:2: 'note' must be a text"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, row: object, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load_jsonl(write(tmp_path / "set.jsonl", {**GOOD, "id": "first"}, row))


def test_a_missing_or_empty_or_foreign_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no such file"):
        load(tmp_path / "none.jsonl")
    with pytest.raises(DatasetError, match="no question in it"):
        load(write(tmp_path / "empty.jsonl"))
    (tmp_path / "sjis.jsonl").write_bytes("質問".encode("shift_jis"))
    with pytest.raises(DatasetError, match="not UTF-8 at byte 0"):
        load(tmp_path / "sjis.jsonl")
    with pytest.raises(UsageError, match="unknown dataset form 'xml'"):
        load(write(tmp_path / "a.jsonl", GOOD), form="xml")


def test_the_shipped_set_is_well_formed() -> None:
    dataset = load(ROOT / "eval" / "datasets" / "alliance.jsonl")
    assert len(dataset.questions) >= 60
    assert {q.kind for q in dataset.questions} <= set(KINDS)


def test_the_injected_set_brings_its_articles_and_its_baits() -> None:
    dataset = load(ROOT / "eval" / "datasets" / "injected.jsonl")
    texts = {a.source: a.text for a in dataset.articles}
    assert {q.language for q in dataset.questions} == {"ja", "en", "ko", "zh"}
    for question in dataset.questions:
        assert question.kind == "injected"
        assert question.forbidden, question.id
        for gold in question.gold:
            assert gold.quote in texts[gold.article]
            baits = [b for b in question.forbidden if b in texts[gold.article]]
            assert baits, question.id
            assert not any(b in gold.quote for b in question.forbidden)


def test_articles_beside_a_set_are_located_when_broken(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", GOOD)
    write(tmp_path / "a.articles.jsonl", {"name": "x.md", "title": "T", "language": "en"})
    with pytest.raises(DatasetError, match=r"a\.articles\.jsonl:1: 'text' must be"):
        load(path)


# ---- importers on the publishers' files ------------------------------------------------------


@needs_data
def test_jsquad_gives_its_paragraphs_without_titles() -> None:
    dataset = load(DATA / "jsquad-valid-v1.3.json")
    assert (len(dataset.questions), len(dataset.articles)) == (4442, 1145)
    assert not any("[SEP]" in a.text or "[SEP]" in a.title for a in dataset.articles)
    texts = {a.article_id: a.title + a.text for a in dataset.articles}
    held = [any(x in texts[q.gold[0].article] for x in q.answers) for q in dataset.questions]
    assert sum(held) > 0.999 * len(held)
    assert {q.language for q in dataset.questions} == {"ja"}


@needs_data
@pytest.mark.parametrize("language", ["en", "zh", "es", "de", "ru", "th", "ar", "tr"])
def test_xquad_in_every_language(language: str) -> None:
    dataset = load(DATA / f"xquad.{language}.json")
    assert (len(dataset.questions), len(dataset.articles)) == (1190, 240)
    assert {q.language for q in dataset.questions} == {language}
    texts = {a.article_id: a.text for a in dataset.articles}
    assert all(q.answers[0] in texts[q.gold[0].article] for q in dataset.questions)


@needs_data
def test_jaquad_train_is_read_compressed() -> None:
    dataset = load(DATA / "jaquad-train-0.1.0.json.xz")
    assert (dataset.name, len(dataset.questions)) == ("jaquad-train-0.1.0", 31748)


@needs_data
def test_the_same_questions_without_their_paragraphs() -> None:
    dataset = load(DATA / "jsquad-valid-v1.3.json")
    able, absent = without_gold(dataset, 200, seed=7)
    assert [f"{q.id}#absent" for q in able.questions] == [q.id for q in absent.questions]
    assert able.articles == dataset.articles
    gone = {g.article for q in able.questions for g in q.gold}
    assert {a.article_id for a in absent.articles} == {
        a.article_id for a in dataset.articles
    } - gone
    assert not any(q.answerable or q.answers for q in absent.questions)
    assert without_gold(dataset, 200, seed=7) == (able, absent)
    assert without_gold(dataset, 200, seed=8)[0] != able
    with pytest.raises(UsageError, match="has 4442 answerable questions"):
        without_gold(dataset, 5000)


@pytest.mark.parametrize("name", ["news-dev", "injected"])
def test_articles_that_gold_names_by_their_source_are_taken_away(name: str) -> None:
    dataset = load(Path(name))
    able, absent = without_gold(dataset, 5, seed=2)
    gone = {g.article for q in able.questions for g in q.gold}
    assert gone
    assert not gone & {a.source for a in absent.articles}
    assert len(absent.articles) == len(dataset.articles) - len(gone)


def test_a_set_whose_articles_are_no_gold_is_not_asked_without_them() -> None:
    dataset = load(Path("injected"))
    foreign = replace(dataset, articles=(Article("x", "x", "x", "ja", "x.md"),))
    with pytest.raises(UsageError, match="no article is named by the gold"):
        without_gold(foreign, 2)
    # A set that is asked of a store built elsewhere brings no articles to take away.
    assert without_gold(replace(dataset, articles=()), 2)[1].articles == ()


def test_an_answer_left_in_another_article_of_the_title_is_noted() -> None:
    articles = (
        Article("1", "Port", "It opened in 1999.", "en", "one.md"),
        Article("2", "Port", "Opened in 1999, it grew.", "en", "two.md"),
    )
    asked = Question("q", "When?", "en", "fact", True, ("1999",), gold=(Gold("one.md"),))
    absent = without_gold(Dataset("own", (asked,), articles), 1)[1]
    assert absent.articles == articles[1:]
    assert absent.questions[0].note == (
        "an answer still stands in 1 other articles of the same title"
    )


@pytest.mark.parametrize(
    "other", [{"language": "en"}, {"published": "2026-01-01"}, {"source": "b.md"}, {"outlet": "x"}]
)
def test_the_fingerprint_changes_with_all_that_is_said_of_an_article(other: dict[str, str]) -> None:
    article = Article("1", "t", "x", "ja", "a.md")
    changed = replace(article, **other)  # type: ignore[arg-type]
    assert Dataset("a", (), (article,)).fingerprint != Dataset("a", (), (changed,)).fingerprint


def test_squad_two_marks_the_impossible(tmp_path: Path) -> None:
    qas = [
        {"id": "1", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 0}]},
        {"id": "2", "question": "Whose?", "answers": [], "is_impossible": True},
    ]
    path = tmp_path / "v2.json"
    path.write_text(
        json.dumps({"data": [{"title": "A_b", "paragraphs": [{"context": "Ann.", "qas": qas}]}]})
    )
    dataset = load(path)
    assert [(q.answerable, q.kind) for q in dataset.questions] == [
        (True, "fact"),
        (False, "absent"),
    ]
    assert dataset.articles[0].title == "A b"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{\n  oops", r"bad\.json:2: not JSON"),
        ('{"data": 3}', r"'data' must be a list"),
        ('{"data": [{"paragraphs": [{}]}]}', r"data\[0\]\.paragraphs\[0\]: 'context' must be"),
        (
            '{"data": [{"paragraphs": [{"context": "x", "qas": [{"id": "1"}]}]}]}',
            r"data\[0\]\.paragraphs\[0\]\.qas\[0\]: 'question' must be",
        ),
    ],
)
def test_a_broken_squad_file_is_located(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(DatasetError, match=message):
        load_squad(tmp_path / "bad.json")


def beir(folder: Path, qrels: str) -> Path:
    (folder / "qrels").mkdir(parents=True)
    write(
        folder / "corpus.jsonl",
        {"_id": "d1", "title": "T", "text": "one"},
        {"_id": "d2", "title": "", "text": "two"},
    )
    write(
        folder / "queries.jsonl", {"_id": "q1", "text": "which"}, {"_id": "q2", "text": "unjudged"}
    )
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + qrels)
    return folder


def test_a_beir_folder(tmp_path: Path) -> None:
    dataset = load(beir(tmp_path / "set", "q1\td2\t1\nq1\td1\t0\n"))
    assert [(q.id, q.gold[0].article) for q in dataset.questions] == [
        ("q1", dataset.articles[1].article_id)
    ]


@pytest.mark.parametrize(
    ("qrels", "message"),
    [("q1 d1 1\n", r"test\.tsv:2: expected"), ("q1\td9\t1\n", r"test\.tsv:2: 'd9' is not in")],
)
def test_bad_judgements_are_located(tmp_path: Path, qrels: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        load_beir(beir(tmp_path / "set", qrels))


RGB = {
    "id": 4,
    "query": "Who won?",
    "answer": [["Ann", "Anne"], ["Bob"]],
    "fakeanswer": "Zed",
    "positive": ["Ann and Bob won.", "They won."],
    "positive_wrong": ["Zed won."],
    "negative": ["Rain.", "Snow.", "Sun.", "Fog.", "Hail."],
}


def test_rgb_mixes_noise_in(tmp_path: Path) -> None:
    path = write(tmp_path / "en.json", RGB, {**RGB, "id": 5, "answer": "Ann"})
    dataset = load(path)
    assert dataset.questions[0].all_of == (("Ann", "Anne"), ("Bob",))
    assert dataset.questions[1].answers == ("Ann",)
    assert {a.text for a in dataset.articles} == {"Rain.", "Snow.", *RGB["positive"]}  # type: ignore[misc]
    refuse = load_rgb(path, noise=1.0)
    assert not any(q.answerable or q.answers for q in refuse.questions)
    assert len(refuse.articles) == 5
    wrong = load_rgb(path, counterfactual=True)
    assert wrong.questions[0].answers == ("Zed",)
    assert load(path, noise=1.0) == refuse
    assert load(path, counterfactual=True) == wrong
    with pytest.raises(UsageError, match="RGB's form only"):
        load(write(tmp_path / "own.jsonl", GOOD), noise=0.5)
    with pytest.raises(UsageError, match="noise share"):
        load_rgb(path, noise=2)
    with pytest.raises(DatasetError, match=r"bad\.jsonl:1: there is no answer"):
        load_rgb(write(tmp_path / "bad.jsonl", {**RGB, "answer": None}))


def test_a_table(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(
        "question,answers,article,quote\n"
        '"When, and\nwhere?",May 7|7 May,a.md,on May 7\n'
        "Who lost?,,,\n",
        encoding="utf-8-sig",
    )
    first, second = load(path).questions
    assert (first.id, first.question, first.answers) == (
        "1",
        "When, and\nwhere?",
        ("May 7", "7 May"),
    )
    assert (second.answerable, second.kind) == (False, "absent")
    path.write_text("question,answers\n,x\n")
    with pytest.raises(DatasetError, match=r"own\.csv:2: the question is empty"):
        load(path)
    path.write_text("q,a\n")
    with pytest.raises(DatasetError, match=r"own\.csv:1: the header line lacks answers, question"):
        load(path)


@pytest.mark.parametrize("mark", ["\u2028", "\u0085", "\f"])
def test_only_a_line_end_ends_a_row_of_a_table(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "own.csv"
    path.write_text(f"question,answers\nWho{mark}won?,Ada{mark}B.\nWho lost?,\n", "utf-8")
    first, second = load(path).questions
    assert (first.question, first.answers) == (f"Who{mark}won?", (f"Ada{mark}B.",))
    assert second.question == "Who lost?"


def test_questions_are_drawn_by_chance_and_keep_their_order(tmp_path: Path) -> None:
    rows = [{**GOOD, "id": f"q{n:02}", "kind": "fact" if n % 2 else "why"} for n in range(40)]
    whole = load(write(tmp_path / "set.jsonl", *rows))
    drawn = [q.id for q in chosen_questions(whole, None, (), 10, seed=1).questions]
    again = [q.id for q in chosen_questions(whole, None, (), 10, seed=1).questions]
    other = [q.id for q in chosen_questions(whole, None, (), 10, seed=2).questions]
    assert drawn == again == sorted(drawn) != other
    assert drawn != [q.id for q in whole.questions[:10]]
    why = chosen_questions(whole, None, ("why",), 10, seed=1).questions
    assert len(why) == 10
    assert {q.kind for q in why} == {"why"}
    assert chosen_questions(whole, None, (), 100).questions == whole.questions
