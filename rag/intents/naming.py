"""Which article an utterance names, and which passages name what a subject names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from konkyo.index.records import ArticleSummary, Hit
from konkyo.index.text.language import same_language
from konkyo.index.text.name_identity import find_name, same_name
from konkyo.index.text.names import name_words, names
from konkyo.index.text.normalize import letters

__all__ = ["bare_name", "has_names_of", "named_article", "named_at"]


def named_article(question: str, hits: Sequence[Hit], least: int) -> ArticleSummary | None:
    """The article whose whole title, or the beginning of it, a question holds.

    A title of less than ``least`` letters may be a word like any other.
    """
    asked = letters(question)
    for article in dict.fromkeys(hit.article for hit in hits):
        title = letters(article.title)
        if len(title) >= least and title[:80] in asked:
            return article
    return None


def has_names_of(subject: str, language: str, hit: Hit) -> bool:
    """Whether a passage in another language, with its title, has all names of a subject.

    Known names are found in any script, others where they sound alike. A subject without a name
    is never found so.
    """
    spoken = hit.article.language
    if same_language(spoken, language):
        return False
    text = f"{hit.article.title}\n{hit.passage.text}"
    wanted, there = names(subject, language), names(text, spoken)
    return bool(wanted) and all(
        find_name(name.text, text, spoken) is not None
        or any(same_name(name.text, other.text) for other in there)
        for name in wanted
    )


def bare_name(subject: str) -> str:
    """The name that a subject is, without an article before it ("the George Washington")."""
    found = names(subject)
    if len(found) != 1 or found[0].end != len(subject):
        return subject
    before = subject[: found[0].start].casefold().split()
    return found[0].text if set(before) <= set(name_words().latin.common) else subject


def named_at(text: str, subject: str, language: str) -> tuple[int, int] | None:
    """Where a sentence has a subject as a name or a part of one.

    In any spelling that is known, or one that sounds alike; an abbreviation in capitals as it is
    written.
    """
    place, there = find_name(subject, text, language), names(text, language)
    if subject.isascii() and subject.isupper():
        written = re.search(rf"(?<![A-Za-z]){re.escape(subject)}(?![A-Za-z])", text)
        return written.span() if written else None
    if place is not None:
        start, end = place
        return place if any(n.start < end and start < n.end for n in there) else None
    if [n.text for n in names(subject)] != [subject]:
        return None
    # Within one script a part of a name is another name: the city is not the ship.
    other = [n for n in there if not set(letters(subject)) & set(letters(n.text))]
    return next(((n.start, n.end) for n in other if same_name(subject, n.text)), None)
