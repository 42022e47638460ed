"""From the places that the reader marked to the short answer, in the asker's language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from konkyo.index.text.language import same_language
from konkyo.rag.retrieval.evidence import Span
from konkyo.rag.types import Evidence, Short

__all__ = ["Joined", "Place", "place_in", "place_of", "short_answer"]

Joined = Literal["standard", "or"]
"""Several places are items of one list, or answers of which only one is right."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote answers: ``quote[start:end]``, in code points.

    ``language`` is that of the quote (ISO 639-1), ``published`` its article's day (YYYY-MM-DD).
    """

    quote: str
    start: int
    end: int
    language: str
    published: str | None = None


def place_in(evidence: Evidence, span: Span) -> Place:
    """The part of a span that lies within a quote."""
    start = max(0, span.start - evidence.start)
    end = min(len(evidence.text), span.end - evidence.start)
    article = evidence.article
    return Place(evidence.text, start, end, article.language, article.published)


def place_of(evidence: Evidence, text: str) -> Place | None:
    """Where a quote first holds a text, or ``None``."""
    start = evidence.text.find(text)
    article = evidence.article
    if start < 0 or not text:
        return None
    return Place(evidence.text, start, start + len(text), article.language, article.published)


def short_answer(
    places: Sequence[Place], language: str, joined: Joined = "standard"
) -> Short | None:
    """The places in ``language``, where that is exact, else as they are printed.

    Several are joined as the language joins items. ``None`` where no place holds a letter.
    """
    told = [t for place in places if (t := _told(place, language)).text]
    texts = list(dict.fromkeys(t.text for t in told))
    if not texts:
        return None
    exact = all(t.exact for t in told)
    same = exact or all(t.language == told[0].language for t in told)
    return Short(
        _list(texts, language, joined),
        language if exact or not same else told[0].language,
        exact,
    )


def _told(place: Place, language: str) -> Short:
    text = " ".join(place.quote[place.start : place.end].split())
    same = same_language(place.language, language)
    return Short(text, language if same else place.language, same)


def _list(texts: list[str], language: str, joined: Joined) -> str:
    from babel import Locale, UnknownLocaleError
    from babel.lists import format_list

    if len(texts) == 1:
        return texts[0]
    try:
        locale = Locale.parse(language)
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    return format_list(texts, joined, locale)
