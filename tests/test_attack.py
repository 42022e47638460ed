"""The part of ``make attack`` that fits here, and that it tells what is lost."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks import attack, attack_store
from benchmarks.attack_tests import GROUPS, ROOT, run_group

SMALL = ["--kills", "2", "--damaged", "12", "--inputs", "96"]


def test_the_short_form_loses_nothing_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    words = [*SMALL, "--groups", "", "--work", str(tmp_path / "work"), "--out", str(tmp_path)]
    for _ in range(2):
        assert attack.main(words) == 0
        parts = json.loads((tmp_path / "attack.json").read_text("utf-8"))["parts"]
        assert [(p["name"], p["tried"], p["broken"]) for p in parts] == [
            ("damaged stores", 12, []),
            ("killed builds", 2, []),
            ("mutated documents", 96, []),
        ]
    assert "| mutated documents | 96 | 0 |" in (tmp_path / "attack.md").read_text("utf-8")


def test_what_was_lost_before_is_not_forgotten(tmp_path: Path) -> None:
    (tmp_path / "kills.json").write_text('{"done": 2, "faults": ["after 1 kills: lost"]}', "utf-8")
    words = ["--kills", "2", "--damaged", "0", "--inputs", "0", "--groups", ""]
    assert attack.main([*words, "--work", str(tmp_path), "--out", str(tmp_path)]) == 1
    assert "- killed builds: after 1 kills: lost" in (tmp_path / "attack.md").read_text("utf-8")


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
    for files in GROUPS.values():
        assert all((ROOT / "tests" / file).is_file() for file in files)
    assert run_group("names that steer a terminal") == (4, ())
