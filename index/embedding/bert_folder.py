"""A sentence-transformers folder of a BERT-family model: its configuration and its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.mapped_tensors import WORDS, MappedTensors
from konkyo.index.embedding.model_folder import read_json

__all__ = ["BertModel", "BertWeights", "Unsupported", "read_bert"]


class Unsupported(Exception):
    """The model is not of the kind the int8 engine can run; the reason is the message."""


@dataclass(frozen=True, slots=True)
class BertModel:
    """What is needed to run a model, all from its folder; ``pooling`` is ``mean`` or ``cls``."""

    folder: Path
    layers: int
    heads: int
    hidden: int
    epsilon: float
    first_position: int
    max_tokens: int
    pooling: str


def read_bert(folder: Path) -> BertModel:
    """Read the configuration of a folder. Raises Unsupported."""
    config = read_json(folder / "config.json")
    settings = read_json(folder / "sentence_bert_config.json")
    _require_supported(folder, config, settings)
    # RoBERTa counts positions from the padding index on.
    is_bert = config["model_type"] == "bert"
    first = 0 if is_bert else int(_number(config, "pad_token_id")) + 1
    # Older folders say it in the first, newer ones in the second.
    limits = [
        settings.get("max_seq_length"),
        read_json(folder / "tokenizer_config.json").get("model_max_length"),
    ]
    limit = next((x for x in limits if isinstance(x, int)), 1 << 30)
    return BertModel(
        folder=folder,
        layers=int(_number(config, "num_hidden_layers")),
        heads=int(_number(config, "num_attention_heads")),
        hidden=int(_number(config, "hidden_size")),
        epsilon=_number(config, "layer_norm_eps"),
        first_position=first,
        max_tokens=min(int(_number(config, "max_position_embeddings")) - first, limit),
        pooling=_pooling(folder),
    )


def _require_supported(
    folder: Path, config: Mapping[str, object], settings: Mapping[str, object]
) -> None:
    kind = config.get("model_type")
    if kind not in ("bert", "xlm-roberta", "roberta"):
        raise Unsupported(f"its model type is {kind}")
    if config.get("hidden_act") != "gelu":
        raise Unsupported(f"its activation is {config.get('hidden_act')}")
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise Unsupported("its positions are not absolute")
    if not (folder / "model.safetensors").is_file() or not (folder / "tokenizer.json").is_file():
        raise Unsupported("it has no single model.safetensors with a tokenizer.json")
    if settings.get("do_lower_case"):
        raise Unsupported("it lower-cases outside the tokenizer")


def _number(config: Mapping[str, object], key: str) -> float:
    value = config.get(key)
    if not isinstance(value, int | float):
        raise Unsupported(f"its config.json has no number {key}")
    return value


def _pooling(folder: Path) -> str:
    """Return ``mean`` or ``cls``. Raises Unsupported."""
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


class BertWeights:
    """Tensors by the names BERT gives them, whatever prefix the file uses. Raises Unsupported."""

    def __init__(self, path: Path) -> None:
        self._tensors = MappedTensors(path)
        prefixes = [p for p in ("", "bert.", "roberta.") if f"{p}{WORDS}" in self._tensors]
        if not prefixes:
            raise Unsupported("its tensors have unexpected names")
        self._prefix = prefixes[0]

    @property
    def words(self) -> npt.NDArray[np.floating]:
        """The word vectors, (vocabulary, hidden), mapped."""
        return self._mapped(WORDS)

    def __getitem__(self, name: str) -> npt.NDArray[np.float32]:
        """A tensor in memory, as float32."""
        return np.array(self._mapped(name), np.float32)

    def _mapped(self, name: str) -> npt.NDArray[np.floating]:
        full = f"{self._prefix}{name}"
        if full not in self._tensors:
            raise Unsupported(f"it has no tensor {name}")
        if self._tensors.kind(full) not in ("F32", "F16"):
            raise Unsupported(f"its weights are {self._tensors.kind(full)}")
        return self._tensors[full]
