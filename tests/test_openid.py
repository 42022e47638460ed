"""Signing in through an OpenID provider: a real one in this process, and one that lies."""

from __future__ import annotations

import json
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import FakeExaminer, FakeReader
from fixtures_server import Running, running

from konkyo.index.errors import SettingsError
from konkyo.index.settings import OpenIDSettings
from konkyo.ui.http.auth import Access
from konkyo.ui.http.openid import OpenIDProvider
from konkyo.ui.http.openid_sign_in import USER_HEADER, Editors, OpenIDSignIn
from konkyo.ui.http.sign_in import PLAIN_COOKIE, MemorySignIns, SignIn
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.serving import listen

# Of the page's framework, which counts what was asked by pandas.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*no_silent_downcasting", "ignore::DeprecationWarning"
)
ACCESS = Access(user_header=USER_HEADER, editors=Editors(), own_header=True)
SIGN_INS = MemorySignIns()


def settings(issuer: str, **rest: Any) -> OpenIDSettings:
    return OpenIDSettings(
        issuer=issuer, client_id="konkyo", role_claim="groups", editors=("desk",), **rest
    )


def serving(issuer: str, **rest: Any) -> Any:
    return running(
        ChatServer(
            ChatService(lambda: FakeReader(0)),
            ACCESS,
            evaluation_jobs=FakeExaminer(),
            sign_ins=SIGN_INS,
            openid=OpenIDProvider(settings(issuer, **rest), "a secret"),
        )
    )


# --- a real provider ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        provider = pytest.importorskip("oidc_provider_mock")
        with provider.run_server_in_thread() as server:
            yield f"http://localhost:{server.server_port}"


@pytest.fixture(scope="module")
def server(issuer: str) -> Iterator[Running]:
    with serving(issuer) as found:
        yield found


@pytest.fixture
def browser(server: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def asked(browser: httpx.Client) -> str:
    """Where the page sends somebody who is not signed in."""
    first = browser.get("/")
    assert (first.status_code, first.headers["location"]) == (303, "/login/oidc")
    sent = browser.get("/login/oidc")
    assert sent.status_code == 303
    return sent.headers["location"]


def agreed(issuer: str, address: str, sub: str, **claims: object) -> str:
    """Sign in at the provider; give the address the browser is sent back to."""
    assert httpx.put(f"{issuer}/users/{sub}", json=claims).status_code == 204
    back = httpx.post(address, data={"sub": sub})
    assert back.status_code == 302, back.text
    return back.headers["location"]


def who(browser: httpx.Client) -> str:
    user: str = browser.get("/gradio_api/user").json()
    return user


def test_somebody_who_signs_in_at_the_provider_is_in(browser: httpx.Client, issuer: str) -> None:
    assert browser.get("/config").status_code == 401
    address = asked(browser)
    query = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    assert (query["response_type"], query["code_challenge_method"]) == ("code", "S256")
    assert all(len(query[key]) >= 32 for key in ("state", "nonce", "code_challenge"))
    assert query["redirect_uri"] == f"{str(browser.base_url).rstrip('/')}/login/oidc/callback"
    back = browser.get(agreed(issuer, address, "ann", email="ann@news.example", groups=["desk"]))
    assert (back.status_code, back.headers["location"]) == (303, "/")
    assert "httponly" in back.headers["set-cookie"].lower()
    assert browser.get("/").status_code == 200
    user = who(browser)
    assert user == "editor:ann@news.example#ann"
    assert ACCESS.role_of_user(user) == "editor"


def test_whoever_lacks_the_claim_reads(browser: httpx.Client, issuer: str) -> None:
    browser.get(agreed(issuer, asked(browser), "bob", name="北 太郎", groups=["sport"]))
    user = who(browser)
    assert user.startswith("reader:")
    assert user.endswith("#bob")
    assert ACCESS.role_of_user(user) == "reader"


def test_people_whose_identifiers_begin_alike_are_told_apart(
    browser: httpx.Client, issuer: str
) -> None:
    alike = "x" * 130
    for sub in (f"{alike}1", f"{alike}2"):
        browser.get(agreed(issuer, asked(browser), sub, name="n" * 130))
        assert who(browser).split(":")[1] == f"{'n' * 120}#{sub}"
        browser.post("/logout")


def test_a_person_with_another_role_or_name_is_the_same_reader() -> None:
    from starlette.responses import Response
    from starlette.testclient import TestClient

    asking: list[str] = []
    ended: list[str] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        session = parse_qs(scope["query_string"].decode())["session_hash"][0]
        asking.append(session.partition("-")[0])
        await Response()(scope, receive, send)

    until = int(time.time()) + 600
    people = ("reader:ann#1", "editor:Ann%20B#1", "reader:1", "reader:ann#2")
    signed_in = {f"token{n}": f"{until} {user}" for n, user in enumerate(people)}
    tokens = list(signed_in)
    provider = OpenIDProvider(settings("https://sign-in.example"))
    app = OpenIDSignIn(SignIn(page, ACCESS), provider, signed_in, signed_out=ended.append)
    client = TestClient(app)
    for token in tokens:
        client.cookies.set(PLAIN_COOKIE, token)
        assert client.get("/gradio_api/queue/data?session_hash=x").status_code == 200
        assert client.post("/logout").status_code == 200
    assert asking == ended
    assert len(set(asking[:3])) == 1
    assert asking[3] != asking[0]


def test_signing_out_ends_the_sign_in_and_asks_again(browser: httpx.Client, issuer: str) -> None:
    browser.get(agreed(issuer, asked(browser), "cleo"))
    token = browser.cookies[PLAIN_COOKIE]
    assert browser.post("/logout").json() == {"success": True}
    browser.cookies.set(PLAIN_COOKIE, token)
    assert browser.get("/config").status_code == 401
    assert "prompt=login" in asked(browser)


def test_a_header_of_ones_own_counts_for_nothing(browser: httpx.Client) -> None:
    given = {USER_HEADER: "editor:mallory"}
    assert browser.get("/config", headers=given).status_code == 401
    assert browser.get("/", headers=given).status_code == 303


def test_a_sign_in_ends(browser: httpx.Client, issuer: str) -> None:
    browser.get(agreed(issuer, asked(browser), "dan"))
    token = browser.cookies[PLAIN_COOKIE]
    SIGN_INS[token] = f"{int(time.time()) - 1} editor:dan"
    assert browser.get("/config").status_code == 401


def test_an_answer_is_for_the_browser_that_asked(browser: httpx.Client, issuer: str) -> None:
    back = agreed(issuer, asked(browser), "eve")
    with httpx.Client(base_url=browser.base_url, timeout=60) as other:
        assert other.get(back).status_code == 403
        asked(other)
        assert other.get(back).status_code == 403
        assert PLAIN_COOKIE not in other.cookies
    assert browser.get("/login/oidc/callback?state=x&code=y").status_code == 403
    assert browser.get(back).status_code == 303
    # Neither code nor attempt serves twice.
    assert browser.get(back).status_code == 403


def test_made_up_answers_of_the_provider_are_limited() -> None:
    with (
        serving("http://127.0.0.1:9") as server,
        httpx.Client(base_url=server.url, timeout=60) as browser,
    ):
        told = [browser.get("/login/oidc/callback?state=x").status_code for _ in range(61)]
        assert set(told) == {403}
        browser.cookies.set("konkyo_attempt", "x.y.z")
        told = [browser.get("/login/oidc/callback?state=x").status_code for _ in range(61)]
        assert (set(told[:60]), told[60]) == ({403}, 429)


def test_only_some_may_read(issuer: str) -> None:
    with (
        serving(issuer, readers=("news",)) as server,
        httpx.Client(base_url=server.url, timeout=60) as browser,
    ):
        refused = browser.get(agreed(issuer, asked(browser), "finn", groups=["sport"]))
        assert refused.status_code == 403
        let_in = browser.get(agreed(issuer, asked(browser), "gil", groups=["news"]))
        assert let_in.status_code == 303


def test_the_server_may_listen_anywhere() -> None:
    listen("0.0.0.0", 0, ACCESS).close()


@pytest.mark.parametrize(
    ("issuer", "client", "said"),
    [
        ("http://sign-in.example", "konkyo", "not an https address"),
        ("https://sign-in.example", "", "oidc.client_id"),
    ],
)
def test_settings_that_cannot_work_are_named(issuer: str, client: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        OpenIDProvider(OpenIDSettings(issuer=issuer, client_id=client))


# --- a provider that lies -------------------------------------------------------------------------

KEY = RSAKey.generate_key(2048, {"kid": "1"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "1"})


@contextmanager
def lying(
    change: Mapping[str, object], key: RSAKey = KEY, alg: str = "RS256"
) -> Iterator[tuple[str, dict[str, str]]]:
    """A provider whose ID tokens differ from right ones by a change, and the nonce they hold."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *words: object) -> None:
            pass

        def do_GET(self) -> None:
            self.told(
                {"keys": [KEY.as_dict(private=False)]}
                if self.path == "/jwks"
                else {
                    "issuer": here,
                    **{f"{n}_endpoint": f"{here}/{n}" for n in ("authorization", "token")},
                    "jwks_uri": f"{here}/jwks",
                }
            )

        def do_POST(self) -> None:
            now = int(time.time())
            claims = {"iss": here, "aud": "konkyo", "sub": "ann", "iat": now, "exp": now + 60}
            claims |= {"nonce": sent["nonce"], "groups": ["desk"], **change}
            held = {name: value for name, value in claims.items() if value is not None}
            signed = jwt.encode({"alg": alg, "kid": "1"}, held, key, algorithms=[alg])
            self.told({"access_token": "a", "token_type": "Bearer", "id_token": signed})

        def told(self, value: object) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

    sent = {"nonce": ""}
    found = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = f"http://127.0.0.1:{found.server_port}"
    thread = threading.Thread(target=found.serve_forever, daemon=True)
    thread.start()
    try:
        yield here, sent
    finally:
        found.shutdown()
        found.server_close()
        thread.join(120)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 303),
        ({"iss": "http://127.0.0.1:1"}, 403),
        ({"aud": "another"}, 403),
        ({"aud": ["konkyo", "another"], "azp": "another"}, 403),
        ({"exp": 1}, 403),
        ({"exp": None}, 403),
        ({"nonce": "another"}, 403),
        ({"nonce": None}, 403),
        ({"sub": None}, 403),
        ("another key", 403),
    ],
)
def test_a_token_that_proves_nothing_lets_nobody_in(
    change: Mapping[str, object] | str, status: int
) -> None:
    changed = {} if isinstance(change, str) else change
    with (
        lying(changed, OTHER_KEY if isinstance(change, str) else KEY) as (issuer, sent),
        serving(issuer) as server,
        httpx.Client(base_url=server.url, timeout=60) as browser,
    ):
        query = parse_qs(urlsplit(asked(browser)).query)
        sent["nonce"] = query["nonce"][0]
        back = browser.get(f"/login/oidc/callback?state={query['state'][0]}&code=c")
        assert back.status_code == status, back.text
        assert (PLAIN_COOKIE in browser.cookies) == (status == 303)


def test_a_provider_that_is_gone_is_told_in_words(tmp_path: Path) -> None:
    with (
        serving("http://127.0.0.1:9") as server,
        httpx.Client(base_url=server.url, timeout=60) as browser,
    ):
        said = browser.get("/login/oidc")
        assert (said.status_code, "127.0.0.1" in said.text) == (403, False)
