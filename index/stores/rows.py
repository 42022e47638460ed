"""Rows of a store, whatever engine keeps them: built, and checked whenever they are read.

Every row that carries meaning has a checksum that is compared when the row is read, so a flipped
bit is an error and never an answer.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from konkyo.index.embedding.protocol import Vectors
from konkyo.index.errors import (
    ArticleGone,
    ArticleMissing,
    StoreDamaged,
    StoreError,
    StoreMismatch,
)
from konkyo.index.records import Article, ArticleSummary, EditorMark, Passage, status_of

T = TypeVar("T")

__all__ = [
    "PassageRow",
    "article_from_row",
    "article_missing",
    "as_bytes",
    "blob_from_vector",
    "checked_query",
    "chunks",
    "damaged",
    "digest_article",
    "is_whole",
    "marks_of",
    "must_fit",
    "passage_from_row",
    "row_crc",
    "searched_text",
    "stamps_of",
    "summary",
    "unit",
    "vector_rows",
]


@dataclass(frozen=True, slots=True)
class PassageRow:
    """A passage and the numbers the truth knows it and its article by."""

    number: int
    article_number: int
    passage: Passage


def damaged(shown: object, what: str) -> StoreDamaged:
    """Say that a row is not what was written."""
    return StoreDamaged(
        f"{shown}: the index itself is damaged ({what} fails its checksum); rebuild it with"
        " `konkyo index build SOURCE... --rebuild`"
    )


def article_missing(article_id: str, *, gone: bool = False) -> ArticleMissing:
    """Say that no article has an identifier; ``gone``: one had it once.

    Readers of a server are told this: where the index lies is not theirs to know.
    """
    if gone:
        return ArticleGone(
            f"article {article_id} is no longer in the index: it was removed, or its text has"
            " changed"
        )
    return ArticleMissing(f"no article {article_id} in the index; `konkyo index list` shows all")


def digest_article(article: Article) -> bytes:
    """Checksum of everything an article's row says."""
    facts: list[object] = [
        article.article_id,
        article.title,
        article.text,
        article.language,
        article.published,
        article.published_at,
        article.url,
        article.outlet,
        article.author,
        list(article.comments),
    ]
    if article.status is not None:
        # An article without a status has the checksum it had before there was any.
        facts += [article.status, article.correction, article.status_by_editor]
    return hashlib.blake2b(json.dumps(facts, ensure_ascii=False).encode(), digest_size=16).digest()


def row_crc(*values: str | int) -> int:
    """Checksum of the columns of a small row."""
    return zlib.crc32("\0".join(map(str, values)).encode())


def article_from_row(
    shown: object, row: Sequence[object], sources: Sequence[str]
) -> tuple[int, Article]:
    """Rebuild an article from ``ARTICLE_COLUMNS``. Raises StoreDamaged when it was altered."""
    number, article_id, title, text, language, *rest = row
    published, published_at, url, outlet, author, comments, *marks, digest = rest
    status, correction, by_editor = marks
    try:
        remarks = tuple(json.loads(str(comments)))
    except ValueError as exc:
        raise damaged(shown, f"article {article_id}") from exc
    article = Article(
        article_id=str(article_id),
        title=str(title),
        text=str(text),
        language=str(language),
        source=sources[0] if sources else "",
        published=_maybe(published),
        published_at=_maybe(published_at),
        url=_maybe(url),
        outlet=_maybe(outlet),
        author=_maybe(author),
        sources=tuple(sources),
        comments=remarks,
        status=status_of(status),
        correction=_maybe(correction),
        status_by_editor=bool(by_editor),
    )
    if digest_article(article) != digest:
        raise damaged(shown, f"article {article_id}")
    return int(str(number)), article


def passage_from_row(
    shown: object, row: Sequence[object], text: str, article_id: str
) -> PassageRow:
    """Rebuild a passage from (id, passage_id, article, ordinal, start, stop, crc)."""
    number, passage_id, article, ordinal, start, stop, crc = row
    name = str(passage_id)
    article_number, order, begin, end = (int(str(v)) for v in (article, ordinal, start, stop))
    if row_crc(name, article_number, order, begin, end) != crc:
        raise damaged(shown, f"passage {passage_id}")
    return PassageRow(
        int(str(number)),
        article_number,
        Passage(name, article_id, order, begin, end, text[begin:end]),
    )


def blob_from_vector(vector: npt.NDArray[np.floating]) -> tuple[bytes, int]:
    """A unit vector as little-endian float16, and the checksum of those bytes."""
    blob = np.asarray(vector, "<f2").tobytes()
    return blob, zlib.crc32(blob)


def is_whole(blob: bytes, crc: int, dimension: int) -> bool:
    """Return whether the bytes of a vector are what was written."""
    return len(blob) == 2 * dimension and zlib.crc32(blob) == crc


def vector_rows(
    shown: object, rows: Sequence[tuple[int, bytes, int]], dimension: int
) -> npt.NDArray[np.float16]:
    """Stack (passage number, blob, crc) into float16 (len(rows), dimension); each is checked."""
    for number, blob, crc in rows:
        if not is_whole(blob, crc, dimension):
            raise damaged(shown, f"the vector of passage number {number}")
    joined = b"".join(blob for _, blob, _ in rows)
    return np.frombuffer(joined, "<f2").reshape(len(rows), dimension)


def must_fit(
    shown: object, article: Article, passages: Sequence[Passage], vectors: Vectors, dimension: int
) -> None:
    """Raise what a writer says of passages that are not their article's, or have other vectors."""
    if vectors.shape != (len(passages), dimension):
        raise StoreMismatch(
            f"{shown}: vectors of shape {vectors.shape} for {len(passages)} passages"
            f" in a store of dimension {dimension}"
        )
    for passage in passages:
        if article.text[passage.start : passage.end] != passage.text:
            raise StoreError(
                f"passage {passage.passage_id} is not the text it names; nothing was kept"
            )


def checked_query(shown: object, vector: Vectors, dimension: int) -> Vectors:
    """Return a query vector ready to be compared. Raises StoreMismatch if it has another length."""
    if vector.shape != (dimension,):
        raise StoreMismatch(
            f"{shown}: holds vectors of length {dimension}, the question's has shape"
            f" {vector.shape}; ask with the model the index was built with"
        )
    return np.ascontiguousarray(vector, np.float32)


def stamps_of(rows: Iterable[Sequence[object]]) -> dict[str, str | None]:
    """Return stamps by source, of rows (source, stamp); None: the source is to be read again."""
    return {str(source): _maybe(stamp) for source, stamp in rows}


def marks_of(rows: Iterable[Sequence[object]]) -> list[EditorMark]:
    """Return what editors said, of rows (article_id, url, source, status, correction)."""
    return [
        EditorMark(str(name), _maybe(url), str(source), known, _maybe(correction))
        for name, url, source, status, correction in rows
        if (known := status_of(status)) is not None
    ]


def searched_text(title: str, text: str) -> str:
    """What the lexical arm sees of a passage: the title is searched with each of its article's."""
    return f"{title}\n{text}"


def chunks(values: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Cut a sequence so that each part fits into one SQL statement."""
    for at in range(0, len(values), size):
        yield values[at : at + size]


def as_bytes(value: object) -> bytes:
    """Return a column of bytes as a database's driver gave it; anything else as no bytes."""
    return bytes(value) if isinstance(value, bytes | memoryview) else b""


def _maybe(value: object) -> str | None:
    return None if value is None else str(value)


def unit(vectors: npt.NDArray[np.float16]) -> Vectors:
    """Widen stored vectors to float32 and undo what rounding did to their length."""
    wide = vectors.astype(np.float32)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    units: Vectors = wide / np.maximum(lengths, np.float32(1e-12))
    return units


def summary(article: Article, passages: int) -> ArticleSummary:
    """The article without its body."""
    return ArticleSummary(
        article_id=article.article_id,
        title=article.title,
        source=article.source,
        url=article.url,
        published=article.published,
        language=article.language,
        outlet=article.outlet,
        passages=passages,
        length=len(article.text),
        status=article.status,
        correction=article.correction,
    )
