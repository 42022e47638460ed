"""Which articles are about a subject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from konkyo.index.records import ArticleSummary, Filter
from konkyo.index.text.language import same_language
from konkyo.index.text.names import names
from konkyo.index.text.periods import period_in_question
from konkyo.rag.intents.examples import as_example, subject_of
from konkyo.rag.intents.naming import has_names_of
from konkyo.rag.intents.replies import subject_named
from konkyo.rag.retrieval.hybrid import Retriever
from konkyo.rag.thresholds import Thresholds

__all__ = ["Subject", "articles_about", "subject_asked"]

_EDGES = " ,、，“”\"'「」『』‘’?？"


@dataclass(frozen=True, slots=True)
class Subject:
    """What articles are asked about, without a period of publication; empty if nothing says so.

    ``rest`` is the question without it, which may name outlets, languages and a period.
    """

    text: str
    rest: str


def subject_asked(question: str, today: date) -> Subject:
    """Returns the subject of a question for articles, by the words around it."""
    text = subject_named(question) or ""
    if not text and as_example(question) == "articles_about":
        text = subject_of(question, "articles_about")
    period = period_in_question(text, today)
    bare = text if period is None else text[: period.start] + text[period.end :]
    return Subject(bare.strip(_EDGES), question.replace(bare, " ") if bare else question)


def articles_about(
    retriever: Retriever, subject: str, language: str, where: Filter, thresholds: Thresholds
) -> list[ArticleSummary]:
    """The articles that have a passage about a subject, newest first, undated last.

    By the score of a search; where the subject has a name and an article is in another language
    than ``language``, by that name, since scores across languages tell little.
    """
    found = dict.fromkeys(_about(retriever, subject, language, where, thresholds))
    return sorted(found, key=lambda article: article.published or "", reverse=True)


def _about(
    retriever: Retriever, subject: str, language: str, where: Filter, thresholds: Thresholds
) -> Iterator[ArticleSummary]:
    most, named = thresholds.listed_passages, bool(names(subject, language))
    for hit in retriever.retrieve(subject, most, where):
        own = same_language(hit.article.language, language)
        near = hit.score >= thresholds.about_subject
        if (near and (own or not named)) or has_names_of(subject, language, hit):
            yield hit.article
    for hit in retriever.retrieve(subject, most, where, language):
        if has_names_of(subject, language, hit):
            yield hit.article
