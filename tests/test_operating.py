"""Each block of commands of docs/operating.md does what the page says, on real stores."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_docs import ROOT
from fixtures_engines import PASSWORD, Postgres, _binary, postgres
from fixtures_store import ToyEncoder, write_stories, write_story

from konkyo.index.builder import build
from konkyo.index.errors import KonkyoError
from konkyo.index.stores.base import Store
from konkyo.index.stores.open import open_store, open_writer
from konkyo.ui.server.audit import AuditLog, audit_file, audit_log_of, entries_of
from konkyo.ui.server.conversation_store import KeptTurn, open_conversation_store
from konkyo.ui.server.feedback import Feedback, feedback_file
from konkyo.ui.server.session_store import SessionStore, SignIns, opinions_of

__all__ = ["postgres"]

PAGE = (ROOT / "docs" / "operating.md").read_text("utf-8")
OUTCOME = {"question": "q", "language": "ja", "status": "refused", "fingerprint": "f"}


def run(heading: str, **variables: str) -> str:
    """Run the block of commands under a heading of the page."""
    section = re.split(rf"^## {re.escape(heading)}$", PAGE, flags=re.MULTILINE)[1].split("\n## ")[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    tools = [str(Path(sys.executable).parent), str(Path(_binary("pg_dump")).parent)]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        env={**os.environ, **variables, "PATH": os.pathsep.join([*tools, os.environ["PATH"]])},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def held(address: str | Path) -> tuple[list[tuple[str, str]], list[str]]:
    """Everything a reader can be told: articles with their texts, and what a search finds."""
    store: Store = open_store(address)
    try:
        articles = sorted(
            (a.article_id, store.article(a.article_id).text) for a in store.articles()
        )
        found = store.dense(ToyEncoder().queries(["札幌の日銀"])[0], 5)
        return articles, [hit.passage_id for hit in found]
    finally:
        store.close()


def removed(address: str, source: str) -> None:
    with open_writer(address) as writer:
        writer.remove_source(source)
        writer.commit()


@pytest.fixture
def news(tmp_path: Path) -> Path:
    return write_stories(tmp_path / "articles", 8)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    (tmp_path / "backup").mkdir()
    return tmp_path / "backup"


def test_a_folder_is_backed_up_and_restored(news: Path, tmp_path: Path, backup: Path) -> None:
    store = tmp_path / "news"
    build([str(news)], store, ToyEncoder())
    Feedback(feedback_file(str(store))).keep("c", 1, "up", OUTCOME)
    AuditLog(audit_file(str(store))).add("mari", "undo")
    open_conversation_store(str(store)).save(
        "ann", "c", "", KeptTurn(1, 1, "{}", "words"), "Tides?"
    )
    before = held(store)
    named = {"STORE": str(store), "BACKUP": str(backup)}
    run("Backup of a folder", **named)
    # Again, as every night.
    run("Backup of a folder", **named)
    shutil.rmtree(store)
    for path in tmp_path.glob("news-*"):
        path.unlink()
    run("Restore of a folder", **named)
    assert held(store) == before
    assert len(opinions_of(str(store))) == 1
    assert [e.title for e in open_conversation_store(str(store)).entries("ann")] == ["Tides?"]
    assert audit_file(str(store)).exists()
    again = build([str(news)], store, ToyEncoder())
    assert (again.added, again.unchanged) == (0, 8)


def test_a_build_is_undone(news: Path, tmp_path: Path) -> None:
    store = tmp_path / "news"
    build([str(news)], store, ToyEncoder())
    before = held(store)
    write_story(news, 3, version=1)
    build([str(news)], store, ToyEncoder())
    assert held(store) != before
    run("Rollback", STORE=str(store))
    assert held(store) == before


def test_a_database_is_backed_up_and_restored(
    news: Path, tmp_path: Path, backup: Path, postgres: Postgres
) -> None:
    store, new = postgres.make("operated"), postgres.make("restored")
    build([str(news)], store, ToyEncoder())
    SessionStore(store).keep("c", 1, "up", OUTCOME)
    before = held(store)
    named = {"STORE": store, "BACKUP": str(backup), "NEW": new}
    run("Backup of PostgreSQL", **named)
    postgres.run("DROP DATABASE operated WITH (FORCE)")
    run("Restore of PostgreSQL", **named)
    assert held(new) == before
    assert len(opinions_of(new)) == 1
    again = build([str(news)], new, ToyEncoder())
    assert (again.added, again.unchanged) == (0, 8)


def test_a_role_that_reads_can_sign_people_in_and_change_nothing(
    news: Path, postgres: Postgres
) -> None:
    store = postgres.make("roles")
    build([str(news)], store, ToyEncoder())
    run("A role that reads", STORE=store)
    reading = store.replace(f"konkyo:{PASSWORD}", "konkyo_reader:change-this-one")
    assert reading != store
    assert held(reading) == held(store)
    tables = SessionStore(reading)
    SignIns(tables)["token"] = "konkyo"
    assert SignIns(SessionStore(reading))["token"] == "konkyo"
    tables.keep("c", 1, "up", OUTCOME)
    assert tables.count("caller", 60) == 1
    assert tables.take_place("caller", "place", 1, 60)
    tables.give_back_place("place")
    audit_log_of(reading).add("mari", "undo")
    assert [entry.action for entry in entries_of(reading)] == ["undo"]
    assert len(opinions_of(reading)) == 1
    with pytest.raises(KonkyoError, match="permission denied"):
        removed(reading, str(news / "0000.md"))
    # A rebuild makes new tables: they are read as well.
    build([str(news)], store, ToyEncoder(), rebuild=True)
    assert held(reading) == held(store)
