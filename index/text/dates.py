"""Every date and time of running text, absolute and relative, comparable across languages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import lru_cache

from konkyo.index.text.clock_times import cjk_weekdays, clock_times
from konkyo.index.text.language import language_of_script
from konkyo.index.text.moments import Moment
from konkyo.index.text.normalize import fold
from konkyo.index.text.relative_dates import relative_dates
from konkyo.index.text.written_dates import (
    Source,
    cjk_dates,
    figure_dates,
    spans_of_years,
    western_dates,
    western_days,
)

__all__ = ["dates", "dates_of_question"]


def dates(text: str, reference: date | None = None, language: str | None = None) -> list[Moment]:
    """Return every date and time of ``text``, in text order; relative ones by ``reference``.

    ``reference`` is the day the text was published. A day without a month keeps the month and
    year named before it as context. ``language`` chooses month names; without it the script
    decides, and Latin script is read as English.
    """
    return list(_dates(text, reference, language))


@lru_cache(maxsize=1024)
def _dates(text: str, reference: date | None, language: str | None) -> tuple[Moment, ...]:
    """Return the same; while one question is answered, most sentences are read several times."""
    source = Source(text, fold(text), reference)
    code = (language or language_of_script(text) or "en")[:2]
    moments = [*_without_names(source), *western_dates(source, "en"), *clock_times(source)]
    if code not in {"en", "ja", "zh", "ko"}:
        moments += western_dates(source, code)
    return tuple(_in_context(_not_overlapping(moments)))


def dates_of_question(question: str, today: date) -> list[Moment]:
    """Return the dates of a question, whatever its language and its capitals."""
    source = Source(question, fold(question), today)
    return _not_overlapping(
        [*_without_names(source), *western_dates(source, "question", strict=False)]
    )


def _without_names(source: Source) -> list[Moment]:
    return [
        *spans_of_years(source),
        *cjk_dates(source),
        *western_days(source),
        *relative_dates(source),
        *cjk_weekdays(source),
        *figure_dates(source),
    ]


def _not_overlapping(moments: Iterable[Moment]) -> list[Moment]:
    """Return the longest of the moments that overlap, in text order; all days of the week."""
    kept: list[Moment] = []
    taken: set[int] = set()
    for moment in sorted(moments, key=lambda m: (m.start - m.end, m.start)):
        span = set(range(moment.start, moment.end))
        if moment.grain == "weekday" or taken.isdisjoint(span):
            taken |= span
            kept.append(moment)
    return sorted(kept, key=lambda m: (m.start, m.end))


def _in_context(moments: list[Moment]) -> list[Moment]:
    """Give each moment the year and month named before it."""
    year: int | None = None
    month: int | None = None
    known: list[Moment] = []
    for moment in moments:
        if moment.grain in {"day", "month", "year"}:
            known.append(replace(moment, context_year=year, context_month=month))
            year = moment.year if moment.year is not None else year
            month = moment.month if moment.month is not None else month
        else:
            known.append(moment)
    return known
