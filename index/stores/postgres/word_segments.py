"""Writing the words of passages: segments of postings, made by a change and joined later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from konkyo.index.stores.bm25 import Postings
from konkyo.index.stores.postgres.postings import SEGMENT_LIMIT, merged, packed
from konkyo.index.stores.postgres.statements import Statements
from konkyo.index.stores.rows import as_bytes

__all__ = ["WordSegments"]

_SMALL_SEGMENT = 8_192
_SMALL_SEGMENTS = 10


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """A stored segment: its passages, their lengths in terms, and which are still there."""

    number: int
    passages: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.uint32]
    stays: npt.NDArray[np.bool_]

    @property
    def living(self) -> int:
        """How many passages are still there."""
        return int(self.stays.sum())

    @property
    def small(self) -> bool:
        """Whether it is to be joined with others: it has few passages, or has lost many."""
        return self.living <= _SMALL_SEGMENT or float(self.stays.mean()) < 0.75


class WordSegments:
    """Collects the words of new passages and writes them as segments."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        self._numbers: list[int] = []
        self._texts: list[str] = []

    def add(self, number: int, text: str) -> None:
        """Take in a passage; numbers ascend."""
        self._numbers.append(number)
        self._texts.append(text)
        if len(self._texts) >= SEGMENT_LIMIT:
            self.write()

    def write(self) -> None:
        """Index the words of the passages taken in since the last segment."""
        for at in range(0, len(self._texts), SEGMENT_LIMIT):
            postings = Postings.build(self._texts[at : at + SEGMENT_LIMIT])
            numbers = np.array(self._numbers[at : at + SEGMENT_LIMIT], np.int64)
            self._write(numbers, postings.lengths, packed(postings))
        self._texts = []
        self._numbers = []

    def join(self, *, compact: bool, keep_seconds: int) -> None:
        """Join small segments, and those of which much is gone, leaving out what is gone.

        Those that were replaced stay for ``keep_seconds``, for readers that still use them.
        """
        self._forget_retired(keep_seconds)
        found = self._segments()
        small = [segment for segment in found if segment.small]
        if not compact and len(small) < _SMALL_SEGMENTS:
            return
        for group in _groups(found if compact else small):
            if len(group) == 1 and group[0].stays.all():
                continue
            self._join_group(group)

    def _forget_retired(self, keep_seconds: int) -> None:
        old = "retired < now() - make_interval(secs => :keep)"
        for statement in (
            f"DELETE FROM postings WHERE segment IN (SELECT number FROM segments WHERE {old})",
            f"DELETE FROM segments WHERE {old}",
        ):
            self._statements.run(statement, keep=keep_seconds)

    def _segments(self) -> list[_Segment]:
        """The segments in force, in the order of their passages."""
        rows = self._statements.all("SELECT passage FROM deletions")
        gone = np.array(sorted(int(str(row[0])) for row in rows), np.int64)
        found = []
        for number, low, offsets, lengths in self._statements.all(
            "SELECT number, low, offsets, lengths FROM segments WHERE retired IS NULL ORDER BY low"
        ):
            passages = np.frombuffer(as_bytes(offsets), "<u4").astype(np.int64) + int(str(low))
            sizes = np.frombuffer(as_bytes(lengths), "<u4")
            found.append(_Segment(int(str(number)), passages, sizes, ~np.isin(passages, gone)))
        return found

    def _join_group(self, group: Sequence[_Segment]) -> None:
        """Write one segment of what is left of some, and retire these."""
        parts = []
        for segment in group:
            rows = self._statements.all(
                "SELECT term, docs, frequencies FROM postings WHERE segment = :number",
                number=segment.number,
            )
            postings = {int(str(t)): (as_bytes(d), as_bytes(f)) for t, d, f in rows}
            parts.append((segment.stays, postings))
        passages = np.concatenate([s.passages[s.stays] for s in group])
        lengths = np.concatenate([s.lengths[s.stays] for s in group])
        if len(passages):
            joined = merged(parts)
            self._write(passages, lengths, ((term, *joined[term]) for term in sorted(joined)))
        self._statements.run(
            "UPDATE segments SET retired = now() WHERE number = ANY(:numbers)",
            numbers=[segment.number for segment in group],
        )
        dropped = np.concatenate([s.passages[~s.stays] for s in group]).tolist()
        self._statements.run("DELETE FROM deletions WHERE passage = ANY(:dropped)", dropped=dropped)

    def _write(
        self,
        passages: npt.NDArray[np.int64],
        lengths: npt.NDArray[np.uint32],
        postings: Iterable[tuple[int, bytes, bytes]],
    ) -> None:
        (number,) = self._statements.next("segment_numbers", 1)
        self._statements.run(
            "INSERT INTO segments (number, low, offsets, lengths)"
            " VALUES (:number, :low, :offsets, :lengths)",
            number=number,
            low=int(passages[0]),
            offsets=(passages - passages[0]).astype("<u4").tobytes(),
            lengths=lengths.astype("<u4").tobytes(),
        )
        self._statements.copy(
            "postings",
            "term, segment, docs, frequencies",
            ["int8", "int8", "bytea", "bytea"],
            ((term, number, docs, frequencies) for term, docs, frequencies in postings),
        )


def _groups(segments: Sequence[_Segment]) -> Iterator[list[_Segment]]:
    """Cut segments into runs of at most ``SEGMENT_LIMIT`` living passages."""
    group: list[_Segment] = []
    size = 0
    for segment in segments:
        if group and size + segment.living > SEGMENT_LIMIT:
            yield group
            group, size = [], 0
        group.append(segment)
        size += segment.living
    if group:
        yield group
