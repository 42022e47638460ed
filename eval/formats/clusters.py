"""Konkyo News Reading: clusters of articles on one event, each question in four languages.

A cluster is one JSON file; ``eval/datasets/news/README.md`` is the datasheet and says what its
fields mean. A question becomes one a language; its gold articles are named by their source.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from konkyo.eval.formats.fields import (
    article_of,
    at_least_one,
    list_of,
    object_of,
    optional_field,
    read_json,
    text_field,
)
from konkyo.eval.questions import KINDS, OF_SEVERAL_PLACES, Dataset, Gold, Question
from konkyo.index.errors import DatasetError
from konkyo.index.records import Article

__all__ = ["DEV", "claims_of_clusters", "cluster_number", "load_clusters"]

DEV = frozenset({3, 7, 11, 15})
"""Numbers of the clusters that report; the others train. A03, B07 and so on."""


def cluster_number(name: str) -> int | None:
    """The number in the name of a cluster or of its question: 3 of A03-q01; None without one."""
    digits = re.search(r"\d+", name)
    return int(digits.group()) if digits else None


def load_clusters(
    folder: Path, *, language: str | None = None, numbers: Collection[int] = ()
) -> Dataset:
    """Read all clusters of a folder, or the one of a file, with all their articles.

    ``language`` keeps the questions asked in one language; ``numbers`` keeps the questions of the
    clusters of those numbers (the articles of all stay). Raises DatasetError with the place.
    """
    files = sorted(folder.glob("*.json")) if folder.is_dir() else [folder]
    if not files:
        raise DatasetError(f"{folder}: no cluster (*.json) in it")
    articles: list[Article] = []
    questions: list[Question] = []
    for file in files:
        cluster = object_of(str(file), read_json(file), "the file")
        own = {a.source: a for a in _articles(file, cluster)}
        articles += own.values()
        if not numbers or cluster_number(file.stem) in numbers:
            asked = (q for entry in _questions(file, cluster, own) for q in entry)
            questions += (q for q in asked if language in (None, q.language))
    return Dataset(folder.stem, at_least_one(folder, questions), tuple(articles))


def claims_of_clusters(folder: Path) -> Iterator[str]:
    """The texts of all claims of a folder of clusters. Raises DatasetError with the place."""
    for file in sorted(folder.glob("*.json")):
        cluster = object_of(str(file), read_json(file), "the file")
        for at, value in enumerate(list_of(str(file), cluster.get("claims") or [], "claims")):
            where = f"{file}: claims[{at}]"
            yield text_field(where, object_of(where, value, "claims"), "text")


def _articles(file: Path, cluster: Mapping[str, object]) -> Iterator[Article]:
    for at, value in enumerate(list_of(str(file), cluster.get("articles"), "articles")):
        where = f"{file}: articles[{at}]"
        row = object_of(where, value, "articles")
        outlet = optional_field(where, row, "outlet")
        yield replace(article_of(where, row, "id"), outlet=outlet)


def _questions(
    file: Path, cluster: Mapping[str, object], articles: Mapping[str, Article]
) -> Iterator[list[Question]]:
    """Each question in each of its languages."""
    for at, value in enumerate(list_of(str(file), cluster.get("questions"), "questions")):
        where = f"{file}: questions[{at}]"
        row = object_of(where, value, "questions")
        places = _places(where, row, articles)
        whole = _question(where, row, places)
        asked = object_of(where, row.get("ask"), "ask")
        short = object_of(where, row.get("short") or {}, "short")
        yield [
            _in_language(whole, code, text_field(where, asked, code), short, places)
            for code in sorted(asked)
        ]


def _places(
    where: str, row: Mapping[str, object], articles: Mapping[str, Article]
) -> list[tuple[Gold, str]]:
    """Where the answer stands, each with the words that answer."""
    found = []
    for value in list_of(where, row.get("gold") or [], "gold"):
        gold = object_of(where, value, "gold")
        name, quote = text_field(where, gold, "article"), text_field(where, gold, "quote")
        if name not in articles or quote not in articles[name].text:
            raise DatasetError(f"{where}: the quote does not stand in article {name!r}: {quote!r}")
        found.append((Gold(name, quote), text_field(where, gold, "answer")))
    return found


def _question(where: str, row: Mapping[str, object], places: list[tuple[Gold, str]]) -> Question:
    kind = text_field(where, row, "kind")
    known = next((k for k in KINDS if k == kind), None)
    if known is None:
        raise DatasetError(f"{where}: kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    answerable = known not in {"absent", "premise"}
    if answerable and not places:
        raise DatasetError(f"{where}: an answerable question needs 'gold'")
    return Question(
        id=text_field(where, row, "id"),
        question="",
        language="",
        kind=known,
        answerable=answerable,
        gold=tuple(gold for gold, _ in places),
        premise_truth=places[0][1] if known == "premise" and places else None,
        note=optional_field(where, row, "note"),
    )


def _in_language(
    whole: Question,
    code: str,
    asked: str,
    short: Mapping[str, object],
    places: list[tuple[Gold, str]],
) -> Question:
    """The question as asked in one language, with what counts as a right answer.

    The words of the article count in whatever language it is; so does the short answer in the
    asker's, but not where every place must be told.
    """
    said = [answer for _, answer in places]
    every = whole.kind in OF_SEVERAL_PLACES and len(places) > 1
    own = short.get(code)
    accepted = (own, *said) if isinstance(own, str) and own else tuple(said)
    return replace(
        whole,
        id=f"{whole.id}-{code}",
        question=asked,
        language=code,
        answers=tuple(dict.fromkeys(accepted)) if whole.answerable and not every else (),
        all_of=tuple((answer,) for answer in said) if whole.answerable and every else (),
    )
