"""The project's own form: one question a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

from konkyo.eval.formats.fields import (
    article_of,
    at_least_one,
    json_lines,
    list_of,
    object_of,
    optional_field,
    stem,
    text_field,
    texts_of,
)
from konkyo.eval.questions import KINDS, Dataset, Gold, Kind, Question
from konkyo.index.errors import DatasetError
from konkyo.index.records import Article
from konkyo.rag.conversation import Turn

__all__ = ["load_jsonl", "read_question"]

_FIELDS = {
    "id",
    "question",
    "language",
    "kind",
    "answerable",
    "answers",
    "all_of",
    "forbidden",
    "gold",
    "history",
    "paraphrases",
    "premise_truth",
    "note",
}


def load_jsonl(path: Path) -> Dataset:
    """Read the project's own form: one question a line; blank lines are skipped.

    A set ``NAME.jsonl`` brings its own articles if ``NAME.articles.jsonl`` stands beside it: an
    object a line with name, title, language, text and perhaps published (ISO date).

    Raises DatasetError, naming file and line, for malformed JSON, an unknown or missing
    field, an unknown kind, a second use of an id, or an answerable question without answers.
    """
    questions: list[Question] = []
    seen: dict[str, int] = {}
    for line, row in json_lines(path):
        where = f"{path}:{line}"
        question = read_question(where, row)
        if question.id in seen:
            raise DatasetError(f"{where}: id {question.id!r} is used on line {seen[question.id]}")
        seen[question.id] = line
        questions.append(question)
    beside = path.with_name(f"{stem(path)}.articles.jsonl")
    articles = tuple(_own_articles(beside)) if beside.exists() else ()
    return Dataset(path.stem, at_least_one(path, questions), articles)


def _own_articles(path: Path) -> Iterator[Article]:
    for line, row in json_lines(path):
        yield article_of(f"{path}:{line}", row, "name")


def read_question(where: str, row: Mapping[str, object]) -> Question:
    """One question from its JSON object; ``where`` opens the message of a DatasetError."""
    unknown = sorted(row.keys() - _FIELDS)
    if unknown:
        raise DatasetError(f"{where}: unknown field {unknown[0]!r}; known: {sorted(_FIELDS)}")
    kind = text_field(where, row, "kind")
    if kind not in KINDS:
        raise DatasetError(f"{where}: kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    answerable = row.get("answerable")
    if not isinstance(answerable, bool):
        raise DatasetError(f"{where}: 'answerable' must be true or false, not {answerable!r}")
    question = Question(
        id=text_field(where, row, "id"),
        question=text_field(where, row, "question"),
        language=text_field(where, row, "language"),
        kind=next(k for k in get_args(Kind) if k == kind),
        answerable=answerable,
        answers=texts_of(where, row.get("answers", []), "answers"),
        all_of=tuple(
            texts_of(where, group, "all_of")
            for group in list_of(where, row.get("all_of") or [], "all_of")
        ),
        forbidden=texts_of(where, row.get("forbidden") or [], "forbidden"),
        gold=tuple(_gold(where, g) for g in list_of(where, row.get("gold") or [], "gold")),
        history=tuple(_turn(where, t) for t in list_of(where, row.get("history") or [], "history")),
        premise_truth=optional_field(where, row, "premise_truth"),
        note=optional_field(where, row, "note"),
        paraphrases=texts_of(where, row.get("paraphrases") or [], "paraphrases"),
    )
    if answerable and not (question.answers or question.all_of):
        raise DatasetError(f"{where}: an answerable question needs 'answers' or 'all_of'")
    if any(not group for group in question.all_of):
        raise DatasetError(f"{where}: a group of 'all_of' is empty")
    return question


def _gold(where: str, value: object) -> Gold:
    row = object_of(where, value, "gold")
    return Gold(text_field(where, row, "article"), optional_field(where, row, "quote") or "")


def _turn(where: str, value: object) -> Turn:
    row = object_of(where, value, "history")
    return Turn(text_field(where, row, "question"), text_field(where, row, "answer"))
