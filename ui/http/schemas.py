"""What is asked and answered over HTTP, as the OpenAPI document tells it."""

from datetime import date
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from konkyo.index.records import Filter
from konkyo.rag.generation.prompts import language_name
from konkyo.rag.generation.translate import LONGEST_QUOTE
from konkyo.ui.server.index_jobs import Order
from konkyo.ui.web.chat_service import QUESTION_LIMIT

__all__ = [
    "ARTICLE_ID",
    "AskRequest",
    "Code",
    "Health",
    "IndexState",
    "OrderRequest",
    "Problem",
    "Readiness",
    "Short",
    "TranslateRequest",
    "Translated",
    "Where",
]

ARTICLE_ID = r"^[0-9A-Za-z_-]{1,64}$"

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}$")]

Short = Annotated[str, StringConstraints(min_length=1, max_length=300)]

_FAR = 1_000_000_000


class Where(BaseModel):
    """Which articles may be used; an empty field lets everything through."""

    model_config = ConfigDict(extra="forbid")

    since: date | None = Field(None, description="Only articles from this day on.")
    until: date | None = Field(None, description="Only articles up to this day.")
    languages: list[Code] = Field(default=[], max_length=50, description="ISO 639-1 codes.")
    outlets: list[Short] = Field(default=[], max_length=50)

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
    end: int = Field(ge=1, le=_FAR, description=f"At most {LONGEST_QUOTE} letters after the start.")
    language: Code = Field(description="ISO 639-1 code, of the reader.", examples=["en"])

    @field_validator("language")
    @classmethod
    def _known(cls, code: str) -> str:
        if language_name(code.lower()) == code.lower():
            raise ValueError(f"{code} is the code of no language")
        return code.lower()

    @model_validator(mode="after")
    def _in_order(self) -> "TranslateRequest":
        if not self.start < self.end <= self.start + LONGEST_QUOTE:
            raise ValueError(f"end must come after start, by at most {LONGEST_QUOTE} letters")
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
    sources: list[Short] = Field(
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
    """The one form of every error."""

    class Error(BaseModel):
        """``code`` is stable and for programs, ``message`` for people."""

        code: str
        message: str
        type: str
        param: str | None = None

    error: Error


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


class IndexState(BaseModel):
    """What is indexed, and the job under way or the last one."""

    articles: int
    source_count: int
    sources: list[str] = Field(description="The first thousand, in order.")
    job: dict[str, object] | None
