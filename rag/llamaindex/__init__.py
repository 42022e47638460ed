"""Konkyo inside LlamaIndex: engines, a response synthesizer and the checker."""

from konkyo.rag.llamaindex.checkers import faithfulness_evaluator, node_postprocessor
from konkyo.rag.llamaindex.engines import chat_engine, query_engine
from konkyo.rag.llamaindex.synthesizer import response_synthesizer

__all__ = [
    "chat_engine",
    "faithfulness_evaluator",
    "node_postprocessor",
    "query_engine",
    "response_synthesizer",
]
