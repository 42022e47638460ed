"""Attacks on a store: builds that are killed, and bytes of its files that change."""

from __future__ import annotations

import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from konkyo.index.builder import build
from konkyo.index.errors import StoreError
from konkyo.index.stores.local.checks import verify
from konkyo.index.stores.local.reader import LocalStore

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from fixtures_store import ToyEncoder, write_stories

from benchmarks.torture import State, state_of, torture

__all__ = ["damage_stores", "kill_builds"]

_KILLS_A_STORE = 25
_BYTES = 64


class _Options(Protocol):
    """What is needed of the options of the attack."""

    @property
    def seed(self) -> int: ...
    @property
    def work(self) -> Path: ...


def kill_builds(
    options: _Options, seconds: float, say: Callable[[str], None], wanted: int
) -> tuple[int, list[str]]:
    """Kill builds at random moments, a fresh store for every few; what was lost, if anything."""
    file = options.work / "kills.json"
    done, faults = _held(file)
    until = time.monotonic() + seconds
    while done < wanted and time.monotonic() < until:
        count = min(_KILLS_A_STORE, wanted - done)
        with tempfile.TemporaryDirectory(prefix="konkyo-kills-") as folder:
            try:
                torture(count, options.seed * 1_000_000 + done, Path(folder))
            except (AssertionError, StoreError) as exc:
                faults.append(f"after {done} kills: {exc}")
        done += count
        _hold(file, done, faults)
        say(f"{done} builds killed, {len(faults)} lost something")
    return done, faults


def damage_stores(
    options: _Options, seconds: float, say: Callable[[str], None], wanted: int
) -> tuple[int, list[str]]:
    """Change 64 bytes of a file of a store: it is refused or repaired, never read wrongly."""
    file = options.work / "damaged.json"
    done, faults = _held(file)
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="konkyo-damage-") as folder:
        whole = Path(folder) / "store"
        build([str(write_stories(Path(folder) / "news", 30))], whole, ToyEncoder())
        with LocalStore(whole) as store:
            right = state_of(store)
        while done < wanted and time.monotonic() < until:
            fault = _damaged(whole, Path(folder) / "copy", right, f"{options.seed}:{done}")
            faults += [f"damage {done}: {fault}"] if fault else []
            done += 1
    _hold(file, done, faults)
    say(f"{done} stores damaged, {len(faults)} read wrongly")
    return done, faults


def _damaged(whole: Path, copy: Path, right: State, seed: str) -> str:
    """Why a damaged copy broke a promise, or nothing."""
    chance = random.Random(seed)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    hurt = chance.choice(sorted(p for p in copy.rglob("*") if p.is_file() and p.stat().st_size))
    content = bytearray(hurt.read_bytes())
    for at in range(start := chance.randrange(len(content)), min(len(content), start + _BYTES)):
        content[at] ^= chance.randrange(1, 256)
    hurt.write_bytes(content)
    name = hurt.relative_to(copy).as_posix()
    try:
        with LocalStore(copy) as store:
            found = state_of(store)
    except StoreError:
        return ""
    except AssertionError as exc:
        # Something is missing where it is looked for; to be known, it must be found by a check.
        return "" if any(not f.ok for f in verify(copy)) else f"{name}: {exc}"
    return "" if found == right else f"{name}: other articles than were written"


def _held(file: Path) -> tuple[int, list[str]]:
    if not file.is_file():
        return 0, []
    held = json.loads(file.read_text("utf-8"))
    return int(held["done"]), [str(fault) for fault in held["faults"]]


def _hold(file: Path, done: int, faults: list[str]) -> None:
    draft = file.with_name(f"{file.name}.part")
    draft.write_text(json.dumps({"done": done, "faults": faults}), "utf-8")
    draft.replace(file)
