"""What a store offers to readers and writers, whatever engine keeps it.

Each protocol is one duty; ask for the smallest that will do. ``Store`` and ``StoreWriter`` are all
of them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.records import (
    Article,
    ArticlePage,
    ArticleQuery,
    ArticleSummary,
    EditorMark,
    Filter,
    FormerArticle,
    Passage,
    ScoredPassage,
)

__all__ = [
    "ArticleWriter",
    "Copyable",
    "Described",
    "Exclusion",
    "ExclusionWriter",
    "KeptArticle",
    "KeptPlace",
    "Maintained",
    "Readable",
    "SearchLimits",
    "Searchable",
    "SourceWriter",
    "Store",
    "StoreWriter",
    "Transaction",
    "Versioned",
    "WriterOptions",
]


@dataclass(frozen=True, slots=True, eq=False)
class KeptArticle:
    """All a store keeps of an article, as ``ArticleWriter.put`` takes it.

    ``article.source`` is the source whose facts these are; ``vectors`` are those stored, of shape
    (len(passages), dimension); ``keys`` are hashes of the texts they were made of; ``bands`` are
    the article's sketch, ascending; ``payloads`` are empty or one a passage.
    """

    article: Article
    passages: tuple[Passage, ...]
    vectors: npt.NDArray[np.float16]
    keys: tuple[bytes, ...]
    bands: tuple[int, ...]
    payloads: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptPlace:
    """Where an article was found; ``found_as`` is the identifier the story has there."""

    source: str
    article_id: str
    found_as: str


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An article removed by hand; ``since`` is ISO 8601 with time zone.

    ``text_id`` is that of its text (empty: it is known by its identifier alone).
    """

    article_id: str
    title: str
    since: str
    text_id: str = ""


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Up to how many passages an engine compares vectors one by one, instead of by its index.

    ``whole`` passages of a store, or ``filtered`` passages that pass a filter.
    """

    whole: int
    filtered: int


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """How a store is opened for writing; ``konkyo.index.stores.open.open_writer`` explains it."""

    fingerprint: str | None = None
    encoder: str = ""
    dimension: int = 0
    wait: float = 0.0
    rebuild: bool = False
    limits: SearchLimits | None = None


class Described(Protocol):
    """What a store says of itself."""

    @property
    def generation(self) -> int:
        """A number that grows by one with every committed change."""

    @property
    def fingerprint(self) -> str:
        """The names of the encoder and the chunking that made this store."""

    @property
    def encoder(self) -> str:
        """The fingerprint of the encoder alone."""

    @property
    def created(self) -> str:
        """When this store was made: ISO 8601 with time zone."""

    @property
    def dimension(self) -> int:
        """The length of a vector."""

    @property
    def passage_count(self) -> int:
        """How many passages there are."""

    def describe(self) -> dict[str, object]:
        """Return facts about how this store searches, for ``konkyo index status``."""


class Searchable(Protocol):
    """Two ways to find passages."""

    def dense(self, vector: Vectors, k: int, where: Filter = ...) -> list[ScoredPassage]:
        """Return the k passages nearest one query vector of shape (dimension,), best first."""

    def lexical(self, text: str, k: int, where: Filter = ...) -> list[ScoredPassage]:
        """Return the k passages that share most terms with a question (BM25), best first."""

    def lexical_ceiling(self, text: str) -> float:
        """Return the weight of all of a question's terms, in the units of lexical scores.

        A lexical score divided by it is a share that compares across questions and languages.
        """


class Readable(Protocol):
    """Articles, passages and their vectors, by identifier."""

    def article(self, article_id: str) -> Article:
        """Return the whole article. Raises ArticleGone (it was here once), ArticleMissing."""

    def summaries(self, article_ids: Sequence[str]) -> list[ArticleSummary]:
        """Return summaries in the order asked for. Raises ArticleMissing."""

    def articles(self, where: Filter = ...) -> Iterator[ArticleSummary]:
        """Yield all articles that pass, newest first, undated last."""

    def article_page(self, query: ArticleQuery, where: Filter = ...) -> ArticlePage:
        """Return a part of a sorted list of articles, and how long the list is."""

    def found_at(self, place: str) -> list[str]:
        """Return the identifiers of articles with that address, or found in that source."""

    def languages(self, where: Filter = ...) -> dict[str, int]:
        """Return how many articles that pass there are in each language, most first."""

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """Return passages in the order asked for. Raises StoreError for an unknown identifier."""

    def passages_of(self, article_id: str) -> list[Passage]:
        """Return the passages of one article, in order. Raises ArticleMissing."""

    def vectors(self, passage_ids: Sequence[str]) -> Vectors:
        """Return the stored vectors: float32, shape (len(passage_ids), dimension), length 1."""

    def payloads(self, passage_ids: Sequence[str]) -> list[str | None]:
        """Return what was put beside each passage, in the order asked for; None: nothing."""


class Copyable(Protocol):
    """All that a store keeps, as a rebuild or a copy of it takes it over."""

    def kept(self, article_ids: Sequence[str]) -> list[KeptArticle]:
        """Return all that is kept of articles, in the order asked for. Raises ArticleMissing."""

    def kept_places(self) -> list[KeptPlace]:
        """Return where all articles were found, in the order of finding."""

    def stamps(self) -> dict[str, str | None]:
        """Return every source and the stamp it had when last read (None: read it again)."""

    def exclusions(self) -> list[Exclusion]:
        """Return the articles removed by hand, ordered by identifier."""

    def former_articles(self) -> list[FormerArticle]:
        """Return the articles that were stored once, ordered by identifier."""

    def editor_marks(self) -> list[EditorMark]:
        """Return what editors said of articles, ordered by identifier."""


class Versioned(Protocol):
    """One consistent view of a store, moved on when asked."""

    def refresh(self) -> bool:
        """Move to the newest committed generation; return whether anything changed."""

    def renewed(self) -> Store:
        """Return a store at the newest committed generation; this one when nothing changed.

        This one stays where it is, for whoever is still using it.
        """

    def close(self) -> None:
        """Close files and connections; the value is not used afterwards."""


class Store(Described, Searchable, Readable, Copyable, Versioned, Protocol):
    """A readable index: articles, passages and two ways to find them.

    One ``Store`` value is one consistent view; ``refresh`` moves it to the newest generation.
    Implementations: a folder on one machine, PostgreSQL with pgvector, PostgreSQL with Milvus.
    Safe to share by threads. ``konkyo.index.stores.open.open_store`` opens one by its address.
    """


class ArticleWriter(Protocol):
    """Stores articles with their passages and vectors."""

    def vectors_of(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Return stored vectors by the hash of the text they were made of, as far as known.

        A store being rebuilt also finds those of the one it replaces, if the encoder is the same.
        """

    def source_of_facts(self, article_id: str) -> tuple[str | None, bytes] | None:
        """Return whose facts a stored article has, and their checksum; None: it is not stored.

        The first is None when that source no longer holds the article.
        """

    def sources_of_facts(self) -> dict[str, str]:
        """Return every stored article and the source whose facts it has (empty: it is gone)."""

    def alike(self, bands: Sequence[int]) -> list[tuple[str, str, str]]:
        """Return (article_id, source of its facts, text) of articles that share a band.

        The oldest comes first. Articles that no source holds as they are, but only as a near
        copy, are left out.
        """

    def put(
        self,
        article: Article,
        passages: Sequence[Passage],
        vectors: Vectors,
        keys: Sequence[bytes],
        bands: Sequence[int] = (),
        payloads: Sequence[str] = (),
    ) -> None:
        """Store an article with its passages, or replace it; link it with ``set_source``.

        Its facts are those of ``article.source``. ``vectors`` has shape (len(passages),
        dimension), rows of length 1; ``keys`` are hashes of the texts they were made of;
        ``bands`` are the article's sketch; ``payloads``, if any, are one a passage and come
        back with it. Raises StoreMismatch, StoreError.
        """

    def editor_marks(self) -> list[EditorMark]:
        """Return what editors said of articles, ordered by identifier."""

    def remove_article(self, article_id: str) -> None:
        """Remove one article wherever it was found, and near copies of it, for good.

        Builds pass over it until ``take_back``. Raises ArticleMissing.
        """

    def drop_orphans(self) -> None:
        """Remove articles no source holds any more; ``commit`` does it, too."""

    def remember(self, former: Iterable[FormerArticle]) -> None:
        """Say of articles that they were stored once, here or in a store this one replaces."""


class SourceWriter(Protocol):
    """Says which sources hold which articles. An article lives as long as one holds it."""

    def stamps(self) -> dict[str, str | None]:
        """Return every source and the stamp it had when last read (None: read it again)."""

    def set_stamp(self, source: str, stamp: str | None) -> None:
        """Remember what a source looked like; None has it read again by the next build."""

    def described(self, source: str) -> dict[str, tuple[str, str]]:
        """Return text -> (title, language) of the articles whose facts a source gave."""

    def set_source(
        self, source: str, stamp: str | None, articles: Iterable[tuple[str, str]]
    ) -> None:
        """Say which stored articles a source holds, in its order, replacing what it held before.

        ``articles`` are (article_id, found_as); the two differ when the source holds a near copy.
        Raises ArticleMissing.
        """

    def held_by(self, source: str) -> list[tuple[str, str, str | None]]:
        """Return (article_id, found_as, its address) of what a source holds, in its order."""

    def remove_source(self, source: str) -> bool:
        """Remove a source and what only it held; return whether it was there."""

    def sources_to_reread(self) -> list[str]:
        """Return sources with an article whose facts came from a source that no longer has it."""


class ExclusionWriter(Protocol):
    """Keeps the list of articles removed by hand, which builds pass over."""

    def excluded(self) -> dict[str, str]:
        """Return titles of excluded articles, by their identifiers and those of their texts."""

    def exclude(self, exclusions: Iterable[Exclusion]) -> None:
        """Have builds pass over articles, stored or not."""

    def take_back(self, article_id: str) -> bool:
        """Let builds index a removed article again; return whether it had been removed."""


class Transaction(Protocol):
    """A change of a store, all or nothing; readers see nothing before ``commit`` returns."""

    @property
    def generation(self) -> int:
        """The generation this transaction started from."""

    @property
    def replaces(self) -> bool:
        """Whether this makes a new store that will take the place of another."""

    def note(self, name: str) -> str | None:
        """Return a text that was kept beside the articles; None: there is none."""

    def set_note(self, name: str, text: str) -> None:
        """Keep a text beside the articles; ``commit`` makes no new generation for it."""

    def set_fingerprint(self, fingerprint: str) -> None:
        """Say what made this store: a copy says it only when it is whole."""

    def undo(self) -> None:
        """Bring back the last generation before the newest; ``commit`` puts it in force.

        Raises StoreError when no earlier generation is kept.
        """

    def commit(self) -> int:
        """Make all of it the newest generation, at once and durably; return its number.

        Nothing changed: no new generation.
        """


class Maintained(Protocol):
    """What is done after a commit, outside of any transaction."""

    def keep_up(self, *, compact: bool = False) -> None:
        """Bring the indexes that searches use up to the newest generation."""

    def vacuum(self) -> None:
        """Give freed space back."""


class StoreWriter(ArticleWriter, SourceWriter, ExclusionWriter, Transaction, Maintained, Protocol):
    """Everything that changes a store. Not for use by several threads.

    ``konkyo.index.stores.open.open_writer`` opens one by its store's address.
    """
