"""A build killed at any moment leaves the old generation or the new one (short form)."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.build_host import BuildHost
from benchmarks.torture import Killer, torture


def test_killed_builds_lose_nothing(tmp_path: Path) -> None:
    with BuildHost() as host:
        done = torture(8, 7, tmp_path, Killer(host, 7))
    assert done.kills == 8
    assert done.old + done.new == 8
