"""Roles, passwords, keys and limits."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from limits.storage import MemoryStorage

from konkyo.index.errors import UsageError
from konkyo.ui.http.auth import Access, Denied, Limiter, TooMany, read_keys
from konkyo.ui.web.serving import listen

KEY = "a-key-of-sixteen-or-more"


def test_elsewhere_than_here_a_password_is_needed() -> None:
    with pytest.raises(UsageError, match="Set a password first"):
        listen("0.0.0.0", 0, Access())
    with pytest.raises(UsageError, match="Set a password first"):
        listen("0.0.0.0", 0, Access(keys={"x": "reader"}))
    listen("127.0.0.1", 0, Access()).close()
    listen("0.0.0.0", 0, Access("a password")).close()


def test_an_answer_is_sent_at_once_not_held_back_for_more() -> None:
    held_back: list[int] = []

    async def look(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = writer.get_extra_info("socket")
        held_back.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async def connect(taken: socket.socket) -> None:
        async with await asyncio.start_server(look, sock=taken):
            reader, writer = await asyncio.open_connection(*taken.getsockname())
            await reader.read()
            writer.close()

    with listen("127.0.0.1", 0, Access()) as taken:
        asyncio.run(connect(taken))
    assert held_back == [1]


def test_a_proxy_that_signs_people_in_is_trusted_on_this_machine_only() -> None:
    named = Access(user_header="X-User", editors=frozenset({"ann"}))
    listen("127.0.0.1", 0, named, ["news.example"]).close()
    with pytest.raises(UsageError, match="anybody could send the header X-User"):
        listen("0.0.0.0", 0, named)
    with pytest.raises(UsageError, match=r"news\.example lets others in"):
        listen("127.0.0.1", 0, Access(), ["news.example"])
    assert named.role_of_user("ann") == "editor"
    assert named.role_of_user("bob") == "reader"
    with pytest.raises(Denied):
        named.role_of_header(None)


def test_each_name_opens_with_its_own_password_only() -> None:
    access = Access("read-only", "edit-too")
    tried = [
        (user, word, access.enter(user, word))
        for user in ("konkyo", "editor", "root")
        for word in ("read-only", "edit-too", "")
    ]
    assert [t[:2] for t in tried if t[2]] == [("konkyo", "read-only"), ("editor", "edit-too")]
    assert not Access("read-only").enter("editor", "")
    assert access.role_of_user("konkyo") == "reader"
    assert access.role_of_user("editor") == "editor"
    assert Access().role_of_user(None) == "editor"


def test_keys_are_read_with_their_roles_and_never_kept(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# ours\nreader {KEY}   # the desk\n\neditor {KEY}-2\n", "utf-8")
    access = Access(keys=read_keys(file))
    assert access.role_of_header(f"Bearer {KEY}")[0] == "reader"
    assert access.role_of_header(f"bearer {KEY}-2")[0] == "editor"
    assert KEY not in repr(access)
    for wrong in (None, "", KEY, f"Basic {KEY}", "Bearer nobody"):
        with pytest.raises(Denied):
            access.role_of_header(wrong)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("admin " + KEY, ":1: expected"),
        ("\nreader short", ":2: a key needs at least 16"),
        ("", "holds no key"),
        (f"reader {KEY} more", ":1: expected"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "keys"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError, match=said):
        read_keys(file)


def test_a_password_without_keys_closes_the_doors_for_programs() -> None:
    with pytest.raises(Denied, match="--keys-file"):
        Access("a password").role_of_header(None)


def test_each_caller_has_a_rate_of_its_own_that_comes_back() -> None:
    storage = MemoryStorage()
    limiter = Limiter(2, storage=storage)
    limiter.take("a")
    limiter.take("a")
    with pytest.raises(TooMany, match="2 a minute") as refused:
        limiter.take("a")
    limiter.take("b")
    assert 0 < refused.value.retry_after <= 60
    storage.reset()
    limiter.take("a")
    limiter.give_back("a")
    limiter.take("a")
    limiter.take("a")


def test_at_most_so_many_at_once() -> None:
    limiter = Limiter(0, 1)
    with limiter.slot("a"):
        with limiter.slot("b"):
            pass
        with pytest.raises(TooMany, match="at most 1"), limiter.slot("a"):
            pass
    with limiter.slot("a"):
        pass
