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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from konkyo.index.embedding.protocol import Encoder
from konkyo.index.llamaindex.documents import by_document
from konkyo.index.llamaindex.node_store import NodeStore
from konkyo.index.llamaindex.search import chosen_nodes, run_query

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

    from konkyo.index.stores.base import Store

__all__ = ["embed_model", "retriever", "vector_store"]


def vector_store(address: str | Path) -> BasePydanticVectorStore:
    """A store as a LlamaIndex vector store; it need not exist before the first node is added.

    ``address`` is a folder, ``postgresql://...`` or ``milvus://...``.

    Nodes of a store made by ``konkyo index build`` carry title, source, url, outlet, published
    and language as metadata, and ``article_id``, ``start`` and ``end`` to check the quote with.
    """
    cls: Callable[..., BasePydanticVectorStore] = _vector_store_class()
    return cls(NodeStore(address))


def embed_model(encoder: Encoder | str = "multilingual-e5-small") -> BaseEmbedding:
    """An encoder (or the name of a model) as a LlamaIndex embedding."""
    from konkyo.index.embedding.encoders import load_encoder

    cls: Callable[..., BaseEmbedding] = _embedding_class()
    return cls(load_encoder(encoder) if isinstance(encoder, str) else encoder, encoder)


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


class _VectorStore:
    """Methods of the vector store; the class itself needs LlamaIndex (``_vector_store_class``)."""

    _node_store: NodeStore

    @classmethod
    def class_name(cls) -> str:
        """Name used by LlamaIndex."""
        return "KonkyoVectorStore"

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Another process opens the same store."""
        return vector_store, (self._node_store.address,)

    @property
    def client(self) -> Store | None:
        """The store itself; None: nothing was added yet."""
        return self._node_store.store()

    def add(self, nodes: Sequence[BaseNode], **kwargs: object) -> list[str]:
        """Add nodes, or replace those with the same identifiers; one commit."""
        if nodes:
            self._node_store.add(by_document(nodes))
        return [node.node_id for node in nodes]

    async def async_add(self, nodes: Sequence[BaseNode], **kwargs: object) -> list[str]:
        """The same without holding up the event loop."""
        return await asyncio.to_thread(self.add, nodes)

    def delete(self, ref_doc_id: str, **delete_kwargs: object) -> None:
        """Delete a document's nodes; they are gone from the next answer on."""
        self._node_store.delete([ref_doc_id])

    async def adelete(self, ref_doc_id: str, **delete_kwargs: object) -> None:
        """The same without holding up the event loop."""
        await asyncio.to_thread(self.delete, ref_doc_id)

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """Nodes by identifier and filters; unknown identifiers are skipped."""
        return chosen_nodes(self._node_store, node_ids, filters)

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
        """Delete single nodes by identifier and filters; unknown identifiers are skipped."""
        if node_ids is not None or filters is not None:
            found = chosen_nodes(self._node_store, node_ids, filters)
            self._node_store.delete_nodes({node.node_id for node in found})

    async def adelete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: object,
    ) -> None:
        """The same without holding up the event loop."""
        await asyncio.to_thread(self.delete_nodes, node_ids, filters)

    def clear(self) -> None:
        """Delete everything, in one commit."""
        self._node_store.clear()

    async def aclear(self) -> None:
        """The same without holding up the event loop."""
        await asyncio.to_thread(self.clear)

    def query(self, query: VectorStoreQuery, **kwargs: object) -> VectorStoreQueryResult:
        """The best nodes, best first; modes: default, hybrid, text_search, sparse."""
        return run_query(self._node_store, query)

    async def aquery(self, query: VectorStoreQuery, **kwargs: object) -> VectorStoreQueryResult:
        """The same without holding up the event loop."""
        return await asyncio.to_thread(self.query, query)


@functools.cache
def _vector_store_class() -> Callable[..., BasePydanticVectorStore]:
    """Made on first use: a subclass can only be written where LlamaIndex is loaded."""
    from llama_index.core.bridge.pydantic import PrivateAttr
    from llama_index.core.vector_stores.types import BasePydanticVectorStore

    class KonkyoVectorStore(_VectorStore, BasePydanticVectorStore):
        """A Konkyo store; vectors are brought to length 1, so scores are cosines."""

        stores_text: bool = True
        _node_store: NodeStore = PrivateAttr()

        def __init__(self, node_store: NodeStore) -> None:
            super().__init__(stores_text=True)
            self._node_store = node_store

    return KonkyoVectorStore


class _Embedding:
    """Methods of the embedding; the class itself needs LlamaIndex (``_embedding_class``)."""

    _encoder: Encoder
    _given: Encoder | str

    @classmethod
    def class_name(cls) -> str:
        """Name used by LlamaIndex."""
        return "KonkyoEmbedding"

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        """Another process loads the same model, if it was given by name."""
        return embed_model, (self._given,)

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


@functools.cache
def _embedding_class() -> Callable[..., BaseEmbedding]:
    """Made on first use: a subclass can only be written where LlamaIndex is loaded."""
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.bridge.pydantic import PrivateAttr

    class KonkyoEmbedding(_Embedding, BaseEmbedding):
        """An encoder of ours; questions and passages get their own prompts."""

        _encoder: Encoder = PrivateAttr()
        _given: Encoder | str = PrivateAttr()

        def __init__(self, encoder: Encoder, given: Encoder | str) -> None:
            super().__init__(model_name=encoder.fingerprint)
            self._encoder = encoder
            self._given = given

    return KonkyoEmbedding
