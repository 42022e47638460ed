"""Answers over the nodes that anybody's retriever found, instead of over a store of ours."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from konkyo.index.embedding.protocol import Encoder
from konkyo.index.llamaindex import vector_store
from konkyo.index.stores.base import Store
from konkyo.index.stores.open import open_store
from konkyo.index.text.language import detect
from konkyo.rag.messages import refusal_text
from konkyo.rag.outcome import citation_of
from konkyo.rag.pipeline import Pipeline
from konkyo.rag.types import Answer, Citation, Event, Evidence, EvidenceReady, Finished, Refusal

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode, NodeWithScore

__all__ = ["GivenNodes"]


class GivenNodes:
    """The nodes of one question, as the articles it is answered from.

    A quote's ``article_id`` is the node's own where it has one, else its document's; ``start`` and
    ``end`` count from where the node says that it begins, else from its own beginning.
    """

    def __init__(self, nodes: Sequence[NodeWithScore]) -> None:
        self._nodes = {n.node.node_id: n.node for n in nodes if _text(n.node).strip()}
        self._quoted: dict[int, tuple[Evidence, BaseNode]] = {}

    def events(
        self, question: str, encoder: Encoder, over: Callable[[Store], Pipeline]
    ) -> Generator[Event, None, None]:
        """What ``Pipeline.stream`` gives, with quotes placed in the nodes."""
        if not self._nodes:
            yield Finished(_nothing(question))
            return
        with self._store(encoder) as store, contextlib.closing(store):
            for event in over(store).stream(question):
                yield self._placed(event, store)

    def source_node(self, cited: Citation, score: float) -> NodeWithScore:
        """A quote as a node with all that is known of the node it was found in."""
        from llama_index.core.schema import NodeWithScore, TextNode

        _, given = self._quoted[cited.id]
        node = TextNode(
            id_=f"{given.node_id}:{cited.start}-{cited.end}",
            text=cited.quote,
            metadata={**given.metadata, "citation": cited.id, "node_id": given.node_id},
            start_char_idx=cited.start,
            end_char_idx=cited.end,
            relationships=dict(given.relationships),
        )
        return NodeWithScore(node=node, score=score)

    @contextlib.contextmanager
    def _store(self, encoder: Encoder) -> Iterator[Store]:
        """A store of these nodes, which goes when the question is answered."""
        nodes = list(self._nodes.values())
        vectors = encoder.passages([_headed(node) for node in nodes])
        copies = [
            node.model_copy(update={"embedding": vector.tolist()})
            for node, vector in zip(nodes, vectors, strict=True)
        ]
        with tempfile.TemporaryDirectory(prefix="konkyo-") as folder:
            place = Path(folder) / "store"
            vector_store(place).add(copies)
            yield open_store(place)

    def _placed(self, event: Event, store: Store) -> Event:
        if isinstance(event, EvidenceReady):
            self._quoted = {e.number: self._moved(e, store) for e in event.evidence}
            return replace(event, evidence=tuple(e for e, _ in self._quoted.values()))
        if isinstance(event, Finished) and isinstance(event.outcome, Answer):
            cited = tuple(citation_of(self._quoted[c.id][0]) for c in event.outcome.citations)
            return Finished(replace(event.outcome, citations=cited))
        return event

    def _moved(self, quote: Evidence, store: Store) -> tuple[Evidence, BaseNode]:
        """A quote of the store's article as a quote of the node, and the node."""
        passage = next(
            p
            for p in store.passages_of(quote.article.article_id)
            if p.start <= quote.start and quote.end <= p.end
        )
        node = self._nodes[passage.passage_id]
        article_id, first = _place(node)
        start = first + quote.start - passage.start
        article = replace(quote.article, article_id=article_id)
        end = start + quote.end - quote.start
        return replace(quote, article=article, start=start, end=end), node


def _place(node: BaseNode) -> tuple[str, int]:
    """The article a node is of, and with which letter of it the node begins."""
    article_id, start = node.metadata.get("article_id"), node.metadata.get("start")
    if isinstance(article_id, str) and isinstance(start, int):
        return article_id, start
    return node.ref_doc_id or node.node_id, getattr(node, "start_char_idx", 0) or 0


def _text(node: BaseNode) -> str:
    from llama_index.core.schema import MetadataMode

    return node.get_content(metadata_mode=MetadataMode.NONE)


def _headed(node: BaseNode) -> str:
    """What the encoder reads: title and day, where they are known, then the text."""
    known = (str(node.metadata.get(key) or "") for key in ("title", "published"))
    head = " ".join(part for part in known if part)
    return f"{head}\n{_text(node)}" if head else _text(node)


def _nothing(question: str) -> Refusal:
    """The refusal of a question for which no text was found."""
    language = detect(question)
    text = refusal_text("no_evidence", language)
    return Refusal(question, language, "no_evidence", text, (), (), {}, fingerprint="")
