"""Answer each part of a question by itself, and say which parts the articles do not answer."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from konkyo.rag.messages import notice_text
from konkyo.rag.outcome import OutcomeBuilder
from konkyo.rag.question import AskedQuestion
from konkyo.rag.reading.answerability import asked_for, holds
from konkyo.rag.reading.protocol import Reader
from konkyo.rag.short_answer.place import Place, clean, place_read
from konkyo.rag.short_answer.quotes import Quoted, of_kind, sayable_places
from konkyo.rag.short_answer.short import short_answer
from konkyo.rag.types import AnsweredPart, Event, Evidence, EvidenceReady

__all__ = ["Told", "answer_parts", "look_again", "returned"]

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Told:
    """What answers one part: quotes, how surely they do, and notices; no quotes: nothing does.

    ``label`` names what the part is about, where the parts ask the same of several things.
    """

    asked: AskedQuestion
    quoted: Quoted
    share: float
    notices: tuple[str, ...] = ()
    label: str = ""


def answer_parts(
    told: Sequence[Told], building: OutcomeBuilder
) -> Generator[Event, None, tuple[Evidence, ...]]:
    """Quote what answers each part, in order, and name the parts that nothing answers.

    A sentence that answers several parts is quoted once. Returns the quotes; none where no part is
    answered.
    """
    told = [
        replace(each, quoted=sayable_places(each.quoted, each.asked))
        for each in _without_repeats(told)
    ]
    if not any(each.quoted.quotes for each in told):
        return ()
    quotes, places = _numbered(told)
    yield EvidenceReady(tuple(quotes), building.asked.language)
    answered = [each for each in told if each.quoted.places]
    single = all(len(each.quoted.places) == 1 for each in answered)
    labels = [each.label for each in answered if each.label and single]
    yield from building.tell([p for e in answered for p in e.quoted.places], "apart", labels)
    for quote in quotes:
        yield building.quote(quote, places[quote.number])
    building.parts = tuple(_part(each, quotes, building.asked.language) for each in told)
    for each in told:
        building.notices += each.notices
        building.notices += each.quoted.notices
        if not each.quoted.quotes:
            language = building.asked.language
            building.notices.append(notice_text("part_missing", language, part=each.asked.text))
    building.notices = list(dict.fromkeys(building.notices))
    return tuple(quotes)


def look_again(told: Sequence[Told], reader: Reader, sure: float) -> list[Told]:
    """The same, with parts that nothing answered read in the quotes that answer the others.

    One sentence often answers "when" and "where"; read alone, it must do so to the share ``sure``.
    """
    told = _without_repeats(told)
    quotes = [quote for each in told for quote, _ in each.quoted.quotes]
    return [each if each.quoted.quotes else _read_in(each, quotes, reader, sure) for each in told]


def _read_in(told: Told, quotes: Sequence[Evidence], reader: Reader, sure: float) -> Told:
    asked = told.asked.text
    readings = reader.answers(asked, [q.text for q in quotes], [q.article.title for q in quotes])
    found = max(
        zip(readings, quotes, strict=True), key=lambda one: one[0].probability, default=None
    )
    if found is None or found[0].probability < sure:
        return told
    reading, quote = found
    place = of_kind(place_read(quote, reading), asked)
    if not _is_of_kind(asked, place):
        return told
    return replace(told, quoted=Quoted(((quote, (place,)),)), share=reading.probability)


def returned(events: Generator[Event, None, _Result]) -> _Result:
    """What a generator of events returns at its end; its events are passed over."""
    while True:
        try:
            next(events)
        except StopIteration as done:
            result: _Result = done.value
            return result


def _without_repeats(told: Sequence[Told]) -> list[Told]:
    """The same without what is the answer to another part: unlike things have unlike places.

    A place is the part's whose kind it holds, the number or day that is asked for; else the
    earlier part's, since later ones are read with its words. Of two things that are asked the same
    it is the surer's.
    """
    claims = [_claim(each, number) for number, each in enumerate(told)]
    kept: list[Told] = []
    for each, claim in zip(told, claims, strict=True):
        rivals = [other for other, rival in zip(told, claims, strict=True) if rival > claim]
        same = any(_meet(each.quoted, other.quoted) for other in rivals)
        kept.append(replace(each, quoted=Quoted(())) if same else each)
    return kept


def _claim(told: Told, number: int) -> tuple[bool, float]:
    """How much a part's first place is its own; of two parts with one place the greater keeps it.

    ``number`` is the part's among the parts.
    """
    places = told.quoted.places
    of_kind = not places or _is_of_kind(told.asked.text, places[0])
    return of_kind, told.share if told.label else -number


def _is_of_kind(question: str, place: Place) -> bool:
    """Whether a place holds a number or a day where a question asks for one."""
    kind = asked_for(question)
    if kind is None or kind == "name":
        return True
    return holds(kind, clean(place).text, place.language)


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


def _part(told: Told, quotes: Sequence[Evidence], language: str) -> AnsweredPart:
    numbers = {(q.article.article_id, q.end): q.number for q in quotes}
    cited = (numbers[item.article.article_id, item.end] for item, _ in told.quoted.quotes)
    short = short_answer(told.quoted.places, language, told.quoted.joined)
    return AnsweredPart(told.asked.text, short, tuple(dict.fromkeys(cited)))
