"""What may be asked of /v1/chat/completions: each field is honoured, or has one allowed value.

Annotations are evaluated here, not postponed: the framework reads them.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from konkyo.index.text.unicode import well_formed
from konkyo.rag.conversation import Turn
from konkyo.rag.generation.output_format import END_OF_ANSWER
from konkyo.rag.message_question import question_within
from konkyo.ui.http.problems import InvalidField
from konkyo.ui.web.chat_service import QUESTION_LIMIT

__all__ = ["MODEL", "CompletionRequest", "Message", "history_of"]

MODEL = "konkyo"
_TURNS = 20

Nothing = Annotated[list[str], Field(max_length=0)]
"""A list that must be empty: what it would hold is not offered."""


class Part(BaseModel):
    """One part of a message."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"] = Field(description="No images, audio or files.")
    text: str = ""


class Message(BaseModel):
    """One message of the conversation, as a client sends it or sends back what it was given."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant"] = Field(
        description="System messages are not obeyed: the articles say what is answered."
    )
    content: str | list[Part] | None = None
    tool_calls: Nothing | None = None
    function_call: None = None
    audio: None = None

    def words(self) -> str:
        """The text of the message."""
        if isinstance(self.content, list):
            return well_formed("\n".join(part.text for part in self.content))
        return well_formed(self.content or "")


class StreamOptions(BaseModel):
    """What a stream is to carry besides the text."""

    model_config = ConfigDict(extra="forbid")

    include_usage: bool | None = False
    include_obfuscation: Literal[False] | None = None


class TextFormat(BaseModel):
    """Sentences with [n] marks, and their sources."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["text"]


class JsonObjectFormat(BaseModel):
    """The object of ``konkyo ask --json``."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["json_object"]


class NamedSchema(BaseModel):
    """A JSON schema that picks keys of the object of ``konkyo ask --json``."""

    model_config = ConfigDict(extra="forbid", serialize_by_alias=True)

    name: str = Field(max_length=64)
    description: str | None = None
    strict: bool | None = None
    wanted: dict[str, object] = Field(alias="schema")


class JsonSchemaFormat(BaseModel):
    """What a schema picks of the object of ``konkyo ask --json``."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["json_schema"]
    json_schema: NamedSchema


ResponseFormat = Annotated[
    TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")
]

Stop = Annotated[str, Field(min_length=1, max_length=500)]


class CompletionRequest(BaseModel):
    """OpenAI's request. What is not offered has one allowed value; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(MODEL, max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=200)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(
        None, description="The text ends after the last whole sentence or source that fits."
    )
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: Stop | Annotated[list[Stop], Field(max_length=4)] | None = None
    response_format: ResponseFormat | None = None

    # An answer does not vary: any temperature and any seed is kept.
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int | None = None
    # Labels of the caller's own; nothing is done with them.
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    metadata: dict[str, str] | None = None

    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    tools: Nothing | None = None
    tool_choice: Literal["none", "auto"] | None = None
    parallel_tool_calls: bool | None = None
    functions: Nothing | None = None
    function_call: Literal["none", "auto"] | None = None
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = None
    audio: None = None
    prediction: None = None
    web_search_options: None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    presence_penalty: Literal[0] | None = None
    frequency_penalty: Literal[0] | None = None
    reasoning_effort: Literal["none"] | None = None
    verbosity: Literal["medium"] | None = None
    service_tier: Literal["auto", "default"] | None = None
    store: Literal[False] | None = None

    @property
    def most_tokens(self) -> int | None:
        """How many tokens the text may have; None for any number."""
        both = (self.max_completion_tokens, self.max_tokens)
        return min((limit for limit in both if limit is not None), default=None)

    @property
    def stops(self) -> tuple[str, ...]:
        """The sequences before which the text ends."""
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


def history_of(messages: Sequence[Message]) -> tuple[str, list[Turn]]:
    """The question, and the pairs of messages before it.

    Of a long message the question within is taken. Raises InvalidField without a question.
    """
    last = max((n for n, m in enumerate(messages) if m.role == "user"), default=-1)
    question = question_within(messages[last].words(), QUESTION_LIMIT) if last >= 0 else ""
    if not question:
        raise InvalidField(
            "messages", "messages: there is no user message with text in it", "invalid_value"
        )
    turns: list[Turn] = []
    asked = ""
    for message in messages[:last]:
        if message.role == "user":
            asked = question_within(message.words(), QUESTION_LIMIT)
        elif message.role == "assistant" and asked:
            turns.append(Turn(asked, message.words().split(END_OF_ANSWER)[0]))
            asked = ""
    return question, turns[-_TURNS:]
