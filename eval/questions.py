"""Questions with known answers, and the articles they are asked of."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePath
from typing import Literal, Protocol, get_args

from konkyo.index.errors import UsageError
from konkyo.index.records import Article
from konkyo.rag.conversation import Turn

__all__ = [
    "KINDS",
    "OF_SEVERAL_PLACES",
    "Dataset",
    "Gold",
    "Kind",
    "Named",
    "Question",
    "article_facts",
    "names_of",
    "without_gold",
]

Kind = Literal[
    "fact",
    "number",
    "date",
    "person",
    "place",
    "quote",
    "status",
    "why",
    "how",
    "list",
    "definition",
    "summary",
    "reply",
    "comparison",
    "several",
    "cross",
    "followup",
    "conflict",
    "absent",
    "premise",
    "injected",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

OF_SEVERAL_PLACES: frozenset[Kind] = frozenset({"list", "several", "comparison", "conflict"})
"""Kinds of question whose every gold place is a part of the answer."""


@dataclass(frozen=True, slots=True)
class Gold:
    """Where the answer stands: an article (identifier, file name or title) and its words."""

    article: str
    quote: str = ""


class Named(Protocol):
    """What has an article's names: an article, its summary, a citation of it."""

    @property
    def article_id(self) -> str:
        """The identifier minted from the content."""

    @property
    def title(self) -> str:
        """The title."""

    @property
    def source(self) -> str:
        """The file or address it came from."""


def names_of(article: Named) -> frozenset[str]:
    """The names by which gold may name an article: identifier, title, source and file name."""
    source = article.source
    return frozenset({article.article_id, article.title, source, PurePath(source).name} - {""})


@dataclass(frozen=True, slots=True)
class Question:
    """One question and what a right answer holds.

    An answer is right if it holds any of ``answers`` and, for each group of ``all_of``, one
    member; ``forbidden`` strings (what an injected article asks for) make it wrong.
    ``answerable`` says whether the articles hold the answer. No article answers a "reply" (small
    talk, what the collection holds); what is said must hold any of ``answers`` where it has some.
    ``premise_truth`` says, for a false premise, what the articles say instead. ``paraphrases`` ask
    the same in other words.
    """

    id: str
    question: str
    language: str
    kind: Kind
    answerable: bool
    answers: tuple[str, ...] = ()
    all_of: tuple[tuple[str, ...], ...] = ()
    forbidden: tuple[str, ...] = ()
    gold: tuple[Gold, ...] = ()
    history: tuple[Turn, ...] = ()
    premise_truth: str | None = None
    note: str | None = None
    paraphrases: tuple[str, ...] = ()


def article_facts(article: Article) -> str:
    """All that a store makes of an article, in one text: what a fingerprint of articles covers."""
    told = (article.language, article.published, article.source, article.outlet)
    return json.dumps([article.article_id, *told])


@dataclass(frozen=True, slots=True)
class Dataset:
    """Questions and, where the file carries them, the articles they are asked of.

    ``articles`` is empty for a set that is asked of a store built elsewhere.
    """

    name: str
    questions: tuple[Question, ...]
    articles: tuple[Article, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that change with any question or article."""
        digest = hashlib.sha256()
        for question in self.questions:
            digest.update(json.dumps(asdict(question), sort_keys=True).encode())
        for article in self.articles:
            digest.update(article_facts(article).encode())
        return digest.hexdigest()[:16]


def without_gold(dataset: Dataset, count: int, *, seed: int = 0) -> tuple[Dataset, Dataset]:
    """Draw ``count`` answerable questions; give them with and without their gold articles.

    Both parts ask the same questions. The first holds all articles; from the second the gold
    articles of the drawn questions are gone, its questions count as unanswerable and their ids
    end in ``#absent``. The draw depends on ``seed`` and ids alone. A note on each question of
    the second part says when one of its answers still stands in another article of the same
    title, so that the reader may set those aside. Raises UsageError if there are too few, or if
    the set brings articles and none of them is gold.
    """
    able = sorted((q for q in dataset.questions if q.answerable and q.gold), key=lambda q: q.id)
    if not 0 < count <= len(able):
        raise UsageError(
            f"{dataset.name} has {len(able)} answerable questions with a gold article; "
            f"asked for {count}"
        )
    drawn = random.Random(seed).sample(able, count)
    gone = {g.article for q in drawn for g in q.gold}
    kept = tuple(a for a in dataset.articles if gone.isdisjoint(names_of(a)))
    if dataset.articles and len(kept) == len(dataset.articles):
        raise UsageError(
            f"{dataset.name}: no article is named by the gold of its questions, so none can be "
            "taken away; name identifiers, titles, sources or file names in 'gold'"
        )
    titles = {name: a.title for a in dataset.articles for name in names_of(a)}
    by_title: dict[str, list[str]] = {}
    for article in kept:
        by_title.setdefault(article.title, []).append(article.text)
    absent = tuple(_absent(q, by_title.get(titles.get(q.gold[0].article, ""), [])) for q in drawn)
    return (
        replace(dataset, questions=tuple(drawn)),
        Dataset(f"{dataset.name}-absent", absent, kept),
    )


def _absent(question: Question, others: Sequence[str]) -> Question:
    left = sum(any(answer in text for answer in question.answers) for text in others)
    note = f"an answer still stands in {left} other articles of the same title" if left else None
    return replace(
        question,
        id=f"{question.id}#absent",
        kind="absent",
        answerable=False,
        answers=(),
        all_of=(),
        gold=(),
        note=note,
    )
