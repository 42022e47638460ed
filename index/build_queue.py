"""Articles of a build on their way into the store: recognised, encoded, stored and linked."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from konkyo.index.chunking import embedding_text
from konkyo.index.embedding.protocol import Vectors
from konkyo.index.ingest.dedup import Stories
from konkyo.index.ingest.preparation import Chunks, chunker
from konkyo.index.records import Article, EditorMark
from konkyo.index.settings import ChunkSettings
from konkyo.index.stores.base import ArticleWriter, SourceWriter
from konkyo.index.stores.local.staging import Staging
from konkyo.index.stores.rows import digest_article

__all__ = ["ArticleQueue", "BuildEncoder", "Progress", "QueueWriter", "Stage"]

Stage = Literal["read", "embed", "index"]
Progress = Callable[[Stage, int, int], None]
"""Called with the stage, and how many documents or passages are done and known so far."""

_ONE_BATCH = 256
_KEEP_SECONDS = 2.0


class BuildEncoder(Protocol):
    """What a build needs of an encoder, as ``load_encoder`` returns one."""

    @property
    def fingerprint(self) -> str:
        """Names model, weights and pooling."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""

    def iter_passages(
        self, texts: Sequence[str]
    ) -> Iterator[tuple[npt.NDArray[np.int64], Vectors]]:
        """Positions in ``texts`` and their vectors, batch by batch, each position once."""


class QueueWriter(ArticleWriter, SourceWriter, Protocol):
    """What the queue needs of a store's writer."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """An article about to be encoded and stored."""

    place: int
    article: Article
    chunks: Chunks
    texts: list[str]
    keys: list[bytes]
    payloads: tuple[str, ...]


class ArticleQueue:
    """Collects new articles and stores them batch by batch, each text encoded once."""

    def __init__(
        self,
        writer: QueueWriter,
        staging: Staging,
        encoder: BuildEncoder,
        chunks: ChunkSettings,
        progress: Progress,
        batch: int,
    ) -> None:
        self._writer = writer
        self._staging = staging
        self._encoder = encoder
        self._chunk = chunker(encoder.count_tokens, chunks)
        self._progress = progress
        self._batch = batch
        self._pending: dict[str, _Pending] = {}
        self._queued = 0
        self._pending_bands: dict[int, list[str]] = {}
        self._links: dict[str, tuple[str | None, list[tuple[str, str]]]] = {}
        self._known = 0
        self._marks: dict[str, EditorMark] = {}
        self._stories = Stories()
        self.duplicates = 0
        self.encoded = 0
        self.keep_marks(writer.editor_marks())

    def keep_marks(self, marks: Iterable[EditorMark]) -> None:
        """Have what editors said of articles hold for those that take their place."""
        for mark in marks:
            for name in (mark.article_id, mark.url, mark.source):
                if name:
                    self._marks.setdefault(name, mark)

    def link(self, source: str, stamp: str | None, links: list[tuple[str, str]]) -> None:
        """Say what a source holds, as (article_id, found_as); store a batch if it is full."""
        self._links[source] = (stamp, links)
        if self._queued >= self._batch:
            self.flush()

    def settled(
        self,
        article: Article,
        own: Set[str],
        chunks: Mapping[str, Chunks],
        payloads: tuple[str, ...] = (),
    ) -> str:
        """Return the identifier a story is indexed under: its own, or that of a near copy.

        Of copies, the first one's facts hold, or those of one that says that it is retracted.
        ``own`` are all identifiers of the same document, ``chunks`` what is cut of it already.
        """
        name = article.article_id
        article = self._marked(article, own)
        retracted = article.status == "retracted"
        pending = self._pending.get(name)
        if pending is not None:
            self.duplicates += 1
            if retracted and pending.article.status != "retracted":
                self._queue(article, pending.chunks, pending.payloads)
            return name
        stored = self._writer.source_of_facts(name)
        same = stored is not None and stored[1] == digest_article(article)
        if stored is not None and stored[0] not in (None, article.source):
            self.duplicates += 1
            if same or not retracted:
                return name
        if stored is not None and stored[0] == article.source and same:
            return name
        cut = chunks.get(name) or self._chunk(article)
        if stored is None and not retracted:
            twin = self._twin(article, cut.bands, own)
            if twin is not None:
                self.duplicates += 1
                return twin
        self._queue(article, cut, payloads)
        return name

    def _marked(self, article: Article, own: Set[str]) -> Article:
        """The article with what an editor said of it, or of the one at its address or source.

        A source is that of one article where it holds no other.
        """
        names = (article.article_id, article.url, article.source if len(own) == 1 else None)
        mark = next((self._marks[name] for name in names if name and name in self._marks), None)
        if mark is None:
            return article
        return replace(
            article, status=mark.status, correction=mark.correction, status_by_editor=True
        )

    def flush(self) -> None:
        """Encode and store what is queued, then link the documents read so far."""
        texts = {
            key: text
            for item in self._pending.values()
            for key, text in zip(item.keys, item.texts, strict=True)
        }
        vectors = self._writer.vectors_of(list(texts))
        vectors |= self._staging.find([key for key in texts if key not in vectors])
        missing = [key for key in texts if key not in vectors]
        vectors |= self._encode(missing, [texts[key] for key in missing])
        empty = np.empty((0, self._encoder.dimension), np.float32)
        for item in self._pending.values():
            stacked = np.stack([vectors[key] for key in item.keys]) if item.keys else empty
            self._writer.put(
                item.article,
                item.chunks.passages,
                stacked,
                item.keys,
                item.chunks.bands,
                item.payloads,
            )
        for source, (stamp, links) in self._links.items():
            self._writer.set_source(source, stamp, links)
        self._pending.clear()
        self._queued = 0
        self._pending_bands.clear()
        self._links.clear()

    def _twin(self, article: Article, bands: Sequence[int], own: Set[str]) -> str | None:
        """The oldest story, indexed already or about to be, that is the same but for trifles."""
        for name, source, text in self._writer.alike(bands):
            # An earlier version in the very same document is being replaced, not copied.
            elsewhere = source != article.source or name in own
            if elsewhere and self._stories.same(article.text, text):
                return name
        near = {name for band in bands for name in self._pending_bands.get(band, ())}
        for name in sorted(near, key=lambda name: self._pending[name].place):
            if self._stories.same(article.text, self._pending[name].article.text):
                return name
        return None

    def _queue(self, article: Article, chunks: Chunks, payloads: tuple[str, ...]) -> None:
        texts = [embedding_text(article, passage) for passage in chunks.passages]
        keys = [hashlib.blake2b(text.encode(), digest_size=16).digest() for text in texts]
        place = len(self._pending)
        self._pending[article.article_id] = _Pending(place, article, chunks, texts, keys, payloads)
        self._queued += len(texts)
        for band in chunks.bands:
            self._pending_bands.setdefault(band, []).append(article.article_id)

    def _encode(self, keys: Sequence[bytes], texts: Sequence[str]) -> dict[bytes, Vectors]:
        """Encode texts, keeping vectors every few seconds and whatever stops it."""
        self._known += len(keys)
        made: dict[bytes, Vectors] = {}
        unkept: list[bytes] = []

        def keep() -> None:
            if unkept:
                self._staging.keep(unkept, np.stack([made[key] for key in unkept]))
                unkept.clear()

        last = time.monotonic()
        try:
            for positions, rows in self._encoder.iter_passages(texts):
                for position, row in zip(positions.tolist(), rows, strict=True):
                    made[keys[position]] = row
                    unkept.append(keys[position])
                self.encoded += len(positions)
                self._progress("embed", self.encoded, self._known)
                if time.monotonic() - last >= _KEEP_SECONDS:
                    keep()
                    last = time.monotonic()
        except BaseException:
            keep()
            raise
        if len(made) > _ONE_BATCH:
            keep()
        return made
