"""Answers the questions of the page in the background, so that a page that reloads loses none."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterator

from konkyo.index.errors import KonkyoError
from konkyo.index.records import Filter
from konkyo.rag.types import Answer, Refusal
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.i18n import LANGUAGES, Language, Message
from konkyo.ui.web.turns import Turn

__all__ = ["BackgroundAnswers"]

_AT_ONCE = 200
_FOLLOW_UPS = 3
_FINDING_SECONDS = 60.0
"""How long an answer waits while the questions to go on with after another are found."""

_log = logging.getLogger(__name__)


class BackgroundAnswers:
    """Answers questions in threads of their own, then finds questions to go on with.

    Threads may share it.
    """

    def __init__(self, chat_service: ChatService) -> None:
        self._chat_service = chat_service
        self._lock = threading.Lock()
        self._submitted = 0
        self._finding = threading.Lock()

    def submit(
        self,
        conversation: Conversation,
        question: str,
        language: Language,
        where: Filter,
        refused: Message | None = None,
        *,
        details: bool = False,
        lenient: bool = False,
    ) -> None:
        """Add a question to a conversation and begin to answer it; see ``ChatService.ask``.

        Questions to go on with are in ``language`` where we have no words of the answer's.
        """
        with self._lock:
            self._submitted += 1
            if self._submitted > _AT_ONCE:
                refused = refused or Message("server_busy")
        turns = self._chat_service.ask(
            conversation, question, where, refused, details=details, lenient=lenient
        )
        next(turns)
        threading.Thread(
            target=self._complete,
            args=(conversation, turns, language, where),
            name="konkyo-turn",
            daemon=True,
        ).start()

    def _complete(
        self, conversation: Conversation, turns: Iterator[Turn], language: Language, where: Filter
    ) -> None:
        try:
            with conversation.working():
                last = next(iter(deque(turns, maxlen=1)), None)
                if last is not None and isinstance(last.outcome, (Answer, Refusal)):
                    self._find_follow_ups(conversation, last, last.outcome, language, where)
        finally:
            with self._lock:
                self._submitted -= 1

    def _find_follow_ups(
        self,
        conversation: Conversation,
        turn: Turn,
        outcome: Answer | Refusal,
        language: Language,
        where: Filter,
    ) -> None:
        """Set the questions to go on with, where nobody waits for the machine.

        They are about the articles that an answer cites or that are nearest to a refusal, and are
        answered under the reader's filter. They are found for one outcome at a time, and for the
        last of a conversation: the page shows no others.
        """
        service = self._chat_service
        spoken = next((code for code in LANGUAGES if code == outcome.language), language)
        about = (
            outcome.related
            if isinstance(outcome, Refusal)
            else (citation.article for citation in outcome.citations)
        )
        articles = tuple(dict.fromkeys(about))
        if not service.wait_until_idle() or not self._finding.acquire(timeout=_FINDING_SECONDS):
            return
        try:
            asked = conversation.turns
            # A question may have come while this waited.
            if service.answering or asked[-1].number != turn.number:
                return
            questions = [one.question for one in asked]
            found = service.suggested_questions(articles, spoken, _FOLLOW_UPS, questions, where)
        except KonkyoError as exc:
            _log.warning("no questions to go on with: %s", exc)
            return
        finally:
            self._finding.release()
        changed = conversation.set_follow_ups(turn.number, found) if found else None
        if changed is not None:
            service.conversations.save(conversation, changed)
