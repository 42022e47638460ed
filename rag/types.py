"""What asking can give: an Answer whose every claim cites, or a Refusal or Reply without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from konkyo.index.records import ArticleStatus, ArticleSummary

__all__ = [
    "Answer",
    "AnsweredPart",
    "Citation",
    "Claim",
    "ClaimChecked",
    "ClaimDrafted",
    "ClaimRemoved",
    "Event",
    "Evidence",
    "EvidenceReady",
    "Finished",
    "Outcome",
    "Refusal",
    "RefusalReason",
    "Removed",
    "RemovedReason",
    "Reply",
    "ReplyKind",
    "Short",
    "ShortReady",
    "Stretch",
    "to_json",
]

RefusalReason = Literal["no_evidence", "weak_evidence", "unsupported", "empty_index"]
ReplyKind = Literal["greeting", "thanks", "abilities", "collection"]
RemovedReason = Literal[
    "no_citation",
    "unknown_citation",
    "number",
    "date",
    "name",
    "negation",
    "quotation",
    "meaning",
    "relation",
    "off_question",
    "language",
    "repetition",
]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One numbered quote shown to the reader and to the model.

    ``text`` is verbatim: ``article.text[start:end]``. ``score`` is a share in 0..1: how well
    the quote bears on the question.
    """

    number: int
    article: ArticleSummary
    start: int
    end: int
    text: str
    score: float

    def holds(self, other: Evidence) -> bool:
        """Whether another quote lies within this one: the same article, no letter outside."""
        same = self.article.article_id == other.article.article_id
        return same and self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Citation:
    """A quote that a claim rests on: ``article.text[start:end] == quote``."""

    id: int
    article_id: str
    title: str
    source: str
    url: str | None
    published: str | None
    language: str
    outlet: str | None
    quote: str
    start: int
    end: int
    status: ArticleStatus | None = None
    correction: str | None = None

    @property
    def article(self) -> ArticleSummary:
        """The cited article; how many passages it has is not known any more and set to 0."""
        return ArticleSummary(
            article_id=self.article_id,
            title=self.title,
            source=self.source,
            url=self.url,
            published=self.published,
            language=self.language,
            outlet=self.outlet,
            passages=0,
            status=self.status,
            correction=self.correction,
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer, the citations it rests on and how well they support it (share).

    ``frame`` introduces a quote in another language than the question's, in the question's
    language ("According to 根拠通信 (in Japanese, 10 Feb 2026): $550 billion."); ``language`` is
    then that of ``text`` (ISO 639-1). Both are empty where the text is in the answer's language.
    ``published`` is the day of its article where sentences are told by their days, else None.
    """

    text: str
    citations: tuple[int, ...]
    support: float
    frame: str = ""
    language: str = ""
    published: str | None = None


@dataclass(frozen=True, slots=True)
class Short:
    """The answer in a few words: what the reader marked in the quotes of the claims.

    ``language`` is that of ``text`` (ISO 639-1). ``exact`` says that the text is the article's
    own or says the same in the question's language; otherwise it is left as printed. ``items``
    are what ``text`` joins where it joins several. ``planned``: the quotes tell it as planned or
    expected, not as done, and the question does not. ``day``: in full, where it tells one day by
    its article's day alone.
    """

    text: str
    language: str
    exact: bool
    items: tuple[str, ...] = field(default_factory=tuple)
    planned: bool = False
    day: str = ""


@dataclass(frozen=True, slots=True)
class AnsweredPart:
    """One thing that a question of several parts asks.

    ``citations`` number the quotes that answer it; none: the articles do not say.
    """

    question: str
    short: Short | None
    citations: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a text, ``text[start:end]``, in code points."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Removed:
    """A sentence the model wrote that was not shown, and why.

    ``unsupported``: where ``reason`` is "meaning", the words that the quotes do not say, as the
    learned reader finds, in order; often none.
    """

    text: str
    reason: RemovedReason
    detail: str = ""
    unsupported: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """A supported answer: ``text`` carries [n] marks that name ``citations``.

    ``parts`` are those of a question that asks several things, else none.
    """

    question: str
    language: str
    text: str
    claims: tuple[Claim, ...]
    citations: tuple[Citation, ...]
    removed: tuple[Removed, ...]
    notices: tuple[str, ...]
    timings_ms: Mapping[str, float]
    fingerprint: str
    usage: Mapping[str, float] = field(default_factory=dict)
    short: Short | None = None
    parts: tuple[AnsweredPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The articles do not say; no citations. ``related`` are near, but do not answer.

    ``told_at`` is the largest ``strictness`` at which what was found would be told; None: none.
    """

    question: str
    language: str
    reason: RefusalReason
    text: str
    removed: tuple[Removed, ...]
    notices: tuple[str, ...]
    timings_ms: Mapping[str, float]
    fingerprint: str
    related: tuple[ArticleSummary, ...] = field(default=())
    usage: Mapping[str, float] = field(default_factory=dict)
    told_at: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said is no question to the articles: about Konkyo or its collection; no citations.

    ``articles`` are a page of the ``total`` that a question about the collection means;
    ``suggestions`` are questions that the articles answer.
    """

    question: str
    language: str
    kind: ReplyKind
    text: str
    timings_ms: Mapping[str, float]
    fingerprint: str
    articles: tuple[ArticleSummary, ...] = field(default=())
    total: int = 0
    suggestions: tuple[str, ...] = field(default=())
    removed: tuple[Removed, ...] = field(default=())
    notices: tuple[str, ...] = field(default=())
    usage: Mapping[str, float] = field(default_factory=dict)


Outcome = Answer | Refusal | Reply


@dataclass(frozen=True, slots=True)
class EvidenceReady:
    """The quotes that will be used; sent before the model writes a word.

    Sent again where a second search found better ones; the last list is the one that counts.
    Where ``likely`` is false they are the nearest, but an answer is not expected from them.
    """

    evidence: tuple[Evidence, ...]
    language: str
    likely: bool = True


@dataclass(frozen=True, slots=True)
class ShortReady:
    """The answer in a few words; sent once the quotes are known to answer, before any model."""

    short: Short


@dataclass(frozen=True, slots=True)
class ClaimDrafted:
    """The model finished a sentence; it is being checked and must not be shown as fact."""

    text: str


@dataclass(frozen=True, slots=True)
class ClaimChecked:
    """A sentence passed; ``claim.citations`` number the ``EvidenceReady`` quotes."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class ClaimRemoved:
    """A sentence failed."""

    removed: Removed


@dataclass(frozen=True, slots=True)
class Finished:
    """Always last."""

    outcome: Outcome


Event = EvidenceReady | ShortReady | ClaimDrafted | ClaimChecked | ClaimRemoved | Finished


def to_json(outcome: Outcome) -> dict[str, object]:
    """The documented object of ``konkyo ask --json`` (docs/schema.md).

    Keys are never taken away.
    """
    answer = outcome if isinstance(outcome, Answer) else None
    refusal = outcome if isinstance(outcome, Refusal) else None
    status = "answered" if answer else "refused" if refusal else "replied"
    return {
        "question": outcome.question,
        "language": outcome.language,
        "status": status,
        "reason": refusal.reason if refusal else None,
        "answer": outcome.text,
        "short": asdict(answer.short) if answer and answer.short else None,
        "parts": [asdict(p) for p in answer.parts] if answer else [],
        "claims": [asdict(c) for c in answer.claims] if answer else [],
        "citations": [asdict(c) for c in answer.citations] if answer else [],
        "removed": [asdict(r) for r in outcome.removed],
        "related": [asdict(a) for a in refusal.related] if refusal else [],
        "told_at": refusal.told_at if refusal else None,
        "reply": _reply_json(outcome) if isinstance(outcome, Reply) else None,
        "notices": list(outcome.notices),
        "timings_ms": dict(outcome.timings_ms),
        "usage": dict(outcome.usage),
        "fingerprint": outcome.fingerprint,
    }


def _reply_json(reply: Reply) -> dict[str, object]:
    return {
        "kind": reply.kind,
        "articles": [asdict(a) for a in reply.articles],
        "total": reply.total,
        "suggestions": list(reply.suggestions),
    }
