"""Encoders: any sentence-transformers model, and a faster engine for the common kind.

``load_encoder`` gives one object that embeds questions and passages and also gives the state of
each token. The model may be named by the catalogue, by a folder or by a hub id; its own prompts
are used (``query: `` / ``passage: `` for models of the E5 family that do not say).
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import numpy.typing as npt

from index.errors import ModelError, ModelUnreachable
from index.models import resolve_embedding
from index.protocols import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = [
    "AnyEncoder",
    "Offsets",
    "Progress",
    "Prompts",
    "Role",
    "load_encoder",
    "read_prompts",
]

Role = Literal["query", "passage"]
Offsets = list[tuple[int, int]]
"""The half-open span of each token, counted in code points of the text."""
Progress = Callable[[int, int], None]
"""Called with texts done and texts in all."""

_WINDOW = 2048


class AnyEncoder(Protocol):
    """What ``load_encoder`` gives: an ``Encoder`` and a ``TokenEncoder``; safe to share by threads.

    A text longer than the model can read is cut at ``max_tokens`` tokens, prompt included.
    """

    @property
    def fingerprint(self) -> str:
        """Names model, weights, pooling and engine."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """How many tokens of one text are read, prompt and special tokens included."""

    @property
    def prompts(self) -> Prompts:
        """What is put before a question and before a passage."""

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Encode questions: shape (len(texts), dimension), float32, rows of length 1."""

    def passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Encode passages: shape (len(texts), dimension), float32, rows of length 1."""

    def iter_passages(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Vectors]]:
        """Encode passages batch by batch, in the order that is fastest.

        Each item is the positions in ``texts`` and their vectors, row by row; every position
        comes exactly once. Stopping early loses only the batch under way.
        """

    def query_states(self, texts: Sequence[str]) -> list[Vectors]:
        """One array (tokens, dimension) a question, rows of length 1; no prompt, no specials."""

    def passage_states(self, texts: Sequence[str]) -> list[Vectors]:
        """One array (tokens, dimension) a passage, rows of length 1; no prompt, no specials."""

    def states_with_offsets(
        self, texts: Sequence[str], role: Role = "passage"
    ) -> list[tuple[Vectors, Offsets]]:
        """The states of each text and, row by row, the span of the text each stands for."""

    def token_offsets(self, text: str, role: Role = "passage") -> Offsets:
        """The spans alone, exactly as in ``states_with_offsets``, without running the model."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut, without prompt and special tokens."""


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is put before a question and before a passage; often empty."""

    query: str
    passage: str

    def of(self, role: Role) -> str:
        """The prompt of one role."""
        return self.query if role == "query" else self.passage


def read_prompts(folder: Path, name: str) -> Prompts:
    """The prompts a sentence-transformers folder asks for; the E5 ones for E5 without any."""
    file = folder / "config_sentence_transformers.json"
    stated: dict[str, str] = {}
    if file.is_file():
        stated = json.loads(file.read_text(encoding="utf-8")).get("prompts") or {}
    query = stated.get("query", "")
    passage = stated.get("passage") or stated.get("document") or stated.get("corpus") or ""
    if not query and not passage and "e5" in name.lower() and "instruct" not in name.lower():
        return Prompts("query: ", "passage: ")
    return Prompts(query, passage)


def load_encoder(
    name_or_path: str | Path, *, threads: int | None = None, fast: bool = True
) -> AnyEncoder:
    """Load an embedding model by catalogue name, folder or hub id.

    ``fast`` uses the int8 engine where the model allows it (made once, kept in the cache);
    otherwise, and for unusual models, sentence-transformers itself. ``threads`` defaults to the
    number of cores. Raises ModelUnknown, ModelMissing, ModelUnreachable, ModelError.
    """
    folder = _folder(str(name_or_path))
    name = _name(str(name_or_path), folder)
    return _PlainEncoder(folder, name, threads)


def _folder(name: str) -> Path:
    found = resolve_embedding(name)
    return found if isinstance(found, Path) else _from_hub(found)


def _name(given: str, folder: Path) -> str:
    return folder.name if Path(given).expanduser().exists() else given


def _from_hub(hub_id: str) -> Path:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    patterns = ["*.json", "*.txt", "*.model", "*.safetensors"]
    try:
        return Path(huggingface_hub.snapshot_download(hub_id, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, ConnectionError) as exc:
        raise ModelUnreachable(
            f"cannot fetch {hub_id} from the model hub ({type(exc).__name__}); check the name and "
            "the network, or name a folder"
        ) from exc


def _weights_hash(folder: Path) -> str:
    """Twelve hexadecimal digits over the weights, the tokenizer and the pooling."""
    digest = hashlib.sha256()
    files = [p for p in folder.rglob("*") if p.suffix in (".safetensors", ".bin", ".model")]
    files += [folder / "tokenizer.json", *folder.glob("*_*/config.json")]
    for file in sorted(set(files)):
        if file.is_file():
            digest.update(file.relative_to(folder).as_posix().encode())
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()[:12]


def _unit(rows: npt.NDArray[np.floating]) -> Vectors:
    rows = np.ascontiguousarray(rows, np.float32)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    unit: Vectors = rows / np.maximum(lengths, 1e-12)
    return unit


class _PlainEncoder:
    """sentence-transformers itself, with nothing added but unit length and a lock."""

    def __init__(self, folder: Path, name: str, threads: int | None) -> None:
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            self._model: SentenceTransformer = SentenceTransformer(str(folder))
        except (OSError, ValueError, KeyError) as exc:
            raise ModelError(
                f"sentence-transformers cannot load {folder}: {exc}; pull or download it again"
            ) from exc
        self._lock = threading.Lock()
        self._prompts = read_prompts(folder, name)
        self._fingerprint = f"{name}:{_weights_hash(folder)}:sentence-transformers"

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dimension(self) -> int:
        return int(self._model.get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        return int(self._model.max_seq_length or 512)

    @property
    def prompts(self) -> Prompts:
        return self._prompts

    def queries(self, texts: Sequence[str]) -> Vectors:
        return self._encode(texts, "query")

    def passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        out = np.empty((len(texts), self.dimension), np.float32)
        done = 0
        for positions, vectors in self.iter_passages(texts):
            out[positions] = vectors
            done += len(positions)
            if progress is not None:
                progress(done, len(texts))
        return out

    def iter_passages(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Vectors]]:
        for start in range(0, len(texts), 256):
            part = texts[start : start + 256]
            yield np.arange(start, start + len(part)), self._encode(part, "passage")

    def _encode(self, texts: Sequence[str], role: Role) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        with self._lock:
            rows = self._model.encode(
                list(texts), prompt=self._prompts.of(role), show_progress_bar=False
            )
        return _unit(np.asarray(rows))

    def query_states(self, texts: Sequence[str]) -> list[Vectors]:
        return [states for states, _ in self.states_with_offsets(texts, "query")]

    def passage_states(self, texts: Sequence[str]) -> list[Vectors]:
        return [states for states, _ in self.states_with_offsets(texts, "passage")]

    def states_with_offsets(
        self, texts: Sequence[str], role: Role = "passage"
    ) -> list[tuple[Vectors, Offsets]]:
        if not texts:
            return []
        with self._lock:
            states = self._model.encode(
                list(texts),
                prompt=self._prompts.of(role),
                output_value="token_embeddings",
                show_progress_bar=False,
            )
        out = []
        for text, rows in zip(texts, states, strict=True):
            kept = self._kept(text, role)
            array = np.asarray(rows, np.float32)[[row for row, _ in kept]]
            out.append((_unit(array), [span for _, span in kept]))
        return out

    def token_offsets(self, text: str, role: Role = "passage") -> Offsets:
        return [span for _, span in self._kept(text, role)]

    def _kept(self, text: str, role: Role) -> list[tuple[int, tuple[int, int]]]:
        prompt = self._prompts.of(role)
        encoded = self._model.tokenizer(
            prompt + text,
            truncation=True,
            max_length=self.max_tokens,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        rows = zip(encoded["offset_mapping"], encoded["special_tokens_mask"], strict=True)
        return [
            (row, (max(start - len(prompt), 0), end - len(prompt)))
            for row, ((start, end), special) in enumerate(rows)
            if not special and end > len(prompt)
        ]

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        with self._lock:
            encoded = self._model.tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]
