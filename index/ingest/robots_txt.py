"""The rules of a robots.txt, parsed once. The one owner of Protego."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protego import Protego

__all__ = ["is_parsable", "parsed_rules"]

_MOST_RULES = 1_000_000
_AGENT_LINE = re.compile(r"\s*user(?:-|\s*)agent", re.IGNORECASE)


def is_parsable(robots: str) -> bool:
    """Whether a robots.txt is small enough: Protego repeats each rule for each user agent."""
    lines = robots.splitlines()
    agents = sum(1 for line in lines if _AGENT_LINE.match(line))
    return agents * len(lines) <= _MOST_RULES


@lru_cache(maxsize=4)
def parsed_rules(robots: str) -> Protego:
    """Parse the text of a robots.txt; the rules of the last four are kept."""
    from protego import Protego

    return Protego.parse(robots)
