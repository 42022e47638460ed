"""Each language of a store is searched by itself, other languages by a trained encoder."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from konkyo.index.builder import build
from konkyo.index.embedding.model_files import sha256_of
from konkyo.index.embedding.model_registry import resolve_embedding
from konkyo.index.errors import ModelDamaged, ModelMissing
from konkyo.index.records import Filter
from konkyo.index.stores.open import open_store
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.retrieval.hybrid import Retriever
from konkyo.rag.retrieval.query_encoder import WEIGHTS, QueryEncoder

QUESTION = "高市首相とトランプ大統領はいつ会談しましたか"


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return Path(resolve_embedding("multilingual-e5-small"))
    except ModelMissing as exc:
        pytest.skip(str(exc))


@pytest.fixture(scope="module")
def encoder(folder: Path) -> QueryEncoder:
    return QueryEncoder(folder)


def test_all_languages_of_a_store_are_among_what_is_found(seed_pipeline: Pipeline) -> None:
    retriever = seed_pipeline.retriever
    hits = retriever.retrieve(QUESTION, 8, language="ja")
    assert {h.article.language for h in hits} == {"ja", "en", "ko", "zh"}
    assert len({h.passage.passage_id for h in hits}) == len(hits)
    scores = [h.score for h in hits]
    assert scores == sorted(scores, reverse=True)
    own = [h for h in hits if h.article.language == "ja"]
    ranked = retriever.retrieve(QUESTION, 8, Filter(languages=frozenset({"ja"})))
    assert [h.passage.passage_id for h in own] == [h.passage.passage_id for h in ranked]


def test_one_ranking_buries_what_another_language_says(seed_pipeline: Pipeline) -> None:
    together = seed_pipeline.retriever.retrieve(QUESTION, 8)
    assert {h.article.language for h in together} == {"ja"}


def test_a_filter_holds_in_every_language(seed_pipeline: Pipeline) -> None:
    retriever = seed_pipeline.retriever
    where = Filter(languages=frozenset({"en", "ko"}))
    hits = retriever.retrieve(QUESTION, 8, where, "ja")
    assert {h.article.language for h in hits} == {"en", "ko"}
    alone = retriever.retrieve(QUESTION, 8, Filter(languages=frozenset({"ja"})), "ja")
    assert {h.article.language for h in alone} == {"ja"}
    assert retriever.retrieve(QUESTION, 8, Filter(languages=frozenset({"de"})), "ja") == []


def test_no_other_language_counts_more_than_the_best_of_the_askers(seed_pipeline: Pipeline) -> None:
    for question, language in ((QUESTION, "ja"), ("누가 마두로를 붙잡았나요?", "ko")):
        hits = seed_pipeline.retriever.retrieve(question, 8, language=language)
        own = [h.score for h in hits if h.article.language == language]
        assert max(own) == max(h.score for h in hits)


def test_articles_all_in_one_other_language_keep_the_level_of_their_search(
    seed_pipeline: Pipeline,
) -> None:
    retriever, question = seed_pipeline.retriever, "When did Takaichi and Trump meet in Tokyo?"
    japanese = Filter(languages=frozenset({"ja"}))
    hits = retriever.retrieve(question, 8, japanese, "en")
    ranked = retriever.within(question, 1, japanese, retriever.question_vector(question))
    assert hits[0].score == pytest.approx(ranked[0].score)
    assert 0 < hits[0].score < 1


def test_many_languages_are_searched_together(seed_pipeline: Pipeline) -> None:
    counts = seed_pipeline.store.languages()
    assert set(counts) == {"ja", "en", "ko", "zh"}
    assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_the_same_question_has_the_same_vector(encoder: QueryEncoder) -> None:
    one, two = encoder(QUESTION), encoder(QUESTION)
    assert one.shape == (384,)
    assert float(np.linalg.norm(one)) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_array_equal(one, two)


def test_a_question_is_nearest_to_its_answer_in_another_language(
    encoder: QueryEncoder, seed_pipeline: Pipeline
) -> None:
    texts = [
        "The new bridge over the bay opened to traffic on Sunday after six years of work.",
        "The central bank kept its key interest rate unchanged at its meeting.",
        "A volcano on the southern island erupted early in the morning.",
    ]
    vectors = seed_pipeline.encoder.passages(texts)
    asked = {
        "湾の橋はいつ開通しましたか": 0,
        "央行利率有变化吗？": 1,
        "화산은 언제 분화했습니까?": 2,
    }
    for question, best in asked.items():
        assert int(np.argmax(vectors @ encoder(question))) == best


def test_damaged_weights_are_told(folder: Path, tmp_path: Path) -> None:
    assert WEIGHTS.with_suffix(".sha256").read_text("utf-8").strip() == sha256_of(WEIGHTS)
    copy = tmp_path / WEIGHTS.name
    content = bytearray(WEIGHTS.read_bytes())
    content[len(content) // 2] ^= 0xFF
    copy.write_bytes(content)
    shutil.copy(WEIGHTS.with_suffix(".sha256"), tmp_path)
    damaged = QueryEncoder(folder, copy)
    with pytest.raises(ModelDamaged, match="query_encoder"):
        damaged.prepare()
    copy.write_bytes(b"no weights")
    with pytest.raises(ModelDamaged, match="query_encoder"):
        QueryEncoder(folder, copy)
    copy.unlink()
    with pytest.raises(ModelDamaged, match="query_encoder"):
        QueryEncoder(folder, copy)


def test_the_encoder_is_read_only_where_there_are_several_languages(
    folder: Path, seed_pipeline: Pipeline
) -> None:
    several = QueryEncoder(folder)
    store, encoder = seed_pipeline.store, seed_pipeline.encoder
    retriever = Retriever(store, encoder, across=several)
    japanese = Filter(languages=frozenset({"ja"}))
    assert retriever.retrieve(QUESTION, 8, japanese, "ja")
    assert not several.loaded
    retriever.prepare()
    assert several.loaded


def test_an_index_of_one_language_reads_no_encoder_of_others(
    folder: Path, seed_pipeline: Pipeline, tmp_path: Path
) -> None:
    news = tmp_path / "news"
    news.mkdir()
    (news / "bridge.md").write_text(
        "---\ntitle: 橋が開通\n---\n北浜大橋が5月に開通した。\n", "utf-8"
    )
    build([str(news)], tmp_path / "store", seed_pipeline.encoder)
    across = QueryEncoder(folder)
    retriever = Retriever(open_store(str(tmp_path / "store")), seed_pipeline.encoder, across=across)
    retriever.prepare()
    assert retriever.retrieve("橋はいつ開通しましたか", 8, language="ja")
    assert not across.loaded
    assert retriever.retrieve("When did the bridge open?", 8, language="en")
    assert across.loaded


def test_questions_at_once_read_the_encoder_once(folder: Path) -> None:
    encoder = QueryEncoder(folder)
    with ThreadPoolExecutor(4) as threads:
        vectors = list(threads.map(encoder, [QUESTION] * 8))
    assert encoder.loaded
    for vector in vectors[1:]:
        np.testing.assert_array_equal(vectors[0], vector)
