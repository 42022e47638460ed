"""A build on a Ray cluster of three nodes, one of which dies, equals a build on this machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from konkyo.index.errors import WorkersLost
from konkyo.index.ray_pool import Cluster
from konkyo.index.settings import ChunkSettings

sys.path.insert(0, str(Path(__file__).parent))
from fixtures_store import ToyEncoder

pytest.importorskip("ray", reason="the extra `ray` is not installed")

SCRIPT = Path(__file__).with_name("ray_cluster.py")
APART = ("unshare", "--net", "--pid", "--fork", "--mount-proc")
Seen = dict[str, dict[str, object]]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What tests/ray_cluster.py saw, in a network of its own."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("no unshare or no ip: the nodes cannot have a network of their own")
    probe = subprocess.run(
        [*APART, "ip", "link", "set", "lo", "up"], capture_output=True, timeout=300
    )
    if probe.returncode:
        pytest.skip(f"this user may make no network namespace: {probe.stderr.decode().strip()}")
    folder = tmp_path_factory.mktemp("ray")
    command = 'ip link set lo up && exec "$@"'
    done = subprocess.run(
        [*APART, "sh", "-c", command, "sh", sys.executable, str(SCRIPT), str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: Seen = json.loads((folder / "seen.json").read_text("utf-8"))
    return found


def test_a_node_died_in_the_middle_of_the_build(seen: Seen) -> None:
    (killed_at,) = seen["killed_at"]
    assert 0 < killed_at < seen["alone"]["embedded"]
    assert seen["encoded_here"] == 0


def test_every_row_is_that_of_the_local_build(seen: Seen) -> None:
    assert set(seen["equal"].values()) == {True}
    assert min(seen["counts"].values()) > 200


def test_the_report_is_that_of_the_local_build(seen: Seen) -> None:
    assert seen["together"] == seen["alone"]
    assert seen["alone"]["duplicates"] == 20
    failures = seen["alone"]["failures"]
    assert [Path(failure["source"]).name for failure in failures] == [
        "0007-torn.pdf",
        "zzz-empty.md",
    ]


def test_a_second_build_has_nothing_to_do(seen: Seen) -> None:
    again = seen["again"]
    assert (again["unchanged"], again["embedded"], again["generation"]) == (
        seen["alone"]["added"],
        0,
        1,
    )


def test_strict_stops_at_the_first_document_that_cannot_be_read(seen: Seen) -> None:
    assert Path(seen["strict"]).name == "0007-torn.pdf"


def test_a_node_with_another_model_is_refused(seen: Seen) -> None:
    assert "a node has another model or engine (toy:1, here other:1)" in seen["other"]


def test_a_cluster_that_is_not_there_is_said_so() -> None:
    with pytest.raises(WorkersLost, match=r"127\.0\.0\.1:9: no Ray cluster answers"):
        Cluster("127.0.0.1:9", ToyEncoder(), ToyEncoder, ChunkSettings())


def test_the_last_error_of_ours_is_what_a_failed_cluster_tells() -> None:
    from konkyo.index.ray_pool import _workers_lost

    trace = (
        "ray::_Encode()\n  File x\nkonkyo.index.errors.ModelError: no such model\nThe job ended."
    )
    error = _workers_lost("auto", RuntimeError(trace))
    assert "the Ray cluster failed: no such model. The index is as it was" in str(error)
