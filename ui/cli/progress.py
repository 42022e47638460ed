"""Progress bars on standard error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

__all__ = ["progress_bar", "progress_columns"]


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, with rate and time left."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(*progress_columns(), console=Console(stderr=True)) as progress:
        # Not shown before there is something to count: what the cache holds needs no bar.
        task = progress.add_task(title, total=None, visible=False)
        yield lambda done, total: progress.update(task, completed=done, total=total, visible=True)


def progress_columns(*told: ProgressColumn) -> tuple[ProgressColumn, ...]:
    """What a bar shows: its title, the counts, what else is ``told``, the time spent and left."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *told,
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
