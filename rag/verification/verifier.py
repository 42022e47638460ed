"""Is a claim proved by exactly what it cites, and does it answer? All checks, in one ordered list.

Exact comparison comes first: a number, date, name, negation or quotation that the cited quotes do
not hold fails a claim outright. Then meaning, as one probability from a logistic model fitted on
data named in ``rag/calibration.json``. Then whether it is the answer that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from konkyo.index.embedding.protocol import TokenEncoder
from konkyo.index.text.language import same_language
from konkyo.rag.calibration import Calibration
from konkyo.rag.generation.output_format import Draft
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.retrieval.evidence import Span
from konkyo.rag.short_answer.place import Place
from konkyo.rag.thresholds import DEFAULT, Thresholds
from konkyo.rag.types import Evidence, RemovedReason, Stretch
from konkyo.rag.verification.answer_place import agrees, says
from konkyo.rag.verification.facts import compare
from konkyo.rag.verification.meaning import Supporter, meaning_features, unsupported_words
from konkyo.rag.verification.relation import RelationCheck
from konkyo.rag.verification.repetition import repeats
from konkyo.rag.verification.script import script_fits

__all__ = ["CHECKS", "SUPPORT", "Check", "DraftedClaim", "Verdict", "Verifier", "drafted"]

Check = Literal[
    "citations",
    "script",
    "repetition",
    "facts",
    "meaning",
    "short_answer",
    "answer_place",
    "bearing",
    "relation",
]

CHECKS: tuple[Check, ...] = get_args(Check)
"""In the order they are made; the first that fails decides."""

SUPPORT: tuple[Check, ...] = ("citations", "script", "facts", "meaning")
"""Those that say whether the cited quotes prove a claim, whatever was asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``support`` is a share; a claim with a ``reason`` is not shown.

    ``unsupported``: as in ``Removed``.
    """

    support: float
    reason: RemovedReason | None
    detail: str = ""
    unsupported: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class DraftedClaim:
    """A sentence with all that its checks look at.

    ``shown`` are the numbered quotes; ``places`` are where the reader is sure to see the answer,
    surest first; ``short`` is the short answer that the first sentence must say; ``before`` are
    the sentences that passed before; ``one_fact``: the question asks for a number, a day or a name.
    """

    text: str
    citations: tuple[int, ...]
    shown: Sequence[Evidence]
    question: str
    language: str
    places: Sequence[Span] = ()
    short: Place | None = None
    before: Sequence[str] = ()
    one_fact: bool = False

    @property
    def first(self) -> bool:
        """Whether no other sentence has passed before."""
        return not self.before

    @property
    def cited(self) -> list[Evidence]:
        """The quotes it cites, in the order it names them.

        Numbers that were not shown are left out.
        """
        by_number = {e.number: e for e in self.shown}
        return [by_number[n] for n in self.citations if n in by_number]


def drafted(draft: Draft, shown: Sequence[Evidence], question: str, language: str) -> DraftedClaim:
    """A claim as a model wrote it, with nothing known of places."""
    return DraftedClaim(draft.text, draft.citations, shown, question, language)


class Verifier:
    """Checks drafted claims against the quotes they cite. Safe to share by threads.

    ``without`` leaves checks out, for measuring what each adds. Without ``reader`` or
    ``relations`` the checks that need them pass.
    """

    def __init__(
        self,
        *,
        support: Calibration,
        states: TokenEncoder | None = None,
        supporter: Supporter | None = None,
        reader: Reader | None = None,
        relations: RelationCheck | None = None,
        thresholds: Thresholds = DEFAULT,
        without: Collection[Check] = (),
    ) -> None:
        self._support = support
        self._states = states
        self._supporter = supporter
        self._reader = reader
        self._relations = relations
        self._thresholds = thresholds
        made: dict[Check, Callable[[DraftedClaim, float], Verdict]] = {
            "citations": self._citations,
            "script": self._script,
            "repetition": self._repetition,
            "facts": self._facts,
            "meaning": self._meaning,
            "short_answer": self._short_answer,
            "answer_place": self._answer_place,
            "bearing": self._bearing,
            "relation": self._relation,
        }
        self._checks = {name: made[name] for name in CHECKS if name not in without}

    def check(self, claim: DraftedClaim, only: Collection[Check] = CHECKS) -> Verdict:
        """The verdict of the first check that fails, or the support of a claim that passes all."""
        support = 0.0
        for name, check in self._checks.items():
            if name in only:
                verdict = check(claim, support)
                if verdict.reason is not None:
                    return verdict
                support = verdict.support
        return Verdict(support, None)

    def proofs(self, claim: DraftedClaim) -> tuple[int, ...]:
        """Of a supported claim's citations, those that support it alone; all, if none does.

        A model likes to add a number that proves nothing; a reader who follows it is misled.
        """
        if len(claim.citations) == 1:
            return claim.citations
        alone = tuple(
            n
            for n in claim.citations
            if self.check(replace(claim, citations=(n,)), SUPPORT).reason is None
        )
        return alone or claim.citations

    def features(
        self, claim: str, quotes: Sequence[str], *, crossed: bool = False
    ) -> dict[str, float]:
        """The measures of meaning for a claim and all it cites, by name."""
        return meaning_features(
            claim, quotes, states=self._states, supporter=self._supporter, crossed=crossed
        )

    def _citations(self, claim: DraftedClaim, support: float) -> Verdict:
        if not claim.citations:
            return Verdict(0.0, "no_citation")
        known = {e.number for e in claim.shown}
        unknown = [n for n in claim.citations if n not in known]
        if unknown:
            return Verdict(0.0, "unknown_citation", ", ".join(map(str, unknown)))
        return Verdict(support, None)

    def _script(self, claim: DraftedClaim, support: float) -> Verdict:
        own = [e.text for e in claim.cited if same_language(e.article.language, claim.language)]
        known = " ".join([claim.question, *own])
        fits = script_fits(claim.text, claim.language, known, self._thresholds)
        return Verdict(support, None) if fits else Verdict(0.0, "language")

    def _repetition(self, claim: DraftedClaim, support: float) -> Verdict:
        again = repeats(claim.text, claim.before, self._thresholds)
        return Verdict(support, "repetition" if again else None)

    def _facts(self, claim: DraftedClaim, support: float) -> Verdict:
        """The first exact fact of the claim that its quotes do not hold."""
        cited = claim.cited
        report = compare(
            claim.text,
            [e.text for e in cited],
            claim_language=claim.language,
            evidence_languages=[e.article.language for e in cited],
            published=[e.article.published for e in cited],
            titles=[f"{e.article.title} {e.article.outlet or ''}".strip() for e in cited],
            question=claim.question,
            thresholds=self._thresholds,
        )
        for issue in report.issues:
            return Verdict(0.0, issue.kind, issue.text)
        return Verdict(support, None)

    def _meaning(self, claim: DraftedClaim, support: float) -> Verdict:
        cited = claim.cited
        if not cited:
            return Verdict(0.0, "meaning")
        crossed = all(not same_language(e.article.language, claim.language) for e in cited)
        quotes = [e.text for e in cited]
        measures = self.features(claim.text, quotes, crossed=crossed)
        support = self._support.probability(measures)
        unsure = crossed and measures.get("entail", 1.0) < self._thresholds.across_languages
        if not unsure and support >= self._support.threshold:
            return Verdict(support, None)
        reader = self._supporter
        marked = unsupported_words(reader, claim.text, quotes) if reader is not None else ()
        return Verdict(support, "meaning", unsupported=marked)

    def _short_answer(self, claim: DraftedClaim, support: float) -> Verdict:
        """What takes the quote's place must say what the short answer says.

        A clause may be said in other words, but not across languages, where nothing can tell.
        """
        if claim.short is None or not claim.first:
            return Verdict(support, None)
        told = says(claim.text, claim.short, claim.language, self._thresholds)
        own = same_language(claim.short.language, claim.language)
        return (
            Verdict(support, None)
            if told or (told is None and own)
            else Verdict(support, "off_question", claim.short.text)
        )

    def _answer_place(self, claim: DraftedClaim, support: float) -> Verdict:
        """Where the reader is sure of a place, the answer must hold what that place holds."""
        answers = agrees(claim.text, claim.places, claim.language, self._thresholds)
        if answers is False and (claim.one_fact or claim.first):
            return Verdict(support, "off_question", claim.places[0].text)
        return Verdict(support, None)

    def _bearing(self, claim: DraftedClaim, support: float) -> Verdict:
        """A further sentence must show the reader an answer itself, however faintly.

        A small model goes on with whatever else a quote says.
        """
        if claim.first or self._reader is None:
            return Verdict(support, None)
        share = self._reader.answers(claim.question, [claim.text])[0].probability
        beside = share < self._thresholds.bearing
        return Verdict(support, "off_question" if beside else None)

    def _relation(self, claim: DraftedClaim, support: float) -> Verdict:
        if self._relations is None:
            return Verdict(support, None)
        kept = self._relations.keeps(
            claim.text, claim.cited, question=claim.question, language=claim.language
        )
        return Verdict(support, None if kept else "relation")
