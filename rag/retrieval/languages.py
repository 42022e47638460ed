"""Search each language of a store by itself, and put the rankings together.

In one ranking over all languages, passages in the question's language come before those that answer
it in another, whatever they say. Here every language has a ranking of its own, with scores
relative to what is usual in it, and a place among what is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from konkyo.index.embedding.model_folder import unit
from konkyo.index.embedding.protocol import Vectors
from konkyo.index.records import Filter, Hit
from konkyo.rag.retrieval.translated_terms import translated, translated_share

if TYPE_CHECKING:
    from konkyo.rag.retrieval.hybrid import Retriever

__all__ = ["LanguageLimits", "retrieve_by_language"]


@dataclass(frozen=True, slots=True)
class LanguageLimits:
    """How languages other than the question's are searched.

    ``passages`` of each are taken; the ``most`` languages with most articles are searched one by
    one and all others together. The question's vector is moved towards the mean of the
    ``feedback_passages`` best in its own language by ``feedback`` times (Rocchio's relevance
    feedback, 1971). The scores of the ``pool`` best by meaning rise by ``words`` times the share of
    the question's words that a dictionary finds in them; chosen on the clusters 9 of News Reading
    (``benchmarks/translated_terms.py``). What is usual in a language is the mean score of its
    passages from ``usual_from`` to ``usual_to``, counted from 0.
    """

    passages: int = 10
    most: int = 6
    feedback: float = 0.5
    feedback_passages: int = 2
    pool: int = 60
    words: float = 0.4
    usual_from: int = 3
    usual_to: int = 10


def retrieve_by_language(
    retriever: Retriever,
    question: str,
    language: str,
    top_k: int,
    where: Filter,
    limits: LanguageLimits = LanguageLimits(),
) -> list[Hit]:
    """Return the ``top_k`` best passages in the question's language and some of each other one.

    They are in one order, best first, by how far each lies above what is usual in its language; the
    best of another language counts at most as much as the best of the question's, as what is
    usual in a language of few articles says little. Where the store has none of the question's
    language, nothing is held back for it.
    """
    groups = _groups(list(retriever.languages(where)), language, where, limits.most)
    if groups.keys() <= {language}:
        return retriever.within(question, top_k, where)
    own = groups.pop(language, None)
    deep = max(limits.usual_to, top_k)
    ranked = retriever.within(question, deep, own) if own else []
    found = [_above_usual(ranked, limits)[:top_k]]
    moved = _moved(retriever, question, ranked, limits)
    share = limits.passages if own else max(limits.passages, top_k // len(groups))
    for other, within in groups.items():
        pool = retriever.within(question, limits.pool if other else deep, within, moved)
        others = _above_usual(_by_words(pool, question, language, other, limits), limits)
        found.append(_at_most(others[:share], found[0]))
    hits = sorted((h for part in found for h in part), key=lambda h: -h.score)
    # The moved vector's cosines are lower than those of the question's own.
    one = ranked or retriever.within(question, 1, where, retriever.question_vector(question))
    raised = one[0].score - hits[0].score if hits else 0.0
    return [replace(h, score=h.score + raised) for h in hits]


def _groups(languages: Sequence[str], own: str, where: Filter, most: int) -> dict[str, Filter]:
    """A filter for each language that is searched by itself, and one for all others together."""
    alone = [own, *(one for one in languages if one != own)] if own in languages else languages
    groups = {one: replace(where, languages=frozenset({one})) for one in alone[:most]}
    if len(alone) > most:
        groups[""] = replace(where, other_languages_than=frozenset(alone[:most]))
    return groups


def _moved(
    retriever: Retriever, question: str, ranked: Sequence[Hit], limits: LanguageLimits
) -> Vectors:
    """The question's vector as other languages are searched with it."""
    vector = retriever.vector_across(question)
    if len(ranked) <= limits.feedback_passages or not limits.feedback:
        return vector
    stored = retriever.store.vectors([h.passage.passage_id for h in ranked])
    best = stored[: limits.feedback_passages].mean(axis=0)
    towards = best - stored.mean(axis=0)
    return unit(vector + np.float32(limits.feedback) * towards)


def _by_words(
    hits: Sequence[Hit], question: str, language: str, other: str, limits: LanguageLimits
) -> list[Hit]:
    """The same hits, scored and ordered by the words of the question that they have, too."""
    terms = translated(question, language, other)
    if not terms or not hits:
        return list(hits)
    texts = [f"{h.article.title}\n{h.passage.text}" for h in hits]
    shares = limits.words * translated_share(terms, texts, other)
    moved = [replace(h, score=h.score + float(s)) for h, s in zip(hits, shares, strict=True)]
    return sorted(moved, key=lambda h: -h.score)


def _at_most(hits: Sequence[Hit], own: Sequence[Hit]) -> list[Hit]:
    """The same hits with lower scores, if the best one's lies above the best of other hits."""
    over = hits[0].score - own[0].score if hits and own else 0.0
    return [replace(h, score=h.score - max(0.0, over)) for h in hits]


def _above_usual(hits: Sequence[Hit], limits: LanguageLimits) -> list[Hit]:
    """The same hits with scores less what is usual in their language."""
    usual = [h.score for h in hits[limits.usual_from : limits.usual_to]] or [
        h.score for h in hits[-1:]
    ]
    level = sum(usual) / max(1, len(usual))
    return [replace(h, score=h.score - level) for h in hits]
