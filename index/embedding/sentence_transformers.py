"""The plain engine: sentence-transformers itself, the reference every other engine is held to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.model_folder import (
    Offsets,
    Prompts,
    Role,
    read_prompts,
    unit,
    weights_hash,
)
from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import ModelError

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder, SentenceTransformer

__all__ = ["PairScorer", "PlainEncoder"]

_GROUP = 128


class PairScorer:
    """A cross-encoder of sentence-transformers, as a ``Reranker`` of ``cross_encoder``."""

    def __init__(self, name_or_path: str) -> None:
        from sentence_transformers import CrossEncoder
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            self._model: CrossEncoder = CrossEncoder(name_or_path, num_labels=1, device="cpu")
        except (OSError, ValueError, KeyError, RuntimeError) as exc:
            raise ModelError(
                f"{name_or_path} cannot be loaded as a cross-encoder with one score: {exc}; name a"
                " sentence-transformers cross-encoder in retrieval.reranker, or none"
            ) from exc
        self._lock = threading.Lock()

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """One score a passage, in the order given."""
        pairs = [(question, passage) for passage in passages]
        with self._lock:
            found = self._model.predict(pairs, show_progress_bar=False, convert_to_numpy=True)
        return [float(score) for score in found]


class PlainEncoder:
    """Any sentence-transformers model, unchanged; adds unit length, offsets and a lock.

    Satisfies ``konkyo.index.embedding.encoders.AnyEncoder``, where each method is described.
    """

    def __init__(self, folder: Path, name: str, threads: int | None = None) -> None:
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
        self._fingerprint = f"{name}:{weights_hash(folder)}:plain"

    @property
    def fingerprint(self) -> str:
        """Name, content and engine."""
        return self._fingerprint

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    @property
    def max_tokens(self) -> int:
        """How many tokens of one text are read."""
        return int(self._model.max_seq_length or 512)

    @property
    def prompts(self) -> Prompts:
        """What is put before a question and before a passage."""
        return self._prompts

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Encode questions: (len(texts), dimension)."""
        return self._encode(texts, "query")

    def passages(
        self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None
    ) -> Vectors:
        """Encode passages: (len(texts), dimension)."""
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
        """Encode passages a few at a time."""
        for start in range(0, len(texts), _GROUP):
            part = texts[start : start + _GROUP]
            yield np.arange(start, start + len(part)), self._encode(part, "passage")

    def _encode(self, texts: Sequence[str], role: Role) -> Vectors:
        if not texts:
            return np.empty((0, self.dimension), np.float32)
        with self._lock:
            rows = self._model.encode(
                list(texts), prompt=self._prompts.of(role), show_progress_bar=False
            )
        return unit(np.asarray(rows, np.float32))

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
        if not texts:
            return []
        with self._lock:
            states = self._model.encode(
                list(texts),
                prompt=self._prompts.of(role),
                output_value="token_embeddings",
                show_progress_bar=False,
            )
            kept = [self._kept(text, role) for text in texts]
        return [
            (
                unit(np.asarray(rows, np.float32)[[row for row, _ in keep]]),
                [span for _, span in keep],
            )
            for rows, keep in zip(states, kept, strict=True)
        ]

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
        """Tokens of each text, uncut."""
        if not texts:
            return []
        with self._lock:
            encoded = self._model.tokenizer(list(texts), add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]
