"""Rows that a writer is about to store, checksums included."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.records import Article, Passage
from konkyo.index.stores.rows import blob_from_vector, digest_article, row_crc

__all__ = [
    "NewPassage",
    "NewPlace",
    "SourceKey",
    "StoredVector",
    "article_columns",
    "new_passages",
]

SourceKey = int | str
"""What an engine's tables call a source by: its number or its name."""


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage to be stored; ``vector`` is little-endian float16."""

    passage: Passage
    crc: int
    key: bytes
    vector: bytes
    vector_crc: int
    payload: str | None
    payload_crc: int | None


@dataclass(frozen=True, slots=True)
class NewPlace:
    """A link between an article and a source to be stored; the names are those of the columns."""

    article: int
    source: SourceKey
    found_as: str
    position: int
    crc: int


@dataclass(frozen=True, slots=True)
class StoredVector:
    """A vector as stored, with the hash of the text it was made of."""

    number: int
    blob: bytes
    crc: int
    key: bytes


def article_columns(article: Article, passages: int, source: SourceKey) -> dict[str, object]:
    """Return the columns of an article's row, by name."""
    return {
        "article_id": article.article_id,
        "title": article.title,
        "text": article.text,
        "language": article.language,
        "published": article.published,
        "published_at": article.published_at,
        "url": article.url,
        "outlet": article.outlet,
        "author": article.author,
        "comments": json.dumps(list(article.comments), ensure_ascii=False),
        "status": article.status,
        "correction": article.correction,
        "status_by_editor": int(article.status_by_editor),
        "passages": passages,
        "told_by": source,
        "digest": digest_article(article),
        "crc": row_crc(article.article_id, passages, source),
    }


def new_passages(
    number: int,
    passages: Sequence[Passage],
    vectors: Vectors,
    keys: Sequence[bytes],
    payloads: Sequence[str],
) -> Iterator[NewPassage]:
    """Yield the rows of an article's passages, checksums included."""
    for passage, vector, key in zip(passages, vectors, keys, strict=True):
        facts = (passage.passage_id, number, passage.ordinal, passage.start, passage.end)
        blob, crc = blob_from_vector(vector)
        payload = payloads[passage.ordinal] if payloads else None
        payload_crc = None if payload is None else row_crc(payload)
        yield NewPassage(passage, row_crc(*facts), key, blob, crc, payload, payload_crc)
