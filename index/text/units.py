"""Units of measure: which one stands after a number, and which of them can be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Literal

from pydantic.dataclasses import dataclass as schema

from konkyo.index.text.word_data import CHECKED, any_of, word_data

__all__ = ["LATIN_END", "QuantityKind", "Unit", "UnitAt", "unit_after", "unit_of", "units"]

QuantityKind = Literal[
    "count", "money", "percent", "duration", "ordinal", "age", "year", "measure", "plain"
]
LATIN_END = r"(?![^\W\d_])"
"""The end of a word in a pattern."""


@schema(frozen=True, slots=True, config=CHECKED)
class Unit:
    """A canonical unit: values of one dimension compare after ``factor``."""

    kind: QuantityKind
    dimension: str
    factor: Decimal
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnitAt:
    """A unit in a text: its canonical name, its kind, as what it is written and where it ends."""

    name: str
    kind: QuantityKind
    surface: str
    end: int


@schema(frozen=True, slots=True, config=CHECKED)
class _Units:
    """Every unit by its name, and patterns of what begins like a unit and is none."""

    not_units: tuple[str, ...]
    units: dict[str, Unit]


def units() -> dict[str, Unit]:
    """Returns every unit by its canonical name."""
    return word_data(_Units, "units").units


@cache
def _names() -> dict[str, str]:
    """The unit of every form, with and without the spaces in it."""
    named = [(form, name) for name, unit in reversed(units().items()) for form in unit.forms]
    glued = {re.sub(r"[\s-]", "", form): name for form, name in named}
    return {**glued, **dict(named)}


@cache
def _unit() -> re.Pattern[str]:
    not_units = word_data(_Units, "units").not_units
    forms = (form for unit in reversed(units().values()) for form in unit.forms)
    patterns = map(_form, sorted(dict.fromkeys(forms), key=len, reverse=True))
    return re.compile(
        rf"[\s-]?(?:の|多(?=[个名家万公])|余|餘)?(?!{any_of(not_units)})(?P<unit>{any_of(patterns)})"
    )


def _form(form: str) -> str:
    """The pattern of a form; a Latin or Cyrillic one ends at a word's end."""
    last = form[-1]
    spaced = last.isalpha() and (ord(last) < 0x0250 or 0x0400 <= ord(last) <= 0x04FF)
    return re.escape(form).replace(r"\ ", r"[\s-]?") + (LATIN_END if spaced else "")


def unit_after(text: str, at: int) -> UnitAt | None:
    """Returns the unit of a folded text right after a number that ends at ``at``."""
    found = _unit().match(text, at)
    if found is None:
        return None
    surface = found.group("unit")
    names = _names()
    name = next(
        names[s]
        for s in (surface, re.sub(r"[\s-]+", " ", surface), re.sub(r"[\s-]", "", surface))
        if s in names
    )
    return UnitAt(name, units()[name].kind, surface, found.end())


def unit_of(value: Decimal, at: UnitAt) -> tuple[str | None, QuantityKind]:
    """Returns the unit and kind of a number before a unit.

    They are the unit's own but of 度: times below ten, degrees of 36.5, and either of 35, so none.
    """
    if at.surface != "度" or (value < 10 and value == value.to_integral()):
        return at.name, at.kind
    return (None, "plain") if value == value.to_integral() else ("kelvin", "measure")
