"""Reads and changes a store on behalf of the LlamaIndex vector store."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from konkyo.index.errors import (
    ArticleMissing,
    StoreDamaged,
    StoreError,
    StoreMismatch,
    StoreMissing,
)
from konkyo.index.llamaindex.documents import Document, Entry, article_of, text_key
from konkyo.index.records import Filter
from konkyo.index.stores.address import masked
from konkyo.index.stores.open import open_store, open_writer

if TYPE_CHECKING:
    from konkyo.index.stores.base import Store, StoreWriter

__all__ = ["NodeStore"]

_FOREIGN = "llamaindex"
_WAIT = 60.0


class NodeStore:
    """A store of nodes at an address; it need not exist yet. Safe to share by threads."""

    def __init__(self, address: str | Path) -> None:
        self.address = address
        self._store: Store | None = None
        self._lock = threading.Lock()

    def store(self) -> Store | None:
        """The newest generation; None: there is no store yet."""
        with self._lock:
            try:
                if self._store is None:
                    self._store = open_store(self.address)
                    # LlamaIndex closes nothing: connections go with the last reference.
                    weakref.finalize(self, self._store.close)
                else:
                    self._store.refresh()
            except StoreMissing:
                return None
            return self._store

    def add(self, documents: Mapping[str, Document]) -> None:
        """Add entries to documents; entries of the same identifier are replaced."""
        sizes = [len(e.vector) for document in documents.values() for e in document.entries]
        with self._writer(sizes[0] if sizes else 0) as writer:
            held = self.entries(documents)
            whole = {}
            for name, document in documents.items():
                fresh = {entry.node_id for entry in document.entries}
                old = [entry for entry in held.get(name, ()) if entry.node_id not in fresh]
                whole[name] = document._replace(entries=[*old, *document.entries])
            _write(writer, whole)

    @contextlib.contextmanager
    def _writer(self, dimension: int) -> Iterator[StoreWriter]:
        """Lock the store, or make one of a dimension; nothing held changes under the lock."""
        store = self.store()
        if store is not None and not store.fingerprint.startswith(_FOREIGN):
            raise StoreMismatch(
                f"{masked(self.address)}: made by `konkyo index build`; add to it with"
                " `konkyo index add`, delete whole articles, or give LlamaIndex an index of its own"
            )
        name = None if store is not None else f"{_FOREIGN}:{dimension}"
        with open_writer(
            self.address, fingerprint=name, encoder=_FOREIGN, dimension=dimension, wait=_WAIT
        ) as writer:
            yield writer

    def entries(self, documents: Iterable[str]) -> dict[str, list[Entry]]:
        """What documents hold already; those that are not there are left out."""
        store = self.store()
        found: dict[str, list[Entry]] = {}
        if store is None:
            return found
        for summary in store.articles(Filter(sources=frozenset(documents))):
            passages = store.passages_of(summary.article_id)
            names = [p.passage_id for p in passages]
            for passage, vector, payload in zip(
                passages, store.vectors(names), store.payloads(names), strict=True
            ):
                entry = Entry(passage.passage_id, passage.text, vector, payload or "")
                found.setdefault(summary.source, []).append(entry)
        return found

    def delete(self, documents: Iterable[str]) -> None:
        """Remove documents (or articles of ours, by identifier) in one commit; unknown: skipped."""
        if self.store() is None:
            return
        with open_writer(self.address, wait=_WAIT) as writer:
            removed = False
            for document in documents:
                if writer.remove_source(document):
                    removed = True
                    continue
                try:
                    writer.remove_article(document)
                    removed = True
                except ArticleMissing:
                    continue
            if removed:
                writer.commit()
                writer.keep_up()

    def clear(self) -> None:
        """Remove everything, in one commit."""
        store = self.store()
        if store is None:
            return
        ours = not store.fingerprint.startswith(_FOREIGN)
        self.delete([a.article_id if ours else a.source for a in store.articles()])

    def known(self, names: Sequence[str]) -> list[str]:
        """Those of some node identifiers that the store has, in the same order."""
        store = self.store()
        if store is None:
            return []
        try:
            store.passages(names)
            return list(names)
        except StoreDamaged:
            raise
        except StoreError:
            if len(names) == 1:
                return []
        middle = len(names) // 2
        return [*self.known(names[:middle]), *self.known(names[middle:])]

    def delete_nodes(self, names: set[str]) -> None:
        """Remove single nodes; the rest of their documents stays."""
        if self.store() is None or not names:
            return
        with self._writer(0) as writer:
            _write(writer, self._without(names))

    def _without(self, names: set[str]) -> dict[str, Document]:
        """The documents that hold some nodes, without these nodes."""
        store = self.store()
        if store is None:
            return {}
        hit = {passage.article_id for passage in store.passages(self.known(sorted(names)))}
        summaries = store.summaries(sorted(hit))
        held = self.entries(summary.source for summary in summaries)
        return {
            summary.source: Document(
                summary.title,
                summary.published,
                summary.url,
                summary.outlet,
                [e for e in held.get(summary.source, ()) if e.node_id not in names],
            )
            for summary in summaries
        }


def _write(writer: StoreWriter, documents: Mapping[str, Document]) -> None:
    """Make documents hold just these entries, in one commit; without any, they go."""
    for source in documents:
        writer.remove_source(source)
    writer.drop_orphans()
    for source, document in documents.items():
        if not document.entries:
            continue
        article, passages = article_of(source, document, document.title)
        if writer.source_of_facts(article.article_id) is not None:
            # Another document says the very same: told apart by their names.
            article, passages = article_of(source, document, f"{document.title} ({source})")
        writer.put(
            article,
            passages,
            np.stack([entry.vector for entry in document.entries]),
            [text_key(entry.text) for entry in document.entries],
            payloads=[entry.payload for entry in document.entries],
        )
        writer.set_source(source, None, [(article.article_id, article.article_id)])
    writer.commit()
    writer.keep_up()
