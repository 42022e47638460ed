"""A quote's translation: on the page and over HTTP, marked, and no part of the answer."""

# ruff: noqa: F811
from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from konkyo.index.errors import ArticleMissing, LLMTimeout
from konkyo.rag.generation.llm import LLM, NoLLM
from konkyo.rag.types import to_json
from konkyo.ui.server.llm_queue import LLMQueue
from konkyo.ui.web import quote_translator
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.export import as_json, as_markdown, plain_answer
from konkyo.ui.web.html.conversation import conversation
from konkyo.ui.web.i18n import LANGUAGES, Message, say
from konkyo.ui.web.pipeline_protocol import CannotTranslate
from konkyo.ui.web.quote_translator import NoQuote
from konkyo.ui.web.turn_json import turn_to_json
from konkyo.ui.web.turns import foreign_quotes

if TYPE_CHECKING:
    from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_browser import ask, browser, finished, opened, served  # noqa: F401
from fixtures_chat import (
    ENGLISH,
    JAPANESE,
    PAYLOADS,
    SMALL_MODEL,
    TRANSLATION,
    FakeReader,
    Interpreter,
)
from test_http_api import bearer, wait_ready
from test_render import assert_harmless

QUESTION = "How much will Japan invest?"
QUOTE = JAPANESE.text.split("\n")[0]
PLACE = (JAPANESE.article_id, 0, len(QUOTE))
MARK = "machine translation by interpreter; not the source's words"


def desk_of(llm: LLM) -> ChatService:
    chat_service = ChatService(lambda: FakeReader(0, llm=llm))
    chat_service.open()
    assert chat_service.wait(30)
    return chat_service


def asked(chat_service: ChatService, question: str = QUESTION) -> Conversation:
    tab = Conversation()
    list(chat_service.ask(tab, question))
    return tab


def page_of(chat_service: ChatService, tab: Conversation) -> str:
    return conversation(tab.turns, "en", translates=chat_service.translates)


# ---- the page, without a browser


def test_only_quotes_in_another_language_than_the_question_offer_a_translation() -> None:
    chat_service = desk_of(Interpreter())
    tab = asked(chat_service)
    page = assert_harmless(page_of(chat_service, tab))
    wishes = [a for _, a in page.tags if a.get("data-act") == "translate"]
    assert [a["data-n"] for a in wishes] == ["1", "2", "4"]
    assert wishes[0]["aria-label"] == f"Translate [1]: {QUESTION}"
    assert foreign_quotes(replace(tab.turns[0], language="")) == ()
    for language in LANGUAGES:
        assert say(language, "translate") in conversation(tab.turns, language, translates=True)


def test_without_a_model_nothing_is_offered() -> None:
    chat_service = desk_of(NoLLM())
    assert not chat_service.translates
    assert "k-translation" not in page_of(chat_service, asked(chat_service))


def test_a_model_that_writes_badly_translates_nothing() -> None:
    llm = Interpreter(name=SMALL_MODEL)
    chat_service = desk_of(LLMQueue(llm))
    tab = asked(chat_service)
    assert not chat_service.translates
    with pytest.raises(CannotTranslate, match="does not write well enough to translate"):
        list(chat_service.translator.events(*PLACE, "en", "api"))
    turns = list(chat_service.translator.translate(tab, 1, PLACE))
    assert turns[-1].translations[0].problem == Message("cannot_translate")
    assert llm.asked == []


def test_a_translation_stands_below_its_quote_with_its_mark() -> None:
    llm = Interpreter()
    chat_service = desk_of(LLMQueue(llm))
    tab = asked(chat_service)
    turns = list(chat_service.translator.translate(tab, 1, PLACE))
    assert turns[0].translations[0].busy
    assert not turns[-1].translations[0].busy
    page = assert_harmless(page_of(chat_service, tab))
    assert f"{TRANSLATION}{MARK}" in page.words
    (told,) = [a for _, a in page.tags if a.get("class") == "k-translation-text"]
    assert told == {"class": "k-translation-text", "lang": "en", "dir": "auto"}
    # What the model read is what the store holds.
    assert [QUOTE in prompt.user for prompt in llm.asked] == [True]


def test_a_translation_whose_figures_differ_says_so() -> None:
    chat_service = desk_of(Interpreter())
    tab = asked(chat_service)
    place = foreign_quotes(tab.turns[0])[1]
    list(chat_service.translator.translate(tab, 1, place))
    html = page_of(chat_service, tab)
    assert 'data-state="doubtful"' in html
    assert "its figures or names differ from the source: read the original" in html


def test_a_translation_is_no_part_of_what_is_copied_saved_kept_or_asked_about() -> None:
    chat_service = desk_of(Interpreter())
    tab = asked(chat_service)
    (before,) = tab.turns
    list(chat_service.translator.translate(tab, 1, PLACE))
    (turn,) = tab.turns
    assert turn.translations
    assert replace(turn, translations=()) == before
    assert turn.outcome is not None
    for out in (
        plain_answer(turn, "en"),
        as_markdown(tab.turns, "en"),
        as_json(tab.turns),
        json.dumps(to_json(turn.outcome), ensure_ascii=False),
        str(tab.history(2)),
        turn_to_json(turn).content,
    ):
        assert "Japan agreed" in out
        assert TRANSLATION not in out


@pytest.mark.parametrize(
    "place",
    [
        (ENGLISH.article_id, 0, 10),
        (JAPANESE.article_id, 0, 10),
        ("0000000000000000", 0, 5),
    ],
)
def test_what_the_turn_does_not_show_in_another_language_is_not_translated(
    place: tuple[str, int, int],
) -> None:
    llm = Interpreter()
    chat_service = desk_of(llm)
    tab = asked(chat_service)
    assert list(chat_service.translator.translate(tab, 1, place)) == []
    assert list(chat_service.translator.translate(tab, 7, PLACE)) == []
    assert llm.asked == []


def test_a_model_that_cannot_be_reached_is_told_and_can_be_asked_again() -> None:
    chat_service = desk_of(Interpreter(dead=True))
    tab = asked(chat_service)
    list(chat_service.translator.translate(tab, 1, PLACE))
    page = assert_harmless(page_of(chat_service, tab))
    assert f"No translation: {say('en', 'error_model')}" in page.words
    wishes = [a["data-n"] for _, a in page.tags if a.get("data-act") == "translate"]
    assert wishes == ["1", "2", "4"]


def test_who_asks_too_often_is_told_and_the_model_is_left_alone() -> None:
    llm = Interpreter()
    chat_service = desk_of(llm)
    tab = asked(chat_service)
    (turn,) = chat_service.translator.translate(tab, 1, PLACE, Message("too_many", {"seconds": 9}))
    for language in LANGUAGES:
        html = conversation((turn,), language, translates=True)
        assert say(language, "too_many", seconds=9) in html
    assert llm.asked == []


def test_an_article_that_is_gone_is_told() -> None:
    chat_service = desk_of(Interpreter())
    tab = asked(chat_service)
    reader = chat_service.reader
    assert isinstance(reader, FakeReader)

    def gone(article_id: str) -> None:
        raise ArticleMissing(article_id)

    reader.article = gone  # type: ignore[assignment, method-assign]
    list(chat_service.translator.translate(tab, 1, PLACE))
    assert say("en", "article_gone") in page_of(chat_service, tab)


def test_a_reader_who_leaves_waits_for_no_translation() -> None:
    chat_service = desk_of(LLMQueue(Interpreter(pace=3.0)))
    tab = asked(chat_service)
    changes = chat_service.translator.translate(tab, 1, PLACE)
    assert next(changes).translations[0].busy
    tab.abandon()
    assert list(changes) == []


def test_the_same_wish_twice_is_one_translation() -> None:
    llm = Interpreter()
    chat_service = desk_of(llm)
    tab = asked(chat_service)
    first = chat_service.translator.translate(tab, 1, PLACE)
    next(first)
    assert list(chat_service.translator.translate(tab, 1, PLACE)) == []
    list(first)
    assert len(llm.asked) == 1


def test_a_translation_that_gets_no_turn_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quote_translator, "_TRANSLATION_SECONDS", 0.2)
    chat_service = desk_of(Interpreter(pace=5.0))
    with pytest.raises(LLMTimeout, match="questions go first"):
        list(chat_service.translator.events(*PLACE, "en", "api"))
    line = b'konkyo_translations_total{channel="api",status="failed"} 1.0'
    assert line in chat_service.telemetry.exposition()


@pytest.mark.parametrize(
    ("start", "end"),
    # The last holds nothing but the end of a line.
    [(0, 0), (5, 3), (-4, 3), (0, 9999), (10**8, 10**8 + 5), (len(QUOTE), len(QUOTE) + 1)],
)
def test_a_span_that_is_no_quote_is_refused(start: int, end: int) -> None:
    chat_service = desk_of(Interpreter())
    with pytest.raises(NoQuote, match="no text from"):
        list(chat_service.translator.events(JAPANESE.article_id, start, end, "en", "api"))


@pytest.mark.parametrize("number", [0, 4, 12, 38])
def test_a_hostile_translation_stays_text(number: int) -> None:
    chat_service = desk_of(Interpreter())
    tab = asked(chat_service, f"payload {number} {number}")
    (turn,) = tab.turns
    tab._turns = (replace(turn, language="ja"),)
    (place,) = foreign_quotes(tab.turns[0])
    list(chat_service.translator.translate(tab, 1, place))
    page = assert_harmless(page_of(chat_service, tab))
    assert f"The quote is {PAYLOADS[number]} here." in page.words


# ---- over HTTP


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(FAKE_PACE="0") as address:
        wait_ready(address)
        yield address


BODY: dict[str, object] = {"article_id": PLACE[0], "start": 0, "end": PLACE[2], "language": "en"}


def posted(url: str, body: dict[str, object], key: str = "") -> httpx.Response:
    headers = bearer(key) if key else None
    return httpx.post(url + "api/translate", json=body, headers=headers, timeout=120)


def test_a_quote_is_translated_with_its_mark(url: str) -> None:
    found = posted(url, BODY)
    assert found.json() == {
        "quote": QUOTE,
        "text": TRANSLATION,
        "mark": MARK,
        "doubtful": False,
        "model": "interpreter",
        "language": "en",
    }
    text = httpx.get(url + "metrics").text
    assert 'konkyo_translations_total{channel="api",status="made"} 1.0' in text


def test_the_mark_is_in_the_language_asked_for(url: str) -> None:
    body = BODY | {"language": "KO", "start": 1}
    found = posted(url, body).json()
    assert (found["language"], found["quote"]) == ("ko", QUOTE[1:])
    assert "기계 번역(interpreter)" in found["mark"]


@pytest.mark.parametrize(
    ("change", "status", "code", "param"),
    [
        ({"article_id": "0000000000000000"}, 404, "article_missing", None),
        ({"article_id": "../x"}, 422, "invalid", "body.article_id"),
        ({"end": 5000, "start": 4500}, 422, "invalid", "body.end"),
        ({"end": 1201}, 422, "invalid", "body"),
        ({"start": 9, "end": 9}, 422, "invalid", "body"),
        ({"start": -1}, 422, "invalid", "body.start"),
        ({"language": "zzz"}, 422, "invalid", "body.language"),
        ({"text": "words of the browser"}, 422, "invalid", "body.text"),
    ],
)
def test_what_cannot_be_translated_is_a_stable_error(
    url: str, change: dict[str, object], status: int, code: str, param: str | None
) -> None:
    found = posted(url, BODY | change)
    assert found.status_code == status
    error = found.json()
    assert (error["code"], error["param"]) == (code, param)


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        ("none", "llm_unreachable", "no language model is set"),
        ("dead", "llm_unreachable", "is the server running"),
        ("small", "not_ready", f"{SMALL_MODEL} does not write well enough to translate"),
    ],
)
def test_without_a_model_that_writes_it_is_unavailable(kind: str, code: str, said: str) -> None:
    with served(FAKE_PACE="0", FAKE_LLM=kind) as address:
        wait_ready(address)
        found = posted(address, BODY)
    assert found.status_code == 503
    assert found.json()["code"] == code
    assert said in found.json()["detail"]


def test_keys_and_limits_are_those_of_questions(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("reader reader-key-of-sixteen\n", "utf-8")
    with served(FAKE_PACE="0", FAKE_KEYS=str(keys), FAKE_RATE="1") as address:
        wait_ready(address)
        assert posted(address, BODY).status_code == 401
        codes = [posted(address, BODY, "reader-key-of-sixteen").status_code for _ in range(2)]
    assert codes == [200, 429]


# ---- in a browser


def test_a_reader_has_a_quote_translated(browser: Browser) -> None:
    with served(FAKE_PACE="2") as address, opened(browser, address) as (page, _):
        ask(page, QUESTION)
        wish = page.locator('.k-translation[data-n="1"] button')
        wish.wait_for()
        finished(page)
        assert page.locator(".k-translation button").count() == 3
        wish.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector('.k-translation[data-n="1"][aria-busy="true"] .k-doing')
        page.wait_for_selector('.k-translation[data-n="1"][data-state="done"]')
        told = page.locator('.k-translation[data-n="1"]')
        text, mark = told.locator(".k-translation-text"), told.locator(".k-translation-mark")
        assert (text.inner_text(), mark.inner_text()) == (TRANSLATION, MARK)
        assert text.get_attribute("lang") == "en"
        assert text.evaluate("e => getComputedStyle(e).fontStyle") == "italic"
        assert page.locator(".k-card-quote").first.inner_text() == QUOTE
        assert page.evaluate("document.activeElement.dataset.n") == "1"
        page.locator(".k-checked summary").click()
        page.locator('.k-translation[data-n="4"] button').click()
        page.wait_for_selector('.k-translation[data-n="4"][data-state="doubtful"]')
        page.locator('[data-act="copy"]').click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert QUOTE in copied
        assert TRANSLATION not in copied
        ask(page, "How many turns?")
        finished(page, 2)
        assert TRANSLATION not in page.locator('.k-turn[data-turn="2"]').inner_text()
        assert text.inner_text() == TRANSLATION


def test_the_page_says_why_there_is_no_translation(browser: Browser) -> None:
    with (
        served(FAKE_PACE="0", FAKE_LLM="dead") as address,
        opened(browser, address, language="ja-JP") as (page, _),
    ):
        ask(page, QUESTION)
        finished(page)
        wish = page.locator('.k-translation[data-n="1"] button')
        assert wish.inner_text() == "訳を見る"
        wish.click()
        page.wait_for_selector('.k-translation[data-n="1"][data-state="failed"]')
        told = page.locator('.k-translation[data-n="1"]').inner_text()
        assert say("ja", "error_model") in told
        assert "is the server running?" not in page.content()
        assert wish.is_enabled()
        # The dot tells it, too, at once.
        page.wait_for_selector('#k-top .k-status[data-kind="partial"]')
        assert say("ja", "model_gone") in page.locator("#k-top .k-status").inner_text()


def test_quotes_alone_offer_no_translation(browser: Browser) -> None:
    with served(FAKE_PACE="0", FAKE_LLM="none") as address, opened(browser, address) as (page, _):
        ask(page, QUESTION)
        finished(page)
        assert page.locator(".k-card").count() == 4
        assert page.locator(".k-translation").count() == 0
