"""What an utterance wants, learned from examples over the vectors of the encoder.

Kernel ridge regression on the classes, one against all, with a Gaussian kernel (Rifkin and Klautau,
"In Defense of One-Vs-All Classification", JMLR 2004), fitted when it is first asked. The default is
a question: anything else must win by more than 995 of 1,000 questions among the examples do when
their own template is left out of the fit, so that the margin fits whatever encoder is used.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Encoder, Vectors
from konkyo.rag.intents.examples import (
    INTENTS,
    Intent,
    as_example,
    examples,
    examples_fingerprint,
    subject_named,
)
from konkyo.rag.thresholds import DEFAULT, Thresholds

__all__ = ["IntentClassifier"]

_WIDTH = 1.0
_RIDGE = 0.3
_FOLDS = 10
_QUESTION = INTENTS.index("question")

_log = logging.getLogger(__name__)

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Fit:
    """Centred unit vectors of the examples with their weight in each class."""

    centre: _Floats
    vectors: _Floats
    weights: _Floats

    def scores(self, vectors: Vectors) -> _Floats:
        """One score a class: shape (len(vectors), len(INTENTS))."""
        return _kernel(_centred(vectors, self.centre), self.vectors) @ self.weights


class IntentClassifier:
    """Tells what an utterance wants; safe to share by threads.

    ``cache`` is a folder for the vectors of the examples, which take seconds to make; None: they
    are made anew in each process.
    """

    def __init__(
        self, encoder: Encoder, cache: Path | None = None, thresholds: Thresholds = DEFAULT
    ) -> None:
        self._certain = thresholds.intent_certain
        self._encoder = encoder
        self._cache = cache
        self._lock = threading.Lock()
        self._fitted: tuple[_Fit, float] | None = None

    @property
    def fingerprint(self) -> str:
        """Names the examples and frames that intents are told by."""
        return f"intents:{examples_fingerprint()}"

    def prepare(self) -> None:
        """Fit now what is fitted when it is first asked: without a cache it takes seconds."""
        self._fit()

    def intent_of(self, utterance: str, vector: Vectors) -> Intent:
        """The intent of an utterance, by its vector as a query: a question in doubt.

        Where an utterance is an example but for its subject, the subject is not asked. Where words
        for articles stand around a subject, to be likelier than a question is enough.
        """
        fit, margin = self._fit()
        scores = fit.scores(vector[None])[0]
        intent = INTENTS[int(scores.argmax())]
        sure = bool(scores.max() - scores[_QUESTION] > margin)
        exact = as_example(utterance)
        if intent != "articles_about":
            return intent if sure else exact or "question"
        # What the articles say, and which say it, are asked in nearly the same words.
        if exact or subject_named(utterance):
            return exact or intent
        return "collection" if sure else "question"

    def _fit(self) -> tuple[_Fit, float]:
        with self._lock:
            if self._fitted is None:
                intents, templates, texts = zip(*examples(), strict=True)
                vectors = self._vectors(texts)
                labels = np.array([INTENTS.index(intent) for intent in intents])
                folds = np.array([zlib.crc32(t.encode()) % _FOLDS for t in templates])
                margin = _margin(vectors, labels, folds, self._certain)
                self._fitted = _fitted(vectors, labels), margin
            return self._fitted

    def _vectors(self, texts: tuple[str, ...]) -> Vectors:
        """The vectors of the examples, from the cache where they are there."""
        if self._cache is None:
            return self._encoder.queries(texts)
        key = hashlib.sha256("\0".join([self._encoder.fingerprint, *texts]).encode()).hexdigest()
        file = self._cache / f"intents-{key[:16]}.npy"
        try:
            kept: Vectors = np.load(file)
        except (OSError, EOFError, ValueError):
            kept = np.empty(0, np.float32)
        if kept.shape != (len(texts), self._encoder.dimension):
            kept = self._encoder.queries(texts)
            _keep(file, kept)
        return kept


def _keep(file: Path, vectors: Vectors) -> None:
    """Write vectors to a file; where that is not possible they are made again next time."""
    part = file.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as out:
            np.save(out, vectors)
        part.replace(file)
    except OSError as exc:
        _log.info("the vectors of the examples are not kept: %s", exc)


def _fitted(vectors: Vectors, labels: npt.NDArray[np.int64]) -> _Fit:
    centre = vectors.mean(axis=0, dtype=np.float64)
    unit = _centred(vectors, centre)
    targets = np.where(labels[:, None] == np.arange(len(INTENTS)), 1.0, -1.0)
    ridge = _RIDGE * np.eye(len(unit))
    weights = np.linalg.solve(_kernel(unit, unit) + ridge, targets)
    return _Fit(centre, unit, weights.astype(np.float64))


def _margin(
    vectors: Vectors,
    labels: npt.NDArray[np.int64],
    folds: npt.NDArray[np.int64],
    certain: float,
) -> float:
    """By how much another class wins over "question" for all but a share of those left out."""
    margins: list[float] = []
    for fold in range(_FOLDS):
        held_out = (folds == fold) & (labels == _QUESTION)
        if held_out.any():
            scores = _fitted(vectors[folds != fold], labels[folds != fold]).scores(
                vectors[held_out]
            )
            others = np.delete(scores, _QUESTION, axis=1).max(axis=1)
            margins += list(others - scores[:, _QUESTION])
    return max(0.0, float(np.quantile(margins, certain)))


def _centred(vectors: Vectors, centre: _Floats) -> _Floats:
    moved = vectors - centre
    length: _Floats = np.linalg.norm(moved, axis=1, keepdims=True)
    unit: _Floats = moved / np.maximum(length, 1e-9)
    return unit


def _kernel(one: _Floats, other: _Floats) -> _Floats:
    found: _Floats = np.exp(-_WIDTH * (2.0 - 2.0 * one @ other.T))
    return found
