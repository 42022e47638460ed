"""Answer each part of a question by itself, and say which parts the articles do not answer."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from konkyo.rag.messages import notice_text
from konkyo.rag.outcome import OutcomeBuilder
from konkyo.rag.question import AskedQuestion
from konkyo.rag.short_answer.place import Place
from konkyo.rag.short_answer.quotes import Quoted
from konkyo.rag.short_answer.short import short_answer
from konkyo.rag.types import Event, Evidence, EvidenceReady, Part

__all__ = ["Told", "answer_parts", "returned"]

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Told:
    """What answers one part: quotes, how surely they do, and notices; no quotes: nothing does."""

    asked: AskedQuestion
    quoted: Quoted
    share: float
    notices: tuple[str, ...] = ()


def answer_parts(
    told: Sequence[Told], building: OutcomeBuilder
) -> Generator[Event, None, tuple[Evidence, ...]]:
    """Quote what answers each part, in order, and name the parts that nothing answers.

    A sentence that answers several parts is quoted once. Returns the quotes; none where no part is
    answered.
    """
    told = _without_repeats(told)
    if not any(each.quoted.quotes for each in told):
        return ()
    quotes, places = _numbered(told)
    yield EvidenceReady(tuple(quotes), building.asked.language)
    yield from building.tell([p for each in told for p in each.quoted.places], "apart")
    for quote in quotes:
        yield building.quote(quote, places[quote.number])
    building.parts = tuple(_part(each, quotes, building.asked.language) for each in told)
    for each in told:
        building.notices += each.notices
        if each.quoted.notice:
            building.notices.append(each.quoted.notice)
        if not each.quoted.quotes:
            language = building.asked.language
            building.notices.append(notice_text("part_missing", language, part=each.asked.text))
    building.notices = list(dict.fromkeys(building.notices))
    return tuple(quotes)


def returned(events: Generator[Event, None, _Result]) -> _Result:
    """What a generator of events returns at its end; its events are passed over."""
    while True:
        try:
            next(events)
        except StopIteration as done:
            result: _Result = done.value
            return result


def _without_repeats(told: Sequence[Told]) -> list[Told]:
    """The same without what is the answer to a surer part: unlike things have unlike places."""
    kept: list[Told] = []
    for each in told:
        rivals = [other for other in told if other is not each and other.share > each.share]
        same = any(_meet(each.quoted, other.quoted) for other in rivals)
        kept.append(replace(each, quoted=Quoted(())) if same else each)
    return kept


def _meet(one: Quoted, other: Quoted) -> bool:
    """Whether the first places of two answers are one place."""
    places = [
        (item.article.article_id, item.start + p.start, item.start + p.end)
        for quotes in (one.quotes, other.quotes)
        for item, found in quotes[:1]
        for p in found[:1]
    ]
    if len(places) < 2:
        return False
    (a, start, end), (b, begin, last) = places
    return a == b and start < last and begin < end


def _numbered(told: Sequence[Told]) -> tuple[list[Evidence], dict[int, list[Place]]]:
    """All quotes, each once, numbered anew, and the places in each."""
    quotes: dict[tuple[str, int], Evidence] = {}
    places: dict[int, list[Place]] = {}
    for each in told:
        for item, found in each.quoted.quotes:
            key = (item.article.article_id, item.end)
            quote = quotes.setdefault(key, replace(item, number=len(quotes) + 1))
            if quote.text == item.text:
                places.setdefault(quote.number, []).extend(found)
    return list(quotes.values()), {q.number: places.get(q.number, []) for q in quotes.values()}


def _part(told: Told, quotes: Sequence[Evidence], language: str) -> Part:
    numbers = {(q.article.article_id, q.end): q.number for q in quotes}
    cited = (numbers[item.article.article_id, item.end] for item, _ in told.quoted.quotes)
    short = short_answer(told.quoted.places, language, told.quoted.joined)
    return Part(told.asked.text, short, tuple(dict.fromkeys(cited)))
