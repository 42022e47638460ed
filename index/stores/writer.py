"""What changing a store is on every engine; a subclass keeps the rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import ArticleMissing, StoreDamaged
from konkyo.index.records import Article, EditorMark, FormerArticle, Passage, text_id_for
from konkyo.index.stores.base import Exclusion
from konkyo.index.stores.new_rows import (
    NewPassage,
    NewPlace,
    SourceKey,
    StoredVector,
    article_columns,
    new_passages,
)
from konkyo.index.stores.rows import (
    article_missing,
    as_bytes,
    chunks,
    is_whole,
    marks_of,
    must_fit,
    row_crc,
    stamps_of,
    unit,
    vector_rows,
)

__all__ = ["BaseWriter", "Queries"]


@dataclass(frozen=True, slots=True)
class Queries:
    """The statements of an engine behind the methods of the same names."""

    stamps: str
    source_of_facts: str
    sources_of_facts: str
    sources_to_reread: str
    described: str
    editor_marks: str
    held_by: str


class BaseWriter(ABC):
    """Implements the parts of ``StoreWriter`` that are the same on every engine."""

    queries: ClassVar[Queries]

    def __init__(self, shown: object, *, dimension: int, position: int, replaces: bool) -> None:
        self._shown = shown
        self._dimension = dimension
        self._position = position
        self._replaces = replaces
        self._changed = False

    @property
    def replaces(self) -> bool:
        """Whether this makes a new store that will take the place of another."""
        return self._replaces

    # -- articles -------------------------------------------------------------------------

    def vectors_of(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Return stored vectors by the hash of the text they were made of, as far as known.

        A store being rebuilt also finds those of the one it replaces, if the encoder is the same.
        """
        found: dict[bytes, Vectors] = {}
        for replaced in (False, True):
            missing = [key for key in keys if key not in found]
            for some in chunks(missing):
                rows = self._usable_vectors(some, replaced=replaced)
                triples = [(row.number, row.blob, row.crc) for row in rows]
                block = unit(vector_rows(self._shown, triples, self._dimension))
                found |= {row.key: vector for row, vector in zip(rows, block, strict=True)}
        return found

    def _usable_vectors(self, keys: Sequence[bytes], *, replaced: bool) -> list[StoredVector]:
        """Return stored vectors; those of a store being replaced only as far as they are whole."""
        try:
            rows = list(self._stored_vectors(keys, replaced=replaced))
        except StoreDamaged:
            if not replaced:
                raise
            return []
        return [r for r in rows if not replaced or is_whole(r.blob, r.crc, self._dimension)]

    def source_of_facts(self, article_id: str) -> tuple[str | None, bytes] | None:
        """Return whose facts a stored article has, and their checksum; None: it is not stored.

        The first is None when that source no longer holds the article.
        """
        for source, digest in self._all(self.queries.source_of_facts, name=article_id):
            return None if source is None else str(source), as_bytes(digest)
        return None

    def sources_of_facts(self) -> dict[str, str]:
        """Return every stored article and the source whose facts it has (empty: it is gone)."""
        rows = self._all(self.queries.sources_of_facts)
        return {str(name): str(source) for name, source in rows}

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
        must_fit(self._shown, article, passages, vectors, self._dimension)
        self._changed = True
        source = self._known_source(article.source)
        number = self._put_article(
            article.article_id, article_columns(article, len(passages), source)
        )
        self._put_sketch(number, tuple(dict.fromkeys(bands)))
        self._put_passages(article, number, new_passages(number, passages, vectors, keys, payloads))

    def editor_marks(self) -> list[EditorMark]:
        """Return what editors said of articles, ordered by identifier."""
        return marks_of(self._all(self.queries.editor_marks))

    def remove_article(self, article_id: str) -> None:
        """Remove one article wherever it was found, and near copies of it, for good.

        Builds pass over it until ``take_back``. Raises ArticleMissing.
        """
        found = self._stored_article(article_id)
        if found is None:
            raise article_missing(article_id)
        number, title, text = found
        since = datetime.now().astimezone().isoformat(timespec="seconds")
        names = dict.fromkeys(self._names_of(number), "") | {article_id: text_id_for(text)}
        self.exclude(Exclusion(name, title, since, text_id) for name, text_id in names.items())
        self._unlink_article(number)
        self._changed = True

    def drop_orphans(self) -> None:
        """Remove articles no source holds any more; ``commit`` does it, too."""
        orphans = self._orphans()
        if orphans:
            self._changed = True
            self._remember_articles(orphans)
            self._drop_articles(orphans)

    @abstractmethod
    def remember(self, former: Iterable[FormerArticle]) -> None:
        """Say of articles that they were stored once, here or in a store this one replaces."""

    def _remember_articles(self, numbers: Sequence[int]) -> None:
        """Remember stored articles, by their numbers, that are about to be removed."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        self.remember(FormerArticle(name, now) for name in self._identifiers(numbers))

    # -- sources --------------------------------------------------------------------------

    def stamps(self) -> dict[str, str | None]:
        """Return every source and the stamp it had when last read (None: read it again)."""
        return stamps_of(self._all(self.queries.stamps))

    def sources_to_reread(self) -> list[str]:
        """Return sources with an article whose facts came from a source that no longer has it."""
        return [str(row[0]) for row in self._all(self.queries.sources_to_reread)]

    def described(self, source: str) -> dict[str, tuple[str, str]]:
        """Return text -> (title, language) of the articles whose facts a source gave."""
        rows = self._all(self.queries.described, source=source)
        return {str(text): (str(title), str(language)) for text, title, language in rows}

    def held_by(self, source: str) -> list[tuple[str, str, str | None]]:
        """Return (article_id, found_as, its address) of what a source holds, in its order."""
        rows = self._all(self.queries.held_by, source=source)
        return [(str(a), str(b), None if url is None else str(url)) for a, b, url in rows]

    def set_stamp(self, source: str, stamp: str | None) -> None:
        """Remember what a source looked like; None has it read again by the next build."""
        self._run(
            "UPDATE sources SET stamp = :stamp WHERE source = :source", stamp=stamp, source=source
        )

    def set_source(
        self, source: str, stamp: str | None, articles: Iterable[tuple[str, str]]
    ) -> None:
        """Say which stored articles a source holds, in its order, replacing what it held before.

        ``articles`` are (article_id, found_as); the two differ when the source holds a near copy.
        Raises ArticleMissing.
        """
        links = list(articles)
        key = self._known_source(source)
        self.set_stamp(source, stamp)
        numbers = self._article_numbers(sorted({article_id for article_id, _ in links}))
        missing = next((name for name, _ in links if name not in numbers), None)
        if missing is not None:
            raise ArticleMissing(f"no article {missing} to link {source} to")
        wanted = dict.fromkeys((numbers[article_id], found_as) for article_id, found_as in links)
        held = self._places_of(key)
        gone = sorted(held - wanted.keys())
        fresh = []
        for article, found_as in (place for place in wanted if place not in held):
            crc = row_crc(article, key, found_as, self._position)
            fresh.append(NewPlace(article, key, found_as, self._position, crc))
            self._position += 1
        if gone:
            self._remove_places(key, gone)
        if fresh:
            self._put_places(fresh)
        self._changed = self._changed or bool(gone or fresh)

    def remove_source(self, source: str) -> bool:
        """Remove a source and what only it held; return whether it was there."""
        removed = self._delete_source(source)
        self._changed = self._changed or removed
        return removed

    # -- articles removed by hand ---------------------------------------------------------

    def excluded(self) -> dict[str, str]:
        """Return titles of excluded articles, by their identifiers and those of their texts."""
        found = [
            Exclusion(*map(str, row))
            for row in self._all("SELECT article_id, title, since, text_id FROM excluded")
        ]
        texts = {one.text_id: one.title for one in found if one.text_id}
        return texts | {one.article_id: one.title for one in found}

    @abstractmethod
    def exclude(self, exclusions: Iterable[Exclusion]) -> None:
        """Have builds pass over articles, stored or not."""

    def take_back(self, article_id: str) -> bool:
        """Let builds index a removed article again; return whether it had been removed."""
        removed = self._run("DELETE FROM excluded WHERE article_id = :name", name=article_id) > 0
        if removed:
            # No telling which source holds it: all are read again, nothing is encoded twice.
            self._run("UPDATE sources SET stamp = NULL")
        self._changed = self._changed or removed
        return removed

    # -- the store itself -----------------------------------------------------------------

    def note(self, name: str) -> str | None:
        """Return a text that was kept beside the articles; None: there is none."""
        rows = self._all("SELECT value FROM meta WHERE key = :name", name=f"note {name}")
        return str(rows[0][0]) if rows else None

    def set_note(self, name: str, text: str) -> None:
        """Keep a text beside the articles; ``commit`` makes no new generation for it."""
        self._set_meta(f"note {name}", text)

    def set_fingerprint(self, fingerprint: str) -> None:
        """Say what made this store: a copy says it only when it is whole."""
        self._set_meta("fingerprint", fingerprint)
        self._changed = True

    def _set_meta(self, key: str, value: str) -> None:
        self._run(
            "INSERT INTO meta VALUES (:key, :value) ON CONFLICT (key) DO UPDATE SET value = :value",
            key=key,
            value=value,
        )

    # -- what an engine does --------------------------------------------------------------

    @abstractmethod
    def _all(self, sql: str, **values: object) -> list[tuple[object, ...]]:
        """Run a statement with named values and return its rows."""

    @abstractmethod
    def _run(self, sql: str, **values: object) -> int:
        """Run a statement with named values and return how many rows it changed."""

    @abstractmethod
    def _stored_vectors(self, keys: Sequence[bytes], *, replaced: bool) -> Iterable[StoredVector]:
        """Return stored vectors by their keys, of this store or of the one it replaces."""

    @abstractmethod
    def _stored_article(self, article_id: str) -> tuple[int, str, str] | None:
        """Return an article's number, title and text; None: it is not stored."""

    @abstractmethod
    def _identifiers(self, numbers: Sequence[int]) -> list[str]:
        """Return the identifiers of stored articles, by their numbers."""

    @abstractmethod
    def _article_numbers(self, article_ids: Sequence[str]) -> dict[str, int]:
        """Return the numbers of stored articles; missing ones are left out."""

    @abstractmethod
    def _names_of(self, number: int) -> list[str]:
        """Return the identifiers an article has in its sources."""

    @abstractmethod
    def _orphans(self) -> list[int]:
        """Return the numbers of articles that no source holds."""

    @abstractmethod
    def _known_source(self, source: str) -> SourceKey:
        """Make sure that a source is listed and return what tables call it by."""

    @abstractmethod
    def _places_of(self, source: SourceKey) -> set[tuple[int, str]]:
        """Return (article number, found_as) of all a source holds."""

    @abstractmethod
    def _put_article(self, article_id: str, columns: dict[str, object]) -> int:
        """Store an article's row, drop an earlier one's passages, and return its number."""

    @abstractmethod
    def _put_sketch(self, number: int, bands: Sequence[int]) -> None:
        """Replace the bands of an article's sketch."""

    @abstractmethod
    def _put_passages(self, article: Article, number: int, passages: Iterable[NewPassage]) -> None:
        """Store the passages of an article."""

    @abstractmethod
    def _put_places(self, places: Sequence[NewPlace]) -> None:
        """Link articles with a source."""

    @abstractmethod
    def _remove_places(self, source: SourceKey, places: Sequence[tuple[int, str]]) -> None:
        """Undo links of a source, given as (article number, found_as)."""

    @abstractmethod
    def _unlink_article(self, number: int) -> None:
        """Undo all links of an article."""

    @abstractmethod
    def _drop_articles(self, numbers: Sequence[int]) -> None:
        """Remove articles and their passages."""

    @abstractmethod
    def _delete_source(self, source: str) -> bool:
        """Remove a source and its links; return whether it was there."""
