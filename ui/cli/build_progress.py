"""How far a build is: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from konkyo.index.builder import Progress, Stage

__all__ = ["build_progress"]

_VERBS = {"read": "reading", "embed": "embedding", "index": "indexing"}

_PLAIN_SECONDS = 10.0


@contextlib.contextmanager
def build_progress(*, quiet: bool) -> Iterator[tuple[Progress, Callable[[], None]]]:
    """A bar with rate and time left on a terminal, now and then a line elsewhere.

    And what stops the bar, so that something can be asked.
    """
    if quiet and not sys.stderr.isatty():
        yield lambda stage, done, total: None, lambda: None
    elif sys.stderr.isatty():
        with _bars() as shown:
            yield shown
    else:
        yield _lines(), lambda: None


@contextlib.contextmanager
def _bars() -> Iterator[tuple[Progress, Callable[[], None]]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        Task,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Rate(TextColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:.0f}/s" if task.speed else "")

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(""),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), speed_estimate_period=60) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: Stage, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(_VERBS[stage], total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show, bars.stop


def _lines() -> Progress:
    import time

    last = {"said": time.monotonic(), "began": time.monotonic()}
    begun: set[str] = set()

    def show(stage: Stage, done: int, total: int) -> None:
        now = time.monotonic()
        if stage not in begun:
            begun.add(stage)
            last["began"] = now
            return
        if now - last["said"] < _PLAIN_SECONDS:
            return
        last["said"] = now
        rate = done / max(now - last["began"], 1e-9)
        left = f", {(total - done) / rate:.0f} s left" if rate > 0 and done < total else ""
        click.echo(f"{_VERBS[stage]} {done} of {total} ({rate:.0f}/s{left})", err=True)

    return show
