"""The line under an answer that says how it was made, with the details folded."""

from __future__ import annotations

from html import escape

from konkyo.index.text.normalize import letters
from konkyo.rag.messages import removed_text
from konkyo.rag.types import Answer, Removed
from konkyo.ui.web.html.elements import phrase, shown_date
from konkyo.ui.web.html.evidence import evidence_cards
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.turns import Turn, quote_of, shown_quotes

__all__ = ["checked_line"]


def checked_line(turn: Turn, language: Language, *, translates: bool = False) -> str:
    """Returns one line about an answer or a refusal; unfolded, what was left out and by whom."""
    outcome = turn.outcome
    if outcome is None:
        return ""
    facts = []
    if isinstance(outcome, Answer):
        articles = {citation.article_id for citation in outcome.citations}
        facts += [phrase(language, "checked"), phrase(language, "sources", count=len(articles))]
    if "total" in outcome.timings_ms:
        seconds = f"{outcome.timings_ms['total'] / 1000:.1f}"
        facts.append(phrase(language, "seconds", seconds=seconds))
    if turn.newest:
        date = shown_date(turn.newest, language)
        facts.append(f"<span>{phrase(language, 'as_of', date=date)}</span>")
    line = '<span class="k-dot"> · </span>'.join(facts)
    return (
        f'<details class="k-fold k-checked" data-fold="t{turn.number}-checked">'
        f"<summary>{line}</summary>{_removed(turn, language)}{_unused(turn, language, translates)}"
        f"{_written_by(turn, language)}"
        f'<p class="k-note">{phrase(language, "fingerprint", value=outcome.fingerprint)}</p>'
        "</details>"
    )


def _written_by(turn: Turn, language: Language) -> str:
    if not isinstance(turn.outcome, Answer):
        return ""
    if all(quote_of(turn, claim) is not None for claim in turn.claims):
        said = phrase(language, "quotes_alone")
    else:
        said = phrase(language, "phrased_by", model=turn.model) if turn.model else ""
    return f'<p class="k-note">{said}</p>' if said else ""


def _removed(turn: Turn, language: Language) -> str:
    """Returns the sentences that did not pass, each with the reason in plain words."""
    rows = "".join(
        f'<li dir="auto">{_marked(removed)}'
        f'<span class="k-why">{_reason(removed, language)}</span></li>'
        for removed in turn.removed
        if not _is_said(removed.text, turn)
    )
    if not rows:
        return ""
    return f'<h3>{phrase(language, "left_out")}</h3><ul class="k-removed">{rows}</ul>'


def _marked(removed: Removed) -> str:
    """Returns a removed sentence with the words that are not in the sources marked."""
    pieces, at = [], 0
    for one in removed.unsupported:
        words = escape(removed.text[one.start : one.end])
        pieces.append(escape(removed.text[at : one.start]))
        pieces.append(f'<mark class="k-unsupported">{words}</mark>')
        at = one.end
    return "".join(pieces) + escape(removed.text[at:])


def _reason(removed: Removed, language: Language) -> str:
    """Returns why a sentence was removed; the marked words are named here, too."""
    why = removed_text(removed.reason, language)
    marked = " · ".join(removed.text[one.start : one.end] for one in removed.unsupported)
    if removed.detail:
        why = say(language, "labelled", label=why, x=removed.detail)
    elif marked:
        why = say(language, "not_said", label=why, x=marked)
    return phrase(language, "aside", said="", x=why)


def _is_said(text: str, turn: Turn) -> bool:
    """Whether a removed sentence says the same as one that is shown."""
    plain = letters(text)
    return bool(plain) and any(plain in letters(claim.text) for claim in turn.claims)


def _unused(turn: Turn, language: Language, translates: bool) -> str:
    """Returns the passages that were found and are not cited."""
    if not isinstance(turn.outcome, Answer):
        return ""
    cited = {n for claim in turn.claims for n in claim.citations}
    quotes = [quote for quote in shown_quotes(turn) if quote.number not in cited]
    if not quotes:
        return ""
    return evidence_cards(turn, quotes, language, heading="unused", translates=translates)
