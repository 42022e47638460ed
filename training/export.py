r"""Write the file that the package ships: ``python -m training.export --work DIR --out FILE``.

The running average of a run becomes int8, one scale an output, and its scores are calibrated on
rows that no training saw (clusters 9 and 24 JaQuAD titles), with the product's own engine. Example:

    python -m training.export --data ../shared/data --work ../run1 --clusters DIR \\
        --out konkyo/rag/reading/reader.safetensors
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import nn

from konkyo.index.embedding.model_files import sha256_of
from konkyo.index.embedding.model_registry import model_path
from konkyo.rag.reading.reader import LearnedReader, load_reader
from training.checkpoint import load_average
from training.encoding import encode, make_batch
from training.mixture import Inputs, held_rows
from training.model import HEADS, WIDTH, forward, load_base
from training.negatives import product_encoders
from training.rows import NOT_SUPPORTED, Row
from training.windows import product_cutter

__all__ = ["PLAIN", "Peaks", "calibrate", "channel_peaks", "main", "peaks_while", "quantise"]

Peaks = dict[str, npt.NDArray[np.float32]]
PLAIN = {"answer": 1.0, "margin": 0.0, "bias": 0.0, "temperature": 1.0}
"""The calibration that changes nothing."""

_TOP, _QUANTILE, _POWER = 127, 0.95, 0.7
_VOCABULARY, _LONGEST = 250037, 48


def channel_peaks(average: Path, encoder: Path, rows: Sequence[Row]) -> Peaks:
    """The largest absolute input of each channel of each product, over some rows."""
    network, words = load_base(encoder)
    load_average(network, average)
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))

    def read() -> None:
        for row in rows:
            forward(network, words, make_batch([encode(tokenizer, row)]))

    return peaks_while(network, read)


def peaks_while(network: nn.Module, read: Callable[[], None]) -> Peaks:
    """The largest absolute input of each channel of each product while something is read."""
    found: dict[str, torch.Tensor] = {}

    def watch(name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def note(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            seen = inputs[0].abs().amax(dim=(0, 1))
            found[name] = torch.maximum(found[name], seen) if name in found else seen

        return note

    for name, module in network.named_modules():
        if name.startswith("layers.") and isinstance(module, nn.Linear):
            module.register_forward_pre_hook(watch(name))
    with torch.no_grad():
        read()
    return {name: value.numpy() for name, value in found.items()}


def quantise(
    average: Path,
    out: Path,
    calibration: dict[str, float],
    version: str,
    peaks: Peaks | None = None,
) -> None:
    """Write the shipped file: int8 matrices with one scale an output, the rest as floats.

    A few input channels are far larger than the rest and would coarsen the one scale of a
    product's activations: they are divided down, and their weights multiplied up (the idea of
    SmoothQuant, arXiv:2211.10438, for the outliers that ``peaks`` knows).
    """
    from safetensors.numpy import load_file, save_file

    tensors: dict[str, npt.NDArray[np.generic]] = {}
    for name, value in load_file(average).items():
        stem = name.removesuffix(".weight")
        if name == "segments":
            tensors["segments.weight"] = value
        elif name.startswith("layers.") and value.ndim == 2:
            matrix = value
            if peaks is not None:
                shrink = _shrink(peaks[stem])
                tensors[f"{stem}.shrink"] = shrink
                matrix = value * shrink
            scale = np.maximum(np.abs(matrix).max(axis=1), 1e-8) / _TOP
            tensors[name] = np.clip(np.rint(matrix / scale[:, None]), -_TOP, _TOP).astype(np.int8)
            tensors[f"{stem}.scale"] = scale.astype(np.float32)
        else:
            tensors[name] = value.astype(np.float16) if name == "positions" else value
    facts = {
        "vocabulary": _VOCABULARY,
        "width": WIDTH,
        "heads": HEADS,
        "longest": _LONGEST,
        "version": version,
        "calibration": calibration,
    }
    about = {
        "konkyo": json.dumps(facts, sort_keys=True),
        "licence": "CC BY-SA 4.0",
        "base": "intfloat/multilingual-e5-small (MIT)",
        "card": "docs/checker.md",
    }
    part = out.with_name(out.name + ".part")
    save_file(tensors, part, metadata=about)
    part.replace(out)


def _shrink(peak: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What each channel is divided by: 1 for most, more for the few that stand out."""
    usual = max(float(np.quantile(peak, _QUANTILE)), 1e-6)
    shrink: npt.NDArray[np.float32] = np.maximum(1.0, (peak / usual) ** _POWER).astype(np.float32)
    return shrink


def calibrate(checker: LearnedReader, rows: Sequence[Row]) -> dict[str, float]:
    """Fit the logistic of answers, the temperature of support and the thresholds of marks.

    Rows whose label is "contradicted or neutral" say nothing of the temperature and are left out.
    """
    scores, labels, verdicts, kinds = [], [], [], []
    for row in rows:
        if row.task == "query":
            pieces = checker.answer_scores(row.asked, row.window, row.context)
            scores.append((*max(pieces), 1.0))
            labels.append(float(row.label))
        elif row.label != NOT_SUPPORTED:
            verdicts.append(checker.support_scores(row.asked, row.window, row.context))
            kinds.append(row.label)
    fitted = _logistic(np.array(scores), np.array(labels))
    return {
        "tag": _threshold(_tags(checker, rows)),
        "mark": _threshold(_marks(checker, rows)),
        "answer": round(float(fitted[0]), 5),
        "margin": round(float(fitted[1]), 5),
        "bias": round(float(fitted[2]), 5),
        "temperature": round(_temperature(np.array(verdicts), np.array(kinds)), 5),
    }


Scored = list[tuple[float, bool]]


def _tags(checker: LearnedReader, rows: Sequence[Row]) -> Scored:
    """Logit and truth of each token of the windows of answered questions."""
    return [
        (logit, any(start < b and a < end for start, end in row.spans))
        for row in rows
        if row.spans
        for a, b, logit in checker.tag_scores(row.asked, row.window, row.context)
    ]


def _marks(checker: LearnedReader, rows: Sequence[Row]) -> Scored:
    """Logit and truth of each token of the claims whose changed words are known."""
    found = []
    for row in rows:
        wrong = [(start, end) for start, end, value in row.marks if value]
        if wrong:
            for a, b, logit in checker.mark_scores(row.asked, row.window, row.context):
                found.append((logit, any(start < b and a < end for start, end in wrong)))
    return found


def _threshold(scored: Scored) -> float:
    """The logit from which tokens count as marked so that F1 is highest; 0 where none is right."""
    if not any(right for _, right in scored):
        return 0.0
    order = sorted(scored, reverse=True)
    right = np.cumsum([r for _, r in order])
    best = int(np.argmax(2 * right / (np.arange(1, len(order) + 1) + right[-1])))
    return round(order[best][0], 5)


def _logistic(
    features: npt.NDArray[np.float64], wanted: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    from scipy.optimize import minimize
    from scipy.special import expit

    def loss(w: npt.NDArray[np.float64]) -> float:
        share = np.clip(expit(features @ w), 1e-6, 1 - 1e-6)
        likely = np.mean(wanted * np.log(share) + (1 - wanted) * np.log(1 - share))
        return float(1e-3 * w @ w - likely)

    found: npt.NDArray[np.float64] = minimize(loss, [1.0, 0.0, 0.0], method="L-BFGS-B").x
    return found


def _temperature(verdicts: npt.NDArray[np.float64], kinds: npt.NDArray[np.int64]) -> float:
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    def loss(t: npt.NDArray[np.float64]) -> float:
        shares = log_softmax(verdicts / np.exp(t[0]), axis=1)
        return float(-np.mean(shares[np.arange(len(kinds)), kinds]))

    return float(np.exp(minimize(loss, [0.0], method="L-BFGS-B").x[0]))


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the data sets")
    add("--work", type=Path, required=True, help="folder of the run")
    add("--clusters", type=Path, action="append", default=[], help="more clusters")
    add("--encoder", type=Path, help="folder of multilingual-e5-small")
    add("--seed", type=int, default=7)
    add("--sample", type=int, default=2000, help="held-out rows to calibrate on")
    add("--out", type=Path, required=True, help="the .safetensors file to write")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Quantise the average of a run, calibrate it on held-out rows and write it."""
    asked = _arguments(argv)
    encoder = asked.encoder or model_path("multilingual-e5-small")
    average = asked.work / "average.safetensors"
    with average.open("rb") as file:
        version = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    inputs = Inputs(asked.data, tuple(asked.clusters))
    cutter = product_cutter(tokenizer)
    rows = held_rows(inputs, asked.seed, cutter, product_encoders(encoder), asked.work)
    draft = asked.work / "draft.safetensors"
    peaks = channel_peaks(average, encoder, rows[-100:])
    quantise(average, draft, PLAIN, version, peaks)
    fitted = calibrate(load_reader(encoder, draft), rows[: asked.sample])
    print(f"calibration: {json.dumps(fitted)}", flush=True)
    quantise(average, asked.out, fitted, version, peaks)
    asked.out.with_suffix(".sha256").write_text(sha256_of(asked.out) + "\n", encoding="utf-8")
    print(f"wrote {asked.out}, {asked.out.stat().st_size:,} bytes, version {version}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
