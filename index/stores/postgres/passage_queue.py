"""New passages on their way to the server: their rows, their vectors and their words."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from konkyo.index.stores.postgres.statements import Statements
from konkyo.index.stores.postgres.vectors import VectorEngine, VectorRow
from konkyo.index.stores.postgres.word_segments import WordSegments

__all__ = ["PassageQueue", "PassageRow"]

_COPY_ROWS = 2_000
_COLUMNS = (
    "id, article, born, passage_id, ordinal, start, stop, crc, language, published, outlet, key,"
    " vector, vector_crc, payload, payload_crc"
)
_TYPES = ("int8", "int8", "int4", "text", "int4", "int4", "int4", "int8", "text", "text", "text")


class PassageRow(NamedTuple):
    """A passage as the table keeps it; ``vector`` is little-endian float16."""

    number: int
    article: int
    passage_id: str
    ordinal: int
    start: int
    stop: int
    crc: int
    language: str
    published: str | None
    outlet: str | None
    key: bytes
    vector: bytes
    vector_crc: int
    payload: str | None
    payload_crc: int | None


class PassageQueue:
    """Collects new passages and copies them to the server, many at a time."""

    def __init__(
        self, statements: Statements, engine: VectorEngine, schema: str, dimension: int
    ) -> None:
        self._statements = statements
        self._engine = engine
        self._schema = schema
        self._dimension = dimension
        self._words = WordSegments(statements)
        self._rows: list[tuple[object, ...]] = []
        self._vectors: list[VectorRow] = []

    def add(self, row: PassageRow, born: int, text: str) -> None:
        """Take in a passage of the generation ``born`` and the text its words are found by."""
        vector = np.frombuffer(row.vector, "<f2")
        column = self._engine.column.to_column(vector)
        facts = (row.number, row.article, born, *row[2:11])
        self._rows.append((*facts, column, row.vector_crc, row.payload, row.payload_crc))
        self._vectors.append(
            VectorRow(row.number, row.article, row.language, row.published, row.outlet, vector)
        )
        self._words.add(row.number, text)
        if len(self._rows) >= _COPY_ROWS:
            self.copy()

    def copy(self) -> None:
        """Copy the rows and vectors taken in so far to the server."""
        if not self._rows:
            return
        column = re.sub(r"\(.*", "", self._engine.column.type(self._dimension))
        types = [*_TYPES, "bytea", column, "int8", "text", "int8"]
        self._statements.copy("passages", _COLUMNS, types, self._rows)
        for outside in self._engine.external:
            outside.add(self._schema, self._dimension, self._vectors)
        self._rows = []
        self._vectors = []

    def finish(self) -> None:
        """Copy everything taken in so far, words included."""
        self.copy()
        self._words.write()
