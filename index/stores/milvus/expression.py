"""Filters as boolean expressions of Milvus."""

from __future__ import annotations

from collections.abc import Sequence

from konkyo.index.records import Filter
from konkyo.index.stores.filters import Condition, conditions

__all__ = ["day", "expression"]


def expression(where: Filter, reached: int, articles: Sequence[int]) -> str:
    """Return a filter in Milvus's words, over passages up to the number ``reached``.

    ``articles`` are the numbers of those that the filter's sources hold: Milvus knows no sources.
    """
    parts = [f"id <= {reached}"]
    for condition in conditions(where):
        if condition.field == "source":
            parts.append(f"article in {list(articles)}")
        elif condition.field == "published":
            # Zero stands for no date.
            parts.append("published > 0")
            parts.append(f"published {condition.operator} {day(condition.values[0])}")
        else:
            parts.append(f"{condition.field} {condition.operator} [{_quoted(condition)}]")
    return " and ".join(parts)


def day(date: str | None) -> int:
    """Return an ISO date as a number that sorts alike; 0: there is none."""
    digits = (date or "").replace("-", "")[:8]
    return int(digits.ljust(8, "0")) if digits.isdigit() else 0


def _quoted(condition: Condition) -> str:
    escaped = (name.replace("\\", "\\\\").replace('"', '\\"') for name in condition.values)
    return ", ".join(f'"{name}"' for name in escaped)
