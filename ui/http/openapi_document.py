"""What the OpenAPI document says beside the routes themselves: errors, keys, event streams.

Annotations are evaluated here, not postponed: the framework reads those of the handlers.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from konkyo.ui.http.openai_schemas import CompletionChunk, ErrorObject
from konkyo.ui.http.problems import PROBLEM_TYPE
from konkyo.ui.http.schemas import EVENTS, Problem

if TYPE_CHECKING:
    from fastapi import FastAPI
    from fastapi.params import Depends

__all__ = ["event_stream_of", "finish_document", "key_needed", "some_errors", "some_problems"]

_DESCRIPTIONS = {
    400: "It cannot be asked like that.",
    401: "A key is needed.",
    403: "This key may not do it.",
    404: "There is no such thing.",
    409: "The index is being changed by somebody else.",
    413: "The request is too large.",
    422: "A field is missing or malformed.",
    429: "Too many; see Retry-After.",
    503: "Not ready, or the language model cannot be reached.",
    504: "The language model took too long.",
}
_PLACE = "#/components/schemas/"


def some_problems(*codes: int) -> dict[int | str, dict[str, object]]:
    """How the document describes the errors of a route; that of a missing key always."""
    return _described(Problem, codes)


def some_errors(*codes: int) -> dict[int | str, dict[str, object]]:
    """The same for a route that answers in OpenAI's form."""
    return _described(ErrorObject, codes)


def _described(model: type[BaseModel], codes: Sequence[int]) -> dict[int | str, dict[str, object]]:
    return {code: {"model": model, "description": _DESCRIPTIONS[code]} for code in (401, *codes)}


def event_stream_of(models: Mapping[str, type[BaseModel]]) -> dict[str, object]:
    """The media type of server-sent events whose ``data`` are these, by the event's name.

    An event without a name has the data of "". The schema is that of one event: OpenAPI 3.1,
    which generators of clients know, has no word for a sequence (3.2: ``itemSchema``).
    """
    events = [_event(name, model) for name, model in models.items()]
    item = events[0] if len(events) == 1 else {"oneOf": events}
    return {"text/event-stream": {"schema": item}}


def _event(name: str, model: type[BaseModel]) -> dict[str, object]:
    data = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": f"{_PLACE}{model.__name__}"},
    }
    named: dict[str, object] = {"event": {"const": name}} if name else {}
    required = [*named, "data"]
    return {"type": "object", "properties": {**named, "data": data}, "required": required}


def key_needed() -> "Depends":
    """Says in the document that a route wants a key, where any are set; checks nothing."""
    from fastapi import Security
    from fastapi.security import HTTPBearer

    advice = "A key of the server's keys file. Where none is set, any or none."
    bearer = HTTPBearer(scheme_name="key", description=advice, auto_error=False)
    found: Depends = Security(bearer)
    return found


def finish_document(app: "FastAPI") -> None:
    """Let the application's document name the media type of errors and the data of events."""
    made = app.openapi

    def finished() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = made()
            for item in document["paths"].values():
                for operation in item.values():
                    _rename_problems(operation["responses"])
            events = [(m, "serialization") for m in (*EVENTS.values(), CompletionChunk)]
            _, told = models_json_schema(events, ref_template=_PLACE + "{model}")  # type: ignore[arg-type]
            document["components"]["schemas"] |= told["$defs"]
        return app.openapi_schema or {}

    app.openapi = finished  # type: ignore[method-assign]


def _rename_problems(responses: dict[str, Any]) -> None:
    for response in responses.values():
        content = response.get("content", {})
        for kind, told in list(content.items()):
            if told.get("schema", {}).get("$ref") == f"{_PLACE}{Problem.__name__}":
                content[PROBLEM_TYPE] = content.pop(kind)
