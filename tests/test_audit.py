"""What editors do is kept with who did it; keys change without a restart."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_chat import FakeExaminer, FakeReader
from fixtures_engines import PASSWORD, Postgres, free_port, postgres  # noqa: F401

from konkyo.index.errors import UsageError
from konkyo.index.settings import WatchSettings
from konkyo.ui.cli.main import konkyo
from konkyo.ui.http.auth import Access, Denied, KeysFile
from konkyo.ui.http.service import api_application
from konkyo.ui.http.services import Services
from konkyo.ui.server.audit import (
    AuditLog,
    audit_file,
    audit_log_of,
    entries_of,
    read_entries,
    recorded,
)
from konkyo.ui.server.index_jobs import IndexJobs
from konkyo.ui.server.session_store import SessionStore
from konkyo.ui.server.watcher import Watcher
from konkyo.ui.web.admin import Tickets
from konkyo.ui.web.chat_server import ChatServer
from konkyo.ui.web.chat_service import ChatService
from konkyo.ui.web.library import Library
from konkyo.ui.web.page_routes import page_routes
from konkyo.ui.web.settings_page import SettingsPage

READER_KEY, EDITOR_KEY, NEXT_KEY = ("k" * 20, "e" * 20, "n" * 20)
KEEPER = (sys.executable, str(Path(__file__).with_name("fixtures_index_jobs.py")))


@pytest.fixture
def jobs(tmp_path: Path) -> IndexJobs:
    store = str(tmp_path / "store")
    return IndexJobs(store, known=list, command=KEEPER, audit=AuditLog(audit_file(store)))


def told(jobs: IndexJobs) -> list[tuple[str, str, tuple[str, ...], str]]:
    entries = read_entries(audit_file(jobs.store))
    return [(e.who, e.action, e.objects, e.refused) for e in entries]


def test_orders_of_the_page_are_kept_with_who_gave_them(jobs: IndexJobs) -> None:
    service = ChatService(lambda: FakeReader(0))
    service.open()
    assert service.wait(60)
    library = Library(service, jobs, Tickets())
    library.order("add", [""], "en", "mari", yes=False)
    library.order("add", ["a.md"], "en", "mari", yes=False)
    library.order("cancel", [], "en", "ken", yes=False)
    library.job("en")
    jobs.close()
    assert told(jobs) == [
        ("mari", "add", ("",), "add: name at least one source"),
        ("mari", "add", ("a.md",), ""),
        ("ken", "cancel", (), ""),
    ]


def test_orders_over_http_are_kept_with_the_key(jobs: IndexJobs, tmp_path: Path) -> None:
    from starlette.testclient import TestClient

    keys = tmp_path / "keys"
    keys.write_text(f"reader {READER_KEY}\neditor {EDITOR_KEY}\n")
    access = Access(keys=KeysFile(keys))
    service = ChatService(lambda: FakeReader(0))
    client = TestClient(api_application(Services(service, access, jobs)))
    order = {"action": "add", "sources": ["a.md"]}
    refused = client.post("/api/index", json=order, headers=bearer(READER_KEY))
    assert refused.status_code == 403
    assert client.post("/api/index", json=order, headers=bearer(EDITOR_KEY)).status_code == 202
    jobs.close()
    _, digest = access.role_of_header(f"Bearer {EDITOR_KEY}")
    assert told(jobs) == [(digest, "add", ("a.md",), "")]


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_settings_and_what_is_watched_are_kept(
    jobs: IndexJobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastapi import FastAPI
    from starlette.testclient import TestClient

    # Where the settings file is looked for.
    monkeypatch.chdir(tmp_path)
    watcher = Watcher(jobs, WatchSettings())
    chat_server = ChatServer(ChatService(lambda: FakeReader(0)), settings_page=SettingsPage())
    library = Library(chat_server.chat_service, jobs, Tickets(), watcher)
    app = FastAPI()
    app.include_router(page_routes(chat_server, library, {}))
    client = TestClient(app)
    assert client.post("/settings/save", json={"answers.strictness": "0.8"}).json()["good"]
    assert not client.post("/settings/save", json={"answers.strictness": "2"}).json()["good"]
    watched = {"do": "add", "source": "https://news.example/feed", "hours": "1"}
    assert client.post("/library/watch", json=watched).status_code == 200
    watcher.close()
    (saved, wrong, added) = told(jobs)
    assert saved == ("", "settings", (), "")
    assert "answers.strictness" in wrong[3]
    assert added == ("", "watch: add", ("https://news.example/feed",), "")


def test_evaluations_are_kept(tmp_path: Path) -> None:
    from konkyo.ui.server.evaluation_jobs import EvaluationJobs

    store = str(tmp_path / "store")
    jobs = EvaluationJobs(store, dict, FakeExaminer, AuditLog(audit_file(store)))
    with pytest.raises(UsageError, match="no such set"):
        jobs.start("none.jsonl", 1, "mari")
    jobs.cancel("ken")
    started, cancelled = read_entries(audit_file(store))
    assert (started.who, started.action, started.objects) == ("mari", "evaluate", ("none.jsonl",))
    assert "no such set" in started.refused
    assert (cancelled.who, cancelled.action, cancelled.objects) == ("ken", "evaluate: cancel", ())


def test_the_log_is_bounded_and_survives_a_cut_line(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    log = AuditLog(file, most_bytes=2000)
    for number in range(100):
        log.add("mari", f"act {number}", ["x" * 5000] * 50)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["audit.jsonl", "audit.jsonl.1"]
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < 30_000
    with file.open("a") as out:
        out.write('{"at": "2026')
    kept = list(read_entries(file))
    assert kept[-1].action == "act 99"
    assert len(kept[-1].objects) == 20


def test_an_unwritable_log_is_told_and_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.INFO):
        AuditLog(tmp_path / "file" / "audit.jsonl").add("mari", "undo")
    assert "cannot be written" in caplog.text
    assert '"action": "undo"' in caplog.text


def test_the_command_prints_the_last_entries(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    log = AuditLog(audit_file(store))
    log.add("mari", "add", ["a\x1b[2J.md"])
    log.add("ken", "undo", refused="nothing to undo")
    said = CliRunner().invoke(konkyo, ["audit", "--store", store])
    assert "mari  add  a" in said.output
    assert "\x1b" not in said.output
    assert "refused: nothing to undo" in said.output
    said = CliRunner().invoke(konkyo, ["audit", "--store", store, "--last", "1", "--json"])
    assert [row["who"] for row in json.loads(said.output)] == ["ken"]


def test_servers_that_share_a_database_keep_one_log(
    postgres: Postgres,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    address = postgres.make("audited")
    for who in ("mari", "ken"):
        with pytest.raises(UsageError), recorded(audit_log_of(address), who, "add", ["a.md"]):
            raise UsageError("outside")
    assert not audit_file(address).exists()
    assert [(e.who, e.objects, e.refused) for e in entries_of(address)] == [
        ("mari", ("a.md",), "outside"),
        ("ken", ("a.md",), "outside"),
    ]
    said = CliRunner().invoke(konkyo, ["audit", "--store", address])
    assert "ken  add  a.md  refused: outside" in said.output
    assert PASSWORD not in said.output
    for number in range(4):
        SessionStore(address).keep_entry({**asdict(entries_of(address)[0]), "who": str(number)}, 3)
    assert [entry.who for entry in entries_of(address)] == ["1", "2", "3"]


def test_while_a_database_is_gone_entries_are_kept_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    address = f"postgresql://konkyo:none@127.0.0.1:{free_port()}/news"
    audit_log_of(address).add("mari", "undo")
    (entry,) = read_entries(audit_file(address))
    assert (entry.who, entry.action) == ("mari", "undo")


# --- keys -----------------------------------------------------------------------------------------


def test_keys_change_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"reader {READER_KEY}\n")
    access = Access(keys=KeysFile(file))
    assert access.role_of_header(f"Bearer {READER_KEY}")[0] == "reader"
    file.write_text(f"reader {READER_KEY}\neditor {NEXT_KEY}\n")
    assert access.role_of_header(f"Bearer {NEXT_KEY}")[0] == "editor"
    assert access.role_of_header(f"Bearer {READER_KEY}")[0] == "reader"
    draft = tmp_path / "draft"
    draft.write_text(f"editor {NEXT_KEY}\n")
    draft.replace(file)
    with pytest.raises(Denied):
        access.role_of_header(f"Bearer {READER_KEY}")


def test_a_wrong_or_missing_file_leaves_the_keys(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "keys"
    file.write_text(f"reader {READER_KEY}\n")
    keys = KeysFile(file)
    file.write_text("reader short\n")
    assert len(keys) == 1
    assert "at least 16 characters" in caplog.text
    file.unlink()
    assert len(keys) == 1
    assert READER_KEY not in caplog.text
    file.write_text(f"reader {READER_KEY}\neditor {NEXT_KEY}\n")
    assert len(keys) == 2
    with pytest.raises(UsageError, match="cannot be read"):
        KeysFile(tmp_path / "none")
