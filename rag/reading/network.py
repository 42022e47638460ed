"""The reader's network as an onnx graph, written in memory when the weights are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import onnx
    import onnxruntime

__all__ = ["Tensors", "halve", "open_network", "saturates"]

Tensors = dict[str, npt.NDArray[np.generic]]


class _Graph:
    """Writes an onnx graph node by node; a weight is stored once, under its own name."""

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self._count = 0

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(value.copy(order="C"), name))
        return name

    def weight(self, name: str) -> str:
        """A float tensor of the file."""
        return self.constant(name, self._tensors[name].astype(np.float32))

    def add(
        self, kind: str, inputs: Sequence[str], domain: str = "", **settings: int | float
    ) -> str:
        """One node with one output; gives the output's name."""
        from onnx import helper

        self._count += 1
        out = f"t{self._count}"
        node = helper.make_node(kind, list(inputs), [out], domain=domain)
        node.attribute.extend(helper.make_attribute(k, v) for k, v in settings.items())
        self.nodes.append(node)
        return out

    def dense(self, value: str, name: str) -> str:
        """A linear layer: int8 weights, a scale an output, activations quantised as they come."""
        matrix = self._tensors[f"{name}.weight"]
        if matrix.dtype != np.int8:
            product = self.add(
                "MatMul",
                [value, self.constant(f"{name}.weight", matrix.astype(np.float32).T)],
            )
            return self.add("Add", [product, self.weight(f"{name}.bias")])
        if f"{name}.shrink" in self._tensors:
            shrink = self._tensors[f"{name}.shrink"].astype(np.float32)
            value = self.add("Mul", [value, self.constant(f"{name}.shrink", 1 / shrink)])
        return self.add(
            "DynamicQuantizeMatMul",
            [
                value,
                self.constant(f"{name}.weight", matrix.T),
                self.weight(f"{name}.scale"),
                "",
                self.weight(f"{name}.bias"),
            ],
            "com.microsoft",
        )

    def norm_of_sum(self, left: str, right: str, name: str) -> str:
        """LayerNorm(left + right); apart, as the fused operator is not vectorised."""
        return self.add(
            "LayerNormalization",
            [
                self.add("Add", [left, right]),
                self.weight(f"{name}.weight"),
                self.weight(f"{name}.bias"),
            ],
            epsilon=1e-12,
        )


def _open(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(),
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["SkipLayerNormFusion"],
    )


def _model(
    graph: _Graph, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
) -> onnx.ModelProto:
    from onnx import helper

    return helper.make_model(
        helper.make_graph(graph.nodes, "checker", inputs, outputs, graph.constants),
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)],
        ir_version=9,
    )


def saturates() -> bool:
    """Whether this CPU's int8 products overflow their 16 bits, as those without VNNI do."""
    from onnx import TensorProto, helper

    probe: Tensors = {
        "p.weight": np.full((8, 64), 127, np.int8),
        "p.scale": np.ones(8, np.float32),
        "p.bias": np.zeros(8, np.float32),
    }
    graph = _Graph(probe)
    graph.nodes.append(helper.make_node("Identity", [graph.dense("x", "p")], ["y"]))
    shapes = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, None]) for n in "xy"]
    found = _open(_model(graph, shapes[:1], shapes[1:])).run(
        ["y"], {"x": np.ones((1, 64), np.float32)}
    )
    return bool(found[0].min() < 0.98 * 64 * 127)


def halve(tensors: Tensors) -> Tensors:
    """The same matrices in seven bits, which cannot overflow; a little coarser."""
    out = dict(tensors)
    for name, value in tensors.items():
        if value.dtype == np.int8:
            scale = name.removesuffix("weight") + "scale"
            out[name] = np.rint(value.astype(np.float32) / 2).astype(np.int8)
            out[scale] = tensors[scale].astype(np.float32) * np.float32(2)
    return out


def open_network(
    tensors: Tensors, width: int, heads: int, frozen: int
) -> onnxruntime.InferenceSession:
    """Build the network for one sequence at a time and open it.

    Words (1, tokens, width) and segments (1, tokens) in; ``tokens`` (1, tokens, 2 or 4) and
    ``verdict`` (1, 4) out. The marks of the parts are added below layer ``frozen``.
    """
    from onnx import TensorProto, helper

    graph = _Graph(tensors)
    x = _embedded(graph)
    depth = sum(1 for name in tensors if name.endswith(".qkv.weight"))
    thirds = graph.constant("thirds", np.array([width] * 3, np.int64))
    for i in range(depth):
        if i == frozen:
            marked = graph.add("Gather", [graph.weight("segments.weight"), "segments"])
            x = graph.add("Add", [x, marked])
        x = _layer(graph, x, f"layers.{i}", thirds, heads)
    first = graph.add("Gather", [x, graph.constant("first", np.array(0, np.int64))], axis=1)
    pooled = graph.add("Tanh", [graph.dense(first, "pool")])
    # The first weights had the span alone; later ones mark parts of answers and of claims too.
    name = "tokens" if "tokens.weight" in tensors else "span"
    size = len(tensors[f"{name}.weight"])
    for out, value in (
        ("tokens", graph.dense(x, name)),
        ("verdict", graph.dense(pooled, "verdict")),
    ):
        graph.nodes.append(helper.make_node("Identity", [value], [out]))
    words = helper.make_tensor_value_info("words", TensorProto.FLOAT, [1, "n", width])
    marks = helper.make_tensor_value_info("segments", TensorProto.INT64, [1, "n"])
    tokens = helper.make_tensor_value_info("tokens", TensorProto.FLOAT, [1, "n", size])
    verdict = helper.make_tensor_value_info("verdict", TensorProto.FLOAT, [1, 4])
    return _open(_model(graph, [words, marks], [tokens, verdict]))


def _embedded(graph: _Graph) -> str:
    """Words and positions, normalised."""
    positions = graph.weight("positions")
    length = graph.add("Shape", ["segments"], start=1, end=2)
    zero = graph.constant("zero", np.array([0], np.int64))
    placed = graph.add("Add", ["words", graph.add("Slice", [positions, zero, length, zero])])
    weights = [graph.weight("norm.weight"), graph.weight("norm.bias")]
    return graph.add("LayerNormalization", [placed, *weights], epsilon=1e-12)


def _layer(graph: _Graph, x: str, name: str, thirds: str, heads: int) -> str:
    from onnx import helper

    mixed = graph.dense(x, f"{name}.qkv")
    parts = [f"{name}.q", f"{name}.k", f"{name}.v"]
    graph.nodes.append(helper.make_node("Split", [mixed, thirds], parts, axis=-1))
    attended = graph.add("MultiHeadAttention", parts, "com.microsoft", num_heads=heads)
    x = graph.norm_of_sum(x, graph.dense(attended, f"{name}.o"), f"{name}.n1")
    inner = graph.add("Gelu", [graph.dense(x, f"{name}.f1")], "com.microsoft")
    return graph.norm_of_sum(x, graph.dense(inner, f"{name}.f2"), f"{name}.n2")
