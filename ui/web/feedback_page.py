"""The page on which editors read what readers said of answers."""

from __future__ import annotations

from konkyo.ui.server.feedback import Keeps
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.citation_notes import citation_notes, kept_citations
from konkyo.ui.web.html.feedback import opinion_list
from konkyo.ui.web.i18n import Language

__all__ = ["FeedbackPage"]

_MOST = 200


class FeedbackPage:
    """Lists the latest opinions on answers over one index, and what became of their quotes."""

    def __init__(self, chat_service: ChatService, kept: Keeps) -> None:
        self._chat_service = chat_service
        self._kept = kept

    def page(self, language: Language) -> str:
        """Returns the content. Raises NotReady while there is no index, UsageError, StoreError."""
        self._chat_service.renew()
        store = self._chat_service.reader.store
        opinions = self._kept.opinions()
        latest = [
            (one, citation_notes(store, kept_citations(one.outcome), language))
            for one in reversed(opinions[-_MOST:])
        ]
        return opinion_list(latest, len(opinions), language)
