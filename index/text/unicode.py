"""Text from outside as text that any encoding can write."""

from __future__ import annotations

from unicodedata import category

__all__ = ["escaped", "well_formed"]

# What Persian and emoji are joined by.
_JOINERS = "\u200c\u200d"


def well_formed(text: str) -> str:
    """The text with U+FFFD for each half of a surrogate pair that stands alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def escaped(text: str, keep: str = "") -> str:
    r"""The text with control and direction characters as ``\x1b``, so that a terminal shows them.

    Those in ``keep`` stay.
    """
    return "".join(
        c
        if c.isprintable() or c in keep or c in _JOINERS or category(c) == "Zs"
        else c.encode("unicode_escape").decode()
        for c in text
    )
