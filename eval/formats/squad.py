"""SQuAD 1.1 and 2.0, JSQuAD and JaQuAD."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from konkyo.eval.formats.fields import at_least_one, list_of, object_of, read_json, stem, text_field
from konkyo.eval.questions import Dataset, Gold, Question
from konkyo.index.errors import DatasetError
from konkyo.index.records import Article, article_id_for
from konkyo.index.text.language import detect

__all__ = ["load_squad"]


def load_squad(path: Path, *, language: str | None = None) -> Dataset:
    """Read SQuAD 1.1 or 2.0 (also JSQuAD and JaQuAD); each paragraph becomes an article.

    A context ``title [SEP] text`` gives the article its title, and only ``text`` its text.
    ``gold`` names the paragraph's article identifier. Raises DatasetError with the place.
    """
    root = object_of(str(path), read_json(path), "the file")
    # One language a file: a question made of digits and Latin names has no script of its own.
    language = language or detect(" ".join(_contexts(root)))
    articles: dict[str, Article] = {}
    questions: list[Question] = []
    seen: set[str] = set()
    for a, entry in enumerate(list_of(str(path), root.get("data"), "data")):
        at = f"{path}: data[{a}]"
        group = object_of(at, entry, "data")
        for p, item in enumerate(list_of(at, group.get("paragraphs"), "paragraphs")):
            spot = f"{at}.paragraphs[{p}]"
            paragraph = object_of(spot, item, "paragraphs")
            article = _paragraph(group, text_field(spot, paragraph, "context"), path.name, language)
            articles[article.article_id] = article
            for q, qa in enumerate(list_of(spot, paragraph.get("qas"), "qas")):
                place = f"{spot}.qas[{q}]"
                question = _squad_question(place, object_of(place, qa, "qas"), article)
                if question.id in seen:
                    raise DatasetError(f"{place}: id {question.id!r} is used twice")
                seen.add(question.id)
                questions.append(question)
    return Dataset(stem(path), at_least_one(path, questions), tuple(articles.values()))


def _contexts(root: Mapping[str, object]) -> Iterator[str]:
    """The first words of the first paragraphs; what is malformed is told of later."""
    data = root.get("data")
    for group in data[:5] if isinstance(data, list) else []:
        paragraphs = group.get("paragraphs") if isinstance(group, dict) else None
        for item in paragraphs[:2] if isinstance(paragraphs, list) else []:
            if isinstance(item, dict):
                yield str(item.get("context"))[:200]


def _paragraph(group: Mapping[str, object], context: str, source: str, language: str) -> Article:
    title, separator, text = context.partition(" [SEP] ")
    if not separator:
        title, text = str(group.get("title") or ""), context
    clean = text.strip("\ufeff \t\r\n")
    name = title.strip("\ufeff \t\r\n").replace("_", " ")
    return Article(
        article_id=article_id_for(name, clean),
        title=name,
        text=clean,
        language=language,
        source=source,
    )


def _squad_question(place: str, row: Mapping[str, object], article: Article) -> Question:
    text = text_field(place, row, "question").strip("\ufeff \t\r\n")
    found = list_of(place, row.get("answers") or [], "answers")
    answers = [text_field(place, object_of(place, a, "answers"), "text").strip() for a in found]
    impossible = bool(row.get("is_impossible", False)) or not answers
    return Question(
        id=text_field(place, row, "id"),
        question=text,
        language=article.language,
        kind="absent" if impossible else "fact",
        answerable=not impossible,
        answers=() if impossible else tuple(dict.fromkeys(answers)),
        gold=(Gold(article.article_id, "" if impossible else answers[0]),),
    )
