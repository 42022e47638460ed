r"""Train the reader: ``python -m training.train --data DIR --work DIR``.

The mixture of an epoch is drawn from the seed and written to the work folder, then read in
batches of like length. Matrix products run in bfloat16 on a float32 master copy, each half of a
batch on a thread of its own; the weights to use are a running average. ``curve.jsonl`` in the work
folder holds losses and figures on the reporting clusters. A stop (Ctrl-C, SIGTERM) saves; the same
command goes on from there. Needs torch and multilingual-e5-small (``konkyo models pull``).

A first run of three epochs, with further clusters of one's own and questions over NTREX:

    python -m training.train --data ../shared/data --work ../run1 --clusters DIR --ntrex DIR

Go on with the same command. To take data that have come since, begin the next epoch at once:

    python -m training.train ... --next-epoch

A second stage from the first one's average, with reading in two languages at once:

    python -m training.train ... --work ../run2 --start ../run1/average.safetensors \\
        --peak 5e-5 --twins 0.3
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from tokenizers import Tokenizer

from konkyo.index.embedding.model_registry import model_path
from training import checkpoint
from training.encoding import Batch, batches
from training.measure import network_reader, quick_figures
from training.mixture import Inputs, counts, mixture
from training.model import LAYERS, Network, Weights, forward, load_base, loss_of
from training.negatives import product_encoders
from training.rows import Row, read_rows, write_rows
from training.windows import product_cutter

__all__ = ["Plan", "Trainer", "epoch_rows", "main", "rate"]

Gradients = list[torch.Tensor]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does; its rate is zero after ``total`` rows or ``budget`` minutes (0: any)."""

    inputs: Inputs
    encoder: Path
    work: Path
    seed: int = 7
    total: int = 400_000
    peak: float = 1.2e-4
    tokens: int = 4096
    minutes: float = 0.0
    budget: float = 0.0
    measure_every: float = 15.0
    weights: Weights = field(default_factory=Weights)
    start: Path | None = None
    hard: Path | None = None


def rate(done: float, step: int) -> float:
    """Share of the peak learning rate: up over 150 steps, flat, down over the last 35 %."""
    warm = min(1.0, (step + 1) / 150)
    return warm * min(1.0, max(0.0, (1.0 - done) / 0.35))


def epoch_rows(plan: Plan, tokenizer: Tokenizer, epoch: int) -> list[Row]:
    """The rows of an epoch, drawn once and kept in the work folder so that going on is exact."""
    kept = plan.work / f"rows-{plan.seed}-{epoch}.jsonl"
    if not kept.exists():
        cutter = product_cutter(tokenizer)
        encoders = product_encoders(plan.encoder)
        rows = mixture(plan.inputs, epoch, plan.seed, cutter, encoders, plan.work)
        if plan.hard is not None:
            hard = list(read_rows(plan.hard))
            rows = [*hard, *rows[: len(hard)]]
            random.Random(f"{plan.seed}/{epoch}/hard").shuffle(rows)
        write_rows(kept, rows)
        checkpoint.append_curve(plan.work, {"epoch": epoch, "rows": counts(rows)})
    return list(read_rows(kept))


class Trainer:
    """A float32 master, its bfloat16 copy that reads, and the running average."""

    def __init__(self, plan: Plan) -> None:
        torch.manual_seed(plan.seed)
        # One thread a part of a batch and one core a thread: on a shared machine this is twice
        # as quick as threads inside each operation, which wait for each other all the time.
        torch.set_num_threads(1)
        self.plan = plan
        self.tokenizer = Tokenizer.from_file(str(plan.encoder / "tokenizer.json"))
        self.master, words = load_base(plan.encoder)
        if plan.start is not None:
            checkpoint.load_average(self.master, plan.start)
        self.words = words.bfloat16()
        self.parameters = dict(self.master.named_parameters())
        self.average = {n: p.detach().clone() for n, p in self.parameters.items()}
        for parameter in self.parameters.values():
            parameter.grad = torch.zeros_like(parameter)
        self.optimiser = _optimiser(self.parameters)
        self.progress = checkpoint.load(plan.work, self.parameters, self.average, self.optimiser)
        self.fast = Network().bfloat16()
        self.inputs = list(self.fast.parameters())
        self.stopped = threading.Event()
        self.losses: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(2)
        self._copy()

    @property
    def done(self) -> float:
        """How much of the run is over: by rows or by time, whichever is further; 1 is the end."""
        seen = self.progress.seen / self.plan.total
        if not self.plan.budget:
            return seen
        return max(seen, self.progress.spent / (60 * self.plan.budget))

    def _copy(self) -> None:
        with torch.no_grad():
            for fast, master in zip(self.inputs, self.parameters.values(), strict=True):
                fast.copy_(master)

    def _read(self, batch: Batch, rows: int) -> tuple[Gradients, dict[str, float]]:
        torch.set_num_threads(1)  # It is a setting of each thread.
        parts = loss_of(forward(self.fast, self.words, batch), batch, self.plan.weights)
        loss = sum(parts.values(), torch.zeros(())) / rows
        found = torch.autograd.grad(loss, self.inputs, allow_unused=True)
        grads = [
            torch.zeros_like(p) if g is None else g for g, p in zip(found, self.inputs, strict=True)
        ]
        return grads, {k: float(v.detach()) for k, v in parts.items()}

    def step(self, parts: Sequence[Batch]) -> None:
        """One update from the parts of a batch, added in a fixed order."""
        rows = sum(len(part.label) for part in parts)
        (grads, said), *others = self._pool.map(self._read, parts, [rows] * len(parts))
        for more, _ in others:
            torch._foreach_add_(grads, more)
        # Into the same memory each time: fresh float32 tensors cost more than the network.
        for parameter, grad in zip(self.parameters.values(), grads, strict=True):
            assert parameter.grad is not None
            parameter.grad.copy_(grad)
        torch.nn.utils.clip_grad_norm_(list(self.parameters.values()), 1.0)
        factor = rate(self.done, self.progress.step)
        for group in self.optimiser.param_groups:
            group["lr"] = self.plan.peak * group["factor"] * factor
        self.optimiser.step()
        self._copy()
        if self.progress.step % 4 == 0:
            keep = min(0.99, (1 + self.progress.step) / (40 + self.progress.step))
            with torch.no_grad():
                for n, p in self.parameters.items():
                    self.average[n].lerp_(p, 1 - keep)
        for one in (said, *(x for _, x in others)):
            for name, value in one.items():
                self.losses[name] = self.losses.get(name, 0.0) + value
        self.losses["rows"] = self.losses.get("rows", 0.0) + rows
        self.progress.step += 1

    def save(self) -> None:
        """Write the state to the work folder."""
        checkpoint.save(
            self.plan.work, self.progress, self.parameters, self.average, self.optimiser
        )

    def say(self, began: float) -> None:
        """Add the mean losses since the last time to the curve."""
        rows = self.losses.pop("rows", 1.0)
        line = {
            **asdict(self.progress),
            "spent": round(self.progress.spent),
            "pace": round(rows / max(time.monotonic() - began, 1e-6), 2),
            "loss": {k: round(v / rows, 4) for k, v in sorted(self.losses.items())},
        }
        checkpoint.append_curve(self.plan.work, line)
        print(line, flush=True)
        self.losses = {}

    def measure(self) -> None:
        """Save, and add figures on a sample of the reporting clusters to the curve."""
        self.save()
        trial = Network().bfloat16()
        trial.load_state_dict(self.average)
        reader = network_reader(trial, self.words, self.tokenizer)
        cutter = product_cutter(self.tokenizer)
        figures = quick_figures(reader, cutter, self.plan.inputs.data)
        line = {"step": self.progress.step, "seen": self.progress.seen, "dev": figures}
        checkpoint.append_curve(self.plan.work, line)
        print(line, flush=True)

    def run(self) -> bool:
        """Train to the end of the plan; whether it came to the end (else it was stopped)."""
        spent = self.progress.spent
        began = said = measured = time.monotonic()
        while self.done < 1:
            rows = epoch_rows(self.plan, self.tokenizer, self.progress.epoch)
            order = f"{self.plan.seed}/{self.progress.epoch}"
            twins = self.plan.weights.twins > 0
            for used, parts in batches(
                self.tokenizer, rows, self.plan.tokens, order, self.progress.used, twins
            ):
                self.step(parts)
                now = time.monotonic()
                self.progress.seen += used - self.progress.used
                self.progress.used = used
                self.progress.spent = spent + now - began
                if self.progress.step % 25 == 0:
                    self.say(said)
                    said = time.monotonic()
                late = self.plan.minutes and now - began > 60 * self.plan.minutes
                if self.stopped.is_set() or late:
                    self.save()
                    return False
                if now - measured > 60 * self.plan.measure_every:
                    self.say(said)
                    self.measure()
                    said = measured = time.monotonic()
                if self.done >= 1:
                    break
            else:
                self.progress.epoch += 1
                self.progress.used = 0
        self.measure()
        return True


def _optimiser(parameters: checkpoint.Parameters) -> torch.optim.Optimizer:
    """AdamW; lower layers learn more slowly (8 % a layer), heads four times as fast."""
    kinds: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in parameters.items():
        factor = 4.0
        if name.startswith("layers."):
            factor = 0.92 ** (LAYERS - 1 - int(name.split(".")[1]))
        elif name.startswith(("positions", "norm.")):
            factor = 0.92**LAYERS
        decay = 0.01 if parameter.dim() > 1 else 0.0
        kinds.setdefault((factor, decay), []).append(parameter)
    groups = [
        {"params": found, "weight_decay": decay, "factor": factor, "lr": 0.0}
        for (factor, decay), found in kinds.items()
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, fused=True)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the data sets")
    add("--work", type=Path, required=True, help="folder of checkpoints, outside the checkout")
    add("--encoder", type=Path, help="folder of multilingual-e5-small")
    add("--clusters", type=Path, action="append", default=[], help="more clusters")
    add("--ntrex", type=Path, help="folder of questions over NTREX documents")
    add("--seed", type=int, default=7)
    add(
        "--total", type=int, default=400_000, help="rows in all; the rate falls over the last 35 %%"
    )
    add("--minutes", type=float, default=0.0, help="save and stop after this long; 0: never")
    add("--budget", type=float, default=0.0, help="minutes in all until the rate is zero; 0: any")
    add("--peak", type=float, default=1.2e-4, help="learning rate of the top layer")
    add("--tokens", type=int, default=4096, help="padded tokens a step")
    add("--twins", type=float, default=0.0, help="weight of agreement between two languages")
    add("--news-draws", type=int, default=2, help="how often an epoch draws each news question")
    add("--share", type=float, default=1.0, help="scales the share of the encyclopaedic sets")
    add(
        "--start",
        type=Path,
        help="average.safetensors of a run, or the shipped reader, to begin from",
    )
    add(
        "--hard",
        type=Path,
        help="rows of training.hard_negatives: an epoch is all of them and as many of the mixture",
    )
    add("--measure-every", type=float, default=15.0, help="minutes between figures")
    add("--next-epoch", action="store_true", help="begin the next epoch, with the data of now")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Train, or go on; 0 at the end, 130 where it was stopped."""
    asked = _arguments(argv)
    asked.work.mkdir(parents=True, exist_ok=True)
    inputs = Inputs(asked.data, tuple(asked.clusters), asked.ntrex, asked.news_draws, asked.share)
    plan = Plan(
        inputs,
        asked.encoder or model_path("multilingual-e5-small"),
        asked.work,
        seed=asked.seed,
        total=asked.total,
        peak=asked.peak,
        tokens=asked.tokens,
        minutes=asked.minutes,
        budget=asked.budget,
        measure_every=asked.measure_every,
        weights=Weights(twins=asked.twins),
        start=asked.start,
        hard=asked.hard,
    )
    trainer = Trainer(plan)
    if asked.next_epoch and trainer.progress.used:
        trainer.progress.epoch += 1
        trainer.progress.used = 0
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: trainer.stopped.set())
    if trainer.run():
        return 0
    print(f"stopped; saved in {plan.work}; the same command goes on from there", flush=True)
    return 130


if __name__ == "__main__":
    sys.exit(main())
