"""From the places that the reader marked to the short answer, in the asker's language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from konkyo.index.text.language import same_language
from konkyo.rag.planned import is_planned
from konkyo.rag.short_answer.place import Place, clean
from konkyo.rag.short_answer.rendering import rendered, whole_day
from konkyo.rag.short_answer.wording import locale_of, words_of
from konkyo.rag.types import Short

__all__ = ["Joined", "short_answer", "short_text"]

Joined = Literal["standard", "or", "apart"]
"""Several places are items of one list, answers of which only one is right, or unlike things."""


def short_answer(
    places: Sequence[Place],
    language: str,
    joined: Joined = "standard",
    labels: Sequence[str] = (),
) -> Short | None:
    """The places in ``language``, where that is exact, else as they are printed.

    Each is trimmed to a clean unit; several are joined as the language joins items, each behind
    its label where there is one for each. ``None`` where no place holds a letter.
    """
    told = [_told(clean(place), language) for place in places]
    told = [t for t in told if any(c.isalnum() for c in t.text)]
    texts = list(dict.fromkeys(t.text for t in told))
    if not texts:
        return None
    spoken = {t.language for t in told}
    days = [t.day for t in told if t.day]
    behind = labels if len(labels) == len(told) == len(places) else ()
    return Short(
        _list(_labelled(told, behind, language) or texts, language, joined),
        spoken.pop() if len(spoken) == 1 else language,
        all(t.exact for t in told),
        tuple(texts) if len(texts) > 1 else (),
        all(p.is_event and is_planned(p.quote, p.language, p.start, p.end) for p in places),
        days[0] if len(days) == 1 else "",
    )


def short_text(short: Short, language: str) -> str:
    """The short answer as it is read: with its day in full, marked as planned or expected."""
    words = words_of(language) or words_of("en")
    assert words is not None
    text = words.reading.format(x=short.text, y=short.day) if short.day else short.text
    return words.planned.format(x=text) if short.planned else text


def _told(place: Place, language: str) -> Short:
    if same_language(place.language, language):
        return Short(place.text, language, True, day=whole_day(place))
    return rendered(place, language)


def _labelled(told: Sequence[Short], labels: Sequence[str], language: str) -> list[str]:
    words = words_of(language) or words_of("en")
    assert words is not None
    return [
        words.labelled.format(label=a, x=t.text) for a, t in zip(labels, told, strict=bool(labels))
    ]


def _list(texts: list[str], language: str, joined: Joined) -> str:
    from babel.lists import format_list

    if joined == "apart":
        words = words_of(language) or words_of("en")
        return (words.apart if words else "; ").join(texts)
    return texts[0] if len(texts) == 1 else format_list(texts, joined, locale_of(language))
