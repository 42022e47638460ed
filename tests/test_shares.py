"""Shared answers: off until the owner says so, nobody's to guess, static, and gone when revoked."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import (
    ENGLISH,
    HOSTILE,
    JAPANESE,
    PAYLOADS,
    FakeReader,
    FakeStore,
    answer,
    evidence,
)
from fixtures_server import Running, running

from konkyo.index.errors import ArticleGone
from konkyo.index.records import Article
from konkyo.rag.messages import notice_text, refusal_text
from konkyo.rag.types import Answer, Claim, Refusal
from konkyo.ui.http.auth import Access
from konkyo.ui.server.conversation_store import (
    ConversationStore,
    KeptTurn,
    open_conversation_store,
)
from konkyo.ui.server.share_store import ShareStore
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.html.shared import shared_page
from konkyo.ui.web.i18n import LANGUAGES, Message, say
from konkyo.ui.web.shares import Shares, Sharing
from konkyo.ui.web.turns import Turn

# Of the page's framework, which counts what was asked by pandas.
pytestmark = pytest.mark.filterwarnings("ignore:.*no_silent_downcasting")

QUESTION = "How much will Japan invest in the United States?"
PASSWORD = "reading-only"


@pytest.fixture
def store(tmp_path: Path) -> ConversationStore:
    return open_conversation_store(str(tmp_path / "store"))


def conversation(store: ConversationStore) -> Conversation:
    """A conversation of one answered question."""
    chat_service = ChatService(lambda: FakeReader(0.0), conversation_store=store)
    chat_service.open()
    assert chat_service.wait(60)
    talk = chat_service.conversations.open("a", "ann")
    for _ in chat_service.ask(talk, QUESTION):
        pass
    return talk


@contextmanager
def serving(
    store: ConversationStore, sharing: Sharing, access: Access | None = None
) -> Iterator[Running]:
    chat_service = ChatService(lambda: FakeReader(0.0), conversation_store=store)
    shares = Shares(ShareStore(store), sharing)
    with running(ChatServer(chat_service, access or Access(), shares=shares)) as server:
        yield server


def test_a_shared_answer_is_opened_as_it_was_by_anyone_with_the_link(
    store: ConversationStore,
) -> None:
    talk = conversation(store)
    shares = Shares(ShareStore(store), "anyone")
    token = shares.share(talk, 1)
    assert len(token) == 32
    assert shares.share(talk, 1) == token
    with serving(store, "anyone", Access(PASSWORD)) as server:
        found = httpx.get(f"{server.url}/share/{token}")
        assert found.status_code == 200
        for part in (QUESTION, "550 billion dollars", ENGLISH.title, "Ask again today"):
            assert part in found.text
        assert ENGLISH.text.split("\n")[1] in found.text
        assert f'<time datetime="{talk.turns[0].asked}">' in found.text
        assert "../?q=How+much+will+Japan" in found.text
        assert "<script" not in found.text
        policy = found.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; base-uri 'none'")
        assert "script-src" not in policy
        assert found.headers["cache-control"] == "no-store"
        assert found.headers["x-frame-options"] == "DENY"
        assert "set-cookie" not in found.headers
        style = re.search(r'href="\.\./(konkyo/share\.css[^"]*)"', found.text)
        assert style is not None
        assert httpx.get(f"{server.url}/{style[1]}").status_code == 200
        assert httpx.head(f"{server.url}/share/{token}").status_code == 200
        assert httpx.post(f"{server.url}/share/{token}").status_code == 404
        japanese = {"accept-language": "ja"}
        assert "今日もう一度" in httpx.get(f"{server.url}/share/{token}", headers=japanese).text
        for guess in ("x", token[:-1] + "~", token.swapcase(), "%2e%2e", "a" * 32):
            assert httpx.get(f"{server.url}/share/{guess}").status_code == 404
        # Somebody else cannot take it back; who shared it can, at once.
        shares.revoke("bob", token)
        assert httpx.get(f"{server.url}/share/{token}").status_code == 200
        shares.revoke("ann", token)
        gone = httpx.get(f"{server.url}/share/{token}")
        assert gone.status_code == 404
        assert QUESTION not in gone.text
        assert "no longer" in gone.text


def test_a_shared_quote_stands_below_the_answer_in_a_few_words(store: ConversationStore) -> None:
    chat_service = ChatService(lambda: FakeReader(0.0), conversation_store=store)
    chat_service.open()
    assert chat_service.wait(60)
    talk = chat_service.conversations.open("b", "ann")
    for _ in chat_service.ask(talk, "quoted " + QUESTION):
        pass
    (turn,) = talk.turns
    assert isinstance(turn.outcome, Answer)
    (claim,) = turn.outcome.claims
    own = replace(claim, frame="", language=None, published="2026-02-09")
    outcome = replace(turn.outcome, claims=(own,), notices=("Articles of 2026-02-09.",))
    short = '<p class="k-short" lang="en" dir="auto">$550 billion</p>'
    page = shared_page(turn, outcome, "s.css", "ja")
    assert short in page
    day = '<time datetime="2026-02-09">9 Feb 2026</time>'
    assert f'<p class="note" lang="en" dir="auto">Articles of {day}.</p>' in page
    assert f'<p class="claim" dir="auto">{day} ' in page
    # What introduces a foreign quote says the answer.
    framed = shared_page(turn, turn.outcome, "s.css", "en")
    assert short not in framed
    assert "<strong>$550 billion</strong>" in framed


def test_a_shared_refusal_is_in_the_language_of_the_page() -> None:
    text = refusal_text("no_evidence", "en")
    told = (notice_text("searched_for", "en", words="rain"),)
    refusal = Refusal("Rain?", "en", "no_evidence", text, (), told, {}, "f")
    notes = (Message("sources_failing", {"count": 2}),)
    turn = Turn(1, "Rain?", "done", language="en", outcome=refusal, messages=notes)
    for language in LANGUAGES:
        page = shared_page(turn, refusal, "s.css", language)
        said = refusal_text("no_evidence", language)
        assert f'<p class="refused" lang="{language}" dir="auto">{said}</p>' in page
        assert notice_text("searched_for", language, words="rain") in page
        assert say(language, "sources_failing", count=2) in page
        assert (text in page) == (language == "en")


def test_a_shared_source_links_the_original_at_the_words_of_the_quote() -> None:
    shown = (evidence(1, ENGLISH, "Critics said that some"),)
    outcome = answer("q", (Claim("Some may not pay.", (1,), 0.9),), shown)
    turn = Turn(1, "q", "done", outcome=outcome)
    page = shared_page(turn, outcome, "s.css", "en")
    fragment = "#:~:text=Critics%20said%20that%20some"
    assert f'href="https://example.org/en/investment{fragment}"' in page
    at = replace(outcome.citations[0], url="https://example.org/a#part", quote="3月19日に会談。")
    there = replace(outcome, citations=(at,))
    page = shared_page(turn, there, "s.css", "en")
    assert 'href="https://example.org/a#part:~:text=3%E6%9C%88' in page
    assert '<span class="k-whole">3月19日</span>に会談。' in page


def test_sharing_is_turned_on_and_off_while_the_server_runs(store: ConversationStore) -> None:
    talk = conversation(store)
    shares = Shares(ShareStore(store), "off")
    with running(ChatServer(ChatService(lambda: FakeReader(0.0)), shares=shares)) as server:
        assert shares.share(talk, 1) == ""
        shares.change("anyone")
        address = f"{server.url}/share/{shares.share(talk, 1)}"
        assert QUESTION in httpx.get(address).text
        shares.change("off")
        assert httpx.get(address).status_code == 404
        shares.change("readers")
        assert not shares.for_anyone
        assert QUESTION in httpx.get(address).text


def test_nothing_is_shared_until_the_owner_says_so(store: ConversationStore) -> None:
    talk = conversation(store)
    off = Shares(ShareStore(store))
    assert not off.open
    assert off.share(talk, 1) == ""
    # What was shared before it was turned off cannot be opened either.
    token = Shares(ShareStore(store), "anyone").share(talk, 1)
    with serving(store, "off") as server:
        assert httpx.get(f"{server.url}/share/{token}").status_code == 404


def test_readers_alone_open_what_is_shared_with_readers(store: ConversationStore) -> None:
    token = Shares(ShareStore(store), "readers").share(conversation(store), 1)
    with serving(store, "readers", Access(PASSWORD)) as server:
        found = httpx.get(f"{server.url}/share/{token}")
        assert (found.status_code, QUESTION in found.text) == (401, False)
        assert "Sign in first" in found.text
        assert httpx.get(f"{server.url}/share/{'a' * 32}").status_code == 401
        with httpx.Client(base_url=server.url) as client:
            form = {"username": "konkyo", "password": PASSWORD}
            assert client.post("/login", data=form).status_code == 200
            assert QUESTION in client.get(f"/share/{token}").text
    with serving(store, "readers") as server:
        assert httpx.get(f"{server.url}/share/{token}").status_code == 200


def test_deleting_a_conversation_takes_back_what_was_shared_of_it(
    store: ConversationStore,
) -> None:
    shares = Shares(ShareStore(store), "anyone")
    token = shares.share(conversation(store), 1)

    def status() -> int:
        return shares.page(token, "en", "s.css", lambda turn, _: turn, signed_in=True)[0]

    store.delete("ann", "a")
    assert (status(), shares.entries("ann")) == (404, ())
    store.restore("ann", "a")
    assert (status(), len(shares.entries("ann"))) == (200, 1)
    # Where it only made room for a newer one, the link goes on.
    for name in range(store.limits.conversations):
        store.save("ann", f"n{name}", "{}", KeptTurn(1, 1, "{}"), "x")
    assert store.load("ann", "a") is None
    assert status() == 200


class Remembers(FakeStore):
    """A store that knows which articles it had."""

    def __init__(self, articles: tuple[Article, ...], former: frozenset[str]) -> None:
        super().__init__(articles)
        self._former = former

    def article(self, article_id: str) -> Article:
        if article_id in self._former:
            raise ArticleGone(article_id)
        return super().article(article_id)


def test_a_shared_answer_says_which_of_its_quotes_changed_or_went(
    store: ConversationStore,
) -> None:
    token = Shares(ShareStore(store), "anyone").share(conversation(store), 1)
    reader = FakeReader(0.0)
    changed = replace(
        JAPANESE, article_id="0" * 16, text=JAPANESE.text.replace("総額5500億", "総額5600億")
    )
    former = frozenset({JAPANESE.article_id, ENGLISH.article_id})
    reader.store = Remembers((changed,), former)
    chat_service = ChatService(lambda: reader, conversation_store=store)
    shares = Shares(ShareStore(store), "anyone")
    with running(ChatServer(chat_service, Access(), shares=shares)) as server:
        page = httpx.get(f"{server.url}/share/{token}").text
    notes = re.findall(r"\[(\d)\] ([^<]*)", page)
    assert [number for number, _ in notes] == ["1", "3"]
    assert "総額5600億ドル" in notes[0][1]
    assert "no longer" in notes[1][1]


def test_only_finished_answers_of_known_readers_are_shared(store: ConversationStore) -> None:
    talk = conversation(store)
    shares = Shares(ShareStore(store), "anyone")
    assert shares.share(talk, 2) == ""
    unknown = Conversation("a", "unkept_1")
    unknown.restore(talk.turns, talk.where, 1)
    assert shares.share(unknown, 1) == ""
    failed = Conversation("b", "ann")
    failed.restore((Turn(1, QUESTION, "failed", error="away"),), talk.where, 1)
    assert shares.share(failed, 1) == ""


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
def test_no_hostile_text_becomes_markup(number: int) -> None:
    payload, article = PAYLOADS[number], HOSTILE[number]
    shown = (evidence(1, article, f"The quote is {payload} here."),)
    claim = Claim(payload, (1,), 0.9, frame=payload, language=payload)
    outcome = replace(answer(payload, (claim,), shown, notices=(payload,)), language=payload)
    turn = Turn(1, payload, "done", outcome=outcome, asked=payload, notes=(payload,))
    refusal = Refusal(payload, payload, "no_evidence", payload, (), (payload,), {}, "f")
    for page in (
        shared_page(turn, outcome, "s.css", "en"),
        shared_page(replace(turn, outcome=refusal), refusal, "s.css", "en"),
    ):
        tags = set(re.findall(r"<\s*/?([a-zA-Z!][^\s>/]*)", page))
        assert tags <= {
            *("!doctype", "html", "head", "meta", "title", "link", "body", "header", "a", "span"),
            *("main", "p", "time", "h1", "h2", "div", "ol", "li", "blockquote", "bdi"),
        }
        assert not re.search(r"<[^>]*\son[a-z]+\s*=", re.sub(r'"[^"]*"', '""', page))
        for target in re.findall(r'href="([^"]*)"', page):
            assert re.match(r"(https?://|\.\./|#source-\d+$|s\.css$)", target), target
