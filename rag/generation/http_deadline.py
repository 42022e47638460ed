"""Ends the connections of a call when its time is up, whatever they are waiting for."""

from __future__ import annotations

import functools
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    import httpx

__all__ = ["client_until"]


class _Deadline:
    """The end of a call (``time.monotonic``), after which its connections are shut down.

    httpx counts each wait for a byte by itself, and for as long as was left when the request was
    built: a server that sends a little now and then keeps a call going without end.
    """

    def __init__(self, until: float) -> None:
        self._until = until
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    @property
    def left(self) -> float:
        """Seconds until the end, 0 after it."""
        return max(0.0, self._until - time.monotonic())

    def watch(self, request: httpx.Request) -> None:
        """Watch the connection of a request: a hook of ``httpx.Client`` for requests."""
        request.extensions["trace"] = self._trace

    def end(self) -> None:
        """Shut down all connections; what waits for one fails at once."""
        with self._lock:
            for connection in self._sockets:
                # One that is closed, by us or by the server, is not there to be shut down; what
                # ssl.SSLSocket.shutdown does besides is not safe while another thread reads.
                with suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _trace(self, event: str, info: Mapping[str, object]) -> None:
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            stream = info["return_value"]
            with self._lock:
                self._sockets.append(stream.get_extra_info("socket"))  # type: ignore[attr-defined]
            if not self.left:
                self.end()


@contextmanager
def client_until(until: float, headers: Mapping[str, str], base_url: str) -> Iterator[httpx.Client]:
    """A client for an address, whose connections are shut down at a time (``time.monotonic``)."""
    import httpx

    verify = _certificates() if base_url.startswith("https:") else False
    deadline = _Deadline(until)
    timer = threading.Timer(deadline.left, deadline.end)
    timer.daemon = True
    hooks = {"request": [deadline.watch]}
    with httpx.Client(headers=headers, verify=verify, event_hooks=hooks) as client:
        timer.start()
        try:
            yield client
        finally:
            timer.cancel()


@functools.cache
def _certificates() -> ssl.SSLContext:
    """The certificates to check with, read once; a plain address needs none."""
    import httpx

    return httpx.create_ssl_context()
