"""Every limit by which two texts of different letters count as the same, in one frozen value.

The pipeline's fingerprint covers it, and ``docs/configuration.md`` lists it. A share is a number in
0..1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

__all__ = ["TEXT", "TextThresholds", "limit"]

T = TypeVar("T", int, float)


def limit(default: T, doc: str) -> T:
    """A share, factor or count with the sentence that the configuration reference prints."""
    found: T = field(default=default, metadata={"doc": doc})
    return found


@dataclass(frozen=True, slots=True)
class TextThresholds:
    """When two names are one; each field says what it decides."""

    surname_alike: float = limit(
        0.87, "share of letters in common from which two Latin surnames are one"
    )
    surname_letters: int = limit(6, "letters from which a surname is compared so")
    sound_alike: float = limit(
        0.85, "share of consonants in common from which two names sound alike"
    )
    sound_letters: int = limit(4, "consonants from which sounds are compared so")
    short_sound_alike: float = limit(
        0.6, "share of all sounds that two names of one or two consonants, all the same, need"
    )


TEXT = TextThresholds()
