"""Search and read: from a question to quotes, and how surely they answer."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import date

from konkyo.index.embedding.protocol import Encoder
from konkyo.index.records import ArticleSummary, Filter, Hit
from konkyo.index.text.language import same_language
from konkyo.rag.conversation import said_anew
from konkyo.rag.messages import notice_text
from konkyo.rag.planned import AskedTime, asks_for_plan, time_asked_of
from konkyo.rag.question import AskedQuestion
from konkyo.rag.question_budget import readable
from konkyo.rag.reading.answerability import asked_for, terms
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.retrieval.asked_period import narrowed
from konkyo.rag.retrieval.corrections import correcting, superseded, without_superseded
from konkyo.rag.retrieval.evidence import Selection, SelectionLimits, Sentences, Span, about, select
from konkyo.rag.retrieval.hybrid import Retriever
from konkyo.rag.retrieval.prompt_injection import without_commands
from konkyo.rag.retrieval.spelling import Spelling
from konkyo.rag.thresholds import Thresholds
from konkyo.rag.timings import Timings
from konkyo.rag.types import Event, Evidence, EvidenceReady
from konkyo.rag.verification.answer_place import anchors

__all__ = ["Decide", "Found", "Search", "asked_time", "reader_alone"]

Decide = Callable[[str, str, Selection, Sequence[Hit]], float]
"""Question, its language, quotes and passages to the share that they answer."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave: quotes, the share that they answer, and the nearest articles.

    ``places`` are where the reader is sure to see the answer, surest first; ``where`` is what was
    searched.
    """

    hits: tuple[Hit, ...]
    selection: Selection
    share: float
    related: tuple[ArticleSummary, ...]
    places: tuple[Span, ...]
    where: Filter = Filter()

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The quotes, best first."""
        return self.selection.evidence


_Read = tuple[Found, tuple[str, ...]]
"""What was found, and the notices."""
_Tried = tuple[AskedQuestion, Found, tuple[str, ...]]
"""A form of a question, what was found for it, and the notices."""


class Search:
    """Finds and reads passages for a question. Safe to share by threads."""

    def __init__(
        self,
        retriever: Retriever,
        encoder: Encoder,
        *,
        sentences: Sentences,
        reader: Reader | None,
        decide: Decide,
        limits: SelectionLimits,
        thresholds: Thresholds,
    ) -> None:
        self.retriever = retriever
        self.encoder = encoder
        self._sentences = sentences
        self._reader = reader
        self._decide = decide
        self._limits = limits
        self._thresholds = thresholds
        self._spelling = Spelling(thresholds)

    def over(self, retriever: Retriever) -> Search:
        """The same search with the passages of another retriever."""
        return Search(
            retriever,
            self.encoder,
            sentences=self._sentences,
            reader=self._reader,
            decide=self._decide,
            limits=self._limits,
            thresholds=self._thresholds,
        )

    def answering_from(self, share: float) -> Search:
        """The same search where quotes answer from another share on."""
        other = copy(self)
        other._thresholds = replace(self._thresholds, answerable=share)
        return other

    def find(
        self, asked: AskedQuestion, where: Filter, top_k: int, today: date, timings: Timings
    ) -> Generator[Event, None, tuple[AskedQuestion, Found, tuple[str, ...]]]:
        """Search as it is asked; if nothing answers, in its context or in the articles' spelling.

        Yields the quotes as soon as they are there; returns the question that was searched, what
        was found and the notices.
        """
        first: _Tried | None = None
        for forms, notice in self._forms(asked):
            tried: list[_Tried] = []
            for form in forms:
                events = self._in_period(form, where, top_k, today, timings)
                # What answers the question before is no answer, and is not told as a likely one.
                found, told = yield from (_unlikely(events) if asked.led_by else events)
                if self._answers_before(asked, form, found):
                    found = replace(found, share=0.0)
                tried.append((form, found, (*told, *notice)))
            best = max(tried, key=lambda one: one[1].share)
            if best is not tried[-1] or asked.led_by:
                yield self._told(best[1], best[0])
            if best[1].share >= self._thresholds.answerable:
                return best
            first = first or best
        assert first is not None
        if best is not first:
            yield self._told(first[1], first[0])
        return first

    def _forms(
        self, asked: AskedQuestion
    ) -> Iterator[tuple[tuple[AskedQuestion, ...], tuple[str, ...]]]:
        """Forms of a question to try, group after group, each with its notice.

        A follow-up put behind the question before it is two questions, of which a reader may
        answer either: it is read alone, too, and in other words. One that seems complete may lean
        on what was before.
        """
        if asked.led_by:
            others = [asked.put_as(form) for form in asked.other_forms]
            yield (asked.in_context, *others, asked), ()
        else:
            yield (asked,), ()
            if asked.before:
                yield (asked.in_context,), ()
        spelt = self._spelling.corrected(self.retriever.store, asked.standalone)
        if spelt != asked.standalone:
            told = notice_text("searched_for", asked.language, words=spelt)
            yield (asked.put_as(spelt),), (told,)

    def _answers_before(self, asked: AskedQuestion, form: AskedQuestion, found: Found) -> bool:
        """Whether a form of a follow-up is answered where the question before it is.

        Not where it is read alone, nor in other words where the quote holds what is new in them.
        """
        before, spans, limits = asked.led_by, found.selection.spans, self._thresholds
        unsure = not spans or found.share < limits.answerable
        if self._reader is None or not before or form.standalone == asked.text or unsure:
            return False
        place = next((s for s in spans if s.within(found.evidence[0])), spans[0])
        new = said_anew(asked.text, before)
        if form is not asked and new & terms(found.evidence[0].text):
            return False
        for hit in found.hits:
            start, end = hit.passage.start, hit.passage.end
            if place.begins_in(hit.article.article_id, start, end):
                read = self._reader.answers(before, [hit.passage.text], [about(hit)])[0]
                meets = start + read.start < place.end and place.start < start + read.end
                return meets and read.probability >= limits.conflict_place
        return False

    def _in_period(
        self, asked: AskedQuestion, where: Filter, top_k: int, today: date, timings: Timings
    ) -> Generator[Event, None, _Read]:
        """Search within the period the question names, then, if nothing there answers, openly."""
        within, period = narrowed(asked.text, where, today)
        if not period:
            return (yield from self._both_ways(asked, where, top_k, timings)), ()
        found = yield from self._both_ways(asked, within, top_k, timings)
        if found.evidence and found.share >= self._thresholds.answerable:
            return found, (notice_text("filter_applied", asked.language, period=period),)
        found = yield from self._both_ways(asked, where, top_k, timings)
        return found, (notice_text("filter_opened", asked.language),)

    def _both_ways(
        self, asked: AskedQuestion, where: Filter, top_k: int, timings: Timings
    ) -> Generator[Event, None, Found]:
        """Search all articles; those in other languages once more where disagreement is asked for.

        What is found is told at once; what replaces it, again.
        """
        found = self._once(asked, where, top_k, timings)
        if found.evidence:
            yield self._told(found, asked)
        own = asked.language
        if not asked.asks_if_they_differ or where.languages:
            return found
        if not any(same_language(a.language, own) for a in found.related):
            return found
        others = replace(where, other_languages_than=frozenset({own}))
        found = self._joined(found, self._once(asked, others, top_k, timings))
        if found.evidence:
            yield self._told(found, asked)
        return found

    def _told(self, found: Found, asked: AskedQuestion) -> EvidenceReady:
        likely = found.share >= self._thresholds.answerable
        return EvidenceReady(found.evidence, asked.language, likely)

    def _once(self, asked: AskedQuestion, where: Filter, top_k: int, timings: Timings) -> Found:
        with timings.stage("retrieve"):
            # Twice as many: what is left out leaves its place to the next, as if it were not there.
            nearest = self.retriever.retrieve(asked.searched, 2 * top_k, where, asked.language)
            hits = without_commands(readable(nearest))
        with timings.stage("read"):
            selection = self._select(asked, hits)
            left = without_superseded(hits, self._answering(hits, selection))
            if len(left) < len(hits):
                hits, selection = left, self._select(asked, left)
        timings.reach("first_evidence")
        with timings.stage("read"):
            share = 0.0
            if selection.evidence:
                share = self._decide(asked.standalone, asked.language, selection, hits)
        related = tuple(dict.fromkeys(h.article for h in hits))[: self._thresholds.related]
        places = anchors(selection.spans, self._thresholds)
        return Found(tuple(hits), selection, share, related, places, where)

    def wider(self, asked: AskedQuestion, where: Filter) -> Sequence[Hit]:
        """More passages than are read, for counting the articles that give an answer.

        Those of articles whose correction answers are left out; corrections alone are read for it.
        """
        most = self._thresholds.conflict_counted
        hits = without_commands(readable(self.retriever.retrieve(asked.searched, most, where)))
        named = correcting(hit.article for hit in hits)
        corrections = [hit for hit in hits if hit.article.article_id in named]
        if not corrections:
            return hits
        answering = self._answering(corrections, self._select(asked, corrections))
        return without_superseded(hits, answering)

    def _select(self, asked: AskedQuestion, hits: Sequence[Hit]) -> Selection:
        return select(
            asked.standalone,
            hits,
            encoder=self.encoder,
            sentences=self._sentences,
            reader=self._reader,
            language=asked.language,
            limits=self._limits,
            thresholds=self._thresholds,
            time=asked_time(asked.standalone, asked.language),
        )

    def _answering(self, hits: Sequence[Hit], selection: Selection) -> set[str]:
        """The articles that hold an answer: where the reader is sure, or the nearest of all."""
        if self._reader is None:
            return {hit.article.article_id for hit in hits[:1]}
        return {place.article_id for place in anchors(selection.spans, self._thresholds)}

    def _joined(self, one: Found, two: Found) -> Found:
        """The best quotes of two searches, each once, numbered anew."""
        chosen: dict[tuple[str, int], Evidence] = {}
        most = self._thresholds.differing_quotes
        hits = sorted([*one.hits, *two.hits], key=lambda h: -h.score)
        answering = self._answering(one.hits, one.selection)
        answering |= self._answering(two.hits, two.selection)
        passed_over = superseded((hit.article for hit in hits), answering)
        for found in (one, two):
            left = [e for e in found.evidence if e.article.article_id not in passed_over]
            for quote in left[:most]:
                chosen.setdefault((quote.article.article_id, quote.end), quote)
        evidence = tuple(replace(e, number=n) for n, e in enumerate(chosen.values(), start=1))
        both = sorted([*one.selection.spans, *two.selection.spans], key=lambda s: -s.share)
        spans = [span for span in both if span.article_id not in passed_over]
        return Found(
            tuple(hit for hit in hits if hit.article.article_id not in passed_over),
            replace(one.selection, evidence=evidence, spans=tuple(spans)),
            max(one.share, two.share),
            tuple(dict.fromkeys([*one.related, *two.related]))[: self._thresholds.related],
            anchors(spans, self._thresholds),
            one.where,
        )


def _unlikely(events: Generator[Event, None, _Read]) -> Generator[Event, None, _Read]:
    """The same events and result, with no quotes told as a likely answer."""
    while True:
        try:
            event = next(events)
        except StopIteration as done:
            read: _Read = done.value
            return read
        yield replace(event, likely=False) if isinstance(event, EvidenceReady) else event


def asked_time(question: str, language: str) -> AskedTime | None:
    """Whether the day that is asked for has passed or is to come; None: either, or no day is."""
    if asked_for(question) != "date":
        return None
    time = time_asked_of(question, language)
    return None if time == "past" and asks_for_plan(question, language) else time


def reader_alone(thresholds: Thresholds) -> Decide:
    """Without a fitted model: the reader's best probability, or the best passage's cosine."""
    low, high = thresholds.cosine_unanswered, thresholds.cosine_answered

    def share(question: str, language: str, selection: Selection, hits: Sequence[Hit]) -> float:
        if selection.answerable is not None:
            return selection.answerable
        best = max((h.dense for h in hits if h.dense is not None), default=0.0)
        return min(1.0, max(0.0, (best - low) / (high - low)))

    return share
