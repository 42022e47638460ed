"""Ranks passages for a question: dense and lexical search, fused by score."""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from cachetools import LRUCache

from konkyo.index.chunking import embedding_text
from konkyo.index.embedding.cross_encoder import load_reranker
from konkyo.index.embedding.model_folder import unit
from konkyo.index.embedding.protocol import Encoder, TokenEncoder, Vectors
from konkyo.index.records import ArticleSummary, Filter, Hit, Passage, ScoredPassage
from konkyo.index.stores.base import Store
from konkyo.rag.retrieval import translated_terms
from konkyo.rag.retrieval.languages import LanguageLimits, retrieve_by_language
from konkyo.rag.retrieval.query_encoder import QueryEncoder

__all__ = [
    "Fused",
    "FusionWeights",
    "PassageStates",
    "PassageTable",
    "Retriever",
    "cosine_floor",
    "fuse",
    "late_interaction",
    "read_passages",
    "rearranged",
    "reordered",
]


_EVERYTHING = Filter()
_FILTERS = 256
"""Of how many filters the languages are kept."""
_E5 = re.compile(r"(?<![^\W_])e5(?![^\W_])")
_Half = npt.NDArray[np.float16]

PassageTable = dict[str, tuple[Passage, ArticleSummary]]
"""Passages with their articles, by passage identifier."""


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """How the arms are joined; fitted by ``benchmarks/fit_fusion.py`` on a part of JaQuAD train.

    ``dense`` is the share of the dense arm; ``floor`` is the cosine two unrelated texts have
    with the encoder (0.7 for the E5 family, whose cosines live in 0.7..1); ``pool`` is how many
    passages each arm proposes. The ``reread`` best of them, as far as they lie within ``margin``
    of the best score, are compared with the question token by token; ``late`` (0: not at all) is
    the weight of that where the question shares no words with them. It is multiplied by the square
    of the share that the best lexical score lacks of its ceiling, and below ``late_least`` nothing
    is compared: where the words decide, they decide alone.
    ``reranker`` names a cross-encoder that then puts the ``reread`` best in
    order (empty: none). ``languages`` says how other languages than the question's are searched.
    """

    dense: float = 0.5
    floor: float = 0.7
    pool: int = 100
    late: float = 3.0
    late_least: float = 0.2
    reread: int = 10
    margin: float = 0.15
    reranker: str = ""
    languages: LanguageLimits = field(default_factory=LanguageLimits)


def cosine_floor(fingerprint: str) -> float:
    """The cosine that unrelated texts have with an encoder: 0.7 for the E5 family, else 0."""
    name = fingerprint.partition(":")[0]
    return 0.7 if _E5.search(name.lower()) else 0.0


@dataclass(frozen=True, slots=True)
class Fused:
    """One passage's joined score (share) and each arm's raw score, where it has one."""

    passage_id: str
    score: float
    dense: float | None
    lexical: float | None


def fuse(
    dense: Sequence[ScoredPassage],
    lexical: Sequence[ScoredPassage],
    weights: FusionWeights,
    *,
    ceiling: float,
) -> list[Fused]:
    """Convex combination of scores normalised by their theoretical ranges, best first.

    A cosine is scaled from ``floor``..1 to 0..1, a BM25 score by ``ceiling``, the weight of all
    of the question's terms together. Neither scale depends on what else was found, so a question
    that shares no words with the articles (another language) is ranked by the dense arm alone,
    which min-max scaling would not do. Ties keep the order of the dense arm, then of the
    lexical one. After Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid
    Retrieval" (arXiv 2210.11934).
    """
    raw_dense = {s.passage_id: s.score for s in dense}
    raw_lexical = {s.passage_id: s.score for s in lexical}
    joined = []
    for passage_id in dict.fromkeys([*raw_dense, *raw_lexical]):
        d, x = raw_dense.get(passage_id), raw_lexical.get(passage_id)
        dense_share = 0.0 if d is None else (d - weights.floor) / (1.0 - weights.floor)
        lexical_share = 0.0 if x is None or ceiling <= 0 else x / ceiling
        score = weights.dense * dense_share + (1.0 - weights.dense) * lexical_share
        joined.append(Fused(passage_id, score, d, x))
    return sorted(joined, key=lambda f: -f.score)


def late_interaction(question: Vectors, passages: Sequence[Vectors]) -> list[float]:
    """Score each passage by late interaction: the mean of the best cosine of each question token.

    ``question`` has the shape (tokens, dimension), each passage its own (tokens, dimension). What
    all tokens of these passages have in common is taken off first, as cosines between the states
    of one encoder are all high. After Khattab and Zaharia, "ColBERT" (arXiv 2004.12832), with the
    states of an encoder that was not trained for it.
    """
    if not len(question) or not all(len(states) for states in passages):
        return [0.0] * len(passages)
    common = np.mean([states.mean(axis=0, dtype=np.float32) for states in passages], axis=0)
    asked = unit(question - common)
    return [float((asked @ unit(states - common).T).max(axis=1).mean()) for states in passages]


def reordered(fused: Sequence[Fused], late: Sequence[float], weight: float) -> list[Fused]:
    """Lower each score by ``weight`` times its distance from the best late score, and sort.

    ``late`` belongs to the first ``len(late)`` of ``fused``; the others, which were not compared,
    are treated as the worst of them, so that none of them is overtaken for having been compared.
    """
    best, worst = max(late, default=0.0), min(late, default=0.0)
    padded = [*late, *[worst] * (len(fused) - len(late))]
    moved = [
        replace(one, score=one.score - weight * (best - share))
        for one, share in zip(fused, padded, strict=True)
    ]
    return sorted(moved, key=lambda f: -f.score)


def rearranged(ranked: Sequence[Fused], scores: Sequence[float]) -> list[Fused]:
    """The first ``len(scores)`` in the order of other scores, best first; ties stay.

    Each place keeps its fused score, which is a share, while the other scale is a model's own.
    """
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    moved = [replace(ranked[i], score=ranked[place].score) for place, i in enumerate(order)]
    return [*moved, *ranked[len(scores) :]]


class Retriever:
    """Ranks a store's passages for a question; safe to share by threads."""

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        weights: FusionWeights | None = None,
        across: QueryEncoder | None = None,
    ) -> None:
        self.store = store
        self._encoder = encoder
        self._across = across
        self._weights = weights or FusionWeights()
        self._states = PassageStates(encoder) if isinstance(encoder, TokenEncoder) else None
        self._reranker = load_reranker(self._weights.reranker) if self._weights.reranker else None
        self._lock = threading.Lock()
        self._languages: LRUCache[Filter, tuple[str, ...]] = LRUCache(_FILTERS)

    def over(self, store: Store) -> Retriever:
        """The same retriever over another store, or another generation of it."""
        other = copy.copy(self)
        other.store = store
        other._languages = LRUCache(_FILTERS)
        return other

    def languages(self, where: Filter = _EVERYTHING) -> tuple[str, ...]:
        """The languages of the articles that pass, most articles first."""
        with self._lock:
            found = self._languages.get(where)
        if found is None:
            found = tuple(self.store.languages(where))
            with self._lock:
                self._languages[where] = found
        return found

    def question_vector(self, question: str) -> Vectors:
        """The vector that searches by meaning, of shape (dimension,)."""
        vector: Vectors = self._encoder.queries([question])[0]
        return vector

    def vector_across(self, question: str) -> Vectors:
        """The vector that searches languages other than the question's, of shape (dimension,)."""
        return self._across(question) if self._across else self.question_vector(question)

    def prepare(self) -> None:
        """Do now what the first question would wait for, where the store has several languages."""
        if len(self.languages()) > 1:
            translated_terms.prepare()
            if self._across is not None:
                self._across.prepare()

    def retrieve(
        self, question: str, top_k: int = 10, where: Filter = _EVERYTHING, language: str = ""
    ) -> list[Hit]:
        """The best passages with their articles, best first; newer first on ties.

        ``top_k`` of them in the question's ``language`` and, where the store has others, some in
        each of those; without a language ``top_k`` in one ranking.
        """
        if not language:
            return self.within(question, top_k, where)
        return retrieve_by_language(self, question, language, top_k, where, self._weights.languages)

    def within(
        self, question: str, top_k: int, where: Filter, vector: Vectors | None = None
    ) -> list[Hit]:
        """The ``top_k`` best in one ranking.

        A ``vector`` is used in place of the question's own; tokens are not compared then.
        """
        dense, lexical, ceiling = self.arms(question, where, vector)
        fused = fuse(dense, lexical, self._weights, ceiling=ceiling)
        # What is reordered below stays within the first ``reread``, so one reading serves all.
        best = fused[: max(top_k, self._weights.reread)]
        read = read_passages(self.store, [f.passage_id for f in best])
        if vector is None:
            best = self._compared(question, best, read, _word_share(lexical, ceiling))
        best = self._reranked(question, best, read)
        hits = [
            Hit(passage, article, f.score, f.dense, f.lexical)
            for f in best[:top_k]
            for passage, article in (read[f.passage_id],)
        ]
        hits.sort(key=lambda h: h.article.published or "", reverse=True)
        return sorted(hits, key=lambda h: -round(h.score, 6))

    def _compared(
        self, question: str, fused: list[Fused], read: PassageTable, word_share: float
    ) -> list[Fused]:
        """Reorder the best by late interaction, where the words do not decide."""
        if self._states is None or self._weights.late == 0 or not fused:
            return fused
        weight = self._weights.late * (1.0 - word_share) ** 2
        if weight < self._weights.late_least:
            return fused
        least = fused[0].score - self._weights.margin
        near = [f for f in fused[: self._weights.reread] if f.score >= least]
        if len(near) < 2:
            return fused
        asked = self._states.of_question(question)
        found = self._states.of_passages(_texts(near, read))
        return reordered(fused, late_interaction(asked, found), weight)

    def _reranked(self, question: str, ranked: list[Fused], read: PassageTable) -> list[Fused]:
        """Put the best in the order of the cross-encoder, if one is named."""
        if self._reranker is None or not ranked:
            return ranked
        texts = _texts(ranked[: self._weights.reread], read)
        return rearranged(ranked, self._reranker.scores(question, texts))

    def arms(
        self, question: str, where: Filter = _EVERYTHING, vector: Vectors | None = None
    ) -> tuple[list[ScoredPassage], list[ScoredPassage], float]:
        """Return dense scores (of passages found by words, too), lexical scores, their ceiling."""
        vector = self.question_vector(question) if vector is None else vector
        pool = self._weights.pool
        dense = self.store.dense(vector, pool, where)
        lexical = self.store.lexical(question, pool, where)
        complete = self._complete(vector, dense, lexical)
        return complete, lexical, self.store.lexical_ceiling(question)

    def _complete(
        self,
        vector: Vectors,
        dense: list[ScoredPassage],
        lexical: list[ScoredPassage],
    ) -> list[ScoredPassage]:
        """Add the dense scores of passages that only the lexical arm found."""
        seen = {s.passage_id for s in dense}
        missing = [s.passage_id for s in lexical if s.passage_id not in seen]
        if not missing:
            return dense
        scores = self.store.vectors(missing) @ vector
        return dense + [
            ScoredPassage(passage_id, float(score))
            for passage_id, score in zip(missing, scores, strict=True)
        ]


def read_passages(store: Store, passage_ids: Sequence[str]) -> PassageTable:
    """Read passages and their articles, by passage identifier."""
    passages = store.passages(passage_ids)
    summaries = store.summaries([p.article_id for p in passages])
    pairs = zip(passages, summaries, strict=True)
    return {p.passage_id: (p, article) for p, article in pairs}


def _texts(fused: Sequence[Fused], read: PassageTable) -> list[str]:
    """What an encoder reads of each passage: title and date, then its text."""
    pairs = (read[f.passage_id] for f in fused)
    return [embedding_text(article, passage) for passage, article in pairs]


def _word_share(lexical: Sequence[ScoredPassage], ceiling: float) -> float:
    """How much of the question's words the best lexical passage has, as a share."""
    best = max((s.score for s in lexical), default=0.0)
    return min(1.0, best / ceiling) if ceiling > 0 else 0.0


class PassageStates:
    """Token states of questions and passages; those of passages are kept, up to ``most_bytes``.

    Safe to share by threads.
    """

    def __init__(self, encoder: TokenEncoder, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._encoder = encoder
        self._lock = threading.Lock()
        self._kept: LRUCache[str, _Half] = LRUCache(most_bytes, getsizeof=lambda s: s.nbytes)

    def of_question(self, question: str) -> Vectors:
        """Shape (tokens, dimension)."""
        return self._encoder.query_states([question])[0]

    def of_passages(self, texts: Sequence[str]) -> list[Vectors]:
        """One array (tokens, dimension) a text."""
        with self._lock:
            kept = {text: self._kept.get(text) for text in texts}
        known = {text: states for text, states in kept.items() if states is not None}
        missing = [text for text in kept if text not in known]
        if missing:
            made = self._encoder.passage_states(missing)
            fresh = {t: s.astype(np.float16) for t, s in zip(missing, made, strict=True)}
            self._keep(fresh)
            known |= fresh
        return [known[text].astype(np.float32) for text in texts]

    def _keep(self, fresh: dict[str, _Half]) -> None:
        with self._lock:
            for text, states in fresh.items():
                # The cache raises for what is larger than the whole of it.
                if states.nbytes <= self._kept.maxsize:
                    self._kept[text] = states
