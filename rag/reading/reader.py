"""The learned reader: does this window answer, where, and does this evidence support this claim?

One small transformer (the layers of multilingual-e5-small, fine-tuned; docs/checker.md is its model
card) over that model's own word vectors, which are read in place from its folder and not shipped
again. Every window is read by itself, so a reading never depends on its neighbours.
``konkyo.rag.reading.network`` builds and runs the network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache, cachedmethod

from konkyo.index.embedding.onnx_graph import Array
from konkyo.index.errors import ModelMissing
from konkyo.rag.calibration import logistic
from konkyo.rag.reading.network import Network

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "WEIGHTS",
    "ClaimSupport",
    "LearnedReader",
    "WindowReading",
    "load_reader",
    "tokenizer_of",
]

_Read = TypeVar("_Read")

WEIGHTS = Path(__file__).with_name("reader.safetensors")
"""The shipped weights: int8, CC BY-SA 4.0."""

_QUESTION, _CONTEXT, _WINDOW, _ECHO = 0, 1, 2, 3
"""What a token belongs to; an echo is a token of the window that the question holds too."""

_BEGIN, _END = 0, 2
_PIECE, _STEP = 320, 256
_LONGEST_QUESTION, _LONGEST_CONTEXT = 96, 32
_KEPT = 4096
"""Readings, and views of claims, that are kept: some hundred questions' worth, a few megabytes."""


@dataclass(frozen=True, slots=True)
class WindowReading:
    """What the reader makes of one window for one question.

    ``probability`` is the calibrated share that the window answers; ``start`` and ``end`` are the
    half-open span of the likeliest answer, in code points of the window, and ``span_text`` its
    text. The span is given even where the probability is low. ``places`` are all stretches marked
    as parts of an answer, in order (why and how have clauses, lists have several).
    """

    probability: float
    start: int
    end: int
    span_text: str
    places: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimSupport:
    """Three shares that add up to 1: the evidence says so, says otherwise, does not say.

    ``unsupported`` are stretches of the claim that the evidence does not bear out, in order, in
    code points of the claim.
    """

    entail: float
    contradict: float
    neutral: float
    unsupported: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    """One sequence; ``first`` is the position of the window's first token.

    ``offsets`` are the code points of the window's tokens, ``asked`` those of the question or
    claim, whose tokens begin at position 1 (those of the task's name are before 0).
    """

    ids: list[int]
    segments: list[int]
    first: int
    offsets: list[tuple[int, int]]
    asked: list[tuple[int, int]]


def load_reader(
    encoder_folder: Path, weights: Path = WEIGHTS, threads: int | None = None
) -> LearnedReader:
    """Load the reader over the folder of multilingual-e5-small (``konkyo models pull``).

    Whatever model embeds the articles, the reader uses multilingual-e5-small's word vectors.
    Raises ModelMissing where a file is absent, ModelDamaged where one does not fit.
    """
    if not weights.is_file():
        raise ModelMissing(
            f"the learned reader's weights are not installed at {weights}; reinstall konkyo"
        )
    for file in (encoder_folder / "model.safetensors", encoder_folder / "tokenizer.json"):
        if not file.is_file():
            raise ModelMissing(
                f"the learned reader needs {file}; run: konkyo models pull multilingual-e5-small"
            )
    network = Network(encoder_folder, weights)
    tokenizer = tokenizer_of(encoder_folder)
    return LearnedReader(tokenizer, network, threads or os.cpu_count() or 1)


@cache
def tokenizer_of(encoder_folder: Path) -> Tokenizer:
    """The tokenizer of a model's folder, read once: that takes half a second."""
    from tokenizers import Tokenizer

    found: Tokenizer = Tokenizer.from_file(str(encoder_folder / "tokenizer.json"))
    return found


def _texts(_: LearnedReader, *texts: str) -> tuple[str, ...]:
    """What a reading is kept by."""
    return texts


class LearnedReader:
    """Reads windows and evidence; safe to share by threads, and the same input gives the same."""

    def __init__(self, tokenizer: Tokenizer, network: Network, threads: int) -> None:
        self._tokenizer = tokenizer
        self._network = network
        self._calibration = network.info.calibration
        self._longest = network.info.longest
        # One window a core: quicker than several cores in one window, and order changes nothing.
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="konkyo-reader")
        # What many ask is read once, and what one question needs twice.
        self._readings: LRUCache[tuple[str, ...], WindowReading] = LRUCache(_KEPT)
        self._views: LRUCache[tuple[str, ...], ClaimSupport] = LRUCache(_KEPT)
        self._lock = Lock()

    @property
    def fingerprint(self) -> str:
        """Names the weights and their calibration."""
        return f"checker:{self._network.info.version}"

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[WindowReading]:
        """One reading a window, in order.

        ``contexts`` are what the window does not say itself, such as the title of its article;
        the answer is never looked for there. A window longer than 320 tokens is read in
        overlapping pieces and the best piece speaks for it.
        """
        return self._each(self._reading, question, windows, contexts)

    def supports(
        self, claim: str, evidence: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[ClaimSupport]:
        """One view a piece of evidence, in order; long evidence as in ``answers``."""
        return self._each(self._support, claim, evidence, contexts)

    def _each(
        self,
        read: Callable[[str, str, str], _Read],
        asked: str,
        texts: Sequence[str],
        contexts: Sequence[str] | None,
    ) -> list[_Read]:
        """Read each text, in order; the longest begins, so that no core ends alone with it."""
        about = [""] * len(texts) if contexts is None else contexts
        pairs = list(zip(texts, about, strict=True))
        order = sorted(range(len(pairs)), key=lambda i: -len(pairs[i][0]))
        read_in_order = self._pool.map(lambda i: read(asked, *pairs[i]), order)
        found = dict(zip(order, read_in_order, strict=True))
        return [found[i] for i in range(len(pairs))]

    def answer_scores(
        self, question: str, window: str, context: str = ""
    ) -> list[tuple[float, float]]:
        """Raw (answer logit, span minus null logit) of each piece, to fit calibration on."""
        found = []
        for row in self._rows("query", question, window, context):
            tokens, verdict = self._run(row)
            _, _, best, null = _best_span(tokens, row, self._longest)
            found.append((float(verdict[0]), best - null))
        return found

    def support_scores(self, claim: str, text: str, context: str = "") -> tuple[float, ...]:
        """Raw logits (says so, says otherwise, does not say) of the first piece."""
        _, verdict = self._run(self._rows("claim", claim, text, context)[0])
        return tuple(map(float, verdict[1:4]))

    def tag_scores(
        self, question: str, window: str, context: str = ""
    ) -> list[tuple[int, int, float]]:
        """(start, end, logit "part of an answer") of each token of the window's first piece."""
        row = self._rows("query", question, window, context)[0]
        tokens, _ = self._run(row)
        logits = tokens[row.first : row.first + len(row.offsets), 2]
        return [(a, b, float(x)) for (a, b), x in zip(row.offsets, logits, strict=True)]

    def mark_scores(self, claim: str, text: str, context: str = "") -> list[tuple[int, int, float]]:
        """(start, end, logit "not supported") of each token of the claim, over the first piece."""
        row = self._rows("claim", claim, text, context)[0]
        tokens, _ = self._run(row)
        places = zip(row.asked, tokens[1 : 1 + len(row.asked), 3], strict=True)
        return [(a, b, float(x)) for (a, b), x in places if a >= 0 and b > a]

    @cachedmethod(lambda self: self._readings, key=_texts, lock=lambda self: self._lock)
    def _reading(self, question: str, window: str, context: str) -> WindowReading:
        pieces = []
        for row in self._rows("query", question, window, context):
            tokens, verdict = self._run(row)
            start, end, best, null = _best_span(tokens, row, self._longest)
            c = self._calibration
            logit = c.answer * float(verdict[0]) + c.margin * (best - null) + c.bias
            start, end = _trimmed(window, start, end)
            last = row.first + len(row.offsets)
            places = _stretches(window, row.offsets, tokens[row.first : last, 2] >= c.tag)
            text = window[start:end]
            pieces.append(WindowReading(logistic(logit), start, end, text, places))
        nothing = WindowReading(0.0, 0, 0, "")
        return max(pieces, key=lambda r: r.probability, default=nothing)

    @cachedmethod(lambda self: self._views, key=_texts, lock=lambda self: self._lock)
    def _support(self, claim: str, text: str, context: str) -> ClaimSupport:
        views = []
        for row in self._rows("claim", claim, text, context):
            tokens, verdict = self._run(row)
            c = self._calibration
            scaled = np.exp((verdict[1:4] - verdict[1:4].max()) / c.temperature)
            entail, contradict, neutral = map(float, scaled / scaled.sum())
            marked = tokens[1 : 1 + len(row.asked), 3] >= c.mark
            missing = _stretches(claim, row.asked, marked)
            views.append(ClaimSupport(entail, contradict, neutral, missing))
        return min(views, key=lambda v: v.neutral) if views else ClaimSupport(0.0, 0.0, 1.0)

    def _rows(self, task: str, asked: str, window: str, context: str) -> list[_Row]:
        """The window with its question in front, in one sequence or several."""
        if not window.strip():
            return []
        encode = self._tokenizer.encode
        prefix = len(f"{task}: ")
        put = encode(f"{task}: {asked}", add_special_tokens=False)
        ask = put.ids[:_LONGEST_QUESTION]
        places = [(a - prefix, b - prefix) for a, b in put.offsets[:_LONGEST_QUESTION]]
        about = encode(context, add_special_tokens=False).ids[:_LONGEST_CONTEXT] if context else []
        told = encode(window, add_special_tokens=False)
        head = [_BEGIN, *ask, _END, *about, _END]
        before = [_QUESTION] * (len(ask) + 2) + [_CONTEXT] * (len(about) + 1)
        known = set(ask)
        whole = len(told.ids) <= _PIECE
        starts = [0] if whole else range(0, max(1, len(told.ids) - _PIECE + _STEP), _STEP)
        rows = []
        for at in starts:
            ids = told.ids[at : at + _PIECE]
            echoes = [_ECHO if token in known else _WINDOW for token in ids]
            rows.append(
                _Row(
                    [*head, *ids, _END],
                    [*before, *echoes, _WINDOW],
                    len(head),
                    told.offsets[at : at + _PIECE],
                    places,
                )
            )
        return rows

    def _run(self, row: _Row) -> tuple[Array, Array]:
        """Logits of the tokens (tokens, 4) and of the verdict (4,)."""
        found = self._network.run(row.ids, row.segments)
        return found["tokens"], found["verdict"]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch without white space at its ends: a token begins with the space before its word."""
    piece = text[start:end]
    if not piece.strip():
        return start, end
    return start + len(piece) - len(piece.lstrip()), start + len(piece.rstrip())


def _stretches(
    text: str, offsets: Sequence[tuple[int, int]], marked: npt.NDArray[np.bool_]
) -> tuple[tuple[int, int], ...]:
    """Runs of marked tokens as code points of the text; a gap of one token is bridged."""
    runs: list[tuple[int, int]] = []
    for i in np.flatnonzero(marked):
        if runs and i - runs[-1][1] <= 2:
            runs[-1] = (runs[-1][0], int(i))
        else:
            runs.append((int(i), int(i)))
    found = [_trimmed(text, max(0, offsets[a][0]), offsets[b][1]) for a, b in runs]
    return tuple((start, end) for start, end in found if start < end and text[start:end].strip())


def _best_span(tokens: Array, row: _Row, longest: int) -> tuple[int, int, float, float]:
    """Code points of the best span, its score and the score of "no answer"."""
    last = row.first + len(row.offsets)
    start, end = tokens[row.first : last, 0], tokens[row.first : last, 1]
    best, at = -np.inf, (0, 0)
    for width in range(min(longest, len(start))):
        sums = start[: len(start) - width] + end[width:]
        i = int(sums.argmax())
        if sums[i] > best:
            best, at = float(sums[i]), (i, i + width)
    left, right = row.offsets[at[0]][0], row.offsets[at[1]][1]
    return left, max(left, right), float(best), float(tokens[0, :2].sum())
