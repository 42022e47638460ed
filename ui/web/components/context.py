"""What all components of the page share; turns a request into a visit."""

from __future__ import annotations

import itertools
import logging
from html import escape
from typing import TYPE_CHECKING

from konkyo.index.errors import KonkyoError
from konkyo.ui.http.auth import TooMany
from konkyo.ui.http.caller_address import caller_address
from konkyo.ui.http.security_middleware import language_of
from konkyo.ui.web.admin import AdminPages
from konkyo.ui.web.background_answers import BackgroundAnswers
from konkyo.ui.web.chat_server import LOOPBACK, ChatServer
from konkyo.ui.web.components.visit import Visit
from konkyo.ui.web.error_words import error_message
from konkyo.ui.web.html.filters import filters
from konkyo.ui.web.html.overview import overview
from konkyo.ui.web.i18n import Language, Message
from konkyo.ui.web.page_sessions import conversation_of, is_kept, reader_of
from konkyo.ui.web.turns import Mark
from konkyo.ui.web.views import conversation_view, source_view, status_view

if TYPE_CHECKING:
    import gradio as gr

__all__ = ["PageContext"]

_log = logging.getLogger(__name__)


class PageContext:
    """Gives the components the server, visits, and the parts of the page as HTML."""

    def __init__(self, chat_server: ChatServer, admin: AdminPages) -> None:
        self.chat_service = chat_server.chat_service
        self.feedback = chat_server.feedback
        self.answers = BackgroundAnswers(chat_server.chat_service)
        self.shares = chat_server.shares
        self.admin = admin
        self._server = chat_server
        self._updates = itertools.count()

    def visit(self, request: gr.Request, event: gr.EventData | None = None) -> Visit:
        """Returns who sent a request and what its event carries; may read a saved conversation."""
        session = str(request.session_hash)
        user = getattr(request, "username", None)
        data = event._data if event is not None and isinstance(event._data, dict) else {}
        headers = {k.lower(): v for k, v in dict(request.headers or {}).items()}
        sent, proxied = request.request, bool(self._server.names)
        address = caller_address(sent, proxied=proxied) if sent is not None else ""
        conversations = self.chat_service.conversations
        named = conversation_of(session, headers)
        return Visit(
            language=language_of(headers),
            conversation=conversations.open(named, reader_of(session), session),
            session=session,
            editor=self.admin.open and self._server.access.role_of_user(user) == "editor",
            # On this machine, and behind a proxy nobody told us of, everybody has one address:
            # count tabs there.
            limited_as=session if address in LOOPBACK else address,
            data=data,
            user=str(user or address),
        )

    def too_many(self, visit: Visit) -> Message | None:
        """Count one question of a reader; returns why it may not be asked; None: it may."""
        if self._server.limiter is None:
            return None
        try:
            self._server.limiter.take(visit.limited_as)
        except TooMany as exc:
            return Message("too_many", {"seconds": exc.retry_after})
        except KonkyoError as exc:
            # Where servers share their counts, the database that holds them does not answer.
            _log.warning("questions cannot be counted: %s", exc)
            return error_message(exc)
        return None

    def renewed(self, html: str) -> str:
        """Returns HTML with a number that makes it differ from all before.

        Gradio sends the browser changed values only; a second click on a button must scroll again.
        """
        return f'{html}<span hidden data-press="{next(self._updates)}"></span>'

    def conversation(self, visit: Visit, *, followed: bool = False) -> str:
        """Returns the conversation as HTML; ``followed`` is whether its changes follow.

        While it may still change by itself it says so: a page that is not sent its changes asks
        for them. It also says whether the reader is an editor.
        """
        shown = visit.conversation
        # Asked before the turns are read, so that what is shown as final is.
        changing = shown.changing
        shares = self.shares.open and is_kept(shown.reader)
        inner = conversation_view(
            self.chat_service, shown.turns, visit.language, shares=shares, editor=visit.editor
        )
        live = " data-live" if followed else ""
        marks = f" data-changing{live}" if changing else ""
        marks += " data-editor" if visit.editor else ""
        return f'<div data-conversation="{escape(shown.key)}"{marks}>{inner}</div>'

    def source(self, visit: Visit, article_id: str, mark: Mark, turn: int) -> str:
        """Returns an article with its marks as HTML."""
        return source_view(
            self.chat_service, visit.conversation, article_id, mark, turn, visit.language
        )

    def overview(self, visit: Visit) -> str:
        """Returns the list of the newest articles as HTML."""
        return overview(
            self.chat_service.index_summary,
            visit.language,
            editor=visit.editor,
            pages=self._server.editor_pages,
        )

    def filters(self, visit: Visit) -> str:
        """Returns the filters as HTML."""
        chosen = visit.conversation.where
        return filters(self.chat_service.index_summary, chosen, visit.language)

    def language(self, request: gr.Request) -> Language:
        """Returns the language of a request, without reading its conversation."""
        return language_of({k.lower(): v for k, v in dict(request.headers or {}).items()})

    def status(self, language: Language) -> str:
        """Returns what the header says of the server as HTML."""
        return status_view(self.chat_service, language)
