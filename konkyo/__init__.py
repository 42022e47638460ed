"""Konkyo answers questions over news articles.

Every sentence it shows cites the passage that proves it.

The packages ``index``, ``rag``, ``eval`` and ``ui`` are the folders of those names at the top of
the repository, linked here so that one import name holds them all: ``konkyo.rag``. Importing this
package loads nothing heavy; a public name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from konkyo.index import Article, Filter, Passage, Store, build, open_store
    from konkyo.rag import Answer, Pipeline, Refusal, open_pipeline

    __version__: str

__all__ = [
    "Answer",
    "Article",
    "Filter",
    "Passage",
    "Pipeline",
    "Refusal",
    "Store",
    "__version__",
    "build",
    "open_pipeline",
    "open_store",
]


def __getattr__(name: str) -> object:
    """Load a public name when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        return version("konkyo")
    if name in __all__:
        package = "rag" if name in {"Answer", "Pipeline", "Refusal", "open_pipeline"} else "index"
        return getattr(import_module(f"konkyo.{package}"), name)
    raise AttributeError(f"module 'konkyo' has no attribute {name!r}")
