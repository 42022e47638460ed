"""Whether the day of a place lies in the time that a question asks of.

"When will they meet?" is not answered by a day before the newest article that was found, nor "When
did they meet?" by one behind it, if another article tells a day that suits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from konkyo.index.records import Hit, published_day
from konkyo.index.text.dates import dates
from konkyo.index.text.moments import nearest_day
from konkyo.rag.planned import AskedTime
from konkyo.rag.reading.protocol import Reading
from konkyo.rag.thresholds import Thresholds

__all__ = ["day_told", "in_time", "newest_day", "suits_time"]


def suits_time(time: AskedTime | None, newest: str, hit: Hit, reading: Reading) -> bool | None:
    """Whether the day of a place lies in the time asked of, seen from the newest article's day.

    None where no time is asked of, or the place holds no one day.
    """
    if time is None:
        return None
    text = hit.passage.text[reading.start : reading.end]
    day = day_told(text, hit.article.published, hit.article.language)
    if day is None:
        return None
    return day >= newest if time == "to come" else day <= newest


def in_time(
    likely: Sequence[float],
    suiting: Sequence[bool | None],
    readings: Sequence[Reading],
    limits: Thresholds,
) -> list[float]:
    """The shares of places, lowered for days of another time than is asked of.

    Nothing is lowered where the reader is not sure of a day that suits.
    """
    sure = any(
        suits and reading.probability >= limits.conflict_place
        for suits, reading in zip(suiting, readings, strict=True)
    )
    return [
        share * limits.other_time if sure and suits is False else share
        for share, suits in zip(likely, suiting, strict=True)
    ]


def newest_day(hits: Iterable[Hit]) -> str:
    """The day of the newest article of some passages (YYYY-MM-DD); empty where none has one."""
    return max((hit.article.published or "" for hit in hits), default="")[:10]


def day_told(text: str, published: str | None, language: str) -> str | None:
    """The one day of a text (YYYY-MM-DD), the last day of a longer time; else none."""
    day = published_day(published)
    if day is None:
        return None
    found = dates(text, day, language)
    if len(found) != 1:
        return None
    told = nearest_day(found[0], day) if found[0].day is not None else found[0].latest
    return told.isoformat() if told is not None else None
