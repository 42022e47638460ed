"""Other sites: no address answers them, none tells a sign-in's token, listed ones may call."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import FakeExaminer, FakeReader
from fixtures_server import Running, running

from konkyo.index.errors import SettingsError
from konkyo.index.settings import load_settings
from konkyo.ui.http.auth import Access, read_keys
from konkyo.ui.http.origins import Origins
from konkyo.ui.http.sign_in import PLAIN_COOKIE, SECURE_COOKIE
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import ChatService

FOREIGN = "https://evil.example"
LISTED = "https://desk.example"
READER, EDITOR = "reading-only", "editing-too"
READER_KEY, EDITOR_KEY = "reader-key-of-sixteen", "editor-key-of-sixteen"
# Each is what a browser sends for a page of another site.
ELSEWHERE = (
    {"origin": FOREIGN},
    {"origin": "null"},
    {"origin": "http://127.0.0.1.evil.example"},
    {"origin": "http://127.0.0.1:1"},
    {"origin": FOREIGN, "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
)
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"reader {READER_KEY}\neditor {EDITOR_KEY}\n", "utf-8")
    chat_server = ChatServer(
        ChatService(lambda: FakeReader(0)),
        Access(READER, EDITOR, read_keys(keys)),
        evaluation_jobs=FakeExaminer(),
        origins=(LISTED,),
    )
    with running(chat_server) as found:
        yield found


def signed_in(url: str, user: str, password: str) -> str:
    """The token a browser gets for a password."""
    sent = httpx.post(f"{url}/login", data={"username": user, "password": password})
    assert sent.status_code == 200
    return sent.cookies[PLAIN_COOKIE]


@pytest.fixture(scope="module")
def roles(server: Running) -> dict[str, dict[str, str]]:
    """The headers of each role."""
    reader = signed_in(server.url, "konkyo", READER)
    editor = signed_in(server.url, "editor", EDITOR)
    return {
        "nobody": {},
        "reader": {"cookie": f"{PLAIN_COOKIE}={reader}"},
        "editor": {"cookie": f"{PLAIN_COOKIE}={editor}"},
        "reading program": {"authorization": f"Bearer {READER_KEY}"},
        "editing program": {"authorization": f"Bearer {EDITOR_KEY}"},
    }


def asked(client: httpx.Client, method: str, url: str, headers: dict[str, str]) -> httpx.Response:
    """The answer's head and its first bytes; some answers never end."""
    body = b"{}" if method == "POST" else None
    with client.stream(method, url, headers=headers, content=body) as found:
        found._content = next(found.iter_bytes(), b"")
    return found


def test_no_address_answers_a_page_of_another_site(
    server: Running, roles: dict[str, dict[str, str]]
) -> None:
    paths = {path for _, path in server.routes}
    assert {"/login", "/gradio_api/token", "/gradio_api/queue/join", "/api/ask", "/mcp"} <= paths
    assert len(server.routes) > 90
    let_in = []
    with httpx.Client(timeout=60) as client:
        for role, own in roles.items():
            for number, (method, path) in enumerate(server.routes):
                sent = ELSEWHERE[number % len(ELSEWHERE)] if role != "editor" else ELSEWHERE[0]
                found = asked(client, method, server.url + path, {**JSON, **own, **sent})
                allowed = [n for n in found.headers if n.startswith("access-control-")]
                if found.status_code not in (403, 404) or allowed:
                    let_in.append((role, method, path, found.status_code, allowed))
    assert let_in == []


def test_no_answer_tells_a_token_or_allows_credentials(
    server: Running, roles: dict[str, dict[str, str]]
) -> None:
    own = {"origin": server.url, "sec-fetch-site": "same-origin"}
    told = []
    with httpx.Client(timeout=60) as client:
        for role in ("reader", "editor"):
            token = roles[role]["cookie"].partition("=")[2]
            for method, path in server.routes:
                if path.rstrip("/") == "/logout" or (method == "GET" and path == "/mcp"):
                    continue
                found = asked(client, method, server.url + path, {**JSON, **roles[role], **own})
                allowed = [n for n in found.headers if n.startswith("access-control-")]
                if token in f"{found.headers}{found.text}" or allowed:
                    told.append((role, method, path, allowed))
            config = client.get(f"{server.url}/config", headers=roles[role])
            assert config.status_code == 200, "it was signed in all the while"
    assert told == []


def test_a_browser_that_asks_first_is_told_no(server: Running) -> None:
    asks = {"origin": FOREIGN, "access-control-request-method": "POST"}
    for path in {path for _, path in server.routes}:
        found = httpx.request("OPTIONS", server.url + path, headers=asks)
        assert found.status_code in (403, 404)
        assert [n for n in found.headers if n.startswith("access-control-")] == []


def test_a_listed_origin_calls_the_http_interface_by_its_key(server: Running) -> None:
    asks = {
        "origin": LISTED,
        "sec-fetch-site": "cross-site",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    for path in ("/api/ask", "/v1/chat/completions", "/mcp"):
        before = httpx.request("OPTIONS", server.url + path, headers=asks)
        assert before.status_code == 204
        assert before.headers["access-control-allow-origin"] == LISTED
        assert "POST" in before.headers["access-control-allow-methods"]
        assert {"authorization", "content-type"} <= set(
            before.headers["access-control-allow-headers"].split(", ")
        )
        assert "access-control-allow-credentials" not in before.headers
    sent = {"origin": LISTED, "sec-fetch-site": "cross-site"}
    body = {"question": "How much will Japan invest?"}
    refused = httpx.post(f"{server.url}/api/ask", json=body, headers=sent)
    key = {"authorization": f"Bearer {READER_KEY}"}
    found = httpx.post(f"{server.url}/api/ask", json=body, headers={**sent, **key})
    assert (refused.status_code, found.status_code) == (401, 200)
    for answer in (refused, found):
        assert answer.headers["access-control-allow-origin"] == LISTED
        assert answer.headers["vary"] == "origin"
        assert "access-control-allow-credentials" not in answer.headers


def test_not_even_a_listed_origin_reads_the_page(server: Running) -> None:
    for path in ("/", "/config", "/gradio_api/info"):
        found = httpx.get(server.url + path, headers={"origin": LISTED})
        assert [n for n in found.headers if n.startswith("access-control-")] == []
        asks = {"origin": LISTED, "access-control-request-method": "POST"}
        assert httpx.request("OPTIONS", server.url + path, headers=asks).status_code == 405


def test_a_link_to_the_page_may_be_followed_from_anywhere(server: Running) -> None:
    link = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    assert httpx.get(f"{server.url}/", headers=link).status_code == 200
    assert httpx.get(f"{server.url}/gradio_api/info", headers=link).status_code == 403
    assert httpx.post(f"{server.url}/login", headers=link).status_code == 403
    framed = {**link, "sec-fetch-dest": "iframe"}
    assert httpx.get(f"{server.url}/", headers=framed).status_code == 403


def test_no_web_socket_is_opened(server: Running) -> None:
    port = int(server.url.rpartition(":")[2])
    for path in ("/", "/gradio_api/queue/join", "/mcp"):
        with socket.create_connection(("127.0.0.1", port), 60) as one:
            one.sendall(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {FOREIGN}\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            assert one.recv(12) in (b"HTTP/1.1 403", b"HTTP/1.1 404")


@pytest.mark.parametrize(
    ("sent", "own"),
    [
        ({"host": "news.example", "origin": "https://news.example"}, True),
        ({"host": "News.example:443", "origin": "https://news.example"}, True),
        ({"host": "localhost:7860", "origin": "http://localhost:7860"}, True),
        ({"host": "[::1]:7860", "origin": "http://[::1]:7860"}, True),
        ({"host": "news.example"}, True),
        ({"host": "news.example", "sec-fetch-site": "none"}, True),
        ({"host": "news.example", "origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"host": "news.example", "origin": "null"}, False),
        ({"host": "news.example", "origin": ""}, False),
        ({"host": "", "origin": "http://"}, False),
        ({"host": "news.example", "origin": "https://news.example:8443"}, False),
        ({"host": "news.example", "origin": "https://www.news.example"}, False),
        ({"host": "news.example", "origin": "file://news.example"}, False),
        ({"host": "news.example", "origin": "https://[news.example"}, False),
        (
            {
                "host": "news.example",
                "origin": "http://news.example",
                "x-forwarded-proto": "https",
            },
            False,
        ),
    ],
)
def test_own_and_other_origins_are_told_apart(sent: dict[str, str], own: bool) -> None:
    assert (Origins().refusal("POST", "/login", sent) is None) is own


def test_the_cookie_is_bound_to_this_host_and_hidden_from_scripts(server: Running) -> None:
    form = {"username": "konkyo", "password": READER}
    plain = httpx.post(f"{server.url}/login", data=form)
    assert plain.headers["set-cookie"].startswith(f"{PLAIN_COOKIE}=")
    outside = {"x-forwarded-proto": "https"}
    secure = httpx.post(f"{server.url}/login", data=form, headers=outside)
    assert secure.headers["set-cookie"].startswith(f"{SECURE_COOKIE}=")
    assert "; Secure" in secure.headers["set-cookie"]
    browsers = ("konkyo_browser", "__Host-konkyo-browser")
    for answer, names in zip(
        (plain, secure), zip((PLAIN_COOKIE, SECURE_COOKIE), browsers, strict=True), strict=True
    ):
        cookies = answer.headers.get_list("set-cookie")
        assert tuple(cookie.partition("=")[0] for cookie in cookies) == names
        for parts in (cookie.split("; ")[1:] for cookie in cookies):
            assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(parts)
            assert not any(part.lower().startswith("domain") for part in parts)
    # What an unencrypted page or another host may have set counts for nothing over TLS.
    token = plain.cookies[PLAIN_COOKIE]
    planted = {"cookie": f"{PLAIN_COOKIE}={token}"}
    assert httpx.get(f"{server.url}/config", headers=planted).status_code == 200
    assert httpx.get(f"{server.url}/config", headers={**planted, **outside}).status_code == 401


def test_the_frameworks_own_cookies_sign_nobody_in(server: Running) -> None:
    token = signed_in(server.url, "editor", EDITOR)
    for name in ("access-token-konkyo", "access-token-unsecure-konkyo"):
        sent = {"cookie": f"{name}={token}"}
        assert httpx.get(f"{server.url}/config", headers=sent).status_code == 401


def test_an_origin_with_a_path_is_not_a_setting(tmp_path: Path) -> None:
    file = tmp_path / "konkyo.toml"
    file.write_text('[chat]\norigins = ["https://Desk.example:8443"]\n', "utf-8")
    assert load_settings(file).chat.origins == ("https://desk.example:8443",)
    for wrong in ("*", "desk.example", "https://desk.example/", "null"):
        file.write_text(f'[chat]\norigins = ["{wrong}"]\n', "utf-8")
        with pytest.raises(SettingsError, match="not an origin like"):
            load_settings(file)
