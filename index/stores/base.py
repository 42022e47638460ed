"""What a store offers to readers and writers, whatever engine keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.records import Article, ArticleSummary, Filter, Passage, ScoredPassage

__all__ = [
    "Exclusion",
    "KeptArticle",
    "KeptPlace",
    "Store",
    "StoreWriter",
]


@dataclass(frozen=True, slots=True, eq=False)
class KeptArticle:
    """All a store keeps of an article, as ``StoreWriter.put`` takes it.

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


class Store(Protocol):
    """A readable index: articles, passages and two ways to find them.

    One ``Store`` value is one consistent view; ``refresh`` moves it to the newest generation.
    Implementations: a folder on one machine, PostgreSQL with pgvector, PostgreSQL with Milvus.
    Safe to share by threads. ``konkyo.index.stores.open.open_store`` opens one by its address.
    """

    @property
    def generation(self) -> int:
        """Grows by one with every committed change."""

    @property
    def fingerprint(self) -> str:
        """Names the encoder and the chunking that made this store."""

    @property
    def encoder(self) -> str:
        """Fingerprint of the encoder alone."""

    @property
    def created(self) -> str:
        """When this store was made: ISO 8601 with time zone."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def passage_count(self) -> int:
        """How many passages there are."""

    def describe(self) -> dict[str, object]:
        """Facts about how this store searches, for ``konkyo index status``."""

    def refresh(self) -> bool:
        """Move to the newest committed generation; say whether anything changed."""

    def renewed(self) -> Store:
        """Another value at the newest committed generation; this very one when nothing changed.

        This one stays where it is, for whoever is still using it.
        """

    def article(self, article_id: str) -> Article:
        """The whole article. Raises ArticleMissing."""

    def summaries(self, article_ids: Sequence[str]) -> list[ArticleSummary]:
        """Summaries in the order asked for. Raises ArticleMissing."""

    def articles(self, where: Filter = ...) -> Iterator[ArticleSummary]:
        """All articles that pass, newest first, undated last."""

    def passages(self, passage_ids: Sequence[str]) -> list[Passage]:
        """Passages in the order asked for; an unknown identifier is an error."""

    def passages_of(self, article_id: str) -> list[Passage]:
        """The passages of one article, in order. Raises ArticleMissing."""

    def vectors(self, passage_ids: Sequence[str]) -> Vectors:
        """The stored vectors, shape (len(passage_ids), dimension), float32."""

    def payloads(self, passage_ids: Sequence[str]) -> list[str | None]:
        """What was put beside each passage, in the order asked for; None: nothing."""

    def kept(self, article_ids: Sequence[str]) -> list[KeptArticle]:
        """All that is kept of some articles, in the order asked for. Raises ArticleMissing."""

    def kept_places(self) -> list[KeptPlace]:
        """Where all articles were found, in the order of finding."""

    def stamps(self) -> dict[str, str | None]:
        """Every source and the stamp it had when it was last read (None: read it again)."""

    def exclusions(self) -> list[Exclusion]:
        """Articles removed by hand, by their identifiers."""

    def dense(self, vector: Vectors, k: int, where: Filter = ...) -> list[ScoredPassage]:
        """The k passages nearest one query vector of shape (dimension,), best first."""

    def lexical(self, text: str, k: int, where: Filter = ...) -> list[ScoredPassage]:
        """The k passages that share most terms with a question (BM25), best first."""

    def lexical_ceiling(self, text: str) -> float:
        """The weight of all of a question's terms together, in the units of lexical scores.

        A lexical score divided by it is a share that compares across questions and languages.
        """

    def close(self) -> None:
        """Let go of files; the value is not used afterwards."""


class StoreWriter(Protocol):
    """One transaction on a store; nothing is seen by readers before ``commit`` returns.

    An article lives as long as some source holds it. Not for use by several threads.
    ``konkyo.index.stores.open.open_writer`` opens one by its store's address.
    """

    @property
    def generation(self) -> int:
        """The generation this transaction started from."""

    @property
    def replaces(self) -> bool:
        """Whether this is a new truth that will take the place of another."""

    def stamps(self) -> dict[str, str | None]:
        """Every source and the stamp it had when it was last read (None: read it again)."""

    def vectors_of(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Stored vectors by the hash of the text they were made of; missing keys are left out.

        A truth being rebuilt also finds those of the one it replaces, if the encoder is the same.
        """

    def teller(self, article_id: str) -> tuple[str | None, bytes] | None:
        """Whose facts a stored article has, and their checksum; None: it is not stored.

        The first is None when that source no longer holds the article.
        """

    def alike(self, bands: Sequence[int]) -> list[tuple[str, str, str]]:
        """(article_id, teller, text) of stored articles that share a band, oldest first."""

    def tellers(self) -> dict[str, str]:
        """Every stored article and the source whose facts it has (empty: a source that is gone)."""

    def excluded(self) -> dict[str, str]:
        """Titles of articles removed by hand, by their identifiers and those of their texts."""

    def bereaved(self) -> list[str]:
        """Sources to be read again: they hold a story whose teller no longer does."""

    def set_fingerprint(self, fingerprint: str) -> None:
        """Say what made this store: a copy says it only when it is whole."""

    def set_stamp(self, source: str, stamp: str | None) -> None:
        """Remember what a source looked like; None has it read again by the next build."""

    def described(self, source: str) -> dict[str, tuple[str, str]]:
        """Text -> (title, language) of the articles whose facts a source gave."""

    def put(
        self,
        article: Article,
        passages: Sequence[Passage],
        vectors: Vectors,
        keys: Sequence[bytes],
        bands: Sequence[int] = (),
        payloads: Sequence[str] = (),
    ) -> None:
        """Store an article with its passages, or replace it; link it with ``set_source``."""

    def set_source(
        self, source: str, stamp: str | None, articles: Iterable[tuple[str, str]]
    ) -> None:
        """Say which stored articles (article_id, found_as) a source holds, in its order.

        Replaces what it held before. Raises ArticleMissing.
        """

    def remove_source(self, source: str) -> bool:
        """Forget a source and what only it held; say whether it was there."""

    def remove_article(self, article_id: str) -> None:
        """Remove one article wherever it was found, for good. Raises ArticleMissing."""

    def exclude(self, exclusions: Iterable[Exclusion]) -> None:
        """Have builds pass over articles, stored or not."""

    def take_back(self, article_id: str) -> bool:
        """Let builds index a removed article again; say whether it had been removed."""

    def drop_orphans(self) -> None:
        """Remove articles no source holds any more; ``commit`` does it, too."""

    def undo(self) -> None:
        """Bring back the last generation before the newest; ``commit`` puts it in force.

        Raises StoreError when no earlier generation is kept.
        """

    def commit(self) -> int:
        """Make all of it the newest generation, at once and durably; give its number."""

    def keep_up(
        self, *, compact: bool = False, say: Callable[[str], None] = lambda _: None
    ) -> object:
        """After ``commit``: bring what searches are served from up to it."""

    def vacuum(self) -> None:
        """After ``commit``: give freed space back."""
