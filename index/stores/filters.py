"""A filter as a list of conditions, which each engine writes in its own query language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from konkyo.index.records import Filter

__all__ = ["Condition", "Field", "Operator", "conditions"]

Field = Literal["published", "language", "outlet", "source"]
Operator = Literal[">=", "<=", "in", "not in"]


@dataclass(frozen=True, slots=True)
class Condition:
    """What one field of a filter asks of an article; a comparison of dates has one value."""

    field: Field
    operator: Operator
    values: tuple[str, ...]


def conditions(where: Filter) -> list[Condition]:
    """Return the conditions an article has to meet, all of them; values are sorted."""
    dates: tuple[tuple[Operator, str | None], ...] = ((">=", where.since), ("<=", where.until))
    sets: tuple[tuple[Field, Operator, frozenset[str]], ...] = (
        ("language", "in", where.languages),
        ("outlet", "in", where.outlets),
        ("language", "not in", where.other_languages_than),
        ("source", "in", where.sources),
    )
    found = [Condition("published", operator, (date,)) for operator, date in dates if date]
    found += [
        Condition(field, operator, tuple(sorted(names))) for field, operator, names in sets if names
    ]
    return found
