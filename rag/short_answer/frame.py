"""The sentence, in the asker's language, that introduces a quote in another language."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from konkyo.index.records import ArticleSummary, published_day
from konkyo.index.text.word_data import CHECKED, word_data
from konkyo.rag.short_answer.short import short_text
from konkyo.rag.spoken import ByLanguage, language_name, spoken
from konkyo.rag.types import Claim, Short

__all__ = ["frame", "framed_text"]

_Text = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, slots=True, config=CHECKED)
class _Words:
    """``day`` is a CLDR date pattern; the others hold the placeholders they name."""

    day: _Text
    origin: _Text
    undated: _Text
    says: _Text
    writes: _Text


def frame(article: ArticleSummary, short: Short | None, language: str) -> str:
    """Name the article, its language and day, and give the short answer where there is one."""
    words = word_data(ByLanguage[_Words], "frame", "konkyo.rag.short_answer").by_language(language)
    told = {
        "outlet": article.outlet or article.title,
        "language": language_name(article.language, language),
    }
    day = published_day(article.published)
    if day is not None:
        origin = words.origin.format(day=_day(day, language, words.day), **told)
    else:
        origin = words.undated.format(**told)
    if short is None:
        return words.writes.format(origin=origin)
    return words.says.format(origin=origin, short=short_text(short, language))


def framed_text(claim: Claim) -> str:
    """A claim as it is read: a foreign quote within quotation marks, behind its frame.

    One that is told by its day has the day before it; a frame names the day itself.
    """
    if not claim.frame:
        return f"{claim.published}: {claim.text}" if claim.published else claim.text
    marks = "「」" if claim.language == "ja" else "“”"
    return f"{claim.frame} {marks[0]}{claim.text}{marks[1]}"


def _day(day: date, language: str, pattern: str) -> str:
    from babel.dates import format_date

    return format_date(day, pattern, spoken(language) or "en")
