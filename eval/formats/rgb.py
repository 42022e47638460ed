"""JSONL in the form of RGB (arXiv 2309.01431)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from konkyo.eval.formats.fields import at_least_one, json_lines, stem, text_field
from konkyo.eval.questions import Dataset, Gold, Question
from konkyo.index.errors import DatasetError, UsageError
from konkyo.index.records import Article, article_id_for
from konkyo.index.text.language import detect

__all__ = ["load_rgb"]

_DOCUMENTS = 5


def load_rgb(
    path: Path,
    *,
    language: str | None = None,
    noise: float = 0.4,
    counterfactual: bool = False,
) -> Dataset:
    """Read JSONL in the form of RGB (arXiv 2309.01431): query, answer, positive, negative.

    Of five texts a question, the share ``noise`` are negatives and the rest positives.
    ``noise=1.0`` leaves negatives only, so every question counts as unanswerable. With
    ``counterfactual`` the positives are ``positive_wrong`` and the answer is ``fakeanswer``:
    what the articles say is right, for a system that must not bring its own knowledge.
    All texts of all questions make one collection. Raises DatasetError, naming file and line.
    """
    if not 0.0 <= noise <= 1.0:
        raise UsageError(f"the noise share must be from 0 to 1, not {noise}")
    negatives = round(_DOCUMENTS * noise)
    articles: dict[str, Article] = {}
    questions: list[Question] = []
    for line, row in json_lines(path):
        where = f"{path}:{line}"
        field = "positive_wrong" if counterfactual else "positive"
        good = _flat(row.get(field))
        if not good:
            raise DatasetError(f"{where}: {field!r} is empty or missing")
        wanted = _flat(row.get("negative"))[:negatives] + good[: _DOCUMENTS - negatives]
        ids: dict[str, str] = {}
        for text in wanted:
            article = Article(
                article_id=article_id_for("", text),
                title="",
                text=text,
                language=language or detect(text),
                source=path.name,
            )
            articles[article.article_id] = article
            ids[text] = article.article_id
        query = text_field(where, row, "query")
        answerable = negatives < _DOCUMENTS
        answers, all_of = _rgb_answers(row, counterfactual=counterfactual)
        if not (answers or all_of):
            raise DatasetError(f"{where}: there is no answer")
        questions.append(
            Question(
                id=str(row.get("id", line)),
                question=query,
                language=language or detect(query),
                kind="fact" if answerable else "absent",
                answerable=answerable,
                answers=answers if answerable else (),
                all_of=all_of if answerable else (),
                gold=tuple(Gold(ids[t]) for t in good if t in ids and answerable),
            )
        )
    return Dataset(stem(path), at_least_one(path, questions), tuple(articles.values()))


def _rgb_answers(
    row: Mapping[str, object], *, counterfactual: bool
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """RGB's ``answer``: a text, a list of texts that must all be there, or lists of synonyms."""
    value = row.get("fakeanswer" if counterfactual else "answer")
    if isinstance(value, list) and len(value) > 1:
        return (), tuple(tuple(_flat(item)) for item in value if _flat(item))
    return tuple(_flat(value)), ()


def _flat(value: object) -> list[str]:
    """The texts of a value that may be a text, a list of them, or lists of lists."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, list):
        return [text for item in value for text in _flat(item)]
    return [str(value)] if isinstance(value, int | float) and not isinstance(value, bool) else []
