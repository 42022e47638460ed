"""Answer a question that takes for granted what an article tells otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from konkyo.rag.disagreement.false_premise import Otherwise
from konkyo.rag.messages import notice_text
from konkyo.rag.outcome import OutcomeBuilder
from konkyo.rag.retrieval.search import Found
from konkyo.rag.short_answer.place import place_of
from konkyo.rag.types import Event, EvidenceReady, Finished

__all__ = ["answer_otherwise", "quoted_as"]


def quoted_as(told: Otherwise, found: Found) -> Otherwise:
    """The same with the quote of a search that holds its sentence, where one does."""
    quote = next((e for e in found.evidence if e.holds(told.quote)), None)
    return replace(told, quote=quote or replace(told.quote, number=1))


def answer_otherwise(
    otherwise: Otherwise, found: Found, building: OutcomeBuilder
) -> Iterator[Event]:
    """Name what the question takes for granted; the article's own words say what is so."""
    language = building.asked.language
    if otherwise.quote not in found.evidence:
        others = (replace(e, number=e.number + 1) for e in found.evidence)
        yield EvidenceReady((otherwise.quote, *others), language)
    told = notice_text("premise", language, asked=otherwise.asked, told=otherwise.told)
    building.notices.append(told)
    place = place_of(otherwise.quote, otherwise.told)
    places = [place] if place else []
    yield from building.tell(places)
    yield building.quote(otherwise.quote, places)
    yield Finished(building.answer((otherwise.quote,)))
