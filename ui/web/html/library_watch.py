"""The sources that are watched: last success, next run, errors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape

from konkyo.ui.server.watcher import WatchState
from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.i18n import Language
from konkyo.ui.web.reasons import reason_words

__all__ = ["watch_part"]


def watch_part(
    states: Sequence[WatchState], hours: float, language: Language, *, problem: str = ""
) -> str:
    """Returns the part of the page on which editors watch sources; off until one is named."""
    rows = "".join(_row(state, language) for state in states)
    heads = "".join(
        f'<th scope="col">{phrase(language, key)}</th>'
        for key in ("watched_source", "last_success", "next_run", "error_of")
    )
    last = f'<th><span class="k-hidden">{phrase(language, "edit")}</span></th>'
    table = (
        f'<table class="k-articles k-watched"><thead><tr>{heads}{last}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
        if rows
        else f'<p class="k-note">{phrase(language, "watches_nothing")}</p>'
    )
    now = (
        f'<button type="button" class="k-button" data-act="watch" data-do="now">'
        f"{phrase(language, 'read_now')}</button>"
        if rows
        else ""
    )
    told = escape(reason_words(problem, language))
    failed = f'<p class="k-failed" role="alert" dir="auto">{told}</p>' if problem else ""
    unfolded = " open" if rows or problem else ""
    return (
        f'<details id="k-watch"{unfolded}><summary>{phrase(language, "watched")}'
        f" ({len(states)})</summary>{failed}{table}"
        '<form class="k-row-of" id="k-watch-form"><label class="k-wide">'
        f"<span>{phrase(language, 'watch_source')}</span>"
        '<input name="source" spellcheck="false" dir="auto" required></label>'
        f"<label><span>{phrase(language, 'watch_hours')}</span>"
        f'<input name="hours" type="number" min="0.25" step="0.25" value="{hours:g}"></label>'
        f'<button type="submit" class="k-button">{phrase(language, "watch")}</button>{now}</form>'
        "</details>"
    )


def _row(state: WatchState, language: Language) -> str:
    one = state.watched
    success = _time(datetime.fromisoformat(one.succeeded) if one.succeeded else None)
    following = _time(state.following) or phrase(language, "soon")
    source = escape(one.source)
    return (
        f'<tr><td class="k-title"><bdi>{source}</bdi></td>'
        f'<td class="k-date" data-name="{phrase(language, "last_success")}">'
        f"{success or phrase(language, 'never')}</td>"
        f'<td class="k-date" data-name="{phrase(language, "next_run")}">{following}</td>'
        f'<td dir="auto" class="k-error">{escape(reason_words(one.error, language))}</td>'
        f'<td class="k-acts"><button type="button" class="k-quiet" data-act="watch" data-do="stop"'
        f' data-source="{source}" aria-label="{phrase(language, "watch_no_more")}: {source}">'
        f"{phrase(language, 'watch_no_more')}</button></td></tr>"
    )


def _time(moment: datetime | None) -> str:
    """Returns a moment as a time element; the script shows it in the reader's own time zone."""
    if moment is None:
        return ""
    shown = moment.strftime("%Y-%m-%d %H:%M UTC")
    return f'<time datetime="{moment.isoformat()}" data-local>{shown}</time>'
