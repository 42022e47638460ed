"""A store without some of its articles, for questions that it then does not answer."""

from __future__ import annotations

from collections.abc import Collection

from konkyo.eval.questions import names_of
from konkyo.index.embedding.protocol import Vectors
from konkyo.index.records import Filter, Hit
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.retrieval.hybrid import Retriever

__all__ = ["WithheldRetriever", "withheld"]


class WithheldRetriever(Retriever):
    """Another retriever's passages but for those of some articles.

    ``names`` are article identifiers, titles, sources or file names, as gold is written.
    """

    def __init__(self, base: Retriever, names: Collection[str]) -> None:
        # All else is the other one's: its store, its models, its weights.
        self.__dict__.update(base.__dict__)
        self._base = base
        self._names = frozenset(names)

    def within(
        self, question: str, top_k: int, where: Filter, vector: Vectors | None = None
    ) -> list[Hit]:
        """The ``top_k`` best passages of the articles that are left, in one ranking."""
        asked = 2 * top_k
        while True:
            hits = self._base.within(question, asked, where, vector)
            left = [hit for hit in hits if self._names.isdisjoint(names_of(hit.article))]
            if len(left) >= top_k or len(hits) < asked:
                return left[:top_k]
            asked *= 4


def withheld(pipeline: Pipeline, names: Collection[str]) -> Pipeline:
    """The same pipeline, models and store, that does not find what those articles say."""
    return pipeline.over(WithheldRetriever(pipeline.retriever, names))
