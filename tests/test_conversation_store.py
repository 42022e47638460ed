"""Conversations as they are kept, in SQLite and in PostgreSQL alike."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import ENGLISH, FakeReader, answer, evidence
from fixtures_engines import Postgres, postgres  # noqa: F401

from konkyo.index.errors import StoreError
from konkyo.index.records import Filter
from konkyo.rag.types import Claim, Refusal, Short
from konkyo.ui.server.conversation_store import (
    ConversationLimits,
    ConversationStore,
    KeptTurn,
    open_conversation_store,
)
from konkyo.ui.server.conversation_tables import conversation_tables
from konkyo.ui.server.sql_tables import PostgresTables, SqliteTables
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.i18n import Message
from konkyo.ui.web.turn_json import TURN_VERSION, turn_from_json, turn_to_json
from konkyo.ui.web.turns import Turn

QUESTION = "How much will Japan invest in the United States?"
LIMITS = ConversationLimits(conversations=3, turns=2, days=30)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgres"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> Iterator[ConversationStore]:
    if request.param == "sqlite":
        tables = conversation_tables()
        file = tmp_path / "kept.sqlite"
        yield ConversationStore(SqliteTables(file, tables), tables, "", LIMITS, clock=clock)
        return
    database: Postgres = request.getfixturevalue("postgres")
    tables = conversation_tables("konkyo")
    sql = PostgresTables(database.make(f"kept{abs(hash(request.node.name))}"), tables)
    yield ConversationStore(sql, tables, sql.store, LIMITS, clock=clock)


def asked(store: ConversationStore, name: str, question: str, number: int = 1) -> int | None:
    return store.save("ann", name, "{}", KeptTurn(number, 1, "{}", question), question)


def titles(store: ConversationStore, search: str = "") -> list[str]:
    return [entry.title for entry in store.entries("ann", search)]


def test_a_path_may_hold_what_means_something_in_an_address(tmp_path: Path) -> None:
    file = tmp_path / "50%3F of #1?mode=ro.sqlite"
    tables = conversation_tables()
    asked(ConversationStore(SqliteTables(file, tables), tables, "", LIMITS), "a", "How much?")
    assert list(tmp_path.iterdir()) == [file]
    assert file.stat().st_size


def test_a_conversation_is_read_as_it_was_kept(store: ConversationStore) -> None:
    assert store.load("ann", "a") is store.revision("ann", "a") is None
    assert asked(store, "a", "How much?") == 1
    assert asked(store, "a", "And when?", 2) == 2
    found = store.load("ann", "a")
    assert found is not None
    assert (found.where, found.revision) == ("{}", 2)
    assert [turn.number for turn in found.turns] == [1, 2]
    assert titles(store) == ["How much?"]
    assert store.load("bob", "a") is None
    assert store.entries("bob") == ()


def test_a_filter_alone_makes_no_row_of_the_list(store: ConversationStore) -> None:
    store.save("ann", "a", '{"since": "2026-01-01"}', None, "")
    assert titles(store) == []
    asked(store, "a", "How much?")
    assert titles(store) == ["How much?"]


def test_only_the_last_turns_are_kept(store: ConversationStore) -> None:
    for number in (1, 2, 3, 4):
        asked(store, "a", f"Question {number}", number)
    found = store.load("ann", "a")
    assert found is not None
    assert [turn.number for turn in found.turns] == [3, 4]


def test_the_oldest_that_is_not_pinned_makes_room(store: ConversationStore) -> None:
    for name in ("a", "b", "c"):
        asked(store, name, name)
    store.pin("ann", "a", True)
    asked(store, "b", "again", 2)
    asked(store, "d", "d")
    assert titles(store) == ["a", "d", "b"]
    for name in ("b", "d"):
        store.pin("ann", name, True)
    # One place is never pinned.
    assert [e.pinned for e in store.entries("ann")] == [True, True, False]
    store.pin("ann", "a", False)
    assert sum(e.pinned for e in store.entries("ann")) == 1


def test_conversations_are_found_by_every_word_whatever_its_case(store: ConversationStore) -> None:
    asked(store, "a", "How much will Japan invest?")
    asked(store, "b", "対米投資の規模は？")
    asked(store, "c", "100% of ＡＢＣ_x")
    store.rename("ann", "b", "Overview  of\nthe deal")
    assert titles(store, "JAPAN how") == ["How much will Japan invest?"]
    assert titles(store, "投資") == titles(store, "DEAL") == ["Overview of the deal"]
    assert titles(store, "0%") == titles(store, "abc_") == ["100% of ＡＢＣ_x"]
    assert titles(store, "japan 投資") == titles(store, "_u") == []
    store.rename("ann", "b", "  ")
    assert titles(store, "deal") == ["Overview of the deal"]


def test_a_deleted_one_comes_back_in_time_and_is_gone_after_it(
    store: ConversationStore, clock: Clock
) -> None:
    asked(store, "a", "the secret word")
    store.delete("ann", "a")
    assert titles(store) == []
    assert store.load("ann", "a") is None
    assert asked(store, "a", "still answering", 2) is None
    assert not store.restore("bob", "a")
    assert store.restore("ann", "a")
    assert titles(store) == ["the secret word"]
    store.delete("ann", "a")
    clock.now += 60
    assert not store.restore("ann", "a")
    store.purge()
    assert asked(store, "a", "anew") == 1
    assert titles(store) == ["anew"]


def test_what_is_not_used_goes_and_what_is_pinned_stays(
    store: ConversationStore, clock: Clock
) -> None:
    asked(store, "a", "a")
    asked(store, "b", "b")
    store.pin("ann", "b", True)
    clock.now += 31 * 86_400
    store.purge()
    assert titles(store) == ["b"]


def test_nothing_of_what_was_deleted_is_left_in_the_file(tmp_path: Path, clock: Clock) -> None:
    file = tmp_path / "kept.sqlite"
    tables = conversation_tables()
    store = ConversationStore(SqliteTables(file, tables), tables, "", LIMITS, clock=clock)
    asked(store, "a", "the secret word")
    assert b"the secret word" in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    store.delete("ann", "a")
    clock.now += 60
    store.purge()
    assert b"secret" not in file.read_bytes()


def test_a_file_that_is_no_database_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "store-conversations.sqlite").write_text("nothing of the kind" * 100)
    store = open_conversation_store(str(tmp_path / "store"))
    with pytest.raises(StoreError, match="cannot be read or written"):
        store.entries("ann")


# ---- turns as they are kept


def answered() -> Turn:
    shown = (evidence(1, ENGLISH, ENGLISH.text.split("\n")[0]),)
    outcome = answer(QUESTION, (Claim("550 billion dollars.", (1,), 0.9),), shown)
    outcome = replace(outcome, short=Short("550 billion dollars", "en", exact=True))
    return Turn(
        3,
        QUESTION,
        "done",
        shown,
        "en",
        short=outcome.short,
        claims=outcome.claims,
        removed=outcome.removed,
        outcome=outcome,
        notes=("Newer.",),
        messages=(Message("newer"), Message("sources_failing", {"count": 2})),
        filtered=True,
        opinion="up",
        asked="2026-02-10T08:00:00+00:00",
        follow_ups=("And when?",),
    )


def refused() -> Turn:
    near = (evidence(1, ENGLISH, "Critics").article,)
    outcome = Refusal(
        QUESTION, "en", "weak_evidence", "The articles do not say.", (), (), {}, "f", near
    )
    return Turn(1, QUESTION, "done", (), "en", outcome=outcome)


@pytest.mark.parametrize(
    "turn",
    [
        answered(),
        refused(),
        Turn(2, "今日は？", "failed", error="away"),
        Turn(2, "今日は？", "failed", failure=Message("too_long", {"limit": 500})),
    ],
)
def test_a_turn_is_read_as_it_was_kept(turn: Turn) -> None:
    assert turn_from_json(turn_to_json(turn)) == turn


def test_a_turn_that_was_under_way_was_interrupted() -> None:
    kept = turn_to_json(Turn(1, QUESTION, "writing", claims=(Claim("One.", (1,), 0.9),)))
    found = turn_from_json(kept)
    assert (found.state, found.claims) == ("interrupted", (Claim("One.", (1,), 0.9),))


def test_rows_of_other_versions_are_read() -> None:
    """The first form that was kept, and what a later one might hold."""
    first = (Path(__file__).parent / "data" / "kept_turn_v1.json").read_text("utf-8")
    turn = turn_from_json(KeptTurn(1, 1, first))
    assert turn.outcome is not None
    assert (turn.state, turn.outcome.text) == ("done", "550 billion dollars.[1]")
    content = json.loads(first)
    content["later"] = content["outcome"]["later"] = {"what": 1}
    content["outcome"]["claims"][0]["later"] = 1
    assert turn_from_json(KeptTurn(1, TURN_VERSION + 1, json.dumps(content))) == turn
    content["outcome"]["citations"] = "another form"
    changed = turn_from_json(KeptTurn(1, TURN_VERSION + 1, json.dumps(content)))
    assert (changed.question, changed.state, changed.outcome) == (turn.question, "stopped", None)
    for broken in ("", "[]", "{}", '{"question": 1}'):
        assert turn_from_json(KeptTurn(7, 1, broken)).number == 7


# ---- the chat over a store


def chat(store: ConversationStore) -> ChatService:
    chat_service = ChatService(lambda: FakeReader(0.0), conversation_store=store)
    chat_service.open()
    assert chat_service.wait(60)
    return chat_service


def test_another_server_goes_on_with_a_conversation(store: ConversationStore) -> None:
    one, other = chat(store), chat(store)
    talk = one.conversations.open("a", "ann")
    talk.where = Filter(languages=frozenset({"en"}))
    for _ in one.ask(talk, QUESTION, talk.where):
        pass
    moved = other.conversations.open("a", "ann")
    assert moved.turns == talk.turns
    assert (moved.name, moved.where) == (talk.name, talk.where)
    assert moved.history(2) == talk.history(2) != ()
    for _ in other.ask(moved, "How many turns?"):
        pass
    # What the other added is seen, and what it deleted is gone.
    assert one.conversations.open("a", "ann") is talk
    assert talk.turns == moved.turns
    other.conversations.change("ann", "a", "delete")
    assert one.conversations.open("a", "ann").turns == ()
    one.conversations.save(talk, talk.turns[0])
    assert one.conversations.entries("ann") == ()


def test_what_another_server_adds_during_an_answer_is_read(store: ConversationStore) -> None:
    one, other = chat(store), chat(store)
    talk = one.conversations.open("a", "ann")
    turn = talk.begin(QUESTION, "searching", filtered=False)
    one.conversations.save(talk, turn)
    other.conversations.save(other.conversations.open("a", "ann"), Turn(2, "And when?", "done"))
    talk.update(replace(turn, state="done"))
    one.conversations.save(talk, talk.turn(1))
    found = one.conversations.open("a", "ann").turns
    assert [(one.number, one.state) for one in found] == [(1, "done"), (2, "done")]


def test_what_another_server_deletes_during_an_answer_does_not_come_back(
    store: ConversationStore,
) -> None:
    one, other = chat(store), chat(store)
    talk = one.conversations.open("a", "ann")
    turn = talk.begin(QUESTION, "searching", filtered=False)
    one.conversations.save(talk, turn)
    other.conversations.change("ann", "a", "delete")
    talk.update(replace(turn, state="done"))
    one.conversations.save(talk, talk.turn(1))
    assert one.conversations.open("a", "ann").turns == ()
    # Where the deletion is taken back, it is kept again.
    other.conversations.change("ann", "a", "restore")
    again = one.conversations.open("a", "ann")
    assert [found.question for found in again.turns] == [QUESTION]
    one.conversations.save(again, Turn(2, "And when?", "done"))
    assert [found.number for found in other.conversations.open("a", "ann").turns] == [1, 2]


def test_a_deletion_taken_back_before_it_was_noticed_ends_nothing(
    store: ConversationStore,
) -> None:
    one, other = chat(store), chat(store)
    talk = one.conversations.open("a", "ann")
    turn = talk.begin(QUESTION, "searching", filtered=False)
    one.conversations.save(talk, turn)
    other.conversations.change("ann", "a", "delete")
    talk.update(replace(turn, state="done"))
    one.conversations.save(talk, talk.turn(1))
    other.conversations.change("ann", "a", "restore")
    again = one.conversations.open("a", "ann")
    one.conversations.save(again, Turn(2, "And when?", "done"))
    assert [found.number for found in other.conversations.open("a", "ann").turns] == [1, 2]


def test_a_question_asked_while_a_conversation_is_read_is_not_lost() -> None:
    talk = Conversation("a", "ann")
    turn = talk.begin(QUESTION, "searching", filtered=False)
    talk.restore([Turn(1, "How many turns?", "done")], Filter(), 3)
    assert (talk.turns, talk.revision) == ((turn,), None)


def test_what_is_found_after_an_answer_is_not_lost_to_what_was_kept_before() -> None:
    talk = Conversation("a", "ann")
    turn = talk.begin(QUESTION, "searching", filtered=False)
    with talk.working():
        talk.update(replace(turn, state="done"))
        talk.set_follow_ups(1, ("And when?",))
        talk.restore([replace(turn, state="done")], Filter(), 3)
        assert talk.changing
    assert not talk.changing
    assert [one.follow_ups for one in talk.turns] == [("And when?",)]


def test_nothing_is_kept_of_readers_who_cannot_be_told_apart(store: ConversationStore) -> None:
    one = chat(store)
    talk = one.conversations.open("a", "unkept_1")
    for _ in one.ask(talk, QUESTION):
        pass
    assert len(talk.turns) == 1
    assert one.conversations.entries("unkept_1") == store.entries("unkept_1") == ()


def test_a_store_that_fails_ends_no_conversation(tmp_path: Path) -> None:
    file = tmp_path / "store-conversations.sqlite"
    one = chat(open_conversation_store(str(tmp_path / "store")))
    file.write_text("nothing of the kind" * 100)
    talk = one.conversations.open("a", "ann")
    for _ in one.ask(talk, QUESTION):
        pass
    assert one.conversations.open("a", "ann").turns == talk.turns
    assert talk.turns[0].state == "done"
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(file).execute("SELECT * FROM reader_turns")
