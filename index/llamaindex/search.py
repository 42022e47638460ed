"""Answers queries of LlamaIndex over a store: ranking, filters, choosing nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import StoreError
from konkyo.index.llamaindex.documents import nodes_of
from konkyo.index.llamaindex.node_store import NodeStore
from konkyo.index.records import ScoredPassage

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode
    from llama_index.core.vector_stores.types import (
        MetadataFilters,
        VectorStoreQuery,
        VectorStoreQueryResult,
    )

    from konkyo.index.stores.base import Store

__all__ = ["chosen_nodes", "run_query"]

_WIDER = 4


def run_query(nodes: NodeStore, query: VectorStoreQuery) -> VectorStoreQueryResult:
    """The best nodes that pass; looks further down the ranking until there are enough.

    A list of node or document identifiers admits those alone. An empty list of documents admits
    nothing; an empty list of nodes admits all, for ``VectorStoreIndex.as_retriever`` sends one
    where it means no limit.
    """
    from llama_index.core.vector_stores.types import VectorStoreQueryResult

    store = nodes.store()
    if store is None or query.doc_ids == []:
        return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
    wanted = query.similarity_top_k
    open_to_all = not (query.filters or query.node_ids or query.doc_ids)
    k = wanted if open_to_all else wanted * _WIDER
    while True:
        hits = _ranked(store, query, k)
        found = nodes_of(store, [hit.passage_id for hit in hits])
        passing = [
            (hit, node)
            for hit, node in zip(hits, found, strict=True)
            if _is_wanted(node, query) and _passes(node, query.filters)
        ][:wanted]
        if len(passing) == wanted or len(hits) < k or k >= store.passage_count:
            break
        k *= _WIDER
    return VectorStoreQueryResult(
        nodes=[node for _, node in passing],
        similarities=[hit.score for hit, _ in passing],
        ids=[hit.passage_id for hit, _ in passing],
    )


def chosen_nodes(
    nodes: NodeStore, node_ids: list[str] | None, filters: MetadataFilters | None
) -> list[BaseNode]:
    """Nodes by identifier and filters; without either, all. Unknown identifiers are skipped."""
    store = nodes.store()
    if store is None:
        return []
    if node_ids is None:
        names = [
            passage.passage_id
            for summary in store.articles()
            for passage in store.passages_of(summary.article_id)
        ]
    else:
        names = nodes.known(node_ids)
    return [node for node in nodes_of(store, names) if _passes(node, filters)]


def _is_wanted(node: BaseNode, query: VectorStoreQuery) -> bool:
    return (not query.node_ids or node.node_id in query.node_ids) and (
        query.doc_ids is None or node.ref_doc_id in query.doc_ids
    )


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


def _ranked(store: Store, query: VectorStoreQuery, k: int) -> list[ScoredPassage]:
    """The k best of the arm, or the two arms, a query asks for."""
    from llama_index.core.vector_stores.types import VectorStoreQueryMode

    modes = VectorStoreQueryMode
    if query.mode not in (modes.DEFAULT, modes.HYBRID, modes.TEXT_SEARCH, modes.SPARSE):
        raise StoreError(
            f"{query.mode.value!r} is not a mode of this store; it has default, hybrid,"
            " text_search and sparse"
        )
    text = query.query_str or ""
    if query.mode == modes.DEFAULT:
        return store.dense(_query_vector(query), k)
    if query.mode != modes.HYBRID:
        return store.lexical(text, k)
    dense, lexical = store.dense(_query_vector(query), k), store.lexical(text, k)
    alpha = 0.5 if query.alpha is None else query.alpha
    ceiling = max(store.lexical_ceiling(text), 1e-9)
    scores = {hit.passage_id: alpha * hit.score for hit in dense}
    for hit in lexical:
        share = (1 - alpha) * hit.score / ceiling
        scores[hit.passage_id] = scores.get(hit.passage_id, 0.0) + share
    best = sorted(scores.items(), key=lambda item: -item[1])[:k]
    return [ScoredPassage(name, score) for name, score in best]


def _query_vector(query: VectorStoreQuery) -> Vectors:
    """The query's embedding with length 1. Raises StoreError."""
    if query.query_embedding is None:
        raise StoreError("the query has no embedding; give the index an embed_model")
    vector = np.asarray(query.query_embedding, np.float32)
    unit: Vectors = vector / max(float(np.linalg.norm(vector)), 1e-12)
    return unit
