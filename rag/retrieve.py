"""Question to ranked passages: a dense and a lexical arm, fused by score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.protocols import Encoder, Store
from index.records import Filter, Hit, ScoredPassage

__all__ = ["Fused", "FusionWeights", "Retriever", "fuse"]


_EVERYTHING = Filter()


@dataclass(frozen=True, slots=True)
class FusionWeights:
    """How the two arms are joined; fitted by ``benchmarks/fit_fusion.py`` on JaQuAD train and
    the first 24 titles of XQuAD (en, zh).

    ``dense`` is the share of the dense arm; ``floor`` is the cosine two unrelated texts have
    with the encoder (0.7 for the E5 family, whose cosines live in 0.7..1); ``pool`` is how many
    passages each arm proposes.
    """

    dense: float = 0.64
    floor: float = 0.7
    pool: int = 100


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


class Retriever:
    """Ranks a store's passages for a question."""

    def __init__(
        self, store: Store, encoder: Encoder, weights: FusionWeights | None = None
    ) -> None:
        self.store = store
        self._encoder = encoder
        self._weights = weights or FusionWeights()

    def rank(self, question: str, where: Filter = _EVERYTHING) -> list[Fused]:
        """All passages either arm proposes, best first."""
        vector = self._encoder.queries([question])[0]
        pool = self._weights.pool
        dense = self.store.dense(vector, pool, where)
        lexical = self.store.lexical(question, pool, where)
        return fuse(
            self._complete(vector, dense, lexical),
            lexical,
            self._weights,
            ceiling=self.store.lexical_ceiling(question),
        )

    def _complete(
        self,
        vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
        dense: list[ScoredPassage],
        lexical: list[ScoredPassage],
    ) -> list[ScoredPassage]:
        """Give the lexical arm's passages their true dense scores too."""
        seen = {s.passage_id for s in dense}
        missing = [s.passage_id for s in lexical if s.passage_id not in seen]
        if not missing:
            return dense
        scores = self.store.vectors(missing) @ vector
        return dense + [
            ScoredPassage(passage_id, float(score))
            for passage_id, score in zip(missing, scores, strict=True)
        ]

    def retrieve(
        self,
        question: str,
        top_k: int = 10,
        where: Filter = _EVERYTHING,
    ) -> list[Hit]:
        """The ``top_k`` best passages with their articles, best first; newer first on ties."""
        ranked = self.rank(question, where)[:top_k]
        passages = self.store.passages([f.passage_id for f in ranked])
        summaries = self.store.summaries([p.article_id for p in passages])
        hits = [
            Hit(passage, article, fused.score, fused.dense, fused.lexical)
            for fused, passage, article in zip(ranked, passages, summaries, strict=True)
        ]
        hits.sort(key=lambda h: h.article.published or "", reverse=True)
        return sorted(hits, key=lambda h: -round(h.score, 6))
