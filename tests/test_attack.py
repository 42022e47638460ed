"""The part of ``make attack`` that fits here, and that it tells what is lost."""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).parent))
from fixtures_process import started
from fixtures_store import write_stories

from benchmarks import attack, attack_store, torture
from benchmarks.attack_parts import Parts
from benchmarks.attack_tests import GROUPS, ROOT, run_group

SMALL = ["--kills", "2", "--damaged", "12", "--inputs", "96", "--groups", ""]


def parts_of(folder: Path) -> list[tuple[str, int, list[str]]]:
    told = json.loads((folder / "attack.json").read_text("utf-8"))["parts"]
    assert all("" < part["begun"] <= part["ended"] for part in told)
    return [(part["name"], part["tried"], part["broken"]) for part in told]


def test_the_short_form_loses_nothing_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    words = [*SMALL, "--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    for _ in range(2):
        assert attack.main(words) == 0
        assert parts_of(tmp_path) == [
            ("damaged stores", 12, []),
            ("killed builds", 2, []),
            ("mutated documents", 96, []),
        ]
    table = (tmp_path / "attack.md").read_text("utf-8")
    assert "| mutated documents | 96 | 0 |" in table
    assert "Stopped" not in table
    assert "Not run: addresses for server-side fetches, " in table


def test_an_attack_that_is_interrupted_says_what_it_did_and_goes_on(tmp_path: Path) -> None:
    words = ["--kills", "0", "--damaged", "0", "--inputs", "9000", "--groups", ""]
    words += ["--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    command = [sys.executable, "-m", "benchmarks.attack", *words]
    held = tmp_path / "work" / "parts.json"
    with started(command, signal.SIGTERM, cwd=ROOT) as process:
        while not (held.is_file() and json.loads(held.read_text("utf-8"))["parts"]):
            assert process.poll() is None
            time.sleep(0.05)
    assert process.returncode == 130
    ((name, tried, broken),) = parts_of(tmp_path)
    assert (name, broken) == ("mutated documents", [])
    assert 0 < tried < 9000
    assert "Stopped before its end" in (tmp_path / "attack.md").read_text("utf-8")
    words[words.index("9000")] = str(tried + 10)
    assert attack.main(words) == 0
    assert parts_of(tmp_path) == [("mutated documents", tried + 10, [])]


def test_tests_are_run_again_where_files_are_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def run_group(name: str) -> tuple[int, tuple[str, ...]]:
        ran.append(name)
        return 1, ()

    monkeypatch.setattr(attack, "run_group", run_group)
    options = attack.Options(kills=0, damaged=0, inputs=0, groups=("sign-in",), work=tmp_path)
    for commit, count in (("abc", 1), ("abc", 1), ("abc+", 2), ("abc+", 3)):
        monkeypatch.setattr(attack, "commit_here", lambda commit=commit: commit)
        attack.attack(options)
        assert len(ran) == count


def test_what_was_lost_before_is_not_forgotten(tmp_path: Path) -> None:
    parts = Parts(tmp_path, 1)
    parts.of("killed builds", 2).add(2, ["after 1 kills: lost"], 1.0, "0" * 7)
    parts.keep()
    words = ["--kills", "2", "--damaged", "0", "--inputs", "0", "--groups", ""]
    assert attack.main([*words, "--work", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "- killed builds: after 1 kills: lost" in (tmp_path / "attack.md").read_text("utf-8")


def test_runs_beside_each_other_keep_what_the_other_did(tmp_path: Path) -> None:
    one, other = Parts(tmp_path, 1), Parts(tmp_path, 1)
    for parts, name in ((one, "killed builds"), (other, "mutated documents"), (one, "")):
        if name:
            parts.of(name, 9).add(9, [], 1.0, "0" * 7)
        parts.keep()
    assert [part.name for part in Parts(tmp_path, 1).all()] == [
        "killed builds",
        "mutated documents",
    ]


def test_builds_that_remove_many_articles_are_no_loss(tmp_path: Path) -> None:
    """What a build removes in this attack is meant to be removed, however much it is."""
    news = write_stories(tmp_path / "news", 10)
    for kept in (10, 1):
        for path in sorted(news.iterdir())[kept:]:
            path.unlink()
        with torture.start(news, tmp_path / "store", 192, 0.0) as builder:
            assert builder.wait(120) == 0


def test_a_store_that_is_read_wrongly_is_told(tmp_path: Path) -> None:
    from konkyo.index.builder import build

    news = attack_store.write_stories(tmp_path / "news", 3)
    build([str(news)], tmp_path / "store", attack_store.ToyEncoder())
    faults = {
        attack_store._damaged(tmp_path / "store", tmp_path / "copy", {}, str(seed))
        for seed in range(8)
    }
    assert any("other articles than were written" in fault for fault in faults)


def test_every_group_names_tests_that_exist_and_cases_are_counted() -> None:
    for name, files in GROUPS.items():
        assert "," not in name, "groups are named by commas"
        for file, _, test in (name.partition("::") for name in files):
            path = ROOT / "tests" / file
            assert f"def {test}" in path.read_text("utf-8")
    assert run_group("names that steer a terminal") == (4, ())
