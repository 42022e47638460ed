"""The lexical arm sees every script, and its scores are exact BM25 however the index came about."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import konkyo.index.stores.bm25 as lexical
from konkyo.index.stores.bm25 import (
    BM25_B,
    BM25_K1,
    Postings,
    Searcher,
)
from konkyo.index.text.tokens import TermWorth, query_tokens, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京都", ["東京", "京都", "東", "京", "都"]),
        ("円", ["円"]),
        ("2,026명이", ["2026", "6명", "2026명", "명이"]),
        ("５２%", ["52"]),
        ("1,234,567人", ["1234567", "7人", "1234567人", "人"]),
        ("0.75％", ["0.75"]),
        ("ＡＩと量子", ["ai", "と量", "量子", "量", "子"]),
        ("ﾄﾗﾝﾌﾟ", ["トラ", "ラン", "ンプ", "トランプ"]),
        ("서울에서 열린", ["서울", "울에", "에서", "열린"]),
        ("ประชุม", ["ปร", "ระ", "ะช", "ชุ", "ุม"]),
        ("Café CAFÉ", ["cafe", "cafe"]),
        ("الرِّئيس", ["الرييس"]),
        ("the U.S. and don't", ["the", "u", "s", "and", "don", "t"]),
        ("日米3月3日", ["日米", "日", "米", "3", "3月", "3月", "月", "3", "3日", "3日", "日"]),
        ("हिन्दी में", ["हिनदी", "में"]),
        ("", []),
        ("［１］【1】", ["1", "1"]),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def exact(texts: list[str], query: str) -> list[float]:
    """BM25 by the book, one float at a time."""
    bags = [Counter(tokens(text)) for text in texts]
    average = sum(bag.total() for bag in bags) / len(bags) or 1e-9
    scores = []
    for bag in bags:
        score = 0.0
        for term, times in query_tokens(query).items():
            df = sum(term in other for other in bags)
            tf = bag[term]
            idf = math.log(1 + (len(bags) - df + 0.5) / (df + 0.5))
            norm = BM25_K1 * (1 - BM25_B + BM25_B * bag.total() / average)
            score += times * idf * tf * (BM25_K1 + 1) / (tf + norm)
        scores.append(score)
    return scores


TEXTS = st.lists(st.text("日本米国経済a bc1２。 ", max_size=30), min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(texts=TEXTS, query=st.text("日本米国経済a bc1２。 ", max_size=12), data=st.data())
def test_scores_are_exact_whatever_was_split_and_deleted(
    texts: list[str], query: str, data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(texts)))
    alive = np.array(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))))
    parts = [texts[:cut], texts[cut:]]
    searcher = Searcher([Postings.build(part) for part in parts], [alive[:cut], alive[cut:]])
    found = {
        (0 if segment == 0 else cut) + document: score
        for segment, document, score in searcher.search(query_tokens(query), len(texts))
    }
    living = np.flatnonzero(alive)
    expected = exact([texts[i] for i in living], query) if len(living) else []
    wanted = {int(i): s for i, s in zip(living, expected, strict=True) if s > 0}
    assert found.keys() == wanted.keys()
    for number, score in wanted.items():
        assert found[number] == pytest.approx(score, rel=1e-4)


def test_how_a_question_is_phrased_weighs_less_than_what_it_names() -> None:
    weights = query_tokens("トランプの関税は何%ですか、10%?")
    worth = TermWorth()
    assert weights["トランプ"] == weights["10"] == worth.whole
    assert weights["関税"] == weights["トラ"] == worth.piece
    assert weights["プの"] == weights["は何"] == worth.border
    assert weights["です"] == worth.hiragana
    assert worth.border < worth.hiragana < worth.piece < worth.whole
    # A question in hiragana alone still finds.
    searcher = Searcher([Postings.build(["さくらがさいた", "うみがみえる"])], [None])
    assert searcher.search(query_tokens("さくらはいつさきましたか"), 1)[0][1] == 0


def test_looking_up_only_candidates_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    letters = np.array(list("日本米国経済政府首相会談東京大阪選挙予算"))
    weights = 1 / np.arange(1, len(letters) + 1)
    texts = ["".join(random.choice(letters, 60, p=weights / weights.sum())) for _ in range(3000)]
    searcher = Searcher([Postings.build(texts[:2000]), Postings.build(texts[2000:])], [None, None])
    allowed = [random.random(2000) < 0.3, random.random(1000) < 0.3]
    for number in range(40):
        query = query_tokens(texts[number * 7][:12] + "算予算予")
        for masks in (None, allowed):
            monkeypatch.setattr(lexical, "_LONG_POSTINGS", 10**9)
            plain = searcher.search(query, 10, masks)
            monkeypatch.setattr(lexical, "_LONG_POSTINGS", 1)
            pruned = searcher.search(query, 10, masks)
            assert [row[2] for row in pruned] == pytest.approx([row[2] for row in plain], rel=1e-4)


def test_nothing_in_common_finds_nothing() -> None:
    searcher = Searcher([Postings.build(["東京の天気", "大阪の選挙"])], [None])
    assert searcher.search(query_tokens("kangaroo"), 5) == []
    assert searcher.search(query_tokens("東京"), 0) == []
    assert Searcher([], []).search(query_tokens("東京"), 5) == []


def test_the_earlier_document_wins_a_tie() -> None:
    searcher = Searcher([Postings.build(["東京", "大阪", "東京"])], [None])
    assert [row[1] for row in searcher.search(query_tokens("東京"), 5)] == [0, 2]


def test_jsquad_reference(shared: Path) -> None:
    """At least what plain BM25 over bigrams reaches on a tenth of JSQuAD valid."""
    import json

    data = json.loads((shared / "data" / "jsquad-valid-v1.3.json").read_text("utf-8"))
    contexts: list[str] = []
    questions: list[tuple[str, int]] = []
    for article in data["data"]:
        for paragraph in article["paragraphs"]:
            questions += [(qa["question"], len(contexts)) for qa in paragraph["qas"]]
            contexts.append(paragraph["context"])
    searcher = Searcher([Postings.build(contexts)], [None])
    sample = questions[::10]
    hits = sum(
        searcher.search(query_tokens(question), 1)[0][1] == gold for question, gold in sample
    )
    assert hits / len(sample) >= 0.9


@pytest.mark.parametrize("text", ["\u0301", "a \u0300 b", "\u0483", "\u3099", "\ufffd"])
def test_a_mark_with_nothing_to_combine_with_is_no_term(text: str) -> None:
    assert set(tokens(text)) <= {"a", "b", "\u3099"}
    assert all(worth > 0 for worth in query_tokens(text).values())


@given(st.text(st.characters(), max_size=500))
def test_every_text_has_terms_that_weigh_something(text: str) -> None:
    assert all(term and worth > 0 for term, worth in query_tokens(text).items())
