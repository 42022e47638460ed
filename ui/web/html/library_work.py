"""What editors do on the page of articles: add, remove, correct, make anew."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape

from konkyo.ui.web.html.admin_elements import action_button
from konkyo.ui.web.html.elements import phrase, shown_source
from konkyo.ui.web.i18n import Language, say

__all__ = ["sources_part", "work_part"]

_SHOWN = 200


def work_part(sources: int, job: str, language: Language, *, ticket: str, limit: int) -> str:
    """Returns the part of the page by which editors change the index.

    ``job`` is what ``job_part`` returned; ``ticket`` lets the page's script hand over files of at
    most ``limit`` bytes.
    """
    named = ("sending", "not_sent", "sent_too_late", "marked")
    words = {key: say(language, key) for key in named}
    size = limit // 1024**2
    words["sent_too_large"] = say(language, "sent_too_large", name="{name}", size=size)
    data = "".join(f' data-{key.replace("_", "-")}="{escape(word)}"' for key, word in words.items())
    return (
        f'<section id="k-work" data-ticket="{escape(ticket)}" data-limit="{limit}"{data}>'
        f'<div class="k-row-of"><label class="k-button k-main-button k-file">'
        f"{phrase(language, 'upload_files')}"
        '<input type="file" multiple data-upload></label>'
        f'<label class="k-button k-file">{phrase(language, "upload_folder")}'
        '<input type="file" multiple webkitdirectory data-upload></label>'
        + "".join(
            action_button("keep", language, key=order, kind="k-button", order=order)
            for order in ("refresh", "verify")
        )
        + action_button(
            "rebuild",
            language,
            kind="k-button",
            facts=say(language, "confirm_rebuild", count=sources),
        )
        + action_button("keep", language, key="undo", kind="k-button", order="undo")
        + "</div>"
        '<form id="k-add" class="k-row-of"><label class="k-wide">'
        f"<span>{phrase(language, 'by_address')}</span>"
        '<textarea name="sources" rows="1" spellcheck="false" dir="auto" required></textarea>'
        "</label>"
        f'<button type="submit" class="k-button">{phrase(language, "add")}</button></form>'
        '<div id="k-under-way"><div id="k-sending" role="status" hidden></div>'
        f"{job}</div></section>" + _confirmation(language) + _correction(language)
    )


def sources_part(sources: Sequence[str], language: Language) -> str:
    """Returns the folded list of what was indexed, each with a button that removes all of it."""
    rows = "".join(_source(source, language) for source in sources[:_SHOWN])
    more = len(sources) - _SHOWN
    rest = (
        f'<p class="k-note">{phrase(language, "more_sources", count=more)}</p>' if more > 0 else ""
    )
    return (
        f'<details id="k-sources"><summary>{phrase(language, "indexed_sources")}'
        f" ({len(sources)})</summary><ul>{rows}</ul>{rest}</details>"
    )


def _source(source: str, language: Language) -> str:
    shown = shown_source(source)
    wish = {"article": source, "remove": say(language, "confirm_remove", title=shown)}
    button = action_button(
        "remove", language, kind="k-quiet", name=shown, facts=json.dumps(wish, ensure_ascii=False)
    )
    return f'<li><bdi class="k-path">{escape(shown)}</bdi>{button}</li>'


def _confirmation(language: Language) -> str:
    return (
        '<dialog id="k-confirm" aria-labelledby="k-confirm-text"><form method="dialog">'
        f'<p id="k-confirm-text" dir="auto"></p><p class="k-note">'
        f"{phrase(language, 'can_be_undone')}</p>"
        '<p class="k-row-of"><button value="yes" class="k-button k-main-button" id="k-yes">'
        "</button>"
        f'<button value="no" class="k-button" autofocus>{phrase(language, "cancel")}</button></p>'
        "</form></dialog>"
    )


def _correction(language: Language) -> str:
    options = "".join(
        f'<option value="{value}">{phrase(language, key)}</option>'
        for value, key in (
            ("", "mark_none"),
            ("corrected", "corrected"),
            ("retracted", "retracted"),
        )
    )
    return (
        '<dialog id="k-mark" aria-labelledby="k-mark-text"><form method="dialog">'
        '<label><span id="k-mark-text" dir="auto"></span>'
        f'<select name="status">{options}</select></label>'
        f"<label><span>{phrase(language, 'mark_how')}</span>"
        '<textarea name="correction" rows="3" maxlength="2000" dir="auto"></textarea></label>'
        f'<p class="k-row-of"><button value="yes" class="k-button k-main-button">'
        f"{phrase(language, 'save')}</button>"
        f'<button value="no" class="k-button">{phrase(language, "cancel")}</button></p>'
        "</form></dialog>"
    )
