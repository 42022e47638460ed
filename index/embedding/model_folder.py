"""What a sentence-transformers folder says of itself, read without loading any model."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors

__all__ = [
    "Offsets",
    "Prompts",
    "Role",
    "read_json",
    "read_prompts",
    "state_of",
    "unit",
    "weights_hash",
]

Role = Literal["query", "passage"]
Offsets = list[tuple[int, int]]
"""The half-open span of each token, counted in code points of the text."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is put before a question and before a passage; often empty."""

    query: str
    passage: str

    def of(self, role: Role) -> str:
        """The prompt of one role."""
        return self.query if role == "query" else self.passage


def read_json(file: Path) -> dict[str, object]:
    """One JSON object; empty if there is no such file. Raises ValueError if it is malformed."""
    if not file.is_file():
        return {}
    value = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"{file} does not hold a JSON object")  # noqa: TRY004
    return value


def read_prompts(folder: Path, name: str) -> Prompts:
    """The prompts a folder asks for; ``query: `` and ``passage: `` for an E5 that does not say."""
    found = read_json(folder / "config_sentence_transformers.json").get("prompts")
    stated = {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
    query = stated.get("query", "")
    passage = stated.get("passage") or stated.get("document") or stated.get("corpus") or ""
    if not query and not passage and "e5" in name.lower() and "instruct" not in name.lower():
        return Prompts("query: ", "passage: ")
    return Prompts(query, passage)


def _files(folder: Path) -> list[Path]:
    """Everything that decides a vector: weights, tokenizer, modules."""
    kinds = (".safetensors", ".bin", ".model", ".json", ".txt")
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in kinds and not path.name.startswith("konkyo-") and path.is_file()
    )


def state_of(folder: Path) -> str:
    """Sixteen hexadecimal digits that change when a file of the folder does; nothing is read."""
    seen = [
        (path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in _files(folder)
    ]
    return hashlib.sha256(json.dumps([str(folder.resolve()), seen]).encode()).hexdigest()[:16]


def weights_hash(folder: Path) -> str:
    """Twelve hexadecimal digits over the content of the folder; hashes every byte of it."""
    digest = hashlib.sha256()
    for path in _files(folder):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def unit(rows: npt.NDArray[np.float32]) -> Vectors:
    """The same rows with length 1; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    scaled: Vectors = (rows / np.maximum(lengths, 1e-12)).astype(np.float32, copy=False)
    return scaled
