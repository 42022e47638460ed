"""What a reader is told of the quotes of an answer that was kept: changed, corrected, gone."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace

from cachetools import LRUCache

from konkyo.index.errors import StoreError
from konkyo.rag.citation_state import (
    Changed,
    CitationState,
    CitedStore,
    Gone,
    Same,
    citation_state,
)
from konkyo.rag.types import Answer, Citation
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.turns import Turn

__all__ = ["CitationNotes", "citation_notes", "kept_citations"]

_KEPT = 1000
_RETRY_SECONDS = 10.0
_log = logging.getLogger(__name__)

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
    """Returns what became of each quote that does not stand as it stood; plain text, not escaped.

    One that changed, and whose article was corrected or retracted since, has a sentence for each.
    Raises StoreError.
    """
    found = []
    for citation in citations:
        state = citation_state(store, citation)
        said = (_changed(state, language), _marked(citation, state, language))
        found += [f"[{citation.id}] {one}" for one in said if one]
    return found


def _changed(state: CitationState, language: Language) -> str:
    """Returns that a quote changed or that its article is gone; nothing if it stands."""
    if isinstance(state, Same):
        return ""
    if isinstance(state, Changed):
        if not state.now:
            return say(language, "says_no_more")
        return say(language, "says_now", now=" ".join(state.now.split()))
    return say(language, "source_gone" if isinstance(state, Gone) else "source_unknown")


def _marked(citation: Citation, state: CitationState, language: Language) -> str:
    """Returns that an article was corrected or retracted since it was cited, and how."""
    article = state.article if isinstance(state, Same | Changed) else None
    if article is None or article.status is None or article.status == citation.status:
        return ""
    how = article.correction or article.title
    return say(language, "labelled", label=say(language, article.status), x=how)


class CitationNotes:
    """What became of the quotes of kept answers, for the page. Threads may share it.

    ``indexed`` gives the store and a number that tells its states apart; None: there is none yet.
    A store that fails is asked again after ten seconds of ``clock``, not for every turn and change
    of the page.
    """

    def __init__(
        self,
        indexed: Callable[[], tuple[CitedStore, int] | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._indexed = indexed
        self._clock = clock
        self._retry_at = -math.inf
        self._lock = threading.Lock()
        self._kept: LRUCache[object, list[str]] = LRUCache(_KEPT)

    def state(self, citation: Citation | None) -> CitationState | None:
        """Returns what became of a quote; None where that cannot be told."""
        indexed = self._indexed()
        if citation is None or indexed is None:
            return None
        try:
            return citation_state(indexed[0], citation)
        except StoreError as exc:
            _log.warning("a kept quote cannot be compared with the index: %s", exc)
            return None

    def noted(self, turn: Turn, language: Language) -> Turn:
        """Returns a turn whose notes also tell what became of the quotes of its answer."""
        indexed = self._indexed()
        if indexed is None or not isinstance(turn.outcome, Answer):
            return turn
        store, version = indexed
        key = (version, turn.outcome.citations, language)
        with self._lock:
            notes = self._kept.get(key)
        if notes is None:
            if self._clock() < self._retry_at:
                return turn
            try:
                notes = citation_notes(store, turn.outcome.citations, language)
            except StoreError as exc:
                _log.warning("kept quotes cannot be compared with the index: %s", exc)
                self._retry_at = self._clock() + _RETRY_SECONDS
                return turn
            with self._lock:
                self._kept[key] = notes
        return replace(turn, notes=(*turn.notes, *notes)) if notes else turn
