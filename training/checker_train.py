"""Train the checker: ``python -m training.checker_train --data DIR --encoder DIR --out FILE``.

One transformer (the twelve layers of multilingual-e5-small, its word embeddings frozen and shared)
with three heads: where the answer is, whether the window answers, whether the evidence supports.
Matrix products run in bfloat16 on a float32 master copy; the released weights are a running
average. A checkpoint is written while it trains, and the same command goes on from it.

Needs torch (imported when it runs). Examples:

    python -m training.checker_train --data ../shared/data --encoder ~/.cache/konkyo/e5 \\
        --out rag/checker.onnx --minutes 95 --seed 7
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.model_registry import model_path
from training.checker_data import Example, load_training

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

__all__ = [
    "Batch",
    "Encoded",
    "area_under_curve",
    "batches",
    "calibrate",
    "encode",
    "export",
    "main",
    "make_batch",
    "peaks",
    "release",
    "train",
]

LAYERS, WIDTH, HEADS, INNER = 12, 384, 12, 1536
LIMIT = 320
PARTS = 2
FROZEN = 4
TOKENS = 3072
TOP = 127
QUANTILE, POWER = 0.95, 0.7
QUESTION, CONTEXT, WINDOW, ECHO = 0, 1, 2, 3


Peaks = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row as numbers; ``span`` are token positions (0, 0: the window does not answer)."""

    ids: npt.NDArray[np.int64]
    segments: npt.NDArray[np.int64]
    span: tuple[int, int]
    task: int
    label: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of like length, padded; shapes (rows, tokens) or (rows,)."""

    ids: npt.NDArray[np.int64]
    segments: npt.NDArray[np.int64]
    mask: npt.NDArray[np.bool_]
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    task: npt.NDArray[np.int64]
    label: npt.NDArray[np.int64]


def encode(tokenizer: Tokenizer, row: Example, limit: int = LIMIT) -> Encoded:
    """``<s> query: asked </s> context </s> window </s>``, segments and span in tokens."""
    asked = tokenizer.encode(f"{row.task}: {row.asked}", add_special_tokens=False).ids[:96]
    context = (
        tokenizer.encode(row.context, add_special_tokens=False).ids[:32] if row.context else []
    )
    head = [0, *asked, 2, *context, 2]
    told = tokenizer.encode(row.window, add_special_tokens=False)
    room = limit - len(head) - 1
    window = told.ids[:room]
    known = set(asked)
    segments = (
        [QUESTION] * (len(asked) + 2)
        + [CONTEXT] * (len(context) + 1)
        + [ECHO if t in known else WINDOW for t in window]
        + [WINDOW]
    )
    span = (0, 0)
    if row.span is not None:
        inside = [
            i
            for i, (a, b) in enumerate(told.offsets[:room])
            if a < row.span[1] and b > row.span[0] and b > a
        ]
        if inside:
            span = (len(head) + inside[0], len(head) + inside[-1])
    return Encoded(
        np.array([*head, *window, 2]),
        np.array(segments),
        span,
        int(row.task == "claim"),
        row.label,
    )


def make_batch(rows: Sequence[Encoded]) -> Batch:
    """Pad to the longest row, rounded up to 8 tokens."""
    width = -(-max(len(r.ids) for r in rows) // 8) * 8
    ids = np.ones((len(rows), width), np.int64)
    segments = np.zeros((len(rows), width), np.int64)
    mask = np.zeros((len(rows), width), np.bool_)
    for i, r in enumerate(rows):
        ids[i, : len(r.ids)] = r.ids
        segments[i, : len(r.ids)] = r.segments
        mask[i, : len(r.ids)] = True
    return Batch(
        ids,
        segments,
        mask,
        np.array([r.span[0] for r in rows]),
        np.array([r.span[1] for r in rows]),
        np.array([r.task for r in rows]),
        np.array([r.label for r in rows]),
    )


def batches(
    tokenizer: Tokenizer, rows: Sequence[Example], tokens: int, seed: int, skip: int = 0
) -> Iterator[tuple[int, list[Batch]]]:
    """Batches of at most ``tokens`` padded tokens in parts, with the number of rows used so far.

    Rows are sorted by length within pools of 2,048, and the batches of a pool are shuffled.
    The first ``skip`` rows are passed over, to go on after a stop.
    """
    pool = 2048
    used = 0
    for at in range(0, len(rows), pool):
        piece = rows[at : at + pool]
        if used + len(piece) <= skip:
            used += len(piece)
            continue
        encoded = sorted((encode(tokenizer, r) for r in piece), key=lambda e: len(e.ids))
        groups: list[list[Encoded]] = [[]]
        for e in encoded:
            if groups[-1] and (len(groups[-1]) + 1) * (len(e.ids) + 7) > tokens:
                groups.append([])
            groups[-1].append(e)
        random.Random(f"{seed}/{at}").shuffle(groups)
        for group in groups:
            used += len(group)
            if used <= skip:
                continue
            yield used, [make_batch(group[i::PARTS]) for i in range(min(PARTS, len(group)))]


def _network() -> type[torch.nn.Module]:
    import torch
    from torch import nn
    from torch.nn import functional

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
            self.o = nn.Linear(WIDTH, WIDTH)
            self.n1 = nn.LayerNorm(WIDTH, eps=1e-12)
            self.f1 = nn.Linear(WIDTH, INNER)
            self.f2 = nn.Linear(INNER, WIDTH)
            self.n2 = nn.LayerNorm(WIDTH, eps=1e-12)

        def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            rows, tokens = x.shape[0], x.shape[1]
            shape = (rows, tokens, 3, HEADS, WIDTH // HEADS)
            q, k, v = self.qkv(x).view(shape).permute(2, 0, 3, 1, 4).unbind(0)
            # Written out: torch's fused bfloat16 attention is three times slower backwards here.
            scores = torch.matmul(q, k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5) + mask
            mixed = torch.matmul(torch.softmax(scores, -1), v)
            x = self.n1(x + self.o(mixed.transpose(1, 2).reshape(rows, tokens, WIDTH)))
            out: torch.Tensor = self.n2(x + self.f2(functional.gelu(self.f1(x))))
            return out

    class Network(nn.Module):
        """Word vectors in, span logits (rows, tokens, 2), answer and support logits out."""

        def __init__(self) -> None:
            super().__init__()
            self.positions = nn.Parameter(torch.zeros(512, WIDTH))
            self.segments = nn.Parameter(torch.zeros(4, WIDTH))
            self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
            self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
            self.span = nn.Linear(WIDTH, 2)
            self.pool = nn.Linear(WIDTH, WIDTH)
            self.verdict = nn.Linear(WIDTH, 4)

        def forward(
            self, words: torch.Tensor, segments: torch.Tensor, mask: torch.Tensor
        ) -> tuple[torch.Tensor, torch.Tensor]:
            x = self.norm(words + self.positions[: words.shape[1]])
            wall = ((1.0 - mask.to(x.dtype)) * -1e4)[:, None, None, :]
            for depth, layer in enumerate(self.layers):
                if depth == FROZEN:
                    x = x.detach() + self.segments[segments]
                x = layer(x, wall)
            return self.span(x), self.verdict(torch.tanh(self.pool(x[:, 0])))

    return Network


def _load_base(folder: Path) -> tuple[torch.nn.Module, torch.Tensor]:
    """The network with the encoder's weights in it, and the frozen word vectors."""
    import torch
    from safetensors.torch import load_file

    raw = load_file(folder / "model.safetensors")
    base = {
        k.removeprefix("0.auto_model.").removeprefix("bert."): v.float() for k, v in raw.items()
    }
    network = _network()()
    state = dict(network.state_dict())
    state["positions"] = (
        base["embeddings.position_embeddings.weight"]
        + base["embeddings.token_type_embeddings.weight"][0]
    )
    state["norm.weight"] = base["embeddings.LayerNorm.weight"]
    state["norm.bias"] = base["embeddings.LayerNorm.bias"]
    names = {
        "o": "attention.output.dense",
        "n1": "attention.output.LayerNorm",
        "f1": "intermediate.dense",
        "f2": "output.dense",
        "n2": "output.LayerNorm",
    }
    for i in range(LAYERS):
        for kind in ("weight", "bias"):
            prefix = f"encoder.layer.{i}."
            state[f"layers.{i}.qkv.{kind}"] = torch.cat(
                [base[f"{prefix}attention.self.{n}.{kind}"] for n in ("query", "key", "value")]
            )
            for mine, theirs in names.items():
                state[f"layers.{i}.{mine}.{kind}"] = base[f"{prefix}{theirs}.{kind}"]
    network.load_state_dict(state)
    return network, base["embeddings.word_embeddings.weight"]


def _forward(
    network: torch.nn.Module, words: torch.Tensor, batch: Batch
) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    dtype = next(network.parameters()).dtype
    vectors = words[torch.from_numpy(batch.ids)].to(dtype)
    span, verdict = network(vectors, torch.from_numpy(batch.segments), torch.from_numpy(batch.mask))
    readable = (torch.from_numpy(batch.segments) >= WINDOW) & torch.from_numpy(batch.mask)
    readable[:, 0] = True
    span = span.float().masked_fill(~readable[:, :, None], -1e4)
    return span, verdict.float()


def _loss(span: torch.Tensor, verdict: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Span cross-entropy (position 0: no answer) + answers-or-not + support; a sum over rows."""
    import torch
    from torch.nn import functional

    claim = torch.from_numpy(batch.task == 1)
    label = torch.from_numpy(batch.label)
    total = span.new_zeros(())
    asked = ~claim
    # A positive whose answer was cut off by the length limit teaches nothing.
    usable = asked & ((label == 0) | torch.from_numpy(batch.start > 0))
    if bool(usable.any()):
        start = torch.from_numpy(batch.start)[usable]
        end = torch.from_numpy(batch.end)[usable]
        where = functional.cross_entropy(span[usable, :, 0], start, reduction="none")
        where = where + functional.cross_entropy(span[usable, :, 1], end, reduction="none")
        weight = torch.where(start > 0, 0.5, 0.25)
        smooth = label[usable].float() * 0.96 + 0.02
        whether = functional.binary_cross_entropy_with_logits(
            verdict[usable, 0], smooth, reduction="none"
        )
        total = total + (weight * where + whether).sum()
    if bool(claim.any()):
        total = total + functional.cross_entropy(
            verdict[claim, 1:], label[claim], reduction="sum", label_smoothing=0.03
        )
    return total


def area_under_curve(scores: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float:
    """Share of (positive, negative) pairs in the right order; ties count half."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    positive = int((labels == 1).sum())
    negative = len(labels) - positive
    if not positive or not negative:
        return float("nan")
    return float((ranks[labels == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def _watch(
    network: torch.nn.Module, words: torch.Tensor, rows: Sequence[Encoded]
) -> dict[str, float]:
    import torch

    order = sorted(range(len(rows)), key=lambda i: len(rows[i].ids))
    answer, label, exact, support = [], [], [], []
    with torch.no_grad():
        for at in range(0, len(order), 32):
            piece = [rows[i] for i in order[at : at + 32]]
            batch = make_batch(piece)
            span, verdict = _forward(network, words, batch)
            for i, row in enumerate(piece):
                if row.task:
                    support.append(float(int(verdict[i, 1:].argmax()) == row.label))
                    continue
                null = float(span[i, 0].sum())
                span[i, 0] = -1e4
                best = span[i].argmax(0)
                gain = float(span[i].amax(0).sum()) - null
                answer.append((float(verdict[i, 0]), gain))
                label.append(row.label)
                if row.label:
                    exact.append(float((int(best[0]), int(best[1])) == row.span))
    scores = np.array(answer)
    labels = np.array(label)
    return {
        "answer_auc": area_under_curve(scores[:, 0], labels),
        "null_auc": area_under_curve(scores[:, 1], labels),
        "exact": float(np.mean(exact)),
        "support": float(np.mean(support)),
    }


def _frozen(name: str) -> bool:
    """Whether a parameter stays as the encoder has it: the embeddings and the lowest layers."""
    if name.startswith("layers."):
        return int(name.split(".")[1]) < FROZEN
    return name.startswith(("positions", "norm."))


def _rate(progress: float, step: int) -> float:
    """Warm up for 100 steps, stay, and go down linearly over the last 35 %."""
    warm = min(1.0, (step + 1) / 100)
    return warm * min(1.0, max(0.0, (1.0 - progress) / 0.35))


def _prepared(
    data: Path, work: Path, seed: int, claims: int = 1
) -> tuple[list[Example], list[Example]]:
    """``load_training``, kept in the work folder so that going on does not make the rows again."""
    kept = work / (f"rows-{seed}.json" if claims == 1 else f"rows-{seed}-{claims}.json")
    if kept.exists():
        found = json.loads(kept.read_text(encoding="utf-8"))
        rows, held = (
            [
                Example(r[0], r[1], r[2], r[3], int(r[4]), (r[5][0], r[5][1]) if r[5] else None)
                for r in found[k]
            ]
            for k in ("rows", "held")
        )
        return rows, held
    rows, held = load_training(data, seed, claims)
    text = json.dumps(
        {"rows": [astuple(r) for r in rows], "held": [astuple(r) for r in held]}, ensure_ascii=False
    )
    part = kept.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.rename(kept)
    return rows, held


def train(
    data: Path,
    encoder: Path,
    work: Path,
    *,
    minutes: float = 0.0,
    windows: int = 0,
    seed: int = 7,
    claims: int = 1,
    peak: float = 1.2e-4,
    start: Path | None = None,
) -> Path:
    """Train and leave ``work/average.safetensors``; goes on from ``work/state.json``.

    ``start`` is the average of an earlier stage to begin from instead of the encoder.
    """
    import torch
    from safetensors.torch import load_file, save_file
    from tokenizers import Tokenizer

    torch.manual_seed(seed)
    work.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    master, words = _load_base(encoder)
    if start is not None:
        master.load_state_dict(load_file(start))
    rows, held = _prepared(data, work, seed, claims)
    rows = rows[:windows] if windows else rows
    watched = [encode(tokenizer, r) for r in held[:240]]
    words16 = words.bfloat16()
    fast = _network()().bfloat16()
    fast.load_state_dict(master.state_dict())
    parameters = {n: p for n, p in master.named_parameters() if not _frozen(n)}
    names = list(parameters)
    quick = {n: p for n, p in fast.named_parameters() if not _frozen(n)}
    kinds: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in parameters.items():
        parameter.grad = torch.zeros_like(parameter)
        factor = 4.0
        if name.startswith("layers."):
            factor = 0.92 ** (LAYERS - 1 - int(name.split(".")[1]))
        decay = 0.01 if parameter.dim() > 1 else 0.0
        kinds.setdefault((factor, decay), []).append(parameter)
    groups = [
        {"params": found, "weight_decay": decay, "factor": factor, "lr": 0.0}
        for (factor, decay), found in kinds.items()
    ]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, fused=True)
    average = {n: p.detach().clone() for n, p in parameters.items()}
    step = used = 0
    spent = 0.0
    state_file = work / "state.json"
    if state_file.exists():
        state = json.loads(state_file.read_text())
        step, used, spent = state["step"], state["used"], state["spent"]
        saved = load_file(work / "resume.safetensors")
        for n, p in parameters.items():
            p.data.copy_(saved[f"master/{n}"])
            average[n].copy_(saved[f"average/{n}"])
            optimiser.state[p] = {
                "step": torch.tensor(float(step)),
                "exp_avg": saved[f"first/{n}"],
                "exp_avg_sq": saved[f"second/{n}"],
            }
        print(f"going on at step {step}, {used} windows, {spent / 60:.1f} min", flush=True)

    def synchronise() -> None:
        with torch.no_grad():
            for n in names:
                quick[n].copy_(parameters[n])

    def save() -> None:
        tensors = {}
        for n, p in parameters.items():
            tensors[f"master/{n}"] = p.detach()
            tensors[f"average/{n}"] = average[n]
            tensors[f"first/{n}"] = optimiser.state[p]["exp_avg"]
            tensors[f"second/{n}"] = optimiser.state[p]["exp_avg_sq"]
        save_file(tensors, work / "resume.part")
        (work / "resume.part").rename(work / "resume.safetensors")
        whole = {**master.state_dict(), **average}
        save_file({n: a.contiguous() for n, a in whole.items()}, work / "average.part")
        (work / "average.part").rename(work / "average.safetensors")
        state_file.write_text(json.dumps({"step": step, "used": used, "spent": spent}))

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    synchronise()
    began = time.monotonic() - spent
    last_saved = last_said = time.monotonic()
    losses: list[float] = []
    said_used = used
    inputs = [quick[n] for n in names]

    def work_on(batch: Batch, rows_in_all: int) -> tuple[list[torch.Tensor], float]:
        torch.set_num_threads(1)
        loss = _loss(*_forward(fast, words16, batch), batch) / rows_in_all
        found = torch.autograd.grad(loss, inputs, allow_unused=True)
        grads = [
            torch.zeros_like(p) if g is None else g for g, p in zip(found, inputs, strict=True)
        ]
        return grads, float(loss.detach())

    # One thread a part and one core a thread: on a shared machine this is twice as quick as two
    # threads inside each operation, which wait for each other thousands of times a step. The
    # parts are added in a fixed order, so the result does not depend on who was first.
    pool = ThreadPoolExecutor(2)
    for n, p in fast.named_parameters():
        p.requires_grad_(not _frozen(n))
    for used_now, parts in batches(tokenizer, rows, TOKENS, seed, used):
        spent = time.monotonic() - began
        progress = max(used_now / len(rows), spent / 60 / minutes if minutes else 0.0)
        if progress >= 1.0:
            break
        for group in optimiser.param_groups:
            group["lr"] = peak * group["factor"] * _rate(progress, step)
        count = sum(len(part.label) for part in parts)
        (grads, first_loss), *others = pool.map(work_on, parts, [count] * len(parts))
        for more, _ in others:
            torch._foreach_add_(grads, more)
        for parameter, grad in zip(parameters.values(), grads, strict=True):
            assert parameter.grad is not None
            parameter.grad.copy_(grad)
        torch.nn.utils.clip_grad_norm_(list(parameters.values()), 1.0)
        optimiser.step()
        synchronise()
        if step % 4 == 0:
            keep = min(0.985, (1 + step) / (40 + step))
            with torch.no_grad():
                for n, p in parameters.items():
                    average[n].lerp_(p, 1 - keep)
        losses.append(first_loss + sum(x for _, x in others))
        step += 1
        used = used_now
        now = time.monotonic()
        if step % 25 == 0:
            pace = (used - said_used) / (now - last_said)
            print(
                f"step {step} windows {used}/{len(rows)} {spent / 60:.1f} min {pace:.1f}/s "
                f"progress {progress:.3f} loss {np.mean(losses[-100:]):.4f}",
                flush=True,
            )
            last_said, said_used = now, used
        if stopped.is_set():
            save()
            raise KeyboardInterrupt
        if now - last_saved > 600:
            save()
            trial = _network()().bfloat16()
            trial.load_state_dict({**master.state_dict(), **average})
            figures = _watch(trial, words16, watched)
            print(
                "held out: " + json.dumps({k: round(v, 4) for k, v in figures.items()}), flush=True
            )
            last_saved = time.monotonic()
    save()
    trial = _network()()
    trial.load_state_dict({**master.state_dict(), **average})
    print("held out, average, float32: " + json.dumps(_watch(trial, words, watched)), flush=True)
    return work / "average.safetensors"


def peaks(average: Path, encoder: Path, rows: Sequence[Example]) -> Peaks:
    """The largest absolute input of each channel of each product, over some rows."""
    import torch
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    network, words = _load_base(encoder)
    network.load_state_dict(load_file(average))
    found: dict[str, torch.Tensor] = {}

    def watch(name: str) -> Callable[[torch.nn.Module, tuple[torch.Tensor, ...]], None]:
        def note(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            seen = inputs[0].abs().amax(dim=(0, 1))
            found[name] = torch.maximum(found[name], seen) if name in found else seen

        return note

    for name, module in network.named_modules():
        if name.startswith("layers.") and isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(watch(name))
    tokenizer = Tokenizer.from_file(str(encoder / "tokenizer.json"))
    with torch.no_grad():
        for row in rows:
            _forward(network, words, make_batch([encode(tokenizer, row)]))
    return {name: value.numpy() for name, value in found.items()}


def export(
    average: Path,
    out: Path,
    calibration: dict[str, float],
    version: str,
    found: Peaks | None = None,
) -> None:
    """Write the shipped file: int8 matrices with one scale an output, the rest as float16/32.

    A few input channels are far larger than the rest and would coarsen the one scale of a
    product's activations: they are divided down, and their weights multiplied up (the idea of
    SmoothQuant, arXiv:2211.10438, for the outliers that ``found`` knows).
    """
    from safetensors.numpy import load_file, save_file

    tensors: dict[str, npt.NDArray[np.generic]] = {}
    for name, value in load_file(average).items():
        stem = name.removesuffix(".weight")
        if name == "segments":
            tensors["segments.weight"] = value
        elif name.startswith("layers.") and value.ndim == 2:
            matrix = value
            if found is not None:
                shrink = _shrink(found[stem])
                tensors[f"{stem}.shrink"] = shrink
                matrix = value * shrink
            scale = np.maximum(np.abs(matrix).max(axis=1), 1e-8) / TOP
            tensors[name] = np.clip(np.rint(matrix / scale[:, None]), -TOP, TOP).astype(np.int8)
            tensors[f"{stem}.scale"] = scale.astype(np.float32)
        else:
            tensors[name] = value.astype(np.float16) if name == "positions" else value
    facts = {
        "vocabulary": 250037,
        "width": WIDTH,
        "heads": HEADS,
        "frozen": FROZEN,
        "version": version,
        "calibration": calibration,
    }
    about = {
        "konkyo": json.dumps(facts, sort_keys=True),
        "licence": "CC BY-SA 4.0",
        "base": "intfloat/multilingual-e5-small (MIT)",
        "card": "docs/checker.md",
    }
    save_file(tensors, out, metadata=about)


def _shrink(peak: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """What each channel is divided by: 1 for most, more for the few that stand out."""
    usual = max(float(np.quantile(peak, QUANTILE)), 1e-6)
    shrink: npt.NDArray[np.float32] = np.maximum(1.0, (peak / usual) ** POWER).astype(np.float32)
    return shrink


def calibrate(encoder: Path, weights: Path, rows: Sequence[Example]) -> dict[str, float]:
    """Fit the two-feature logistic of answers and the temperature of support on held-out rows.

    ``weights`` is a file of ``export`` with any calibration; the int8 engine itself is measured.
    """
    from scipy.optimize import minimize
    from scipy.special import expit, log_softmax

    from konkyo.rag.reading.reader import load_reader

    checker = load_reader(encoder, weights)
    scores, labels, verdicts, kinds = [], [], [], []
    for row in rows:
        if row.task == "query":
            piece = max(checker.answer_scores(row.asked, row.window, row.context))
            scores.append((*piece, 1.0))
            labels.append(float(row.label))
        else:
            verdicts.append(checker.support_scores(row.asked, row.window, row.context))
            kinds.append(row.label)
    features, wanted = np.array(scores), np.array(labels)

    def answer_loss(w: npt.NDArray[np.float64]) -> float:
        share = np.clip(expit(features @ w), 1e-6, 1 - 1e-6)
        likely = np.mean(wanted * np.log(share) + (1 - wanted) * np.log(1 - share))
        return float(1e-3 * w @ w - likely)

    def support_loss(t: npt.NDArray[np.float64]) -> float:
        shares = log_softmax(np.array(verdicts) / np.exp(t[0]), axis=1)
        return float(-np.mean(shares[np.arange(len(kinds)), kinds]))

    fitted = minimize(answer_loss, np.array([1.0, 0.0, 0.0]), method="L-BFGS-B").x
    warmth = minimize(support_loss, np.zeros(1), method="L-BFGS-B").x
    return {
        "answer": round(float(fitted[0]), 5),
        "margin": round(float(fitted[1]), 5),
        "bias": round(float(fitted[2]), 5),
        "temperature": round(float(np.exp(warmth[0])), 5),
    }


def release(data: Path, encoder: Path, work: Path, out: Path, seed: int, sample: int) -> None:
    """Quantise the average of ``work``, calibrate it on held-out rows and write ``out``."""
    import hashlib

    average = work / "average.safetensors"
    with average.open("rb") as file:
        version = hashlib.file_digest(file, "sha256").hexdigest()[:12]
    plain = {"answer": 1.0, "margin": 0.0, "bias": 0.0, "temperature": 1.0}
    draft = work / "draft.safetensors"
    _, held = _prepared(data, work, seed)
    outliers = peaks(average, encoder, held[-100:])
    export(average, draft, plain, version, outliers)
    fitted = calibrate(encoder, draft, held[:sample])
    print(f"calibration: {json.dumps(fitted)}", flush=True)
    export(average, draft, fitted, version, outliers)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    part.write_bytes(draft.read_bytes())
    part.replace(out)
    print(f"wrote {out}, {out.stat().st_size:,} bytes, version {version}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the command line; train (or go on), then quantise, calibrate and write."""
    parser = argparse.ArgumentParser(
        prog="python -m training.checker_train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--encoder", type=Path, help="folder of multilingual-e5-small")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--work", type=Path, help="checkpoints (default: beside --out, .training)")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after this long; 0: never")
    parser.add_argument("--windows", type=int, default=0, help="rows to train on; 0: all")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--claims", type=int, default=1, help="draws of claims; 4: second stage")
    parser.add_argument("--start", type=Path, help="average.safetensors of the stage before")
    parser.add_argument("--peak", type=float, default=1.2e-4, help="learning rate of the top layer")
    parser.add_argument("--sample", type=int, default=1500, help="held-out rows to calibrate on")
    parser.add_argument(
        "--release-only", action="store_true", help="write --out from the last checkpoint"
    )
    asked = parser.parse_args(argv)
    encoder = asked.encoder or model_path("multilingual-e5-small")
    work = asked.work or asked.out.with_suffix(".training")
    if not asked.release_only:
        try:
            train(
                asked.data,
                encoder,
                work,
                minutes=asked.minutes,
                windows=asked.windows,
                seed=asked.seed,
                claims=asked.claims,
                peak=asked.peak,
                start=asked.start,
            )
        except KeyboardInterrupt:
            print(f"stopped; saved in {work}; the same command goes on from there", flush=True)
            return 130
    release(asked.data, encoder, work, asked.out, asked.seed, asked.sample)
    return 0


if __name__ == "__main__":
    sys.exit(main())
