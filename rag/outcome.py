"""What is being said about one question, until it is an Answer or a Refusal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

from konkyo.index.records import ArticleStatus, ArticleSummary
from konkyo.index.text.language import same_language
from konkyo.rag.generation.llm import Usage
from konkyo.rag.generation.output_format import display_text
from konkyo.rag.messages import NoticeKey, notice_text, refusal_text
from konkyo.rag.planned import is_planned
from konkyo.rag.question import AskedQuestion
from konkyo.rag.short_answer.frame import frame, framed_text
from konkyo.rag.short_answer.place import Place
from konkyo.rag.short_answer.short import Joined, short_answer
from konkyo.rag.timings import Timings
from konkyo.rag.types import (
    Answer,
    AnsweredPart,
    Citation,
    Claim,
    ClaimChecked,
    Evidence,
    Refusal,
    RefusalReason,
    Removed,
    Reply,
    ReplyKind,
    Short,
    ShortReady,
)

__all__ = ["OutcomeBuilder", "citation_of", "correction_notices"]


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
    short: Short | None = None
    parts: tuple[AnsweredPart, ...] = ()

    def tell(
        self,
        places: Sequence[Place],
        joined: Joined = "standard",
        labels: Sequence[str] = (),
    ) -> Iterator[ShortReady]:
        """Give the short answer that some places hold, if they hold any."""
        self.short = self._short(places, joined, labels)
        if self.short is not None:
            self.timings.reach("short_answer")
            yield ShortReady(self.short)

    def quote(
        self, item: Evidence, places: Sequence[Place] = (), *, dated: bool = False
    ) -> ClaimChecked:
        """Add a quote as it stands, with the day of its article if wanted; it supports itself.

        One in another language is introduced in the question's, with the short answer that
        its places hold.
        """
        text, article, asked = " ".join(item.text.split()), item.article, self.asked.language
        day = article.published if dated else None
        claim = Claim(text, (item.number,), 1.0, published=day)
        if article.language and not same_language(article.language, asked):
            framed = frame(article, self._short(places), asked)
            claim = replace(claim, frame=framed, language=article.language)
        self.claims.append(claim)
        return ClaimChecked(claim)

    def _short(
        self, places: Sequence[Place], joined: Joined = "standard", labels: Sequence[str] = ()
    ) -> Short | None:
        """The short answer that places hold; what is asked of a plan is not marked as planned."""
        asked = self.asked
        if is_planned(asked.standalone, asked.language):
            places = [replace(place, is_event=False) for place in places]
        return short_answer(places, asked.language, joined, labels)

    def answer(self, evidence: tuple[Evidence, ...]) -> Answer:
        """The claims that passed, with exactly the citations they use."""
        self.timings.reach("total")
        language = self.asked.language
        used = {n for c in self.claims for n in c.citations}
        citations = tuple(citation_of(e) for e in evidence if e.number in used)
        return Answer(
            question=self.asked.text,
            language=language,
            text=display_text([(framed_text(c), c.citations) for c in self.claims], language),
            claims=tuple(self.claims),
            citations=citations,
            removed=tuple(self.removed),
            notices=(*self.notices, *correction_notices(citations, language)),
            timings_ms=self.timings.milliseconds,
            usage=asdict(self.usage),
            fingerprint=self.fingerprint,
            short=self.short,
            parts=self.parts,
        )

    def reply(
        self,
        kind: ReplyKind,
        text: str,
        *,
        articles: tuple[ArticleSummary, ...] = (),
        total: int = 0,
        suggestions: tuple[str, ...] = (),
    ) -> Reply:
        """What is said where nothing was asked of the articles."""
        self.timings.reach("total")
        return Reply(
            question=self.asked.text,
            language=self.asked.language,
            kind=kind,
            text=text,
            timings_ms=self.timings.milliseconds,
            fingerprint=self.fingerprint,
            articles=articles,
            total=total,
            suggestions=suggestions,
        )

    def refuse(
        self,
        reason: RefusalReason,
        related: tuple[ArticleSummary, ...],
        told_at: float | None = None,
    ) -> Refusal:
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
            told_at=told_at,
        )


def correction_notices(citations: Sequence[Citation], language: str) -> tuple[str, ...]:
    """What a reader is told of cited articles that were corrected or retracted."""
    keys: dict[ArticleStatus, NoticeKey] = {
        "corrected": "source_corrected",
        "retracted": "source_retracted",
    }
    found = []
    for citation in citations:
        if citation.status is not None:
            told = notice_text(keys[citation.status], language, number=str(citation.id))
            found.append(f"{told} {citation.correction or ''}".strip())
    return tuple(found)


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
        status=article.status,
        correction=article.correction,
    )
