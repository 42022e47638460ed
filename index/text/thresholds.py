"""Every limit by which two texts of different letters count as the same, in one frozen value.

The pipeline's fingerprint covers it, and ``docs/configuration.md`` lists it. A share is a number in
0..1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["TEXT", "TextThresholds"]


@dataclass(frozen=True, slots=True)
class TextThresholds:
    """When two names are one; each field says what it decides."""

    surname_alike: float = field(
        default=0.87,
        metadata={"doc": "share of letters in common from which two Latin surnames are one"},
    )
    surname_letters: int = field(
        default=6, metadata={"doc": "letters from which a surname is compared so"}
    )
    sound_alike: float = field(
        default=0.85,
        metadata={"doc": "share of consonants in common from which two names sound alike"},
    )
    sound_letters: int = field(
        default=4, metadata={"doc": "consonants from which sounds are compared so"}
    )
    short_sound_alike: float = field(
        default=0.6,
        metadata={
            "doc": "share of all sounds that two names of one or two consonants, all the same, need"
        },
    )


TEXT = TextThresholds()
