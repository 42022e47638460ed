"""Turn the 4-bit file of multilingual-e5-small into an ordinary sentence-transformers folder.

The file (magic ``E5S1``, little-endian) holds a header, the SentencePiece unigram vocabulary with
its log-probabilities, a normalisation table (which is NFKC after SentencePiece's own white-space
and control-character rules, so `tokenizers` has it built in) and named tensors: fp32, or Q4_0, that
is blocks of 32 weights as one fp16 scale and 16 bytes, low nibbles first, each weight
``(nibble - 8) * scale``.

The safetensors file is written by hand, tensor by tensor, because its bytes then depend on nothing
but the input: the catalogue can pin their sha256, and memory stays at one tensor.
"""

from __future__ import annotations

import itertools
import json
import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from konkyo.index.errors import ModelDamaged

__all__ = ["dequantise_e5"]

_Floats = npt.NDArray[np.float32]
_HEADER = struct.Struct("<4sI7ifi")
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", (16,))])
_Q4_0 = 1
_CHUNK_BLOCKS = 1 << 18

_LAYER_NAMES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDING_NAMES = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}


_MODULES = [
    {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
    for n, (path, kind) in enumerate(
        [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    )
]
_POOLING = {
    "pooling_mode_cls_token": False,
    "pooling_mode_mean_tokens": True,
    "pooling_mode_max_tokens": False,
    "pooling_mode_mean_sqrt_len_tokens": False,
    "include_prompt": True,
}
_PROMPTS = {
    "prompts": {"query": "query: ", "passage": "passage: ", "document": "passage: "},
    "default_prompt_name": None,
    "similarity_fn_name": "cosine",
}


@dataclass(frozen=True, slots=True)
class _Shape:
    """The sizes in the header."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class _Tensor:
    """Where one tensor lies in the file."""

    name: str
    quantised: bool
    size: int
    offset: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class _Contents:
    """The parsed file, tensors still in place."""

    shape: _Shape
    pieces: list[tuple[str, float]]
    special: dict[str, int]
    tensors: list[_Tensor]


def dequantise_e5(source: Path, folder: Path) -> None:
    """Write ``folder`` as a sentence-transformers model from the 4-bit file ``source``.

    ``folder`` must exist. A few seconds, 470 MB. Raises ModelDamaged if the file is not of the
    layout expected.
    """
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        try:
            contents = _parse(data)
        except (struct.error, UnicodeDecodeError, ValueError) as exc:
            raise ModelDamaged(
                f"{source} is not a 4-bit E5 file this version can read ({exc}); "
                "pull the model again: konkyo models pull"
            ) from exc
        _write_weights(data, contents, folder / "model.safetensors")
    _write_tokenizer(contents, folder)
    _write_configuration(contents, folder)


def _parse(data: mmap.mmap) -> _Contents:
    magic, version, *rest = _HEADER.unpack_from(data, 0)
    if magic != b"E5S1" or version != 1 or rest[-1] != 32:
        raise ValueError(f"magic {magic!r}, version {version}, block {rest[-1]}")
    shape = _Shape(*rest[:8])
    at = _HEADER.size
    count, bos, eos, pad, unk, blob_size = struct.unpack_from("<5iQ", data, at)
    at += 28
    offsets = np.frombuffer(data, "<u4", count + 1, at).tolist()
    at += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at).astype(float).tolist()
    at += 4 * count
    blob = data[at : at + blob_size]
    at += blob_size
    pieces = [blob[a:b].decode() for a, b in itertools.pairwise(offsets)]
    (norm_size,) = struct.unpack_from("<4xI", data, at)
    at += 8 + norm_size
    (tensor_count,) = struct.unpack_from("<i", data, at)
    at += 4
    tensors = []
    for _ in range(tensor_count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        kind, size, offset, nbytes = struct.unpack_from("<BIQQ", data, at + 2 + length)
        if offset + nbytes > len(data):
            raise ValueError(f"tensor {name} ends beyond the file")
        tensors.append(_Tensor(name, kind == _Q4_0, size, offset, nbytes))
        at += 2 + length + 21
    special = {"bos": bos, "eos": eos, "pad": pad, "unk": unk}
    return _Contents(shape, list(zip(pieces, scores, strict=True)), special, tensors)


def _bert_name(name: str) -> str:
    if name in _EMBEDDING_NAMES:
        return _EMBEDDING_NAMES[name]
    layer, part, kind = name.split(".")
    suffix = {"w": "weight", "b": "bias"}[kind]
    return f"encoder.layer.{int(layer[1:])}.{_LAYER_NAMES[part]}.{suffix}"


def _bert_shape(name: str, size: int, shape: _Shape) -> list[int]:
    if name.endswith((".b", ".ln.w", "aln.w", "oln.w")):
        return [size]
    width = shape.feed_forward if name.endswith(".fo.w") else shape.hidden
    return [size // width, width]


def _dequantise(blocks: npt.NDArray[np.void]) -> _Floats:
    out = np.empty((len(blocks), 32), np.float32)
    np.subtract(blocks["nibbles"] & 0x0F, 8, out=out[:, :16], dtype=np.float32)
    np.subtract(blocks["nibbles"] >> 4, 8, out=out[:, 16:], dtype=np.float32)
    out *= blocks["scale"].astype(np.float32)[:, None]
    return out


def _write_weights(data: mmap.mmap, contents: _Contents, path: Path) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at = 0
    for tensor in contents.tensors:
        end = at + 4 * tensor.size
        header[_bert_name(tensor.name)] = {
            "dtype": "F32",
            "shape": _bert_shape(tensor.name, tensor.size, contents.shape),
            "data_offsets": [at, end],
        }
        at = end
    # The file has no pooler and nothing uses one; with zeros, loaders do not warn of its absence.
    hidden = contents.shape.hidden
    pooler = {"pooler.dense.weight": [hidden, hidden], "pooler.dense.bias": [hidden]}
    padding = 0
    for name, dimensions in pooler.items():
        size = 4 * math.prod(dimensions)
        header[name] = {"dtype": "F32", "shape": dimensions, "data_offsets": [at, at + size]}
        at += size
        padding += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for tensor in contents.tensors:
            if not tensor.quantised:
                file.write(data[tensor.offset : tensor.offset + tensor.nbytes])
                continue
            # Copied out of the map piece by piece: a view would keep the map from closing.
            step = _CHUNK_BLOCKS * _BLOCK.itemsize
            end = tensor.offset + tensor.nbytes
            for start in range(tensor.offset, end, step):
                piece = data[start : min(start + step, end)]
                file.write(_dequantise(np.frombuffer(piece, _BLOCK)).tobytes())
        file.write(bytes(padding))


def _write_tokenizer(contents: _Contents, folder: Path) -> None:
    from tokenizers import (
        AddedToken,
        Regex,
        Tokenizer,
        decoders,
        models,
        normalizers,
        pre_tokenizers,
        processors,
    )

    names = {role: contents.pieces[i][0] for role, i in contents.special.items()}
    bos, eos = names["bos"], names["eos"]
    tokenizer = Tokenizer(models.Unigram(contents.pieces, contents.special["unk"], False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, contents.special["bos"]), (eos, contents.special["eos"])],
    )
    # <mask> is the last piece; it takes the space before it with it, as in the original.
    tokenizer.add_special_tokens([bos, names["pad"], eos, names["unk"]])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "cls_token": bos,
        "eos_token": eos,
        "sep_token": eos,
        "pad_token": names["pad"],
        "unk_token": names["unk"],
        "mask_token": "<mask>",
        "model_max_length": contents.shape.positions,
        "clean_up_tokenization_spaces": False,
    }
    _write_json(folder / "tokenizer_config.json", settings)


def _write_configuration(contents: _Contents, folder: Path) -> None:
    shape = contents.shape
    _write_json(
        folder / "config.json",
        {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "attention_probs_dropout_prob": 0.1,
            "dtype": "float32",
            "hidden_act": "gelu",
            "hidden_dropout_prob": 0.1,
            "hidden_size": shape.hidden,
            "initializer_range": 0.02,
            "intermediate_size": shape.feed_forward,
            "layer_norm_eps": 1e-12,
            "max_position_embeddings": shape.positions,
            "num_attention_heads": shape.heads,
            "num_hidden_layers": shape.layers,
            "pad_token_id": 0,
            "type_vocab_size": shape.types,
            "vocab_size": shape.vocabulary,
        },
    )
    _write_json(folder / "modules.json", _MODULES)
    _write_json(folder / "sentence_bert_config.json", {"max_seq_length": shape.positions})
    (folder / "1_Pooling").mkdir(exist_ok=True)
    _write_json(
        folder / "1_Pooling" / "config.json", {"word_embedding_dimension": shape.hidden, **_POOLING}
    )
    _write_json(folder / "config_sentence_transformers.json", _PROMPTS)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
