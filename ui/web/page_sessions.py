"""The session of a browser tab belongs to the reader who opened it.

The page's framework lets the browser name its session and believes it, wherever that name is sent:
in an address, a query or a body. Here the reader's name is put before it, so that nobody can name
a session of somebody else, let alone read, stop or end it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from konkyo.ui.http.security_middleware import Message, Receive, Scope

__all__ = ["conversation_of", "is_kept", "owned", "reader_of", "unkept"]

_HEARTBEAT = re.compile(r"/gradio_api/heartbeat/(?P<session>[^/]+)\Z")
_FIELD = "session_hash"
_LONGEST = 100
_UNKEPT = "unkept_"
_CONVERSATION_HEADER = "x-konkyo-conversation"
_CONVERSATION = re.compile(r"[0-9a-f]{32}\Z")


def unkept(name: str) -> str:
    """Returns the name of a reader who cannot be told from others, so that nothing is kept."""
    return _UNKEPT + name


def is_kept(reader: str) -> bool:
    """Whether the conversations of a reader are kept."""
    return not reader.startswith(_UNKEPT)


def reader_of(session: str) -> str:
    """Returns the reader whose session it is."""
    return session.partition("-")[0]


def conversation_of(session: str, headers: Mapping[str, str]) -> str:
    """Returns which of the reader's conversations a request is about.

    The page's script names it in a header; without that, each session has one.
    """
    named = headers.get(_CONVERSATION_HEADER, "")
    return named if _CONVERSATION.match(named) else session.partition("-")[2]


async def owned(scope: Scope, receive: Receive, reader: str) -> Receive:
    """Put the reader's name before each session that a request of the page names."""
    path = str(scope["path"])
    if found := _HEARTBEAT.match(path):
        path = f"/gradio_api/heartbeat/{_joined(reader, found['session'])}"
        scope["path"], scope["raw_path"] = path, path.encode("ascii", "replace")
    query = scope.get("query_string", b"")
    if isinstance(query, bytes) and query:
        # Parsed first: the field's name may be written with percent signs.
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        if any(name == _FIELD for name, _ in pairs):
            owned_pairs = [(n, _joined(reader, v) if n == _FIELD else v) for n, v in pairs]
            scope["query_string"] = urlencode(owned_pairs).encode()
    if scope["method"] != "POST" or not path.startswith("/gradio_api/"):
        return receive
    return await _owned_body(scope, receive, reader)


def _joined(reader: str, session: str) -> str:
    return f"{reader}-{re.sub('[^0-9A-Za-z_]', '', session)[:_LONGEST]}"


async def _owned_body(scope: Scope, receive: Receive, reader: str) -> Receive:
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return _first(message, receive)
        piece = message.get("body", b"")
        body += piece if isinstance(piece, bytes) else b""
        if not message.get("more_body"):
            break
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict):
        # Without a name, too: the framework would give all readers the same one.
        said[_FIELD] = _joined(reader, str(said.get(_FIELD) or ""))
        body = json.dumps(said).encode()
        raw = scope.get("headers", [])
        assert isinstance(raw, list)
        kept = [(name, value) for name, value in raw if name.lower() != b"content-length"]
        scope["headers"] = [*kept, (b"content-length", str(len(body)).encode())]
    return _first({"type": "http.request", "body": body, "more_body": False}, receive)


def _first(message: Message, receive: Receive) -> Receive:
    waiting = [message]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again
