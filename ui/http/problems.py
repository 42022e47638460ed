"""Errors of ours as status, body and headers: RFC 9457 for our own interface, OpenAI's for /v1."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from konkyo.index.errors import (
    ArticleGone,
    ArticleMissing,
    KonkyoError,
    LLMTimeout,
    LLMUnreachable,
    ModelError,
    QuestionTimeout,
    StoreError,
    StoreLocked,
    UsageError,
)
from konkyo.ui.http.auth import Denied, TooMany
from konkyo.ui.web.pipeline_protocol import NotReady

__all__ = ["OPENAI_PATH", "PROBLEM_TYPE", "Fault", "InvalidField", "fault_of"]

_log = logging.getLogger(__name__)

PROBLEM_TYPE = "application/problem+json"
OPENAI_PATH = "/v1/"


class InvalidField(UsageError):
    """A field of a request asks for what is not offered; ``param`` names the field."""

    def __init__(
        self, param: str, message: str, code: str = "unsupported_value", status: int = 400
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code


_STATUS: tuple[tuple[type[KonkyoError], int, str], ...] = (
    (TooMany, 429, "too_many"),
    (UsageError, 400, "usage"),
    (ArticleGone, 404, "article_gone"),
    (ArticleMissing, 404, "article_missing"),
    (StoreLocked, 409, "index_busy"),
    (NotReady, 503, "not_ready"),
    (LLMTimeout, 504, "llm_timeout"),
    (QuestionTimeout, 504, "question_timeout"),
    (LLMUnreachable, 503, "llm_unreachable"),
    (ModelError, 503, "model"),
    (StoreError, 503, "index"),
)

_TOLD: Mapping[str, str] = {
    "index": "the index cannot be used now; the server's log says why",
    "index_busy": "the index is being changed; wait, or cancel that first",
    "internal": "it did not work; the server's log says why",
    "llm_timeout": "the language model took too long; ask again",
    "llm_unreachable": (
        "no language model is set, or it does not answer: is the server running? The log says more"
    ),
    "model": "a model cannot be used now; the server's log says why",
}
"""What callers are told where the error itself names folders, addresses or machines."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong with a request: ``code`` is stable and for programs, ``message`` for people.

    ``param`` is the field that is to blame, where one is.
    """

    status: int
    code: str
    message: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, path: str) -> dict[str, object]:
        """The object this is told with at an address."""
        if path.startswith(OPENAI_PATH):
            return {
                "error": {
                    "message": self.message,
                    "type": self._kind(),
                    "param": self.param,
                    "code": self.code,
                }
            }
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
            "param": self.param,
        }

    def encoded(self, path: str) -> tuple[str, bytes]:
        """The media type and the bytes this is told with at an address."""
        kind = "application/json" if path.startswith(OPENAI_PATH) else PROBLEM_TYPE
        return kind, json.dumps(self.body(path), ensure_ascii=False).encode()

    def _kind(self) -> str:
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        other = "server_error" if self.status >= 500 else "invalid_request_error"
        return kinds.get(self.status, other)


def fault_of(error: KonkyoError) -> Fault:
    """An error of ours as it is told to a program; what is not for callers goes to the log."""
    if isinstance(error, Denied):
        if error.known:
            return Fault(403, "forbidden", str(error))
        return Fault(401, "key_needed", str(error), headers={"www-authenticate": "Bearer"})
    if isinstance(error, InvalidField):
        return Fault(error.status, error.code, str(error), error.param)
    status, code = next(
        ((s, c) for kind, s, c in _STATUS if isinstance(error, kind)), (500, "internal")
    )
    if code in _TOLD:
        _log.warning("%s: %s", code, error)
        return Fault(status, code, _TOLD[code])
    waits = {"retry-after": str(error.retry_after)} if isinstance(error, TooMany) else {}
    return Fault(status, code, str(error), headers=waits)
