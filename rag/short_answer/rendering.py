"""A place said in another language, where that can be exact."""

from __future__ import annotations

from dataclasses import replace

from konkyo.index.text.moments import Moment
from konkyo.index.text.names import Name, names
from konkyo.index.text.scripts import scripts_of
from konkyo.rag.short_answer.moment_text import moment_text, whole_day_text
from konkyo.rag.short_answer.name_text import name_text, reading
from konkyo.rag.short_answer.office_text import office_text
from konkyo.rag.short_answer.place import (
    Fact,
    Place,
    beside_facts,
    changes_nothing,
    clean,
    facts_of,
)
from konkyo.rag.short_answer.quantity_text import quantity_text
from konkyo.rag.short_answer.wording import locale_of, wording, words_of
from konkyo.rag.types import Short

__all__ = ["is_understood", "rendered", "whole_day"]

_BESIDE = 16
"""Letters around a fact up to which it is said with the printed words beside it."""

_NAME = 0.3
"""Share of a place's letters that a name must be for that."""


def rendered(place: Place, language: str) -> Short:
    """The place in a language: one fact or name, a list of them, or as it is printed.

    Where only the figure or day of a few words can be said exactly, the words follow as they are
    printed, and the text is not exact. A name comes with its reading, which is before the print for
    those who write in Latin letters.
    """
    whole = _exact(place, language)
    if whole is not None:
        return Short(whole, language, True)
    items = [_exact(item, language) for item in _items(place)]
    if len(items) > 1 and all(items):
        from babel.lists import format_list

        told = [item for item in items if item]
        return Short(format_list(told, "standard", locale_of(language)), language, True)
    return _beside_print(place, language)


def is_understood(place: Place, language: str) -> bool:
    """Whether somebody who reads that language alone learns something: a figure, day or name."""
    told = rendered(place, language)
    if told.exact or told.text != place.text:
        return True
    known = _only_fact(place) or _only_name(place)
    return known is not None and 2 * (known.end - known.start) >= len(place.text)


def whole_day(place: Place) -> str:
    """The day of a place in full, where it is told by its article's alone; else nothing."""
    facts = facts_of(place)
    days = [f.value for f in facts if isinstance(f.value, Moment) and f.value.grain != "time"]
    beside = sum(map(len, beside_facts(place)))
    if len(days) != 1 or len(facts) > 2 or beside > _BESIDE:
        return ""
    return whole_day_text(days[0], place.language) or ""


def _beside_print(place: Place, language: str) -> Short:
    """The words as they are printed, beside the fact or name in them that can be said."""
    words = words_of(language) or words_of("en")
    assert words is not None
    fact, name = _only_fact(place), _only_name(place)
    office = None
    if fact is None and name is None:
        office = office_text(place.text, place.language, language)
    if office is not None and len(place.text) <= _BESIDE:
        return Short(words.reading.format(x=office[0], y=place.text), language, False)
    said = read = None
    if fact is not None and (isinstance(fact.value, Moment) or fact.value.unit is not None):
        said = _said(fact, language)
    elif fact is None and name is not None:
        said = name_text(name.text, place.language, language)
        read = reading(name.text, place.language, language)
    known = fact or name
    if known is None or len(place.text) - (known.end - known.start) > _BESIDE:
        return Short(place.text, place.language, False)
    # "The UN" is not what was asked for where the place is "an urgent meeting of the UN".
    if fact is None and (known.end - known.start) < _NAME * len(place.text):
        return Short(place.text, place.language, False)
    if said or (read and "LATIN" in scripts_of(language)):
        return Short(words.reading.format(x=said or read, y=place.text), language, False)
    text = words.reading.format(x=place.text, y=read) if read else place.text
    return Short(text, place.language, False)


def _only_name(place: Place) -> Name | None:
    """The one name of a place, found by all of its quote: a title behind it tells a name."""
    found = [
        n for n in names(place.quote, place.language) if n.start < place.end and place.start < n.end
    ]
    return found[0] if len(found) == 1 else None


def _exact(place: Place, language: str) -> str | None:
    """The whole place as one fact or one known name."""
    facts = facts_of(place)
    if not facts:
        office = office_text(place.text, place.language, language)
        whole = office[0] if office is not None and office[1] else None
        return name_text(place.text, place.language, language) or whole
    if any(part.strip() and not changes_nothing(part) for part in beside_facts(place)):
        return None
    said = [_said(fact, language) for fact in facts]
    words = words_of(language)
    if len(facts) == 2 and words and all(said) and _day_and_time(facts[0], facts[1]):
        return words.at.format(day=said[0], time=said[1])
    return said[0] if len(facts) == 1 else None


def _day_and_time(one: Fact, other: Fact) -> bool:
    days = isinstance(one.value, Moment) and one.value.grain == "day"
    return days and isinstance(other.value, Moment) and other.value.grain == "time"


def _only_fact(place: Place) -> Fact | None:
    facts = facts_of(place)
    return facts[0] if len(facts) == 1 else None


def _said(fact: Fact, language: str) -> str | None:
    if isinstance(fact.value, Moment):
        return moment_text(fact.value, language)
    return quantity_text(fact.value, language, fact.hedge)


def _items(place: Place) -> list[Place]:
    """The items of a list, as places."""
    at, items = place.start, []
    for found in wording().between.finditer(place.quote, place.start, place.end):
        items.append((at, found.start()))
        at = found.end()
    items.append((at, place.end))
    return [clean(replace(place, start=a, end=b)) for a, b in items if a < b]
