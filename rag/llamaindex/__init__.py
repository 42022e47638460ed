"""LlamaIndex engines over the pipeline."""

from konkyo.rag.llamaindex.engines import chat_engine, query_engine

__all__ = ["chat_engine", "query_engine"]
