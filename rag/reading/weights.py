"""The files of the reader's weights and of the encoder's word vectors."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from konkyo.index.errors import ModelDamaged
from konkyo.rag.reading.network import Tensors

__all__ = ["Calibration", "Facts", "read_weights", "word_vectors"]

_LONGEST_SPAN = 32


@dataclass(frozen=True, slots=True)
class Calibration:
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
class Facts:
    """What the weights file says of itself; ``frozen`` layers are the encoder's own.

    ``longest`` is how many tokens an answer may have.
    """

    vocabulary: int
    width: int
    heads: int
    frozen: int
    version: str
    calibration: Calibration
    longest: int = _LONGEST_SPAN


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


def word_vectors(path: Path) -> npt.NDArray[np.floating]:
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


def read_weights(path: Path) -> tuple[Tensors, Facts]:
    """The tensors of a weights file and what it says of itself; ModelDamaged if it is broken."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            facts = json.loads(file.metadata()["konkyo"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, Facts(
            int(facts["vocabulary"]),
            int(facts["width"]),
            int(facts["heads"]),
            int(facts["frozen"]),
            str(facts["version"]),
            Calibration(**{k: float(v) for k, v in facts["calibration"].items()}),
            int(facts.get("longest", _LONGEST_SPAN)),
        )
    except (SafetensorError, KeyError, TypeError, ValueError) as exc:
        raise ModelDamaged(f"{path} is damaged ({exc}); reinstall konkyo") from exc
