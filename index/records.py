"""The values every layer passes on: frozen, slotted, standard library only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, get_args

__all__ = [
    "Article",
    "ArticleOrder",
    "ArticlePage",
    "ArticleQuery",
    "ArticleStatus",
    "ArticleSummary",
    "EditorMark",
    "Filter",
    "FormerArticle",
    "Hit",
    "Passage",
    "ScoredPassage",
    "article_id_for",
    "published_day",
    "status_of",
    "text_id_for",
]

ArticleStatus = Literal["corrected", "retracted"]
"""What became of an article after it was published, where anything did."""

ArticleOrder = Literal["date", "title", "outlet", "length"]
"""By what a list of articles is sorted."""


def status_of(value: object) -> ArticleStatus | None:
    """Return a word as a status; None for any other value."""
    return next((status for status in get_args(ArticleStatus) if status == value), None)


def published_day(published: str | None) -> date | None:
    """Return the day of an article's date; None where it has none, or one that is no date."""
    try:
        return date.fromisoformat(published[:10]) if published else None
    except ValueError:
        return None


def article_id_for(title: str, text: str) -> str:
    """Mint the identifier of an article from its content: 16 hexadecimal digits.

    The same title and text always give the same identifier, so the same story found in two
    places is one article, and a citation can never silently point at a text that has changed.
    """
    return hashlib.sha256(f"{title}\0{text}".encode()).hexdigest()[:16]


def text_id_for(text: str) -> str:
    """Identify a text whatever its title and white space: 32 hexadecimal digits.

    By it an article removed for good is known again under another title.
    """
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Article:
    """One clean article.

    ``text`` is the body alone (no title, no page furniture, no readers' comments); every
    passage and every quote is a half-open span of it, counted in Unicode code points.
    ``published`` is an ISO date (``YYYY-MM-DD``); ``published_at`` keeps time and time zone
    where the source gave them. ``sources`` lists every place the same story was found;
    ``source`` is the first of them. ``comments`` are readers' words, never evidence. ``status``
    says that it was corrected or retracted, ``correction`` how: a text, or the address of the
    article that corrects it; ``status_by_editor`` that an editor said so, and not the source.
    """

    article_id: str
    title: str
    text: str
    language: str
    source: str
    published: str | None = None
    published_at: str | None = None
    url: str | None = None
    outlet: str | None = None
    author: str | None = None
    sources: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    status: ArticleStatus | None = None
    correction: str | None = None
    status_by_editor: bool = False


@dataclass(frozen=True, slots=True)
class ArticleSummary:
    """What a list or a citation needs to know of an article; no body.

    ``length`` is that of the text in code points (0: not known).
    """

    article_id: str
    title: str
    source: str
    url: str | None
    published: str | None
    language: str
    outlet: str | None
    passages: int
    length: int = 0
    status: ArticleStatus | None = None
    correction: str | None = None


@dataclass(frozen=True, slots=True)
class ArticleQuery:
    """Which part of a list of articles is wanted.

    Every one of ``words`` is in the title, the text or a source of an article, whatever its case.
    """

    words: tuple[str, ...] = ()
    order: ArticleOrder = "date"
    descending: bool = True
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ArticlePage:
    """A part of a list of articles, and how long the list is."""

    articles: tuple[ArticleSummary, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A run of whole sentences: ``article.text[start:end] == text``."""

    passage_id: str
    article_id: str
    ordinal: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class ScoredPassage:
    """A passage identifier and one arm's raw score, higher is better."""

    passage_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Filter:
    """Which articles may be searched; an empty field lets everything through.

    ``since`` and ``until`` are inclusive ISO dates. An article without a date passes a date
    filter never; ``languages`` are ISO 639-1 codes, ``other_languages_than`` those left out.
    """

    since: str | None = None
    until: str | None = None
    languages: frozenset[str] = field(default_factory=frozenset)
    outlets: frozenset[str] = field(default_factory=frozenset)
    sources: frozenset[str] = field(default_factory=frozenset)
    other_languages_than: frozenset[str] = field(default_factory=frozenset)

    @property
    def empty(self) -> bool:
        """Whether every article passes."""
        return self == Filter()


@dataclass(frozen=True, slots=True)
class Hit:
    """One retrieved passage with its article and the scores that ranked it.

    ``dense`` and ``lexical`` are the raw scores of the two arms (``None``: that arm did not
    return the passage); ``score`` is the fused one, to be compared within one question only.
    """

    passage: Passage
    article: ArticleSummary
    score: float
    dense: float | None
    lexical: float | None


@dataclass(frozen=True, slots=True)
class FormerArticle:
    """An article that was stored once and is not any more; ``since`` is ISO 8601."""

    article_id: str
    since: str


@dataclass(frozen=True, slots=True)
class EditorMark:
    """What an editor said of an article: its status, and how it is corrected."""

    article_id: str
    url: str | None
    source: str
    status: ArticleStatus
    correction: str | None
