"""What is being said about one question, until it is an Answer or a Refusal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from konkyo.index.records import ArticleSummary
from konkyo.rag.generation.llm import Usage
from konkyo.rag.generation.output_format import display_text
from konkyo.rag.messages import refusal_text
from konkyo.rag.question import AskedQuestion
from konkyo.rag.timings import Timings
from konkyo.rag.types import (
    Answer,
    Citation,
    Claim,
    ClaimChecked,
    Evidence,
    Refusal,
    RefusalReason,
    Removed,
)

__all__ = ["OutcomeBuilder", "citation_of"]


@dataclass(slots=True)
class OutcomeBuilder:
    """Collects what passed, what was removed and what must be said beside it."""

    asked: AskedQuestion
    fingerprint: str
    timings: Timings
    claims: list[Claim] = field(default_factory=list)
    removed: list[Removed] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)

    def quote(self, item: Evidence) -> ClaimChecked:
        """Add a quote as it stands; it supports itself."""
        claim = Claim(" ".join(item.text.split()), (item.number,), 1.0)
        self.claims.append(claim)
        return ClaimChecked(claim)

    def answer(self, evidence: tuple[Evidence, ...]) -> Answer:
        """The claims that passed, with exactly the citations they use."""
        self.timings.reach("total")
        language = self.asked.language
        used = {n for c in self.claims for n in c.citations}
        return Answer(
            question=self.asked.text,
            language=language,
            text=display_text([(c.text, c.citations) for c in self.claims], language),
            claims=tuple(self.claims),
            citations=tuple(citation_of(e) for e in evidence if e.number in used),
            removed=tuple(self.removed),
            notices=tuple(self.notices),
            timings_ms=self.timings.milliseconds,
            usage=asdict(self.usage),
            fingerprint=self.fingerprint,
        )

    def refuse(self, reason: RefusalReason, related: tuple[ArticleSummary, ...]) -> Refusal:
        """The articles do not say."""
        self.timings.reach("total")
        return Refusal(
            question=self.asked.text,
            language=self.asked.language,
            reason=reason,
            text=refusal_text(reason, self.asked.language),
            removed=tuple(self.removed),
            notices=tuple(self.notices),
            timings_ms=self.timings.milliseconds,
            fingerprint=self.fingerprint,
            related=related,
            usage=asdict(self.usage),
        )


def citation_of(evidence: Evidence) -> Citation:
    """The citation of a quote."""
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
