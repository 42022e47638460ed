"""From a question to an Answer or a Refusal: retrieve, choose evidence, draft, verify."""

from __future__ import annotations

import copy
import hashlib
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from typing import Protocol, Self

from index.errors import LLMError
from index.periods import period_in_question
from index.protocols import Encoder, Store
from index.records import Article, ArticleSummary, Filter, Hit
from rag.anchor import agrees, anchors, hint
from rag.chat import Turn, standalone
from rag.claims import Draft, display_text, parse_line, split_lines, whole
from rag.commands import without_commands
from rag.conflict import asks_whether_they_differ, conflicting
from rag.evidence import Reader, Selection, SelectionLimits, Span, select
from rag.judge import asked_for
from rag.llm import LLM, Usage
from rag.messages import notice_text, refusal_text, removed_text
from rag.outcomes import (
    Answer,
    Citation,
    Claim,
    ClaimChecked,
    ClaimDrafted,
    ClaimRemoved,
    Event,
    Evidence,
    EvidenceReady,
    Finished,
    Outcome,
    Refusal,
    RefusalReason,
    Removed,
)
from rag.premise import Otherwise, told_otherwise
from rag.prompt import Prompt, claims_prompt, repair_prompt, without_hint
from rag.relation import Phrasing
from rag.remembered import Remembered
from rag.retrieve import FusionWeights, Retriever
from rag.verify import Verdict, Verifier

__all__ = ["PROMPT_VERSION", "Options", "Pipeline"]

PROMPT_VERSION = 3
_EVERYTHING = Filter()
_QUOTED = frozenset({"off_question", "relation"})
"""Faults that the quote itself mends better than another try."""


@dataclass(frozen=True, slots=True)
class Options:
    """What may be turned: how many passages, how sure one must be before anything is said.

    ``answerable`` is the share below which nothing is asked of the model: "answers" of
    ``rag/calibration.json`` names the data it is fitted on. ``quotes_alone`` is the share from
    which the quotes may stand as the answer when no sentence of the model passed.
    ``bearing`` is the reader's share below which a second sentence is beside the question.
    ``quotes_read`` is how many quotes the model gets of a question that asks for one fact whose
    place the reader is sure of; a shorter prompt is read sooner and misleads less.
    ``abroad``: where the articles found do not answer, those in other languages are searched once
    more, and what is found there answers from this share; 1: never (``benchmarks/LOG.md`` says why).
    """

    top_k: int = 8
    answerable: float = 0.5
    abroad: float = 1.0
    quotes_alone: float = 0.5
    quotes_shown: int = 2
    quotes_read: int = 3
    bearing: float = 0.2
    max_tokens: int = 200
    limits: SelectionLimits = field(default_factory=SelectionLimits)
    fusion: FusionWeights = field(default_factory=FusionWeights)


class _Judge(Protocol):
    def __call__(self, question: str, selection: Selection, hits: Sequence[Hit]) -> float: ...


@dataclass(frozen=True, slots=True)
class _Found:
    """What a search gave: quotes, how sure it is that they answer, and the nearest articles.

    ``places`` are where the reader is sure to see the answer.
    """

    hits: tuple[Hit, ...]
    selection: Selection
    sure: float
    related: tuple[ArticleSummary, ...]
    places: tuple[Span, ...]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The quotes, best first."""
        return self.selection.evidence


class _Clock:
    """Milliseconds since the start, named stage by stage."""

    def __init__(self) -> None:
        self._start = self._last = time.perf_counter()
        self.stages: dict[str, float] = {
            "retrieve": 0.0,
            "first_evidence": 0.0,
            "generate": 0.0,
            "verify": 0.0,
            "total": 0.0,
        }

    def since_start(self, name: str) -> None:
        self.stages[name] = round((time.perf_counter() - self._start) * 1000, 1)

    def add(self, name: str, seconds: float) -> None:
        self.stages[name] = round(self.stages[name] + seconds * 1000, 1)


class Pipeline:
    """Answers questions over one store. Safe to share by threads; holds no conversation."""

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        llm: LLM,
        *,
        verifier: Verifier,
        detect: Callable[[str], str],
        sentences: Callable[[str, str | None], list[tuple[int, int]]],
        reader: Reader | None = None,
        judge: _Judge | None = None,
        phrasing: Phrasing | None = None,
        options: Options | None = None,
        models: str = "",
    ) -> None:
        self._renewing = threading.Lock()
        self.store = store
        self.llm = llm
        self.options = options or Options()
        self._encoder = Remembered(encoder)
        self._verifier = verifier
        self._detect = detect
        self._sentences = sentences
        self.reader = reader
        self.supporter = verifier.supporter
        self._judge = judge or _reader_alone
        self.phrasing = phrasing
        self._models = models
        self.retriever = Retriever(store, encoder, self.options.fusion)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that name store, models, prompt and options."""
        parts = (
            self.store.fingerprint,
            str(self.store.generation),
            self.llm.name,
            self._models,
            str(PROMPT_VERSION),
            repr(self.options),
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]

    def refresh(self) -> bool:
        """Answer from the newest generation of the store from now on; say whether it changed.

        A question under way is answered from the generation it began with.
        """
        with self._renewing:
            store = self.store.renewed()
            if store is self.store:
                return False
            self.retriever = self.retriever.over(store)
            self.store = store
            return True

    def held(self) -> Self:
        """This pipeline at the generation of now, whatever becomes of the index meanwhile."""
        with self._renewing:
            return copy.copy(self)

    def article(self, article_id: str) -> Article:
        """One whole article. Raises ArticleMissing."""
        return self.store.article(article_id)

    def ask(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        where: Filter = _EVERYTHING,
        top_k: int | None = None,
        language: str | None = None,
        today: date | None = None,
    ) -> Outcome:
        """The outcome alone."""
        outcome: Outcome | None = None
        events = self.stream(
            question, history=history, where=where, top_k=top_k, language=language, today=today
        )
        for event in events:
            if isinstance(event, Finished):
                outcome = event.outcome
        assert outcome is not None
        return outcome

    def stream(
        self,
        question: str,
        *,
        history: Sequence[Turn] = (),
        where: Filter = _EVERYTHING,
        top_k: int | None = None,
        language: str | None = None,
        today: date | None = None,
    ) -> Iterator[Event]:
        """Events in order: evidence, then each sentence drafted and checked, then the outcome.

        A period the question names ("last week", 昨年12月) narrows the search where ``where``
        names none; if nothing in it answers, all dates are searched and a notice says so.
        ``today`` is for tests; ``history`` makes sense of a follow-up. All of it is of one
        generation of the index.
        """
        yield from self.held()._stream(question, history, where, top_k, language, today)

    def _stream(
        self,
        question: str,
        history: Sequence[Turn],
        where: Filter,
        top_k: int | None,
        language: str | None,
        today: date | None,
    ) -> Iterator[Event]:
        clock = _Clock()
        question = " ".join(question.split())
        language = language or self._detect(question)
        run = _Run(self, question, standalone(question, history), language, clock)
        found = yield from self._find(
            run, where, top_k or self.options.top_k, today or date.today()
        )
        if not found.evidence:
            empty = next(iter(self.store.articles(Filter())), None) is None
            yield Finished(run.refuse("empty_index" if empty else "no_evidence", ()))
            return
        otherwise = self._otherwise(run, found)
        if otherwise is not None:
            if otherwise.quote not in found.evidence:
                others = (replace(e, number=e.number + 1) for e in found.evidence)
                yield EvidenceReady((otherwise.quote, *others), language)
            yield from run.correct(otherwise)
            yield Finished(run.answer([otherwise.quote]))
            return
        if found.sure < self.options.answerable:
            yield Finished(run.refuse("weak_evidence", found.related))
            return
        yield from run.dispute(found.selection)
        if not run.claims:
            yield from run.draft(found)
        if not run.claims and found.sure >= self.options.quotes_alone:
            yield from run.quote(found)
        if run.claims:
            yield Finished(run.answer(found.evidence))
        else:
            yield Finished(run.refuse("unsupported", found.related))

    def _otherwise(self, run: _Run, found: _Found) -> Otherwise | None:
        """What the question takes for granted and an article tells otherwise."""
        if self.reader is None:
            return None
        told = told_otherwise(
            run.standalone,
            run.language,
            found.hits,
            reader=self.reader,
            sentences=self._sentences,
        )
        if told is None:
            return None
        quote = next((e for e in found.evidence if _holds(e, told.quote)), None)
        return replace(told, quote=quote or replace(told.quote, number=1))

    def _find(
        self, run: _Run, where: Filter, top_k: int, today: date
    ) -> Generator[Event, None, _Found]:
        """Search within the period the question names, then, if nothing there answers, openly."""
        period = None
        if where.since is None and where.until is None:
            period = period_in_question(run.question, today, run.language)
        if period is not None:
            within = replace(where, since=period.since, until=period.until)
            found = yield from self._everywhere(run, within, top_k)
            if found.evidence and found.sure >= self.options.answerable:
                span = f"{period.since or ''}–{period.until or ''}"
                run.notices.append(notice_text("filter_applied", run.language, period=span))
                return found
            run.notices.append(notice_text("filter_opened", run.language))
        return (yield from self._everywhere(run, where, top_k))

    def _everywhere(self, run: _Run, where: Filter, top_k: int) -> Generator[Event, None, _Found]:
        """Search all articles and, where these do not answer, those in other languages once more.

        Articles about the same matter in the question's language crowd out the one that says it
        (``benchmarks/abroad.py``). Whether articles differ is looked for in both. What is found
        is told at once; what replaces it, again.
        """
        found = self._search(run, where, top_k)
        if found.evidence:
            yield EvidenceReady(found.evidence, run.language)
        silent = found.sure < self.options.answerable
        wanted = run.differ or (self.options.abroad < 1 and silent)
        if not wanted or where.languages or all(a.language != run.language for a in found.related):
            return found
        others = replace(where, other_languages_than=frozenset({run.language}))
        abroad = self._search(run, others, top_k)
        if run.differ:
            found = _both(found, abroad)
        elif abroad.sure >= max(self.options.abroad, self.options.answerable):
            found = abroad
        else:
            return found
        if found.evidence:
            yield EvidenceReady(found.evidence, run.language)
        return found

    def _search(self, run: _Run, where: Filter, top_k: int) -> _Found:
        # Twice as many: what is left out leaves its place to the next, as if it were not there.
        hits = without_commands(self.retriever.retrieve(run.standalone, 2 * top_k, where))[:top_k]
        run.clock.since_start("retrieve")
        selection = select(
            run.standalone,
            hits,
            encoder=self._encoder,
            sentences=self._sentences,
            reader=self.reader,
            limits=self.options.limits,
        )
        if not run.clock.stages["first_evidence"]:
            run.clock.since_start("first_evidence")
        sure = self._judge(run.standalone, selection, hits) if selection.evidence else 0.0
        related = tuple(dict.fromkeys(h.article for h in hits))[:3]
        return _Found(tuple(hits), selection, sure, related, anchors(selection.spans))

    def check(
        self, draft: Draft, evidence: Sequence[Evidence], question: str, language: str
    ) -> Verdict:
        """One verdict of the verifier; the run times it."""
        return self._verifier.check(draft, evidence, question=question, language=language)

    def relates(
        self, draft: Draft, evidence: Sequence[Evidence], question: str, language: str
    ) -> bool:
        """Whether a supported claim keeps the relations of what it cites."""
        cited = [e for e in evidence if e.number in draft.citations]
        return self.phrasing is None or self.phrasing(
            draft.text, cited, question=question, language=language
        )


def _both(one: _Found, two: _Found) -> _Found:
    """The best quotes of two searches, each once, numbered anew."""
    chosen: dict[tuple[str, int], Evidence] = {}
    for quote in [*one.evidence[:3], *two.evidence[:3]]:
        chosen.setdefault((quote.article.article_id, quote.end), quote)
    evidence = tuple(replace(e, number=n) for n, e in enumerate(chosen.values(), start=1))
    spans = sorted([*one.selection.spans, *two.selection.spans], key=lambda s: -s.share)
    selection = replace(one.selection, evidence=evidence, spans=tuple(spans))
    related = tuple(dict.fromkeys([*one.related, *two.related]))[:3]
    hits = tuple(sorted([*one.hits, *two.hits], key=lambda h: -h.score))
    return _Found(hits, selection, max(one.sure, two.sure), related, anchors(spans))


def _holds(one: Evidence, other: Evidence) -> bool:
    same = one.article.article_id == other.article.article_id
    return same and one.start <= other.start and other.end <= one.end


def _reader_alone(question: str, selection: Selection, hits: Sequence[Hit]) -> float:
    """Without a fitted judge: the reader's best probability, or the best hit's cosine."""
    if selection.answerable is not None:
        return selection.answerable
    best = max((h.dense for h in hits if h.dense is not None), default=0.0)
    return min(1.0, max(0.0, (best - 0.78) / 0.1))


class _Run:
    """One question on its way: what passed, what was removed, what must be said about it."""

    def __init__(
        self, pipeline: Pipeline, question: str, alone: str, language: str, clock: _Clock
    ) -> None:
        self._pipeline = pipeline
        self.question = question
        self.standalone, self.differ = asks_whether_they_differ(alone)
        self.one_fact = asked_for(self.standalone) is not None
        self.language = language
        self.clock = clock
        self.claims: list[Claim] = []
        self.removed: list[Removed] = []
        self.notices: list[str] = []
        self.usage = Usage()

    def dispute(self, selection: Selection) -> Iterator[Event]:
        """Where articles answer differently, each in its own words; the model is not asked."""
        told = conflicting(
            self.standalone,
            selection.spans,
            selection.evidence,
            self._pipeline.supporter,
            differ=self.differ,
        )
        for item, _ in told:
            yield from self._as_quoted(item)
        if told:
            between = "; ".join(f"{text} ({_origin(e)})" for e, text in told)
            self.notices.append(notice_text("conflict", self.language, told=between))

    def correct(self, otherwise: Otherwise) -> Iterator[Event]:
        """Name what the question takes for granted; the article's own words say what is so."""
        asked, told = otherwise.asked, otherwise.told
        key = "premise" if told else "premise_unwon"
        self.notices.append(notice_text(key, self.language, asked=asked, told=told))
        yield from self._as_quoted(otherwise.quote)

    def draft(self, found: _Found) -> Iterator[Event]:
        """Ask the model, check each line as it is finished; repair once if nothing passed.

        A sentence that is true but answers something else is not repaired, nor is one that puts
        the quote's words into another relation or is about quotes in another language: the quote
        itself is the better answer.
        """
        evidence = self._read(found)
        prompt = claims_prompt(
            self.standalone,
            evidence,
            self.language,
            hint(found.selection.spans),
            lines=1 if found.places and self.one_fact else 2,
        )
        try:
            yield from self._attempt(prompt, evidence, found.places)
            failed = next((r for r in reversed(self.removed) if r.reason not in _QUOTED), None)
            own = any(e.article.language == self.language for e in evidence)
            if not self.claims and failed is not None and own:
                why = removed_text(failed.reason, self.language)
                again = repair_prompt(prompt, failed.text, why, self.language)
                yield from self._attempt(again, evidence, found.places)
        except LLMError:
            key = "llm_stopped" if self.claims else "llm_unavailable"
            self.notices.append(notice_text(key, self.language))

    def _read(self, found: _Found) -> tuple[Evidence, ...]:
        """The quotes the model gets: fewer, where one fact is asked for and its place is sure."""
        evidence = found.evidence
        if not found.places or not self.one_fact:
            return evidence
        near = sum(e.score >= 0.6 * evidence[0].score for e in evidence)
        return evidence[: max(1, min(near, self._pipeline.options.quotes_read))]

    def _attempt(
        self, prompt: Prompt, evidence: Sequence[Evidence], places: Sequence[Span]
    ) -> Iterator[Event]:
        start = time.perf_counter()
        verifying = 0.0
        usage = Usage()
        pieces = self._pipeline.llm.stream(
            prompt, max_tokens=self._pipeline.options.max_tokens, usage=usage
        )
        for line in split_lines(pieces):
            draft = parse_line(line)
            if draft is None:
                continue
            draft = replace(draft, text=whole(without_hint(draft.text)))
            # A bare place of the answer is no sentence: the quote that holds it is better.
            if len(draft.text) < prompt.least or any(draft.text == c.text for c in self.claims):
                continue
            yield ClaimDrafted(draft.text)
            began = time.perf_counter()
            verdict = self._pipeline.check(draft, evidence, self.standalone, self.language)
            answers = agrees(draft.text, places, self.language)
            if verdict.reason is None and answers is False and (self.one_fact or not self.claims):
                verdict = Verdict(verdict.support, "off_question", places[0].text)
            elif verdict.reason is None and self.claims and not self._bears_on(draft.text):
                verdict = Verdict(verdict.support, "off_question")
            elif verdict.reason is None and not self._pipeline.relates(
                draft, evidence, self.standalone, self.language
            ):
                verdict = Verdict(verdict.support, "relation")
            proofs = self._proofs(draft, evidence) if verdict.reason is None else ()
            verifying += time.perf_counter() - began
            if verdict.reason is None:
                claim = Claim(draft.text, proofs, round(verdict.support, 4))
                self.claims.append(claim)
                yield ClaimChecked(claim)
            else:
                removed = Removed(draft.text, verdict.reason, verdict.detail)
                self.removed.append(removed)
                yield ClaimRemoved(removed)
        self.usage.add(usage)
        self.clock.add("verify", verifying)
        self.clock.add("generate", time.perf_counter() - start - verifying)

    def _bears_on(self, text: str) -> bool:
        """Whether the reader sees an answer in a further sentence itself, however faintly.

        A small model goes on with whatever else a quote says.
        """
        reader = self._pipeline.reader
        least = self._pipeline.options.bearing
        return reader is None or reader.answers(self.standalone, [text])[0].probability >= least

    def _proofs(self, draft: Draft, evidence: Sequence[Evidence]) -> tuple[int, ...]:
        """Of a supported claim's citations, those that support it alone; all, if none does.

        A model likes to add a number that proves nothing; a reader who follows it is misled.
        """
        if len(draft.citations) == 1:
            return draft.citations
        alone = tuple(
            n
            for n in draft.citations
            if self._pipeline.check(
                Draft(draft.text, (n,)), evidence, self.standalone, self.language
            ).reason
            is None
        )
        return alone or draft.citations

    def quote(self, found: _Found) -> Iterator[Event]:
        """The best quotes as they stand; they support themselves.

        Where the reader is sure of a place, the quote that holds it comes first and alone.
        """
        if self.removed:
            self.notices.append(notice_text("quotes_only", self.language))
        evidence = found.evidence
        sure = [e for p in found.places for e in evidence if p.within(e)]
        best = evidence[0].score
        near = [e for e in evidence if e.number == 1 or e.score >= 0.7 * best]
        shown = list(dict.fromkeys(sure)) or near
        for item in shown[: self._pipeline.options.quotes_shown]:
            yield from self._as_quoted(item)

    def _as_quoted(self, item: Evidence) -> Iterator[Event]:
        claim = Claim(" ".join(item.text.split()), (item.number,), 1.0)
        self.claims.append(claim)
        yield ClaimChecked(claim)

    def answer(self, evidence: Sequence[Evidence]) -> Answer:
        """The claims that passed, with exactly the citations they use."""
        self.clock.since_start("total")
        used = {n for c in self.claims for n in c.citations}
        return Answer(
            question=self.question,
            language=self.language,
            text=display_text([(c.text, c.citations) for c in self.claims], self.language),
            claims=tuple(self.claims),
            citations=tuple(_citation(e) for e in evidence if e.number in used),
            removed=tuple(self.removed),
            notices=tuple(self.notices),
            timings_ms=self.clock.stages,
            usage=asdict(self.usage),
            fingerprint=self._pipeline.fingerprint,
        )

    def refuse(self, reason: RefusalReason, related: tuple[ArticleSummary, ...]) -> Refusal:
        """The articles do not say."""
        self.clock.since_start("total")
        return Refusal(
            question=self.question,
            language=self.language,
            reason=reason,
            text=refusal_text(reason, self.language),
            removed=tuple(self.removed),
            notices=tuple(self.notices),
            timings_ms=self.clock.stages,
            fingerprint=self._pipeline.fingerprint,
            related=related,
            usage=asdict(self.usage),
        )


def _origin(evidence: Evidence) -> str:
    """Outlet or title, and date: what tells one article from another."""
    article = evidence.article
    return ", ".join(x for x in (article.outlet or article.title, article.published) if x)


def _citation(evidence: Evidence) -> Citation:
    article = evidence.article
    return Citation(
        id=evidence.number,
        article_id=article.article_id,
        title=article.title,
        source=article.source,
        url=article.url,
        published=article.published,
        language=article.language,
        outlet=article.outlet,
        quote=evidence.text,
        start=evidence.start,
        end=evidence.end,
    )
