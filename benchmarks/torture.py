"""Kill builds at random moments and see that nothing is ever lost or half there.

    python benchmarks/torture.py [--kills 200] [--seed 1] [--out benchmarks/results/torture.txt]

Each round changes the sources, begins a build in a process of its own (a fork of one that has
loaded what it needs; every fifth, a program from its start on), kills it with SIGKILL after a
random time, and then checks: the store opens and verifies; what it answers is exactly
the old or exactly the new generation; a reader that was open all along still has one of the
two; and the next build completes with just the articles of the sources. Every fourth round
changes the chunking as well, so that a new store has to be swapped in.
"""

from __future__ import annotations

import argparse
import contextlib
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

from fixtures_store import ToyEncoder, write_story  # noqa: E402

from benchmarks.build_host import BuildHost, build_here  # noqa: E402
from konkyo.index.errors import StoreMissing  # noqa: E402
from konkyo.index.stores.local.checks import verify  # noqa: E402
from konkyo.index.stores.local.reader import LocalStore  # noqa: E402

STORIES = 60
_PATIENCE = 600.0
_WHOLE = 5
"""Each so many builds is a program from its start on; the others begin where a build does."""
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


class Killer:
    """Kills builds at moments spread over their length, whatever the machine is doing."""

    def __init__(self, host: BuildHost, seed: int) -> None:
        self._host = host
        self._chance = random.Random(seed)
        self._lengths: dict[bool, float] = {}

    def kill(self, news: Path, store: Path, budget: int, *, whole: bool) -> bool:
        """Begin a build and kill it, if it does not end before; return whether it was killed.

        A ``whole`` build is a program that starts, and has its documents read by another process.
        """
        pause = self._chance.choice((0.0, 0.03, 0.1))
        # The first is left to end, and says how long they take.
        known = self._lengths.get(whole)
        seconds = self._chance.random() * known if known is not None else _PATIENCE
        if whole:
            code, said, spent = _program(news, store, budget, pause, seconds)
        else:
            self._host.begin(news, store, budget, pause)
            began = time.monotonic()
            code, said = self._host.end(seconds)
            spent = time.monotonic() - began
        if code not in (0, -9):
            raise AssertionError(f"the build ended with {code}: {said[-300:]}")
        if code == 0:
            last = max(0.05, 1.3 * spent)
            self._lengths[whole] = 0.7 * self._lengths.get(whole, last) + 0.3 * last
        return code == -9

    def later(self, *, whole: bool) -> None:
        """Kill later than up to now: the last build had not come to its end."""
        self._lengths[whole] = min(self._lengths[whole] * 1.05, 30.0)


def _program(
    news: Path, store: Path, budget: int, pause: float, seconds: float
) -> tuple[int, str, float]:
    """Kill a program that builds; return its exit code, what it said, and how long it ran."""
    with start(news, store, budget, pause) as builder:
        assert builder.stdout is not None
        try:
            builder.stdout.readline()
            began = time.monotonic()
            with contextlib.suppress(subprocess.TimeoutExpired):
                builder.wait(seconds)
        finally:
            builder.kill()
        code = builder.wait(120)
        return code, builder.stdout.read().strip(), time.monotonic() - began


def torture(
    kills: int,
    seed: int,
    work: Path,
    killer: Killer,
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Kill as many builds; raises AssertionError at the first broken promise."""
    chance = random.Random(seed)
    news, store = work / "news", work / "store"
    news.mkdir()
    versions: dict[int, int] = {}
    seen: Counter[str] = Counter()
    began = time.monotonic()
    budget = 192
    old: State | None = None
    with contextlib.ExitStack() as opening:
        reader: LocalStore | None = None
        while seen["killed"] < kills:
            change(news, chance, versions)
            if chance.random() < 0.25:
                budget = chance.choice((64, 128, 192))
            whole = (seen["killed"] + seen["finished"]) % _WHOLE == 0
            killed = killer.kill(news, store, budget, whole=whole)
            seen["killed" if killed else "finished"] += 1
            after = opened(store)
            new = _made_anew(news, budget)
            _require_one_of(old, new, after, killed=killed)
            if killed:
                seen["new" if after == new else "old"] += 1
                if after != new:
                    killer.later(whole=whole)
            if reader is not None:
                _require_the_same(reader, after)
            _complete(news, store, budget, new)
            if reader is None:
                reader = opening.enter_context(LocalStore(store))
            reader.refresh()
            old = new
            if seen["killed"] % 10 == 0:
                say(f"{seen['killed']} killed, {dict(seen)}")
    return Outcome(
        seen["killed"], seen["old"], seen["new"], seen["finished"], time.monotonic() - began
    )


def _made_anew(news: Path, budget: int) -> State | None:
    """What a build is to make: made elsewhere, from the same sources and from nothing."""
    with tempfile.TemporaryDirectory() as clean:
        build_here(news, Path(clean) / "s", budget)
        return opened(Path(clean) / "s")


def _require_one_of(
    old: State | None, new: State | None, after: State | None, *, killed: bool
) -> None:
    if not killed and after != new:
        raise AssertionError("a finished build is not what was asked for")
    if after not in (old, new):
        raise AssertionError("neither the old nor the new generation")


def _require_the_same(reader: LocalStore, after: State | None) -> None:
    reader.refresh()
    if state_of(reader) != after:
        raise AssertionError("a running reader sees something else than a new one")


def _complete(news: Path, store: Path, budget: int, new: State | None) -> None:
    """Build again; everything has to be there then, and nothing else."""
    build_here(news, store, budget)
    if opened(store) != new:
        raise AssertionError("the next build did not complete what was asked for")
    if not all(f.ok for f in verify(store)):
        raise AssertionError("the completed store does not verify")
    left = {p.name.split("-")[0].split(".")[0] for p in store.iterdir()}
    if not left <= {"CURRENT", "LOCK", "truth", "seg"}:
        raise AssertionError(f"left behind: {sorted(left)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="konkyo-torture-"))
    try:
        with BuildHost() as host:
            killer = Killer(host, options.seed)
            done = torture(options.kills, options.seed, work, killer, print)
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
