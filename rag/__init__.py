"""From a question to an answer whose every sentence is proved, or a refusal.

What others may use is listed in ``__all__`` and loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if __name__ != "konkyo.rag":
    raise ImportError(f"import konkyo.rag instead of {__name__}: all packages live under konkyo")

if TYPE_CHECKING:
    from konkyo.rag.factory import open_from_settings, open_llm, open_pipeline, open_retriever
    from konkyo.rag.llamaindex import (
        chat_engine,
        faithfulness_evaluator,
        node_postprocessor,
        query_engine,
        response_synthesizer,
    )
    from konkyo.rag.options import Options
    from konkyo.rag.pipeline import Pipeline
    from konkyo.rag.types import Answer, Citation, Claim, Evidence, Outcome, Refusal, Reply, to_json

__all__ = [
    "Answer",
    "Citation",
    "Claim",
    "Evidence",
    "Options",
    "Outcome",
    "Pipeline",
    "Refusal",
    "Reply",
    "chat_engine",
    "faithfulness_evaluator",
    "node_postprocessor",
    "open_from_settings",
    "open_llm",
    "open_pipeline",
    "open_retriever",
    "query_engine",
    "response_synthesizer",
    "to_json",
]

_MODULES = {
    "Answer": "types",
    "Citation": "types",
    "Claim": "types",
    "Evidence": "types",
    "Options": "options",
    "Outcome": "types",
    "Pipeline": "pipeline",
    "Refusal": "types",
    "Reply": "types",
    "chat_engine": "llamaindex",
    "faithfulness_evaluator": "llamaindex",
    "node_postprocessor": "llamaindex",
    "open_from_settings": "factory",
    "open_llm": "factory",
    "open_pipeline": "factory",
    "open_retriever": "factory",
    "query_engine": "llamaindex",
    "response_synthesizer": "llamaindex",
    "to_json": "types",
}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module 'konkyo.rag' has no attribute {name!r}")
    return getattr(import_module(f"konkyo.rag.{_MODULES[name]}"), name)
