"""From sources to a searchable store of articles and passages.

What others may use is listed in ``__all__`` and loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if __name__ != "konkyo.index":
    raise ImportError(f"import konkyo.index instead of {__name__}: all packages live under konkyo")

if TYPE_CHECKING:
    from konkyo.index.builder import BuildReport, build
    from konkyo.index.embedding.encoders import load_encoder
    from konkyo.index.embedding.protocol import Encoder
    from konkyo.index.errors import KonkyoError
    from konkyo.index.llamaindex import embed_model, retriever, vector_store
    from konkyo.index.records import Article, ArticleSummary, Filter, Passage, ScoredPassage
    from konkyo.index.stores.base import Store, StoreWriter
    from konkyo.index.stores.open import open_store, open_writer, verify_store

__all__ = [
    "Article",
    "ArticleSummary",
    "BuildReport",
    "Encoder",
    "Filter",
    "KonkyoError",
    "Passage",
    "ScoredPassage",
    "Store",
    "StoreWriter",
    "build",
    "embed_model",
    "load_encoder",
    "open_store",
    "open_writer",
    "retriever",
    "vector_store",
    "verify_store",
]

_MODULES = {
    "Article": "records",
    "ArticleSummary": "records",
    "BuildReport": "builder",
    "Encoder": "embedding.protocol",
    "Filter": "records",
    "KonkyoError": "errors",
    "Passage": "records",
    "ScoredPassage": "records",
    "Store": "stores.base",
    "StoreWriter": "stores.base",
    "build": "builder",
    "embed_model": "llamaindex",
    "load_encoder": "embedding.encoders",
    "open_store": "stores.open",
    "open_writer": "stores.open",
    "retriever": "llamaindex",
    "vector_store": "llamaindex",
    "verify_store": "stores.open",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'konkyo.index' has no attribute {name!r}")
    return getattr(import_module(f"konkyo.index.{_MODULES[name]}"), name)
