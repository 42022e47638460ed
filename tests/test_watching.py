"""Sources that are read on a schedule: which are due, by whom, and what came of it."""

from __future__ import annotations

import contextlib
import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from konkyo.index.builder import build, make_empty, undo
from konkyo.index.errors import SettingsError, SourceError, StoreLocked, StoreUnreachable
from konkyo.index.ingest.sources import Fetched
from konkyo.index.settings import ChunkSettings, WatchSettings, load_settings
from konkyo.index.settings_file import change_settings
from konkyo.index.stores.open import open_store, open_writer, verify_store
from konkyo.index.watching import Failures, WatchedSource, run_due, watched_sources
from konkyo.ui.cli.index_watch import look_repeatedly
from konkyo.ui.cli.main import konkyo
from konkyo.ui.server.index_jobs import IndexJobs
from konkyo.ui.server.watcher import Watcher

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_engines import Postgres, postgres
from fixtures_store import ToyEncoder, write_stories

__all__ = ["postgres"]

NUMBERS = itertools.count()
NOON = datetime(2026, 2, 9, 12, tzinfo=UTC)
KEEPER = Path(__file__).with_name("fixtures_index_jobs.py")


@pytest.fixture(params=["folder", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of a store without articles."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    address = str(tmp_path / "store")
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        address = server.make(f"w{next(NUMBERS)}")
    make_empty(address, ToyEncoder())
    return address


def nothing_wrong(sources: Sequence[str]) -> Failures:
    return {}


def test_a_source_is_read_when_it_is_due_and_what_came_of_it_is_kept(place: str) -> None:
    sources = ["a.xml", "news"]

    def read(due: Sequence[str]) -> Failures:
        return {"a.xml": "HTTP 500", "news/x.md": "damaged"}

    assert run_due(place, sources, 6, read, now=NOON) == sources
    noon = NOON.isoformat()
    assert watched_sources(place, [*sources, "new"]) == [
        WatchedSource("a.xml", noon, "", "HTTP 500"),
        WatchedSource("news", noon, noon, "news/x.md: damaged"),
        WatchedSource("new"),
    ]
    assert run_due(place, sources, 6, read, now=NOON + timedelta(hours=5)) == []
    late = NOON + timedelta(hours=6)
    assert run_due(place, [*sources, "new"], 6, nothing_wrong, now=late) == [*sources, "new"]
    assert watched_sources(place, ["a.xml"]) == [
        WatchedSource("a.xml", late.isoformat(), late.isoformat(), "")
    ]


def test_one_of_many_servers_reads(place: str) -> None:
    read: list[str] = []

    def look() -> None:
        with contextlib.suppress(StoreLocked):
            run_due(place, ["a.xml"], 6, lambda due: read.extend(due) or {}, now=NOON)

    servers = [threading.Thread(target=look, daemon=True) for _ in range(4)]
    for server in servers:
        server.start()
    for server in servers:
        server.join(120)
    assert read == ["a.xml"]


def test_watchers_of_other_sources_keep_what_each_other_wrote(place: str) -> None:
    def read(due: Sequence[str]) -> Failures:
        run_due(place, ["b.xml"], 6, nothing_wrong, now=NOON)
        return {}

    run_due(place, ["a.xml"], 6, read, now=NOON)
    noon = NOON.isoformat()
    assert watched_sources(place, ["a.xml", "b.xml"]) == [
        WatchedSource("a.xml", noon, noon),
        WatchedSource("b.xml", noon, noon),
    ]
    assert run_due(place, ["a.xml"], 6, nothing_wrong, now=NOON) == []


def test_a_reading_that_finds_the_index_busy_is_made_up_for(place: str) -> None:
    def busy(due: Sequence[str]) -> Failures:
        raise StoreLocked("somebody is adding files")

    with pytest.raises(StoreLocked):
        run_due(place, ["a.xml"], 6, busy, now=NOON)
    assert run_due(place, ["a.xml"], 6, nothing_wrong, now=NOON) == ["a.xml"]


def test_an_error_of_the_reading_is_shown(place: str) -> None:
    def broken(due: Sequence[str]) -> Failures:
        raise SourceError("a.xml", "no such host")

    with pytest.raises(SourceError):
        run_due(place, ["a.xml"], 6, broken, now=NOON)
    (known,) = watched_sources(place, ["a.xml"])
    assert (known.error, known.succeeded) == ("a.xml: no such host", "")


def test_a_note_makes_no_generation_and_outlives_undo(place: str, tmp_path: Path) -> None:
    news = write_stories(tmp_path / "news", 3)
    build([str(news)], place, ToyEncoder(), ChunkSettings())
    with contextlib.closing(open_store(place)) as store:
        generation = store.generation
    run_due(place, ["a.xml"], 6, nothing_wrong, now=NOON)
    with contextlib.closing(open_store(place)) as store:
        assert store.generation == generation
    undo(place)
    assert watched_sources(place, ["a.xml"])[0].tried
    assert [f.what for f in verify_store(place) if not f.ok] == []


def feed(*numbers: int) -> bytes:
    entries = "".join(
        f"<item><title>Story {n}</title><link>https://n.example/{n}</link>"
        f"<description>{f'The bridge number {n} opened and cost {n} million crowns. ' * 12}"
        "</description></item>"
        for n in numbers
    )
    return f"<rss version='2.0'><channel><title>N</title>{entries}</channel></rss>".encode()


def json_feed(*numbers: int) -> bytes:
    items = [
        {
            "title": f"Story {n}",
            "url": f"https://n.example/{n}",
            "content_text": f"The bridge number {n} opened and cost {n} million crowns. " * 12,
        }
        for n in numbers
    ]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()


def news_api(*numbers: int) -> bytes:
    articles = json.loads(json_feed(*numbers))["items"]
    for article in articles:
        article["content"] = article.pop("content_text")
    return json.dumps({"status": "ok", "articles": articles}).encode()


@pytest.mark.parametrize(
    ("made", "media_type"),
    [
        (feed, "application/rss+xml"),
        (json_feed, "application/feed+json"),
        (news_api, "application/json"),
    ],
)
def test_a_fetched_feed_keeps_what_it_lists_no_more(
    place: str, made: Callable[..., bytes], media_type: str
) -> None:
    address = "https://n.example/feed"
    served = made(1, 2)

    def fetch(url: str) -> Fetched:
        return Fetched(url, media_type, None, served)

    def titles() -> list[str]:
        with contextlib.closing(open_store(place)) as store:
            return sorted(a.title for a in store.articles())

    def index(*, rebuild: bool = False) -> None:
        build([address], place, ToyEncoder(), fetch=fetch, prune=rebuild, rebuild=rebuild)

    index()
    served = made(2, 3)
    index()
    assert titles() == ["Story 1", "Story 2", "Story 3"]
    served = made(3, 4).replace(b"Story 3", b"Story 3, corrected")
    index()
    assert titles() == ["Story 1", "Story 2", "Story 3, corrected", "Story 4"]
    index(rebuild=True)
    assert titles() == ["Story 1", "Story 2", "Story 3, corrected", "Story 4"]


# ---- the chat's watcher and the command


def test_the_watcher_reads_as_a_job_and_tells_of_it(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    make_empty(store, ToyEncoder())
    jobs = IndexJobs(store, known=list, command=(sys.executable, str(KEEPER)))
    ready = False
    settings = WatchSettings(sources=("news", "missing.md"))
    watcher = Watcher(jobs, settings, ready=lambda: ready, every=0.05)
    try:
        watcher.run()
        assert jobs.job is None
        ready = True
        watcher.run()
        assert [s.watched.error for s in watcher.states()] == ["missing.md: no such file"] * 2
        assert watcher.failing() == 2
        watcher.change(WatchSettings(sources=("news",), hours=1))
        watcher.run(all_now=True)
        (state,) = watcher.states()
        assert (state.watched.error, bool(state.watched.succeeded)) == ("", True)
        assert state.following is not None
        assert watcher.failing() == 0
        assert jobs.wait(120).sources == ("news",)
    finally:
        watcher.close()
        jobs.close()


def test_the_watcher_reads_what_is_due_by_its_own_schedule(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    make_empty(store, ToyEncoder())
    jobs = IndexJobs(store, known=list, command=(sys.executable, str(KEEPER)))
    looks = itertools.count()
    # Not ready when it looks first: a later look reads.
    settings = WatchSettings(sources=("news",), hours=1)
    watcher = Watcher(jobs, settings, ready=lambda: next(looks) > 1, every=0.05)
    until = time.monotonic() + 120
    try:
        watcher.start()
        while not (state := watcher.states()[0]).watched.succeeded and time.monotonic() < until:
            time.sleep(0.05)
        assert (state.watched.source, state.watched.error) == ("news", "")
        assert state.watched.succeeded
        assert state.following is not None
        assert jobs.wait(120).sources == ("news",)
    finally:
        watcher.close()
        jobs.close()


def test_nothing_is_watched_until_it_is_asked_for(tmp_path: Path) -> None:
    jobs = IndexJobs(str(tmp_path / "nowhere"), known=list)
    watcher = Watcher(jobs, WatchSettings())
    watcher.start()
    watcher.run()
    assert jobs.job is None
    assert watcher.states() == []


def test_the_command_tells_what_is_known(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    make_empty(store, ToyEncoder())
    run_due(store, ["a.xml"], 6, lambda due: {"a.xml": "HTTP 500"}, now=NOON)
    said = CliRunner().invoke(konkyo, ["index", "watch", "a.xml", "--status", "--store", store])
    assert said.exit_code == 0
    assert "last success: never" in said.output
    assert "next: 2026-02-09T18:00+00:00" in said.output
    assert "error: HTTP 500" in said.output


def test_the_command_wants_something_to_watch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = CliRunner().invoke(konkyo, ["index", "watch", "--once"])
    assert said.exit_code != 0


def test_the_command_goes_on_after_a_lost_connection(capsys: pytest.CaptureFixture[str]) -> None:
    looked = []

    def look() -> None:
        looked.append(len(looked))
        if len(looked) == 1:
            raise StoreUnreachable("the database does not answer")

    def pause(seconds: float) -> None:
        if len(looked) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        look_repeatedly(look, pause)
    assert looked == [0, 1]
    assert capsys.readouterr().err == "konkyo: the database does not answer\n"


# ---- the settings file


def test_settings_are_changed_and_comments_stay(tmp_path: Path) -> None:
    file = tmp_path / "konkyo.toml"
    file.write_text("# ours\nstore = 'x'\n\n[llm] # the model\nkind = 'none'\nmodel = 'm'\n")
    file.chmod(0o640)
    changes = {"llm.kind": "ollama", "llm.model": None, "watch.sources": ["a", "b"]}
    settings = change_settings(changes, file)
    assert settings.model_dump() == load_settings(file).model_dump()
    assert (settings.llm.kind, settings.llm.model) == ("ollama", "")
    assert settings.watch.sources == ("a", "b")
    text = file.read_text()
    assert text.startswith("# ours\nstore = 'x'\n\n[llm] # the model\nkind = \"ollama\"\n")
    assert file.stat().st_mode & 0o777 == 0o640


def test_what_is_not_valid_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "konkyo.toml"
    file.write_text("store = 'x'\n")
    with pytest.raises(SettingsError, match=r"konkyo.toml: watch.hours") as raised:
        change_settings({"watch.hours": 0}, file)
    assert "draft" not in str(raised.value)
    with pytest.raises(SettingsError, match=r"no setting is called llm\.kinds"):
        change_settings({"llm.kinds": "none"}, file)
    file.write_text("store = ")
    with pytest.raises(SettingsError, match="not valid TOML"):
        change_settings({"llm.kind": "none"}, file)
    assert file.read_text() == "store = "
    assert list(tmp_path.iterdir()) == [file]


def test_a_settings_file_is_made_where_there_is_none(tmp_path: Path) -> None:
    file = tmp_path / "konkyo.toml"
    change_settings({"answers.strictness": 0.7}, file)
    assert load_settings(file).answers.strictness == 0.7


def test_the_lock_of_the_index_is_that_of_the_watch(place: str) -> None:
    with open_writer(place), pytest.raises(StoreLocked):
        run_due(place, ["a.xml"], 6, nothing_wrong, now=NOON)
