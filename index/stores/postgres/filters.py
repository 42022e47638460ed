"""Filters and generations as SQL conditions."""

from __future__ import annotations

from konkyo.index.records import Filter
from konkyo.index.stores.filters import Condition, conditions

__all__ = ["VISIBLE", "clause", "visible"]

VISIBLE = "born <= :generation AND (died IS NULL OR died > :generation)"
"""True of rows that the generation ``:generation`` has."""


def visible(*rows: str) -> str:
    """Return SQL that is true where rows of all these aliases are in ``:generation``."""
    return " AND ".join(
        f"{row}.born <= :generation AND ({row}.died IS NULL OR {row}.died > :generation)"
        for row in rows
    )


def clause(where: Filter, rows: str, article: str) -> tuple[str, dict[str, object]]:
    """Return a filter as SQL over rows with language, outlet and published, and its values.

    ``article`` is the rows' column with the article's number. Needs the value ``generation``.
    """
    parts = ["true"]
    values: dict[str, object] = {}
    for number, condition in enumerate(conditions(where)):
        name = f"filter_{number}"
        parts.append(_condition(condition, rows, article, name))
        dated = condition.operator in (">=", "<=")
        values[name] = condition.values[0] if dated else list(condition.values)
    return " AND ".join(parts), values


def _condition(condition: Condition, rows: str, article: str, value: str) -> str:
    if condition.field == "source":
        return (
            f"{rows}.{article} IN (SELECT article FROM places q WHERE q.source = ANY(:{value})"
            f" AND {visible('q')})"
        )
    column = f"{rows}.{condition.field}"
    match condition.operator:
        case "in":
            return f"{column} = ANY(:{value})"
        case "not in":
            return f"{column} <> ALL(:{value})"
        case ">=" | "<=" as operator:
            return f"{column} {operator} :{value}"
