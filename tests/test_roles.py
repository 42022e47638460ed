"""Every route of a running server in six roles: none answers whom it may not."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import JAPANESE, FakeExaminer, FakeReader
from fixtures_server import Running, running

from konkyo.index.settings import WatchSettings
from konkyo.ui.http.auth import Access, read_keys
from konkyo.ui.http.sign_in import PLAIN_COOKIE
from konkyo.ui.server.index_jobs import IndexJobs
from konkyo.ui.server.watcher import Watcher
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.settings_page import SettingsPage

READER, EDITOR = "reading-only", "editing-too"
READER_KEY, EDITOR_KEY = "reader-key-of-sixteen", "editor-key-of-sixteen"
KEEPER = (sys.executable, str(Path(__file__).with_name("fixtures_index_jobs.py")))
QUESTION = "How much will Japan invest?"
QUOTED = {"article_id": JAPANESE.article_id, "start": 0, "end": 20, "language": "ja"}
# What is malformed is refused before it is known who sent it.
BODIES: Mapping[str, object] = {
    "/api/ask": {"question": QUESTION},
    "/api/index": {"action": "cancel"},
    "/api/translate": QUOTED,
    "/v1/chat/completions": {"messages": [{"role": "user", "content": QUESTION}]},
}
PROGRAMS = ("/api/", "/v1/", "/mcp", "/metrics")
# Health, the page for signing in and what it is drawn with, and the description of the interface.
FOR_ALL = frozenset(
    (
        *("/", "/health", "/ready", "/api/health", "/api/ready", "/api/openapi.json"),
        *("/favicon.ico", "/robots.txt", "/manifest.json"),
        # A number that says when the page must be loaded anew.
        *("/gradio_api/app_id", "/gradio_api/app_id/"),
    )
)
EDITING = frozenset(
    (
        *("/settings", "/settings/x", "/api/index"),
        *("/library/job", "/library/mark", "/library/order", "/library/watch"),
    )
)
CLOSED = frozenset((303, 401, 403, 404, 405))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("roles")
    keys = folder / "keys"
    keys.write_text(f"reader {READER_KEY}\neditor {EDITOR_KEY}\n", "utf-8")
    jobs = IndexJobs(str(folder / "store"), known=list, command=KEEPER)
    watcher = Watcher(jobs, WatchSettings())
    chat_server = ChatServer(
        ChatService(lambda: FakeReader(0)),
        Access(READER, EDITOR, read_keys(keys)),
        index_jobs=jobs,
        evaluation_jobs=FakeExaminer(),
        settings_page=SettingsPage(),
        watcher=watcher,
    )
    with pytest.MonkeyPatch.context() as patch, running(chat_server) as found:
        # Where the settings file is looked for.
        patch.chdir(folder)
        yield found
    watcher.close()
    jobs.close()


@pytest.fixture(scope="module")
def roles(server: Running) -> dict[str, dict[str, str]]:
    """What each role sends along."""

    def signed_in(user: str, password: str) -> dict[str, str]:
        form = {"username": user, "password": password}
        token = httpx.post(f"{server.url}/login", data=form).cookies[PLAIN_COOKIE]
        return {"cookie": f"{PLAIN_COOKIE}={token}"}

    made_up = {"cookie": f"{PLAIN_COOKIE}={'x' * 43}", "authorization": f"Bearer {'x' * 20}"}
    return {
        "nobody": {},
        "stranger": made_up,
        "reader": signed_in("konkyo", READER),
        "editor": signed_in("editor", EDITOR),
        "reading program": {"authorization": f"Bearer {READER_KEY}"},
        "editing program": {"authorization": f"Bearer {EDITOR_KEY}"},
    }


def may(role: str, path: str) -> bool:
    """Whether a role may use a route."""
    if path in FOR_ALL:
        return True
    if role in ("nobody", "stranger") or (path in EDITING and role.startswith("read")):
        return False
    return path.startswith(PROGRAMS) == role.endswith("program")


def test_every_route_answers_those_who_may_and_nobody_else(
    server: Running, roles: dict[str, dict[str, str]]
) -> None:
    own = {"origin": server.url, "sec-fetch-site": "same-origin"}
    assert len(server.routes) > 100
    assert {path for _, path in server.routes} >= EDITING | FOR_ALL | BODIES.keys()
    let_in, kept_out = [], []
    with httpx.Client(timeout=120) as client:
        for method, path in server.routes:
            if path.strip("/") in ("login", "logout"):
                continue
            body = BODIES.get(path, {}) if method == "POST" else None
            url = server.url + path + ("?q=bridge" if path == "/api/search" else "")
            for role, headers in roles.items():
                # Some answers never end: their first line says enough.
                with client.stream(method, url, headers={**own, **headers}, json=body) as found:
                    status = found.status_code
                if not may(role, path) and status not in CLOSED:
                    let_in.append((role, method, path, status))
                if may(role, path) and status in (303, 401, 403):
                    kept_out.append((role, method, path, status))
    assert let_in == []
    assert kept_out == []
