"""Errors of ours as status, body and headers."""

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
from konkyo.ui.http.schemas import Problem
from konkyo.ui.web.pipeline_protocol import NotReady

__all__ = ["problem", "problem_of", "some_problems"]

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


def problem_of(error: KonkyoError) -> tuple[int, dict[str, object], dict[str, str]]:
    """The status, body and headers an error of ours is told with."""
    headers: dict[str, str] = {}
    if isinstance(error, Denied):
        status, code = (403, "forbidden") if error.known else (401, "key_needed")
        if not error.known:
            headers["www-authenticate"] = "Bearer"
    else:
        status, code = next(
            ((s, c) for kind, s, c in _STATUS if isinstance(error, kind)), (500, "internal")
        )
    if isinstance(error, TooMany):
        headers["retry-after"] = str(error.retry_after)
    return status, problem(status, code, str(error)), headers


def problem(status: int, code: str, message: str, param: str | None = None) -> dict[str, object]:
    """The one form of every error."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    if status in (401, 403):
        kind = "authentication_error"
    return {"error": {"code": code, "message": message, "type": kind, "param": param}}


_PROBLEMS = {
    400: {"model": Problem, "description": "It cannot be asked like that."},
    401: {"model": Problem, "description": "A key is needed."},
    403: {"model": Problem, "description": "This key may not do it."},
    404: {"model": Problem, "description": "There is no such thing."},
    409: {"model": Problem, "description": "The index is being changed by somebody else."},
    413: {"model": Problem, "description": "The request is too large."},
    422: {"model": Problem, "description": "A field is missing or malformed."},
    429: {"model": Problem, "description": "Too many; see Retry-After."},
    503: {"model": Problem, "description": "Not ready, or the language model cannot be reached."},
    504: {"model": Problem, "description": "The language model took too long."},
}


def some_problems(*codes: int) -> dict[int | str, dict[str, object]]:
    """How the OpenAPI document describes the errors of a door; that of a missing key always."""
    return {code: dict(_PROBLEMS[code]) for code in (401, *codes)}
