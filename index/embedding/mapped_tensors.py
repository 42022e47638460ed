"""The float tensors of a safetensors file, memory-mapped: only what is read comes from the disk.

The library ``safetensors`` copies a tensor when it gives it; the word vectors of a multilingual
model, of which a text needs a few rows, are 400 MB.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from konkyo.index.errors import ModelDamaged

__all__ = ["WORDS", "MappedTensors"]

WORDS = "embeddings.word_embeddings.weight"
"""How the tensor of word vectors is called, behind a prefix such as ``bert.``."""

_KINDS = {"F32": np.float32, "F16": np.float16}
_LONGEST_HEADER = 100_000_000


class MappedTensors:
    """Tensors by name. Raises ModelDamaged if the file is not a safetensors file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            if not 0 < size < _LONGEST_HEADER:
                raise ModelDamaged(f"{path} is not a safetensors file; pull or install it again")
            try:
                header = json.loads(file.read(size))
            except ValueError as exc:
                raise ModelDamaged(f"{path} has a broken header; pull or install it again") from exc
        header.pop("__metadata__", None)
        self._header: dict[str, dict[str, object]] = header
        self._bytes = np.memmap(path, np.uint8, "r", offset=8 + size)

    def __contains__(self, name: str) -> bool:
        return name in self._header

    def kind(self, name: str) -> str:
        """Type of a tensor as safetensors names it, such as ``F32``."""
        return str(self._header[name]["dtype"])

    def named(self, ending: str) -> str | None:
        """Name of the first tensor whose name ends so."""
        return next((name for name in self._header if name.endswith(ending)), None)

    def __getitem__(self, name: str) -> npt.NDArray[np.floating]:
        """A view of a tensor. Raises ModelDamaged if it is absent or not of 32 or 16 bits."""
        tensor = self._header.get(name, {})
        kind = _KINDS.get(str(tensor.get("dtype")))
        offsets, shape = tensor.get("data_offsets"), tensor.get("shape")
        if kind is None or not isinstance(offsets, list) or not isinstance(shape, list):
            raise ModelDamaged(f"{self._path} holds no float tensor {name}; pull it again")
        return self._bytes[offsets[0] : offsets[1]].view(kind).reshape(shape)
