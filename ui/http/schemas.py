"""What is asked and answered over HTTP, as the OpenAPI document tells it."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    field_validator,
    model_validator,
)

from konkyo.index.ingest.sources import SourceFailure
from konkyo.index.records import ArticleStatus, ArticleSummary, Filter
from konkyo.index.stores.findings import Finding
from konkyo.rag.generation.translate import LONGEST_QUOTE
from konkyo.rag.spoken import language_name
from konkyo.rag.types import (
    AnsweredPart,
    Citation,
    Claim,
    Evidence,
    RefusalReason,
    Removed,
    ReplyKind,
    Short,
)
from konkyo.ui.server.index_jobs import Order, State
from konkyo.ui.web.chat_service import QUESTION_LIMIT

__all__ = [
    "ARTICLE_ID",
    "EVENTS",
    "ArticleList",
    "ArticleObject",
    "AskRequest",
    "Code",
    "Health",
    "IndexState",
    "JobObject",
    "JobReport",
    "OrderRequest",
    "OrderTaken",
    "OutcomeObject",
    "Past",
    "Problem",
    "Readiness",
    "Scores",
    "SearchHit",
    "SearchResult",
    "ShortText",
    "TranslateRequest",
    "Translated",
    "Where",
]

ARTICLE_ID = r"^[0-9A-Za-z_-]{1,64}$"

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}$")]

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=300)]

_FAR = 1_000_000_000


class Where(BaseModel):
    """Which articles may be used; an empty field lets everything through."""

    model_config = ConfigDict(extra="forbid")

    since: date | None = Field(None, description="Only articles from this day on.")
    until: date | None = Field(None, description="Only articles up to this day.")
    languages: list[Code] = Field(default=[], max_length=50, description="ISO 639-1 codes.")
    outlets: list[ShortText] = Field(default=[], max_length=50)

    @model_validator(mode="after")
    def _in_order(self) -> "Where":
        if self.since and self.until and self.since > self.until:
            raise ValueError(f"since {self.since} is after until {self.until}")
        return self

    def filter(self) -> Filter:
        """The same for the store."""
        return Filter(
            self.since.isoformat() if self.since else None,
            self.until.isoformat() if self.until else None,
            frozenset(code.lower() for code in self.languages),
            frozenset(self.outlets),
        )


class Past(BaseModel):
    """An earlier question and what was answered."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(max_length=QUESTION_LIMIT)
    answer: str = Field(max_length=20_000)


class AskRequest(Where):
    """A question, the turns before it, and which articles may be used."""

    question: str = Field(
        min_length=1,
        max_length=QUESTION_LIMIT,
        pattern=r"\S",
        examples=["How much will Japan invest in the United States?"],
    )
    history: list[Past] = Field(default=[], max_length=20)
    phrasing: Literal["auto", "always", "never"] | None = Field(
        None, description="Whether a language model may phrase the answer; null: as set."
    )
    strictness: float | None = Field(
        None, ge=0, le=1, description="How sure the articles must answer; null: as set."
    )
    stream: bool = Field(False, description="Send events (text/event-stream) as they happen.")


class TranslateRequest(BaseModel):
    """A span of an article, in code points, and the language to tell it in."""

    model_config = ConfigDict(extra="forbid")

    article_id: str = Field(pattern=ARTICLE_ID)
    start: int = Field(ge=0, le=_FAR)
    end: int = Field(
        ge=1, le=_FAR, description=f"At most {LONGEST_QUOTE} characters after the start."
    )
    language: Code = Field(description="ISO 639-1 code, of the reader.", examples=["en"])

    @field_validator("language")
    @classmethod
    def _known(cls, code: str) -> str:
        if language_name(code.lower(), "en") == code.lower():
            raise ValueError(f"{code} is the code of no language")
        return code.lower()

    @model_validator(mode="after")
    def _in_order(self) -> "TranslateRequest":
        if not self.start < self.end <= self.start + LONGEST_QUOTE:
            raise ValueError(f"end must come after start, by at most {LONGEST_QUOTE} characters")
        return self


class Translated(BaseModel):
    """A model's translation of a quote.

    ``mark`` must stand beside ``text`` wherever it is shown.
    """

    quote: str = Field(description="The article's own text: `text[start:end]`.")
    text: str = Field(description="The model's words. No source, and nothing to cite.")
    mark: str = Field(description="Says so to a reader, in the language asked for or English.")
    doubtful: bool = Field(description="Its figures or names are not those of the quote.")
    model: str
    language: str


class OrderRequest(BaseModel):
    """What to do to the index."""

    model_config = ConfigDict(extra="forbid")

    action: Order = Field(description="`cancel` stops the job under way; `verify` changes nothing.")
    sources: list[ShortText] = Field(
        default=[],
        max_length=500,
        description="Files, folders and patterns of the server, or addresses; for `remove`, also"
        " article identifiers. `refresh`, `rebuild` and `undo` need none.",
    )
    yes: bool = Field(
        default=False,
        description="Consent to the removal of more articles than `index.removal_limit` allows; a"
        " job that failed for want of it has `asks`.",
    )


class Problem(BaseModel):
    """The form of every error outside /v1: problem details (RFC 9457).

    ``code`` is stable and for programs, ``detail`` for people.
    """

    type: Literal["about:blank"] = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str
    code: str
    param: str | None = Field(None, description="The field that is to blame, where one is.")


class ReplyObject(BaseModel):
    """What came with a reply that answers nothing from the articles."""

    kind: ReplyKind
    articles: list[ArticleSummary] = Field(description="A page of those that were asked for.")
    total: int
    suggestions: list[str] = Field(description="Questions that the articles answer.")


class OutcomeObject(BaseModel):
    """The object of `konkyo ask --json`; docs/schema.md says what each key holds."""

    question: str
    language: str
    status: Literal["answered", "refused", "replied"]
    reason: RefusalReason | None
    answer: str
    short: Short | None
    parts: list[AnsweredPart]
    claims: list[Claim]
    citations: list[Citation]
    removed: list[Removed]
    related: list[ArticleSummary]
    told_at: float | None
    reply: ReplyObject | None
    notices: list[str]
    timings_ms: dict[str, float]
    usage: dict[str, float]
    fingerprint: str


class QueuedEvent(BaseModel):
    """The language model answers others first."""

    ahead: int = Field(description="How many; 0 when it is this one's turn.")


class EvidenceEvent(BaseModel):
    """The numbered quotes; sent before the model writes a word."""

    language: str
    evidence: list[Evidence]


class ShortEvent(RootModel[Short]):
    """The answer in a few words; sent before any model writes."""


class CheckingEvent(BaseModel):
    """A sentence is being checked; it is not sent before it passed."""

    model_config = ConfigDict(extra="forbid")


class ClaimEvent(RootModel[Claim]):
    """A sentence that passed."""


class RemovedEvent(RootModel[Removed]):
    """A sentence that failed, and why."""


EVENTS: Mapping[str, type[BaseModel]] = {
    "queued": QueuedEvent,
    "evidence": EvidenceEvent,
    "short": ShortEvent,
    "checking": CheckingEvent,
    "claim": ClaimEvent,
    "removed": RemovedEvent,
    "outcome": OutcomeObject,
    "error": Problem,
}
"""What is sent with each event of /api/ask, by its name."""


class Scores(BaseModel):
    """What ranked a passage; None: that search did not find it."""

    fused: float
    dense: float | None
    lexical: float | None


class SearchHit(BaseModel):
    """A passage, where it stands, and its article."""

    passage_id: str
    article_id: str
    ordinal: int
    start: int
    end: int
    text: str
    title: str
    source: str
    url: str | None
    published: str | None
    language: str
    outlet: str | None
    scores: Scores


class SearchResult(BaseModel):
    """Passages, best first."""

    hits: list[SearchHit]


class ArticleObject(BaseModel):
    """A whole article, exactly as it is quoted; the object of `konkyo show --json`."""

    article_id: str
    title: str
    text: str
    language: str
    source: str
    published: str | None
    published_at: str | None
    url: str | None
    outlet: str | None
    author: str | None
    sources: list[str]
    comments: list[str] = Field(description="Readers' words; never evidence.")
    status: ArticleStatus | None
    correction: str | None
    status_by_editor: bool


class ArticleList(BaseModel):
    """One page of the articles that pass; those without a date come last."""

    articles: list[ArticleSummary]
    total: int = Field(description="How many pass.")
    offset: int
    next: int | None = Field(description="The `offset` of the next page; null on the last.")


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"
    version: str


class Readiness(BaseModel):
    """Whether questions can be answered now."""

    ready: bool
    state: Literal["loading", "ready", "failed", "draining"]
    problem: str = ""
    articles: int | None = None


class JobReport(BaseModel):
    """What a job did; which keys there are depends on the action."""

    model_config = ConfigDict(extra="allow")

    generation: int | None = None
    added: int | None = None
    changed: int | None = None
    removed: int | None = None
    unchanged: int | None = None
    duplicates: int | None = None
    excluded: int | None = None
    carried: int | None = None
    embedded: int | None = None
    seconds: float | None = None
    failures: list[SourceFailure] | None = None
    unknown_kinds: dict[str, int] | None = None
    read_again: list[str] | None = None


class JobObject(BaseModel):
    """One change of the index and how far it is."""

    number: int
    action: Order
    sources: list[str]
    state: State
    stage: str = Field(description="`read`, `embed` or `index`; empty before that.")
    done: int
    total: int
    message: str
    report: JobReport | None
    findings: list[Finding]
    asks: bool = Field(description="It would remove many articles; `yes` consents to that.")
    yes: bool
    running: bool


class OrderTaken(BaseModel):
    """The job an order started."""

    job: JobObject | None


class IndexState(BaseModel):
    """What is indexed, and the job under way or the last one."""

    articles: int
    source_count: int
    sources: list[str] = Field(description="The first thousand, in order.")
    job: JobObject | None
