"""A web server on this machine, whose pages a test sets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Site:
    """A server on this machine: what it answers by path, and what it was asked."""

    port: int = 0
    pages: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    answered: list[tuple[int, str | None, str | None]] = field(default_factory=list)
    """Status, If-None-Match and If-Modified-Since of each request."""
    slow: float = 0.0

    def url(self, path: str = "/", host: str = "news.example") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
def site() -> Iterator[Site]:
    state = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append((self.path, self.headers["Host"], self.headers["User-Agent"]))
            status, headers, body = state.pages.get(self.path, (404, {}, b""))
            stated = self.headers["If-None-Match"], self.headers["If-Modified-Since"]
            if any(stated) and stated == (headers.get("ETag"), headers.get("Last-Modified")):
                status, body = 304, b""
            state.answered.append((status, *stated))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for i in range(0, len(body), 65536):
                    self.wfile.write(body[i : i + 65536])
                    time.sleep(state.slow)
            except OSError:
                pass

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield state
        server.shutdown()
        thread.join(120)
