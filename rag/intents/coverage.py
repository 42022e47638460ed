"""Which articles are about a subject."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from konkyo.index.records import ArticleSummary, Filter, Hit
from konkyo.index.text.language import same_language
from konkyo.index.text.names import names
from konkyo.index.text.periods import period_in_question
from konkyo.rag.intents.examples import as_example, subject_named, subject_of
from konkyo.rag.intents.naming import has_names_of
from konkyo.rag.intents.replies import (
    Collection,
    collection,
    narrowed_to_named,
    paged,
    without_page,
)
from konkyo.rag.question import AskedQuestion
from konkyo.rag.retrieval.hybrid import Retriever
from konkyo.rag.thresholds import Thresholds

__all__ = ["articles_about", "naming_in_other_languages"]

_EDGES = " ,、，“”\"'「」『』‘’?？"


@dataclass(frozen=True, slots=True)
class _Subject:
    """What articles are asked about, without a period of publication; empty if nothing says so.

    ``rest`` is the question without it, which may name outlets, languages and a period.
    """

    text: str
    rest: str


def articles_about(
    retriever: Retriever, asked: AskedQuestion, where: Filter, today: date, limits: Thresholds
) -> Collection:
    """One page of the articles that are about a subject; of all of them where none is named.

    Newest first, undated last.
    """
    store, language = retriever.store, asked.language
    bare, page = without_page(asked.standalone)
    subject = _subject_asked(bare, today)
    if len(subject.text) < limits.digest_subject:
        return collection(store, asked.text, language, where, today)
    within = narrowed_to_named(subject.rest, where, store.articles(where), today)
    found = dict.fromkeys(_about(retriever, subject.text, language, within, limits))
    newest_first = sorted(found, key=lambda article: article.published or "", reverse=True)
    return paged(newest_first, bare, page, language, subject.text)


def naming_in_other_languages(
    retriever: Retriever, subject: str, language: str, where: Filter, most: int
) -> list[Hit]:
    """Passages in other languages than the asker's that have all names of a subject.

    Scores of a search across languages do not tell what is about a subject; names do.
    """
    hits = retriever.retrieve(subject, most, where, language)
    return [hit for hit in hits if has_names_of(subject, language, hit)]


def _subject_asked(question: str, today: date) -> _Subject:
    """Returns the subject of a question for articles, by the words around it."""
    text = subject_named(question) or ""
    if not text and as_example(question) == "articles_about":
        text = subject_of(question, "articles_about")
    period = period_in_question(text, today)
    bare = text if period is None else text[: period.start] + text[period.end :]
    return _Subject(bare.strip(_EDGES), question.replace(bare, " ") if bare else question)


def _about(
    retriever: Retriever, subject: str, language: str, where: Filter, limits: Thresholds
) -> Iterator[ArticleSummary]:
    """Articles with a passage about a subject, by its score in a search.

    Where the subject has a name and an article is in another language, by that name.
    """
    most, named = limits.listed_passages, bool(names(subject, language))
    for hit in retriever.retrieve(subject, most, where):
        own = same_language(hit.article.language, language)
        near = hit.score >= limits.about_subject
        if (near and (own or not named)) or has_names_of(subject, language, hit):
            yield hit.article
    for hit in naming_in_other_languages(retriever, subject, language, where, most):
        yield hit.article
