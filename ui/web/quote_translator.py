"""Translates quotes with the language model, after all questions that wait."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

from konkyo.index.errors import ArticleMissing, KonkyoError, LLMTimeout
from konkyo.rag.answer_style import writes_well
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.generation.translate import LONGEST_QUOTE, Translation, translate_quote
from konkyo.ui.server.llm_queue import Heartbeat, Queued, in_line
from konkyo.ui.server.telemetry import Channel, Telemetry
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.error_words import error_message
from konkyo.ui.web.i18n import Message
from konkyo.ui.web.pipeline_protocol import CannotTranslate, ChatPipeline
from konkyo.ui.web.turns import (
    QuoteTranslation,
    Turn,
)

__all__ = ["HEARTBEAT_SECONDS", "NoQuote", "QuoteTranslator"]

HEARTBEAT_SECONDS = 1.0
"""Seconds between two signs that something is still under way."""

_TRANSLATION_SECONDS = 180.0

_log = logging.getLogger(__name__)


class NoQuote(KonkyoError):
    """A span is not within the article, or has no text to translate."""


class QuoteTranslator:
    """Translates quotes; ``reader`` returns the pipeline or raises NotReady."""

    def __init__(self, reader: Callable[[], ChatPipeline], telemetry: Telemetry) -> None:
        self._reader = reader
        self._telemetry = telemetry

    def events(
        self,
        article_id: str,
        start: int,
        end: int,
        language: str,
        channel: Channel,
        gone: threading.Event | None = None,
    ) -> Iterator[Translation | Queued | Heartbeat]:
        """Yields how a translation of one span of an article goes on; the translation comes last.

        Something comes at least every second. Raises NotReady, CannotTranslate, ArticleMissing,
        NoQuote and LLMError, the last also when the questions leave the model no time for it.
        """
        reader = self._reader()
        if not writes_well(reader.llm.name) and reader.llm.name != NoLLM.name:
            raise CannotTranslate(
                f"{reader.llm.name} does not write well enough to translate; set a larger language"
                " model"
            )
        quote = reader.article(article_id).text[start:end]
        if not 0 <= start < end or len(quote) < end - start or not quote.strip():
            raise NoQuote(f"the article has no text from {start} to {end}")
        if len(quote) > LONGEST_QUOTE:
            raise NoQuote(f"at most {LONGEST_QUOTE} characters can be translated at once")
        status = "stopped"
        until = time.monotonic() + _TRANSLATION_SECONDS

        def run() -> Iterator[Translation]:
            yield translate_quote(reader.llm, quote, language)

        try:
            with closing(in_line(run, HEARTBEAT_SECONDS, patient=True, gone=gone)) as events:
                for event in events:
                    if isinstance(event, Translation):
                        status = "doubtful" if event.doubtful else "made"
                    elif time.monotonic() > until:
                        raise LLMTimeout(
                            f"{reader.llm.name}: no translation in {_TRANSLATION_SECONDS:g} s;"
                            " questions go first; try again later"
                        )
                    yield event
        except KonkyoError:
            status = "failed"
            raise
        finally:
            self._telemetry.translations.labels(channel, status).inc()

    def translate(
        self,
        conversation: Conversation,
        number: int,
        place: tuple[str, int, int],
        refused: Message | None = None,
    ) -> Iterator[Turn]:
        """Translate one quote that a settled turn shows; yields the turn after each change.

        Errors become a translation that says so. ``refused`` is why it may not be asked for.
        """
        translation = QuoteTranslation(*place)
        if conversation.is_translating(number, place):
            return
        if refused is not None:
            turn = conversation.put_translation(number, replace(translation, problem=refused))
            yield from () if turn is None else (turn,)
            return
        if (turn := conversation.put_translation(number, translation)) is None:
            return
        yield turn
        ended = replace(translation, problem=Message("error_internal"))
        try:
            for event in self.events(*place, turn.language, "page"):
                if not conversation.is_translating(number, place):
                    return
                if isinstance(event, Translation):
                    ended = replace(translation, translation=event)
                elif isinstance(event, Queued):
                    turn = conversation.put_translation(
                        number, replace(translation, ahead=event.ahead)
                    )
                    yield from () if turn is None else (turn,)
        except ArticleMissing:
            ended = replace(translation, problem=Message("article_gone"))
        except KonkyoError as exc:
            _log.warning("a quote was not translated: %s", exc)
            ended = replace(translation, problem=error_message(exc))
        finally:
            turn = conversation.put_translation(number, ended)
        yield from () if turn is None else (turn,)
