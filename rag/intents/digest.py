"""Summaries without a model: sentences of the articles, chosen, dated and cited.

Sentences are taken one by one, each for how near it is to the subject, to the head of its article
and to the centroid of all, less what it repeats of those taken: maximal marginal relevance
(Carbonell and Goldstein, SIGIR 1998) over centroid-based scores (Radev et al., "Centroid-based
summarization of multiple documents", 2004) with the vectors of the encoder.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import accumulate, islice
from typing import Literal
from unicodedata import east_asian_width

import numpy as np

from konkyo.index.embedding.protocol import Encoder, Vectors
from konkyo.index.records import ArticleSummary, Filter, Hit, published_day
from konkyo.index.stores.base import Store
from konkyo.index.text.dates import dates
from konkyo.index.text.language import same_language
from konkyo.index.text.moments import Moment
from konkyo.index.text.sentences import is_heading
from konkyo.rag.intents.coverage import naming_in_other_languages
from konkyo.rag.intents.examples import subject_of
from konkyo.rag.intents.naming import bare_name, named_article, named_at
from konkyo.rag.messages import NoticeKey
from konkyo.rag.question import AskedQuestion
from konkyo.rag.question_budget import readable
from konkyo.rag.reading.protocol import Reader, Reading
from konkyo.rag.retrieval.asked_period import narrowed
from konkyo.rag.retrieval.corrections import superseded, without_superseded
from konkyo.rag.retrieval.evidence import Sentences
from konkyo.rag.retrieval.hybrid import Retriever
from konkyo.rag.retrieval.prompt_injection import without_commands
from konkyo.rag.short_answer.place import Place
from konkyo.rag.short_answer.quotes import sayable
from konkyo.rag.thresholds import Thresholds
from konkyo.rag.types import Evidence

__all__ = ["Digest", "Digester", "Telling"]

Telling = Literal["summary", "timeline", "latest"]


@dataclass(frozen=True, slots=True)
class Digest:
    """Chosen sentences in the order of telling; ``notices`` are keys with their values.

    ``newest`` is the day of the newest article of the whole index, if any has one; ``place`` is
    the short answer in the first sentence, where there is one.
    """

    evidence: tuple[Evidence, ...]
    newest: str | None
    notices: tuple[tuple[NoticeKey, dict[str, str]], ...]
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence of an article and where it stands there."""

    article: ArticleSummary
    start: int
    end: int
    text: str


class Digester:
    """Chooses sentences over one store. Safe to share by threads."""

    def __init__(
        self,
        retriever: Retriever,
        encoder: Encoder,
        sentences: Sentences,
        thresholds: Thresholds,
        reader: Reader | None = None,
    ) -> None:
        self._reader = reader
        self.retriever = retriever
        self._encoder = encoder
        self._sentences = sentences
        self.limits = thresholds

    @property
    def store(self) -> Store:
        """The store whose articles are told."""
        return self.retriever.store

    def vector(self, utterance: str) -> Vectors:
        """An utterance as a query: shape (dimension,)."""
        vector: Vectors = self._encoder.queries([utterance])[0]
        return vector

    def tell(
        self, asked: AskedQuestion, telling: Telling, where: Filter, today: date
    ) -> Digest | None:
        """What the articles tell; None where none is about the subject."""
        notices: list[tuple[NoticeKey, dict[str, str]]] = []
        found = self._hits(asked, telling, where)
        named = named_article(asked.standalone, found, self.limits.digest_title)
        in_period, period = narrowed(asked.standalone, where, today)
        # A title may name a period, too.
        if period and named is None:
            within = self._hits(asked, telling, in_period)
            naming = [] if within else self._naming(asked, where, in_period)
            if within:
                notices.append(("filter_applied", {"period": period}))
            elif not naming:
                notices.append(("filter_opened", {}))
            found = within or naming or found
        if not found:
            return None
        chosen = self._of_one(named) if named else self._of_many(asked, telling, found)
        evidence = _numbered(chosen)
        newest = next(iter(self.store.articles(Filter())), None)
        day = newest.published if newest is not None else None
        return Digest(evidence, day, tuple(notices)) if evidence else None

    def define(self, asked: AskedQuestion, where: Filter) -> Digest | None:
        """The sentences that name what is asked about, the likeliest to say what it is first."""
        subject = bare_name(subject_of(asked.standalone, "definition"))
        if len(subject) < self.limits.digest_subject:
            return None
        most = self.limits.digest_passages
        hits = self.retriever.retrieve(subject, most, where, asked.language)
        found = [
            sentence
            for sentence in self._read(without_commands(readable(hits)))
            if named_at(sentence.text, subject, sentence.article.language) is not None
        ]
        # Where an article first names someone, it says who that is.
        first: dict[ArticleSummary, _Sentence] = {}
        passed_over = superseded(sentence.article for sentence in found)
        for sentence in sorted(found, key=lambda s: s.start):
            if sentence.article.article_id not in passed_over:
                first.setdefault(sentence.article, sentence)
        own = [s for a, s in first.items() if same_language(a.language, asked.language)]
        found = (own or list(first.values()))[: 2 * self.limits.digest_sentences]
        if not found:
            return None
        vectors = self._encoder.passages([s.text for s in found])
        near = vectors @ self._encoder.queries([asked.standalone])[0]
        beside = self._beside(asked.standalone, found, subject)
        order = sorted(range(len(found)), key=lambda i: (-beside[i][1], -near[i]))
        order = order[: self.limits.definition_quotes]
        place = beside[order[0]][0]
        place = place and sayable(place, None, asked.language)
        return Digest(_numbered([found[i] for i in order]), None, (), place)

    def _beside(
        self, question: str, found: Sequence[_Sentence], subject: str
    ) -> list[tuple[Place | None, float]]:
        """What stands beside a name, where the reader sees who or what that is, and its share."""
        if self._reader is None:
            return [(None, 0.0)] * len(found)
        readings = self._reader.answers(
            question, [s.text for s in found], [s.article.title for s in found]
        )
        return [
            _beside_name(sentence, subject, reading)
            for sentence, reading in zip(found, readings, strict=True)
        ]

    def _hits(self, asked: AskedQuestion, telling: Telling, where: Filter) -> list[Hit]:
        """Passages to choose sentences of; of the newest articles where there is no subject."""
        store = self.store
        if telling == "latest":
            listed = list(islice(store.articles(where), self.limits.digest_newest))
            passed_over = superseded(listed)
            newest = [a for a in listed if a.article_id not in passed_over]
            own = [a for a in newest if same_language(a.language, asked.language)]
            enough = len(own) >= self.limits.digest_own_language
            return self._whole((own if enough else newest)[: self.limits.digest_articles])
        subject = subject_of(asked.standalone, telling) or asked.standalone
        hits = self.retriever.retrieve(subject, self.limits.digest_passages, where)
        near = [h for h in hits if h.score >= self.limits.about_subject]
        near = near or naming_in_other_languages(
            self.retriever, subject, asked.language, where, self.limits.digest_passages
        )
        current = without_superseded(near)
        # An article that was corrected is told where it is named by a title of its own.
        named = named_article(asked.standalone, [*current, *near], self.limits.digest_title)
        if named is not None:
            return without_commands(readable([h for h in near if h.article == named]))
        own = list(
            {h.article: h for h in current if same_language(h.article.language, asked.language)}
        )
        if len(own) >= self.limits.digest_own_language:
            current = [h for h in current if h.article in own]
        return without_commands(readable(current))

    def _naming(self, asked: AskedQuestion, where: Filter, period: Filter) -> list[Hit]:
        """Sentences that name a day of a period, whenever they were published."""
        found = []
        hits = self.retriever.retrieve(asked.standalone, self.limits.digest_passages, where)
        for hit in without_commands(readable(hits)):
            passage, days = hit.passage, [d for d in _days_of(hit) if _within(period, d)]
            for start, end in self._sentences(passage.text, hit.article.language):
                if any(start <= day.start < end for day in days):
                    first, last = passage.start + start, passage.start + end
                    part = replace(passage, start=first, end=last, text=passage.text[start:end])
                    found.append(replace(hit, passage=part))
        return without_superseded(found)

    def _whole(self, articles: Iterable[ArticleSummary]) -> list[Hit]:
        """All passages of articles, as if they had been found."""
        found = [
            Hit(passage, article, 1.0, None, None)
            for article in articles
            for passage in self.store.passages_of(article.article_id)
        ]
        return without_commands(readable(found))

    def _of_one(self, article: ArticleSummary) -> list[_Sentence]:
        """The sentences that tell an article, in its own order."""
        found = self._read(self._whole([article]))[: 4 * self.limits.digest_sentences]
        most = self.limits.digest_sentences - 1
        chosen = self._choose(found, np.zeros(len(found), np.float32), most)
        return sorted(chosen, key=lambda s: s.start)

    def _of_many(
        self, asked: AskedQuestion, telling: Telling, hits: Sequence[Hit]
    ) -> list[_Sentence]:
        """The sentences of several articles, newest first; oldest first in a timeline."""
        by_article: dict[str, list[_Sentence]] = {}
        for sentence in self._read(hits):
            by_article.setdefault(sentence.article.article_id, []).append(sentence)
        if telling == "timeline":
            dated = {k: v for k, v in by_article.items() if v[0].article.published}
            by_article = dated or by_article
        heads = [
            s[:1] if telling == "latest" else s[: self.limits.digest_of_article]
            for s in by_article.values()
        ]
        found = [sentence for head in heads[: self.limits.digest_articles] for sentence in head]
        bearing = np.zeros(len(found), np.float32)
        if telling != "latest" and found:
            subject = subject_of(asked.standalone, telling) or asked.standalone
            vectors = self._encoder.passages([s.text for s in found])
            bearing = _scaled(vectors @ self._encoder.queries([subject])[0])
            found = [
                s
                for s, share in zip(found, bearing, strict=True)
                if share >= self.limits.digest_bearing
            ]
            bearing = bearing[bearing >= self.limits.digest_bearing]
        chosen = self._choose(found, bearing, self.limits.digest_sentences)
        oldest_first = sorted(chosen, key=lambda s: (s.article.published or "", s.start))
        if telling == "timeline":
            return oldest_first
        return sorted(oldest_first, key=lambda s: s.article.published or "", reverse=True)

    def _read(self, hits: Sequence[Hit]) -> list[_Sentence]:
        """The sentences of passages, each once, best passage first; no headings, no odd lengths."""
        found: dict[tuple[str, int], _Sentence] = {}
        for hit in hits:
            base = hit.passage.start
            for start, end in self._sentences(hit.passage.text, hit.article.language):
                text = hit.passage.text[start:end]
                fits = self.limits.digest_shortest <= len(text) <= self.limits.digest_longest
                if fits and not is_heading(text):
                    sentence = _Sentence(hit.article, base + start, base + end, text)
                    found.setdefault((hit.article.article_id, base + end), sentence)
        return list(found.values())

    def _choose(self, found: Sequence[_Sentence], bearing: Vectors, most: int) -> list[_Sentence]:
        """Take the best sentence that repeats least, again and again."""
        if not found:
            return []
        vectors = self._encoder.passages([s.text for s in found])
        head = np.array([1.0 / (1.0 + s.start / 200.0) for s in found], np.float32)
        central = _scaled(vectors @ vectors.mean(axis=0))
        worth = bearing + self.limits.digest_lead * head + (1.0 - self.limits.digest_lead) * central
        alike = vectors @ vectors.T
        floor = float(alike.min())
        alike = (alike - floor) / max(1.0 - floor, 1e-6)
        left, taken = list(range(len(found))), list[int]()
        while left and len(taken) < most:
            repeats = [max((alike[i, j] for j in taken), default=0.0) for i in left]
            gains = [
                self.limits.digest_worth * worth[i] - (1.0 - self.limits.digest_worth) * again
                for i, again in zip(left, repeats, strict=True)
            ]
            taken.append(left.pop(int(np.argmax(gains))))
        return self._on_a_screen([found[i] for i in taken])

    def _on_a_screen(self, chosen: Sequence[_Sentence]) -> list[_Sentence]:
        """The first sentences chosen, as many as fit the limit on the whole."""
        limits, lengths = self.limits, accumulate(_width(sentence.text) for sentence in chosen)
        return [
            sentence
            for number, (sentence, length) in enumerate(zip(chosen, lengths, strict=True))
            if number < limits.digest_least or length <= limits.digest_letters
        ]


def _beside_name(sentence: _Sentence, subject: str, reading: Reading) -> tuple[Place | None, float]:
    """The place of a reading without the name that it adjoins, and the reader's share.

    No place where it goes on on both sides of the name; no share where it stands apart.
    """
    named = named_at(sentence.text, subject, sentence.article.language)
    if named is None:
        return None, 0.0
    first, last = sorted([named, (reading.start, reading.end)])
    if any(map(str.isalnum, sentence.text[first[1] : last[0]])):
        return None, 0.0
    before = (reading.start, min(reading.end, named[0]))
    after = (max(reading.start, named[1]), reading.end)
    rest = [(a, b) for a, b in (before, after) if sum(map(str.isalnum, sentence.text[a:b])) > 1]
    if len(rest) != 1:
        return None, reading.probability
    article = sentence.article
    place = Place(sentence.text, *rest[0], article.language, article.published, is_event=False)
    return place, reading.probability


def _width(text: str) -> int:
    """The letters of a text, those as wide as two Latin ones counted twice."""
    return sum(1 + (east_asian_width(letter) in "WF") for letter in text)


def _numbered(chosen: Sequence[_Sentence]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(number, s.article, s.start, s.end, s.text, 1.0)
        for number, s in enumerate(chosen, start=1)
    )


def _days_of(hit: Hit) -> list[Moment]:
    article = hit.article
    return dates(hit.passage.text, published_day(article.published), article.language)


def _within(period: Filter, moment: Moment) -> bool:
    if moment.earliest is None or moment.latest is None:
        return False
    first, last = moment.earliest.isoformat(), moment.latest.isoformat()
    return (period.since or first) <= first and last <= (period.until or last)


def _scaled(values: Vectors) -> Vectors:
    low, high = float(values.min()), float(values.max())
    return ((values - low) / (high - low) if high > low else np.ones_like(values)).astype(
        np.float32
    )
