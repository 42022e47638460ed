"""Passages: whole sentences, exact offsets, never over budget."""

import itertools
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konkyo.index.chunking import chunk, embedding_text
from konkyo.index.records import Article, Passage, article_id_for
from konkyo.index.text.sentences import sentences


def article(
    text: str, title: str = "題", published: str | None = None, language: str = "ja"
) -> Article:
    return Article(article_id_for(title, text), title, text, language, "a.txt", published)


def characters(texts: list[str] | tuple[str, ...]) -> list[int]:
    """A token counter that is easy to reason about: one token a character."""
    return [len(text) for text in texts]


def cut(text: str, budget: int = 40, overlap: int = 0) -> list[Passage]:
    return chunk(article(text), count_tokens=characters, budget=budget, overlap=overlap)


SENTENCE = "首相は九日に会見した。"


def test_passages_are_whole_sentences_of_nearly_equal_length() -> None:
    passages = cut(SENTENCE * 10)
    assert [p.text.count("。") for p in passages] == [3, 3, 2, 2]
    assert "".join(p.text for p in passages) == SENTENCE * 10


def test_identifiers_count_up_and_offsets_are_exact() -> None:
    whole = article(f"{SENTENCE * 4}\n\n{SENTENCE * 4}")
    passages = chunk(whole, count_tokens=characters, budget=40)
    assert [p.passage_id for p in passages] == [
        f"{whole.article_id}-{i}" for i in range(len(passages))
    ]
    assert [p.ordinal for p in passages] == list(range(len(passages)))
    assert all(whole.text[p.start : p.end] == p.text for p in passages)


def test_a_heading_goes_with_the_text_below_it() -> None:
    passages = cut(f"{SENTENCE * 2}\n◇強い日本\n{SENTENCE * 3}", budget=44)
    assert any(p.text.startswith("◇強い日本") for p in passages)
    assert not any(p.text.endswith("◇強い日本") for p in passages)


def test_overlap_repeats_whole_sentences_within_its_budget() -> None:
    text = "".join(f"{i}番目の文である。" for i in range(10))
    passages = cut(text, budget=30, overlap=9)
    for one, other in itertools.pairwise(passages):
        assert one.end > other.start
        assert one.end - other.start <= 9
    assert max(len(p.text) for p in passages) <= 30


def test_a_sentence_over_budget_is_cut_at_its_clauses() -> None:
    text = "政府は、物価の上昇が続くなか、家計を支えるため、来年度も補助を続けると決めた。"
    passages = cut(text, budget=25)
    assert len(passages) == 2
    assert all(p.text.endswith(("、", "。")) for p in passages)


def test_a_text_without_borders_is_cut_between_seen_characters() -> None:
    text = "e\u0301" * 100 + "👩\u200d👩\u200d👧" * 30
    passages = cut(text, budget=25)
    assert "".join(p.text for p in passages) == text
    assert not any(unicodedata.combining(p.text[0]) or p.text[0] == "\u200d" for p in passages)
    assert not any(p.text.endswith("\u200d") for p in passages)


def test_an_empty_text_has_no_passages() -> None:
    assert cut(" \n ") == []


def test_impossible_budgets_are_refused() -> None:
    with pytest.raises(ValueError, match="budget 4 must be 8"):
        cut(SENTENCE, budget=4)
    with pytest.raises(ValueError, match="overlap 40"):
        cut(SENTENCE, budget=40, overlap=40)


def test_the_encoder_reads_title_and_date_which_are_not_in_the_quote() -> None:
    whole = article(SENTENCE, title="会見", published="2026-02-09")
    (passage,) = chunk(whole, count_tokens=characters, budget=40)
    assert embedding_text(whole, passage) == f"会見 2026-02-09\n{SENTENCE}"
    assert passage.text == SENTENCE


def test_a_title_made_of_the_first_sentence_is_not_read_twice() -> None:
    whole = article(SENTENCE, title=SENTENCE.rstrip("。"))
    (passage,) = chunk(whole, count_tokens=characters, budget=40)
    assert embedding_text(whole, passage) == SENTENCE


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet="あ漢a b、。.!?「」\n\u0301👩\u200d", max_size=400),
    st.integers(8, 60),
    st.integers(0, 7),
)
def test_every_sentence_is_in_some_passage_and_none_is_over_budget(
    text: str, budget: int, overlap: int
) -> None:
    passages = chunk(article(text), count_tokens=characters, budget=budget, overlap=overlap)
    assert all(text[p.start : p.end] == p.text for p in passages)
    assert [p.start for p in passages] == sorted(p.start for p in passages)
    inked = {i for a, b in sentences(text) for i in range(a, b)}
    held = {i for p in passages for i in range(p.start, p.end)}
    assert {i for i in inked - held if not text[i].isspace()} == set()
