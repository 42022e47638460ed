"""Is the paragraph that answers found, and how high? Through the project's own retrieval."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from konkyo.eval.metrics import Measure, retrieval
from konkyo.eval.questions import Dataset, Gold, Question
from konkyo.eval.statistics import Mean, json_number, mean
from konkyo.index.embedding.protocol import Encoder
from konkyo.index.errors import UsageError
from konkyo.index.stores.base import Store
from konkyo.rag.factory import open_query_encoder
from konkyo.rag.retrieval.hybrid import FusionWeights, Retriever, cosine_floor

__all__ = [
    "ARMS",
    "Arm",
    "RetrievalResult",
    "arm_json",
    "asked_in",
    "merged",
    "rescored",
    "search_paragraphs",
    "titles_between",
    "versions",
]

Arm = Literal["fused", "dense", "lexical"]
ARMS: tuple[Arm, ...] = get_args(Arm)
_MEASURES = tuple(Measure.parse(name) for name in ("hit@1", "hit@10", "MRR@10"))
_WANTED = 10
# Several passages of one paragraph may stand in the list: it must hold ten paragraphs all the same.
_DEPTH = 40


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """What one arm found.

    ``rankings`` gives each question's paragraphs (article identifiers), best first, at most ten;
    ``scores`` each question's value by measure; ``seconds`` the time of all searches.
    """

    rankings: Mapping[str, tuple[str, ...]]
    scores: Mapping[Measure, Mapping[str, float]]
    seconds: float

    @property
    def means(self) -> dict[Measure, Mean]:
        """Each measure's mean and interval."""
        return {m: mean(list(values.values())) for m, values in self.scores.items()}


def search_paragraphs(
    store: Store,
    encoder: Encoder,
    questions: Sequence[Question],
    *,
    arm: Arm = "fused",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RetrievalResult:
    """Ask every question of the store; rank paragraphs by their best passage.

    Gold articles are named by identifier. ``fused`` is ``konkyo.rag.retrieval.hybrid.Retriever`` as
    the chat uses it: in a store of several languages, passages in the question's and in each other
    one, mixed into one order; other languages are searched by the query encoder and the dictionary.
    ``dense`` and ``lexical`` are the retriever's two arms alone, over all languages at once. A
    question without a gold article in the store scores zero.
    """
    find = _finder(store, encoder, arm)
    start = time.perf_counter()
    rankings: dict[str, tuple[str, ...]] = {}
    for done, question in enumerate(questions, 1):
        rankings[question.id] = find(question)
        progress(done, len(questions))
    seconds = time.perf_counter() - start
    return RetrievalResult(rankings, _scores(questions, rankings), seconds)


def rescored(result: RetrievalResult, questions: Sequence[Question]) -> RetrievalResult:
    """The same rankings against other gold articles."""
    return replace(result, scores=_scores(questions, result.rankings))


def _scores(
    questions: Sequence[Question], rankings: Mapping[str, Sequence[str]]
) -> dict[Measure, dict[str, float]]:
    relevant = {q.id: {g.article: 1 for g in q.gold} for q in questions}
    return retrieval(_MEASURES, relevant, rankings)


def _finder(store: Store, encoder: Encoder, arm: Arm) -> Callable[[Question], tuple[str, ...]]:
    if arm == "fused":
        weights = FusionWeights(floor=cosine_floor(encoder.fingerprint))
        retriever = Retriever(store, encoder, weights, open_query_encoder(encoder))

        def as_in_chat(question: Question) -> tuple[str, ...]:
            hits = retriever.retrieve(question.question, _DEPTH, language=question.language)
            return _first(hit.passage.article_id for hit in hits)

        return as_in_chat

    def one_arm(question: Question) -> tuple[str, ...]:
        if arm == "dense":
            found = store.dense(encoder.queries([question.question])[0], _DEPTH)
        else:
            found = store.lexical(question.question, _DEPTH)
        return _first(p.article_id for p in store.passages([f.passage_id for f in found]))

    return one_arm


def _first(articles: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(articles))[:_WANTED]


def arm_json(result: RetrievalResult) -> dict[str, object]:
    """``{"metrics": {"hit@1", "hit@10", "mrr@10"}, "intervals": ..., "n", "seconds"}``."""
    means = result.means
    return {
        "metrics": {str(m).lower(): json_number(value.value) for m, value in means.items()},
        "intervals": {
            str(m).lower(): [json_number(value.low), json_number(value.high)]
            for m, value in means.items()
        },
        "n": len(result.rankings),
        "seconds": round(result.seconds, 2),
    }


def asked_in(passages: Dataset, questions: Dataset) -> tuple[Question, ...]:
    """The questions of a parallel file, with the gold paragraphs of this one, joined by id.

    Raises UsageError if no id is in both.
    """
    gold = {q.id: q.gold for q in passages.questions}
    both = tuple(replace(q, gold=gold[q.id]) for q in questions.questions if q.id in gold)
    if not both:
        raise UsageError(
            f"{questions.name} and {passages.name} share no question id; parallel files have the "
            f"same"
        )
    return both


def titles_between(dataset: Dataset, first: int, last: int) -> tuple[Question, ...]:
    """Questions on the titles number ``first`` to ``last`` (from 0, ``last`` left out).

    In file order.

    A set that was partly fitted on is reported on the rest. Raises UsageError if none is left.
    """
    order = list(dict.fromkeys(a.title for a in dataset.articles))
    wanted = set(order[first:last])
    title = {a.article_id: a.title for a in dataset.articles}
    left = tuple(
        q for q in dataset.questions if any(title.get(g.article) in wanted for g in q.gold)
    )
    if not left:
        raise UsageError(f"{dataset.name} has {len(order)} titles; none of {first}:{last}")
    return left


def merged(datasets: Sequence[Dataset]) -> Dataset:
    """All articles of several sets, with the questions of the first."""
    articles = {a.article_id: a for dataset in datasets for a in dataset.articles}
    name = "+".join(dataset.name for dataset in datasets)
    return Dataset(name, datasets[0].questions, tuple(articles.values()))


def versions(questions: Sequence[Question], others: Sequence[Dataset]) -> tuple[Question, ...]:
    """The questions with the same paragraph in every other parallel set as gold too."""
    golds = [{q.id: q.gold for q in other.questions} for other in others]
    return tuple(replace(q, gold=_joined(q, golds)) for q in questions)


def _joined(
    question: Question, golds: Sequence[Mapping[str, tuple[Gold, ...]]]
) -> tuple[Gold, ...]:
    more = (g for gold in golds for g in gold.get(question.id, ()))
    return tuple(dict.fromkeys([*question.gold, *more]))
