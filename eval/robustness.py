"""The same questions under noise, another order and other words: does the outcome hold?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from pydantic.dataclasses import dataclass as schema

from konkyo.eval.questions import Question
from konkyo.eval.scoring import Row
from konkyo.eval.statistics import Mean, Paired, json_number, mean, paired
from konkyo.index.records import Filter, Hit
from konkyo.index.text.word_data import CHECKED, word_data
from konkyo.rag.retrieval.hybrid import Retriever

__all__ = [
    "PERTURBATIONS",
    "Perturbation",
    "PerturbedRetriever",
    "Robustness",
    "noisy",
    "paraphrased",
    "robustness",
    "robustness_json",
]

Perturbation = Literal["noise", "order", "paraphrase"]
PERTURBATIONS: tuple[Perturbation, ...] = get_args(Perturbation)

_EVERYTHING = Filter()


@schema(frozen=True, slots=True, config=CHECKED)
class _Words:
    """A question asked politely, by language."""

    politely: dict[str, str]


def paraphrased(question: Question) -> Question:
    """The question in other words: its first written paraphrase, or else a polite frame round it.

    The frame changes no word of the question itself, so it is the weakest of paraphrases: write
    real ones under ``paraphrases`` to test more.
    """
    if question.paraphrases:
        return replace(question, question=question.paraphrases[0])
    frames = word_data(_Words, "robustness", "konkyo.eval").politely
    frame = frames.get(question.language, "{q} ?")
    return replace(question, question=frame.format(q=question.question.strip()))


def noisy(hits: Sequence[Hit], strangers: Sequence[Hit]) -> list[Hit]:
    """Passages that answer something else, one after each passage that was found.

    They take the score of the worst passage found and no raw scores, so that nothing but what
    they say speaks for them; articles that were found lend no noise.
    """
    if not hits:
        return []
    mine = {hit.article.article_id for hit in hits}
    floor = min(hit.score for hit in hits)
    noise = [
        replace(hit, score=floor, dense=None, lexical=None)
        for hit in strangers
        if hit.article.article_id not in mine
    ]
    mixed: list[Hit] = []
    for at, hit in enumerate(hits):
        mixed.append(hit)
        mixed += noise[at : at + 1]
    return mixed


class PerturbedRetriever(Retriever):
    """Another retriever's passages, with noise among them or in reverse order.

    ``others`` are questions whose passages may serve as noise; which one is drawn follows from
    the question alone. ``read`` is how many passages the pipeline reads: those are reversed.
    """

    def __init__(
        self, base: Retriever, kind: Perturbation, *, others: Sequence[str], read: int
    ) -> None:
        # All else is the other one's: its store, its models, its weights.
        self.__dict__.update(base.__dict__)
        self._base = base
        self._kind = kind
        self._others = list(others)
        self._read = read

    def retrieve(
        self, question: str, top_k: int = 10, where: Filter = _EVERYTHING, language: str = ""
    ) -> list[Hit]:
        """The passages of the other retriever, perturbed; best first no longer."""
        hits = self._base.retrieve(question, top_k, where, language)
        if self._kind == "order":
            return hits[: self._read][::-1] + hits[self._read :]
        if self._kind == "noise":
            return noisy(hits, self._strangers(question, top_k))[: 2 * top_k]
        return hits

    def _strangers(self, question: str, top_k: int) -> list[Hit]:
        if not self._others:
            return []
        digest = hashlib.blake2b(question.encode(), digest_size=8).digest()
        start = int.from_bytes(digest, "little")
        found: dict[str, Hit] = {}
        for step in range(min(3, len(self._others))):
            other = self._others[(start + step) % len(self._others)]
            if other != question:
                found |= {h.passage.passage_id: h for h in self._base.retrieve(other, top_k)}
        return list(found.values())


@dataclass(frozen=True, slots=True)
class Robustness:
    """What a perturbation changed, over the questions both runs asked.

    ``flipped`` is the share that went from answered to refused or back, ``same_text`` the share of
    outcomes that are word for word the same, both over the questions that gave an outcome in both
    runs. ``changed`` is the share that went from handled to not handled or back; ``handled``
    compares the shares handled, a failed question being not handled.
    """

    flipped: Mean
    changed: Mean
    same_text: Mean
    handled: Paired


def robustness(base: Sequence[Row], perturbed: Sequence[Row]) -> Robustness:
    """Compare a run with the same questions perturbed; a question one of them lacks is left out."""
    after = {row.question.id: row for row in perturbed}
    pairs = [(row, after[row.question.id]) for row in base if row.question.id in after]

    told = [(a.outcome, b.outcome) for a, b in pairs if a.outcome and b.outcome]

    def same(field: str) -> list[float]:
        return [float(a.get(field) == b.get(field)) for a, b in told]

    return Robustness(
        flipped=mean([1 - value for value in same("status")]),
        changed=mean([float(a.scores["Handled"] != b.scores["Handled"]) for a, b in pairs]),
        same_text=mean(same("answer")),
        handled=paired(
            {a.question.id: a.scores["Handled"] for a, _ in pairs},
            {b.question.id: b.scores["Handled"] for _, b in pairs},
        ),
    )


def robustness_json(found: Mapping[Perturbation, Robustness]) -> dict[str, object]:
    """The object under "robustness" of summary.json."""
    return {
        kind: {
            "n": value.changed.n,
            "flipped": _mean(value.flipped),
            "changed": _mean(value.changed),
            "same_text": _mean(value.same_text),
            "handled_difference": json_number(value.handled.difference),
            "p": json_number(value.handled.p),
        }
        for kind, value in found.items()
    }


def _mean(value: Mean) -> dict[str, object]:
    return {
        "value": json_number(value.value),
        "low": json_number(value.low),
        "high": json_number(value.high),
    }
