"""The parts of the page as HTML, for the current state of the chat."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from html import escape

from konkyo.index.errors import ArticleGone, ArticleMissing
from konkyo.index.records import Filter
from konkyo.rag.citation_state import Changed, Same
from konkyo.ui.http.security_middleware import LANGUAGE_COOKIE
from konkyo.ui.web.chat_service import QUESTION_LIMIT, ChatService
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.error_words import error_words
from konkyo.ui.web.html.article import article_page, notice_page
from konkyo.ui.web.html.conversation import conversation, not_ready
from konkyo.ui.web.html.conversation_list import search_field
from konkyo.ui.web.html.filters import filters
from konkyo.ui.web.html.header import (
    brand,
    first_header,
    question_count,
    sign_out_button,
    status,
    tools,
)
from konkyo.ui.web.html.overview import overview
from konkyo.ui.web.i18n import PHRASES, Language, say
from konkyo.ui.web.pipeline_protocol import NotReady
from konkyo.ui.web.turns import Mark, Turn

__all__ = [
    "asset_addresses",
    "conversation_view",
    "head_view",
    "page_words",
    "source_view",
    "status_view",
]


def conversation_view(
    chat_service: ChatService,
    turns: tuple[Turn, ...],
    language: Language,
    *,
    shares: bool = False,
    editor: bool = False,
) -> str:
    """Returns the turns of a conversation, or a welcome with suggested questions.

    ``shares`` offers to share answers; an ``editor`` is told the message of an error.
    """
    if not turns and chat_service.readiness == "failed" and not chat_service.will_be_ready:
        return not_ready(chat_service.problem if editor else "", language)
    suggestions = chat_service.examples(language) or ()
    turns = tuple(chat_service.citations.noted(turn, language) for turn in turns)
    summary = chat_service.index_summary
    return conversation(
        turns,
        language,
        suggestions,
        translates=chat_service.translates,
        shares=shares,
        empty=summary is not None and not summary.count,
    )


def source_view(
    chat_service: ChatService,
    reader: Conversation,
    article_id: str,
    mark: Mark,
    turn: int,
    language: Language,
) -> str:
    """Returns an article with the quotes of one turn and ``mark``, or why it cannot be shown.

    Where another article took its place, that is shown, with what stands there now.
    """
    try:
        article = chat_service.article(article_id)
    except ArticleMissing as exc:
        state = chat_service.citations.state(reader.citation(turn, mark.number))
        if isinstance(state, Same | Changed):
            now = Mark(state.start, state.end, mark.number, primary=True)
            return article_page(state.article, [now], language)
        key = "article_gone" if isinstance(exc, ArticleGone) else "article_unknown"
        return notice_page(say(language, key), language)
    except NotReady as exc:
        loading = chat_service.readiness == "loading"
        words = say(language, "loading") if loading else error_words(exc, language)
        return notice_page(words, language)
    marks = list(reader.marks(turn, article_id, mark.number))
    if mark.end > mark.start and not any(m.primary for m in marks):
        marks.append(Mark(mark.start, mark.end, mark.number, primary=True))
    return article_page(article, marks, language)


def status_view(chat_service: ChatService, language: Language) -> str:
    """Returns what the header says of the server: loading, failed, or how many articles.

    It is not said to be ready where there are no articles, or where the index or the model does not
    answer.
    """
    if not chat_service.index_readable:
        return status("failed", say(language, "index_gone"))
    if chat_service.readiness == "failed":
        return status("failed", say(language, "failed"))
    if chat_service.readiness == "loading":
        return status("loading", say(language, "loading"))
    count = chat_service.index_summary.count if chat_service.index_summary is not None else 0
    said = say(language, "ready", count=count)
    if chat_service.model_problem:
        return status("partial", f"{said} · {say(language, 'model_gone')}")
    return status("ready" if count else "partial", said)


def page_words(
    chat_service: ChatService, language: Language, *, by_password: bool
) -> Mapping[str, str]:
    """Returns what stands for each ``@@placeholder@@`` of the page when it is first sent."""
    suggestions = chat_service.examples(language) or ()
    words = {key: escape(phrase, quote=False) for key, phrase in PHRASES[language].items()}
    words["html:first"] = first_header(language)
    words["html:brand"] = brand(language)
    words["html:tools"] = tools(language, cookie=LANGUAGE_COOKIE, sign_out=by_password)
    words["html:search"] = search_field(language)
    words["html:leave"] = sign_out_button(language) if by_password else ""
    words["html:status"] = status_view(chat_service, language)
    words["html:conversation"] = conversation((), language, suggestions)
    words["html:source"] = overview(chat_service.index_summary, language)
    words["html:count"] = question_count(QUESTION_LIMIT, language)
    words["html:filters"] = filters(chat_service.index_summary, Filter(), language)
    return words


def asset_addresses(assets: Mapping[str, bytes]) -> Mapping[str, str]:
    """Returns the address of each file of style and script; another content, another address."""
    return {
        name: f"konkyo/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"
        for name, content in assets.items()
    }


def head_view(assets: Mapping[str, bytes]) -> str:
    """Returns what our page adds to the head: its style and its script, by their contents."""
    addresses = asset_addresses(assets)
    return (
        '<meta name="color-scheme" content="light dark" />'
        f'<link rel="stylesheet" href="{addresses["theme.css"]}" />'
        + "".join(
            f'<script nonce="{{nonce}}" src="{addresses[name]}"></script>'
            for name in ("connection.js", "drops.js", "page.js")
        )
    )
