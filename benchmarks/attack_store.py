"""Attacks on a store: builds that are killed, and bytes of its files that change."""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from konkyo.index.builder import build
from konkyo.index.errors import KonkyoError, StoreError
from konkyo.index.stores.local.checks import verify
from konkyo.index.stores.local.reader import LocalStore

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from fixtures_store import ToyEncoder, write_stories

from benchmarks.build_host import BuildHost
from benchmarks.torture import Killer, State, state_of, torture

__all__ = ["damage_stores", "kill_builds"]

_KILLS_A_STORE = 10
_BYTES = 64


def kill_builds(seed: int, tried: int, wanted: int) -> Iterator[tuple[int, list[str]]]:
    """Kill builds at random moments, a fresh store for every few; yields what was lost, if any."""
    with BuildHost() as host:
        killer = Killer(host, seed)
        while tried < wanted:
            count = min(_KILLS_A_STORE, wanted - tried)
            faults = []
            with tempfile.TemporaryDirectory(prefix="konkyo-kills-") as folder:
                try:
                    torture(count, seed * 1_000_000 + tried, Path(folder), killer)
                except (AssertionError, KonkyoError) as exc:
                    faults.append(f"after {tried} kills: {exc}")
            tried += count
            yield tried, faults


def damage_stores(seed: int, tried: int, wanted: int) -> Iterator[tuple[int, list[str]]]:
    """Change 64 bytes of a file of a store: never read wrongly, and made anew by a rebuild."""
    with tempfile.TemporaryDirectory(prefix="konkyo-damage-") as folder:
        whole = Path(folder) / "store"
        build([str(write_stories(Path(folder) / "news", 30))], whole, ToyEncoder())
        with LocalStore(whole) as store:
            right = state_of(store)
        while tried < wanted:
            fault = _damaged(whole, Path(folder) / "copy", right, f"{seed}:{tried}")
            tried += 1
            yield tried, [f"damage {tried - 1}: {fault}"] if fault else []


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
    return _read_wrongly(name, copy, right) or _not_mended(name, copy, right)


def _read_wrongly(name: str, copy: Path, right: State) -> str:
    try:
        with LocalStore(copy) as store:
            found = state_of(store)
    except StoreError:
        return ""
    except AssertionError as exc:
        # Something is missing where it is looked for; to be known, it must be found by a check.
        return "" if any(not f.ok for f in verify(copy)) else f"{name}: {exc}"
    return "" if found == right else f"{name}: other articles than were written"


def _not_mended(name: str, copy: Path, right: State) -> str:
    """What is wrong after the store was made anew from its sources."""
    try:
        build([str(copy.parent / "news")], copy, ToyEncoder(), rebuild=True)
        with LocalStore(copy) as store:
            found = state_of(store)
    except (AssertionError, KonkyoError) as exc:
        return f"{name}: it cannot be made anew: {exc}"
    return "" if found == right else f"{name}: made anew, it has other articles"
