"""Kill builds at random moments and see that nothing is ever lost or half there.

    python benchmarks/torture.py [--kills 200] [--seed 1] [--out benchmarks/results/torture.txt]

Each round changes the sources, starts a build in a process of its own, kills it with SIGKILL
after a random time, and then checks: the store opens and verifies; what it answers is exactly
the old or exactly the new generation; a reader that was open all along still has one of the
two; and the next build completes with just the articles of the sources. Every fourth round
changes the chunking as well, so that a new store has to be swapped in.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fixtures_store import ToyEncoder, write_story, yes  # noqa: E402

from konkyo.index.builder import build  # noqa: E402
from konkyo.index.errors import StoreMissing  # noqa: E402
from konkyo.index.settings import ChunkSettings  # noqa: E402
from konkyo.index.stores.local.checks import verify  # noqa: E402
from konkyo.index.stores.local.reader import LocalStore  # noqa: E402

STORIES = 60
State = dict[str, tuple[str, str]]


@dataclass
class Outcome:
    kills: int
    old: int
    new: int
    finished: int
    seconds: float


def state_of(store: LocalStore) -> State:
    """Everything a reader can be told: identifier -> (title, text), found through every arm."""
    state = {}
    for summary in store.articles():
        article = store.article(summary.article_id)
        passages = store.passages_of(summary.article_id)
        if not all(article.text[p.start : p.end] == p.text for p in passages):
            raise AssertionError(f"{summary.article_id}: a passage is not a span of its article")
        if len(store.vectors([p.passage_id for p in passages])) != len(passages):
            raise AssertionError(f"{summary.article_id}: vectors are missing")
        state[summary.article_id] = (article.title, article.text)
    every = sum(summary.passages for summary in store.articles())
    query = ToyEncoder().queries(["首相の発表"])[0]
    for hits in (store.dense(query, every + 10), store.lexical("発表があった", every + 10)):
        if len({h.passage_id for h in hits}) != every:
            raise AssertionError(f"{len(hits)} passages found where there are {every}")
        found = store.passages([h.passage_id for h in hits])
        if {p.article_id for p in found} != set(state):
            raise AssertionError("an arm finds other articles than there are")
    return state


def opened(folder: Path) -> State | None:
    """What the store says now; None: there is none yet. It has to verify, too."""
    try:
        with LocalStore(folder) as store:
            state = state_of(store)
    except StoreMissing:
        return None
    wrong = [f"{f.what}: {f.detail}" for f in verify(folder) if not f.ok and "caches" not in f.what]
    if wrong:
        raise AssertionError(wrong)
    return state


def change(news: Path, chance: random.Random, versions: dict[int, int]) -> None:
    """Write, rewrite and remove some of the articles."""
    for number in chance.sample(range(STORIES), chance.randint(1, 25)):
        path = news / f"{number:04d}.md"
        if path.exists() and chance.random() < 0.3:
            path.unlink()
        else:
            versions[number] = versions.get(number, 0) + 1
            write_story(news, number, versions[number])


def start(news: Path, store: Path, budget: int, pause: float) -> subprocess.Popen[str]:
    program = str(ROOT / "tests" / "fixtures_store.py")
    return subprocess.Popen(
        [sys.executable, program, str(news), str(store), str(pause), str(budget)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def torture(
    kills: int, seed: int, work: Path, say: Callable[[str], None] = lambda line: None
) -> Outcome:
    """Kill as many builds; raises AssertionError at the first broken promise."""
    chance = random.Random(seed)
    news, store = work / "news", work / "store"
    news.mkdir()
    versions: dict[int, int] = {}
    seen: Counter[str] = Counter()
    began = time.monotonic()
    budget, length = 192, 1.0
    old: State | None = None
    reader: LocalStore | None = None
    while seen["killed"] < kills:
        change(news, chance, versions)
        if chance.random() < 0.25:
            budget = chance.choice((64, 128, 192))
        pause = chance.choice((0.0, 0.03, 0.1))
        with start(news, store, budget, pause) as builder:
            try:
                assert builder.stdout is not None
                builder.stdout.readline()
                launched = time.monotonic()
                builder.wait(chance.random() * length)
                # Aim at the length of a build, whatever the machine is doing.
                length = 0.7 * length + 0.3 * max(0.1, 1.3 * (time.monotonic() - launched))
            except subprocess.TimeoutExpired:
                pass
            finally:
                builder.kill()
            code = builder.wait(120)
            if code not in (0, -9):
                said = builder.stdout.read().strip()
                raise AssertionError(f"the build ended with {code}: {said[-300:]}")
        seen["killed" if code == -9 else "finished"] += 1
        after = opened(store)
        # What the build was to make is made elsewhere, from the same sources and from nothing.
        with tempfile.TemporaryDirectory() as clean:
            build([str(news)], Path(clean) / "s", ToyEncoder(), ChunkSettings(budget=budget))
            new = opened(Path(clean) / "s")
        if code == 0 and after != new:
            raise AssertionError("a finished build is not what was asked for")
        if after not in (old, new):
            raise AssertionError("neither the old nor the new generation")
        seen["new" if after == new else "old"] += code == -9
        if code == -9 and after != new:
            length = min(length * 1.05, 30.0)
        if reader is not None:
            reader.refresh()
            if state_of(reader) != after:
                raise AssertionError("a running reader sees something else than a new one")
        build([str(news)], store, ToyEncoder(), ChunkSettings(budget=budget), confirm=yes)
        if opened(store) != new:
            raise AssertionError("the next build did not complete what was asked for")
        if not all(f.ok for f in verify(store)):
            raise AssertionError("the completed store does not verify")
        left = {p.name.split("-")[0].split(".")[0] for p in store.iterdir()}
        if not left <= {"CURRENT", "LOCK", "truth", "seg"}:
            raise AssertionError(f"left behind: {sorted(left)}")
        if reader is None:
            reader = LocalStore(store)
        reader.refresh()
        old = new
        if seen["killed"] % 10 == 0:
            say(f"{seen['killed']} killed, {dict(seen)}")
    if reader is not None:
        reader.close()
    return Outcome(
        seen["killed"], seen["old"], seen["new"], seen["finished"], time.monotonic() - began
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="konkyo-torture-"))
    try:
        done = torture(options.kills, options.seed, work, print)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    text = (
        f"python benchmarks/torture.py --kills {options.kills} --seed {options.seed}\n\n"
        f"builds killed with SIGKILL      {done.kills}\n"
        f"  answered from the old one     {done.old}\n"
        f"  answered from the new one     {done.new}\n"
        f"builds that were faster         {done.finished}\n"
        f"anything lost, half or wrong    0\n"
        f"seconds                         {done.seconds:.0f}\n"
    )
    print(text)
    if options.out:
        options.out.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
