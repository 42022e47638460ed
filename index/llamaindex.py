"""A store inside LlamaIndex: vector store, retriever and embedding, for apps that already use it.

    from llama_index.core import VectorStoreIndex
    from konkyo.index import embed_model, vector_store

    index = VectorStoreIndex.from_vector_store(vector_store(".konkyo/store"), embed_model())

A store made by ``konkyo index build`` is searched and may be deleted from; one that begins empty
takes nodes of any LlamaIndex pipeline. Filters are exact at any selectivity, deleting works, and
the lexical and hybrid modes see Japanese. LlamaIndex is loaded by the functions, not before.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from konkyo.index.embedding.protocol import Encoder, Vectors
from konkyo.index.errors import StoreError, StoreMismatch, StoreMissing
from konkyo.index.records import Article, Passage, ScoredPassage, article_id_for
from konkyo.index.stores.open import store_folder

if TYPE_CHECKING:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import BaseNode
    from llama_index.core.vector_stores.types import (
        BasePydanticVectorStore,
        MetadataFilters,
        VectorStoreQuery,
        VectorStoreQueryResult,
    )

    from konkyo.index.stores.local.reader import LocalStore

__all__ = ["embed_model", "retriever", "vector_store"]

_FOREIGN = "llamaindex"
_WIDER = 4
_WAIT = 60.0


def vector_store(address: str | Path) -> BasePydanticVectorStore:
    """A store as a LlamaIndex vector store; it need not exist before the first node is added.

    Nodes of a store made by ``konkyo index build`` carry title, source, url, outlet, published
    and language as metadata, and ``article_id``, ``start`` and ``end`` to check the quote with.
    """
    cls: Callable[..., BasePydanticVectorStore] = _vector_store_class()
    return cls(_Desk(store_folder(address)))


def embed_model(encoder: Encoder | str = "multilingual-e5-small") -> BaseEmbedding:
    """An encoder (or the name of a model) as a LlamaIndex embedding."""
    if isinstance(encoder, str):
        from konkyo.index.embedding.encoders import load_encoder

        encoder = load_encoder(encoder)
    cls: Callable[..., BaseEmbedding] = _embedding_class()
    return cls(encoder)


def retriever(
    address: str | Path,
    encoder: Encoder | str = "multilingual-e5-small",
    *,
    top_k: int = 6,
    alpha: float = 0.5,
    filters: MetadataFilters | None = None,
) -> BaseRetriever:
    """A LlamaIndex retriever over both arms; ``alpha`` is the share of the dense one.

    LlamaIndex's own way to one arm is ``VectorStoreIndex.from_vector_store(...).as_retriever()``.
    """
    from llama_index.core import VectorStoreIndex
    from llama_index.core.retrievers import VectorIndexRetriever
    from llama_index.core.vector_stores.types import VectorStoreQueryMode

    index = VectorStoreIndex.from_vector_store(vector_store(address), embed_model(encoder))
    return VectorIndexRetriever(
        index,
        similarity_top_k=top_k,
        vector_store_query_mode=VectorStoreQueryMode.HYBRID,
        alpha=alpha,
        filters=filters,
    )


class _Entry(NamedTuple):
    """One node on its way into a store."""

    node_id: str
    text: str
    vector: Vectors
    payload: str


class _Document(NamedTuple):
    """What LlamaIndex calls a source document: some nodes and what is known of all of them."""

    title: str
    published: str | None
    entries: list[_Entry]


class _Desk:
    """Reads and changes a store on behalf of the adapter; safe to share by threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store: LocalStore | None = None
        self._lock = threading.Lock()

    def store(self) -> LocalStore | None:
        """The newest generation; None: there is no store yet."""
        from konkyo.index.stores.local.reader import LocalStore

        with self._lock:
            try:
                if self._store is None:
                    self._store = LocalStore(self.folder)
                else:
                    self._store.refresh()
            except StoreMissing:
                return None
            return self._store

    def add(self, documents: Mapping[str, _Document]) -> None:
        """Add entries to documents; entries of the same identifier are replaced."""
        whole = {}
        for name, document in documents.items():
            fresh = {entry.node_id for entry in document.entries}
            old = [entry for entry in self.entries(name) if entry.node_id not in fresh]
            whole[name] = document._replace(entries=[*old, *document.entries])
        self._write(whole)

    def _write(self, documents: Mapping[str, _Document]) -> None:
        """Make documents hold just these entries, in one commit; without any, they go."""
        from konkyo.index.stores.local.writer import open_writer

        store = self.store()
        if store is not None and not store.fingerprint.startswith(_FOREIGN):
            raise StoreMismatch(
                f"{self.folder}: made by `konkyo index build`; add to it with `konkyo index add`,"
                " delete whole articles, or give LlamaIndex a folder of its own"
            )
        sizes = [len(e.vector) for document in documents.values() for e in document.entries]
        dimension = sizes[0] if sizes else 0
        name = None if store is not None else f"{_FOREIGN}:{dimension}"
        with open_writer(
            self.folder, fingerprint=name, encoder=_FOREIGN, dimension=dimension, wait=_WAIT
        ) as writer:
            for source in documents:
                writer.remove_source(source)
            writer.drop_orphans()
            for source, document in documents.items():
                if not document.entries:
                    continue
                article, passages = _article(source, document, document.title)
                if writer.source_of_facts(article.article_id) is not None:
                    # Another document says the very same: told apart by their names.
                    article, passages = _article(source, document, f"{document.title} ({source})")
                writer.put(
                    article,
                    passages,
                    np.stack([entry.vector for entry in document.entries]),
                    [_key(entry.text) for entry in document.entries],
                    payloads=[entry.payload for entry in document.entries],
                )
                writer.set_source(source, None, [(article.article_id, article.article_id)])
            writer.commit()
            writer.keep_up()

    def entries(self, document: str) -> list[_Entry]:
        """What a document holds already."""
        from konkyo.index.records import Filter

        store = self.store()
        if store is None:
            return []
        found: list[_Entry] = []
        for summary in store.articles(Filter(sources=frozenset({document}))):
            passages = store.passages_of(summary.article_id)
            names = [p.passage_id for p in passages]
            for passage, vector, payload in zip(
                passages, store.vectors(names), store.payloads(names), strict=True
            ):
                found.append(_Entry(passage.passage_id, passage.text, vector, payload or ""))
        return found

    def delete(self, document: str) -> None:
        """Remove a document (or an article of ours, by its identifier); unknown: nothing."""
        from konkyo.index.errors import ArticleMissing
        from konkyo.index.stores.local.writer import open_writer

        if self.store() is None:
            return
        with open_writer(self.folder, wait=_WAIT) as writer:
            if not writer.remove_source(document):
                try:
                    writer.remove_article(document)
                except ArticleMissing:
                    return
            writer.commit()
            writer.keep_up()

    def delete_nodes(self, names: set[str]) -> None:
        """Remove single nodes; the rest of their documents stays."""
        store = self.store()
        if store is None or not names:
            return
        hit = {passage.article_id for passage in store.passages(sorted(names))}
        self._write(
            {
                summary.source: _Document(
                    summary.title,
                    summary.published,
                    [e for e in self.entries(summary.source) if e.node_id not in names],
                )
                for summary in store.summaries(sorted(hit))
            }
        )


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _article(source: str, document: _Document, title: str) -> tuple[Article, list[Passage]]:
    """Join entries into one article whose passages they are."""
    from konkyo.index.text.language import detect

    text = "\n\n".join(entry.text for entry in document.entries)
    article = Article(
        article_id=article_id_for(title, text),
        title=title,
        text=text,
        language=detect(text[:1500]),
        source=source,
        published=document.published,
        sources=(source,),
    )
    passages: list[Passage] = []
    at = 0
    for ordinal, entry in enumerate(document.entries):
        if not entry.text:
            raise StoreError(f"node {entry.node_id} has no text; leave it out")
        end = at + len(entry.text)
        passages.append(Passage(entry.node_id, article.article_id, ordinal, at, end, entry.text))
        at = end + 2
    return article, passages


def _nodes(store: LocalStore, names: Sequence[str]) -> list[BaseNode]:
    """LlamaIndex nodes of passages, as they were put in or made from their articles."""
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
    from llama_index.core.vector_stores.utils import metadata_dict_to_node

    passages = store.passages(names)
    payloads = store.payloads(names)
    owners = list(dict.fromkeys(passage.article_id for passage in passages))
    summaries = dict(zip(owners, store.summaries(owners), strict=True))
    nodes: list[BaseNode] = []
    for passage, payload in zip(passages, payloads, strict=True):
        if payload:
            nodes.append(metadata_dict_to_node(json.loads(payload), text=passage.text))
            continue
        article = summaries[passage.article_id]
        place = {"article_id": passage.article_id, "start": passage.start, "end": passage.end}
        facts = {
            "title": article.title,
            "source": article.source,
            "url": article.url,
            "outlet": article.outlet,
            "published": article.published,
            "language": article.language,
        }
        nodes.append(
            TextNode(
                id_=passage.passage_id,
                text=passage.text,
                metadata={**facts, **place},
                excluded_embed_metadata_keys=list(place),
                excluded_llm_metadata_keys=list(place),
                relationships={
                    NodeRelationship.SOURCE: RelatedNodeInfo(node_id=passage.article_id)
                },
            )
        )
    return nodes


def _passes(node: BaseNode, filters: MetadataFilters | None) -> bool:
    """Whether a node's metadata satisfies filters, nested ones too."""
    from llama_index.core.vector_stores.types import FilterCondition, MetadataFilters
    from llama_index.core.vector_stores.utils import build_metadata_filter_fn

    if filters is None or not filters.filters:
        return True
    results = [
        _passes(node, each)
        if isinstance(each, MetadataFilters)
        else build_metadata_filter_fn(lambda _: node.metadata, MetadataFilters(filters=[each]))(
            node.node_id
        )
        for each in filters.filters
    ]
    if filters.condition == FilterCondition.OR:
        return any(results)
    if filters.condition == FilterCondition.NOT:
        return not any(results)
    return all(results)


def _ranked(store: LocalStore, query: VectorStoreQuery, k: int) -> list[ScoredPassage]:
    """The k best of the arm, or the two arms, a query asks for."""
    from llama_index.core.vector_stores.types import VectorStoreQueryMode

    modes = VectorStoreQueryMode
    if query.mode not in (modes.DEFAULT, modes.HYBRID, modes.TEXT_SEARCH, modes.SPARSE):
        raise StoreError(
            f"{query.mode.value!r} is not a mode of this store; it has default, hybrid,"
            " text_search and sparse"
        )
    dense: list[ScoredPassage] = []
    if query.mode in (modes.DEFAULT, modes.HYBRID):
        if query.query_embedding is None:
            raise StoreError("the query has no embedding; give the index an embed_model")
        vector = np.asarray(query.query_embedding, np.float32)
        dense = store.dense(vector / max(float(np.linalg.norm(vector)), 1e-12), k)
        if query.mode == modes.DEFAULT:
            return dense
    text = query.query_str or ""
    lexical = store.lexical(text, k)
    if query.mode != modes.HYBRID:
        return lexical
    alpha = 0.5 if query.alpha is None else query.alpha
    ceiling = max(store.lexical_ceiling(text), 1e-9)
    scores: dict[str, float] = {}
    for hit in dense:
        scores[hit.passage_id] = alpha * hit.score
    for hit in lexical:
        share = (1 - alpha) * hit.score / ceiling
        scores[hit.passage_id] = scores.get(hit.passage_id, 0.0) + share
    best = sorted(scores.items(), key=lambda item: -item[1])[:k]
    return [ScoredPassage(name, score) for name, score in best]


def _answer(desk: _Desk, query: VectorStoreQuery) -> VectorStoreQueryResult:
    """Rank, and look further down the ranking until enough pass the filters or nothing is left."""
    from llama_index.core.vector_stores.types import VectorStoreQueryResult

    store = desk.store()
    if store is None:
        return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
    wanted = query.similarity_top_k
    open_to_all = not (query.filters or query.node_ids or query.doc_ids)
    nodes_asked, documents_asked = set(query.node_ids or ()), set(query.doc_ids or ())
    k = wanted if open_to_all else wanted * _WIDER
    while True:
        hits = _ranked(store, query, k)
        nodes = _nodes(store, [hit.passage_id for hit in hits])
        passing = [
            (hit, node)
            for hit, node in zip(hits, nodes, strict=True)
            if (not nodes_asked or node.node_id in nodes_asked)
            and (not documents_asked or node.ref_doc_id in documents_asked)
            and _passes(node, query.filters)
        ][:wanted]
        if len(passing) == wanted or len(hits) < k or k >= store.passage_count:
            break
        k *= _WIDER
    return VectorStoreQueryResult(
        nodes=[node for _, node in passing],
        similarities=[hit.score for hit, _ in passing],
        ids=[hit.passage_id for hit, _ in passing],
    )


def _chosen(
    desk: _Desk, node_ids: list[str] | None, filters: MetadataFilters | None
) -> list[BaseNode]:
    """Nodes by identifier and filters; without either, all."""
    store = desk.store()
    if store is None:
        return []
    names = node_ids
    if names is None:
        names = [
            passage.passage_id
            for summary in store.articles()
            for passage in store.passages_of(summary.article_id)
        ]
    return [node for node in _nodes(store, names) if _passes(node, filters)]


def _grouped(nodes: Sequence[BaseNode]) -> dict[str, _Document]:
    """Nodes by the document they come from."""
    from llama_index.core.schema import MetadataMode
    from llama_index.core.vector_stores.utils import node_to_metadata_dict

    documents: dict[str, _Document] = {}
    for node in nodes:
        source = node.ref_doc_id or node.node_id
        facts = node.metadata
        title = str(facts.get("title") or facts.get("file_name") or source)
        published = str(facts["published"])[:10] if facts.get("published") else None
        vector = np.asarray(node.get_embedding(), np.float32)
        entry = _Entry(
            node.node_id,
            node.get_content(metadata_mode=MetadataMode.NONE),
            vector / max(float(np.linalg.norm(vector)), 1e-12),
            json.dumps(node_to_metadata_dict(node, remove_text=True), ensure_ascii=False),
        )
        documents.setdefault(source, _Document(title, published, [])).entries.append(entry)
    return documents


@functools.cache
def _vector_store_class() -> Callable[..., BasePydanticVectorStore]:
    """Made on first use: a subclass can only be written where LlamaIndex is loaded."""
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.vector_stores.types import (
        BasePydanticVectorStore,
    )

    class KonkyoVectorStore(BasePydanticVectorStore):
        """A Konkyo store; vectors are brought to length 1, so scores are cosines."""

        stores_text: bool = True
        _desk: _Desk = PrivateAttr()

        def __init__(self, desk: _Desk) -> None:
            super().__init__(stores_text=True)
            self._desk = desk

        @classmethod
        def class_name(cls) -> str:
            """Name used by LlamaIndex."""
            return "KonkyoVectorStore"

        @property
        def client(self) -> LocalStore | None:
            """The store itself; None: nothing was added yet."""
            return self._desk.store()

        def add(self, nodes: Sequence[BaseNode], **kwargs: object) -> list[str]:
            """Add nodes, or replace those with the same identifiers; one commit."""
            if nodes:
                self._desk.add(_grouped(nodes))
            return [node.node_id for node in nodes]

        async def async_add(self, nodes: Sequence[BaseNode], **kwargs: object) -> list[str]:
            """The same without holding up the event loop."""
            return await asyncio.to_thread(self.add, nodes)

        def delete(self, ref_doc_id: str, **delete_kwargs: object) -> None:
            """Delete a document's nodes; they are gone from the next answer on."""
            self._desk.delete(ref_doc_id)

        async def adelete(self, ref_doc_id: str, **delete_kwargs: object) -> None:
            """The same without holding up the event loop."""
            await asyncio.to_thread(self.delete, ref_doc_id)

        def get_nodes(
            self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
        ) -> list[BaseNode]:
            """Nodes by identifier and filters."""
            return _chosen(self._desk, node_ids, filters)

        async def aget_nodes(
            self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
        ) -> list[BaseNode]:
            """The same without holding up the event loop."""
            return await asyncio.to_thread(self.get_nodes, node_ids, filters)

        def delete_nodes(
            self,
            node_ids: list[str] | None = None,
            filters: MetadataFilters | None = None,
            **delete_kwargs: object,
        ) -> None:
            """Delete single nodes by identifier and filters."""
            if node_ids is not None or filters is not None:
                found = _chosen(self._desk, node_ids, filters)
                self._desk.delete_nodes({node.node_id for node in found})

        async def adelete_nodes(
            self,
            node_ids: list[str] | None = None,
            filters: MetadataFilters | None = None,
            **delete_kwargs: object,
        ) -> None:
            """The same without holding up the event loop."""
            await asyncio.to_thread(self.delete_nodes, node_ids, filters)

        def clear(self) -> None:
            """Delete everything."""
            for node in _chosen(self._desk, None, None):
                self._desk.delete(node.ref_doc_id or node.node_id)

        def query(self, query: VectorStoreQuery, **kwargs: object) -> VectorStoreQueryResult:
            """The best nodes, best first; modes: default, hybrid, text_search, sparse."""
            return _answer(self._desk, query)

        async def aquery(self, query: VectorStoreQuery, **kwargs: object) -> VectorStoreQueryResult:
            """The same without holding up the event loop."""
            return await asyncio.to_thread(self.query, query)

    return KonkyoVectorStore


@functools.cache
def _embedding_class() -> Callable[..., BaseEmbedding]:
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.bridge.pydantic import PrivateAttr

    class KonkyoEmbedding(BaseEmbedding):
        """An encoder of ours; questions and passages get their own prompts."""

        _encoder: Encoder = PrivateAttr()

        def __init__(self, encoder: Encoder) -> None:
            super().__init__(model_name=encoder.fingerprint)
            self._encoder = encoder

        @classmethod
        def class_name(cls) -> str:
            """Name used by LlamaIndex."""
            return "KonkyoEmbedding"

        def _get_query_embedding(self, query: str) -> list[float]:
            row: list[float] = self._encoder.queries([query])[0].tolist()
            return row

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return await asyncio.to_thread(self._get_query_embedding, query)

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            rows: list[list[float]] = self._encoder.passages(texts).tolist()
            return rows

    return KonkyoEmbedding
