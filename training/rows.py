"""The training row, the one value that every data set is turned into, and its file form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

__all__ = [
    "ANSWERS",
    "CONTRADICTED",
    "NEUTRAL",
    "NOT_SUPPORTED",
    "SILENT",
    "SUPPORTED",
    "Row",
    "read_rows",
    "write_rows",
]

SILENT, ANSWERS = 0, 1
SUPPORTED, CONTRADICTED, NEUTRAL, NOT_SUPPORTED = 0, 1, 2, 3
"""``NOT_SUPPORTED``: contradicted or neutral, the data set does not say which."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Row:
    """One input of the reader and what it should say.

    ``task`` is "query" or "claim". ``label`` is ``ANSWERS`` or ``SILENT`` for a query, one of the
    four support labels for a claim. ``spans`` are the answers' code points in ``window``, the
    first being the one that the span head learns. ``marks`` are (start, end, value) in ``asked``:
    stretches of a claim that the window does not support (1) or supports (0); later ones overrule
    earlier ones and what is not covered is unknown. ``twin`` is the same question in another
    language.
    """

    task: str
    asked: str
    context: str
    window: str
    label: int
    spans: tuple[Span, ...] = ()
    marks: tuple[tuple[int, int, int], ...] = ()
    twin: str = ""
    source: str = ""


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON lines; the file appears whole or not at all."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(astuple(row), ensure_ascii=False) + "\n")
    part.replace(path)


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file of ``write_rows``, in order."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            task, asked, context, window, label, spans, marks, twin, source = json.loads(line)
            yield Row(
                task,
                asked,
                context,
                window,
                label,
                tuple((a, b) for a, b in spans),
                tuple((a, b, v) for a, b, v in marks),
                twin,
                source,
            )
