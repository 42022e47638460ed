"""The fast engine: a BERT-family encoder as an int8 ONNX graph, on the CPU.

One text a run, one run a core: no padding is computed, and a vector depends on its own text alone.
(In a batch the activations share one scale, so a passage's vector would change with its neighbours,
and an incremental build would differ from a full one.) The embedding table, four fifths of a small
multilingual model, is not copied: its rows are read from the memory-mapped safetensors file.
Running needs neither torch nor transformers.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.bert_folder import BertModel, BertWeights, Unsupported
from konkyo.index.embedding.model_folder import Offsets, Prompts, Role, unit
from konkyo.index.embedding.onnx_graph import Array, Session, channel_peaks
from konkyo.index.embedding.protocol import Vectors

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

__all__ = ["Int8Encoder"]

_GROUP = 16
_AHEAD = 4


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Int8Encoder:
    """A BERT-family sentence-transformers model in int8.

    Satisfies ``konkyo.index.embedding.encoders.AnyEncoder``, where each method is described.
    """

    def __init__(
        self, bert: BertModel, graph: Path, fingerprint: str, prompts: Prompts, threads: int | None
    ) -> None:
        self._bert = bert
        self._fingerprint = fingerprint
        self._prompts = prompts
        self._session = Session(graph, f"delete {graph.parent} and run again")
        self._tokenizer, self._first, self._last = _tokenizer(bert.folder)
        weights = BertWeights(bert.folder / "model.safetensors")
        self._words = weights.words
        first = bert.first_position
        self._positions = (
            weights["embeddings.position_embeddings.weight"][first : first + bert.max_tokens]
            + weights["embeddings.token_type_embeddings.weight"][0]
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
        return self._bert.hidden

    @property
    def max_tokens(self) -> int:
        """How many tokens of one text are read."""
        return self._bert.max_tokens

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

    def _pooled(self, ids: list[int]) -> Array:
        states = self._run(ids)
        pooled: Array
        pooled = states[0] if self._bert.pooling == "cls" else states.mean(axis=0)
        return pooled

    def _run(self, ids: list[int]) -> Array:
        """Last hidden states (tokens, hidden) of content tokens between the special ones."""
        (batch,) = self._session.run(["states"], {"embedded": self._embedded(ids)[None]})
        states: Array = batch[0]
        return states

    def _embedded(self, ids: list[int]) -> Array:
        row = [self._first, *ids[: self.max_tokens - 2], self._last]
        embedded: Array
        embedded = self._words[row].astype(np.float32, copy=False) + self._positions[: len(row)]
        return embedded

    def channel_peaks(self, texts: Sequence[str]) -> dict[str, Array]:
        """Return the largest magnitude in each channel of every output but the states."""
        names = [name for name in self._session.outputs if name != "states"]
        runs = []
        for text in texts:
            encoded = self._tokenizer.encode(self._prompts.passage + text, add_special_tokens=False)
            values = self._session.run(names, {"embedded": self._embedded(encoded.ids)[None]})
            runs.append(dict(zip(names, values, strict=True)))
        return channel_peaks(runs)

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
