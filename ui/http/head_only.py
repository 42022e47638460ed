"""The answer to HEAD: the head of what GET would answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping

__all__ = ["HeadOnly"]

_Message = MutableMapping[str, object]


class HeadOnly:
    """Sends the head of a response and nothing of its body; a stream learns that it may end."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        self._receive = receive
        self._send = send
        self._sent = asyncio.Event()

    async def receive(self) -> _Message:
        """The next message, or that the caller is gone once the head is sent."""
        if self._sent.is_set():
            return {"type": "http.disconnect"}
        message = asyncio.ensure_future(self._receive())
        sent = asyncio.ensure_future(self._sent.wait())
        try:
            await asyncio.wait((message, sent), return_when=asyncio.FIRST_COMPLETED)
            return message.result() if message.done() else {"type": "http.disconnect"}
        finally:
            message.cancel()
            sent.cancel()

    async def send(self, message: _Message) -> None:
        """Pass on the start of the response with an empty body; drop everything else."""
        if message["type"] == "http.response.start":
            await self._send(message)
            await self._send({"type": "http.response.body", "body": b""})
            self._sent.set()
