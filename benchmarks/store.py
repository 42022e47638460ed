"""Measure the vector index against flat search, and the lexical arm, at several sizes.

    python benchmarks/store.py [--sizes 10000,100000,1000000] [--lexical-sizes 30000,300000]
                               [--out benchmarks/results/store]

Vectors are clustered and synthetic (384-d, unit length: 2,000 topics of uneven size, points
around them, questions that are neighbours of points). For each size: seconds to build, bytes on
disk, seconds until a new process has opened the segment and answered, what opening and searching
add to the memory of a process, p50 and p95 of one query at a time, and recall@10 against flat.
The ``cpu`` figures are processor time of the searching process, which a busy machine changes
little. Everything is measured in a fresh process over a segment on disk, opened as a reader opens
it. The lexical arm is measured over texts cut from the Chinese news.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from konkyo.index.stores.local.snapshot import Snapshot, SnapshotWriter  # noqa: E402
from konkyo.index.stores.local.vector_index import (  # noqa: E402
    LIMITS,
    DenseIndex,
    Tuning,
    build_ivf,
    unit_scores,
)

DIMENSION = 384
QUERIES = 400


def points(count: int, seed: int = 1) -> np.ndarray:
    """Clustered unit vectors, float16."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(2000, DIMENSION)).astype(np.float32)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    share = random.pareto(1.5, 2000) + 0.05
    topics = random.choice(2000, count, p=share / share.sum())
    rows = np.empty((count, DIMENSION), np.float16)
    for at in range(0, count, 50_000):
        part = centres[topics[at : at + 50_000]]
        noise = random.normal(size=part.shape).astype(np.float32) / np.sqrt(DIMENSION)
        part = part + 0.7 * noise
        rows[at : at + 50_000] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return rows


def questions(rows: np.ndarray, seed: int = 2) -> np.ndarray:
    """Neighbours of some points, unit length, float32."""
    random = np.random.default_rng(seed)
    near = rows[random.choice(len(rows), QUERIES, replace=False)].astype(np.float32)
    near += 0.4 * random.normal(size=near.shape).astype(np.float32) / np.sqrt(DIMENSION)
    return near / np.linalg.norm(near, axis=1, keepdims=True)


def write(folder: Path, count: int, flat: bool) -> dict[str, float]:
    rows = points(count)
    np.save(folder / "questions.npy", questions(rows))
    started = time.perf_counter()
    writer = SnapshotWriter(folder, "seg")
    matrix = writer.rows("vectors", count, DIMENSION)
    matrix[:] = rows
    writer.rows_done("vectors", matrix)
    tuning = None
    if not flat:
        tuning = build_ivf(matrix, writer.path("dense.faiss"))
        writer.file_done("dense.faiss")
    made = writer.commit(
        {
            "tuning": None
            if tuning is None
            else [tuning.lists, tuning.probes, tuning.rescore, tuning.recall]
        }
    )
    seconds = time.perf_counter() - started
    truth = exact(rows, np.load(folder / "questions.npy"))
    np.save(folder / "truth.npy", truth)
    return {
        "build_s": round(seconds, 1),
        "index_mb": 0 if flat else round((made / "dense.faiss").stat().st_size / 1e6, 1),
        "vectors_mb": round((made / "vectors.bin").stat().st_size / 1e6, 1),
    }


def exact(rows: np.ndarray, queries: np.ndarray) -> np.ndarray:
    best_scores = np.full((len(queries), 10), -2, np.float32)
    best = np.zeros((len(queries), 10), np.int64)
    for at in range(0, len(rows), 50_000):
        wide = rows[at : at + 50_000].astype(np.float32)
        wide /= np.linalg.norm(wide, axis=1, keepdims=True)
        scores = np.concatenate([best_scores, queries @ wide.T], axis=1)
        numbers = np.concatenate(
            [best, np.broadcast_to(np.arange(at, at + len(wide)), (len(queries), len(wide)))],
            axis=1,
        )
        keep = np.argpartition(-scores, 9, axis=1)[:, :10]
        best_scores = np.take_along_axis(scores, keep, axis=1)
        best = np.take_along_axis(numbers, keep, axis=1)
    return best


def memory(kind: str = "VmRSS") -> float:
    """Megabytes of this process: all (VmRSS), or without mapped files (RssAnon)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(kind + ":"):
            return int(line.split()[1]) / 1024
    return float("nan")


def read(folder: Path) -> dict[str, float]:
    """In a fresh process: open, search, compare."""
    import faiss

    faiss.omp_set_num_threads(1)
    queries = np.load(folder / "questions.npy")
    truth = np.load(folder / "truth.npy")
    before, before_anonymous = memory(), memory("RssAnon")
    opening, opening_cpu = [], []
    for _ in range(5):
        started, working = time.perf_counter(), time.process_time()
        snapshot = Snapshot(next(folder.glob("seg-*")))
        rows = snapshot.rows("vectors")
        tuning = snapshot.facts["tuning"]
        index = DenseIndex(rows, snapshot.file("dense.faiss"), Tuning(*tuning) if tuning else None)
        opening.append(time.perf_counter() - started)
        opening_cpu.append(time.process_time() - working)
    for query in queries[:20]:
        index.search(query, 10, None)
    taken, cpu, hits, mask_hits, mask_taken, mask_cpu = [], [], 0, 0, [], []
    for query, wanted in zip(queries, truth, strict=True):
        started, working = time.perf_counter(), time.process_time()
        found, _ = index.search(query, 10, None)
        taken.append(time.perf_counter() - started)
        cpu.append(time.process_time() - working)
        hits += len(np.intersect1d(found, wanted))
    after, after_anonymous = memory(), memory("RssAnon")
    # One article in fifty passes a filter.
    mask = np.random.default_rng(3).random(len(rows)) < 0.02
    allowed = np.flatnonzero(mask)
    inside = np.concatenate(
        [rows.take(allowed[at : at + 50_000]) for at in range(0, len(allowed), 50_000)]
    )
    for query in queries[:60]:
        wanted = allowed[np.argsort(-unit_scores(inside, query), kind="stable")[:10]]
        started, working = time.perf_counter(), time.process_time()
        found, _ = index.search(query, 10, mask)
        mask_taken.append(time.perf_counter() - started)
        mask_cpu.append(time.process_time() - working)
        mask_hits += len(np.intersect1d(found, wanted))
    return {
        "kind": index.kind,  # type: ignore[dict-item]
        "probes": 0 if tuning is None else tuning[1],
        "rescored": 0 if tuning is None else tuning[2],
        "recall_tuned": 1.0 if tuning is None else tuning[3],
        "open_ms": round(1000 * min(opening), 1),
        "open_cpu_ms": round(1000 * min(opening_cpu), 1),
        "memory_mb": round(after - before, 1),
        "anonymous_mb": round(after_anonymous - before_anonymous, 1),
        "p50_ms": round(1000 * float(np.median(taken)), 3),
        "p95_ms": round(1000 * float(np.percentile(taken, 95)), 3),
        "cpu_p50_ms": round(1000 * float(np.median(cpu)), 3),
        "recall@10": round(hits / (10 * len(queries)), 4),
        "filtered_p50_ms": round(1000 * float(np.median(mask_taken)), 3),
        "filtered_cpu_p50_ms": round(1000 * float(np.median(mask_cpu)), 3),
        "filtered_recall@10": round(mask_hits / 600, 4),
    }


def lexical(count: int) -> dict[str, float]:
    """Texts of about 200 characters from two random places of the Chinese news each."""
    import lzma

    from konkyo.index.stores.bm25 import Postings, Searcher
    from konkyo.index.text.tokens import query_tokens

    shared = Path(os.environ.get("KONKYO_SHARED", ROOT.parent / "shared"))
    with lzma.open(shared / "data" / "news-zh.txt.xz", "rt", encoding="utf-8") as packed:
        pieces = [line[i : i + 100] for line in packed for i in range(0, len(line) - 100, 100)]
    random = np.random.default_rng(4)
    texts = (pieces[a] + pieces[b] for a, b in random.integers(len(pieces), size=(count, 2)))
    started = time.perf_counter()
    postings = Postings.build(texts)
    built = time.perf_counter() - started
    searcher = Searcher([postings], [None])
    taken, cpu = [], []
    for number in random.integers(len(pieces), size=200):
        at, length = random.integers(0, 60), random.integers(8, 24)
        query = query_tokens(pieces[number][at : at + length])
        started, working = time.perf_counter(), time.process_time()
        searcher.search(query, 50)
        taken.append(time.perf_counter() - started)
        cpu.append(time.process_time() - working)
    return {
        "lexical_build_s": round(built, 1),
        "postings_mb": round((postings.docs.nbytes + postings.frequencies.nbytes) / 1e6, 1),
        "lexical_p50_ms": round(1000 * float(np.median(taken)), 3),
        "lexical_cpu_p50_ms": round(1000 * float(np.median(cpu)), 3),
        "lexical_p95_ms": round(1000 * float(np.percentile(taken, 95)), 3),
    }


def measured(count: int, flat: bool) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        facts: dict[str, object] = {"vectors": count, **write(Path(folder), count, flat)}
        done = subprocess.run(
            [sys.executable, __file__, "--read", folder], capture_output=True, text=True, check=True
        )
        return facts | json.loads(done.stdout)


def table(rows: list[dict[str, object]]) -> str:
    if not rows:
        return ""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *[[str(row.get(name, "-")) for name in names] for row in rows]]
    flipped = list(zip(*cells, strict=True))
    widths = [max(len(line[at]) for line in flipped) for at in range(len(cells))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in flipped
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--lexical-sizes", default="30000,300000")
    parser.add_argument("--kinds", default="flat,ivf", help="beyond the size searched flat")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(read(options.read)))
        return
    rows: list[dict[str, object]] = []
    for size in map(int, filter(None, options.sizes.split(","))):
        kinds = ["flat"] if size <= LIMITS.whole else options.kinds.split(",")
        for kind in kinds:
            rows.append(measured(size, kind == "flat"))
            print(rows[-1], flush=True)
    words: list[dict[str, object]] = []
    for size in map(int, filter(None, options.lexical_sizes.split(","))):
        words.append({"texts": size, **lexical(size)})
        print(words[-1], flush=True)
    command = (
        f"python benchmarks/store.py --sizes {options.sizes} --lexical-sizes "
        f"{options.lexical_sizes}"
    )
    machine = (
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )
    text = f"{command}\n{machine}\n\n{table(rows)}\n\n{table(words)}\n"
    print(text)
    if options.out:
        options.out.with_suffix(".txt").write_text(text, "utf-8")
        facts = {"command": command, "machine": machine, "dense": rows, "lexical": words}
        options.out.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
