"""Documents read by several processes: the same index, in the same order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from konkyo.index.builder import build
from konkyo.index.errors import SourceError, WorkersLost
from konkyo.index.ingest.sources import Fetched
from konkyo.index.process_pool import ProcessReader
from konkyo.index.settings import ChunkSettings
from konkyo.ui.cli.main import konkyo

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder, write_stories
from ray_cluster import CHUNKS, rows, write_news


def killed() -> ToyEncoder:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_every_row_and_the_report_are_those_of_one_process(tmp_path: Path) -> None:
    news = write_news(tmp_path)
    alone = build([str(news)], tmp_path / "alone", ToyEncoder(), CHUNKS)
    with ProcessReader(2, ToyEncoder, CHUNKS) as reader:
        many = build([str(news)], tmp_path / "many", ToyEncoder(), CHUNKS, reader=reader, batch=64)
        assert rows(tmp_path / "many") == rows(tmp_path / "alone")
        assert asdict(replace(many, seconds=0)) == asdict(replace(alone, seconds=0))
        (news / "0003.md").unlink()
        again = build([str(news)], tmp_path / "many", ToyEncoder(), CHUNKS, reader=reader)
        assert (again.removed, again.embedded) == (1, 0)
        with pytest.raises(SourceError, match=r"0007-torn\.pdf"):
            build([str(news)], tmp_path / "s", ToyEncoder(), CHUNKS, reader=reader, strict=True)


def test_the_size_of_batches_changes_nothing(tmp_path: Path) -> None:
    news = write_news(tmp_path)
    build([str(news)], tmp_path / "large", ToyEncoder(), CHUNKS)
    build([str(news)], tmp_path / "small", ToyEncoder(), CHUNKS, batch=8)
    assert rows(tmp_path / "small") == rows(tmp_path / "large")


def test_web_pages_are_fetched_by_the_one_process_that_is_polite(tmp_path: Path) -> None:
    asked: list[int] = []

    def fetch(url: str) -> Fetched:
        asked.append(os.getpid())
        return Fetched(url, "text/markdown", None, f"# A page\n\nText of {url}.".encode())

    news = write_stories(tmp_path / "news", 5)
    sources = ["https://a.example/1.md", str(news), "https://a.example/2.md"]
    with ProcessReader(2, ToyEncoder, ChunkSettings(), fetch) as reader:
        report = build(sources, tmp_path / "store", ToyEncoder(), fetch=fetch, reader=reader)
    assert report.added == 7
    assert asked == [os.getpid()] * 2


def test_a_killed_process_is_said_so_and_changes_nothing(tmp_path: Path) -> None:
    news = write_stories(tmp_path / "news", 5)
    store = tmp_path / "store"
    build([str(news / "0001.md")], store, ToyEncoder())
    before = rows(store)
    with (
        ProcessReader(2, killed, ChunkSettings()) as reader,
        pytest.raises(WorkersLost, match="fewer --workers"),
    ):
        build([str(news)], store, ToyEncoder(), reader=reader)
    assert rows(store) == before


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_command_line_with_the_real_encoder(tmp_path: Path) -> None:
    news = write_stories(tmp_path / "news", 30)
    for name, more in (("alone", []), ("many", ["--workers", "2"])):
        store = str(tmp_path / name)
        done = CliRunner().invoke(
            konkyo, ["index", "build", str(news), "--store", store, "--json", *more]
        )
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["added"] == 30
    # A vector depends on its own text alone: bit for bit the same.
    assert rows(tmp_path / "many") == rows(tmp_path / "alone")
    both = CliRunner().invoke(
        konkyo, ["index", "build", str(news), "--workers", "2", "--ray", "local"]
    )
    assert both.exit_code == 2
    assert "leave it out with --ray" in both.output


def test_an_interrupt_ends_the_processes_and_leaves_no_index(tmp_path: Path) -> None:
    # Far more than can be encoded between the first vectors kept and the interrupt.
    news = write_stories(tmp_path / "news", 3000)
    store = tmp_path / "store"
    command = ["index", "build", str(news), "--store", str(store), "--workers", "2"]
    child = subprocess.Popen(
        [sys.executable, "-m", "konkyo", *command],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).resolve().parents[1],
    )
    wait_for(lambda: (store / "staging.sqlite").exists(), 120)
    os.killpg(child.pid, signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130, said
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    wait_for(lambda: not alive(child.pid), 20)


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_no_process_outlives_the_one_that_built(tmp_path: Path) -> None:
    news = write_stories(tmp_path / "news", 2)
    program = str(Path(__file__).with_name("fixtures_store.py"))
    done = subprocess.run(
        [
            *(sys.executable, "-W", "always::ResourceWarning", program),
            *(str(news), str(tmp_path / "store"), "0", "192"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
