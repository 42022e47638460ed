"""The filter of a search, narrowed to the period of publication that a question names."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from konkyo.index.records import Filter
from konkyo.index.text.periods import period_in_question

__all__ = ["narrowed"]


def narrowed(question: str, where: Filter, today: date) -> tuple[Filter, str]:
    """Returns the filter within the period that a question names, and the period as text.

    The text is "since–until" in ISO dates, either of them empty where the period is open. The
    filter is the same and the text empty where the question names none or the filter has one.
    """
    period = None
    if where.since is None and where.until is None:
        period = period_in_question(question, today)
    if period is None:
        return where, ""
    within = replace(where, since=period.since, until=period.until)
    return within, f"{period.since or ''}–{period.until or ''}"
