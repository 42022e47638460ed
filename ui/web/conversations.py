"""All conversations of a server, by the key of a browser tab; at most so many a reader."""

from __future__ import annotations

import logging
import threading
from collections import Counter, OrderedDict
from typing import Protocol

from konkyo.index.errors import KonkyoError
from konkyo.ui.web.conversation import Conversation

__all__ = ["Conversations", "Sessions"]

_CONVERSATIONS = 2000
_CONVERSATIONS_EACH = 50
_log = logging.getLogger(__name__)


class Sessions(Protocol):
    """Where conversations are saved, so that another server can go on with them."""

    def load(self, key: str) -> str | None:
        """Returns what was saved under a key. Raises KonkyoError."""

    def save(self, key: str, content: str) -> None:
        """Save in place of what was there. Raises KonkyoError."""


class Conversations:
    """The conversations of one server. Threads may share it.

    ``sessions`` saves them, so that another server can go on with them; None: they are not saved.
    """

    def __init__(self, sessions: Sessions | None = None) -> None:
        self._sessions = sessions
        self._lock = threading.Lock()
        self._conversations: OrderedDict[str, Conversation] = OrderedDict()

    def open(self, key: str, reader: str = "") -> Conversation:
        """Returns the conversation of one browser tab of a reader, by the key that tab was given.

        A reader has at most so many: the longest unused is forgotten for a new one. Where all
        readers together have too many, it is one of the reader who has the most.
        """
        with self._lock:
            known = key in self._conversations
        restored = None if known else self._restored(key)
        with self._lock:
            found = self._conversations.pop(key, None) or restored or Conversation(key, reader)
            found.reader = reader
            self._conversations[key] = found
            if not known:
                self._forget_oldest(reader)
            return found

    def _forget_oldest(self, reader: str) -> None:
        counts = Counter(one.reader for one in self._conversations.values())
        if counts[reader] > _CONVERSATIONS_EACH:
            owner = reader
        elif counts.total() > _CONVERSATIONS:
            owner = counts.most_common(1)[0][0]
        else:
            return
        oldest = next(key for key, one in self._conversations.items() if one.reader == owner)
        self._conversations.pop(oldest).abandon()

    def close_reader(self, reader: str) -> None:
        """Forget all conversations of a reader who has signed out, and stop their answers."""
        with self._lock:
            gone = [key for key, one in self._conversations.items() if one.reader == reader]
        for key in gone:
            self.close(key)

    def _restored(self, key: str) -> Conversation | None:
        try:
            content = self._sessions.load(key) if self._sessions is not None else None
        except KonkyoError as exc:
            _log.warning("a conversation cannot be read: %s", exc)
            return None
        if content is None:
            return None
        found = Conversation(key)
        found.restore(content)
        return found

    def save(self, conversation: Conversation) -> None:
        """Save a conversation if there are sessions; what fails is logged."""
        if self._sessions is None or not conversation.key:
            return
        try:
            self._sessions.save(conversation.key, conversation.saved())
        except KonkyoError as exc:
            _log.warning("a conversation cannot be saved: %s", exc)

    def close(self, key: str) -> None:
        """Forget a conversation whose tab was closed, and stop its answer."""
        with self._lock:
            gone = self._conversations.pop(key, None)
        if gone is not None:
            gone.abandon()
