"""Whether a citation is of an article, or of the very place, that a question names as gold."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from konkyo.eval.answer_match import units
from konkyo.eval.questions import Gold, names_of
from konkyo.rag.types import Citation

__all__ = ["cites_place", "is_gold", "share_of_places"]


def is_gold(citation: Citation, gold: Gold) -> bool:
    """Whether the cited article is the gold one, by identifier, title, source or file name."""
    return gold.article in names_of(citation)


def cites_place(citation: Citation, gold: Gold) -> bool:
    """Whether it also quotes at least half of the gold quote's wording; any, where none is named.

    Wording is counted in pairs of words or characters, by script.
    """
    if not is_gold(citation, gold):
        return False
    wanted, given = units(gold.quote), set(pairwise(units(citation.quote)))
    pairs = list(pairwise(wanted))
    return not gold.quote or (
        bool(pairs) and 2 * sum(pair in given for pair in pairs) >= len(pairs)
    )


def share_of_places(citations: Sequence[Citation], gold: Sequence[Gold]) -> float:
    """The share of the gold places that some citation quotes; there must be at least one."""
    return sum(any(cites_place(c, place) for c in citations) for place in gold) / len(gold)
