"""A copy of a store holds what its origin holds, goes on after a stop, and says when it differs."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from konkyo.index.builder import build, remove
from konkyo.index.errors import StoreMismatch, StoreMissing
from konkyo.index.migrate import CopyReport, copy_store
from konkyo.index.records import FormerArticle
from konkyo.index.stores.base import Store
from konkyo.index.stores.open import encoder_of, open_store, open_writer, verify_store
from konkyo.ui.cli.store import store as command

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_engines import Milvus, Postgres, milvus, postgres
from fixtures_store import ToyEncoder, write_stories, write_story
from test_store import article, put
from test_stores import state

__all__ = ["milvus", "postgres"]


@pytest.fixture
def origin(tmp_path: Path) -> str:
    """Thirty stories, one of them in two places, one changed, one removed by hand."""
    news = write_stories(tmp_path / "news", 30)
    (tmp_path / "copies").mkdir()
    write_story(tmp_path / "copies", 7)
    folder = str(tmp_path / "origin")
    encoder = ToyEncoder()
    build([str(news), str(tmp_path / "copies")], folder, encoder)
    write_story(news, 3, version=2)
    build([str(news), str(tmp_path / "copies")], folder, encoder)
    with contextlib.closing(open_store(folder)) as opened:
        victim = sorted(s.article_id for s in opened.articles())[0]
    remove([victim], folder)
    return folder


def differing(one: str, other: str) -> list[str]:
    here, there = state(one), state(other)
    for facts in (here, there):
        facts["facts"] = facts["facts"][:2]  # type: ignore[index]
    return [key for key in here if here[key] != there[key]]


def former(address: str) -> list[FormerArticle]:
    with contextlib.closing(open_store(address)) as opened:
        return opened.former_articles()


def test_a_store_goes_round_all_engines_unchanged(
    origin: str, tmp_path: Path, postgres: Postgres, milvus: Milvus
) -> None:
    server = postgres.make("copy_one")
    vectors = f"{milvus.address}/copied?truth={postgres.make('copy_two')}"
    back = str(tmp_path / "back")
    reports = [
        copy_store(origin, server),
        copy_store(server, vectors),
        copy_store(vectors, back),
    ]
    assert len({r.checksum for r in reports}) == 1
    assert former(origin)
    assert {(r.articles, r.searches, r.exclusions) for r in reports} == {(29, 20, 1)}
    for address in (server, vectors, back):
        assert differing(origin, address) == []
        assert former(address) == former(origin)
        assert [f for f in verify_store(address) if not f.ok] == []
    # Nothing is encoded again where it goes on.
    encoder = ToyEncoder()
    sources = [str(tmp_path / "news"), str(tmp_path / "copies")]
    assert build(sources, server, encoder).unchanged == 29
    assert encoder.encoded == []


def test_a_copy_that_was_stopped_goes_on(
    origin: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("konkyo.index.migrate._BATCH", 10)
    target = postgres.make("copy_stopped")

    def stop(stage: str, done: int, total: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy_store(origin, target, progress=stop)
    with contextlib.closing(open_store(target)) as half:
        assert half.passage_count > 0
        assert encoder_of(half.fingerprint) == "unfinished copy of toy:1"
        with contextlib.closing(open_store(origin)) as opened:
            whole = opened.passage_count
        assert half.passage_count < whole
        report = copy_store(origin, target)
        assert report.resumed == 10
        assert half.refresh()
        assert encoder_of(half.fingerprint) == "toy:1"
        assert half.passage_count == whole
    assert differing(origin, target) == []


def test_the_places_of_the_origin_are_gone_through_once(
    origin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("konkyo.index.migrate._BATCH", 5)
    asked: list[str] = []

    def counted(address: str | Path) -> Store:
        store = open_store(address)
        read = store.stamps

        def stamps() -> dict[str, str | None]:
            asked.append(str(address))
            return read()

        monkeypatch.setattr(store, "stamps", stamps)
        return store

    def stop(stage: str, done: int, total: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    monkeypatch.setattr("konkyo.index.migrate.open_store", counted)
    target = str(tmp_path / "target")
    with pytest.raises(KeyboardInterrupt):
        copy_store(origin, target, progress=stop)
    assert asked == [origin]
    asked.clear()
    told: list[tuple[str, int, int]] = []
    report = copy_store(origin, target, progress=lambda *at: told.append(at))
    assert report.resumed == 15
    assert told[-1] == ("compare", 29, 29)
    # Once to copy and once to compare.
    assert asked.count(origin) == 2
    assert differing(origin, target) == []


def test_what_is_there_is_not_overwritten_unless_asked(origin: str, tmp_path: Path) -> None:
    target = str(tmp_path / "other")
    with open_writer(target, fingerprint="mine", encoder="toy:1", dimension=48) as writer:
        put(writer, article(1))
        writer.commit()
    with pytest.raises(StoreMismatch, match="--replace"):
        copy_store(origin, target)
    report: CopyReport = copy_store(origin, target, replace=True)
    assert report.articles == 29
    assert differing(origin, target) == []


def test_nothing_to_copy_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        copy_store(str(tmp_path / "nothing"), str(tmp_path / "target"))


def test_the_command(origin: str, tmp_path: Path) -> None:
    target = str(tmp_path / "by-command")
    done = CliRunner().invoke(command, ["copy", origin, target, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["articles"] == 29
    told = CliRunner().invoke(command, ["copy", "--help"]).stdout
    assert "postgresql://" in told
