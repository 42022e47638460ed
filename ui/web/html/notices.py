"""The notices of an outcome, in the language of the page where they can be made anew."""

from __future__ import annotations

from functools import lru_cache
from html import escape

from konkyo.index.text.word_data import word_data
from konkyo.rag.messages import MessageTable, NoticeKey, notice_text
from konkyo.rag.spoken import spoken
from konkyo.ui.web.html.elements import text_attributes, turn_notes, with_dates
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.reasons import template_facts
from konkyo.ui.web.turns import Turn

__all__ = ["notice_paragraphs"]

_COMPOSED: frozenset[NoticeKey] = frozenset(
    {
        *("conflict", "changed", "greater", "sooner"),
        *("told_by", "one_article", "more_articles", "apart"),
    }
)
"""Notices that tell values in the words of the answer: they stay in its language."""


def notice_paragraphs(turn: Turn, language: Language, name: str) -> tuple[str, str]:
    """Returns the notices of a turn's outcome, and the turn's notes, as paragraphs of a class."""
    told: tuple[str, ...] = ()
    if turn.outcome is not None:
        spoken_in = turn.outcome.language
        told = tuple(_paragraph(n, spoken_in, language, name) for n in turn.outcome.notices)
    notes = map(escape, turn_notes(turn, language))
    return "".join(told), "".join(f'<p class="{name}" dir="auto">{note}</p>' for note in notes)


def _paragraph(notice: str, outcome_language: str, language: Language, name: str) -> str:
    """Returns a notice as a paragraph; of what is unsure it stands out."""
    said, written = _shown(notice, outcome_language, language)
    unsure = notice == notice_text("unsure", outcome_language)
    named = f"{name} {name}-unsure" if unsure else name
    return f'<p class="{named}"{text_attributes(written)}>{said}</p>'


def _shown(notice: str, outcome_language: str, language: Language) -> tuple[str, Language]:
    """Returns a notice as HTML, and its language."""
    # Where Konkyo has no words of a language, it says in English what it has to say.
    written = spoken(outcome_language) or "en"
    anew = None if written == language else _anew(notice, written, language)
    return (with_dates(notice, written), written) if anew is None else (anew, language)


@lru_cache(1024)
def _anew(notice: str, written: Language, language: Language) -> str | None:
    """Returns a notice in another language as HTML; None where its facts cannot be read."""
    table = word_data(MessageTable, "messages", "konkyo.rag")
    for key, texts in table.notice.items():
        if key in _COMPOSED:
            continue
        template = texts.by_language(written)
        # A notice that an article was corrected ends with the article's own words about it.
        for added in ("", " {added}"):
            facts = template_facts(template + added, notice)
            if facts is not None:
                more = f" {facts.pop('added')}" if added else ""
                return with_dates(notice_text(key, language, **facts) + more, language)
    return None
