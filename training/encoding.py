"""Rows as numbers, in the form that the product's reader gives the network, and as batches."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from training.rows import ANSWERS, Row

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "LIMIT",
    "PARTS",
    "UNKNOWN",
    "Batch",
    "Encoded",
    "batches",
    "encode",
    "make_batch",
    "usable",
]

LIMIT = 352
PARTS = 2
UNKNOWN = -1
QUESTION, CONTEXT, WINDOW, ECHO = 0, 1, 2, 3
_POOL = 4096

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row as numbers; each array has one value a token.

    ``span`` are token positions (0, 0: the window does not answer); ``tags`` are 1 on tokens of
    an answer and 0 elsewhere in a window; ``marks`` are 1 on tokens of a claim that are not
    supported and 0 on those that are; both are UNKNOWN where nothing is to be learned. ``first``
    is the position of the window's first token.
    """

    ids: Ints
    segments: Ints
    span: tuple[int, int]
    tags: Ints
    marks: Ints
    task: int
    label: int
    first: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of like length, padded; shapes (rows, tokens) or (rows,).

    ``twins`` are pairs of rows (row, row) that hold the same window asked in two languages.
    """

    ids: Ints
    segments: Ints
    mask: npt.NDArray[np.bool_]
    start: Ints
    end: Ints
    tags: Ints
    marks: Ints
    task: Ints
    label: Ints
    first: Ints
    twins: tuple[tuple[int, int], ...]


def encode(tokenizer: Tokenizer, row: Row, limit: int = LIMIT) -> Encoded:
    """``<s> query: asked </s> context </s> window </s>`` with what each token should say."""
    before = len(f"{row.task}: ")
    asked = tokenizer.encode(f"{row.task}: {row.asked}", add_special_tokens=False)
    ask = asked.ids[:96]
    context = tokenizer.encode(row.context, add_special_tokens=False).ids[:32]
    context = context if row.context else []
    head = [0, *ask, 2, *context, 2]
    told = tokenizer.encode(row.window, add_special_tokens=False)
    room = limit - len(head) - 1
    window, offsets = told.ids[:room], told.offsets[:room]
    known = set(ask)
    segments = (
        [QUESTION] * (len(ask) + 2)
        + [CONTEXT] * (len(context) + 1)
        + [ECHO if t in known else WINDOW for t in window]
        + [WINDOW]
    )
    ids = np.array([*head, *window, 2])
    tags = np.full(len(ids), UNKNOWN)
    marks = np.full(len(ids), UNKNOWN)
    span = (0, 0)
    if row.task == "query":
        tags[len(head) : len(head) + len(window)] = 0
        for number, place in enumerate(row.spans):
            inside = [len(head) + i for i in _covered(offsets, *place)]
            tags[inside] = 1
            if number == 0 and inside and told.offsets[min(room, len(told.ids)) - 1][1] >= place[1]:
                span = (inside[0], inside[-1])
    for start, end, value in row.marks:
        inside = [1 + i for i in _covered(asked.offsets[:96], start + before, end + before)]
        marks[inside] = value
    task = int(row.task == "claim")
    return Encoded(ids, np.array(segments), span, tags, marks, task, row.label, len(head))


def _covered(offsets: Sequence[tuple[int, int]], start: int, end: int) -> list[int]:
    """Tokens that share a character with start..end."""
    return [i for i, (a, b) in enumerate(offsets) if a < end and b > start and b > a]


def make_batch(rows: Sequence[Encoded], twins: Sequence[tuple[int, int]] = ()) -> Batch:
    """Pad to the longest row, rounded up to 8 tokens."""
    width = -(-max(len(r.ids) for r in rows) // 8) * 8
    shape = (len(rows), width)
    ids, segments = np.ones(shape, np.int64), np.zeros(shape, np.int64)
    tags, marks = np.full(shape, UNKNOWN), np.full(shape, UNKNOWN)
    mask = np.zeros(shape, np.bool_)
    for i, r in enumerate(rows):
        size = len(r.ids)
        ids[i, :size], segments[i, :size] = r.ids, r.segments
        tags[i, :size], marks[i, :size] = r.tags, r.marks
        mask[i, :size] = True
    return Batch(
        ids,
        segments,
        mask,
        np.array([r.span[0] for r in rows]),
        np.array([r.span[1] for r in rows]),
        tags,
        marks,
        np.array([r.task for r in rows]),
        np.array([r.label for r in rows]),
        np.array([r.first for r in rows]),
        tuple(twins),
    )


Group = list[list[Encoded]]


def batches(
    tokenizer: Tokenizer,
    rows: Sequence[Row],
    tokens: int,
    seed: str,
    skip: int = 0,
    twins: bool = False,
) -> Iterator[tuple[int, list[Batch]]]:
    """Batches of at most ``tokens`` padded tokens in parts, with the number of rows used so far.

    Rows are sorted by length within pools of 4,096 and the batches of a pool are shuffled. The
    first ``skip`` rows are passed over, to go on after a stop. With ``twins`` a question that
    has a wording in another language is read in both, side by side.
    """
    used = 0
    for at in range(0, len(rows), _POOL):
        piece = rows[at : at + _POOL]
        if used + len(piece) <= skip:
            used += len(piece)
            continue
        units = sorted((_unit(tokenizer, r, twins) for r in piece), key=lambda u: len(u[0].ids))
        groups: list[Group] = [[]]
        for unit in units:
            held = sum(len(u) for u in groups[-1]) + len(unit)
            if groups[-1] and held * (max(len(e.ids) for e in unit) + 7) > tokens:
                groups.append([])
            groups[-1].append(unit)
        random.Random(f"{seed}/{at}").shuffle(groups)
        for group in groups:
            used += len(group)
            if used > skip:
                yield used, [_part(group[i::PARTS]) for i in range(min(PARTS, len(group)))]


def _unit(tokenizer: Tokenizer, row: Row, twins: bool) -> list[Encoded]:
    encoded = [encode(tokenizer, row)]
    if twins and row.twin:
        other = Row(
            row.task, row.twin, row.context, row.window, row.label, row.spans, source=row.source
        )
        encoded.append(encode(tokenizer, other))
    return encoded


def _part(group: Group) -> Batch:
    rows: list[Encoded] = []
    pairs = []
    for unit in group:
        if len(unit) == 2 and unit[0].span != (0, 0) and unit[1].span != (0, 0):
            pairs.append((len(rows), len(rows) + 1))
        rows += unit
    return make_batch(rows, pairs)


def usable(batch: Batch) -> npt.NDArray[np.bool_]:
    """Which rows teach the answer heads: not claims, nor answers cut off by the length limit."""
    cut = (batch.label == ANSWERS) & (batch.start == 0)
    found: npt.NDArray[np.bool_] = (batch.task == 0) & ~cut
    return found
