"""Small real HTTP servers that speak to a language model's client, or misbehave."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Reply = Callable[[BaseHTTPRequestHandler, dict], None]


@dataclass
class Heard:
    """What a server was asked: (path, body) in order, headers of the last request, broken pipes."""

    requests: list[tuple[str, dict]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    left: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    @property
    def bodies(self) -> list[dict]:
        return [body for path, body in self.requests if body]


@contextmanager
def serving(
    *replies: Reply, models: object = None, before: Sequence[Reply] = (), port: int = 0
) -> Iterator[Heard]:
    """Serve each POST with the next reply, the last one for ever; GET lists ``models``.

    The first GETs have the replies ``before`` instead. Port 0 is any free one.
    """
    heard = Heard()
    waiting, listing = list(replies), list(before)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.requests.append((self.path, {}))
            heard.headers = dict(self.headers)
            if listing:
                with suppress(BrokenPipeError, ConnectionResetError):
                    listing.pop(0)(self, {})
            elif models is None:
                self.send_error(404)
            else:
                send(self, 200, json.dumps(models))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.requests.append((self.path, body))
            heard.headers = dict(self.headers)
            reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            try:
                reply(self, body)
            except (BrokenPipeError, ConnectionResetError):
                heard.left.set()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    heard.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join(120)


def send(handler: BaseHTTPRequestHandler, status: int, text: str, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(text.encode())


def refuses(status: int, message: str, **headers: str) -> Reply:
    body = json.dumps({"error": {"message": message}})
    return lambda handler, asked: send(handler, status, body, **headers)


def events(*pieces: str, usage: tuple[int, int] = (100, 20), end: bool = True) -> Reply:
    """An OpenAI stream; without ``end`` it breaks off as a dying server does."""

    def reply(handler: BaseHTTPRequestHandler, asked: dict) -> None:
        rows: list[object] = [{"choices": [{"delta": {"content": p}}]} for p in pieces]
        if end:
            rows.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
            counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
            rows.append({"choices": [], "usage": counts})
        text = ": ping\n\n" + "".join(f"data: {json.dumps(r)}\n\n" for r in rows)
        send(handler, 200, text + ("data: [DONE]\n\n" if end else ""))

    return reply


def ollama(*pieces: str) -> Reply:
    """Ollama's stream: one object a line, the last one done and counted."""

    def reply(handler: BaseHTTPRequestHandler, asked: dict) -> None:
        rows: list[dict] = [
            {"model": asked["model"], "message": {"role": "assistant", "content": p}, "done": False}
            for p in pieces
        ]
        last = {"message": {"content": ""}, "done": True, "prompt_eval_count": 90, "eval_count": 11}
        send(handler, 200, "".join(json.dumps(r) + "\n" for r in [*rows, last]))

    return reply


def endless(handler: BaseHTTPRequestHandler, asked: dict) -> None:
    """Claims without end, until the client goes away."""
    handler.send_response(200)
    handler.end_headers()
    row = json.dumps({"choices": [{"delta": {"content": "The pledge is large. [1]\n"}}]})
    for _ in range(1000):
        handler.wfile.write(f"data: {row}\n\n".encode())
        time.sleep(0.01)


def ping(handler: BaseHTTPRequestHandler, times: int, pause: float) -> None:
    """A good head, then comments of a stream with some seconds between them."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(times):
        handler.wfile.write(b": ping\n\n")
        time.sleep(pause)


def trickling(handler: BaseHTTPRequestHandler, asked: dict) -> None:
    """Pings alone, so that the connection is never silent and never says anything."""
    ping(handler, 1000, 0.02)


def stops(handler: BaseHTTPRequestHandler, asked: dict) -> None:
    """Pings for a second and a half, then silence."""
    ping(handler, 15, 0.1)
    time.sleep(10)


def heads(handler: BaseHTTPRequestHandler, asked: dict) -> None:
    """A head whose end does not come."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(100):
        handler.wfile.write(b"x")
        time.sleep(0.1)


def refuses_at_length(handler: BaseHTTPRequestHandler, asked: dict) -> None:
    """A refusal without end, until the client goes away."""
    handler.send_response(400)
    handler.end_headers()
    for _ in range(1000):
        handler.wfile.write(b"no " * 10_000)


def hangs(handler: BaseHTTPRequestHandler, asked: dict) -> None:
    """Takes the question and says nothing."""
    time.sleep(3)


def drops(handler: BaseHTTPRequestHandler, asked: dict) -> None:
    """Closes the connection without a word."""
    handler.connection.close()
