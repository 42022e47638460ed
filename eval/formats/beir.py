"""BEIR folders, for retrieval."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from konkyo.eval.formats.fields import (
    at_least_one,
    json_lines,
    optional_field,
    read_text,
    text_field,
)
from konkyo.eval.questions import Dataset, Gold, Question
from konkyo.index.errors import DatasetError
from konkyo.index.records import Article, article_id_for
from konkyo.index.text.language import detect

__all__ = ["load_beir"]


def load_beir(folder: Path, *, language: str | None = None) -> Dataset:
    """Read a BEIR folder: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/test.tsv``.

    Such a set tests retrieval: its questions have gold articles but no answers. Queries without
    a positive judgement are left out. Raises DatasetError, naming file and line.
    """
    identifiers: dict[str, str] = {}
    articles: dict[str, Article] = {}
    corpus = folder / "corpus.jsonl"
    for line, row in json_lines(corpus):
        where = f"{corpus}:{line}"
        title = optional_field(where, row, "title") or ""
        text = text_field(where, row, "text")
        article = Article(
            article_id=article_id_for(title, text),
            title=title,
            text=text,
            language=language or detect(text),
            source=corpus.name,
        )
        identifiers[text_field(where, row, "_id")] = article.article_id
        articles[article.article_id] = article
    relevant = _qrels(folder / "qrels" / "test.tsv", identifiers)
    questions: list[Question] = []
    queries = folder / "queries.jsonl"
    for line, row in json_lines(queries):
        where = f"{queries}:{line}"
        name, text = text_field(where, row, "_id"), text_field(where, row, "text")
        if name not in relevant:
            continue
        questions.append(
            Question(
                id=name,
                question=text,
                language=language or detect(text),
                kind="fact",
                answerable=True,
                gold=tuple(Gold(article) for article in relevant[name]),
            )
        )
    return Dataset(folder.name, at_least_one(folder, questions), tuple(articles.values()))


def _qrels(path: Path, identifiers: Mapping[str, str]) -> dict[str, list[str]]:
    relevant: dict[str, list[str]] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        cells = line.split("\t")
        if number == 1 and cells[:1] == ["query-id"]:
            continue
        if len(cells) != 3 or not cells[2].lstrip("-").isdigit():
            raise DatasetError(f"{path}:{number}: expected 'query-id<TAB>corpus-id<TAB>score'")
        if cells[1] not in identifiers:
            raise DatasetError(f"{path}:{number}: {cells[1]!r} is not in corpus.jsonl")
        if int(cells[2]) > 0:
            relevant.setdefault(cells[0], []).append(identifiers[cells[1]])
    return relevant
