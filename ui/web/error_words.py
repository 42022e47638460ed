"""What a reader is told of an error."""

from __future__ import annotations

from konkyo.index.errors import KonkyoError, LLMError, ModelError, QuestionTimeout, StoreError
from konkyo.ui.web.i18n import Language, Message, say
from konkyo.ui.web.pipeline_protocol import CannotTranslate, IndexAway, NotReady

__all__ = ["error_message", "error_words"]

_PHRASES: tuple[tuple[type[KonkyoError], str], ...] = (
    (CannotTranslate, "cannot_translate"),
    (IndexAway, "error_index"),
    (NotReady, "error_not_ready"),
    (LLMError, "error_model"),
    (ModelError, "error_model"),
    (StoreError, "error_index"),
    (QuestionTimeout, "error_timeout"),
)


def error_words(problem: BaseException, language: Language) -> str:
    """Returns what happened and what to do; the message itself is for whoever runs the server."""
    return say(language, error_message(problem).key)


def error_message(problem: BaseException) -> Message:
    """Returns what happened and what to do, for a page that may change its language."""
    key = next((key for kind, key in _PHRASES if isinstance(problem, kind)), "error_internal")
    return Message(key)
