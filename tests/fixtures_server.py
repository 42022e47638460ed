"""The whole application in a real server inside the test's process, to look into while it runs."""

from __future__ import annotations

import asyncio
import gc
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from konkyo.ui.http.security_middleware import SecurityMiddleware
from konkyo.ui.web.application import build
from konkyo.ui.web.chat_server import ChatServer

PATIENCE = 120.0


@dataclass
class Running:
    """A server under way: its address, its loop, its application and every route of it."""

    url: str
    loop: asyncio.AbstractEventLoop
    application: SecurityMiddleware
    routes: list[tuple[str, str]]


@contextmanager
def running(chat_server: ChatServer) -> Iterator[Running]:
    """Serve it on a free port until the block ends."""
    before = {id(one) for one in gc.get_objects() if isinstance(one, Starlette)}
    # Within a loop: without one the page's framework makes one of its own and leaves it open.
    application = asyncio.run(_built(chat_server))
    made = [one for one in gc.get_objects() if isinstance(one, Starlette) and id(one) not in before]
    loops: list[asyncio.AbstractEventLoop] = []
    started = threading.Event()

    class TestServer(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            loops.append(asyncio.get_running_loop())
            await super().startup(sockets)
            started.set()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            application.close()
            await super().shutdown(sockets)

    chat_server.chat_service.open()
    config = uvicorn.Config(application, log_level="critical", timeout_graceful_shutdown=1)
    server = TestServer(config)
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([taken],), daemon=True)
    thread.start()
    assert started.wait(PATIENCE), "the server did not start"
    assert chat_server.chat_service.wait(PATIENCE), "the models were not loaded"
    try:
        port = taken.getsockname()[1]
        yield Running(f"http://127.0.0.1:{port}", loops[0], application, _routes(made))
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the server did not end"


async def _built(chat_server: ChatServer) -> SecurityMiddleware:
    return build(chat_server)


def _routes(applications: list[Starlette]) -> list[tuple[str, str]]:
    """Every method and address of some applications; what an address leaves open is ``x``."""
    found: set[tuple[str, str]] = set()

    def walk(routes: list[BaseRoute], prefix: str) -> None:
        for route in routes:
            path = prefix + str(getattr(route, "path", ""))
            included = getattr(route, "original_router", route)
            inner = getattr(included, "routes", None)
            if inner:
                walk(inner, path)
                continue
            for method in getattr(route, "methods", None) or ("GET", "POST"):
                found.add((method, re.sub(r"\{[^}]*\}", "x", path)))

    for application in applications:
        walk(application.routes, "")
    return sorted(found)
