"""Questions that are offered to a reader: each was asked once, and the articles answer it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from typing import Annotated, Protocol

from cachetools import LRUCache
from pydantic import Field
from pydantic.dataclasses import dataclass as schema

from konkyo.index.records import Article, ArticleSummary, Filter
from konkyo.index.text.language import same_language
from konkyo.index.text.names import names
from konkyo.index.text.normalize import letters
from konkyo.index.text.word_data import CHECKED, word_data
from konkyo.rag.spoken import ByLanguage, Spoken, spoken

__all__ = [
    "AnswerCheck",
    "AsksArticles",
    "candidate_questions",
    "suggested_questions",
    "title_question",
]

_EVERYTHING = Filter()
_ASKED_FOR_EACH = 3
_LONGEST_TITLE = 90
_MOST_NAMES = 2

# Quotation marks inside quotation marks take the other shape.
_INNER: Mapping[Spoken, Mapping[int, int]] = {
    "en": str.maketrans("“”", "‘’"),
    "ja": str.maketrans("「」", "『』"),
    "ko": {},
    "zh": str.maketrans("“”", "‘’"),
}

_Template = Annotated[str, Field(min_length=1)]


@schema(frozen=True, config=CHECKED)
class _Templates:
    """The questions of one language, with {name} or {title} in them."""

    named: _Template
    title: _Template


class AsksArticles(Protocol):
    """What suggestions need of a pipeline."""

    def article(self, article_id: str) -> Article:
        """One whole article. Raises ArticleMissing."""

    def is_answered(self, question: str, article_id: str, where: Filter = ...) -> bool:
        """Whether quotes alone answer a question under a filter, one of them from an article."""


class AnswerCheck:
    """Remembers which questions were answered, by a pipeline's fingerprint. Safe to share."""

    def __init__(self, most: int = 2048) -> None:
        self._lock = threading.Lock()
        self._kept: LRUCache[tuple[str, str, str, Filter], bool] = LRUCache(most)

    def of(
        self,
        fingerprint: str,
        question: str,
        article_id: str,
        where: Filter,
        ask: Callable[[], bool],
    ) -> bool:
        """Whether a question is answered from an article; ``ask`` is called once for each."""
        key = (fingerprint, question, article_id, where)
        with self._lock:
            known = self._kept.get(key)
        if known is None:
            known = ask()
            with self._lock:
                self._kept[key] = known
        return known


def _templates(language: str) -> _Templates:
    every = word_data(ByLanguage[_Templates], "suggestions", "konkyo.rag")
    return every.by_language(language)


def candidate_questions(article: Article, language: str) -> tuple[str, ...]:
    """Questions about an article in a language, best first; nothing says that they are answered.

    Names of the title are asked about in the article's own language alone, since nothing here
    writes them in another one.
    """
    templates = _templates(language)
    named = [
        templates.named.format(name=name.text)
        for name in names(article.title, article.language)
        if name.certain and name.kind != "code"
    ]
    own = same_language(article.language, language)
    title = title_question(article.title, language)
    return (*(dict.fromkeys(named[:_MOST_NAMES]) if own else ()), title)


def title_question(title: str, language: str) -> str:
    """The question what an article says, by its title: its sentences are the answer."""
    return _templates(language).title.format(title=_quotable(title, language))


def suggested_questions(
    pipeline: AsksArticles,
    articles: Sequence[ArticleSummary],
    language: str,
    count: int,
    *,
    asked: Sequence[str] = (),
    where: Filter = _EVERYTHING,
    pause: Callable[[], object] = lambda: None,
) -> tuple[str, ...]:
    """At most ``count`` questions about articles that these answer, in a language.

    They are answered under the filter ``where``, too. ``pause`` is called before each is asked.

    Articles in that language come before others. Of either, each has its turn before any has a
    second one; nothing in ``asked`` is offered again.
    Every question is asked of ``pipeline`` with quotes alone, which takes some tenths of a second
    the first time: not for an event loop. At most three questions are asked for each one wanted.
    """
    found: list[str] = []
    # Two questions that differ in no letter or digit are one.
    taken = {letters(question) for question in asked}
    most = articles[: _ASKED_FOR_EACH * count]
    own = [a for a in most if same_language(a.language, language)]
    turns = chain.from_iterable(
        chain.from_iterable(zip_longest(*(_pairs(pipeline, a, language) for a in group)))
        for group in (own, [a for a in most if a not in own])
    )
    tried = 0
    for pair in turns:
        if pair is None or letters(pair[0]) in taken:
            continue
        if len(found) == count or tried == _ASKED_FOR_EACH * count:
            break
        tried += 1
        question, article_id = pair
        taken.add(letters(question))
        pause()
        if pipeline.is_answered(question, article_id, where):
            found.append(question)
    return tuple(found)


def _pairs(
    pipeline: AsksArticles, article: ArticleSummary, language: str
) -> Iterator[tuple[str, str]]:
    whole = pipeline.article(article.article_id)
    for question in candidate_questions(whole, language):
        yield question, article.article_id


def _quotable(title: str, language: str) -> str:
    """A title of one line, not too long, that can stand in the language's quotation marks."""
    flat = " ".join(title.split())
    if len(flat) > _LONGEST_TITLE:
        flat = flat[: _LONGEST_TITLE - 1] + "…"
    return flat.translate(_INNER[spoken(language) or "en"])
