"""A store made of a dataset's own articles, kept in the cache under what made it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from konkyo.eval.questions import article_facts
from konkyo.index.embedding.encoders import AnyEncoder
from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import StoreError
from konkyo.index.records import Article
from konkyo.index.stores.open import store_fingerprint

__all__ = ["corpus_store"]

_STEP = 256


def corpus_store(
    articles: Sequence[Article],
    encoder: AnyEncoder,
    cache: Path,
    *,
    budget: int,
    overlap: int,
    base: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """The folder of a store of just these articles, built unless the cache has it.

    The name follows from the articles, the encoder and the chunking, so another corpus or model
    never meets an old store. ``base`` is a store of this function's that holds all the articles
    and more: its vectors are taken over. ``progress`` is told of passages embedded and in all.
    """
    from konkyo.index.stores.local.reader import LocalStore

    digest = hashlib.sha256(store_fingerprint(encoder.fingerprint, budget, overlap).encode())
    for facts in sorted(map(article_facts, articles)):
        digest.update(facts.encode())
    folder = cache / "eval" / digest.hexdigest()[:16]
    try:
        with closing(LocalStore(folder)):
            return folder
    except StoreError:
        # Missing, cut short or made by an older version: it is a cache, so make it again.
        _build(folder, articles, encoder, budget, overlap, base, progress)
    return folder


def _build(
    folder: Path,
    articles: Sequence[Article],
    encoder: AnyEncoder,
    budget: int,
    overlap: int,
    base: Path | None,
    progress: Callable[[int, int], None],
) -> None:
    from konkyo.index.chunking import chunk, embedding_text
    from konkyo.index.stores.local.reader import LocalStore
    from konkyo.index.stores.open import open_writer

    cut = [
        chunk(article, count_tokens=encoder.count_tokens, budget=budget, overlap=overlap)
        for article in articles
    ]
    texts = [
        embedding_text(article, passage)
        for article, passages in zip(articles, cut, strict=True)
        for passage in passages
    ]
    if base is None:
        vectors = _embedded(texts, encoder, progress)
    else:
        with closing(LocalStore(base)) as store:
            vectors = store.vectors([p.passage_id for passages in cut for p in passages])
    with open_writer(
        folder,
        fingerprint=store_fingerprint(encoder.fingerprint, budget, overlap),
        encoder=encoder.fingerprint,
        dimension=encoder.dimension,
        wait=3600.0,
        rebuild=True,
    ) as writer:
        at = 0
        held: dict[str, list[tuple[str, str]]] = {}
        for article, passages in zip(articles, cut, strict=True):
            keys = [hashlib.sha256(t.encode()).digest() for t in texts[at : at + len(passages)]]
            writer.put(article, passages, vectors[at : at + len(passages)], keys)
            at += len(passages)
            held.setdefault(article.source, []).append((article.article_id, article.article_id))
        for source, places in held.items():
            writer.set_source(source, None, places)
        writer.commit()
        writer.keep_up()


def _embedded(
    texts: Sequence[str], encoder: AnyEncoder, progress: Callable[[int, int], None]
) -> Vectors:
    progress(0, len(texts))
    blocks = [np.empty((0, encoder.dimension), np.float32)]
    for start in range(0, len(texts), _STEP):
        blocks.append(encoder.passages(texts[start : start + _STEP]))
        progress(min(start + _STEP, len(texts)), len(texts))
    return np.concatenate(blocks)
