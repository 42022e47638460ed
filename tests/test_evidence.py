"""Evidence: few quotes, exact spans, with the neighbour a pronoun needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from konkyo.index.records import ArticleSummary, Hit, Passage
from konkyo.index.text.sentences import sentences
from konkyo.rag.planned import AskedTime
from konkyo.rag.retrieval.evidence import SelectionLimits, select, token_cost

ARTICLE = (
    "高市首相は4日に会見した。彼女は増税を否定した。一方で野党は反発している。株価は上昇した。"
)


def hit(text: str, article: str = "a1", start: int = 0) -> Hit:
    summary = ArticleSummary(article, "見出し", "a.md", None, "2026-02-09", "ja", None, 1)
    return Hit(
        Passage(f"{article}-0", article, 0, start, start + len(text), text), summary, 1.0, 0.9, 1.0
    )


@dataclass
class Words:
    """An encoder whose vectors count which of a few words a text holds."""

    words: tuple[str, ...]
    fingerprint: str = "words"

    @property
    def dimension(self) -> int:
        return len(self.words) + 1

    def queries(self, texts: Sequence[str]) -> np.ndarray:
        rows = np.array([[float(w in t) for w in self.words] + [0.1] for t in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    passages = queries


@dataclass
class Finds:
    """A reader that finds one text and is sure of it."""

    text: str
    probability: float = 0.9

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[Found]:
        return [
            Found(
                self.probability if self.text in w else 0.05, max(0, w.find(self.text)), self.text
            )
            for w in windows
        ]


@dataclass
class Found:
    probability: float
    start: int
    text: str
    places: tuple[tuple[int, int], ...] = ()

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def test_quotes_are_exact_spans_of_their_article() -> None:
    chosen = select(
        "増税は？", [hit(ARTICLE)], encoder=Words(("増税", "株価")), sentences=sentences
    )
    assert chosen.evidence
    assert all(ARTICLE[e.start : e.end] == e.text for e in chosen.evidence)
    assert [e.number for e in chosen.evidence] == list(range(1, len(chosen.evidence) + 1))


def test_a_sentence_that_leans_back_brings_the_one_before_it() -> None:
    chosen = select(
        "増税は？", [hit(ARTICLE)], encoder=Words(("増税", "株価")), sentences=sentences
    )
    assert chosen.evidence[0].text == "高市首相は4日に会見した。彼女は増税を否定した。"


def test_offsets_count_from_the_article_not_the_passage() -> None:
    chosen = select(
        "株価は？", [hit(ARTICLE[13:], start=13)], encoder=Words(("株価",)), sentences=sentences
    )
    assert all(ARTICLE[e.start : e.end] == e.text for e in chosen.evidence)


def test_the_reader_decides_where_the_answer_lies() -> None:
    chosen = select(
        "反発したのは？",
        [hit(ARTICLE)],
        encoder=Words(("株価",)),
        sentences=sentences,
        reader=Finds("野党"),
    )
    assert "野党" in chosen.evidence[0].text
    assert chosen.answerable == 0.9
    assert (chosen.spans[0].text, chosen.spans[0].share) == ("野党", 0.9)


@dataclass
class Counts(Finds):
    """The same, and how many windows it was given."""

    read: int = 0

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[Found]:
        self.read += len(windows)
        return super().answers(question, windows, contexts)


@pytest.mark.parametrize(("place", "is_read"), [(2, True), (7, True), (8, False), (25, False)])
def test_the_best_passages_are_read(place: int, is_read: bool) -> None:
    many = [hit(f"第{n}の都市で株価は上昇した。", f"a{n}") for n in range(50)]
    reader = Counts(f"第{place}の")
    chosen = select("どこで？", many, encoder=Words(("株価",)), sentences=sentences, reader=reader)
    assert reader.read == 8 + 1, "the sentence of the likeliest place is read once more"
    assert (chosen.answerable == 0.9) == is_read
    assert (f"第{place}の" in chosen.evidence[0].text) == is_read


@dataclass
class Days(Counts):
    """A reader that finds the day of every passage, one in October most surely."""

    text: str = "月"

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[Found]:
        self.read += len(windows)
        days = [w[: w.find("日") + 1] for w in windows]
        return [Found(0.96 if "10月" in d else 0.85 if d else 0.05, 0, d) for d in days]


@pytest.mark.parametrize(
    ("time", "newest", "day"),
    [
        ("to come", "2026-02-09", "3月19日"),
        ("past", "2026-02-09", "10月27日"),
        (None, "2026-02-09", "10月27日"),
        # Both had passed when the newest article was written.
        ("to come", "2026-04-01", "10月27日"),
    ],
)
def test_a_day_that_has_passed_does_not_answer_when_something_will_be(
    time: AskedTime | None, newest: str, day: str
) -> None:
    told = [
        hit("10月27日に会談する。", "a1"),
        hit("3月19日に会談する。", "a2"),
        hit("雨だった。", "a3"),
    ]
    days = ["2025-10-25", "2026-02-09", newest]
    many = [
        replace(one, article=replace(one.article, published=day))
        for one, day in zip(told, days, strict=True)
    ]
    reader = Days()
    chosen = select(
        "会談はいつ？",
        many,
        encoder=Words(("会談",)),
        sentences=sentences,
        reader=reader,
        time=time,
    )
    assert chosen.spans[0].text == day
    assert day in chosen.evidence[0].text


def test_a_day_of_the_time_that_is_asked_for_is_preferred_to_many_of_another() -> None:
    past = [hit(f"10月{n}日に会談した。", f"a{n}") for n in range(10, 15)]
    ahead = hit("3月19日に会談する。", "b")
    chosen = select(
        "いつ？",
        [*past, ahead],
        encoder=Words(("会談",)),
        sentences=sentences,
        reader=Days(),
        time="to come",
    )
    assert chosen.spans[0].text == "3月19日"


def test_no_more_is_shown_than_may_be() -> None:
    many = [hit(f"第{n}の都市で株価は上昇した。", f"a{n}") for n in range(30)]
    limits = SelectionLimits(passages=30, quotes=4, tokens=60)
    chosen = select("株価は？", many, encoder=Words(("株価",)), sentences=sentences, limits=limits)
    assert 1 <= len(chosen.evidence) <= 4
    assert sum(token_cost(e.text) for e in chosen.evidence) <= 60


def test_overlapping_passages_give_a_sentence_once() -> None:
    both = [hit(ARTICLE), hit(ARTICLE[:23])]
    chosen = select("増税は？", both, encoder=Words(("増税",)), sentences=sentences)
    spans = [(e.article.article_id, e.start, e.end) for e in chosen.evidence]
    assert len(spans) == len(set(spans))


def test_nothing_found_is_nothing_shown() -> None:
    chosen = select("?", [], encoder=Words(("a",)), sentences=sentences, reader=Finds("a"))
    assert chosen.evidence == ()
    assert chosen.answerable == 0.0


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("日本語の文。", 4, 5), ("An English sentence.", 5, 6), ("한국어 문장", 3, 5), ("", 0, 0)],
)
def test_token_costs_are_in_range(text: str, least: float, most: float) -> None:
    assert least <= token_cost(text) <= most
