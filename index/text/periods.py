"""The period a question asks about: "since May", "in 2025", 先週, 昨年12月, 지난주, 上周.

A period is a filter on the day of *publication*, so it is only as good as a guess and whoever
applies it must fail open: when nothing within it answers, search everything and say so. Left
alone on purpose: a single day ("on 7 May", 5月7日), which names an event that later articles
tell of, a month without a year ("in May"), and what lies in the future ("予定", "will").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from konkyo.index.text.date_words import date_words, notations, number
from konkyo.index.text.dates import dates_of_question
from konkyo.index.text.moments import Moment, days_of, shift_month
from konkyo.index.text.normalize import fold
from konkyo.index.text.relative_dates import days_counted

__all__ = ["Period", "period_in_question"]

_ISO_MONTH = re.compile(r"(?<![\d-])(?P<y>(?:19|20)\d{2})-(?P<m>0[1-9]|1[0-2])(?![\d-])")
_YEAR = re.compile(r"(?:19|20)\d{2}(?!\d)")
_MOST_PAST = 3650


@dataclass(frozen=True, slots=True)
class Period:
    """Inclusive ISO dates, None where open; ``question[start:end]`` said so.

    ``relative`` tells 先週 (surely about reports of last week) from "in 2025" (perhaps an event of
    that year, told later).
    """

    since: str | None
    until: str | None
    start: int
    end: int
    relative: bool


def period_in_question(question: str, today: date) -> Period | None:
    """Return the period of publication a question asks about, or None.

    Weeks begin on Monday; "the last 3 days" reaches from three days ago to today; "since May" means
    the latest May that has begun. Phrases of all languages are known.
    """
    asked = _Question(question, fold(question), today, tuple(dates_of_question(question, today)))
    bounded = next(asked.days_with_direction(), None) or next(asked.months_with_direction(), None)
    if bounded is not None:
        return asked.period(bounded)
    relative = min(asked.relative_spans(), key=lambda s: s.start, default=None)
    absolute = min(asked.absolute_spans(), key=lambda s: s.start, default=None)
    if relative is not None and not (absolute and asked.other_end(absolute)):
        return asked.period(relative)
    if absolute is None or date_words().questions.future.search(asked.text):
        return None
    return asked.period(absolute)


@dataclass(frozen=True, slots=True)
class _Span:
    """The days from ``first`` to ``last``, which ``question[start:end]`` names."""

    start: int
    end: int
    first: date
    last: date
    relative: bool


@dataclass(frozen=True, slots=True)
class _Question:
    """A question, its folded form, the day it is asked, and the dates it names."""

    asked: str
    text: str
    today: date
    moments: tuple[Moment, ...]

    def _word(self, name: str, span: Moment | _Span) -> re.Match[str] | None:
        """Return the word of a direction that stands before or after a span."""
        words = date_words().questions
        before = words.since_before if name == "since" else words.until_before
        after = words.since_after if name == "since" else words.until_after
        return before.search(self.text[: span.start]) or after.match(self.text, span.end)

    def days_with_direction(self) -> Iterator[_Span]:
        """Yield the days that count, since a word of direction stands beside: "since 7 May"."""
        for moment in self.moments:
            day = self._day(moment)
            if day and (self._word("since", moment) or self._word("until", moment)):
                yield _Span(moment.start, moment.end, day, day, False)

    def _day(self, moment: Moment) -> date | None:
        """Return the day of a moment that names day and month; without a year, the last one."""
        if moment.grain != "day" or moment.month is None or moment.day is None:
            return None
        if moment.relative is not None and moment.relative[0] == "day":
            return None
        if moment.year is not None:
            return moment.earliest
        this_year = days_of(self.today.year, moment.month, moment.day)
        if this_year and this_year[0] > self.today:
            this_year = days_of(self.today.year - 1, moment.month, moment.day)
        return this_year[0] if this_year else None

    def months_with_direction(self) -> Iterator[_Span]:
        """Yield the months without a year from which a question asks: "since May", 5月以降."""
        if date_words().questions.future.search(self.text):
            return
        for moment in self.moments:
            if moment.grain != "month" or moment.year is not None or moment.month is None:
                continue
            no_month = date_words().questions.no_month_after.search(self.text[: moment.start])
            if no_month or not self._word("since", moment):
                continue
            year = self.today.year - (moment.month > self.today.month)
            other = self._next_after(moment.end)[1]
            if other is not None and other.year is not None and other.month is not None:
                year = other.year - (other.month < moment.month)
            if days := days_of(year, moment.month):
                yield _Span(moment.start, moment.end, *days, True)

    def relative_spans(self) -> Iterator[_Span]:
        """Yield the spans counted from today that do not lie ahead."""
        for pattern in (notations()["past"], date_words().questions.past_one):
            found = pattern.search(self.text)
            first = self._past(found) if found else None
            if found and first:
                yield _Span(*found.span(), first, self.today, True)
        if found := date_words().questions.yesterday.search(self.text):
            yield _Span(*found.span(), *(self.today - timedelta(days=1),) * 2, True)
        for moment in self.moments:
            yield from self._relative(moment)

    def _past(self, found: re.Match[str]) -> date | None:
        """Return the first of the last so many days, weeks, months or years."""
        parts = found.groupdict()
        counted = number(parts.get("n") or "1")
        unit = date_words().unit_of(found["u"])
        if not 0 < counted <= _MOST_PAST:
            return None
        if unit in {"day", "week"}:
            return self.today - timedelta(days=counted * (7 if unit == "week" else 1))
        year, month = shift_month(self.today, -counted * (12 if unit == "year" else 1))
        days = days_of(year, month)
        return days[1].replace(day=min(self.today.day, days[1].day)) if days else None

    def _relative(self, moment: Moment) -> Iterator[_Span]:
        if moment.grain not in {"day", "week", "month", "year"}:
            return
        if moment.relative is None:
            yield from self._last_month_of_name(moment)
            return
        unit, steps = moment.relative
        if steps > 0 or date_words().questions.no_period.match(moment.text):
            return
        if moment.grain == "month" and moment.earliest and moment.latest:
            yield _Span(moment.start, moment.end, moment.earliest, moment.latest, True)
        elif days := days_counted(self.today, unit, steps):
            yield _Span(moment.start, moment.end, *days, True)

    def _last_month_of_name(self, moment: Moment) -> Iterator[_Span]:
        """Yield "last December"."""
        if moment.grain != "month" or moment.year is not None or moment.month is None:
            return
        if self.text[: moment.start].endswith("last ") and not re.compile(r" \d").match(
            self.text, moment.end
        ):
            year = self.today.year - (moment.month >= self.today.month)
            if days := days_of(year, moment.month):
                yield _Span(moment.start - len("last "), moment.end, *days, True)

    def absolute_spans(self) -> Iterator[_Span]:
        """Yield the years and months of years."""
        for found in _ISO_MONTH.finditer(self.asked):
            if days := days_of(int(found["y"]), int(found["m"])):
                yield _Span(*found.span(), *days, False)
        for moment in self.moments:
            if self._is_period(moment) and moment.earliest and moment.latest:
                yield _Span(moment.start, moment.end, moment.earliest, moment.latest, False)

    def _is_period(self, moment: Moment) -> bool:
        """Return whether a year is no year of a budget, and no number, as it has 年 or "in"."""
        if moment.relative is not None or moment.grain not in {"year", "month"}:
            return False
        if moment.year is None or not 1900 <= moment.year < 2100:
            return False
        said = self.text[moment.start : moment.end]
        if moment.grain == "month" or said.endswith(("年", "년")):
            return True
        if "年" in said or re.compile(r"[-/.]\d").match(self.text, moment.end):
            return False
        return date_words().questions.before_year.search(self.text[: moment.start]) is not None

    def period(self, span: _Span) -> Period:
        """Turn a span into a period: from it on, up to it, from it to another, or within it."""
        first, last = span.first.isoformat(), span.last.isoformat()
        if other := self.other_end(span):
            return Period(first, other[1].isoformat(), span.start, other[0], span.relative)
        since = until = None
        word = self._word("since", span)
        if word is not None:
            after = date_words().questions.exclusive_since.search(word.group())
            since = (span.last + timedelta(days=1)).isoformat() if after else first
        else:
            word = self._word("until", span)
            if word is None:
                return Period(first, last, span.start, span.end, span.relative)
            before = date_words().questions.exclusive_until.search(word.group())
            until = (span.first - timedelta(days=1)).isoformat() if before else last
        start, end = min(span.start, word.start()), max(span.end, word.end())
        return Period(since, until, start, end, span.relative)

    def _next_after(self, end: int) -> tuple[int, Moment | None]:
        """Return where the word "から", "to" or "until" ends, and the date after it."""
        to = date_words().questions.to.match(self.text, end)
        if to is None:
            return end, None
        at = (to.end(), to.end() + len("last "))
        reached = self.text[slice(*at)] == "last "
        return at[0], next((m for m in self.moments if m.start in at[: 1 + reached]), None)

    def other_end(self, span: _Span) -> tuple[int, date] | None:
        """Return where "から3月まで", "to July 2025" ends, and on which day."""
        at, other = self._next_after(span.end)
        if other is None:
            year = _YEAR.match(self.text, at) if at > span.end else None
            return (year.end(), date(int(year.group()), 12, 31)) if year else None
        last = self._day(other) or other.latest
        if last is None and other.grain == "month" and other.month is not None:
            days = days_of(span.first.year + (other.month < span.first.month), other.month)
            last = days[1] if days else None
        return (other.end, last) if last is not None and last >= span.first else None
