"""Ranked passages to the few quotes that bear on a question, each with its exact span."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Annotated

import numpy as np
from pydantic.dataclasses import dataclass as schema

from konkyo.index.embedding.protocol import Encoder
from konkyo.index.records import Hit
from konkyo.index.text.language import same_language
from konkyo.index.text.word_data import CHECKED, alternatives, word_data
from konkyo.rag.planned import AskedTime
from konkyo.rag.reading.asked_time import in_time, newest_day, suits_time
from konkyo.rag.reading.place_choice import PlaceWeights
from konkyo.rag.reading.protocol import Reader, Reading
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.types import Evidence

__all__ = [
    "Selection",
    "SelectionLimits",
    "Sentences",
    "Span",
    "about",
    "select",
    "token_cost",
]

Sentences = Callable[[str, str | None], list[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class SelectionLimits:
    """How much is read and how much is shown.

    The learned reader reads the best ``passages``; ``compared`` of their sentences are compared
    with the question. At most ``quotes`` are shown, which take at most ``tokens`` estimated prompt
    tokens together, and none whose score is less than the share ``keep`` of the best quote's.
    ``places`` weigh how likely each place that was read is the answer.
    """

    passages: int = 8
    compared: int = 8
    quotes: int = 5
    tokens: int = 240
    keep: float = 0.45
    places: PlaceWeights = field(default_factory=PlaceWeights)


@dataclass(frozen=True, slots=True)
class Span:
    """Where the reader sees an answer, ``article.text[start:end] == text``, and its share.

    ``marked`` are all stretches of its passage that are marked as parts of an answer.
    ``sentence_share`` is the share where its sentence and the one before it are read alone; None:
    they were not.
    """

    text: str
    share: float
    article_id: str
    language: str
    start: int
    end: int
    marked: tuple[tuple[int, int], ...] = ()
    sentence_share: float | None = None

    def within(self, evidence: Evidence) -> bool:
        """Whether a quote holds at least the beginning of this place."""
        return self.begins_in(evidence.article.article_id, evidence.start, evidence.end)

    def begins_in(self, article_id: str, start: int, end: int) -> bool:
        """Whether this place begins within a stretch of an article."""
        return article_id == self.article_id and start <= self.start < end


@dataclass(frozen=True, slots=True)
class Selection:
    """The quotes, how sure the reader is that they answer (share) and where it sees the answer.

    ``answerable`` is the best reading's probability, ``None`` where there is no reader.
    ``spans`` are one place a passage, the likeliest answer first; of that one alone the sentence
    was read, too.
    """

    evidence: tuple[Evidence, ...]
    answerable: float | None
    spans: tuple[Span, ...]


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """How a sentence begins that cannot be understood without the one before it."""

    leans_back: Annotated[re.Pattern[str], alternatives(before="^")]


def _words() -> _Words:
    return word_data(_Words, "evidence", "konkyo.rag.retrieval")


def token_cost(text: str) -> float:
    """Estimate of the tokens a text costs a language model: 0.75 a wide letter, 0.28 another."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" or "฀" <= c <= "๿" for c in text)
    return 0.75 * wide + 0.28 * (len(text) - wide)


@dataclass(frozen=True, slots=True)
class _Candidate:
    hit: Hit
    start: int
    end: int
    context_start: int
    rank: int


def _candidates(hits: Sequence[Hit], sentences: Sentences) -> list[_Candidate]:
    """Each sentence once, with where its needed context begins; overlapping passages share."""
    found: dict[tuple[str, int], _Candidate] = {}
    for rank, hit in enumerate(hits):
        text, base = hit.passage.text, hit.passage.start
        previous = None
        for start, end in sentences(text, hit.article.language):
            leans = previous is not None and _words().leans_back.match(text[start:end])
            context = previous if leans and previous is not None else start
            key = (hit.article.article_id, base + end)
            found.setdefault(key, _Candidate(hit, base + start, base + end, base + context, rank))
            previous = start
    return list(found.values())


def _scaled(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(v - low) / (high - low) if high > low else 1.0 for v in values]


def select(
    question: str,
    hits: Sequence[Hit],
    *,
    encoder: Encoder,
    sentences: Sentences,
    reader: Reader | None = None,
    language: str | None = None,
    limits: SelectionLimits = SelectionLimits(),
    thresholds: Thresholds = DEFAULT,
    time: AskedTime | None = None,
) -> Selection:
    """Choose the quotes shown to the reader and to the model, numbered from 1, best first.

    ``language`` is the asker's. ``limits.places`` weigh how likely each place is the answer.
    ``time``: the day of something that has happened, or has not yet, is asked for.

    A sentence scores by its similarity to the question and, where a learned reader is given, by
    the probability that the answer lies in it. A sentence that leans on the one before it is
    quoted together with it. Quotes are verbatim spans of their article.
    """
    passages = list(hits)[: limits.passages]
    if not passages:
        return Selection((), None if reader is None else 0.0, ())
    candidates = _candidates(passages, sentences)
    if reader is None:
        scores = _sentence_scores(question, candidates, None, encoder, limits, thresholds)
        return Selection(_evidence(candidates, scores, limits), None, ())
    windows, titles = [h.passage.text for h in passages], [about(h) for h in passages]
    readings = reader.answers(question, windows, titles)
    suits = partial(suits_time, time, newest_day(passages))
    likely, shares = _likely(passages, readings, language, suits, limits.places, thresholds)
    inside = [_share_inside(c, readings, shares) for c in candidates]
    scores = _sentence_scores(question, candidates, inside, encoder, limits, thresholds)
    spans = [_span(hit, reading) for hit, reading in zip(passages, readings, strict=True)]
    first, *others = (int(i) for i in np.argsort([-share for share in likely], kind="stable"))
    alone = _sentence_share(question, passages[first], readings[first], sentences, reader)
    return Selection(
        _evidence(candidates, scores, limits),
        max(r.probability for r in readings),
        (replace(spans[first], sentence_share=alone), *(spans[i] for i in others)),
    )


def _likely(
    hits: Sequence[Hit],
    readings: Sequence[Reading],
    language: str | None,
    suits: Callable[[Hit, Reading], bool | None],
    weights: PlaceWeights,
    thresholds: Thresholds,
) -> tuple[list[float], list[float]]:
    """How likely each passage's place is the answer, and the same as shares of the reader's.

    The best one's share is what the reader gives it.
    """
    weighed = [
        weights.share(r.probability, h.score, crossed=_crossed(h, language))
        for h, r in zip(hits, readings, strict=True)
    ]
    likely = in_time(weighed, [*map(suits, hits, readings)], readings, thresholds)
    best = int(np.argmax(likely))
    return likely, [readings[best].probability * share / likely[best] for share in likely]


def _sentence_scores(
    question: str,
    candidates: Sequence[_Candidate],
    inside: Sequence[float] | None,
    encoder: Encoder,
    limits: SelectionLimits,
    thresholds: Thresholds,
) -> list[float]:
    """The score of each sentence, by its similarity, its passage's rank and the share inside it.

    ``inside`` is None where nothing was read.
    """
    # Compared first: what holds a place of the answer, then what was found first.
    first = [-share for share in inside] if inside is not None else [0.0] * len(candidates)
    order = np.argsort(first, kind="stable")[: limits.compared]
    similar = _similarities(question, candidates, [int(i) for i in order], encoder)
    near = thresholds.sentence_similarity
    scores = [
        near * s + (1 - near) / (1 + c.rank) for s, c in zip(similar, candidates, strict=True)
    ]
    if inside is None:
        return scores
    held = thresholds.answer_in_sentence
    return [(1 - held) * s + held * i for s, i in zip(scores, inside, strict=True)]


def _crossed(hit: Hit, language: str | None) -> bool:
    """Whether a passage is in another language than the asker's."""
    return language is not None and not same_language(language, hit.article.language)


def _sentence_share(
    question: str, hit: Hit, reading: Reading, sentences: Sentences, reader: Reader
) -> float:
    """The share that the sentences of a place answer, read alone with the one before them.

    What else a passage tells can hide an answer, and make one of what is near.
    """
    text = hit.passage.text
    bounds = sentences(text, hit.article.language)
    touched = [i for i, (a, b) in enumerate(bounds) if a < reading.end and reading.start < b]
    if not touched:
        return reading.probability
    start, end = bounds[max(0, touched[0] - 1)][0], bounds[touched[-1]][1]
    return reader.answers(question, [text[start:end]], [about(hit)])[0].probability


def _similarities(
    question: str, candidates: Sequence[_Candidate], compared: Sequence[int], encoder: Encoder
) -> list[float]:
    """Cosines of the compared sentences with the question, scaled to 0..1; 0 for all others."""
    vector = encoder.queries([question])[0]
    vectors = encoder.passages([_text(candidates[i], candidates[i].start) for i in compared])
    found = [0.0] * len(candidates)
    for i, share in zip(compared, _scaled([float(x) for x in vectors @ vector]), strict=True):
        found[i] = share
    return found


def _share_inside(
    candidate: _Candidate, readings: Sequence[Reading], shares: Sequence[float]
) -> float:
    """The share of a passage where one of its places touches the sentence, else 0."""
    reading, base = readings[candidate.rank], candidate.hit.passage.start
    inside = any(
        candidate.start < base + end and base + start < candidate.end
        for start, end in ((reading.start, reading.end), *reading.places)
    )
    return shares[candidate.rank] if inside else 0.0


def _evidence(
    candidates: Sequence[_Candidate], scores: Sequence[float], limits: SelectionLimits
) -> tuple[Evidence, ...]:
    """The chosen sentences as numbered quotes, best first."""
    return tuple(
        Evidence(number, c.hit.article, c.context_start, c.end, _text(c, c.context_start), score)
        for number, (c, score) in enumerate(_choose(candidates, scores, limits), start=1)
    )


def _span(hit: Hit, reading: Reading) -> Span:
    base = hit.passage.start
    return Span(
        hit.passage.text[reading.start : reading.end],
        reading.probability,
        hit.article.article_id,
        hit.article.language,
        base + reading.start,
        base + reading.end,
        tuple((base + start, base + end) for start, end in reading.places),
    )


def about(hit: Hit) -> str:
    """What a passage does not say of itself: its article's title and day."""
    day = hit.article.published
    return f"{hit.article.title} ({day})" if day else hit.article.title


def _text(candidate: _Candidate, start: int) -> str:
    base = candidate.hit.passage.start
    return candidate.hit.passage.text[start - base : candidate.end - base]


def _choose(
    candidates: Sequence[_Candidate], scores: Sequence[float], limits: SelectionLimits
) -> list[tuple[_Candidate, float]]:
    order = np.argsort([-s for s in scores], kind="stable")
    best = scores[int(order[0])]
    chosen: list[tuple[_Candidate, float]] = []
    spent = 0.0
    for i in map(int, order):
        candidate, score = candidates[i], scores[i]
        if len(chosen) == limits.quotes or score < limits.keep * best:
            break
        if any(_covers(c, candidate) for c, _ in chosen):
            continue
        cost = token_cost(_text(candidate, candidate.context_start))
        if chosen and spent + cost > limits.tokens:
            continue
        chosen.append((candidate, score))
        spent += cost
    return chosen


def _covers(one: _Candidate, other: _Candidate) -> bool:
    same = one.hit.article.article_id == other.hit.article.article_id
    return same and one.context_start <= other.start and other.end <= one.end
