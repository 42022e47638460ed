"""What a check of a store found, in words for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from konkyo.index.errors import StoreError
from konkyo.index.records import Passage

__all__ = ["Finding", "PassageOrder", "finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise: whether it holds, and if not, what to do."""

    what: str
    ok: bool
    detail: str = ""
    advice: str = ""


class PassageOrder:
    """Whether the passages of articles are all there, in order and inside them.

    Articles are known by their numbers; passages come article after article.
    """

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def problems(self, number: int, passage: Passage, text: str) -> Iterator[str]:
        """What is wrong with the next passage of an article with that text."""
        if not 0 <= passage.start < passage.end <= len(text):
            yield f"passage {passage.passage_id} reaches outside its article"
        if passage.ordinal != self._seen.get(number, 0):
            yield f"passage {passage.passage_id} is out of order"
        self._seen[number] = passage.ordinal + 1

    def missing(self, number: int, article_id: str, count: int) -> Iterator[str]:
        """What is wrong where an article should have had ``count`` passages."""
        there = self._seen.get(number, 0)
        if there != count:
            yield f"passages of article {article_id}: {there} instead of {count}"


def finding(what: str, check: Callable[[], Iterable[str]], advice: str) -> Finding:
    """Run a check, which gives what is wrong; a StoreError it raises is wrong as well."""
    try:
        problems = list(check())
    except StoreError as exc:
        problems = [str(exc)]
    if not problems:
        return Finding(what, True)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Finding(what, False, problems[0] + more, advice)
