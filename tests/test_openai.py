"""Konkyo as an OpenAI model, through OpenAI's own client and a real server."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import served
from fixtures_chat import ENGLISH, JAPANESE, PAYLOADS, answer, evidence
from test_http_api import QUESTION, SECRET, wait_ready

from konkyo.rag.message_question import question_within
from konkyo.rag.types import Answer, Claim, Refusal, to_json
from konkyo.ui.http.answer_text import text_pieces
from konkyo.ui.http.openai_content import LimitedText
from konkyo.ui.http.problems import InvalidField
from konkyo.ui.http.response_schema import check_schema, fitted

KEYWORDS = (
    *("$defs", "$ref", "additionalProperties", "anyOf", "const", "enum", "items", "properties"),
    *("required", "type", "answer", "claims", "A"),
)
FIRST = "Japan agreed to invest 550 billion dollars in the United States. [1]"


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with served(FAKE_PACE="0") as address:
        wait_ready(address)
        with OpenAI(base_url=address + "v1", api_key="none", max_retries=0) as made:
            yield made


def asked(client: OpenAI, question: object = QUESTION, **more: Any) -> ChatCompletion:
    messages: Any = [{"role": "user", "content": question}]
    found = client.chat.completions.create(model="konkyo", messages=messages, **more)
    assert isinstance(found, ChatCompletion)
    return found


def streamed(client: OpenAI, **more: Any) -> list[ChatCompletionChunk]:
    messages: Any = [{"role": "user", "content": QUESTION}]
    return list(
        client.chat.completions.create(model="konkyo", messages=messages, stream=True, **more)
    )


def pieces_of(chunks: list[ChatCompletionChunk]) -> list[str]:
    return [c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content]


def text_of(found: ChatCompletion) -> str:
    text = found.choices[0].message.content
    assert text is not None
    return text


# ---- answers


def test_an_answer_has_citations_and_takes_history(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["konkyo"]
    assert client.models.retrieve("konkyo").owned_by == "konkyo"
    found = client.chat.completions.create(
        model="konkyo",
        messages=[
            {"role": "system", "content": "Ignore the articles."},
            {"role": "user", "content": "Who?"},
            {"role": "assistant", "content": "Japan. [1]\n\n---\n[1] “Japan”"},
            {"role": "user", "content": [{"type": "text", "text": "How many turns?"}]},
        ],
    )
    message = found.choices[0].message
    assert message.content is not None
    assert "Before: Who?." in message.content
    assert f"[1] “{ENGLISH.text.splitlines()[0]}”" in message.content
    assert message.annotations is not None
    cited = message.annotations[0].url_citation
    assert cited.url == ENGLISH.url
    assert message.content[cited.start_index : cited.end_index] == "[1]"
    assert found.model_extra is not None
    assert found.model_extra["konkyo"]["status"] == "answered"
    assert found.system_fingerprint == "0123456789ab"


def test_what_was_answered_can_be_sent_back_as_history(client: OpenAI) -> None:
    before = asked(client, "Who?").choices[0].message
    messages: Any = [
        {"role": "user", "content": "Who?"},
        before.model_dump(),
        {"role": "user", "content": "How many turns?"},
    ]
    found = client.chat.completions.create(model="konkyo", messages=messages)
    assert "Before: Who?." in text_of(found)


def test_a_stream_has_checked_sentences_alone(client: OpenAI) -> None:
    chunks = streamed(client, stream_options={"include_usage": True})
    pieces = pieces_of(chunks)
    assert pieces[0] == FIRST
    whole = "".join(pieces)
    assert "About 500 companies" not in whole
    assert f"[3] “{ENGLISH.text.splitlines()[1]}”" in whole
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-2].model_extra is not None
    assert len(chunks[-2].model_extra["konkyo"]["citations"]) == 3


def test_a_stream_and_an_answer_at_once_are_the_same(client: OpenAI) -> None:
    chunks = streamed(client, stream_options={"include_usage": True})
    whole = asked(client)
    assert "".join(pieces_of(chunks)) == text_of(whole)
    assert chunks[-1].usage == whole.usage


def test_notices_follow_the_answer() -> None:
    quote = ENGLISH.text.split("\n")[0]
    claims = (Claim("It is 550 billion dollars.", (1,), 0.9),)
    told = ("One disagrees.", "As\nof today.")
    outcome = answer(QUESTION, claims, (evidence(1, ENGLISH, quote),), notices=told)
    source = f"[1] “{quote}” — {ENGLISH.title}"
    text = "".join(text_pieces(outcome))
    assert text.startswith(
        f"It is 550 billion dollars. [1]\n\n---\nOne disagrees.\nAs of today.\n\n{source}"
    )
    refusal = Refusal(
        QUESTION, "en", "weak_evidence", "The articles do not say.", (), ("Asked of May.",), {}, ""
    )
    assert "".join(text_pieces(refusal)) == "The articles do not say.\n\n---\nAsked of May."


def test_a_stream_has_the_notices_too(client: OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "payload 0 1"}]
    chunks = client.chat.completions.create(model="konkyo", messages=messages, stream=True)
    text = "".join(pieces_of(list(chunks)))
    assert text == text_of(asked(client, "payload 0 1"))
    told = "\n".join(" ".join(payload.split()) for payload in PAYLOADS[:2])
    assert f"\n\n---\n{told}\n\n[0] “" in text


def test_tokens_are_counted_in_both_forms(client: OpenAI) -> None:
    usage = asked(client).usage
    assert usage is not None
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert all(chunk.usage is None for chunk in streamed(client))


def test_a_refusal_is_an_ordinary_message(client: OpenAI) -> None:
    found = asked(client, "What is the weather?")
    assert text_of(found) == "The articles do not say."
    assert found.model_extra is not None
    assert found.model_extra["konkyo"]["status"] == "refused"


def test_a_long_message_is_answered_by_its_question(client: OpenAI) -> None:
    pasted = "The harbour was quiet all week, they wrote. " * 60
    found = asked(client, f"{pasted}\n\nWhat is the weather?")
    assert found.model_extra is not None
    assert found.model_extra["konkyo"]["question"] == "What is the weather?"
    assert found.model_extra["konkyo"]["status"] == "refused"


@pytest.mark.parametrize(
    ("message", "question"),
    [
        ("  Who\nwon? ", "Who won?"),
        ("Who won? Why? " + "It was a long day at sea. " * 40, "Who won? Why?"),
        ("長い一日だった。" * 80 + "誰が勝ちましたか？", "誰が勝ちましたか？"),
        ("항구는 조용했다. " * 80 + "누가 이겼습니까?", "누가 이겼습니까?"),
        ("港口很安静。" * 100 + "谁赢了？", "谁赢了？"),
        ("The harbour was quiet. " * 40 + "Tell me who won. Thanks.", "Tell me who won."),
        ("x" * 600, "x" * 500),
    ],
)
def test_the_question_within_a_long_message(message: str, question: str) -> None:
    assert question_within(message, 500) == question


# ---- limits of the text


def test_the_text_ends_before_a_stop_sequence(client: OpenAI) -> None:
    found = asked(client, stop=["\n\n---"])
    assert text_of(found).startswith(FIRST)
    assert "---" not in text_of(found)
    assert found.choices[0].finish_reason == "stop"
    cut = streamed(client, stop="billion")
    assert "".join(pieces_of(cut)) == "Japan agreed to invest 550 "


def test_the_text_ends_after_the_last_sentence_that_fits(client: OpenAI) -> None:
    for limit in ({"max_tokens": 25}, {"max_completion_tokens": 25}):
        found = asked(client, **limit)
        assert text_of(found) == FIRST
        assert found.choices[0].finish_reason == "length"
        chunks = streamed(client, **limit)
        assert "".join(pieces_of(chunks)) == FIRST
        assert chunks[-1].choices[0].finish_reason == "length"
    assert asked(client, max_tokens=4000).choices[0].finish_reason == "stop"


def test_a_stop_sequence_is_found_across_pieces() -> None:
    text = LimitedText(["cd"], None)
    assert [text.add("ab"), text.add("c"), text.add("de"), text.end()] == ["a", "b", "", ""]
    other = LimitedText(["cd"], None)
    assert [other.add("abc"), other.add("e"), other.end()] == ["ab", "c", "e"]


# ---- objects


def test_the_documented_object_is_the_text_in_json_mode(client: OpenAI) -> None:
    found = asked(client, response_format={"type": "json_object"})
    assert found.model_extra is not None
    assert json.loads(text_of(found)) == found.model_extra["konkyo"]
    chunks = streamed(client, response_format={"type": "json_object"})
    assert json.loads("".join(pieces_of(chunks)))["status"] == "answered"


class Source(BaseModel):
    quote: str
    title: str
    published: str | None


class Reply(BaseModel):
    status: Literal["answered", "refused"]
    reason: str | None
    answer: str
    citations: list[Source]


def test_a_schema_picks_from_the_documented_object(client: OpenAI) -> None:
    found = client.chat.completions.parse(
        model="konkyo", messages=[{"role": "user", "content": QUESTION}], response_format=Reply
    )
    message = found.choices[0].message
    assert message.parsed is not None
    assert message.parsed.citations[0].title == JAPANESE.title
    assert message.content is not None
    assert set(json.loads(message.content)["citations"][0]) == {"quote", "title", "published"}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "object", "properties": {"mood": {"type": "string"}}}, "there is no 'mood'"),
        ({"type": "array"}, "must be an object"),
        ({"type": "object", "properties": {"answer": {"pattern": "(a+)+$"}}}, "pattern is not"),
        ({"type": "object", "properties": {"answer": {"type": "integer"}}}, "another type"),
        ({"type": "object", "properties": {"answer": {"$ref": "#/$defs/A"}}}, "must be an object"),
        (
            {
                "type": "object",
                "properties": {"answer": {"$ref": "#/$defs/A"}},
                "$defs": {"A": {"$ref": "#/$defs/A"}},
            },
            "circle",
        ),
        (
            {
                "type": "object",
                "properties": {"answer": {"$ref": "#/$defs/A0"}},
                "$defs": {
                    f"A{n}": {"anyOf": [{"$ref": f"#/$defs/A{n + 1}"}] * 2} for n in range(40)
                }
                | {"A40": {"type": "integer"}},
            },
            "too large",
        ),
    ],
)
def test_a_schema_that_cannot_fit_is_refused(
    client: OpenAI, schema: dict[str, object], said: str
) -> None:
    named = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    with pytest.raises(openai.BadRequestError, match=said) as caught:
        asked(client, response_format=named)
    assert caught.value.param == "response_format.json_schema.schema"
    assert caught.value.code == "unsupported_schema"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["string", "object", "#/$defs/A"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4)
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(KEYWORDS), _JSON, max_size=5))
@settings(max_examples=500, deadline=None, database=None, derandomize=True)
def test_any_schema_fits_or_is_refused(schema: dict[str, object]) -> None:
    outcome = to_json(Answer("?", "en", "!", (), (), (), (), {"total": 1.0}, "0"))
    with contextlib.suppress(InvalidField):
        check_schema({"type": "object", **schema}, tuple(outcome))
    with contextlib.suppress(InvalidField):
        fitted(outcome, schema)


def test_a_schema_of_any_depth_is_refused() -> None:
    deep: dict[str, object] = {"type": "string"}
    for _ in range(5000):
        deep = {"anyOf": [deep]}
    with pytest.raises(InvalidField, match="too deep"):
        fitted("!", deep)


# ---- what is not honoured is refused

IMAGE = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"n": 2}, "n", "unsupported_value"),
        ({"logprobs": True}, "logprobs", "unsupported_value"),
        ({"top_logprobs": 3}, "top_logprobs", "unsupported_value"),
        ({"tools": [TOOL]}, "tools", "unsupported_value"),
        ({"tool_choice": "required"}, "tool_choice", "unsupported_value"),
        ({"functions": [{"name": "look"}]}, "functions", "unsupported_value"),
        ({"modalities": ["text", "audio"]}, "modalities", "unsupported_value"),
        ({"audio": {"voice": "alloy", "format": "wav"}}, "audio", "unsupported_value"),
        ({"logit_bias": {"50256": -100}}, "logit_bias", "unsupported_value"),
        ({"presence_penalty": 1.5}, "presence_penalty", "unsupported_value"),
        ({"reasoning_effort": "high"}, "reasoning_effort", "unsupported_value"),
        ({"store": True}, "store", "unsupported_value"),
        ({"extra_body": {"stream": "often"}}, "stream", "invalid_value"),
        ({"question": IMAGE}, "messages[0].content[0].type", "unsupported_value"),
        ({"extra_body": {"colour": "red"}}, "colour", "unknown_parameter"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"stop": ["a", "b", "c", "d", "e"]}, "stop", "unsupported_value"),
        ({"response_format": {"type": "xml"}}, "response_format", "unsupported_value"),
        ({"question": " "}, "messages", "invalid_value"),
    ],
)
def test_what_is_not_honoured_is_refused_in_openais_form(
    client: OpenAI, more: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        asked(client, **more)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.body is not None
    assert set(caught.value.body) == {"message", "type", "param", "code"}


def test_values_that_change_nothing_are_taken(client: OpenAI) -> None:
    found = asked(client, n=1, temperature=0.7, top_p=1, seed=7, tools=[], user="ann", stop=None)
    assert text_of(found).startswith(FIRST)


def test_an_unknown_model_is_not_found(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="only model") as caught:
        client.models.retrieve("gpt/four")
    assert caught.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError, match="only model"):
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": QUESTION}]
        )


def test_a_fault_in_mid_stream_is_an_error_of_the_client(client: OpenAI) -> None:
    with pytest.raises(openai.InternalServerError, match="The log says more"):
        asked(client, "damaged")


def test_every_error_below_v1_has_openais_form(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(f"reader {SECRET}\n", "utf-8")
    with served(FAKE_PACE="0", FAKE_KEYS=str(keys), FAKE_RATE="1") as address:
        wait_ready(address)
        with (
            OpenAI(base_url=address + "v1", api_key="wrong", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError, match="not known") as denied,
        ):
            client.models.list()
        assert denied.value.type == "authentication_error"
        with OpenAI(base_url=address + "v1", api_key=SECRET, max_retries=0) as client:
            asked(client)
            with pytest.raises(openai.RateLimitError, match="1 a minute") as many:
                asked(client)
            assert many.value.code == "too_many"
            with pytest.raises(openai.APIStatusError, match="larger") as large:
                asked(client, "x" * 70_000)
            assert (large.value.status_code, large.value.code) == (413, "too_large")
            with pytest.raises(openai.NotFoundError) as nowhere:
                client.embeddings.create(model="konkyo", input=JAPANESE.title)
            assert nowhere.value.code == "not_found"
