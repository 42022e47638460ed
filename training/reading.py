"""Readings of rows by a network in training: scores, places and supports, in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer

from training.encoding import encode, make_batch
from training.model import Network, forward
from training.rows import Row

__all__ = ["Reading", "character_f1", "read"]

_LONGEST = 48


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network makes of one row.

    ``answer`` is its logit, ``margin`` the best span's score over "no answer"; ``text`` that
    span's text; ``tagged`` the stretches that tags mark as parts of an answer; ``support`` logits
    (says so, says otherwise, does not say).
    """

    answer: float
    margin: float
    text: str
    tagged: tuple[str, ...]
    support: tuple[float, ...]

    @property
    def score(self) -> float:
        """Both witnesses of "the window answers" together."""
        return self.answer + 0.25 * self.margin

    @property
    def supported(self) -> float:
        """Log-odds of "says so" against the other two."""
        return self.support[0] - float(np.logaddexp(self.support[1], self.support[2]))


def read(
    network: Network,
    words: torch.Tensor,
    tokenizer: Tokenizer,
    rows: Sequence[Row],
    size: int = 24,
) -> list[Reading]:
    """One reading a row, in order; read together with rows of like length."""
    encoded = [encode(tokenizer, row) for row in rows]
    order = sorted(range(len(rows)), key=lambda i: len(encoded[i].ids))
    found: dict[int, Reading] = {}
    with torch.no_grad():
        for at in range(0, len(order), size):
            piece = order[at : at + size]
            out = forward(network, words, make_batch([encoded[i] for i in piece]))
            span, tags = out.span.numpy(), out.tags.numpy()
            verdict = out.verdict.numpy()
            for place, i in enumerate(piece):
                offsets = tokenizer.encode(rows[i].window, add_special_tokens=False).offsets
                first = encoded[i].first
                offsets = offsets[: len(encoded[i].ids) - first - 1]
                last = first + len(offsets)
                start, end, best = _best(span[place, first:last])
                text = rows[i].window
                left, right = (offsets[start][0], offsets[end][1]) if offsets else (0, 0)
                found[i] = Reading(
                    float(verdict[place, 0]),
                    best - float(span[place, 0].sum()),
                    text[left:right].strip(),
                    _tagged(tags[place, first:last], offsets, text),
                    tuple(float(x) for x in verdict[place, 1:4]),
                )
    return [found[i] for i in range(len(rows))]


def _best(span: npt.NDArray[np.float32]) -> tuple[int, int, float]:
    best, at = -np.inf, (0, 0)
    for width in range(min(_LONGEST, len(span))):
        sums = span[: len(span) - width, 0] + span[width:, 1]
        i = int(sums.argmax())
        if sums[i] > best:
            best, at = float(sums[i]), (i, i + width)
    return *at, float(best)


def _tagged(
    tags: npt.NDArray[np.float32], offsets: Sequence[tuple[int, int]], text: str
) -> tuple[str, ...]:
    """Runs of tokens whose tag is likelier than not; a gap of one token is bridged."""
    found: list[tuple[int, int]] = []
    for i in np.flatnonzero(tags > 0):
        if found and i - found[-1][1] <= 2:
            found[-1] = (found[-1][0], int(i))
        else:
            found.append((int(i), int(i)))
    return tuple(text[offsets[a][0] : offsets[b][1]].strip() for a, b in found)


def character_f1(found: str, wanted: str) -> float:
    """Share of characters in common, white space left out (SQuAD's F1 over characters)."""
    left, right = (Counter("".join(t.split()).lower()) for t in (found, wanted))
    same = (left & right).total()
    return 2 * same / (left.total() + right.total()) if same else 0.0
