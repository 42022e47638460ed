"""ONNX graphs: building blocks, int8 quantisation and sessions. The only owner of ONNX.

Weights are int8 with one scale an output, activations uint8 with one scale a matrix found at run
time (DynamicQuantizeMatMul of ONNX Runtime: VNNI or AMX where the CPU has them). On CPUs without
VNNI that product can overflow its 16 bits; ``int8_overflows`` tries it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from konkyo.index.errors import ModelError

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto, ValueInfoProto

__all__ = [
    "Array",
    "Graph",
    "Int8Matrix",
    "Session",
    "TensorInfo",
    "channel_peaks",
    "int8_overflows",
    "quantise",
    "shrink_factors",
]

Array = npt.NDArray[np.float32]

_CONTRIBUTED = frozenset({"DynamicQuantizeMatMul", "FastGelu", "Gelu", "MultiHeadAttention"})
"""Operators of ONNX Runtime itself."""

_STANDS_OUT = 5.0


class Int8Matrix(NamedTuple):
    """A quantised matrix: int8 rows (outputs, inputs) and one float scale an output."""

    rows: npt.NDArray[np.int8]
    scale: Array


class TensorInfo(NamedTuple):
    """Name, shape (a number, a name for a size known at run time, or None) and type of a tensor."""

    name: str
    shape: Sequence[int | str | None]
    integer: bool = False


class Graph:
    """Collects the nodes and constants of a graph, then writes them as one ONNX model."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._numbered = 0

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        """Store a tensor under a name; returns the name."""
        from onnx import numpy_helper

        # Not ascontiguousarray: it would give a scalar a dimension.
        self._constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(
        self, kind: str, inputs: Sequence[str], output: str = "", **attributes: int | float
    ) -> str:
        """Add an operator with one output; returns the output's name, numbered if not given."""
        if not output:
            self._numbered += 1
            output = f"t{self._numbered}"
        self.split_node(kind, inputs, [output], **attributes)
        return output

    def split_node(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: int | float
    ) -> None:
        """Add an operator with several outputs."""
        from onnx import helper

        domain = "com.microsoft" if kind in _CONTRIBUTED else ""
        made = helper.make_node(kind, list(inputs), list(outputs), domain=domain)
        made.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
        self._nodes.append(made)

    def int8_product(
        self,
        x: str,
        matrix: Int8Matrix,
        bias: Array | None,
        output: str,
        shrink: Array | None = None,
    ) -> str:
        """Add ``output = x @ matrix.T + bias``; ``x`` is divided by ``shrink`` first.

        The matrix must have been multiplied by ``shrink`` before it was quantised.
        """
        if shrink is not None:
            x = self.node(
                "Mul", [x, self.constant(f"{output}.shrink", 1 / shrink)], f"{output}.even"
            )
        inputs = [
            x,
            self.constant(f"{output}.weight", matrix.rows.T),
            self.constant(f"{output}.scale", matrix.scale),
            self.constant(f"{output}.zero", np.zeros(len(matrix.scale), np.int8)),
        ]
        if bias is not None:
            inputs.append(self.constant(f"{output}.bias", bias))
        return self.node("DynamicQuantizeMatMul", inputs, output)

    def norm_of_sum(
        self, left: str, right: str, norm: Sequence[str], output: str, epsilon: float
    ) -> str:
        """Add LayerNorm(left + right) with the constants ``norm`` (weight, bias)."""
        # Two nodes: the fused operator is not vectorised and takes five times as long.
        total = self.node("Add", [left, right], f"{output}.sum")
        return self.node("LayerNormalization", [total, *norm], output, epsilon=epsilon, axis=-1)

    def model(
        self, name: str, inputs: Sequence[TensorInfo], outputs: Sequence[TensorInfo]
    ) -> bytes:
        """Return the graph as an ONNX model."""
        from onnx import helper

        made = helper.make_model(
            helper.make_graph(
                self._nodes,
                name,
                [_value_info(info) for info in inputs],
                [_value_info(info) for info in outputs],
                self._constants,
            ),
            opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)],
            ir_version=9,
        )
        return bytes(made.SerializeToString())


def _value_info(info: TensorInfo) -> ValueInfoProto:
    from onnx import TensorProto, helper

    kind = TensorProto.INT64 if info.integer else TensorProto.FLOAT
    return helper.make_tensor_value_info(info.name, kind, list(info.shape))


class Session:
    """An ONNX model opened by ONNX Runtime on one core; safe to share by threads.

    Raises ModelError where ONNX Runtime cannot load the model; ``advice`` says what to do then.
    """

    def __init__(self, model: bytes | Path, advice: str) -> None:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as state

        onnxruntime.disable_telemetry_events()
        options = onnxruntime.SessionOptions()
        # One text a core: parallelism is across texts, so a run needs no pool of its own.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        failures: tuple[type[Exception], ...] = (
            *(state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf),
            *(state.NotImplemented, state.NoSuchFile, state.RuntimeException, RuntimeError),
        )
        try:
            self._session = onnxruntime.InferenceSession(
                model if isinstance(model, bytes) else str(model),
                options,
                providers=["CPUExecutionProvider"],
                disabled_optimizers=["SkipLayerNormFusion"],
            )
        except failures as exc:
            raise ModelError(f"ONNX Runtime cannot load the model: {exc}; {advice}") from exc

    @property
    def outputs(self) -> list[str]:
        """Names of all outputs."""
        return [output.name for output in self._session.get_outputs()]

    def run(
        self, outputs: Sequence[str], feed: Mapping[str, npt.NDArray[np.generic]]
    ) -> list[Array]:
        """Return the named outputs, in order, for inputs by name."""
        found: list[Array] = self._session.run(list(outputs), dict(feed))
        return found


def quantise(weight: Array, limit: float) -> Int8Matrix:
    """Round a matrix (outputs, inputs) to int8 within ``-limit``..``limit``, a scale an output."""
    scale = np.abs(weight).max(axis=1) / limit
    scale[scale == 0] = 1.0
    rows = np.clip(np.rint(weight / scale[:, None]), -limit, limit).astype(np.int8)
    return Int8Matrix(rows, scale.astype(np.float32))


def shrink_factors(peaks: Array) -> Array | None:
    """Return what each channel is divided by: 1 for most, more for the few that stand out.

    ``None`` where none stands out: dividing costs more than it saves.
    """
    usual = max(float(np.quantile(peaks, 0.95)), 1e-6)
    if float(peaks.max()) < _STANDS_OUT * usual:
        return None
    shrink: Array = np.maximum(1, (peaks / usual) ** 0.7).astype(np.float32)
    return shrink


def channel_peaks(values: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Return the largest magnitude in each channel of tensors (1, tokens, channels), by name."""
    peaks: dict[str, Array] = {}
    for run in values:
        for name, value in run.items():
            peaks[name] = np.maximum(np.abs(value[0]).max(axis=0), peaks.get(name, 0))
    return peaks


def int8_overflows() -> bool:
    """Return whether int8 products overflow their 16 bits on this CPU, as without VNNI."""
    graph = Graph()
    ones = Int8Matrix(np.full((8, 64), 127, np.int8), np.ones(8, np.float32))
    graph.int8_product("x", ones, np.zeros(8, np.float32), "y")
    model = graph.model("probe", [TensorInfo("x", [1, None])], [TensorInfo("y", [1, None])])
    (found,) = Session(model, "install onnxruntime again").run(
        ["y"], {"x": np.ones((1, 64), np.float32)}
    )
    return bool(found.min() < 0.98 * 64 * 127)
