"""What the chat needs of the pipeline that answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, Self

from konkyo.index.errors import KonkyoError
from konkyo.index.records import Article, ArticlePage, ArticleQuery, ArticleSummary, Filter
from konkyo.rag.answer_style import Phrasing
from konkyo.rag.conversation import Turn as Past
from konkyo.rag.generation.llm import LLM
from konkyo.rag.types import Event

__all__ = ["ArticleLister", "CannotTranslate", "ChatPipeline", "IndexAway", "NotReady"]


class NotReady(KonkyoError):
    """Questions cannot be answered yet, or not at all; the message says why."""


class CannotTranslate(NotReady):
    """The language model does not write well enough to translate."""


class IndexAway(NotReady):
    """The server of the index has not answered yet; it is asked again."""


class ArticleLister(Protocol):
    """The part of a store that lists articles, and finds them by where they are from."""

    def article(self, article_id: str) -> Article:
        """Returns the whole article. Raises ArticleGone, ArticleMissing."""

    def found_at(self, place: str) -> list[str]:
        """Returns the identifiers of articles with that address, or found in that source."""

    def article_page(self, query: ArticleQuery, where: Filter = ...) -> ArticlePage:
        """Returns a part of a sorted list of articles, and how long the list is."""

    def articles(self, where: Filter = ...) -> Iterator[ArticleSummary]:
        """Returns all articles that pass the filter, newest first, undated last."""


class ChatPipeline(Protocol):
    """What the chat needs of a pipeline; ``konkyo.rag.pipeline.Pipeline`` is one."""

    @property
    def store(self) -> ArticleLister:
        """The articles themselves."""

    @property
    def llm(self) -> LLM:
        """The language model, or ``NoLLM``."""

    def stream(
        self, question: str, *, history: Sequence[Past] = ..., where: Filter = ...
    ) -> Iterator[Event]:
        """Yields events in order; the last one has the outcome. Raises KonkyoError."""

    def styled(self, phrasing: Phrasing | None = ..., strictness: float | None = ...) -> Self:
        """The same pipeline with answers put another way; None: as the settings say."""

    def article(self, article_id: str) -> Article:
        """Returns one article. Raises ArticleMissing."""

    def is_answered(self, question: str, article_id: str, where: Filter = ...) -> bool:
        """Whether quotes alone answer a question under a filter, one of them from an article."""

    def refresh(self) -> bool:
        """Move to the newest generation of the store; returns whether it changed."""
