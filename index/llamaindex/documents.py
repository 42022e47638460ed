"""LlamaIndex nodes and documents as articles and passages of a store, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import StoreError
from konkyo.index.ingest.draft import derived_title, kept_name, kept_url
from konkyo.index.records import Article, ArticleSummary, Passage, article_id_for
from konkyo.index.text.header_dates import parse_date

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

    from konkyo.index.stores.base import Store

__all__ = ["Document", "Entry", "article_of", "by_document", "nodes_of", "text_key"]


class Entry(NamedTuple):
    """One node on its way into a store."""

    node_id: str
    text: str
    vector: Vectors
    payload: str


class Document(NamedTuple):
    """What LlamaIndex calls a source document: some nodes and what is known of all of them."""

    title: str
    published: str | None
    url: str | None
    outlet: str | None
    entries: list[Entry]


def text_key(text: str) -> bytes:
    """The key under which a text's vector is kept."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def article_of(source: str, document: Document, title: str) -> tuple[Article, list[Passage]]:
    """Join entries into one article whose passages they are."""
    from konkyo.index.text.language import detect

    text = "\n\n".join(entry.text for entry in document.entries)
    title = title or derived_title(text)
    article = Article(
        article_id=article_id_for(title, text),
        title=title,
        text=text,
        language=detect(text[:1500]),
        source=source,
        published=document.published,
        url=kept_url(document.url),
        outlet=kept_name(document.outlet),
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


def by_document(nodes: Sequence[BaseNode]) -> dict[str, Document]:
    """Nodes by the document they come from."""
    from llama_index.core.schema import MetadataMode
    from llama_index.core.vector_stores.utils import node_to_metadata_dict

    documents: dict[str, Document] = {}
    for node in nodes:
        source = node.ref_doc_id or node.node_id
        facts = node.metadata
        title = str(facts.get("title") or facts.get("file_name") or "")
        vector = np.asarray(node.get_embedding(), np.float32)
        entry = Entry(
            node.node_id,
            node.get_content(metadata_mode=MetadataMode.NONE),
            vector / max(float(np.linalg.norm(vector)), 1e-12),
            json.dumps(node_to_metadata_dict(node, remove_text=True), ensure_ascii=False),
        )
        if source not in documents:
            day = parse_date(str(facts.get("published") or ""))
            url, outlet = (str(facts[key]) if facts.get(key) else None for key in ("url", "outlet"))
            documents[source] = Document(title, day.day if day else None, url, outlet, [])
        documents[source].entries.append(entry)
    return documents


def nodes_of(store: Store, names: Sequence[str]) -> list[BaseNode]:
    """LlamaIndex nodes of passages, as they were put in or made from their articles."""
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
        nodes.append(_article_node(passage, summaries[passage.article_id]))
    return nodes


def _article_node(passage: Passage, article: ArticleSummary) -> BaseNode:
    """A node of a passage of an article that `konkyo index build` read."""
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode

    place = {"article_id": passage.article_id, "start": passage.start, "end": passage.end}
    facts = {
        "title": article.title,
        "source": article.source,
        "url": article.url,
        "outlet": article.outlet,
        "published": article.published,
        "language": article.language,
    }
    return TextNode(
        id_=passage.passage_id,
        text=passage.text,
        metadata={**facts, **place},
        excluded_embed_metadata_keys=list(place),
        excluded_llm_metadata_keys=list(place),
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=passage.article_id)},
    )
