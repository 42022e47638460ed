"""Attack the whole from outside and count what is lost, hung or let in: ``make attack``.

    python -m benchmarks.attack --kills 1000 --inputs 1000000 --work .konkyo/attack

Each part says how much was tried and what broke a promise. What takes long (kills, damaged stores,
mutated documents) goes on where ``--work`` says it was stopped. ``--minutes`` bounds each of these.
Writes ``attack.json`` and ``attack.md``; the exit code is 1 when anything broke.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.attack_store import damage_stores, kill_builds
from benchmarks.attack_tests import GROUPS, run_group
from benchmarks.fuzz_documents import fuzz

__all__ = ["Options", "Part", "attack", "main", "table"]

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of attack: how many were wanted and made, and what each that broke something did."""

    name: str
    wanted: int
    tried: int
    seconds: float
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """How much is tried; ``groups`` are the tests to run, ``minutes`` bound each long part."""

    kills: int = 1000
    damaged: int = 300
    inputs: int = 1_000_000
    minutes: float = 600.0
    seed: int = 1
    groups: Sequence[str] = field(default_factory=lambda: tuple(GROUPS))
    work: Path = Path(".konkyo") / "attack"


def attack(options: Options, say: Callable[[str], None] = print) -> list[Part]:
    """Make all attacks, the short ones first."""
    options.work.mkdir(parents=True, exist_ok=True)
    parts = []
    for name in options.groups:
        began = time.monotonic()
        say(f"{name} …")
        tried, broken = run_group(name)
        parts.append(Part(name, tried, tried, time.monotonic() - began, broken))
    until = options.minutes * 60
    long: tuple[tuple[str, int, Callable[[int], tuple[int, list[str]]]], ...] = (
        ("damaged stores", options.damaged, partial(damage_stores, options, until, say)),
        ("killed builds", options.kills, partial(kill_builds, options, until, say)),
        ("mutated documents", options.inputs, partial(_mutated, options, say)),
    )
    for name, wanted, run in long:
        if wanted:
            began = time.monotonic()
            say(f"{name} …")
            tried, faults = run(wanted)
            parts.append(Part(name, wanted, tried, time.monotonic() - began, tuple(faults)))
    return parts


def _mutated(options: Options, say: Callable[[str], None], wanted: int) -> tuple[int, list[str]]:
    done = fuzz(
        wanted,
        seed=options.seed,
        minutes=options.minutes,
        progress_file=options.work / "documents.json",
        say=say,
    )
    return done.found.done, [f"input {n}: {why}" for n, why in done.found.broken.items()]


def table(parts: Sequence[Part]) -> str:
    """The parts as Markdown."""
    lines = ["| attack | tried | broken |", "|---|---|---|"]
    for part in parts:
        of = f" of {part.wanted:,}" if part.tried < part.wanted else ""
        lines.append(f"| {part.name} | {part.tried:,}{of} | {len(part.broken)} |")
    faults = [f"- {part.name}: {fault}" for part in parts for fault in part.broken]
    return "\n".join([*lines, *(["", *faults] if faults else [])]) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    known = Options()
    for name in ("kills", "damaged", "inputs", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(known, name))
    parser.add_argument("--minutes", type=float, default=known.minutes)
    parser.add_argument("--work", type=Path, default=known.work)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--groups", default=",".join(GROUPS), help="tests to run, by commas")
    asked = vars(parser.parse_args(arguments))
    out = asked.pop("out")
    asked["groups"] = tuple(name for name in asked["groups"].split(",") if name)
    options = Options(**asked)
    parts = attack(options, partial(print, flush=True))
    out.mkdir(parents=True, exist_ok=True)
    command = f"python -m benchmarks.attack --kills {options.kills} --inputs {options.inputs}"
    facts = {"command": command, "seed": options.seed, "parts": [asdict(p) for p in parts]}
    (out / "attack.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    (out / "attack.md").write_text(f"`{command}`\n\n{table(parts)}", "utf-8")
    print(table(parts))
    return 1 if any(part.broken for part in parts) else 0


if __name__ == "__main__":
    sys.exit(main())
