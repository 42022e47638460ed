"""What is said where nothing is asked of the articles: small talk, what the collection holds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from pydantic.dataclasses import dataclass as schema

from konkyo.index.records import ArticleSummary, Filter
from konkyo.index.stores.base import Store
from konkyo.index.text.word_data import CHECKED, word_data
from konkyo.rag.messages import Messages
from konkyo.rag.retrieval.asked_period import narrowed
from konkyo.rag.spoken import SPOKEN, language_name, spoken

__all__ = [
    "PAGE_LENGTH",
    "Collection",
    "collection",
    "narrowed_to_named",
    "paged",
    "reply_text",
    "without_page",
]

PAGE_LENGTH = 10
_OUTLETS_NAMED = 12

_Key = Literal[
    "greeting",
    "thanks",
    "abilities",
    "collection",
    "about",
    "counted",
    "nothing",
    "nothing_about",
    "page",
    "next_page",
]


@schema(frozen=True, config=CHECKED)
class _Words:
    """Texts by key; ``page`` finds the number of a page that is asked for.

    ``published_from`` stands before the month of publication: it is no "since" there.
    """

    page: tuple[re.Pattern[str], ...]
    published_from: re.Pattern[str]
    language_names: dict[str, str]
    texts: dict[_Key, Messages]


@dataclass(frozen=True, slots=True)
class Collection:
    """What is said of the articles that a question means, and one page of them."""

    text: str
    articles: tuple[ArticleSummary, ...]
    total: int
    next_page: str | None


def _words() -> _Words:
    return word_data(_Words, "replies", "konkyo.rag.intents")


def reply_text(key: _Key, language: str, **values: object) -> str:
    """A text by its key, in a language."""
    return _words().texts[key].by_language(language).format(**values)


def without_page(question: str) -> tuple[str, int]:
    """A question without the page that it asks for, and that page; 1 where it names none."""
    for pattern in _words().page:
        found = pattern.search(question)
        if found is not None:
            rest = question[: found.start()] + question[found.end() :]
            return " ".join(rest.split()), max(1, int(found["page"]))
    return question, 1


def collection(
    store: Store, question: str, language: str, where: Filter, today: date
) -> Collection:
    """The articles that pass a filter and what a question names: outlets, languages, a period."""
    bare, page = without_page(question)
    everything = list(store.articles(where))
    named = narrowed_to_named(bare, where, everything, today)
    found = everything if named == where else list(store.articles(named))
    return paged(found, bare, page, language)


def paged(
    found: Sequence[ArticleSummary], question: str, page: int, language: str, subject: str = ""
) -> Collection:
    """One page of articles and what is said of all; ``subject`` is what they are about, if asked.

    ``question`` is what was asked, without its page.
    """
    if not found:
        key: _Key = "nothing_about" if subject else "nothing"
        return Collection(reply_text(key, language, subject=subject), (), 0, None)
    pages = -(-len(found) // PAGE_LENGTH)
    page = min(page, pages)
    text = _told(found, language, subject)
    following = None
    if pages > 1:
        joiner = "" if spoken(language) in {"ja", "zh"} else " "
        text += joiner + reply_text("page", language, page=page, pages=pages)
    if page < pages:
        following = reply_text("next_page", language, question=question, page=page + 1)
    shown = found[(page - 1) * PAGE_LENGTH : page * PAGE_LENGTH]
    return Collection(text, tuple(shown), len(found), following)


def narrowed_to_named(
    question: str, where: Filter, articles: Iterable[ArticleSummary], today: date
) -> Filter:
    """The filter with the outlets, languages and period that a question names."""
    asked = question.casefold()
    outlets, languages = set[str](), set[str]()
    for article in articles:
        languages.add(article.language)
        if article.outlet:
            outlets.add(article.outlet)
    named = frozenset(o for o in outlets if _named(o.casefold()).search(asked))
    if named and not where.outlets:
        where = replace(where, outlets=named)
        for outlet in named:
            # The language of an outlet's name, as in "Korea Times", is not asked for.
            asked = _named(outlet.casefold()).sub(" ", asked)
    named_languages = frozenset(code for code in languages if _names_language(asked, code))
    if named_languages and not where.languages:
        where = replace(where, languages=named_languages)
    return narrowed(_words().published_from.sub("in", question), where, today)[0]


def _names_language(asked: str, code: str) -> bool:
    names = {language_name(code, one).casefold() for one in SPOKEN}
    names |= {name for name, named in _words().language_names.items() if named == code}
    return any(_named(name).search(asked) for name in names)


def _named(name: str) -> re.Pattern[str]:
    """Finds a folded name; one in ASCII not inside a longer word, as "ap" is inside "map"."""
    plain = re.escape(name)
    return re.compile(rf"(?<![a-z0-9]){plain}(?![a-z0-9])" if name.isascii() else plain)


def _told(articles: Sequence[ArticleSummary], language: str, subject: str) -> str:
    """How many articles there are, from when, of which outlets and languages."""
    days = sorted(a.published for a in articles if a.published)
    outlets = Counter(a.outlet for a in articles if a.outlet).most_common(_OUTLETS_NAMED)
    languages = Counter(a.language for a in articles).most_common()
    joiner = "、" if spoken(language) in {"ja", "zh"} else ", "

    def counted(named: Iterable[tuple[str, int]]) -> str:
        each = (reply_text("counted", language, name=name, count=n) for name, n in named)
        return joiner.join(each)

    return reply_text(
        "about" if subject else "collection",
        language,
        subject=subject,
        count=len(articles),
        first=days[0] if days else "–",
        last=days[-1] if days else "–",
        outlets=counted(outlets) or "–",
        languages=counted((language_name(code, language), n) for code, n in languages),
    )
