"""Answers that readers share by a link, where the owner of the server has turned that on."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Literal

from konkyo.index.errors import KonkyoError
from konkyo.rag.types import Answer, Refusal
from konkyo.ui.server.share_store import ShareEntry, ShareStore
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.html.shared import missing_page, shared_page
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.page_sessions import is_kept
from konkyo.ui.web.turn_json import turn_from_json, turn_to_json
from konkyo.ui.web.turns import Turn

__all__ = ["SharedPage", "Shares", "Sharing"]

Sharing = Literal["off", "readers", "anyone"]
"""Whether answers may be shared, and who may open them: readers who may use the page, or anyone."""

SharedPage = tuple[int, str]
"""The status and the HTML of a page."""

_TOKEN = re.compile(r"[0-9A-Za-z_-]{32}\Z")
_log = logging.getLogger(__name__)


class Shares:
    """What the readers of one server share. Threads may share it.

    Without a store, and while it is off, nothing can be shared, and what was shared cannot be
    opened.
    """

    def __init__(self, store: ShareStore | None = None, sharing: Sharing = "off") -> None:
        self._kept_in = store
        self._sharing: Sharing = sharing

    def change(self, sharing: Sharing) -> None:
        """Let answers be shared, or no longer, from now on."""
        self._sharing = sharing

    @property
    def open(self) -> bool:
        """Whether answers may be shared."""
        return self._store is not None

    @property
    def for_anyone(self) -> bool:
        """Whether a shared answer can be opened without signing in."""
        return self._sharing == "anyone"

    @property
    def _store(self) -> ShareStore | None:
        return self._kept_in if self._sharing != "off" else None

    def share(self, conversation: Conversation, number: int) -> str:
        """Returns the token under which a turn is shared; empty where it cannot be."""
        turn = conversation.turn(number)
        reader = conversation.reader
        store = self._store
        if store is None or not is_kept(reader) or turn is None:
            return ""
        if not isinstance(turn.outcome, Answer | Refusal):
            return ""
        try:
            kept = turn_to_json(turn)
            return store.share(reader, conversation.key, kept, turn.question) or ""
        except KonkyoError as exc:
            _log.warning("an answer cannot be shared: %s", exc)
            return ""

    def entries(self, reader: str) -> tuple[ShareEntry, ...]:
        """Returns what a reader shares, the latest first."""
        store = self._store
        if store is None or not is_kept(reader):
            return ()
        try:
            return store.entries(reader)
        except KonkyoError as exc:
            _log.warning("shared answers cannot be read: %s", exc)
            return ()

    def revoke(self, reader: str, token: str) -> None:
        """Share one answer of a reader no longer."""
        store = self._store
        if store is None or not is_kept(reader):
            return
        try:
            store.revoke(reader, token)
        except KonkyoError as exc:
            _log.warning("a shared answer cannot be taken back: %s", exc)

    def page(
        self,
        token: str,
        language: Language,
        style: str,
        noted: Callable[[Turn, Language], Turn],
        *,
        signed_in: bool,
    ) -> SharedPage:
        """Returns the page of a shared answer, or one that says why it cannot be seen.

        ``style`` is the address of its style; ``noted`` adds what became of its quotes since.
        """
        store = self._store
        if store is not None and not (self.for_anyone or signed_in):
            return 401, missing_page("share_sign_in", style, language)
        kept = None
        if store is not None and _TOKEN.match(token):
            try:
                kept = store.shared(token)
            except KonkyoError as exc:
                _log.warning("a shared answer cannot be read: %s", exc)
                return 503, missing_page("share_unavailable", style, language)
        turn = turn_from_json(kept) if kept is not None else None
        if turn is None or turn.outcome is None:
            return 404, missing_page("share_gone", style, language)
        return 200, shared_page(noted(turn, language), turn.outcome, style, language)
