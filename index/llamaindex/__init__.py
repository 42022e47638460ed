"""A store inside LlamaIndex: vector store, retriever and embedding."""

from konkyo.index.llamaindex.adapters import embed_model, retriever, vector_store

__all__ = ["embed_model", "retriever", "vector_store"]
