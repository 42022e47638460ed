"""The conversations that a server has at hand, and how they are kept."""

from __future__ import annotations

import logging
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Literal, TypeVar

from konkyo.index.errors import KonkyoError
from konkyo.ui.server.conversation_store import ConversationEntry, ConversationStore
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.page_sessions import is_kept
from konkyo.ui.web.turn_json import (
    filter_from_json,
    filter_to_json,
    turn_from_json,
    turn_to_json,
)
from konkyo.ui.web.turns import Turn

__all__ = ["Change", "Conversations"]

Change = Literal["rename", "pin", "unpin", "delete", "restore"]

_CONVERSATIONS = 2000
_CONVERSATIONS_EACH = 50
_TABS = 10_000
_LEAVE_SECONDS = 20.0
"""A reader who reloads the page or goes back to it has left for no longer than this."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Conversations:
    """The conversations of one server. Threads may share it.

    ``store`` keeps them for their readers; None: they are gone with the server. What the store
    cannot do is logged, and the conversation goes on from memory.
    """

    def __init__(
        self, store: ConversationStore | None = None, leave_seconds: float = _LEAVE_SECONDS
    ) -> None:
        self._store = store
        self._leave_seconds = leave_seconds
        self._lock = threading.Lock()
        self._conversations: OrderedDict[tuple[str, str], Conversation] = OrderedDict()
        self._tabs: OrderedDict[tuple[str, str], str] = OrderedDict()

    def open(self, key: str, reader: str = "", tab: str = "") -> Conversation:
        """Returns a conversation of a reader, which another server may have gone on with.

        A server has at most so many of a reader at hand: the longest unused is put away for a new
        one. Where all readers together have too many, it is one of the reader who has the most.
        ``tab`` is where the reader has it open.
        """
        with self._lock:
            found = self._conversations.get((reader, key))
            if tab:
                self._tabs[reader, tab] = key
                while len(self._tabs) > _TABS:
                    self._tabs.popitem(last=False)
        if found is None or not found.changing:
            found = self._newest(key, reader, found)
        with self._lock:
            found = self._conversations.setdefault((reader, key), found)
            self._conversations.move_to_end((reader, key))
            self._put_away_oldest(reader)
            return found

    def shows(self, tab: str, conversation: Conversation) -> bool:
        """Whether a tab still shows a conversation: its last request was about it."""
        reader = conversation.reader
        return self._tabs.get((reader, tab), conversation.key) == conversation.key

    def _newest(self, key: str, reader: str, known: Conversation | None) -> Conversation:
        """Returns a conversation as it is kept; ``known`` where that has not changed since."""
        most_turns = {} if self._store is None else {"most_turns": self._store.limits.turns}
        fresh = known or Conversation(key, reader, **most_turns)

        def read(store: ConversationStore) -> Conversation:
            revision = store.revision(reader, key)
            if revision == fresh.revision and not fresh.deleted:
                return fresh
            found = store.load(reader, key)
            if found is None:
                # Deleted elsewhere: what a page still shows of it must not come back.
                fresh.deleted = True
                with self._lock:
                    self._conversations.pop((reader, key), None)
                return Conversation(key, reader, **most_turns)
            turns = tuple(map(turn_from_json, found.turns))
            fresh.restore(turns, filter_from_json(found.where), found.revision)
            return fresh

        return self._kept(reader, read, fresh)

    def _kept(self, reader: str, work: Callable[[ConversationStore], T], otherwise: T) -> T:
        """Returns what the store gives for a reader whose conversations are kept."""
        if self._store is None or not is_kept(reader):
            return otherwise
        try:
            return work(self._store)
        except KonkyoError as exc:
            _log.warning("conversations cannot be read or kept: %s", exc)
            return otherwise

    def _put_away_oldest(self, reader: str) -> None:
        counts = Counter(owner for owner, _ in self._conversations)
        if counts[reader] > _CONVERSATIONS_EACH:
            owner = reader
        elif counts.total() > _CONVERSATIONS:
            owner = counts.most_common(1)[0][0]
        else:
            return
        oldest = next(name for name in self._conversations if name[0] == owner)
        self._conversations.pop(oldest).abandon()

    def save(self, conversation: Conversation, turn: Turn | None = None) -> None:
        """Keep the filter of a conversation, and a turn of it."""

        def write(store: ConversationStore) -> None:
            kept = turn_to_json(turn) if turn is not None else None
            where = filter_to_json(conversation.where)
            title = turn.question if turn is not None else ""
            revision = store.save(conversation.reader, conversation.key, where, kept, title)
            if revision is None:
                # Deleted elsewhere while it was answering.
                conversation.deleted = True
            elif revision == (conversation.revision or 0) + 1:
                conversation.revision = revision
            # Else another server has changed it meanwhile, too: it is read again.

        if not conversation.deleted:
            self._kept(conversation.reader, write, None)

    # --- the list of a reader ----------------------------------------------------------------

    def entries(self, reader: str, search: str = "") -> tuple[ConversationEntry, ...]:
        """Returns the conversations of a reader: pinned ones, then the one changed last."""
        return self._kept(reader, lambda store: store.entries(reader, search), ())

    def change(self, reader: str, key: str, change: Change, title: str = "") -> None:
        """Rename, pin, delete or restore a conversation of a reader."""

        def write(store: ConversationStore) -> None:
            if change == "rename":
                store.rename(reader, key, title)
            elif change == "delete":
                store.delete(reader, key)
            elif change == "restore":
                store.restore(reader, key)
            else:
                store.pin(reader, key, change == "pin")

        self._kept(reader, write, None)
        if change == "delete":
            with self._lock:
                gone = self._conversations.pop((reader, key), None)
            if gone is not None:
                gone.deleted = True
                gone.abandon()

    def purge(self) -> None:
        """Remove what is due for deletion."""
        self._kept("", lambda store: store.purge(), None)

    # --- readers who leave -------------------------------------------------------------------

    def leave(self, reader: str, tab: str) -> None:
        """Take note that a tab was closed; a reader who has none any more has left.

        Their answers are stopped after a while, if no tab is opened until then.
        """
        with self._lock:
            self._tabs.pop((reader, tab), None)
            if self._has_tab(reader) or not any(
                one.busy for (owner, _), one in self._conversations.items() if owner == reader
            ):
                return
        later = threading.Timer(self._leave_seconds, self._stop_if_gone, [reader])
        later.daemon = True
        later.start()

    def _stop_if_gone(self, reader: str) -> None:
        with self._lock:
            if self._has_tab(reader):
                return
        self.close_reader(reader)

    def _has_tab(self, reader: str) -> bool:
        return any(owner == reader for owner, _ in self._tabs)

    def close_reader(self, reader: str) -> None:
        """Stop the answers of a reader who has left or signed out, and put all away."""
        with self._lock:
            gone = [name for name in self._conversations if name[0] == reader]
            for name in gone:
                self._conversations.pop(name).abandon()
