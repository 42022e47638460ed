"""Sessions are the signed-in reader's own.

Nobody evicts, reads, ends or signs out somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import FakeExaminer, FakeReader
from fixtures_server import Running, running

from konkyo.ui.http.auth import Access
from konkyo.ui.http.security_middleware import Message, Receive, Scope, Send
from konkyo.ui.http.sign_in import PLAIN_BROWSER, PLAIN_COOKIE, MemorySignIns, SignIn
from konkyo.ui.server.session_store import SessionStore, SignIns
from konkyo.ui.web.admin import AdminPages
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.i18n import LANGUAGES, Language, say
from konkyo.ui.web.page_sessions import owned

# Of the page's framework, which counts what was asked by pandas.
pytestmark = pytest.mark.filterwarnings("ignore:.*no_silent_downcasting")

PASSWORD = "reading-only"
QUESTION = "How much will Japan invest?"


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    chat_server = ChatServer(
        ChatService(lambda: FakeReader(0)), Access(PASSWORD), evaluation_jobs=FakeExaminer()
    )
    with running(chat_server) as found:
        yield found


_open: list[httpx.Client] = []


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()


class Tab:
    """A browser's tab on the page: what its script sends, and what it is told."""

    def __init__(self, url: str, session: str, cookie: str = "", browser: str = "") -> None:
        self.client = httpx.Client(base_url=url, timeout=120)
        _open.append(self.client)
        self.session = session
        self.config: list[dict[str, Any]] = []
        if cookie:
            self.client.cookies.set(PLAIN_COOKIE, cookie)
            self.client.cookies.set(PLAIN_BROWSER, browser)
        else:
            form = {"username": "konkyo", "password": PASSWORD}
            assert self.client.post("/login", data=form).status_code == 200

    @property
    def cookie(self) -> str:
        return str(self.client.cookies.get(PLAIN_COOKIE))

    def _number(self, inputs: int, outputs: int) -> int:
        if not self.config:
            self.config = self.client.get("/config").json()["dependencies"]
        sizes = [(len(one["inputs"]), len(one["outputs"])) for one in self.config]
        return int(self.config[sizes.index((inputs, outputs))]["id"])

    def _call(self, number: int, data: list[object]) -> dict[str, object]:
        return {"fn_index": number, "session_hash": self.session, "data": data, "event_data": {}}

    def ask(self) -> str:
        """Ask, and give all that was told until the answer was there."""
        asked = self._call(self._number(1, 4), [QUESTION])
        found = self.client.post("/gradio_api/run/predict", json=asked)
        assert found.status_code == 200, found.text
        followed = self._call(self._number(0, 3), [])
        joined = self.client.post("/gradio_api/queue/join", json=followed)
        assert joined.status_code == 200, joined.text
        return self.told()

    def told(self) -> str:
        """What the stream of this tab's session says until it ends.

        It breaks where there is none.
        """
        heard: list[str] = []
        asked = {"session_hash": self.session}
        with (
            contextlib.suppress(httpx.RemoteProtocolError),
            self.client.stream("GET", "/gradio_api/queue/data", params=asked) as found,
        ):
            heard.extend(found.iter_text())
        return "".join(heard)

    def shown(self) -> str:
        """The conversation as a page that is opened anew shows it."""
        call = self._call(self._number(0, 5), [])
        found = self.client.post("/gradio_api/run/predict", json=call)
        assert found.status_code == 200, found.text
        return json.dumps(found.json())


def test_made_up_sessions_evict_nobody_else(server: Running) -> None:
    mine, other = Tab(server.url, "mine"), Tab(server.url, "other")
    assert "550 billion" in mine.ask()
    for number in range(600):
        other.session = f"madeup{number}"
        other.shown()
    assert "550 billion" in mine.shown()


def test_the_same_name_is_another_session_for_another_reader(server: Running) -> None:
    mine, other = Tab(server.url, "same"), Tab(server.url, "same")
    assert "550 billion" in mine.ask()
    assert "550 billion" not in other.shown()
    assert "550 billion" not in other.told()
    with other.client.stream("GET", "/gradio_api/heartbeat/same") as alive:
        next(alive.iter_text())
    assert "550 billion" in mine.shown()
    again = Tab(server.url, "same", mine.cookie, str(mine.client.cookies.get(PLAIN_BROWSER)))
    assert "550 billion" in again.shown()
    # The sign-in alone is not enough: many people may share a user name and its password.
    elsewhere = Tab(server.url, "same", mine.cookie, "x" * 43)
    assert "550 billion" not in elsewhere.shown()


def test_the_longest_unused_tab_of_the_same_reader_makes_room() -> None:
    chat_service = ChatService(lambda: FakeReader(0))
    first = chat_service.conversations.open("ann-0", "ann")
    bobs = chat_service.conversations.open("bob-0", "bob")
    for number in range(60):
        chat_service.conversations.open(f"ann-{number}", "ann")
    assert chat_service.conversations.open("bob-0", "bob") is bobs
    assert chat_service.conversations.open("ann-59", "ann") is chat_service.conversations.open(
        "ann-59", "ann"
    )
    assert chat_service.conversations.open("ann-0", "ann") is not first


def test_readers_together_have_so_many_and_who_has_most_makes_room() -> None:
    chat_service = ChatService(lambda: FakeReader(0))
    one = chat_service.conversations.open("ann-0", "ann")
    for reader in range(60):
        for number in range(40):
            chat_service.conversations.open(f"{reader}-{number}", str(reader))
    assert chat_service.conversations.open("ann-0", "ann") is one


def test_nobody_is_signed_out_by_a_link_or_by_somebody_else(server: Running) -> None:
    mine, other = Tab(server.url, "mine"), Tab(server.url, "other")
    for path in ("/logout", "/logout/", "/logout?all_session=true"):
        found = other.client.get(path)
        assert (found.status_code, found.headers["allow"]) == (405, "POST")
    assert other.client.get("/config").status_code == 200
    left = other.cookie
    assert other.client.post("/logout").status_code == 200
    assert other.client.get("/config").status_code == 401
    other.client.cookies.set(PLAIN_COOKIE, left)
    assert other.client.get("/config").status_code == 401
    assert mine.client.get("/config").status_code == 200


def test_what_was_asked_is_gone_after_signing_out(server: Running) -> None:
    mine = Tab(server.url, "mine")
    assert "550 billion" in mine.ask()
    cookie = mine.cookie
    mine.client.post("/logout")
    assert Tab(server.url, "mine").shown().count("550 billion") == 0
    assert cookie not in mine.client.cookies.values()


def test_without_a_sign_in_no_session_is_touched(server: Running) -> None:
    for method, path in server.routes:
        if path.startswith("/gradio_api/") and method == "POST":
            found = httpx.post(server.url + path, json={"session_hash": "mine"})
            assert found.status_code in (401, 404), path
    assert httpx.get(f"{server.url}/gradio_api/heartbeat/mine").status_code == 401


@pytest.mark.parametrize(
    ("headers", "name"),
    [({}, "konkyo_browser="), ({"x-forwarded-proto": "https"}, "__Host-konkyo-browser=")],
)
def test_a_browser_is_named_once_by_a_cookie_no_script_reads(
    server: Running, headers: dict[str, str], name: str
) -> None:
    first = httpx.get(server.url, headers=headers).headers["set-cookie"]
    assert first.startswith(name)
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(first.split("; "))
    assert ("Secure" in first) == bool(headers)
    known = {**headers, "cookie": first.split(";")[0]}
    assert "set-cookie" not in httpx.get(server.url, headers=known).headers
    # Over TLS, what an unencrypted page may have set counts for nothing.
    made_up = {**headers, "cookie": f"konkyo_browser={'x' * 43}"}
    assert ("set-cookie" in httpx.get(server.url, headers=made_up).headers) == bool(headers)
    made_up["cookie"] = f"{name}guess"
    assert "set-cookie" in httpx.get(server.url, headers=made_up).headers
    assert "set-cookie" not in httpx.get(f"{server.url}/config", headers=headers).headers


def test_sign_ins_are_bounded_and_can_be_taken_back() -> None:
    held = MemorySignIns()
    for number in range(10_001):
        held[f"token-{number}"] = "konkyo"
    assert (held.get("token-0"), held.get("token-1")) == (None, "konkyo")
    del held["token-1"]
    assert held.get("token-1") is None


class Kept(SessionStore):
    """Sign-ins that a database would hold."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def signed_in(self, token: str) -> str | None:
        return self.held.get(token)

    def sign_in(self, token: str, user: str) -> None:
        self.held[token] = user


def test_of_shared_sign_ins_so_many_are_at_hand_and_all_are_found() -> None:
    held = SignIns(Kept())
    for number in range(10_001):
        held[f"token-{number}"] = "konkyo"
    assert len(held) == 10_000
    assert (held["token-0"], held["token-10000"]) == ("konkyo", "konkyo")


# ---- requests as the page's framework is given them


def receiving(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def request_scope(method: str = "GET", path: str = "/", query: bytes = b"") -> Scope:
    headers: list[tuple[bytes, bytes]] = []
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": headers,
    }


@pytest.mark.parametrize(
    ("query", "passed"),
    [
        (b"session_hash=mine", b"session_hash=ann-mine"),
        (b"session%5Fhash=mine", b"session_hash=ann-mine"),
        (b"a=1&%73ession_hash=mine", b"a=1&session_hash=ann-mine"),
        (b"q=%e6%97%a5&empty", b"q=%e6%97%a5&empty"),
        (b"", b""),
    ],
)
def test_a_session_is_the_readers_however_a_query_writes_its_name(
    query: bytes, passed: bytes
) -> None:
    scope = request_scope(path="/gradio_api/queue/data", query=query)
    asyncio.run(owned(scope, receiving(b""), "ann"))
    assert scope["query_string"] == passed


@pytest.mark.parametrize(
    ("body", "session"),
    [({"session_hash": "mine"}, "ann-mine"), ({}, "ann-"), ({"session_hash": None}, "ann-")],
)
def test_a_body_without_a_session_is_one_of_its_reader(
    body: dict[str, object], session: str
) -> None:
    async def passed() -> object:
        scope = request_scope("POST", "/gradio_api/run/predict")
        receive = await owned(scope, receiving(json.dumps({**body, "data": []}).encode()), "ann")
        return (await receive())["body"]

    said = asyncio.run(passed())
    assert isinstance(said, bytes)
    assert json.loads(said) == {"session_hash": session, "data": []}


def test_the_name_of_the_host_opens_no_page() -> None:
    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("it was passed on")

    told: list[object] = []

    async def send(message: Message) -> None:
        told.append(message.get("status"))

    # Some versions of the web framework make the path of an address from what comes before it.
    scope = request_scope(path="/gradio_api/queue/data")
    scope["server"] = ("news.example/static/x?", 80)
    asyncio.run(SignIn(inner, Access(PASSWORD))(scope, receiving(b""), send))
    assert told[0] == 401


@pytest.mark.parametrize(
    ("names", "host", "forwarded", "limited_as"),
    [
        ((), "127.0.0.1", ["203.0.113.7"], "ann-tab"),
        (("a.example",), "127.0.0.1", ["1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        (("a.example",), "127.0.0.1", ["1.1.1.1", "203.0.113.7"], "203.0.113.7"),
        (("a.example",), "::1", ["2001:db8::7"], "2001:db8::/64"),
        (("a.example",), "::1", [], "ann-tab"),
        (("a.example",), "203.0.113.7", ["1.1.1.1"], "203.0.113.7"),
    ],
)
def test_questions_are_counted_by_the_address_a_proxy_tells(
    names: tuple[str, ...], host: str, forwarded: list[str], limited_as: str
) -> None:
    import gradio as gr
    from fastapi import Request

    from konkyo.ui.web.components.context import PageContext

    scope = request_scope()
    scope["client"] = (host, 1)
    scope["headers"] = [(b"x-forwarded-for", address.encode()) for address in forwarded]
    chat_server = ChatServer(ChatService(lambda: FakeReader(0)), names=names)
    context = PageContext(chat_server, AdminPages(None, None))
    visit = context.visit(gr.Request(Request(scope), session_hash="ann-tab"))
    assert visit.limited_as == limited_as


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_browser_is_shown_a_form_and_led_on_to_what_it_asked_for(
    server: Running, language: Language
) -> None:
    asked = {"accept": "text/html", "accept-language": language}
    name, password = (say(language, key) for key in ("user_name", "password"))
    with httpx.Client(base_url=server.url, headers=asked, timeout=120) as browser:
        form = browser.get("/", params={"q": 'what "now"?'})
        assert (form.status_code, form.headers["cache-control"]) == (200, "no-store")
        assert f'<html lang="{language}"' in form.text
        assert name in form.text
        assert password in form.text
        action = 'action="login?q=what+%22now%22%3F"'
        assert action in form.text
        assert "k-failed" not in form.text
        wrong = {"username": "konkyo", "password": "wrong one"}
        refused = browser.post("/login?q=what+%22now%22%3F", data=wrong)
        assert refused.status_code == 400
        assert say(language, "wrong_password") in refused.text
        assert action in refused.text
        right = {"username": "konkyo", "password": PASSWORD}
        done = browser.post("/login?q=what+%22now%22%3F", data=right)
        assert (done.status_code, done.headers["location"]) == (303, "./?q=what+%22now%22%3F")
        assert "gradio-app" in browser.get("/").text
    # Who reloads the form that was refused, or opens what only readers may see, comes to the form.
    for address in ("/login", "/settings", "/konkyo/report/x", "/nothing"):
        led = httpx.get(server.url + address, headers=asked)
        assert (led.status_code, led.headers["location"]) == (303, "./")
    assert httpx.get(server.url + "/login").status_code == 405
