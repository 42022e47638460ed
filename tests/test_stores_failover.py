"""Servers die while they are asked: what was committed stays, errors are few, named and end."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy
import sqlalchemy.event

from konkyo.index.errors import StoreError, StoreUnreachable
from konkyo.index.stores.open import open_store, open_writer, verify_store

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_engines import PASSWORD, Milvus, Postgres, milvus, postgres
from fixtures_store import DIMENSION
from test_store import ENCODER, SHAPE, article, cut, put

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["milvus", "postgres"]

OUTAGE_SECONDS = 30.0


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Postgres, Postgres]]:
    """A primary and a replica that has every row before a commit is told to be done."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="konkyo-pair-"))
    folder.chmod(0o755)
    primary = Postgres(folder / "primary").create().start()
    replica = Postgres(folder / "replica")
    try:
        replica.follow(primary).start()
        primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
        primary.run("SELECT pg_reload_conf()")
        yield primary, replica
    finally:
        primary.stop()
        replica.stop()
        shutil.rmtree(folder, ignore_errors=True)


def fill(address: str, numbers: range) -> int:
    with open_writer(address, fingerprint=SHAPE, encoder="toy:1", dimension=DIMENSION) as writer:
        for number in numbers:
            put(writer, article(number))
        generation = writer.commit()
        writer.keep_up()
    return generation


def has_all(replica: Postgres, primary: Postgres) -> None:
    """Wait until a replica shows what its primary has: a commit waits for its disk only."""
    [[written]] = primary.run("SELECT pg_current_wal_lsn()::text")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        [[there]] = replica.run(f"SELECT pg_last_wal_replay_lsn() >= '{written}'::pg_lsn")
        if there:
            return
        time.sleep(0.05)
    raise AssertionError("the replica did not follow")


def test_a_promoted_replica_takes_over_in_the_middle_of_questions(
    pair: tuple[Postgres, Postgres],
) -> None:
    primary, replica = pair
    name = "news"
    primary.make(name)
    address = (
        f"postgresql://konkyo:{PASSWORD}@127.0.0.1:{primary.port},127.0.0.1:{replica.port}/{name}"
    )
    fill(address, range(20))
    stop = threading.Event()
    wrong: list[str] = []
    failed: list[tuple[float, str]] = []
    slowest = 0.0
    asked = 0

    def ask() -> None:
        nonlocal slowest, asked
        query = ENCODER.queries(["台風の発表"])[0]
        with contextlib.closing(open_store(address)) as reader:
            while not stop.is_set():
                began = time.monotonic()
                try:
                    reader.refresh()
                    found = [*reader.dense(query, 5), *reader.lexical("台風の発表", 5)]
                    for passage in reader.passages([hit.passage_id for hit in found]):
                        text = reader.article(passage.article_id).text
                        if text[passage.start : passage.end] != passage.text:
                            wrong.append(passage.passage_id)
                except StoreError as exc:
                    failed.append((time.monotonic(), str(exc)))
                slowest = max(slowest, time.monotonic() - began)
                asked += 1

    committed: list[int] = []
    lost_writes: list[str] = []

    def write() -> None:
        number = 100
        while not stop.is_set():
            try:
                fill(address, range(number, number + 1))
                committed.append(number)
            except StoreError as exc:
                lost_writes.append(str(exc))
                time.sleep(0.2)
            number += 1

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    threads.append(threading.Thread(target=write, daemon=True))
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while len(committed) < 3 and time.monotonic() < deadline:
        time.sleep(0.1)
    killed = time.monotonic()
    primary.kill()
    before = list(committed)
    replica.run("SELECT pg_promote()")
    replica.run("ALTER SYSTEM SET synchronous_standby_names = ''")
    replica.run("SELECT pg_reload_conf()")
    while len(committed) < len(before) + 3 and time.monotonic() < deadline + 60:
        time.sleep(0.1)
    stop.set()
    for thread in threads:
        thread.join(120)
    assert wrong == []
    assert len(before) >= 3
    assert len(committed) >= len(before) + 3
    with contextlib.closing(open_store(address)) as opened:
        held = {summary.source for summary in opened.articles()}
    assert {f"{number}.md" for number in [*range(20), *committed]} <= held
    assert [f for f in verify_store(address) if not f.ok] == []
    assert slowest < OUTAGE_SECONDS
    assert all(at - killed < OUTAGE_SECONDS for at, _ in failed), failed
    assert len(failed) < asked / 2
    assert not [text for text in [t for _, t in failed] + lost_writes if PASSWORD in text]


def test_a_session_that_ends_before_any_statement_is_told_as_our_error(postgres: Postgres) -> None:
    """The server ends the writer's session before the first statement, the second, and so on."""
    address = postgres.make("ended")
    fill(address, range(5))
    statements = 0
    ending = 0

    def before(connection: Connection, *_: object) -> None:
        nonlocal statements
        statements += 1
        if statements == ending:
            process = connection.connection.driver_connection.info.backend_pid
            assert postgres.run(f"SELECT pg_terminate_backend({process}, 5000)") == [(True,)]

    sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", before)
    try:
        fill(address, range(5, 6))
        whole, committed = statements, [5]
        for ending in range(1, whole + 1):
            statements = 0
            with contextlib.suppress(StoreError):
                fill(address, range(5 + ending, 6 + ending))
                committed.append(5 + ending)
    finally:
        sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", before)
    assert whole > 20
    with contextlib.closing(open_store(address)) as opened:
        held = {summary.source for summary in opened.articles()}
    assert {f"{number}.md" for number in [*range(5), *committed]} <= held
    assert [f for f in verify_store(address) if not f.ok] == []


def test_a_read_replica_answers_and_may_die(pair: tuple[Postgres, Postgres]) -> None:
    primary, replica = pair
    written = primary.make("read")
    address = f"{written}?replicas=127.0.0.1:{replica.port}"
    fill(written, range(5))
    has_all(replica, primary)
    with contextlib.closing(open_store(address)) as reader:
        reader.lexical("台風", 3)
        serving = replica.run(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'konkyo %'"
        )
        fill(address, range(5, 7))
        deadline = time.monotonic() + 20
        while reader.generation < 2 and time.monotonic() < deadline:
            reader.refresh()
            time.sleep(0.05)
        assert reader.generation == 2
        assert reader.article(article(6).article_id) == article(6)
        primary.run("ALTER SYSTEM SET synchronous_standby_names = ''")
        primary.run("SELECT pg_reload_conf()")
        replica.kill()
        assert reader.article(article(5).article_id) == article(5)
        fill(address, range(7, 8))
        assert reader.refresh()
        assert reader.article(article(7).article_id) == article(7)
    assert serving[0][0] != 0


def test_what_a_replica_has_not_got_yet_is_read_from_the_primary(
    pair: tuple[Postgres, Postgres],
) -> None:
    primary, replica = pair
    written = primary.make("late")
    has_all(replica, primary)
    replica.run("SELECT pg_wal_replay_pause()")
    fill(written, range(5))
    address = f"{written}?replicas=127.0.0.1:{replica.port}"
    with contextlib.closing(open_store(address)) as reader:
        assert reader.generation == 1
        assert reader.article(article(4).article_id) == article(4)
        replica.run("SELECT pg_wal_replay_resume()")
        has_all(replica, primary)
        primary.kill()
        assert reader.article(article(3).article_id) == article(3)


def test_milvus_is_killed_and_comes_back(postgres: Postgres, milvus: Milvus) -> None:
    database = postgres.make("killed")
    address = f"{milvus.address}/killed?truth={database}"
    fill(address, range(30))
    query = ENCODER.queries([cut(article(3))[0].text])[0]
    with contextlib.closing(open_store(address)) as reader:
        expected = reader.dense(query, 10)
        began = time.monotonic()
        milvus.kill()
        with pytest.raises(StoreUnreachable, match=r"Milvus at .* does not answer"):
            reader.dense(query, 10)
        assert time.monotonic() - began < 60
        # Words, texts and articles come from the database.
        assert reader.lexical("台風の発表", 5)
        assert reader.article(article(4).article_id) == article(4)
        milvus.start()
        deadline = time.monotonic() + 200
        while True:
            try:
                found = reader.dense(query, 10)
                break
            except StoreUnreachable:
                assert time.monotonic() < deadline
        assert found == expected
    assert fill(address, range(30, 31)) == 2
    assert [f for f in verify_store(address) if not f.ok] == []


def test_milvus_hangs_and_goes_on(
    postgres: Postgres, milvus: Milvus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs out of time is told as what is not there.

    It is held for one call's 10 s: after 30 s its own leases run out, and it stays "Abnormal".
    """
    address = f"{milvus.address}/hung?truth={postgres.make('hung')}"
    fill(address, range(10))
    query = ENCODER.queries([cut(article(3))[0].text])[0]
    with contextlib.closing(open_store(address)) as reader:
        expected = reader.dense(query, 5)
        milvus.hang(True)
        try:
            with monkeypatch.context() as patch:
                patch.setattr("konkyo.index.stores.milvus.client._RETRY_SECONDS", 1.0)
                with pytest.raises(StoreUnreachable, match=r"Milvus at .* does not answer"):
                    reader.dense(query, 5)
        finally:
            milvus.hang(False)
        assert reader.dense(query, 5) == expected


def test_milvus_is_brought_up_to_the_truth(postgres: Postgres, milvus: Milvus) -> None:
    """What a crash between the two leaves, either way, is mended by the next change."""
    from pymilvus import MilvusClient

    address = f"{milvus.address}/mended?truth={postgres.make('mended')}"
    fill(address, range(30))
    query = ENCODER.queries([cut(article(3))[0].text])[0]
    ((truth,),) = postgres.run("SELECT truth FROM konkyo.stores", "mended")
    client = MilvusClient(f"http://127.0.0.1:{milvus.port}")
    stray = {
        "id": 50,
        "article": 1,
        "language": "ja",
        "published": 0,
        "outlet": "",
        "vector": query.tolist(),
    }
    with contextlib.closing(open_store(address)) as reader:
        expected = reader.dense(query, 10)
        client.upsert(truth, [{**stray, "id": 100_000}])
        client.delete(truth, ids=list(range(1, 9)))
        assert [f.ok for f in verify_store(address)].count(False) == 1
        found = {hit.passage_id for hit in reader.dense(query, 10)}
        assert found <= {p.passage_id for n in range(30) for p in cut(article(n))}
        with open_writer(address) as writer:
            writer.commit()
            writer.keep_up()
        assert reader.dense(query, 10) == expected
    assert [f for f in verify_store(address) if not f.ok] == []
    client.close()
