"""Evaluation with the real encoder, store, retrieval and pipeline; small enough for every run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from konkyo.eval.formats.load import load
from konkyo.eval.questions import Dataset
from konkyo.eval.retrieval import (
    asked_in,
    merged,
    rescored,
    search_paragraphs,
    titles_between,
    versions,
)
from konkyo.eval.run import read_rows
from konkyo.index.embedding.encoders import AnyEncoder
from konkyo.index.errors import ModelMissing, UsageError
from konkyo.index.stores.base import Store
from konkyo.ui.cli.eval import evaluate

ROOT = Path(__file__).resolve().parents[1]
SEEDS = ROOT / "seeds"
ALLIANCE = ROOT / "eval" / "datasets" / "alliance.jsonl"


@pytest.fixture(scope="module")
def real_encoder() -> AnyEncoder:
    from konkyo.index.embedding.encoders import load_encoder

    try:
        return load_encoder("multilingual-e5-small", threads=2)
    except ModelMissing as exc:
        pytest.skip(f"the embedding model is not here: {exc}")


@pytest.fixture(scope="module")
def seeds(real_encoder: AnyEncoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from konkyo.index.builder import build

    folder = tmp_path_factory.mktemp("seeds")
    build([str(SEEDS)], folder, real_encoder)
    return folder


def small(dataset: Dataset, titles: int = 3) -> Dataset:
    kept = list(dict.fromkeys(a.title for a in dataset.articles))[:titles]
    articles = tuple(a for a in dataset.articles if a.title in kept)
    ids = {a.article_id for a in articles}
    questions = tuple(q for q in dataset.questions if q.gold[0].article in ids)
    return Dataset(dataset.name, questions[::3][:40], articles)


@pytest.fixture(scope="module")
def english(shared: Path) -> Dataset:
    return small(load(shared / "data" / "xquad.en.json"))


@pytest.fixture(scope="module")
def store(
    english: Dataset, real_encoder: AnyEncoder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    from konkyo.eval.corpus import corpus_store
    from konkyo.index.stores.open import open_store

    cache = tmp_path_factory.mktemp("cache")
    told: list[tuple[int, int]] = []

    def build() -> Path:
        return corpus_store(
            english.articles,
            real_encoder,
            cache,
            budget=192,
            overlap=0,
            progress=lambda done, total: told.append((done, total)),
        )

    folder = build()
    assert told[-1][0] == told[-1][1] > 0
    told.clear()
    # The second time it is found in the cache.
    assert build() == folder
    assert told == []
    opened = open_store(folder)
    yield opened
    opened.close()


def test_the_store_holds_the_paragraphs(store: Store, english: Dataset) -> None:
    assert {a.article_id for a in store.articles()} == {a.article_id for a in english.articles}
    assert store.article(english.articles[0].article_id).text == english.articles[0].text


def test_a_smaller_store_takes_over_the_vectors(
    store: Store, real_encoder: AnyEncoder, english: Dataset, tmp_path: Path
) -> None:
    from konkyo.eval.corpus import corpus_store
    from konkyo.index.stores.open import open_store

    told: list[int] = []
    options = {"budget": 192, "overlap": 0}
    base = corpus_store(english.articles, real_encoder, tmp_path, **options)
    folder = corpus_store(
        english.articles[1:],
        real_encoder,
        tmp_path,
        **options,
        base=base,
        progress=lambda done, total: told.append(done),
    )
    smaller = open_store(folder)
    assert {a.article_id for a in smaller.articles()} == {
        a.article_id for a in english.articles[1:]
    }
    assert told == []
    smaller.close()


def test_every_arm_finds_paragraphs(
    store: Store, real_encoder: AnyEncoder, english: Dataset
) -> None:
    for arm in ("fused", "dense", "lexical"):
        found = search_paragraphs(store, real_encoder, english.questions, arm=arm)
        means = {str(m): value.value for m, value in found.means.items()}
        assert means["hit@1"] > 0.8
        assert means["hit@1"] <= means["MRR@10"] <= means["hit@10"]
        assert all(len(set(r)) == len(r) <= 10 for r in found.rankings.values())


def test_parallel_questions_find_the_same_paragraphs(
    store: Store, real_encoder: AnyEncoder, english: Dataset, shared: Path
) -> None:
    chinese = load(shared / "data" / "xquad.zh.json")
    asked = asked_in(english, chinese)
    assert [q.id for q in asked] == [
        q.id for q in chinese.questions if q.id in {e.id for e in english.questions}
    ]
    found = search_paragraphs(store, real_encoder, asked)
    assert next(iter(found.means.values())).value > 0.5
    # Judged against the Chinese paragraphs, which are not in the store, nothing is right.
    elsewhere = rescored(found, [q for q in chinese.questions if q.id in found.rankings])
    assert next(iter(elsewhere.means.values())).value == 0.0
    both = versions(asked, [chinese])
    assert rescored(found, both).means == found.means
    assert len(merged([english, chinese]).articles) == len(english.articles) + 240
    with pytest.raises(UsageError, match="share no question id"):
        asked_in(english, load(ALLIANCE))


def test_several_languages_are_searched_as_the_chat_searches_them(
    real_encoder: AnyEncoder, english: Dataset, shared: Path, tmp_path: Path
) -> None:
    from konkyo.eval.corpus import corpus_store
    from konkyo.index.stores.open import open_store
    from konkyo.rag.factory import open_retriever

    chinese = load(shared / "data" / "xquad.zh.json")
    both = merged([replace(english, articles=english.articles[:12]), chinese])
    few = replace(both, articles=both.articles[:24])
    folder = corpus_store(few.articles, real_encoder, tmp_path, budget=192, overlap=0)
    chat = open_retriever(str(folder), encoder=real_encoder)
    opened = open_store(folder)
    asked = english.questions[:8]
    found = search_paragraphs(opened, real_encoder, asked)
    for question in asked:
        hits = chat.retrieve(question.question, 40, language=question.language)
        ids = list(dict.fromkeys(hit.article.article_id for hit in hits))
        assert found.rankings[question.id] == tuple(ids[:10])
    opened.close()
    chat.store.close()


def test_a_range_of_titles(english: Dataset) -> None:
    first, rest = titles_between(english, 0, 1), titles_between(english, 1, 99)
    assert len(first) + len(rest) == len(english.questions)
    with pytest.raises(UsageError, match="none of 50:60"):
        titles_between(english, 50, 60)


def test_the_retrieval_command(
    tmp_path: Path, english: Dataset, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.loads((shared / "data" / "xquad.en.json").read_text("utf-8"))
    text["data"] = text["data"][:1]
    squad = tmp_path / "small.en.json"
    squad.write_text(json.dumps(text), encoding="utf-8")
    home_without_stores(tmp_path / "home", monkeypatch)
    arguments = ["retrieval", "--squad", str(squad), "--limit", "10", "--arms", "fused,lexical"]
    result = CliRunner().invoke(evaluate, [*arguments, "--json"], standalone_mode=False)
    assert result.exception is None
    value = json.loads(result.stdout)
    assert set(value["metrics"]) == {"hit@1", "hit@10", "mrr@10"}
    assert (value["n"], value["arm"], set(value["arms"])) == (10, "fused", {"fused", "lexical"})
    shown = CliRunner().invoke(evaluate, arguments, standalone_mode=False)
    assert "MRR@10" in shown.output


def test_a_small_real_run(seeds: Path, tmp_path: Path) -> None:
    lines = ALLIANCE.read_text("utf-8").splitlines()
    asked = tmp_path / "twenty.jsonl"
    asked.write_text("\n".join(lines[:: max(1, len(lines) // 20)][:20]) + "\n", encoding="utf-8")
    out = tmp_path / "out"
    arguments = ["run", str(asked), "--store", str(seeds), "--out", str(out), "--llm", "none"]
    result = CliRunner().invoke(evaluate, [*arguments, "--json"], standalone_mode=False)
    assert result.exception is None
    summary = json.loads(result.stdout)
    assert (summary["asked"], summary["errors"], summary["complete"]) == (20, 0, True)
    assert summary["measures"]["QuoteExact"]["value"] == 1.0
    assert summary["measures"]["Handled"]["value"] > 0.2
    assert json.loads((out / "summary.json").read_text("utf-8")) == summary
    rows = read_rows(out)
    assert all(row.outcome is not None and row.seconds > 0 for row in rows)
    again = CliRunner().invoke(evaluate, [*arguments, "--json"], standalone_mode=False)
    assert again.exception is None
    assert json.loads(again.stdout) == summary
    assert read_rows(out) == rows
    other = CliRunner().invoke(evaluate, [*arguments, "--limit", "3"], standalone_mode=False)
    assert isinstance(other.exception, UsageError)
    assert "--fresh" in str(other.exception)


def home_without_stores(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models from the usual place, the cache of stores in this test's folder."""
    from konkyo.index.embedding.model_files import home

    folder.mkdir()
    for entry in home().iterdir():
        if entry.name != "eval":
            (folder / entry.name).symlink_to(entry)
    monkeypatch.setenv("KONKYO_HOME", str(folder))


def invoked(*arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(evaluate, [*arguments, "--json"], standalone_mode=False)
    assert result.exception is None, result.output
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


def test_the_same_questions_with_and_without_their_paragraphs(
    tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_without_stores(tmp_path / "home", monkeypatch)
    whole = json.loads((shared / "data" / "jsquad-valid-v1.3.json").read_text("utf-8"))
    whole["data"] = whole["data"][:1]
    squad = tmp_path / "small.json"
    squad.write_text(json.dumps(whole), encoding="utf-8")
    out = tmp_path / "out"
    command = ("run", str(squad), "--unanswerable", "4", "--out", str(out), "--llm", "none")
    summary = invoked(*command)
    assert (summary["asked"], summary["errors"]) == (8, 0)
    rows = {row.question.id: row for row in read_rows(out)}
    for name, row in rows.items():
        if not name.endswith("#absent"):
            continue
        twin = rows[name.removesuffix("#absent")]
        assert row.question.question == twin.question.question
        # The store it was asked of does not hold what the other one cites as gold.
        gone = twin.question.gold[0].article
        cited = (row.outcome or {}).get("citations")
        assert isinstance(cited, list)
        assert gone not in {c["article_id"] for c in cited}
    assert "RefusalRecall" in rows[next(n for n in rows if n.endswith("#absent"))].scores


def test_an_own_store_without_the_articles_that_answer(seeds: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = invoked(
        "run",
        str(ALLIANCE),
        "--kind",
        "fact",
        "--limit",
        "12",
        "--unanswerable",
        "5",
        "--store",
        str(seeds),
        "--out",
        str(out),
        "--llm",
        "none",
    )
    assert (summary["asked"], summary["errors"]) == (10, 0)
    rows = {row.question.id: row for row in read_rows(out)}
    gone = {
        g.article for n, r in rows.items() if not n.endswith("#absent") for g in r.question.gold
    }
    for name, row in rows.items():
        cited = (row.outcome or {}).get("citations")
        assert isinstance(cited, list)
        if name.endswith("#absent"):
            assert gone.isdisjoint({Path(c["source"]).name for c in cited})


def test_injected_articles_do_not_steer_the_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_without_stores(tmp_path / "home", monkeypatch)
    out = tmp_path / "out"
    dataset = str(ALLIANCE.with_name("injected.jsonl"))
    options = ("--limit", "8", "--llm", "none", "--perturb", "order")
    summary = invoked("run", dataset, "--out", str(out), *options)
    assert (summary["asked"], summary["errors"]) == (8, 0)
    robust = summary["robustness"]
    assert isinstance(robust, dict)
    assert robust["order"]["n"] == 8
    assert (out / "report.html").exists()


def test_two_questions_with_the_real_model(seeds: Path, tmp_path: Path) -> None:
    from konkyo.index.embedding.model_registry import resolve_llm
    from konkyo.rag.factory import DEFAULT_LLM

    try:
        resolve_llm(DEFAULT_LLM)
    except ModelMissing as exc:
        pytest.skip(f"the language model is not here: {exc}")
    lines = ALLIANCE.read_text("utf-8").split("\n")
    chosen = [
        line for line in lines if line.startswith(('{"id": "ja-fact-001"', '{"id": "en-fact-001"'))
    ]
    asked = tmp_path / "two.jsonl"
    asked.write_text("\n".join(chosen) + "\n", encoding="utf-8")
    out = tmp_path / "out"
    summary = invoked("run", str(asked), "--store", str(seeds), "--out", str(out))
    assert (summary["asked"], summary["errors"]) == (2, 0)
    for row in read_rows(out):
        outcome = row.outcome or {}
        if outcome.get("status") == "answered":
            assert all(quote.exact for quote in row.quotes)
            assert row.judged["checker"]
