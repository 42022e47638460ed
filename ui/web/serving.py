"""Serves the chat with uvicorn: takes the port, and ends without cutting off answers."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

from konkyo.index.errors import UsageError
from konkyo.ui.http.auth import Access
from konkyo.ui.http.security_middleware import SecurityMiddleware
from konkyo.ui.web.application import build
from konkyo.ui.web.chat_server import LOOPBACK, ChatServer

if TYPE_CHECKING:
    import uvicorn

__all__ = ["Served", "listen", "serve"]

_THREADS = 120
_KEEP_ALIVE_SECONDS = 150
# A tenth of a second each.
_QUIET_TICKS = 5


@dataclass(frozen=True, slots=True)
class Served:
    """Where the chat can be reached."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address to open in a browser on this machine."""
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        shown = f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown
        return f"http://{shown}:{self.port}/"


def listen(host: str, port: int, access: Access, names: Sequence[str] = ()) -> socket.socket:
    """Take the port, before anything slow is done.

    ``names`` are those by which a proxy on this machine calls the chat. Raises UsageError when the
    port is taken or the host is not one of this machine's, when others could reach the chat but
    nobody is asked who they are, and when others could say that they are somebody else.
    """
    if access.user_header and not access.own_header and host not in LOOPBACK:
        raise UsageError(
            f"--host {host}: anybody could send the header {access.user_header}."
            " Listen on 127.0.0.1, where only the proxy of this machine can."
        )
    if names and not access.page_locked:
        raise UsageError(
            f"[chat] names: {', '.join(names)} lets others in. Set a password, or user_header where"
            " the proxy signs people in."
        )
    if host not in LOOPBACK and not access.page_locked:
        raise UsageError(
            f"--host {host}: other machines could read the articles. Set a password first "
            "(--password-file FILE, or KONKYO_PASSWORD), or listen on 127.0.0.1."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, so that asyncio turns Nagle's algorithm off: each answer waited 40 ms without.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except (OSError, OverflowError) as exc:
        taken.close()
        raise UsageError(
            f"cannot listen on {host} port {port}: {exc}. Something else may be using it; "
            "choose another with --port (make chat PORT=...)."
        ) from exc
    return taken


def serve(
    chat_server: ChatServer,
    taken: socket.socket,
    *,
    ready: Callable[[Served], None] | None = None,
) -> None:
    """Serve the chat on a socket from ``listen`` until interrupted; KeyboardInterrupt passes on.

    After SIGTERM it says that it is not ready, finishes the answers under way and returns, at the
    latest after ``chat_server.grace`` seconds. The models are loaded in the background; ``ready``
    is called once the page can be opened.
    """
    host, port = taken.getsockname()[:2]
    application = build(chat_server, host=host, port=port)
    chat_server.chat_service.open()

    def started() -> None:
        if ready is not None:
            ready(Served(host, port))

    _draining_server(chat_server, application, started).run(sockets=[taken])


def _draining_server(
    chat_server: ChatServer, application: SecurityMiddleware, started: Callable[[], None]
) -> uvicorn.Server:
    import uvicorn

    class DrainingServer(uvicorn.Server):
        until: float | None = None
        quiet = 0

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if sig != signal.SIGTERM:
                super().handle_exit(sig, frame)
            elif self.until is None:
                chat_server.chat_service.drain()
                self.until = time.monotonic() + chat_server.grace

        async def on_tick(self, counter: int) -> bool:
            if self.until is not None:
                # Between two requests of one answer nothing is open: look more than once.
                waited_for = application.busy or chat_server.chat_service.answering
                self.quiet = 0 if waited_for else self.quiet + 1
                if self.quiet >= _QUIET_TICKS or time.monotonic() > self.until:
                    self.should_exit = True
            return await super().on_tick(counter)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            from anyio.to_thread import current_default_thread_limiter

            # A question being answered holds a thread; others must still find one.
            current_default_thread_limiter().total_tokens = _THREADS
            await super().startup(sockets)
            started()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Pages that wait for the models wait no longer.
            chat_server.chat_service.drain()
            application.close()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        application,
        # Their records go where ours go.
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=1,
        # Longer than proxies keep idle connections: whoever closes first must not be the server, or
        # a request that is just sent on one is lost.
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
    )
    return DrainingServer(config)
