"""What a reader is told of the quotes of an answer that was kept: changed, corrected, gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields

from konkyo.rag.citation_state import (
    Changed,
    CitationState,
    CitedStore,
    Gone,
    Same,
    citation_state,
)
from konkyo.rag.types import Citation
from konkyo.ui.web.i18n import Language, say

__all__ = ["citation_notes", "kept_citations"]

_FACTS = frozenset(field.name for field in fields(Citation))


def kept_citations(outcome: Mapping[str, object]) -> list[Citation]:
    """Returns the citations of an outcome that was kept as the object of ``konkyo ask --json``."""
    rows = outcome.get("citations")
    return [
        Citation(**{name: value for name, value in row.items() if name in _FACTS})
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict)
    ]


def citation_notes(
    store: CitedStore, citations: Iterable[Citation], language: Language
) -> list[str]:
    """Returns a sentence for each quote that does not stand as it stood; plain text, not escaped.

    Raises StoreError.
    """
    found = []
    for citation in citations:
        said = _note(citation, citation_state(store, citation), language)
        if said:
            found.append(f"[{citation.id}] {said}")
    return found


def _note(citation: Citation, state: CitationState, language: Language) -> str:
    if isinstance(state, Same):
        article = state.article
        if article.status is None or article.status == citation.status:
            return ""
        return f"{say(language, article.status)}: {article.correction or article.title}"
    if isinstance(state, Changed):
        if not state.now:
            return say(language, "says_no_more")
        return f"{say(language, 'says_now')} “{' '.join(state.now.split())}”"
    return say(language, "source_gone" if isinstance(state, Gone) else "source_unknown")
