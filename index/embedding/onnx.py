"""The fast engine: a BERT-family encoder as an int8 ONNX graph, on the CPU.

What makes it fast, and what keeps it honest:

- Weights are int8 with one scale a column, activations uint8 with one scale a matrix found at run
  time (ONNX Runtime's DynamicQuantizeMatMul: VNNI or AMX where the CPU has them); Q, K and V are
  one product; attention, GELU and LayerNorm are fused operators.
- A few channels are many times larger than the rest and would coarsen the one activation scale.
  They are divided down before the product and multiplied back in its weights (the idea of
  SmoothQuant, arXiv:2211.10438, for the outliers alone): cosine 0.9967 becomes 0.9992.
- One text a run, one run a core: no padding is computed, and a vector depends on its own text
  alone. (In a batch the activations share one scale, so a passage's vector would change with its
  neighbours, and an incremental build would differ from a full one.)
- The embedding table, four fifths of a small multilingual model, is not copied: rows are read from
  the memory-mapped safetensors file. Loading needs neither torch nor transformers.
- The engine is made once and compared with sentence-transformers on sample texts; some of those
  vectors are kept and compared again at every load, because the same int8 product saturates on
  CPUs without VNNI. There the weights get seven bits instead.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import struct
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.catalogue import home
from konkyo.index.embedding.model_folder import (
    Offsets,
    Prompts,
    Role,
    read_json,
    read_prompts,
    state_of,
    unit,
    weights_hash,
)
from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import ModelError

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

__all__ = ["Int8Encoder", "Unsupported", "is_made", "load_int8"]

_VERSION = 5
_GROUP = 16
_AHEAD = 4
_MINIMUM_COSINE = 0.985
_STANDS_OUT = 5.0
_KILLED_AFTER = 3600.0
_SAMPLES = (
    "東京の桜は例年より五日早く満開になったと、気象台が発表した。",
    "The city council approved the new tram line on Tuesday by 31 votes to 12.",
    "정부는 내년 예산을 3.2% 늘리기로 했다.",
    "该公司第三季度营收为128亿元，同比增长7.5%。",
    "Der Hafen meldete im März einen Rückgang des Umschlags um zwei Prozent.",
    "ธนาคารกลางคงอัตราดอกเบี้ยไว้ที่ร้อยละ 2.5",
)
_log = logging.getLogger(__name__)


class Unsupported(Exception):
    """The model is not of the kind this engine can run; the reason is the message."""


# --- what the folder says ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is needed to run a model, all from its folder."""

    folder: Path
    layers: int
    heads: int
    hidden: int
    epsilon: float
    first_position: int
    max_tokens: int
    pooling: str


def _plan(folder: Path) -> _Plan:
    """Read the configuration. Raises Unsupported."""
    config = read_json(folder / "config.json")
    kind = config.get("model_type")
    if kind not in ("bert", "xlm-roberta", "roberta"):
        raise Unsupported(f"its model type is {kind}")
    if config.get("hidden_act") != "gelu":
        raise Unsupported(f"its activation is {config.get('hidden_act')}")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise Unsupported("its positions are not absolute")
    if not (folder / "model.safetensors").is_file() or not (folder / "tokenizer.json").is_file():
        raise Unsupported("it has no single model.safetensors with a tokenizer.json")
    settings = read_json(folder / "sentence_bert_config.json")
    if settings.get("do_lower_case"):
        raise Unsupported("it lower-cases outside the tokenizer")
    positions = _number(config, "max_position_embeddings")
    # RoBERTa counts positions from the padding index on.
    first = 0 if kind == "bert" else int(_number(config, "pad_token_id")) + 1
    # Older folders say it in the first, newer ones in the second.
    limits = [
        settings.get("max_seq_length"),
        read_json(folder / "tokenizer_config.json").get("model_max_length"),
    ]
    limit = next((x for x in limits if isinstance(x, int)), 1 << 30)
    return _Plan(
        folder=folder,
        layers=int(_number(config, "num_hidden_layers")),
        heads=int(_number(config, "num_attention_heads")),
        hidden=int(_number(config, "hidden_size")),
        epsilon=_number(config, "layer_norm_eps"),
        first_position=first,
        max_tokens=min(int(positions) - first, limit),
        pooling=_pooling(folder),
    )


def _number(config: Mapping[str, object], key: str) -> float:
    value = config.get(key)
    if not isinstance(value, int | float):
        raise Unsupported(f"its config.json has no number {key}")
    return value


def _pooling(folder: Path) -> str:
    """``mean`` or ``cls``. Raises Unsupported."""
    file = folder / "modules.json"
    modules = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    kinds = [str(module["type"]).rsplit(".", 1)[-1] for module in modules]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise Unsupported(f"its modules are {', '.join(kinds) or 'not listed'}")
    if modules[0]["path"]:
        raise Unsupported("its transformer is in a folder of its own")
    config = read_json(folder / modules[1]["path"] / "config.json")
    if config.get("include_prompt", True) is not True:
        raise Unsupported("it leaves the prompt out of the pooling")
    named = config.get("pooling_mode")
    flags = {k for k, v in config.items() if k.startswith("pooling_mode_") and v is True}
    for mode, flag in (("mean", "pooling_mode_mean_tokens"), ("cls", "pooling_mode_cls_token")):
        if named in (mode, [mode]) or (named is None and flags == {flag}):
            return mode
    raise Unsupported(f"its pooling is {named or sorted(flags)}")


class _Weights:
    """Tensors of a safetensors file, memory-mapped, as float arrays."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        self._tensors: dict[str, dict[str, object]] = header
        self._bytes = np.memmap(path, np.uint8, "r", offset=8 + length)
        self._prefix = next(
            (p for p in ("", "bert.", "roberta.") if f"{p}{_WORDS}" in self._tensors), None
        )
        if self._prefix is None:
            raise Unsupported("its tensors have unexpected names")

    def __getitem__(self, name: str) -> npt.NDArray[np.floating]:
        try:
            tensor = self._tensors[f"{self._prefix}{name}"]
        except KeyError as exc:
            raise Unsupported(f"it has no tensor {name}") from exc
        kind = {"F32": np.float32, "F16": np.float16}.get(str(tensor["dtype"]))
        offsets, shape = tensor["data_offsets"], tensor["shape"]
        if kind is None or not isinstance(offsets, list) or not isinstance(shape, list):
            raise Unsupported(f"its weights are {tensor['dtype']}")
        return self._bytes[offsets[0] : offsets[1]].view(kind).reshape(shape)

    def small(self, name: str) -> npt.NDArray[np.float32]:
        """A tensor in memory, as float32."""
        return np.array(self[name], np.float32)


_WORDS = "embeddings.word_embeddings.weight"


# --- making the graph ------------------------------------------------------------------------------


class _Graph:
    """Collects nodes and constants; quantises the matrices it is given.

    ``peaks`` holds the largest magnitude seen in each channel of a product's input; ``inputs``
    collects the names of those inputs.
    """

    def __init__(self, weight_limit: float, peaks: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self.inputs: list[str] = []
        self._limit = weight_limit
        self._peaks = peaks

    def constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(
        self, kind: str, inputs: list[str], output: str | list[str], **attributes: float
    ) -> None:
        from onnx import helper

        domain = "" if kind in _STANDARD else "com.microsoft"
        outputs = [output] if isinstance(output, str) else output
        made = helper.make_node(kind, inputs, outputs, domain=domain)
        made.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
        self.nodes.append(made)

    def product(
        self,
        x: str,
        weight: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32] | None,
        output: str,
    ) -> None:
        """``output = x @ weight.T + bias``, the weight (out, in) in int8, one scale a column."""
        self.inputs.append(x)
        if x in self._peaks and (shrink := _shrink(self._peaks[x])) is not None:
            self.node("Mul", [x, self.constant(f"{output}.shrink", 1 / shrink)], f"{output}.even")
            x, weight = f"{output}.even", weight * shrink
        columns = weight.T
        scale = np.abs(columns).max(axis=0) / self._limit
        scale[scale == 0] = 1.0
        rounded = np.clip(np.rint(columns / scale), -self._limit, self._limit).astype(np.int8)
        inputs = [
            x,
            self.constant(f"{output}.weight", rounded),
            self.constant(f"{output}.scale", scale.astype(np.float32)),
            self.constant(f"{output}.zero", np.zeros(len(scale), np.int8)),
        ]
        if bias is not None:
            inputs.append(self.constant(f"{output}.bias", bias))
        self.node("DynamicQuantizeMatMul", inputs, output)


_STANDARD = ("Add", "Identity", "LayerNormalization", "Mul", "Split")


def _shrink(peaks: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
    """What each channel is divided by: 1 for most, more for the few that stand out.

    ``None`` where none stands out: dividing costs more than it saves.
    """
    usual = max(float(np.quantile(peaks, 0.95)), 1e-6)
    if float(peaks.max()) < _STANDS_OUT * usual:
        return None
    shrink: npt.NDArray[np.float32] = np.maximum(1, (peaks / usual) ** 0.7).astype(np.float32)
    return shrink


def _build(
    plan: _Plan,
    weights: _Weights,
    weight_limit: float,
    peaks: Mapping[str, npt.NDArray[np.float32]] | None = None,
) -> bytes:
    """The encoder above its embeddings, (1, tokens, hidden) -> (1, tokens, hidden), as ONNX.

    Without ``peaks`` it also gives the input of every product, to find them by.
    """
    from onnx import TensorProto, ValueInfoProto, helper

    def tensor(name: str, width: int | None) -> ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "tokens", width])

    graph = _Graph(weight_limit, peaks or {})
    norm = [
        graph.constant(f"embeddings.{part}", weights.small(f"embeddings.LayerNorm.{part}"))
        for part in ("weight", "bias")
    ]
    graph.node("LayerNormalization", ["embedded", *norm], "x0", epsilon=plan.epsilon, axis=-1)
    for layer in range(plan.layers):
        _add_layer(graph, plan, weights, layer)
    graph.node("Identity", [f"x{plan.layers}"], "states")
    outputs: list[tuple[str, int | None]] = [("states", plan.hidden)]
    if peaks is None:
        outputs += [(name, None) for name in graph.inputs]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "encoder",
            [tensor("embedded", plan.hidden)],
            [tensor(name, width) for name, width in outputs],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)],
        ir_version=9,
    )
    return bytes(model.SerializeToString())


def _add_layer(graph: _Graph, plan: _Plan, weights: _Weights, layer: int) -> None:
    def of(name: str) -> npt.NDArray[np.float32]:
        return weights.small(f"encoder.layer.{layer}.{name}")

    def at(name: str) -> str:
        return f"l{layer}.{name}"

    def norm(name: str, residual: str, x: str, output: str) -> None:
        parts = [
            graph.constant(at(f"{name}.{p}"), of(f"{name}.LayerNorm.{p}"))
            for p in ("weight", "bias")
        ]
        # Apart: the fused operator is not vectorised and takes five times as long.
        graph.node("Add", [x, residual], f"{output}.sum")
        graph.node(
            "LayerNormalization", [f"{output}.sum", *parts], output, epsilon=plan.epsilon, axis=-1
        )

    before, after = f"x{layer}", f"x{layer + 1}"
    three = ("query", "key", "value")
    stacked = [
        np.concatenate([of(f"attention.self.{name}.{part}") for name in three])
        for part in ("weight", "bias")
    ]
    graph.product(before, stacked[0], stacked[1], at("qkv"))
    graph.node("Split", [at("qkv")], [at(name) for name in three], axis=2, num_outputs=3)
    graph.node("MultiHeadAttention", [at(n) for n in three], at("context"), num_heads=plan.heads)
    graph.product(
        at("context"),
        of("attention.output.dense.weight"),
        of("attention.output.dense.bias"),
        at("attended"),
    )
    norm("attention.output", before, at("attended"), at("middle"))
    graph.product(at("middle"), of("intermediate.dense.weight"), None, at("wide"))
    bias = graph.constant(at("wide.bias"), of("intermediate.dense.bias"))
    # By tanh: a thirtieth of the whole time less, and a difference far below that of int8.
    graph.node("FastGelu", [at("wide"), bias], at("gelu"))
    graph.product(at("gelu"), of("output.dense.weight"), of("output.dense.bias"), at("narrow"))
    norm("output", at("middle"), at("narrow"), after)


# --- running it --------------------------------------------------------------------------------------


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _session(file: Path) -> InferenceSession:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    # One text a core: parallelism is across texts, so a run needs no pool of its own.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    failures: tuple[type[Exception], ...] = (
        *(state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf),
        *(state.NotImplemented, state.NoSuchFile, state.RuntimeException, RuntimeError),
    )
    try:
        return onnxruntime.InferenceSession(
            str(file),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["SkipLayerNormFusion"],
        )
    except failures as exc:
        raise ModelError(
            f"ONNX Runtime cannot load {file}: {exc}; delete its folder and run again"
        ) from exc


class Int8Encoder:
    """A BERT-family sentence-transformers model in int8.

    Satisfies ``konkyo.index.embedding.encoders.AnyEncoder``, where each method is described.
    """

    def __init__(
        self, plan: _Plan, graph: Path, fingerprint: str, prompts: Prompts, threads: int | None
    ) -> None:
        self._plan = plan
        self._fingerprint = fingerprint
        self._prompts = prompts
        self._session = _session(graph)
        self._tokenizer, self._first, self._last = _tokenizer(plan.folder)
        weights = _Weights(plan.folder / "model.safetensors")
        self._words = weights[_WORDS]
        first = plan.first_position
        self._positions = (
            weights.small("embeddings.position_embeddings.weight")[first : first + plan.max_tokens]
            + weights.small("embeddings.token_type_embeddings.weight")[0]
        )
        self._threads = max(1, threads or _usable_cores())
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="konkyo-embed")

    @property
    def fingerprint(self) -> str:
        """Name, content and engine."""
        return self._fingerprint

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._plan.hidden

    @property
    def max_tokens(self) -> int:
        """How many tokens of one text are read."""
        return self._plan.max_tokens

    @property
    def prompts(self) -> Prompts:
        """What is put before a question and before a passage."""
        return self._prompts

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Encode questions: (len(texts), dimension)."""
        return self._all(texts, "query", None)

    def passages(
        self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None
    ) -> Vectors:
        """Encode passages: (len(texts), dimension)."""
        return self._all(texts, "passage", progress)

    def iter_passages(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Vectors]]:
        """Encode passages a few at a time, in order."""
        return self._iterate(texts, "passage")

    def query_states(self, texts: Sequence[str]) -> list[Vectors]:
        """One array (tokens, dimension) a question."""
        return [states for states, _ in self.states_with_offsets(texts, "query")]

    def passage_states(self, texts: Sequence[str]) -> list[Vectors]:
        """One array (tokens, dimension) a passage."""
        return [states for states, _ in self.states_with_offsets(texts, "passage")]

    def states_with_offsets(
        self, texts: Sequence[str], role: Role = "passage"
    ) -> list[tuple[Vectors, Offsets]]:
        """States and spans of each text."""
        if len(texts) == 1:
            return [self._states(texts[0], role)]
        return list(self._pool.map(lambda text: self._states(text, role), texts))

    def token_offsets(self, text: str, role: Role = "passage") -> Offsets:
        """The spans alone."""
        prompt = self._prompts.of(role)
        encoded = self._tokenizer.encode(prompt + text, add_special_tokens=False)
        return [span for _, span in self._kept(encoded, len(prompt))]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut."""
        encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(one.ids) for one in encoded]

    def _all(
        self, texts: Sequence[str], role: Role, progress: Callable[[int, int], None] | None
    ) -> Vectors:
        if len(texts) == 1:
            # A question does not wait behind the groups of a long build.
            return self._group(texts, role)
        out = np.empty((len(texts), self.dimension), np.float32)
        for positions, vectors in self._iterate(texts, role):
            out[positions] = vectors
            if progress is not None:
                progress(int(positions[-1]) + 1, len(texts))
        return out

    def _iterate(
        self, texts: Sequence[str], role: Role
    ) -> Iterator[tuple[npt.NDArray[np.int64], Vectors]]:
        # Small calls are cut finer, so that no core is left without a share.
        size = max(1, min(_GROUP, -(-len(texts) // self._threads)))
        running: deque[tuple[int, Future[Vectors]]] = deque()
        starts = iter(range(0, len(texts), size))
        try:
            while True:
                while len(running) < _AHEAD * self._threads:
                    start = next(starts, None)
                    if start is None:
                        break
                    part = texts[start : start + size]
                    running.append((start, self._pool.submit(self._group, part, role)))
                if not running:
                    return
                start, future = running.popleft()
                vectors = future.result()
                yield np.arange(start, start + len(vectors)), vectors
        finally:
            for _, future in running:
                future.cancel()

    def _group(self, texts: Sequence[str], role: Role) -> Vectors:
        prompt = self._prompts.of(role)
        encoded = self._tokenizer.encode_batch_fast(
            [prompt + text for text in texts], add_special_tokens=False
        )
        return unit(np.stack([self._pooled(one.ids) for one in encoded]))

    def _pooled(self, ids: list[int]) -> npt.NDArray[np.float32]:
        states = self._run(ids)
        pooled: npt.NDArray[np.float32]
        pooled = states[0] if self._plan.pooling == "cls" else states.mean(axis=0)
        return pooled

    def _run(self, ids: list[int]) -> npt.NDArray[np.float32]:
        """Last hidden states (tokens, hidden) of content tokens between the special ones."""
        (batch,) = self._session.run(["states"], {"embedded": self._embedded(ids)[None]})
        states: npt.NDArray[np.float32] = batch[0]
        return states

    def _embedded(self, ids: list[int]) -> npt.NDArray[np.float32]:
        row = [self._first, *ids[: self.max_tokens - 2], self._last]
        embedded: npt.NDArray[np.float32]
        embedded = self._words[row].astype(np.float32, copy=False) + self._positions[: len(row)]
        return embedded

    def channel_peaks(self, texts: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
        """The largest magnitude in each channel of whatever the graph gives besides states."""
        names = [output.name for output in self._session.get_outputs() if output.name != "states"]
        peaks: dict[str, npt.NDArray[np.float32]] = {}
        for text in texts:
            encoded = self._tokenizer.encode(self._prompts.passage + text, add_special_tokens=False)
            embedded = self._embedded(encoded.ids)
            values = self._session.run(names, {"embedded": embedded[None]})
            for name, value in zip(names, values, strict=True):
                peak = np.abs(value[0]).max(axis=0)
                peaks[name] = np.maximum(peak, peaks.get(name, 0))
        return peaks

    def _states(self, text: str, role: Role) -> tuple[Vectors, Offsets]:
        prompt = self._prompts.of(role)
        encoded = self._tokenizer.encode(prompt + text, add_special_tokens=False)
        kept = self._kept(encoded, len(prompt))
        states = self._run(encoded.ids)[[row + 1 for row, _ in kept]]
        return unit(states), [span for _, span in kept]

    def _kept(self, encoded: Encoding, prompt: int) -> list[tuple[int, tuple[int, int]]]:
        spans = encoded.offsets[: self.max_tokens - 2]
        return [
            (row, (max(start - prompt, 0), end - prompt))
            for row, (start, end) in enumerate(spans)
            if end > prompt
        ]


def _tokenizer(folder: Path) -> tuple[Tokenizer, int, int]:
    """The tokenizer and the tokens that begin and end every text. Raises Unsupported."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    frame = tokenizer.encode("").ids
    if len(frame) != 2:
        raise Unsupported(f"its tokenizer frames a text with {len(frame)} special tokens, not 2")
    return tokenizer, frame[0], frame[1]


# --- making it once, checking it always --------------------------------------------------------------


def load_int8(folder: Path, name: str, threads: int | None = None) -> Int8Encoder:
    """Load the fast engine of a sentence-transformers folder, making it the first time.

    Raises Unsupported if the model is of another kind or int8 does not reproduce it on this CPU;
    ModelError if the cache cannot be written.
    """
    from filelock import FileLock

    plan = _plan(folder)
    engine = _place(folder, name)
    if (encoder := _open(plan, engine, name, threads)) is not None:
        return encoder
    try:
        engine.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(engine.with_name(f".{engine.name}.lock")):
            if (encoder := _open(plan, engine, name, threads)) is not None:
                return encoder
            _make(plan, engine, name)
    except OSError as exc:
        raise ModelError(
            f"cannot write the fast encoder to {engine}: {exc.strerror or exc}; free some space, "
            "check permissions or set KONKYO_HOME to another folder"
        ) from exc
    encoder = _open(plan, engine, name, threads)
    if encoder is None:
        raise Unsupported("int8 does not reproduce its vectors on this CPU")
    return encoder


def _place(folder: Path, name: str) -> Path:
    safe = "".join(c if c.isalnum() or c in "-." else "-" for c in name)
    return home() / "engines" / f"{safe}-{state_of(folder)}-v{_VERSION}"


def is_made(folder: Path, name: str) -> bool:
    """Whether the fast engine of this very folder was made before; loads nothing."""
    return (_place(folder, name) / "engine.json").is_file()


def _open(plan: _Plan, engine: Path, name: str, threads: int | None) -> Int8Encoder | None:
    """The engine if it is there and still gives, on this CPU, the vectors it should."""
    try:
        facts = read_json(engine / "engine.json")
        reference = np.array(facts["reference"], np.float32)
        graph = hashlib.sha256((engine / "encoder.onnx").read_bytes()).hexdigest()
        whole = graph == facts["graph"]
    except (OSError, ValueError, KeyError):
        return None
    if facts.get("unsupported"):
        raise Unsupported(str(facts["unsupported"]))
    if not whole:
        _log.warning("the fast engine in %s is damaged; making it again", engine)
        return None
    prompts = read_prompts(plan.folder, name)
    fingerprint = f"{name}:{facts['weights']}:int8-v{_VERSION}"
    try:
        encoder = Int8Encoder(plan, engine / "encoder.onnx", fingerprint, prompts, threads)
    except ModelError as exc:
        _log.warning("%s; making it again", exc)
        return None
    found = np.concatenate([encoder.passages([text]) for text in _SAMPLES[:2]])
    if reference.shape != found.shape or (reference * found).sum(axis=1).min() < _MINIMUM_COSINE:
        _log.warning("the fast engine in %s does not fit this CPU; making it again", engine)
        return None
    return encoder


def _make(plan: _Plan, engine: Path, name: str) -> None:
    """Build, compare with sentence-transformers, and put in place with one rename."""
    from konkyo.index.embedding.sentence_transformers import PlainEncoder

    _log.info("making the fast engine of %s, once", name)
    wanted = PlainEncoder(plan.folder, name).passages(_SAMPLES)
    weights = _Weights(plan.folder / "model.safetensors")
    prompts = read_prompts(plan.folder, name)
    facts: dict[str, object] = {
        "folder": str(plan.folder.resolve()),
        "weights": weights_hash(plan.folder),
        "reference": wanted[:2].astype(float).tolist(),
    }
    with tempfile.TemporaryDirectory(dir=engine.parent, prefix=".making-") as temporary:
        made = Path(temporary) / "engine"
        made.mkdir()
        cosine = -1.0
        (made / "encoder.onnx").write_bytes(_build(plan, weights, 127.0))
        peaks = Int8Encoder(plan, made / "encoder.onnx", "", prompts, 1).channel_peaks(_SAMPLES)
        for limit in (127.0, 63.0):
            graph = _build(plan, weights, limit, peaks)
            (made / "encoder.onnx").write_bytes(graph)
            trial = Int8Encoder(plan, made / "encoder.onnx", "", prompts, 1)
            cosine = float((trial.passages(_SAMPLES) * wanted).sum(axis=1).min())
            facts |= {"weight_limit": limit, "cosine": round(cosine, 5)}
            facts["graph"] = hashlib.sha256(graph).hexdigest()
            if cosine >= _MINIMUM_COSINE:
                break
        else:
            facts["unsupported"] = f"int8 reaches only cosine {cosine:.3f} on this CPU"
        (made / "engine.json").write_text(json.dumps(facts), encoding="utf-8")
        if engine.exists():
            engine.rename(Path(temporary) / "old")
        made.rename(engine)
    _sweep(engine, plan.folder)


def _sweep(engine: Path, folder: Path) -> None:
    """Remove engines of the same folder as it was before, and what a killed making left."""
    for other in engine.parent.iterdir():
        if not other.is_dir() or other == engine:
            continue
        if other.name.startswith(".making-"):
            stale = time.time() - other.stat().st_mtime > _KILLED_AFTER
        else:
            stale = read_json(other / "engine.json").get("folder") == str(folder.resolve())
        if stale:
            shutil.rmtree(other, ignore_errors=True)
