"""The cards that show the numbered quotes, with translations."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Literal

from konkyo.ui.web.html.elements import (
    lang_attribute,
    message_text,
    meta_line,
    open_attributes,
    phrase,
    shorten,
    status_note,
    text_attributes,
)
from konkyo.ui.web.html.whole_dates import whole_dates
from konkyo.ui.web.i18n import LANGUAGES, Language, say
from konkyo.ui.web.turns import Quote, Turn, is_foreign, is_settled

__all__ = ["evidence_cards", "translation_block"]


def evidence_cards(
    turn: Turn,
    quotes: Sequence[Quote],
    language: Language,
    *,
    heading: Literal["evidence", "sources_of_answer", "unused"],
    translates: bool = False,
) -> str:
    """Returns a card for each of some quotes of a turn; ``translates`` offers translations."""
    cards = []
    for quote in quotes:
        cards.append(
            f'<li><button type="button" class="k-card"{open_attributes(quote, turn.number)}>'
            f'<span class="k-card-top"><span class="k-num">{quote.number}</span>'
            f'<span class="k-card-title"{text_attributes(quote.article.language)}>'
            f"{escape(quote.article.title)}</span></span>"
            f'<span class="k-card-quote"{text_attributes(quote.article.language)}>'
            f"{whole_dates(quote.text, quote.article.language)}</span>"
            f"{status_note(quote.article.status, quote.article.correction, language)}"
            f'<span class="k-meta">'
            f"{meta_line(quote.article.outlet, quote.article.published, language)}</span>"
            f"</button>{translation_block(turn, quote, language) if translates else ''}</li>"
        )
    return (
        f'<div class="k-evidence" data-cards="{heading}"><h3>{phrase(language, heading)}</h3>'
        f'<ul class="k-cards">{"".join(cards)}</ul></div>'
    )


def translation_block(turn: Turn, quote: Quote, language: Language) -> str:
    """Returns the button that asks for a translation, or the translation; nothing if not needed."""
    if not is_foreign(turn, quote):
        return ""
    place = (quote.article.article_id, quote.start, quote.end)
    found = next((r for r in turn.translations if r.place == place), None)
    settled = is_settled(turn)
    wish = (
        f'<button type="button" class="k-quiet" aria-label="{phrase(language, "translate")}'
        f' [{quote.number}]: {escape(shorten(turn.question))}"{"" if settled else " disabled"}'
        f"{open_attributes(quote, turn.number, 'translate')}>"
        f"{phrase(language, 'translate')}</button>"
    )
    if found is None:
        state, inner = "idle", wish
    elif found.busy:
        waits = phrase(language, "translation_waits", count=found.ahead) if found.ahead else ""
        state = "busy"
        inner = f'<p class="k-doing">{waits or phrase(language, "translating")}</p>'
    elif found.translation is None:
        why = message_text(found.problem, language) if found.problem is not None else ""
        said = phrase(language, "labelled", label=say(language, "no_translation"), x=why)
        state, inner = "failed", f'<p class="k-note" dir="auto">{said}</p>{wish}'
    else:
        made = found.translation
        state = "doubtful" if made.doubtful else "done"
        # The words of the mark fall back to English, as those of an answer do.
        spoken = made.language if made.language in LANGUAGES else "en"
        said = whole_dates(made.text, made.language)
        inner = (
            f'<p class="k-translation-text"{text_attributes(made.language)}>{said}</p>'
            f'<p class="k-translation-mark"{text_attributes(spoken)}>{escape(made.mark)}</p>'
        )
    return (
        f'<div class="k-translation"{lang_attribute(language)} data-state="{state}"'
        f' data-turn="{turn.number}"'
        f' data-n="{quote.number}" tabindex="-1"'
        f' aria-busy="{"true" if state == "busy" else "false"}">{inner}</div>'
    )
