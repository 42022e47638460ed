"""What one server of the chat consists of."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from konkyo.ui.http.auth import Access, Limiter
from konkyo.ui.http.openid import OpenIDProvider
from konkyo.ui.server.evaluation_jobs import EvaluationJobs
from konkyo.ui.server.feedback import Keeps
from konkyo.ui.server.index_jobs import IndexJobs
from konkyo.ui.server.watcher import Watcher
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.html.overview import EditorPage
from konkyo.ui.web.settings_page import SettingsPage
from konkyo.ui.web.shares import Shares

if TYPE_CHECKING:
    from limits.storage import Storage

__all__ = ["LOOPBACK", "ChatServer"]

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Names of this machine by which no other machine can reach it."""


@dataclass(frozen=True, slots=True)
class ChatServer:
    """The parts of one server; those that are None are not offered.

    ``access`` and ``limiter`` say who may ask and how often; ``names`` are host names by which a
    proxy calls the server.
    """

    chat_service: ChatService
    access: Access = field(default_factory=Access)
    limiter: Limiter | None = None
    index_jobs: IndexJobs | None = None
    evaluation_jobs: EvaluationJobs | None = None
    feedback: Keeps | None = None
    names: tuple[str, ...] = ()
    sign_ins: MutableMapping[str, str] | None = None
    """Who signed in, where several servers share that; None: each server its own."""
    limit_storage: Storage | None = None
    """Where servers that share an index count who signs in; None: each server for itself."""
    grace: float = 30.0
    """Seconds for which a server that is told to end (SIGTERM) goes on with running answers."""
    origins: tuple[str, ...] = ()
    """Other sites whose pages may call the HTTP interface."""
    openid: OpenIDProvider | None = None
    """Where people sign in, instead of by password."""
    watcher: Watcher | None = None
    """Reads watched sources on a schedule."""
    settings_page: SettingsPage | None = None
    """Lets editors change the settings file."""
    shares: Shares = field(default_factory=Shares)
    """What readers share."""

    @property
    def editor_pages(self) -> tuple[EditorPage, ...]:
        """The pages beside those of readers that this server has."""
        feedback: tuple[EditorPage, ...] = () if self.feedback is None else ("feedback",)
        return feedback if self.settings_page is None else (*feedback, "settings")
