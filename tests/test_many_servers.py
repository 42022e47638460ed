"""Several servers behind a load balancer, on one PostgreSQL.

One answer, one memory, a gentle end.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from konkyo.index.builder import build
from konkyo.index.embedding.encoders import load_encoder
from konkyo.rag.types import Claim, to_json
from konkyo.ui.server.feedback import read_opinions
from konkyo.ui.server.session_store import SessionStore, SignIns, opinions_of, session_store_of

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import ENGLISH, answer, evidence
from fixtures_engines import Postgres, free_port, postgres  # noqa: F401
from fixtures_process import started

ROOT = Path(__file__).resolve().parents[1]
KEY = "reader-key-of-sixteen"
PASSWORD = "a long password"
PATIENCE = 240.0
QUESTION = "How much will Japan invest in the United States?"


@pytest.fixture(scope="module")
def store(postgres: Postgres) -> str:  # noqa: F811
    """An index in a database, of the articles that come with Konkyo."""
    address = postgres.make("servers")
    build([str(ROOT / "seeds")], address, load_encoder("multilingual-e5-small"))
    return address


@contextmanager
def chat(store: str, keys: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A real server in a process of its own: the process and its address."""
    port = free_port()
    command = ["chat", "--llm", "none", "--port", str(port), "--no-open", "--keys-file", str(keys)]
    with started(
        [sys.executable, "-m", "konkyo", *command],
        signal.SIGKILL,
        cwd=ROOT,
        env={**os.environ, "KONKYO_STORE": store, "KONKYO_PASSWORD": PASSWORD},
        stdout=subprocess.DEVNULL,
    ) as process:
        yield process, f"http://127.0.0.1:{port}"


def wait_until_ready(url: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            if httpx.get(f"{url}/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError("the server did not get ready")


@pytest.fixture(scope="module")
def servers(
    store: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[tuple[subprocess.Popen[str], str]]]:
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"reader {KEY}\n", "utf-8")
    with chat(store, keys) as one, chat(store, keys) as other:
        for _, url in (one, other):
            wait_until_ready(url)
        yield [one, other]


@contextmanager
def balanced(urls: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """A small proxy that asks one server after the other; its address, and who answered."""
    turn = itertools.cycle(urls)
    answered: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            sent = {
                k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")
            }
            for url in itertools.islice(turn, len(urls)):
                try:
                    got = httpx.post(url + self.path, content=body, headers=sent, timeout=PATIENCE)
                except httpx.ConnectError:
                    continue
                answered.append(url)
                break
            self.send_response(got.status_code)
            self.send_header("content-length", str(len(got.content)))
            self.end_headers()
            self.wfile.write(got.content)

        def log_message(self, form: str, *parts: object) -> None:
            pass

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{proxy.server_address[1]}", answered
    finally:
        proxy.shutdown()
        proxy.server_close()


def ask(url: str, question: str = QUESTION) -> httpx.Response:
    return httpx.post(
        f"{url}/api/ask",
        json={"question": question},
        headers={"authorization": f"Bearer {KEY}"},
        timeout=PATIENCE,
    )


def test_a_balancer_in_front_of_two_servers_gives_one_answer(
    servers: list[tuple[subprocess.Popen[str], str]],
) -> None:
    with balanced([url for _, url in servers]) as (proxy, answered):
        found = [ask(proxy).json() for _ in range(4)]
    assert len(set(answered)) == 2
    for one in found:
        assert one.pop("timings_ms")
    assert found[0]["status"] == "answered"
    assert found == [found[0]] * 4


def test_alive_and_ready_are_told_apart_and_need_no_key(
    servers: list[tuple[subprocess.Popen[str], str]],
) -> None:
    for _, url in servers:
        assert httpx.get(f"{url}/health").json()["status"] == "ok"
        ready = httpx.get(f"{url}/ready")
        assert (ready.status_code, ready.json()["state"]) == (200, "ready")


def test_who_signs_in_at_one_server_is_known_at_the_other(
    servers: list[tuple[subprocess.Popen[str], str]],
) -> None:
    (_, one), (_, other) = servers
    with httpx.Client(timeout=PATIENCE) as client:
        assert client.get(f"{other}/config").status_code == 401
        wrong = client.post(f"{one}/login", data={"username": "konkyo", "password": "wrong one"})
        assert wrong.status_code == 400
        right = client.post(f"{one}/login", data={"username": "konkyo", "password": PASSWORD})
        assert right.status_code == 200
        # Cookies do not know ports: what one server set, the other is sent.
        assert client.get(f"{other}/config").status_code == 200
    assert httpx.get(f"{other}/config", timeout=PATIENCE).status_code == 401


def test_a_server_that_is_told_to_end_costs_no_question(
    servers: list[tuple[subprocess.Popen[str], str]],
) -> None:
    (process, gone), (_, other) = servers
    with balanced([gone, other]) as (proxy, answered), ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask, proxy) for _ in range(6)]
        process.send_signal(signal.SIGTERM)
        asked += [pool.submit(ask, proxy) for _ in range(6)]
        codes = [one.result(300).status_code for one in asked]
        assert codes == [200] * 12
        assert process.wait(PATIENCE) == 0
        assert ask(proxy).status_code == 200
    assert other in answered


def test_opinions_go_to_the_database_of_the_index(store: str) -> None:
    quote = ENGLISH.text.split("\n")[0]
    shown = (evidence(1, ENGLISH, quote),)
    outcome = to_json(answer("How much?", (Claim("550 billion dollars.", (1,), 0.9),), shown))
    session_store = session_store_of(store)
    assert session_store is not None
    session_store.keep("tab", 1, "down", outcome, reason="wrong")
    session_store.keep("tab", 1, "up", outcome, history=[("Who?", "Japan.")])
    (found,) = opinions_of(store)
    assert (found.verdict, found.history) == ("up", (("Who?", "Japan."),))
    assert found.outcome == json.loads(json.dumps(outcome))
    assert session_store_of(str(ROOT / "nowhere")) is None
    assert opinions_of(str(ROOT / "nowhere")) == read_opinions(ROOT / "nowhere") == []


def test_tables_are_made_once_by_servers_that_begin_together(postgres: Postgres) -> None:  # noqa: F811
    address = postgres.make("together")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: SessionStore(address).sign_in(f"token-{n}", "ann"), range(6)))
    assert postgres.run("SELECT count(*) FROM konkyo.sign_ins", "together") == [(6,)]


def test_a_token_is_not_written_down_and_can_be_taken_back(store: str, postgres: Postgres) -> None:  # noqa: F811
    one, other = (SignIns(SessionStore(store)) for _ in range(2))
    one["a-token"] = "konkyo"
    assert other.get("a-token") == "konkyo"
    assert "a-token" not in str(postgres.run("SELECT * FROM konkyo.sign_ins", "servers"))
    del one["a-token"]
    assert SignIns(SessionStore(store)).get("a-token") is None


def test_a_sign_in_ends_after_seven_days(postgres: Postgres) -> None:  # noqa: F811
    address = postgres.make("weeks")
    SessionStore(address).sign_in("a-token", "konkyo")
    for seconds, user in ((0, "konkyo"), (6 * 86_400, "konkyo"), (86_400, None)):
        postgres.run(f"UPDATE konkyo.sign_ins SET at = at - {seconds}", "weeks")
        assert SessionStore(address).signed_in("a-token") == user


# --- the gentle end, of a server whose answers take their time ----------------------------------


@contextmanager
def slow_chat(**environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with started(
        [sys.executable, str(ROOT / "tests" / "fixtures_chat.py")],
        signal.SIGKILL,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip().rstrip("/")
        wait_until_ready(url)
        yield process, url


def test_a_server_that_ends_finishes_what_it_streams_and_is_not_ready() -> None:
    body = {"question": QUESTION, "stream": True}
    with (
        slow_chat(FAKE_PACE="0.8") as (process, url),
        httpx.stream("POST", f"{url}/api/ask", json=body, timeout=PATIENCE) as stream,
    ):
        lines = stream.iter_lines()
        first = next(line for line in lines if line.startswith("event:"))
        process.send_signal(signal.SIGTERM)
        wait_for_state(url, "draining")
        assert httpx.get(f"{url}/ready").status_code == 503
        assert httpx.get(f"{url}/health").status_code == 200
        rest = list(lines)
        names = [line.removeprefix("event: ") for line in [first, *rest] if "event:" in line]
        assert names[-1] == "outcome"
        outcome = json.loads(next(line for line in reversed(rest) if line.startswith("data: "))[6:])
        assert outcome["status"] == "answered"
        assert process.wait(PATIENCE) == 0


def wait_for_state(url: str, state: str) -> None:
    until = time.monotonic() + 20
    while httpx.get(f"{url}/ready").json()["state"] != state:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_time_for_it_is_limited() -> None:
    body = {"question": QUESTION, "stream": True}
    with (
        slow_chat(FAKE_PACE="30", FAKE_GRACE="1") as (process, url),
        httpx.stream("POST", f"{url}/api/ask", json=body, timeout=PATIENCE) as stream,
    ):
        next(stream.iter_lines())
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 25


def test_an_idle_server_ends_at_once() -> None:
    with slow_chat() as (process, _):
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 20
