"""The layers of a BERT-family encoder as an int8 ONNX graph.

- Q, K and V are one product; attention and GELU are fused operators.
- A few channels are many times larger than the rest and would coarsen the one activation scale.
  They are divided down before the product and multiplied back in its weights (the idea of
  SmoothQuant, arXiv:2211.10438, for the outliers alone): cosine 0.9967 becomes 0.9992.
- The embedding table is not part of the graph: its rows are read from the model's own file.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from konkyo.index.embedding.bert_folder import BertModel, BertWeights
from konkyo.index.embedding.onnx_graph import Array, Graph, TensorInfo, quantise, shrink_factors

__all__ = ["encoder_graph"]


def encoder_graph(
    bert: BertModel,
    weights: BertWeights,
    weight_limit: float,
    peaks: Mapping[str, Array] | None = None,
) -> bytes:
    """The encoder above its embeddings, (1, tokens, hidden) -> (1, tokens, hidden), as ONNX.

    ``weight_limit`` is the largest int8 weight; ``peaks`` holds the largest magnitude in each
    channel of a product's input. Without ``peaks`` the graph also gives the input of every
    product, to find them by.
    """
    made = _EncoderGraph(bert, weights, weight_limit, peaks or {})
    made.add_embeddings_norm()
    for layer in range(bert.layers):
        made.add_layer(layer)
    made.graph.node("Identity", [f"x{bert.layers}"], "states")
    inputs = made.product_inputs if peaks is None else []
    return made.graph.model(
        "encoder",
        [TensorInfo("embedded", [1, "tokens", bert.hidden])],
        [
            TensorInfo("states", [1, "tokens", bert.hidden]),
            *(TensorInfo(name, [1, "tokens", None]) for name in inputs),
        ],
    )


class _EncoderGraph:
    """Adds the parts of one model to a graph; ``product_inputs`` names the inputs of products."""

    def __init__(
        self,
        bert: BertModel,
        weights: BertWeights,
        weight_limit: float,
        peaks: Mapping[str, Array],
    ) -> None:
        self.graph = Graph()
        self.product_inputs: list[str] = []
        self._bert = bert
        self._weights = weights
        self._limit = weight_limit
        self._peaks = peaks

    def add_embeddings_norm(self) -> None:
        """Add the LayerNorm over the sum of embeddings: ``embedded`` to ``x0``."""
        norm = self._norm("embeddings", "embeddings")
        self.graph.node(
            "LayerNormalization", ["embedded", *norm], "x0", epsilon=self._bert.epsilon, axis=-1
        )

    def add_layer(self, layer: int) -> None:
        """Add one transformer layer: ``x{layer}`` to ``x{layer + 1}``."""

        def of(name: str) -> Array:
            return self._weights[f"encoder.layer.{layer}.{name}"]

        def at(name: str) -> str:
            return f"l{layer}.{name}"

        graph, epsilon = self.graph, self._bert.epsilon
        before, after = f"x{layer}", f"x{layer + 1}"
        three = ("query", "key", "value")
        stacked = [
            np.concatenate([of(f"attention.self.{name}.{part}") for name in three])
            for part in ("weight", "bias")
        ]
        self._product(before, stacked[0], stacked[1], at("qkv"))
        graph.split_node("Split", [at("qkv")], [at(n) for n in three], axis=2, num_outputs=3)
        graph.node(
            "MultiHeadAttention",
            [at(n) for n in three],
            at("context"),
            num_heads=self._bert.heads,
        )
        dense = "attention.output.dense"
        self._product(at("context"), of(f"{dense}.weight"), of(f"{dense}.bias"), at("attended"))
        norm = self._norm(f"encoder.layer.{layer}.attention.output", at("attention.output"))
        graph.norm_of_sum(at("attended"), before, norm, at("middle"), epsilon)
        self._product(at("middle"), of("intermediate.dense.weight"), None, at("wide"))
        bias = graph.constant(at("wide.bias"), of("intermediate.dense.bias"))
        # By tanh: a thirtieth of the whole time less, and a difference far below that of int8.
        graph.node("FastGelu", [at("wide"), bias], at("gelu"))
        self._product(at("gelu"), of("output.dense.weight"), of("output.dense.bias"), at("narrow"))
        norm = self._norm(f"encoder.layer.{layer}.output", at("output"))
        graph.norm_of_sum(at("narrow"), at("middle"), norm, after, epsilon)

    def _norm(self, tensor: str, name: str) -> list[str]:
        """Store the weight and bias of a LayerNorm; returns their names."""
        return [
            self.graph.constant(f"{name}.{part}", self._weights[f"{tensor}.LayerNorm.{part}"])
            for part in ("weight", "bias")
        ]

    def _product(self, x: str, weight: Array, bias: Array | None, output: str) -> None:
        """Add ``output = x @ weight.T + bias`` in int8, channels that stand out divided first."""
        self.product_inputs.append(x)
        shrink = shrink_factors(self._peaks[x]) if x in self._peaks else None
        even = weight if shrink is None else weight * shrink
        self.graph.int8_product(x, quantise(even, self._limit), bias, output, shrink)
