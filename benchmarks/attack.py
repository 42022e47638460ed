"""Attack the whole from outside and count what is lost, hung or let in: ``make attack``.

    python -m benchmarks.attack --kills 1000 --inputs 1000000 --work .konkyo/attack

Each part says how much was tried, of which commit, and what broke a promise. Ctrl-C stops it at any
time; the same command goes on where it was. Tests that were run at this commit are not run again;
kills, damaged stores and mutated documents take turns until ``--minutes`` are over, and wait while
the machine has more to do than ``--load``. ``attack.json`` and ``attack.md`` always say what was
done so far; the exit code is 1 when anything broke.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.attack_parts import Part, Parts, commit_here
from benchmarks.attack_store import damage_stores, kill_builds
from benchmarks.attack_tests import GROUPS, run_group
from benchmarks.fuzz_documents import read_mutated
from konkyo.ui.cli.progress import progress_columns

__all__ = ["Options", "attack", "main"]

RESULTS = Path(__file__).parent / "results"
_TURN = 60.0
_LINE_SECONDS = 60.0

Steps = Iterator[tuple[int, list[str]]]
"""Of an attack that takes long: how many were tried after each step, and what broke in it."""
LONG: Mapping[str, Callable[[int, int, int], Steps]] = {
    "damaged stores": damage_stores,
    "killed builds": kill_builds,
    "mutated documents": read_mutated,
}
"""Each takes a seed, how many were tried before and how many are wanted."""


@dataclass(frozen=True, slots=True)
class Options:
    """How much is tried; ``groups`` are the tests to run, ``minutes`` bound all else together.

    ``load`` is the load of the machine from which it waits; 0: it never does.
    """

    kills: int = 1000
    damaged: int = 300
    inputs: int = 1_000_000
    minutes: float = 600.0
    load: float = 0.0
    seed: int = 1
    groups: Sequence[str] = field(default_factory=lambda: tuple(GROUPS))
    work: Path = Path(".konkyo") / "attack"

    @property
    def wanted(self) -> dict[str, int]:
        """How many of each attack that takes long."""
        counts = (self.damaged, self.kills, self.inputs)
        return dict(zip(LONG, counts, strict=True))


def attack(options: Options, changed: Callable[[Parts], None] = lambda parts: None) -> Parts:
    """Make all attacks, the short ones first; ``changed`` is told now and then how far they are."""
    parts = Parts(options.work, options.seed)
    commit = commit_here()

    def keep() -> None:
        parts.keep()
        changed(parts)

    for name in options.groups:
        part = parts.of(name, 0)
        changed_since = commit.endswith("+")
        if part.tried and part.commits == [commit] and not part.broken and not changed_since:
            continue
        print(f"{name} …", flush=True)
        began = time.monotonic()
        tried, broken = run_group(name)
        part.wanted, part.broken, part.commits = tried, [], []
        part.add(tried, broken, time.monotonic() - began, commit)
        keep()
    wanted = {name: count for name, count in options.wanted.items() if count}
    with _shown(wanted) as show:
        _take_turns(options, parts, wanted, commit, show, keep)
    keep()
    return parts


def _take_turns(
    options: Options,
    parts: Parts,
    wanted: Mapping[str, int],
    commit: str,
    show: Callable[[Part], None],
    keep: Callable[[], None],
) -> None:
    """Go on with each long attack for a while, in turn, until all are done or the time is over."""
    until = time.monotonic() + options.minutes * 60
    under_way: dict[str, Steps] = {}
    for name, count in wanted.items():
        part = parts.of(name, count)
        show(part)
        if part.tried < count:
            under_way[name] = LONG[name](options.seed, part.tried, count)
    with contextlib.ExitStack() as closing:
        for steps in under_way.values():
            closing.callback(getattr(steps, "close", lambda: None))
        while under_way and time.monotonic() < until:
            for name, steps in list(under_way.items()):
                part = parts.of(name, wanted[name])
                turn = min(until, time.monotonic() + _TURN)
                while time.monotonic() < turn and name in under_way:
                    if _STOPPED.is_set():
                        raise KeyboardInterrupt
                    _wait_for_quiet(options.load)
                    began = time.monotonic()
                    step = next(steps, None)
                    if step is None:
                        del under_way[name]
                        break
                    part.add(*step, time.monotonic() - began, commit)
                    parts.keep()
                    show(part)
                keep()


def _wait_for_quiet(load: float) -> None:
    while load and os.getloadavg()[0] > load:
        time.sleep(10)


@contextlib.contextmanager
def _shown(wanted: Mapping[str, int]) -> Iterator[Callable[[Part], None]]:
    """Bars with counts and the time left; where there is no terminal, a line a minute."""
    if sys.stderr.isatty():
        with _bars(wanted) as show:
            yield show
        return
    began, first, told = time.monotonic(), dict[str, int](), dict[str, float]()

    def line(part: Part) -> None:
        now = time.monotonic()
        before = first.setdefault(part.name, part.tried)
        done = part.tried == part.wanted
        if not done and now - told.get(part.name, began) < _LINE_SECONDS:
            return
        told[part.name] = now
        speed = (part.tried - before) / (now - began)
        left = f", {(part.wanted - part.tried) / speed / 3600:.1f} h left" if speed else ""
        counts = f"{part.tried:,} of {part.wanted:,}, {len(part.broken)} broken"
        print(f"{part.name}: {counts}{'' if done else left}", flush=True)

    yield line


@contextlib.contextmanager
def _bars(wanted: Mapping[str, int]) -> Iterator[Callable[[Part], None]]:
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    columns = progress_columns(TextColumn("{task.fields[broken]} broken"))
    # Turns are a minute long: the speed is that of an hour.
    progress = Progress(*columns, console=Console(stderr=True), speed_estimate_period=3600)
    with progress:
        tasks = {name: progress.add_task(name, total=n, broken=0) for name, n in wanted.items()}
        yield lambda part: progress.update(
            tasks[part.name], completed=part.tried, broken=len(part.broken)
        )


_STOPPED = threading.Event()
"""Set by SIGTERM and looked at between steps, too: while a process is forked, Python drops the
exception."""


def _stop(number: int, frame: object) -> None:
    _STOPPED.set()
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    known = Options()
    for name in ("kills", "damaged", "inputs", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(known, name))
    for name in ("minutes", "load"):
        parser.add_argument(f"--{name}", type=float, default=getattr(known, name))
    parser.add_argument("--work", type=Path, default=known.work)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--groups", default=",".join(GROUPS), help="tests to run, by commas")
    asked = vars(parser.parse_args(arguments))
    out = asked.pop("out")
    asked["groups"] = tuple(name for name in asked["groups"].split(",") if name)
    if unknown := set(asked["groups"]) - GROUPS.keys():
        parser.error(f"there is no group {sorted(unknown)[0]!r}")
    options = Options(**asked)
    command = f"python -m benchmarks.attack --kills {options.kills} --inputs {options.inputs}"
    names = [*GROUPS, *LONG]
    _STOPPED.clear()
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        parts = attack(options, lambda parts: parts.publish(out, command, names))
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here", file=sys.stderr)
        Parts(options.work, options.seed).publish(out, command, names)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before)
    print(parts.table())
    return 1 if any(part.broken for part in parts.all()) else 0


if __name__ == "__main__":
    sys.exit(main())
