"""From a question to an Answer or a Refusal: retrieve, choose evidence, draft, verify."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from index.errors import LLMError
from index.protocols import Encoder, Store
from index.records import Article, ArticleSummary, Filter, Hit
from rag.claims import Draft, display_text, parse_line, split_lines
from rag.evidence import Reader, Selection, SelectionLimits, select
from rag.llm import LLM
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
from rag.prompt import Prompt, claims_prompt, repair_prompt
from rag.retrieve import FusionWeights, Retriever
from rag.verify import Verdict, Verifier

__all__ = ["PROMPT_VERSION", "Options", "Pipeline"]

PROMPT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Options:
    """What may be turned: how many passages, how sure one must be before anything is said.

    ``answerable`` is the reader's probability below which nothing is asked of the model; the
    thresholds are fitted on data named in ``rag/calibration.json``.
    """

    top_k: int = 8
    answerable: float = 0.5
    quotes_alone: float = 0.5
    quotes_shown: int = 2
    max_tokens: int = 200
    limits: SelectionLimits = field(default_factory=SelectionLimits)
    fusion: FusionWeights = field(default_factory=FusionWeights)


class _Judge(Protocol):
    def __call__(self, question: str, selection: Selection, hits: Sequence[Hit]) -> float: ...


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
        options: Options | None = None,
        models: str = "",
    ) -> None:
        self.store = store
        self.llm = llm
        self.options = options or Options()
        self._encoder = encoder
        self._verifier = verifier
        self._detect = detect
        self._sentences = sentences
        self._reader = reader
        self._judge = judge or _reader_alone
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
        """Move to the newest generation of the store; say whether it changed."""
        return self.store.refresh()

    def article(self, article_id: str) -> Article:
        """One whole article. Raises ArticleMissing."""
        return self.store.article(article_id)

    def ask(
        self,
        question: str,
        *,
        where: Filter = Filter(),  # noqa: B008
        top_k: int | None = None,
        language: str | None = None,
    ) -> Outcome:
        """The outcome alone."""
        outcome: Outcome | None = None
        for event in self.stream(question, where=where, top_k=top_k, language=language):
            if isinstance(event, Finished):
                outcome = event.outcome
        assert outcome is not None
        return outcome

    def stream(
        self,
        question: str,
        *,
        where: Filter = Filter(),  # noqa: B008
        top_k: int | None = None,
        language: str | None = None,
    ) -> Iterator[Event]:
        """Events in order: evidence, then each sentence drafted and checked, then the outcome."""
        clock = _Clock()
        question = " ".join(question.split())
        language = language or self._detect(question)
        run = _Run(self, question, language, clock)
        hits = self.retriever.retrieve(question, top_k or self.options.top_k, where)
        clock.since_start("retrieve")
        selection = select(
            question,
            hits,
            encoder=self._encoder,
            sentences=self._sentences,
            reader=self._reader,
            limits=self.options.limits,
        )
        clock.since_start("first_evidence")
        if not selection.evidence:
            empty = next(iter(self.store.articles(Filter())), None) is None
            yield Finished(run.refuse("empty_index" if empty else "no_evidence", ()))
            return
        yield EvidenceReady(selection.evidence, language)
        sure = self._judge(question, selection, hits)
        related = tuple(dict.fromkeys(h.article for h in hits))[:3]
        if sure < self.options.answerable:
            yield Finished(run.refuse("weak_evidence", related))
            return
        yield from run.draft(selection.evidence)
        if not run.claims and sure >= self.options.quotes_alone:
            yield from run.quote(selection.evidence)
        if run.claims:
            yield Finished(run.answer(selection.evidence))
        else:
            yield Finished(run.refuse("unsupported", related))

    def check(
        self, draft: Draft, evidence: Sequence[Evidence], question: str, language: str
    ) -> Verdict:
        """One verdict of the verifier; the run times it."""
        return self._verifier.check(draft, evidence, question=question, language=language)


def _reader_alone(question: str, selection: Selection, hits: Sequence[Hit]) -> float:
    """Without a fitted judge: the reader's best probability, or the best hit's cosine."""
    if selection.answerable is not None:
        return selection.answerable
    best = max((h.dense for h in hits if h.dense is not None), default=0.0)
    return min(1.0, max(0.0, (best - 0.78) / 0.1))


class _Run:
    """One question on its way: what passed, what was removed, what must be said about it."""

    def __init__(self, pipeline: Pipeline, question: str, language: str, clock: _Clock) -> None:
        self._pipeline = pipeline
        self._question = question
        self._language = language
        self._clock = clock
        self.claims: list[Claim] = []
        self.removed: list[Removed] = []
        self.notices: list[str] = []

    def draft(self, evidence: Sequence[Evidence]) -> Iterator[Event]:
        """Ask the model, check each line as it is finished; repair once if nothing passed."""
        prompt = claims_prompt(self._question, evidence, self._language)
        try:
            yield from self._attempt(prompt, evidence)
            if not self.claims and self.removed:
                failed = self.removed[-1]
                why = removed_text(failed.reason, self._language)
                again = repair_prompt(prompt, failed.text, why, self._language)
                yield from self._attempt(again, evidence)
        except LLMError:
            self.notices.append(notice_text("llm_unavailable", self._language))

    def _attempt(self, prompt: Prompt, evidence: Sequence[Evidence]) -> Iterator[Event]:
        start = time.perf_counter()
        verifying = 0.0
        pieces = self._pipeline.llm.stream(prompt, max_tokens=self._pipeline.options.max_tokens)
        for line in split_lines(pieces):
            draft = parse_line(line)
            if draft is None or any(draft.text == c.text for c in self.claims):
                continue
            yield ClaimDrafted(draft.text)
            began = time.perf_counter()
            verdict = self._pipeline.check(draft, evidence, self._question, self._language)
            verifying += time.perf_counter() - began
            if verdict.reason is None:
                claim = Claim(draft.text, draft.citations, round(verdict.support, 4))
                self.claims.append(claim)
                yield ClaimChecked(claim)
            else:
                removed = Removed(draft.text, verdict.reason, verdict.detail)
                self.removed.append(removed)
                yield ClaimRemoved(removed)
        self._clock.add("verify", verifying)
        self._clock.add("generate", time.perf_counter() - start - verifying)

    def quote(self, evidence: Sequence[Evidence]) -> Iterator[Event]:
        """The best quotes as they stand; they support themselves."""
        if self.removed:
            self.notices.append(notice_text("quotes_only", self._language))
        best = evidence[0].score
        for item in evidence[: self._pipeline.options.quotes_shown]:
            if item.number > 1 and item.score < 0.7 * best:
                break
            claim = Claim(" ".join(item.text.split()), (item.number,), 1.0)
            self.claims.append(claim)
            yield ClaimChecked(claim)

    def answer(self, evidence: Sequence[Evidence]) -> Answer:
        """The claims that passed, with exactly the citations they use."""
        self._clock.since_start("total")
        used = {n for c in self.claims for n in c.citations}
        return Answer(
            question=self._question,
            language=self._language,
            text=display_text([(c.text, c.citations) for c in self.claims], self._language),
            claims=tuple(self.claims),
            citations=tuple(_citation(e) for e in evidence if e.number in used),
            removed=tuple(self.removed),
            notices=tuple(self.notices),
            timings_ms=self._clock.stages,
            fingerprint=self._pipeline.fingerprint,
        )

    def refuse(self, reason: RefusalReason, related: tuple[ArticleSummary, ...]) -> Refusal:
        """The articles do not say."""
        self._clock.since_start("total")
        return Refusal(
            question=self._question,
            language=self._language,
            reason=reason,
            text=refusal_text(reason, self._language),
            removed=tuple(self.removed),
            notices=tuple(self.notices),
            timings_ms=self._clock.stages,
            fingerprint=self._pipeline.fingerprint,
            related=related,
        )


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
