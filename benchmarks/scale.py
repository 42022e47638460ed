"""Every engine on the same passages: how fast they go in, how fast and how right they are found.

    python benchmarks/scale.py [--passages 100000] [--engines folder,postgresql,milvus]
                               [--out benchmarks/results/scale.md]

Texts are cut from the Chinese news while they last; from there on they are made of its sentences in
another order (the report says how many are which). Vectors are synthetic and clustered (384-d, unit
length), as in benchmarks/store.py: what is measured is the engines, not the encoder. Every engine
is started by this command and ended by it; one that cannot be had here is left out, with the
reason.

- ingest: passages a second until they are committed, and until searches are fast (indexes made).
- p50, p95: one search of the ten nearest by one client, then by each of eight at once; words
likewise.
- recall: share of the ten truly nearest (compared with all vectors, one by one) that were found;
with
  a filter that one passage in fifty passes, of the ten nearest among those.
- delete: an article is removed while a reader searches; milliseconds from the commit until the
reader
  no longer gives it, and searches that still gave it after the commit had returned.
- disk: what the engine keeps, in bytes a passage; of Milvus all its files, its logs of changes
included.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import lzma
import os
import platform
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "benchmarks")]

import pytest  # noqa: E402
from fixtures_engines import Milvus, Postgres  # noqa: E402
from store import DIMENSION, points, questions  # noqa: E402

from konkyo.index.records import Article, Filter, Passage  # noqa: E402
from konkyo.index.stores.base import Store, Vectors  # noqa: E402
from konkyo.index.stores.open import open_store, open_writer, store_fingerprint, store_size  # noqa: E402
from konkyo.index.text.sentences import sentences  # noqa: E402

ENCODER = "synthetic:1"
IN_AN_ARTICLE = 10
ONE_IN = 50
NEAREST = 10
SEARCHES = 200
CLIENTS = 8
RARE = Filter(outlets=frozenset({"rare"}))


@dataclass(frozen=True)
class Row:
    """What one engine did; times in milliseconds, ``None`` where it was not measured."""

    engine: str
    ingest: float
    whole: float
    p50: float
    p95: float
    p50_8: float
    p95_8: float
    words_p50: float
    words_p95: float
    recall: float
    filtered: float
    found: float
    filtered_p50: float
    delete: float
    stale: int
    bytes: float


def texts(count: int, shared: Path) -> tuple[list[str], int]:
    """Passages of about two hundred letters, and how many of them are real."""
    with lzma.open(shared / "data" / "news-zh.txt.xz", "rt", encoding="utf-8") as file:
        lines = [line.partition("正文：")[2].strip() for line in file]
    found: list[str] = []
    every: list[str] = []
    for line in lines:
        spans = [line[start:end] for start, end in sentences(line, "zh")]
        every += spans
        part = ""
        for span in spans:
            part += span
            if len(part) >= 200:
                found.append(part)
                part = ""
        if len(found) >= count:
            return found[:count], count
    real = len(found)
    chance = random.Random(7)
    while len(found) < count:
        found.append("".join(chance.choices(every, k=5)))
    return found, real


def articles(passages: Sequence[str]) -> Iterator[tuple[Article, list[Passage], list[bytes]]]:
    """Articles of ten passages; every fiftieth is of the rare outlet."""
    for number, at in enumerate(range(0, len(passages), IN_AN_ARTICLE)):
        some = passages[at : at + IN_AN_ARTICLE]
        ends = [0]
        for text in some:
            ends.append(ends[-1] + len(text))
        name = hashlib.blake2b(str(number).encode(), digest_size=8).hexdigest()
        source = f"news/{number:07d}"
        yield (
            Article(
                name,
                some[0][:40],
                "".join(some),
                "zh",
                source,
                published=f"2025-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
                outlet="rare" if number % ONE_IN == 0 else f"outlet {number % 7}",
                sources=(source,),
            ),
            [
                Passage(f"{name}-{n}", name, n, start, end, text)
                for n, ((start, end), text) in enumerate(zip(pairwise(ends), some, strict=True))
            ],
            [
                hashlib.blake2b(f"{number} {n}".encode(), digest_size=16).digest()
                for n in range(len(some))
            ],
        )


def fill(address: str, passages: Sequence[str], vectors: Vectors) -> tuple[float, float]:
    """Put everything in; seconds until it is committed, and until searches are fast."""
    shape = store_fingerprint(ENCODER, 192, 0)
    started = time.perf_counter()
    with open_writer(address, fingerprint=shape, encoder=ENCODER, dimension=DIMENSION) as writer:
        at = 0
        for article, parts, keys in articles(passages):
            writer.put(article, parts, vectors[at : at + len(parts)], keys)
            writer.set_source(article.source, None, [(article.article_id, article.article_id)])
            at += len(parts)
        writer.commit()
        committed = time.perf_counter() - started
        writer.keep_up()
    return committed, time.perf_counter() - started


def timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - started)


def shares(times: Sequence[float]) -> tuple[float, float]:
    """p50 and p95."""
    return float(np.percentile(times, 50)), float(np.percentile(times, 95))


def nearest(vectors: Vectors, queries: Vectors, among: np.ndarray) -> list[set[int]]:
    """The truly nearest, by comparing with every vector."""
    scores = queries @ vectors[among].T
    best = np.argpartition(-scores, NEAREST - 1, axis=1)[:, :NEAREST]
    return [set(among[row].tolist()) for row in best]


def measure(
    engine: str,
    address: str,
    files: Path | None,
    passages: Sequence[str],
    vectors: Vectors,
    queries: Vectors,
) -> Row:
    """Fill one engine and ask it."""
    committed, whole = fill(address, passages, vectors)
    places: dict[str, int] = {}
    rare: list[int] = []
    names: list[str] = []
    for article, parts, _ in articles(passages):
        names.append(article.article_id)
        for part in parts:
            if article.outlet == "rare":
                rare.append(len(places))
            places[part.passage_id] = len(places)
    size = store_size(address)
    if files is not None:
        # What its server writes beside the database; ``rglob`` enters no links (its programs).
        size += sum(path.lstat().st_size for path in files.rglob("*") if path.is_file())
    store = open_store(address)
    try:
        for query in queries[:20]:
            store.dense(query, NEAREST)

        def found(where: Filter) -> tuple[list[set[int]], list[float]]:
            rows, times = [], []
            for query in queries:
                started = time.perf_counter()
                hits = store.dense(query, NEAREST, where)
                times.append(1000 * (time.perf_counter() - started))
                rows.append({places[hit.passage_id] for hit in hits})
            return rows, times

        everything, times = found(Filter())
        few, few_times = found(RARE)
        asked = [passages[n * 37 % len(passages)][20:40] for n in range(len(queries))]
        words = [timed(lambda text=text: store.lexical(text, NEAREST)) for text in asked]
        with ThreadPoolExecutor(CLIENTS) as pool:
            many = list(
                pool.map(
                    lambda query: timed(lambda: store.dense(query, NEAREST)),
                    [query for _ in range(2) for query in queries],
                )
            )
        truth = nearest(vectors, queries, np.arange(len(vectors)))
        rare_truth = nearest(vectors, queries, np.array(rare))
        seen, stale = removed(address, store, names[1], vectors[IN_AN_ARTICLE])
    finally:
        store.close()

    def recall(rows: list[set[int]], wanted: list[set[int]]) -> float:
        pairs = zip(rows, wanted, strict=True)
        return float(np.mean([len(row & want) / len(want) for row, want in pairs]))

    return Row(
        engine,
        len(passages) / committed,
        len(passages) / whole,
        *shares(times),
        *shares(many),
        *shares(words),
        recall(everything, truth),
        recall(few, rare_truth),
        float(np.mean([len(row) for row in few])),
        shares(few_times)[0],
        seen,
        stale,
        size / len(passages),
    )


def removed(address: str, store: Store, name: str, vector: Vectors) -> tuple[float, int]:
    """Remove an article; milliseconds until a reader knows, and searches that still gave it."""

    def given() -> bool:
        store.refresh()
        return any(hit.passage_id.startswith(f"{name}-") for hit in store.dense(vector, NEAREST))

    assert given()
    with open_writer(address) as writer:
        writer.remove_article(name)
        writer.commit()
        committed = time.perf_counter()
        stale = 0
        while given():
            stale += 1
        seen = 1000 * (time.perf_counter() - committed)
        writer.keep_up()
    return seen, stale


@contextlib.contextmanager
def engine(name: str) -> Iterator[tuple[str, Path | None]]:
    """Start an engine; gives the address of an empty store on it, and a folder of its files."""
    folder = Path(tempfile.mkdtemp(prefix="konkyo-scale-"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as ending:
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        if name == "folder":
            yield str(folder / "store"), None
            return
        # As a server would be set up, not as tests do: what is written is on the disk.
        database = Postgres(folder / "main").create()
        database.start(
            fsync="on", shared_buffers="512MB", maintenance_work_mem="1GB", max_wal_size="4GB"
        )
        ending.callback(database.stop)
        truth = database.make("scale")
        if name == "postgresql":
            yield truth, None
            return
        server = Milvus(folder)
        ending.callback(server.stop)
        server.start()
        yield f"{server.address}/scale?truth={truth}", folder / "data"


COLUMNS: tuple[tuple[str, Callable[[Row], str]], ...] = (
    ("engine", lambda r: r.engine),
    ("ingest, passages/s (with indexes)", lambda r: f"{r.ingest:.0f} ({r.whole:.0f})"),
    ("1 client p50 / p95, ms", lambda r: f"{r.p50:.1f} / {r.p95:.1f}"),
    ("8 clients p50 / p95, ms", lambda r: f"{r.p50_8:.1f} / {r.p95_8:.1f}"),
    ("words p50 / p95, ms", lambda r: f"{r.words_p50:.1f} / {r.words_p95:.1f}"),
    ("recall@10", lambda r: f"{r.recall:.3f}"),
    (
        "2 % filter: recall@10, found, p50 ms",
        lambda r: f"{r.filtered:.3f}, {r.found:.1f}, {r.filtered_p50:.1f}",
    ),
    ("delete seen, ms (stale searches)", lambda r: f"{r.delete:.0f} ({r.stale})"),
    ("disk, bytes a passage", lambda r: f"{r.bytes:.0f}"),
)


def table(rows: Sequence[Row]) -> str:
    """The figures as Markdown."""
    lines = [[name for name, _ in COLUMNS], ["---"] * len(COLUMNS)]
    lines += [[show(row) for _, show in COLUMNS] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--engines", default="folder,postgresql,milvus")
    parser.add_argument("--out", type=Path)
    parser.add_argument(
        "--shared", type=Path, default=Path(os.environ.get("KONKYO_SHARED", ROOT.parent / "shared"))
    )
    given = parser.parse_args()
    passages, real = texts(given.passages, given.shared)
    rows16 = points(len(passages))
    queries = questions(rows16)[:SEARCHES]
    vectors = rows16.astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    measured: list[Row] = []
    notes: list[str] = []
    for name in given.engines.split(","):
        try:
            with engine(name) as (address, files):
                measured.append(measure(name, address, files, passages, vectors, queries))
                print(json.dumps(asdict(measured[-1])), file=sys.stderr, flush=True)
        except (pytest.skip.Exception, RuntimeError, ImportError) as exc:
            notes.append(f"{name} was left out: {exc}")
    report = (
        f"# {len(passages):,} passages on each engine\n\n"
        f"`python benchmarks/scale.py --passages {given.passages}` on {os.cpu_count()} cores,"
        f" {platform.machine()}, Python {platform.python_version()};"
        f" load at the end {os.getloadavg()[0]:.1f}. {real:,} texts are real,"
        f" {len(passages) - real:,} are made of the same sentences in another order; all vectors "
        f"are"
        f" synthetic. {len(queries)} searches each, {NEAREST} passages wanted.\n\n{table(measured)}"
        + "".join(f"\n{note}\n" for note in notes)
    )
    print(report)
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(report, "utf-8")
        figures = json.dumps([asdict(row) for row in measured], indent=1)
        given.out.with_suffix(".json").write_text(figures + "\n", "utf-8")


if __name__ == "__main__":
    main()
