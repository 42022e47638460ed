"""Which article an utterance names, and which passages name what a subject names."""

from __future__ import annotations

from collections.abc import Sequence

from konkyo.index.records import ArticleSummary, Hit
from konkyo.index.text.language import same_language
from konkyo.index.text.name_identity import find_name, same_name
from konkyo.index.text.names import names
from konkyo.index.text.normalize import letters

__all__ = ["has_names_of", "named_article"]


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
