"""Ask a language model for claims over numbered quotes, and check each line as it is finished."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from konkyo.index.errors import LLMError
from konkyo.index.text.language import same_language
from konkyo.rag.generation.llm import LLM, Usage, Written
from konkyo.rag.generation.output_format import Draft, parse_line, split_lines, whole
from konkyo.rag.generation.prompts import Prompt, claims_prompt, repair_prompt, without_hint
from konkyo.rag.messages import notice_text, removed_text
from konkyo.rag.outcome import OutcomeBuilder
from konkyo.rag.retrieval.evidence import Span
from konkyo.rag.retrieval.search import Found
from konkyo.rag.short_answer.place import Place
from konkyo.rag.thresholds import Thresholds
from konkyo.rag.types import (
    Claim,
    ClaimChecked,
    ClaimDrafted,
    ClaimRemoved,
    Event,
    Evidence,
    Removed,
)
from konkyo.rag.verification.answer_place import hint
from konkyo.rag.verification.verifier import DraftedClaim, Verifier

__all__ = ["Drafter"]

_BETTER_QUOTED = frozenset({"off_question", "relation"})
"""Faults that the quote itself mends better than another try."""


@dataclass(frozen=True, slots=True)
class Drafter:
    """One model and the verifier that decides which of its sentences are shown."""

    llm: LLM
    verifier: Verifier
    thresholds: Thresholds
    quotes_read: int
    max_tokens: int

    def draft(
        self, found: Found, building: OutcomeBuilder, short: Place | None = None
    ) -> Iterator[Event]:
        """Ask once, and once more to repair where nothing passed; adds what passes to the outcome.

        The first sentence must say what ``short`` holds. A notice tells of a model that fails or
        writes nothing.

        A sentence that is true but answers something else is not repaired, nor is one that puts
        the quote's words into another relation or is about quotes in another language: the quote
        itself is the better answer.
        """
        asked = building.asked
        evidence = self._read(found, one_fact=asked.asks_one_fact)
        prompt = claims_prompt(
            # A follow-up as it was searched, with the question before it: read alone it is unclear.
            asked.searched,
            evidence,
            asked.language,
            hint(found.selection.spans, self.thresholds),
            lines=1 if found.places and asked.asks_one_fact else 2,
        )
        try:
            wrote = yield from self._attempt(prompt, evidence, found.places, short, building)
            if not wrote:
                building.notices.append(notice_text("llm_silent", asked.language))
            failed = next(
                (r for r in reversed(building.removed) if r.reason not in _BETTER_QUOTED), None
            )
            own = any(same_language(e.article.language, asked.language) for e in evidence)
            if not building.claims and failed is not None and own:
                why = removed_text(failed.reason, asked.language)
                again = repair_prompt(prompt, failed.text, why, asked.language)
                yield from self._attempt(again, evidence, found.places, short, building)
        except LLMError:
            building.notices.append(
                notice_text("llm_stopped" if building.claims else "llm_unavailable", asked.language)
            )

    def _read(self, found: Found, *, one_fact: bool) -> tuple[Evidence, ...]:
        """The quotes the model gets: fewer, where one fact is asked for and its place is sure."""
        evidence = found.evidence
        if not found.places or not one_fact:
            return evidence
        least = self.thresholds.read_near_best * evidence[0].score
        near = sum(e.score >= least for e in evidence)
        return evidence[: max(1, min(near, self.quotes_read))]

    def _attempt(
        self,
        prompt: Prompt,
        evidence: Sequence[Evidence],
        places: Sequence[Span],
        short: Place | None,
        building: OutcomeBuilder,
    ) -> Generator[Event, None, bool]:
        """Ask once and check each sentence; returns whether the model wrote anything."""
        usage, written = Usage(), Written()
        pieces = self.llm.stream(prompt, max_tokens=self.max_tokens, usage=usage)
        with closing(split_lines(written.noted(pieces))) as lines:
            for draft in _sentences(lines, prompt, building):
                yield ClaimDrafted(draft.text)
                with building.timings.stage("verify"):
                    event = self._checked(draft, evidence, places, short, building)
                yield event
        building.usage.add(usage)
        return written.anything

    def _checked(
        self,
        draft: Draft,
        evidence: Sequence[Evidence],
        places: Sequence[Span],
        short: Place | None,
        building: OutcomeBuilder,
    ) -> Event:
        claim = DraftedClaim(
            draft.text,
            draft.citations,
            evidence,
            building.asked.standalone,
            building.asked.language,
            places=places,
            short=short,
            before=tuple(c.text for c in building.claims),
            one_fact=building.asked.asks_one_fact,
        )
        verdict = self.verifier.check(claim)
        if verdict.reason is not None:
            removed = Removed(draft.text, verdict.reason, verdict.detail, verdict.unsupported)
            building.removed.append(removed)
            return ClaimRemoved(removed)
        shown = Claim(draft.text, self.verifier.proofs(claim), round(verdict.support, 4))
        building.claims.append(shown)
        return ClaimChecked(shown)


def _sentences(lines: Iterator[str], prompt: Prompt, building: OutcomeBuilder) -> Iterator[Draft]:
    """Each line as a claim, without our own words and without the beginning of a next sentence.

    Left out are repetitions and bare places of the answer: the quote that holds one is better.
    """
    while True:
        with building.timings.stage("generate"):
            line = next(lines, None)
        if line is None:
            return
        draft = parse_line(line, building.asked.language)
        if draft is None:
            continue
        text = whole(without_hint(draft.text))
        if len(text) >= prompt.least and all(text != c.text for c in building.claims):
            yield replace(draft, text=text)
