"""The learned checker: does this window answer, where, and does this evidence support this claim?

One small transformer (the layers of multilingual-e5-small, fine-tuned; docs/checker.md is its model
card) over that model's own word vectors, which are read in place from its folder and not shipped
again. The int8 weights beside this module become an onnxruntime session in memory at the first
question. Every window is read by itself, so a reading never depends on its neighbours.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from konkyo.index.errors import ModelDamaged, ModelMissing

if TYPE_CHECKING:
    import onnx
    import onnxruntime
    from tokenizers import Tokenizer

__all__ = ["WEIGHTS", "Checker", "Reading", "Support", "load_checker"]

WEIGHTS = Path(__file__).with_name("reader.safetensors")
"""The shipped weights: int8, CC BY-SA 4.0."""

_QUESTION, _CONTEXT, _WINDOW, _ECHO = 0, 1, 2, 3
_BEGIN, _END = 0, 2
_MOST, _PIECE, _STEP = 512, 320, 256
_LONGEST_SPAN = 32

_Array = npt.NDArray[np.float32]
_Tensors = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the checker makes of one window for one question.

    ``probability`` is the calibrated share that the window answers; ``start`` and ``end`` are the
    half-open span of the likeliest answer, in code points of the window, ``span_text`` its text
    and ``span_score`` the share of the span's own probability among all spans of the window. The
    span is given even where the probability is low.
    """

    probability: float
    start: int
    end: int
    span_text: str
    span_score: float


@dataclass(frozen=True, slots=True)
class Support:
    """Three shares that add up to 1: the evidence says so, says otherwise, does not say."""

    entail: float
    contradict: float
    neutral: float


@dataclass(frozen=True, slots=True)
class _Calibration:
    """Raw scores to shares: logistic weights for answers, a temperature for support."""

    answer: float
    margin: float
    bias: float
    temperature: float


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the weights file says of itself; ``frozen`` layers are the encoder's own."""

    vocabulary: int
    width: int
    heads: int
    frozen: int
    version: str
    calibration: _Calibration


@dataclass(frozen=True, slots=True)
class _Row:
    """One sequence; ``first`` is the position of the window's first token."""

    ids: list[int]
    segments: list[int]
    first: int
    offsets: list[tuple[int, int]]


def load_checker(
    encoder_folder: Path, weights: Path = WEIGHTS, threads: int | None = None
) -> Checker:
    """Load the checker over the folder of multilingual-e5-small (``konkyo models pull``).

    Whatever model embeds the articles, the checker reads with multilingual-e5-small's word
    vectors. Raises ModelMissing where a file is absent, ModelDamaged where one does not fit.
    """
    for file in (weights, encoder_folder / "model.safetensors", encoder_folder / "tokenizer.json"):
        if not file.is_file():
            raise ModelMissing(
                f"the learned checker needs {file}; run: konkyo models pull multilingual-e5-small"
                if file != weights
                else f"the learned checker's weights are not installed at {file}; reinstall konkyo"
            )
    words = _word_vectors(encoder_folder / "model.safetensors")
    tensors, facts = _read_weights(weights)
    if words.shape != (facts.vocabulary, facts.width):
        raise ModelDamaged(
            f"{encoder_folder} holds word vectors of shape {words.shape}; the checker was trained "
            "on multilingual-e5-small (250037, 384); run: konkyo models pull multilingual-e5-small"
        )
    from tokenizers import Tokenizer

    return Checker(
        Tokenizer.from_file(str(encoder_folder / "tokenizer.json")),
        words,
        _session(_halve(tensors) if _saturates() else tensors, facts),
        facts.calibration,
        facts.version,
        threads or os.cpu_count() or 1,
    )


class Checker:
    """Made by ``load_checker``; safe to share by threads; the same input gives the same output."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        words: npt.NDArray[np.floating],
        session: onnxruntime.InferenceSession,
        calibration: _Calibration,
        version: str,
        threads: int,
    ) -> None:
        self._tokenizer = tokenizer
        self._words = words
        self._session = session
        self._calibration = calibration
        self._version = version
        # One window a core: quicker than several cores in one window, and order changes nothing.
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="checker")

    @property
    def fingerprint(self) -> str:
        """Names the weights and their calibration."""
        return f"checker:{self._version}"

    def answers(
        self, question: str, windows: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[Reading]:
        """One reading a window, in order.

        ``contexts`` are what the window does not say itself, such as the title of its article;
        the answer is never looked for there. A window longer than 320 tokens is read in
        overlapping pieces and the best piece speaks for it.
        """
        return list(
            self._pool.map(
                lambda pair: self._reading(question, *pair),
                zip(windows, _contexts(windows, contexts), strict=True),
            )
        )

    def supports(
        self, claim: str, evidence: Sequence[str], contexts: Sequence[str] | None = None
    ) -> list[Support]:
        """One view a piece of evidence, in order; long evidence as in ``answers``."""
        return list(
            self._pool.map(
                lambda pair: self._support(claim, *pair),
                zip(evidence, _contexts(evidence, contexts), strict=True),
            )
        )

    def answer_scores(
        self, question: str, window: str, context: str = ""
    ) -> list[tuple[float, float]]:
        """Raw (answer logit, span minus null logit) of each piece; what calibration is fitted on."""
        found = []
        for row in self._rows("query", question, window, context):
            span, verdict = self._run(row)
            _, _, best, null = _best_span(span, row)
            found.append((float(verdict[0]), best - null))
        return found

    def support_scores(self, claim: str, text: str, context: str = "") -> tuple[float, ...]:
        """Raw logits (says so, says otherwise, does not say) of the first piece."""
        _, verdict = self._run(self._rows("claim", claim, text, context)[0])
        return tuple(map(float, verdict[1:4]))

    def _reading(self, question: str, window: str, context: str) -> Reading:
        pieces = []
        for row in self._rows("query", question, window, context):
            span, verdict = self._run(row)
            start, end, best, null = _best_span(span, row)
            c = self._calibration
            logit = c.answer * float(verdict[0]) + c.margin * (best - null) + c.bias
            share = _share(span, row, best)
            text = window[start:end]
            pieces.append(Reading(_sigmoid(logit), start, end, text, share))
        return max(pieces, key=lambda r: r.probability) if pieces else Reading(0.0, 0, 0, "", 0.0)

    def _support(self, claim: str, text: str, context: str) -> Support:
        views = []
        for row in self._rows("claim", claim, text, context):
            _, verdict = self._run(row)
            scaled = np.exp((verdict[1:4] - verdict[1:4].max()) / self._calibration.temperature)
            shares = scaled / scaled.sum()
            views.append(Support(float(shares[0]), float(shares[1]), float(shares[2])))
        return min(views, key=lambda v: v.neutral) if views else Support(0.0, 0.0, 1.0)

    def _rows(self, task: str, asked: str, window: str, context: str) -> list[_Row]:
        """The window with its question in front, in one sequence or several."""
        if not window.strip():
            return []
        encode = self._tokenizer.encode
        ask = encode(f"{task}: {asked}", add_special_tokens=False).ids[:96]
        about = encode(context, add_special_tokens=False).ids[:32] if context else []
        told = encode(window, add_special_tokens=False)
        head = [_BEGIN, *ask, _END, *about, _END]
        before = [_QUESTION] * (len(ask) + 2) + [_CONTEXT] * (len(about) + 1)
        known = set(ask)
        room = _MOST - len(head) - 1
        whole = len(told.ids) <= min(_PIECE, room)
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
                )
            )
        return rows

    def _run(self, row: _Row) -> tuple[_Array, _Array]:
        words = np.asarray(self._words[row.ids], np.float32)[None]
        feed = {"words": words, "segments": np.array([row.segments], np.int64)}
        span, verdict = self._session.run(["span", "verdict"], feed)
        return span[0], verdict[0]


def _contexts(windows: Sequence[str], contexts: Sequence[str] | None) -> Sequence[str]:
    return [""] * len(windows) if contexts is None else contexts


def _sigmoid(logit: float) -> float:
    return float(1.0 / (1.0 + np.exp(-np.clip(logit, -30.0, 30.0))))


def _best_span(span: _Array, row: _Row) -> tuple[int, int, float, float]:
    """Code points of the best span, its score and the score of "no answer"."""
    last = row.first + len(row.offsets)
    start, end = span[row.first : last, 0], span[row.first : last, 1]
    best, at = -np.inf, (0, 0)
    for width in range(min(_LONGEST_SPAN, len(start))):
        sums = start[: len(start) - width] + end[width:]
        i = int(sums.argmax())
        if sums[i] > best:
            best, at = float(sums[i]), (i, i + width)
    left, right = row.offsets[at[0]][0], row.offsets[at[1]][1]
    return left, max(left, right), float(best), float(span[0].sum())


def _share(span: _Array, row: _Row, best: float) -> float:
    last = row.first + len(row.offsets)
    logits = span[row.first : last]
    peak = logits.max(axis=0)
    total = np.log(np.exp(logits - peak).sum(axis=0)) + peak
    return float(np.exp(best - total.sum()))


# --- weights ------------------------------------------------------------------------------------


def _header(path: Path) -> tuple[dict[str, dict[str, object]], int]:
    """The table of a safetensors file and where its data begin."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 0 < size < 100_000_000:
            raise ModelDamaged(f"{path} is not a safetensors file; pull or install it again")
        try:
            table = json.loads(file.read(size))
        except ValueError as exc:
            raise ModelDamaged(f"{path} has a broken header; pull or install it again") from exc
    return table, 8 + size


def _word_vectors(path: Path) -> npt.NDArray[np.floating]:
    """The word vectors of an encoder, mapped: only the rows that are read come from the disk."""
    table, begin = _header(path)
    for name, entry in table.items():
        if name.endswith("embeddings.word_embeddings.weight"):
            kinds = {"F32": np.float32, "F16": np.float16}
            dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
            if (
                str(dtype) not in kinds
                or not isinstance(shape, list)
                or not isinstance(offsets, list)
            ):
                break
            return np.memmap(
                path, kinds[str(dtype)], "r", begin + int(offsets[0]), tuple(map(int, shape))
            )
    raise ModelDamaged(f"{path} holds no float word vectors; pull multilingual-e5-small again")


def _read_weights(path: Path) -> tuple[_Tensors, _Facts]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            facts = json.loads(file.metadata()["konkyo"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, _Facts(
            int(facts["vocabulary"]),
            int(facts["width"]),
            int(facts["heads"]),
            int(facts["frozen"]),
            str(facts["version"]),
            _Calibration(**{k: float(v) for k, v in facts["calibration"].items()}),
        )
    except (SafetensorError, KeyError, TypeError, ValueError) as exc:
        raise ModelDamaged(f"{path} is damaged ({exc}); reinstall konkyo") from exc


# --- the graph ----------------------------------------------------------------------------------


class _Graph:
    """Writes an onnx graph node by node; a weight is stored once, under its own name."""

    def __init__(self, tensors: _Tensors) -> None:
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
        """A linear layer: int8 weights with a scale an output, activations quantised as they come."""
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


def _saturates() -> bool:
    """Whether this CPU's int8 products overflow their 16 bits, as those without VNNI do."""
    from onnx import TensorProto, helper

    probe: _Tensors = {
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


def _halve(tensors: _Tensors) -> _Tensors:
    """The same matrices in seven bits, which cannot overflow; a little coarser."""
    out = dict(tensors)
    for name, value in tensors.items():
        if value.dtype == np.int8:
            scale = name.removesuffix("weight") + "scale"
            out[name] = np.rint(value.astype(np.float32) / 2).astype(np.int8)
            out[scale] = tensors[scale].astype(np.float32) * np.float32(2)
    return out


def _session(tensors: _Tensors, facts: _Facts) -> onnxruntime.InferenceSession:
    """Build the network for one sequence at a time and open it.

    Words (1, tokens, width) and segments (1, tokens) in; span (1, tokens, 2), verdict (1, 4) out.
    """
    from onnx import TensorProto, helper

    graph = _Graph(tensors)
    positions = graph.weight("positions")
    length = graph.add("Shape", ["segments"], start=1, end=2)
    zero = graph.constant("zero", np.array([0], np.int64))
    placed = graph.add("Slice", [positions, zero, length, zero])
    x = graph.add(
        "LayerNormalization",
        [
            graph.add("Add", ["words", placed]),
            graph.weight("norm.weight"),
            graph.weight("norm.bias"),
        ],
        epsilon=1e-12,
    )
    depth = sum(1 for name in tensors if name.endswith(".qkv.weight"))
    thirds = graph.constant("thirds", np.array([facts.width] * 3, np.int64))
    for i in range(depth):
        if i == facts.frozen:
            marked = graph.add("Gather", [graph.weight("segments.weight"), "segments"])
            x = graph.add("Add", [x, marked])
        name = f"layers.{i}"
        mixed = graph.dense(x, f"{name}.qkv")
        parts = [f"{name}.q", f"{name}.k", f"{name}.v"]
        graph.nodes.append(helper.make_node("Split", [mixed, thirds], parts, axis=-1))
        attended = graph.add("MultiHeadAttention", parts, "com.microsoft", num_heads=facts.heads)
        x = graph.norm_of_sum(x, graph.dense(attended, f"{name}.o"), f"{name}.n1")
        inner = graph.add("Gelu", [graph.dense(x, f"{name}.f1")], "com.microsoft")
        x = graph.norm_of_sum(x, graph.dense(inner, f"{name}.f2"), f"{name}.n2")
    first = graph.add("Gather", [x, graph.constant("first", np.array(0, np.int64))], axis=1)
    pooled = graph.add("Tanh", [graph.dense(first, "pool")])
    for out, value in (
        ("span", graph.dense(x, "span")),
        ("verdict", graph.dense(pooled, "verdict")),
    ):
        graph.nodes.append(helper.make_node("Identity", [value], [out]))
    words = helper.make_tensor_value_info("words", TensorProto.FLOAT, [1, "n", facts.width])
    marks = helper.make_tensor_value_info("segments", TensorProto.INT64, [1, "n"])
    span = helper.make_tensor_value_info("span", TensorProto.FLOAT, [1, "n", 2])
    verdict = helper.make_tensor_value_info("verdict", TensorProto.FLOAT, [1, 4])
    return _open(_model(graph, [words, marks], [span, verdict]))
