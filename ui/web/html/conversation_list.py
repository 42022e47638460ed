"""The list of a reader's conversations, with search, and what can be done with each."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from konkyo.ui.server.conversation_store import UNDO_SECONDS, ConversationEntry
from konkyo.ui.server.share_store import ShareEntry
from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.i18n import Language, say

__all__ = ["conversation_list", "search_field", "share_made"]


def search_field(language: Language) -> str:
    """Returns the head of the list: its name, a search field, and a button that closes it."""
    name = phrase(language, "search_conversations")
    return (
        f'<div class="k-side-head"><h2>{phrase(language, "conversations")}</h2>'
        f'<button type="button" class="k-quiet k-side-close" data-act="side"'
        f' aria-label="{phrase(language, "close_conversations")}">✕</button></div>'
        f'<label class="k-search"><span class="k-hidden">{name}</span>'
        '<input type="search" maxlength="200" dir="auto"'
        f' placeholder="{name}"></label>'
    )


def conversation_list(
    entries: Sequence[ConversationEntry],
    current: str,
    language: Language,
    *,
    search: str = "",
    deleted: str = "",
    shares: Sequence[ShareEntry] = (),
) -> str:
    """Returns a row for each conversation; ``current`` is the one that is shown.

    ``search`` is what they were searched by; ``deleted`` has just been deleted. Below stands what
    the reader shares.
    """
    rows = "".join(_row(entry, current, language) for entry in entries)
    nothing = "nothing_found" if search.strip() else "no_conversations"
    inner = (
        f'<ul class="k-conversations">{rows}</ul>'
        if entries
        else f'<p class="k-note">{phrase(language, nothing)}</p>'
    )
    undo = _undo(deleted, language) if deleted else ""
    name = phrase(language, "conversations")
    listed = f'<nav data-search="{escape(search)}" aria-label="{name}">{inner}</nav>'
    return f"{listed}{_shares(shares, language)}{undo}"


def _row(entry: ConversationEntry, current: str, language: Language) -> str:
    title, key = escape(entry.title), escape(entry.conversation)
    here = ' aria-current="page"' if entry.conversation == current else ""
    pin = "unpin" if entry.pinned else "pin"
    acts = "".join(
        f'<button type="button" class="k-quiet" data-act="{act}" data-conversation="{key}"'
        f' aria-label="{escape(say(language, act))}: {title}">{phrase(language, act)}</button>'
        for act in ("rename", pin, "delete")
    )
    return (
        f"<li{' data-pinned' if entry.pinned else ''}>"
        f'<button type="button" class="k-conversation" data-act="conversation"'
        f' data-conversation="{key}" title="{title}"{here}><bdi>{title}</bdi></button>'
        f'<details class="k-acts" data-fold="acts-{key}">'
        f'<summary aria-label="{phrase(language, "more")}: {title}">⋯</summary>'
        f"<div>{acts}</div></details></li>"
    )


def _shares(shares: Sequence[ShareEntry], language: Language) -> str:
    if not shares:
        return ""
    rows = "".join(
        f'<li><a href="share/{escape(share.token)}" target="_blank" rel="noopener">'
        f"<bdi>{escape(share.question)}</bdi></a>"
        f"{_share_buttons(share.token, language, share.question)}</li>"
        for share in shares
    )
    summary = phrase(language, "shared_answers", count=len(shares))
    return (
        f'<details class="k-shares" data-fold="shares"><summary>{summary}</summary>'
        f"<ul>{rows}</ul></details>"
    )


def _share_buttons(token: str, language: Language, question: str = "") -> str:
    """Returns the buttons for one link; where several stand together, the question names them."""

    def name(key: str) -> str:
        return f' aria-label="{phrase(language, key)}: {escape(question)}"' if question else ""

    return (
        f'<button type="button" class="k-quiet" data-act="copy-share" data-token="{escape(token)}"'
        f' data-done="{phrase(language, "copied")}"{name("share_link")}>'
        f"{phrase(language, 'copy')}</button>"
        f'<button type="button" class="k-quiet" data-act="revoke" data-token="{escape(token)}"'
        f"{name('revoke')}>"
        f"{phrase(language, 'revoke')}</button>"
    )


def share_made(token: str, language: Language, *, for_anyone: bool) -> str:
    """Returns the link of a shared answer, and who can open it; or that there is none."""
    if not token:
        said = phrase(language, "not_shared")
        return f'<p class="k-toast" role="status">{said}</p>'
    who = phrase(language, "shared_for_anyone" if for_anyone else "shared_for_readers")
    name = phrase(language, "share_link")
    return (
        f'<div class="k-share" role="dialog" aria-label="{phrase(language, "share")}">'
        f"<p>{who}</p>"
        f'<label><span class="k-hidden">{name}</span>'
        f'<input readonly data-token="{escape(token)}"></label>'
        f"<div>{_share_buttons(token, language)}"
        f'<button type="button" class="k-quiet" data-act="close-share">'
        f"{phrase(language, 'close')}</button></div></div>"
    )


def _undo(deleted: str, language: Language) -> str:
    return (
        f'<p class="k-toast k-undo" role="status" data-seconds="{UNDO_SECONDS:.0f}">'
        f"{phrase(language, 'deleted')}"
        f'<button type="button" data-act="restore" data-conversation="{escape(deleted)}">'
        f"{phrase(language, 'undo_delete')}</button></p>"
    )
