"""The network of the learned models: a weights file, its ONNX graph, and one run of it.

The reader's outputs are ``tokens``, of every token (span start, span end, part of an answer, not
supported), and ``verdict``, of the pooled first one. Weights without heads have one output,
``states``, the state of every token.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.mapped_tensors import WORDS, MappedTensors
from konkyo.index.embedding.model_files import sha256_of
from konkyo.index.embedding.onnx_graph import (
    Array,
    Graph,
    Int8Matrix,
    Session,
    TensorInfo,
    int8_overflows,
)
from konkyo.index.errors import ModelDamaged

__all__ = ["Network", "ReaderCalibration", "WeightsInfo", "read_info", "read_weights", "seven_bits"]

Tensors = dict[str, npt.NDArray[np.generic]]

_EPSILON = 1e-12


class _Head(NamedTuple):
    """One output: a linear layer over every token, or over the pooled first token."""

    name: str
    over: Literal["tokens", "pooled"]
    width: int

    @property
    def info(self) -> TensorInfo:
        """Shape of the output."""
        return TensorInfo(self.name, [1, *(["n"] if self.over == "tokens" else []), self.width])


_HEADS = (_Head("tokens", "tokens", 4), _Head("verdict", "pooled", 4))


def _heads(tensors: Tensors) -> tuple[_Head, ...]:
    """The outputs of some weights; none where they are those of an encoder."""
    return _HEADS if "verdict.weight" in tensors else ()


@dataclass(frozen=True, slots=True)
class ReaderCalibration:
    """Raw scores to shares: logistic weights for answers, a temperature for support.

    ``tag`` and ``mark`` are the logits from which a token counts as marked.
    """

    answer: float
    margin: float
    bias: float
    temperature: float
    tag: float = 0.0
    mark: float = 0.0


@dataclass(frozen=True, slots=True)
class WeightsInfo:
    """What the weights file says of itself; ``longest`` is how many tokens an answer may have."""

    vocabulary: int
    width: int
    heads: int
    version: str
    calibration: ReaderCalibration
    longest: int


def read_weights(path: Path) -> tuple[Tensors, WeightsInfo]:
    """Read a weights file whole.

    Where a file with its sha256 lies beside it, the two are compared. Raises ModelDamaged.
    """
    from safetensors import safe_open

    stated = path.with_suffix(".sha256")
    with _undamaged(path):
        if stated.is_file() and sha256_of(path) != stated.read_text("utf-8").strip():
            raise ModelDamaged(
                f"{path} is damaged: it does not have the sha256 that {stated.name} states; "
                "reinstall konkyo"
            )
    with _undamaged(path), safe_open(path, framework="np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, _info(file.metadata())


def read_info(path: Path) -> WeightsInfo:
    """Read what a weights file says of itself and none of its weights. Raises ModelDamaged."""
    from safetensors import safe_open

    with _undamaged(path), safe_open(path, framework="np") as file:
        return _info(file.metadata())


@contextmanager
def _undamaged(path: Path) -> Iterator[None]:
    """Tell what cannot be read of a weights file as damage of it."""
    from safetensors import SafetensorError

    try:
        yield
    except OSError as exc:
        raise ModelDamaged(f"{path} cannot be read ({exc}); reinstall konkyo") from exc
    except (SafetensorError, KeyError, TypeError, ValueError) as exc:
        raise ModelDamaged(f"{path} is damaged ({exc}); reinstall konkyo") from exc


def _info(metadata: Mapping[str, str]) -> WeightsInfo:
    facts = json.loads(metadata["konkyo"])
    return WeightsInfo(
        int(facts["vocabulary"]),
        int(facts["width"]),
        int(facts["heads"]),
        str(facts["version"]),
        ReaderCalibration(**{k: float(v) for k, v in facts["calibration"].items()}),
        int(facts["longest"]),
    )


class Network:
    """Reads one sequence at a time; safe to share by threads.

    ``encoder_folder`` is the folder of multilingual-e5-small, whose word vectors are read in place.
    Raises ModelDamaged where the files do not fit one another.
    """

    def __init__(self, encoder_folder: Path, weights: Path) -> None:
        mapped = MappedTensors(encoder_folder / "model.safetensors")
        name = mapped.named(WORDS)
        if name is None:
            raise ModelDamaged(
                f"{encoder_folder / 'model.safetensors'} holds no word vectors; pull"
                " multilingual-e5-small again"
            )
        self._words = mapped[name]
        tensors, self.info = read_weights(weights)
        if self._words.shape != (self.info.vocabulary, self.info.width):
            raise ModelDamaged(
                f"{encoder_folder} holds word vectors of shape {self._words.shape}; the reader was"
                " trained on multilingual-e5-small (250037, 384); run: konkyo models pull"
                " multilingual-e5-small"
            )
        model = _network_graph(seven_bits(tensors) if int8_overflows() else tensors, self.info)
        self._session = Session(model, f"{weights} may be damaged; reinstall konkyo")
        self._outputs = [head.name for head in _heads(tensors)] or ["states"]

    def run(self, ids: list[int], segments: list[int]) -> dict[str, Array]:
        """Outputs by name: ``tokens`` (tokens, 4) and ``verdict`` (4,), all raw logits.

        Without heads: ``states`` (tokens, width).
        """
        words = np.asarray(self._words[ids], np.float32)[None]
        feed: Tensors = {"words": words, "segments": np.array([segments], np.int64)}
        found = self._session.run(self._outputs, feed)
        return {name: value[0] for name, value in zip(self._outputs, found, strict=True)}


def seven_bits(tensors: Tensors) -> Tensors:
    """Return the same matrices in seven bits, which cannot overflow; a little coarser."""
    out = dict(tensors)
    for name, value in tensors.items():
        if value.dtype == np.int8:
            scale = name.removesuffix("weight") + "scale"
            out[name] = np.rint(value.astype(np.float32) / 2).astype(np.int8)
            out[scale] = tensors[scale].astype(np.float32) * np.float32(2)
    return out


def _network_graph(tensors: Tensors, info: WeightsInfo) -> bytes:
    """The network for one sequence at a time, as ONNX.

    Words (1, tokens, width) and segments (1, tokens) in; one output a head, or the states.
    """
    made = _NetworkGraph(tensors)
    graph = made.graph
    x = made.embeddings()
    depth = sum(1 for name in tensors if name.endswith(".qkv.weight"))
    thirds = graph.constant("thirds", np.array([info.width] * 3, np.int64))
    if "segments.weight" in tensors:
        marks = graph.node("Gather", [made.weight("segments.weight"), "segments"])
        x = graph.node("Add", [x, marks])
    for layer in range(depth):
        x = made.layer(x, f"layers.{layer}", thirds, info.heads)
    heads = _heads(tensors)
    if heads:
        first = graph.node("Gather", [x, graph.constant("first", np.array(0, np.int64))], axis=1)
        seen = {"tokens": x, "pooled": graph.node("Tanh", [made.dense(first, "pool")])}
        for head in heads:
            graph.node("Identity", [made.dense(seen[head.over], head.name)], head.name)
    else:
        graph.node("Identity", [x], "states")
    return graph.model(
        "network",
        [
            TensorInfo("words", [1, "n", info.width]),
            TensorInfo("segments", [1, "n"], integer=True),
        ],
        [head.info for head in heads] or [TensorInfo("states", [1, "n", info.width])],
    )


class _NetworkGraph:
    """Adds parts of the network to a graph; constants keep the names of the weights file."""

    def __init__(self, tensors: Tensors) -> None:
        self.graph = Graph()
        self._tensors = tensors

    def weight(self, name: str) -> str:
        """Store a tensor of the file as floats; returns its name."""
        return self.graph.constant(name, self._float(name))

    def embeddings(self) -> str:
        """Add positions to the word vectors, and their LayerNorm."""
        graph = self.graph
        positions = self.weight("positions")
        length = graph.node("Shape", ["segments"], start=1, end=2)
        zero = graph.constant("zero", np.array([0], np.int64))
        placed = graph.node("Slice", [positions, zero, length, zero])
        return graph.norm_of_sum("words", placed, self._norm("norm"), "x", _EPSILON)

    def layer(self, x: str, name: str, thirds: str, heads: int) -> str:
        """Add one transformer layer."""
        graph = self.graph
        parts = [f"{name}.q", f"{name}.k", f"{name}.v"]
        graph.split_node("Split", [self.dense(x, f"{name}.qkv"), thirds], parts, axis=-1)
        mixed = graph.node("MultiHeadAttention", parts, num_heads=heads)
        attended = self.dense(mixed, f"{name}.o")
        middle = graph.norm_of_sum(
            x, attended, self._norm(f"{name}.n1"), f"{name}.middle", _EPSILON
        )
        inner = graph.node("Gelu", [self.dense(middle, f"{name}.f1")])
        narrow = self.dense(inner, f"{name}.f2")
        return graph.norm_of_sum(middle, narrow, self._norm(f"{name}.n2"), f"{name}.out", _EPSILON)

    def dense(self, x: str, name: str) -> str:
        """Add a linear layer, in int8 where its matrix is."""
        matrix, bias = self._tensors[f"{name}.weight"], self._float(f"{name}.bias")
        if matrix.dtype != np.int8:
            weight = self.graph.constant(f"{name}.weight", matrix.astype(np.float32).T)
            product = self.graph.node("MatMul", [x, weight])
            return self.graph.node("Add", [product, self.graph.constant(f"{name}.bias", bias)])
        shrink = self._float(f"{name}.shrink") if f"{name}.shrink" in self._tensors else None
        rows = Int8Matrix(matrix.astype(np.int8, copy=False), self._float(f"{name}.scale"))
        return self.graph.int8_product(x, rows, bias, f"{name}.linear", shrink)

    def _norm(self, name: str) -> list[str]:
        return [self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]

    def _float(self, name: str) -> Array:
        return self._tensors[name].astype(np.float32)
