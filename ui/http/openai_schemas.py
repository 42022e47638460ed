"""What /v1 answers with, as the OpenAPI document tells it."""

from typing import Literal

from pydantic import BaseModel, Field

from konkyo.ui.http.openai_request import MODEL
from konkyo.ui.http.schemas import OutcomeObject

__all__ = ["Completion", "CompletionChunk", "ErrorObject", "Model", "ModelList"]

FinishReason = Literal["stop", "length"]


class Model(BaseModel):
    """A model that can be named in a request."""

    id: str = MODEL
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "konkyo"


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[Model]


class UrlCitation(BaseModel):
    """The mark of a source in the text, and the article it stands for."""

    start_index: int
    end_index: int
    title: str
    url: str


class Annotation(BaseModel):
    """A source."""

    type: Literal["url_citation"]
    url_citation: UrlCitation


class AnswerMessage(BaseModel):
    """An answer's text and its sources."""

    role: Literal["assistant"]
    content: str
    refusal: None = None
    annotations: list[Annotation]


class Choice(BaseModel):
    """The one answer."""

    index: int
    message: AnswerMessage
    finish_reason: FinishReason
    logprobs: None = None


class CachedTokens(BaseModel):
    """Tokens that were read before."""

    cached_tokens: int


class TokenUsage(BaseModel):
    """As the language model counted; an estimate where it did not, or where none wrote."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: CachedTokens


class Completion(BaseModel):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: TokenUsage
    system_fingerprint: str
    konkyo: OutcomeObject


class Delta(BaseModel):
    """What is new."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    annotations: list[Annotation] | None = None


class ChunkChoice(BaseModel):
    """What is new in the one answer."""

    index: int
    delta: Delta
    finish_reason: FinishReason | None = None
    logprobs: None = None


class CompletionChunk(BaseModel):
    """A piece of an answer; the last one has ``konkyo``, and one after it the usage if wanted."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: TokenUsage | None = None
    system_fingerprint: str | None = None
    konkyo: OutcomeObject | None = None


class ErrorObject(BaseModel):
    """OpenAI's form of an error."""

    class Detail(BaseModel):
        """``code`` is stable and for programs, ``message`` for people."""

        message: str
        type: str
        param: str | None = Field(description="The field that is to blame, where one is.")
        code: str

    error: Detail
