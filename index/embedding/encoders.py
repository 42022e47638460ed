"""Encoders: any sentence-transformers model, and a faster engine for the common kind.

``load_encoder`` returns one object that embeds questions and passages and also returns the state
of each token. The model may be named by the catalogue, by a folder or by a hub id; its own prompts
are used (``query: `` / ``passage: `` for models of the E5 family that do not say).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.hub import fetch_snapshot
from konkyo.index.embedding.model_folder import Offsets, Prompts, Role
from konkyo.index.embedding.model_registry import resolve_embedding
from konkyo.index.embedding.protocol import Vectors

__all__ = ["AnyEncoder", "Load", "Progress", "is_prepared", "load_encoder"]

Progress = Callable[[int, int], None]
"""Called with texts done and texts in all."""

_HUB_ADVICE = "check the name and the network, or name a folder"

_log = logging.getLogger(__name__)


class AnyEncoder(Protocol):
    """What ``load_encoder`` returns: an ``Encoder`` and ``TokenEncoder``, safe to share by threads.

    A text longer than the model can read is cut at ``max_tokens`` tokens.
    """

    @property
    def fingerprint(self) -> str:
        """Names model, weights and engine; vectors of two fingerprints are not to be mixed."""

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
        """Encode passages a few at a time, so that a caller can keep what is done.

        Each item is the positions in ``texts`` and their vectors, row by row; every position
        comes exactly once. Stopping early loses only the few under way.
        """

    def query_states(self, texts: Sequence[str]) -> list[Vectors]:
        """One array (tokens, dimension) a question, rows of length 1; no prompt, no specials."""

    def passage_states(self, texts: Sequence[str]) -> list[Vectors]:
        """One array (tokens, dimension) a passage, rows of length 1; no prompt, no specials."""

    def states_with_offsets(
        self, texts: Sequence[str], role: Role = "passage"
    ) -> list[tuple[Vectors, Offsets]]:
        """The states of each text and, row by row, the span of the text each stands for."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, uncut, without prompt and special tokens."""


def load_encoder(
    name_or_path: str | Path, *, threads: int | None = None, fast: bool = True
) -> AnyEncoder:
    """Load an embedding model by catalogue name, folder or hub id.

    ``fast`` uses the int8 engine where the model allows it: it is made once, in about ten
    seconds, checked against sentence-transformers and kept in the cache; loading it then takes a
    second and no torch. Otherwise, and for unusual models, sentence-transformers itself.
    ``threads`` defaults to the number of usable cores.
    Raises ModelUnknown, ModelMissing, ModelUnreachable, ModelError.
    """
    given = str(name_or_path)
    found = resolve_embedding(given)
    folder = found if isinstance(found, Path) else fetch_snapshot(found, advice=_HUB_ADVICE)
    name = folder.name if isinstance(found, Path) else found
    if fast:
        from konkyo.index.embedding.bert_folder import Unsupported
        from konkyo.index.embedding.int8_engine import load_int8

        try:
            return load_int8(folder, name, threads)
        except Unsupported as exc:
            _log.info("%s runs on sentence-transformers, not on the fast engine: %s", name, exc)
    from konkyo.index.embedding.sentence_transformers import PlainEncoder

    return PlainEncoder(folder, name, threads)


@dataclass(frozen=True, slots=True)
class Load:
    """``load_encoder`` with its arguments, to be sent to another process and called there."""

    name_or_path: str
    threads: int | None = None

    def __call__(self) -> AnyEncoder:
        """Load it."""
        return load_encoder(self.name_or_path, threads=self.threads)


def is_prepared(name_or_path: str | Path) -> bool:
    """Whether the fast engine of a local model was made before, so that loading it is quick."""
    from konkyo.index.embedding.int8_engine import is_made

    found = resolve_embedding(str(name_or_path))
    return isinstance(found, Path) and is_made(found, found.name)
