"""Windows that look like they answer and do not: by shared words, and by the embedding model."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.encoders import load_encoder
from konkyo.rag.retrieval.query_encoder import QueryEncoder
from training.corruption import numbers

__all__ = [
    "Encoders",
    "Lexical",
    "Vectors",
    "cached_vectors",
    "holds_answer",
    "nearest",
    "overlap",
    "product_encoders",
]

Vectors = npt.NDArray[np.float32]


class Encoder(Protocol):
    """The two calls of the product's encoder that mining needs."""

    @property
    def fingerprint(self) -> str:
        """Names the weights."""

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of questions, shape (texts, width)."""

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of passages, shape (texts, width)."""


class AcrossEncoder:
    """The product's encoder of questions for passages in other languages than their own."""

    def __init__(self, folder: Path, passages: Encoder) -> None:
        self._passages = passages
        self._questions = QueryEncoder(folder)

    @property
    def fingerprint(self) -> str:
        """Names the weights."""
        return self._questions.fingerprint

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of questions, shape (texts, width)."""
        with ThreadPoolExecutor(2) as pool:
            return np.stack(list(pool.map(self._questions, texts)))

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of passages, shape (texts, width): the plain encoder's."""
        return self._passages.passages(texts)


class Encoders(NamedTuple):
    """What searches passages in the language of a question, and what searches the others."""

    own: Encoder
    across: Encoder


def product_encoders(folder: Path) -> Encoders:
    """Those of the product, from the folder of multilingual-e5-small."""
    own = load_encoder(folder)
    return Encoders(own, AcrossEncoder(folder, own))


def cached_vectors(encoder: Encoder, texts: Sequence[str], role: str, folder: Path) -> Vectors:
    """The vectors of some texts, kept in ``folder`` under the hash of model and texts."""
    digest = hashlib.sha256("\0".join([encoder.fingerprint, role, *texts]).encode()).hexdigest()
    kept = folder / f"vectors-{digest[:16]}.npy"
    if kept.exists():
        loaded: Vectors = np.load(kept)
        return loaded
    made = encoder.queries(texts) if role == "query" else encoder.passages(texts)
    part = kept.with_name(f"part-{kept.name}")
    np.save(part, made)
    part.replace(kept)
    return made


def nearest(queries: Vectors, passages: Vectors, k: int) -> npt.NDArray[np.int64]:
    """The k nearest passages of each query by cosine, nearest first, shape (queries, k)."""
    k = min(k, len(passages))
    found = np.empty((len(queries), k), np.int64)
    for at in range(0, len(queries), 512):
        scores = queries[at : at + 512] @ passages.T
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, top, 1), axis=1, kind="stable")
        found[at : at + 512] = np.take_along_axis(top, order, 1)
    return found


def _plain(text: str) -> str:
    return re.sub(r"[\s,，]", "", unicodedata.normalize("NFKC", text)).casefold()


def holds_answer(window: str, answers: Sequence[str]) -> bool:
    """Whether a window may hold an answer: one of its wordings, or any figure of it."""
    told = _plain(window)
    figures = {_plain(n) for n in numbers(window)}
    for answer in answers:
        plain = _plain(answer)
        if plain and plain in told:
            return True
        if any(_plain(n) in figures for n in numbers(answer)):
            return True
    return False


def _terms(text: str) -> list[str]:
    """Character bigrams of wide scripts, lower-case words of the others."""
    found = []
    for run in re.findall(r"[\u0e00-\u0e7f\u2e80-\uffff]+|[^\W\u0e00-\u0e7f\u2e80-\uffff]+", text):
        if run[0] >= "\u0e00":
            found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        else:
            found.append(run.lower())
    return found


def overlap(question: str, window: str) -> float:
    """Share of the question's terms that the window holds."""
    asked = set(_terms(question))
    return len(asked & set(_terms(window))) / max(1, len(asked))


class Lexical:
    """BM25 (k1 1.2, b 0.5) over a fixed list of texts; enough to find near paragraphs."""

    def __init__(self, texts: Sequence[str]) -> None:
        from scipy.sparse import csc_matrix

        self._vocabulary: dict[str, int] = {}
        rows, columns, counts = [], [], []
        lengths = np.zeros(len(texts), np.float32)
        for i, text in enumerate(texts):
            seen: dict[int, int] = defaultdict(int)
            for term in _terms(text):
                seen[self._vocabulary.setdefault(term, len(self._vocabulary))] += 1
                lengths[i] += 1
            for column, count in seen.items():
                rows.append(i)
                columns.append(column)
                counts.append(count)
        row_array, column_array = np.array(rows), np.array(columns)
        count_array = np.array(counts, np.float32)
        df = np.bincount(column_array, minlength=len(self._vocabulary))
        idf = np.log(1 + (len(texts) - df + 0.5) / (df + 0.5)).astype(np.float32)
        norm = 1.2 * (0.5 + 0.5 * lengths / max(float(lengths.mean()), 1.0))
        weights = idf[column_array] * count_array * 2.2 / (count_array + norm[row_array])
        self._matrix = csc_matrix(
            (weights, (row_array, column_array)), shape=(len(texts), len(self._vocabulary))
        )

    def top(self, query: str, k: int) -> list[int]:
        """The k best texts, best first."""
        found = [self._vocabulary[t] for t in set(_terms(query)) if t in self._vocabulary]
        if not found:
            return []
        scores = np.asarray(self._matrix[:, found].sum(axis=1), np.float32).ravel()
        k = min(k, len(scores))
        best = np.argpartition(-scores, k - 1)[:k]
        return [int(i) for i in best[np.argsort(-scores[best], kind="stable")]]
