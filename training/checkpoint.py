"""The state of a training run on disk: written whole or not at all, so a stop loses nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from training.model import Network

__all__ = ["Progress", "append_curve", "load", "load_average", "save"]

Parameters = Mapping[str, torch.nn.Parameter]


@dataclass(slots=True)
class Progress:
    """How far a run has come: ``used`` rows of ``epoch``.

    ``seen`` rows, ``spent`` seconds in all.
    """

    step: int = 0
    epoch: int = 0
    used: int = 0
    seen: int = 0
    spent: float = 0.0


def save(
    work: Path,
    progress: Progress,
    parameters: Parameters,
    average: Mapping[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
) -> None:
    """Write ``state.safetensors`` (to go on from) and ``average.safetensors`` (to use)."""
    from safetensors.torch import save_file

    tensors = {}
    for name, parameter in parameters.items():
        tensors[f"master/{name}"] = parameter.detach()
        tensors[f"average/{name}"] = average[name]
        tensors[f"first/{name}"] = optimiser.state[parameter]["exp_avg"]
        tensors[f"second/{name}"] = optimiser.state[parameter]["exp_avg_sq"]
    part = work / "state.part"
    save_file(tensors, part, metadata={"progress": json.dumps(asdict(progress))})
    part.replace(work / "state.safetensors")
    part = work / "average.part"
    save_file({n: a.contiguous() for n, a in average.items()}, part)
    part.replace(work / "average.safetensors")


def load(
    work: Path,
    parameters: Parameters,
    average: dict[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
) -> Progress:
    """Put the state of ``work`` in place and return how far it was; a new run where none is."""
    from safetensors import safe_open

    file = work / "state.safetensors"
    if not file.exists():
        return Progress()
    with safe_open(file, framework="pt") as saved:
        progress = Progress(**json.loads(saved.metadata()["progress"]))
        for name, parameter in parameters.items():
            parameter.data.copy_(saved.get_tensor(f"master/{name}"))
            average[name].copy_(saved.get_tensor(f"average/{name}"))
            optimiser.state[parameter] = {
                "step": torch.tensor(float(progress.step)),
                "exp_avg": saved.get_tensor(f"first/{name}"),
                "exp_avg_sq": saved.get_tensor(f"second/{name}"),
            }
    return progress


def append_curve(work: Path, line: Mapping[str, object]) -> None:
    """Add a line to ``curve.jsonl``: losses and figures as they were measured."""
    with (work / "curve.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def load_average(network: Network, file: Path) -> None:
    """Put the weights of an ``average.safetensors``, or of the shipped reader, into a network.

    What the shipped file holds in int8 becomes floats again, so a run can begin from it.
    """
    from safetensors.torch import load_file

    tensors = load_file(file)
    if "segments.weight" in tensors:
        tensors = _from_int8(tensors)
    network.load_state_dict(tensors)


def _from_int8(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for name, value in tensors.items():
        stem, _, kind = name.rpartition(".")
        if kind in ("scale", "shrink"):
            continue
        weights = value.float()
        if value.dtype == torch.int8:
            weights = weights * tensors[f"{stem}.scale"][:, None]
            if f"{stem}.shrink" in tensors:
                weights = weights / tensors[f"{stem}.shrink"]
        found["segments" if name == "segments.weight" else name] = weights
    return found
