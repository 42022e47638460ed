"""A list of articles in SQL: how it is sorted, and which words it is searched for."""

from __future__ import annotations

from konkyo.index.records import ArticleQuery

__all__ = ["order_by", "word_conditions", "word_pattern"]

_KEYS = {
    "date": "a.published",
    "title": "a.title",
    "outlet": "a.outlet",
    "length": "length(a.text)",
}
_SEARCHED = ("a.title", "a.text")


def order_by(query: ArticleQuery, number: str) -> str:
    """Return the order of articles ``a``; those without the fact come last, ``number`` decides."""
    key = _KEYS[query.order]
    return f"{key} IS NULL, {key} {'DESC' if query.descending else 'ASC'}, a.{number}"


def word_pattern(word: str) -> str:
    """Return a word as a pattern of LIKE with the escape letter ``!``."""
    for letter in "!%_":
        word = word.replace(letter, f"!{letter}")
    return f"%{word}%"


def word_conditions(operator: str, mark: str, in_source: str) -> str:
    """Return that a word, for which ``mark`` stands, is in an article ``a`` or in its source.

    ``operator`` is the engine's comparison that ignores case; ``in_source`` is the start of its
    condition on sources, which the comparison of a source ``s.source`` completes.
    """
    found = [f"{column} {operator} {mark} ESCAPE '!'" for column in _SEARCHED]
    found.append(f"{in_source} s.source {operator} {mark} ESCAPE '!')")
    return f"({' OR '.join(found)})"
