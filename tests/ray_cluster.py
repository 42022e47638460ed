"""Builds on a Ray cluster of three nodes, held against a local build; run by tests/test_ray.py.

    unshare -n --pid --fork --mount-proc sh -c 'ip link set lo up; python tests/ray_cluster.py
    FOLDER'

Writes what it saw to FOLDER/seen.json. In a network namespace of its own, because the nodes of the
cluster listen on every interface.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from fixtures_store import ToyEncoder, story, write_stories

from konkyo.index.builder import BuildReport, Stage, build
from konkyo.index.errors import ModelError, SourceError
from konkyo.index.ray_pool import Cluster
from konkyo.index.settings import ChunkSettings

STORIES = 200
CHUNKS = ChunkSettings(budget=24)
TABLES = {
    "articles": "SELECT * FROM articles ORDER BY 1",
    "passages": "SELECT * FROM passages ORDER BY 1",
    "places": "SELECT * FROM places ORDER BY 1, 2, 3",
    "sketches": "SELECT * FROM sketches ORDER BY 1, 2",
    # Without stamps: one is NULL where the file was fresh when it was read.
    "sources": "SELECT id, source FROM sources ORDER BY 1",
    "vectors": "SELECT * FROM vectors ORDER BY 1",
}


@dataclass(frozen=True)
class Load:
    """Loads the toy encoder on a node."""

    name: str = "toy"
    slow: float = 0.0

    def __call__(self) -> ToyEncoder:
        return ToyEncoder(self.name, slow=self.slow)


def rows(store: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything in a store's truth, table by table."""
    (truth,) = [p for p in store.glob("*.sqlite") if not p.name.startswith("staging")]
    with sqlite3.connect(truth) as connection:
        return {name: connection.execute(query).fetchall() for name, query in TABLES.items()}


def facts(report: BuildReport) -> dict[str, object]:
    """A report without the time it took."""
    return asdict(replace(report, seconds=0.0))


def write_news(folder: Path) -> Path:
    """Stories, some of them twice, some nearly the same, some damaged."""
    news = write_stories(folder / "news", STORIES)
    for number in range(0, 40, 4):
        (news / f"copy-{number}.md").write_text(story(number), "utf-8")
        near = story(number).replace("と述べた。", "と 述べた。", 1)
        (news / f"near-{number}.md").write_text(near, "utf-8")
    (news / "0007-torn.pdf").write_bytes(b"%PDF-1.4 torn")
    (news / "zzz-empty.md").write_text("", "utf-8")
    lines = [{"title": f"{n}", "text": story(n, version=5)} for n in range(12)]
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (news / "archive.jsonl").write_text(text, "utf-8")
    return news


def main(folder: Path) -> dict[str, object]:
    """Build here, build there while a node dies, and compare."""
    from ray.cluster_utils import Cluster as Nodes

    news = write_news(folder)
    alone = build([str(news)], folder / "alone", ToyEncoder(), CHUNKS)
    seen: dict[str, object] = {"alone": facts(alone)}

    began = time.monotonic()
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1})
    doomed = nodes.add_node(num_cpus=1)
    nodes.add_node(num_cpus=1)
    nodes.wait_for_nodes()
    seen["start"] = time.monotonic() - began

    killed_at: list[int] = []

    def progress(stage: Stage, done: int, total: int) -> None:
        if stage == "embed" and not killed_at and done >= total // 4:
            killed_at.append(done)
            nodes.remove_node(doomed, allow_graceful=False)

    encoder = ToyEncoder()
    with Cluster(nodes.address, encoder, Load(slow=0.02), CHUNKS) as cluster:
        store = folder / "ray"
        together = build([str(news)], store, cluster, CHUNKS, reader=cluster, progress=progress)
        seen["together"] = facts(together)
        seen["killed_at"] = killed_at
        seen["encoded_here"] = len(encoder.encoded)
        one, other = rows(folder / "alone"), rows(store)
        seen["counts"] = {name: len(table) for name, table in one.items()}
        seen["equal"] = {name: one[name] == other[name] for name in TABLES}
        again = build([str(news)], store, cluster, CHUNKS, reader=cluster)
        seen["again"] = facts(again)
        try:
            some = [str(path) for path in sorted(news.iterdir())[:12]]
            build(some, folder / "strict", cluster, CHUNKS, reader=cluster, strict=True)
        except SourceError as exc:
            seen["strict"] = exc.source
    with Cluster(nodes.address, ToyEncoder("other"), Load(), CHUNKS) as cluster:
        try:
            build([str(news)], folder / "other", cluster, CHUNKS, reader=cluster)
        except ModelError as exc:
            seen["other"] = str(exc)
    seen["seconds"] = time.monotonic() - began
    nodes.shutdown()
    return seen


if __name__ == "__main__":
    place = Path(sys.argv[1])
    (place / "seen.json").write_text(json.dumps(main(place), ensure_ascii=False), "utf-8")
