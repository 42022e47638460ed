"""Both sides of a comparison, each answered by its own article, and which value is the greater."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from konkyo.index.records import Article
from konkyo.index.text.language import same_language
from konkyo.index.text.moments import Moment
from konkyo.index.text.name_identity import find_name, same_name
from konkyo.index.text.names import names
from konkyo.rag.answering_parts import Told
from konkyo.rag.comparison import Side
from konkyo.rag.messages import NoticeKey, notice_text
from konkyo.rag.reading.answerability import terms
from konkyo.rag.retrieval.search import Found
from konkyo.rag.short_answer.place import facts_of
from konkyo.rag.short_answer.quotes import Quoted, is_name_instead
from konkyo.rag.short_answer.short import short_answer

__all__ = ["compares_both", "greater", "of_sides"]

_TIMES = frozenset({"day", "month", "year", "year year"})


def of_sides(
    sides: Sequence[Side], told: Sequence[Told], article: Callable[[str], Article]
) -> list[Told]:
    """What answers each side.

    Nothing where the article does not name the side, or the place is a name where a day or a figure
    is asked for.
    """
    kept = []
    for side, each in zip(sides, told, strict=True):
        for quote, _ in each.quoted.quotes[:1]:
            places = each.quoted.places
            instead = bool(places) and is_name_instead(places[0], side.asked.standalone)
            if instead or not _names(article(quote.article.article_id), side):
                each = replace(each, quoted=Quoted(()))
        kept.append(each)
    return kept


def _names(article: Article, side: Side) -> bool:
    """Whether an article names a side: in its own words or, in another language, by a name."""
    text, language = f"{article.title}\n{article.text}", article.language
    if same_language(language, side.asked.language):
        return _holds(text, side)
    if find_name(side.name, text, language) is not None:
        return True
    return any(same_name(side.name, name.text) for name in names(text, language))


def _holds(text: str, side: Side) -> bool:
    return 2 * len(side.own & terms(text)) >= len(side.own)


def compares_both(found: Found, sides: Sequence[Side]) -> bool:
    """Whether the best quote names both sides: it may compare them itself."""
    return bool(found.evidence) and all(_holds(found.evidence[0].text, side) for side in sides)


def greater(told: Sequence[Told], language: str) -> tuple[str, ...]:
    """A notice that says which of two exact values is the greater, or which day the sooner.

    None where a side has no exact value, where they have different units, or are the same.
    """
    if len(told) != 2:
        return ()
    values = [_value(each) for each in told]
    first, second = values
    if first is None or second is None or first[0] != second[0] or first[1] == second[1]:
        return ()
    texts = [short_answer(each.quoted.places, language) for each in told]
    said = [(each.label, short.text) for each, short in zip(told, texts, strict=True) if short]
    if len(said) < 2:
        return ()
    key: NoticeKey = "sooner" if first[0] in _TIMES else "greater"
    front, behind = said if (first[1] < second[1]) == (key == "sooner") else said[::-1]
    return (notice_text(key, language, a=front[0], x=front[1], b=behind[0], y=behind[1]),)


def _value(told: Told) -> tuple[str, Decimal] | None:
    """The one exact value of an answer and what it counts; a day as a number."""
    places = told.quoted.places
    facts = facts_of(places[0]) if len(places) == 1 else []
    if len(facts) != 1 or facts[0].hedge is not None:
        return None
    value = facts[0].value
    if isinstance(value, Moment):
        known = value.earliest if value.grain in _TIMES else None
        return (value.grain, Decimal(known.toordinal())) if known else None
    if value.approximate or len(value.values) != 1:
        return None
    return f"{value.kind} {value.unit}", value.values[0]
