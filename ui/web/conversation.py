"""The turns of one reader, and how they are saved."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

from konkyo.index.records import Filter
from konkyo.rag.conversation import Turn as Past
from konkyo.rag.types import Answer, Citation
from konkyo.ui.web.turns import (
    Mark,
    QuoteTranslation,
    Turn,
    foreign_quotes,
    quotes_of,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Conversation"]

_TURNS = 50
_HISTORY = 6
_SETTLED = frozenset({"done", "failed", "stopped"})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Saved:
    """A conversation as it is saved: its name, its filter and the turns that are settled."""

    name: str
    where: Filter
    turns: tuple[Turn, ...]


class Conversation:
    """The turns of one reader. Threads may share it."""

    def __init__(self, key: str = "", reader: str = "") -> None:
        self.key = key
        """The browser tab it belongs to."""
        self.reader = reader
        """The reader it belongs to."""
        self._lock = threading.Lock()
        self._turns: tuple[Turn, ...] = ()
        self.source_opened = False
        """Whether the reader has opened a source of their own since the last question."""
        self.index_version: int | None = None
        """The state of the index the last question was answered from."""
        self.admin_page_open = False
        """Whether a page for editors is shown, which an answer must not replace."""
        self.where = Filter()
        """Which articles the reader's next question may use."""
        self.name = secrets.token_hex(8)
        """A random name under which feedback is kept."""

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns, oldest first."""
        return self._turns

    def saved(self) -> str:
        """Returns what another server needs to go on with it, as JSON without translations."""
        settled = tuple(replace(t, translations=()) for t in self._turns if _is_settled(t))
        kept: str = _form().dump_json(_Saved(self.name, self.where, settled)).decode()
        return kept

    def restore(self, content: str) -> None:
        """Take over what was saved; what an older version saved in another form is ignored."""
        from pydantic import ValidationError

        try:
            kept: _Saved = _form().validate_json(content)
        except ValidationError as exc:
            _log.info("a saved conversation has another form: %s", exc)
            return
        with self._lock:
            self.name, self.where, self._turns = kept.name, kept.where, kept.turns

    @property
    def busy(self) -> bool:
        """Whether a turn is still being answered."""
        return not all(map(_is_settled, self._turns))

    def begin(self, question: str, state: Literal["waiting", "searching"], filtered: bool) -> Turn:
        """Add a turn; a turn still being answered is stopped first."""
        with self._lock:
            number = self._turns[-1].number + 1 if self._turns else 1
            turn = Turn(number, question, state, filtered=filtered)
            self.source_opened = False
            self._turns = (*map(_stopped, self._turns), turn)[-_TURNS:]
            return turn

    def update(self, turn: Turn) -> bool:
        """Replace a turn by a newer value; False if the reader has stopped it meanwhile."""
        return self._change(turn.number, lambda old: None if _is_settled(old) else turn) is not None

    def answering(self, number: int) -> bool:
        """Whether one turn is still being answered."""
        return any(t.number == number and not _is_settled(t) for t in self._turns)

    def stop(self) -> None:
        """Stop the answer under way."""
        with self._lock:
            self._turns = tuple(map(_stopped, self._turns))

    def abandon(self) -> None:
        """Stop the answer and the translations under way: the reader is gone."""
        with self._lock:
            self._turns = tuple(replace(_stopped(turn), translations=()) for turn in self._turns)

    def clear(self) -> None:
        """Remove all turns; the filters stay."""
        with self._lock:
            self._turns = ()
            self.name = secrets.token_hex(8)

    def set_opinion(self, number: int, verdict: Literal["up", "down"]) -> Turn | None:
        """Set what the reader thinks of one finished turn; None if there is no such turn."""

        def with_opinion(old: Turn) -> Turn | None:
            return None if old.outcome is None else replace(old, opinion=verdict)

        return self._change(number, with_opinion)

    def put_translation(self, number: int, translation: QuoteTranslation) -> Turn | None:
        """Set the translation of one quote of a settled turn; None if there is no such quote.

        It is no part of the outcome.
        """

        def with_translation(old: Turn) -> Turn | None:
            if not _is_settled(old) or translation.place not in foreign_quotes(old):
                return None
            others = [t for t in old.translations if t.place != translation.place]
            return replace(old, translations=(*others, translation))

        return self._change(number, with_translation)

    def _change(self, number: int, change: Callable[[Turn], Turn | None]) -> Turn | None:
        """Replace one turn by what ``change`` returns; None if there is no turn or no change."""
        with self._lock:
            for place, old in enumerate(self._turns):
                if old.number == number and (new := change(old)) is not None:
                    self._turns = (*self._turns[:place], new, *self._turns[place + 1 :])
                    return new
            return None

    def is_translating(self, number: int, place: tuple[str, int, int]) -> bool:
        """Whether a translation of one quote of a turn is under way."""
        return any(
            r.place == place and r.busy
            for one in self._turns
            if one.number == number
            for r in one.translations
        )

    def history(self, before: int) -> tuple[Past, ...]:
        """Returns the last answered questions before one turn, oldest first, for follow-ups."""
        answered = [
            Past(one.question, one.outcome.text)
            for one in self._turns
            if one.number < before and isinstance(one.outcome, Answer)
        ]
        return tuple(answered[-_HISTORY:])

    def citation(self, turn: int, number: int) -> Citation | None:
        """Returns the citation of one number that the answer of a turn has; None: there is none."""
        return next(
            (
                citation
                for one in self._turns
                if one.number == turn and isinstance(one.outcome, Answer)
                for citation in one.outcome.citations
                if citation.id == number
            ),
            None,
        )

    def marks(self, turn: int, article_id: str, number: int) -> tuple[Mark, ...]:
        """Returns the quotes of one turn in one article; the one of that number is the primary."""
        return tuple(
            replace(mark, primary=mark.number == number)
            for one in self._turns
            if one.number == turn and isinstance(one.outcome, Answer | None)
            for owner, mark in quotes_of(one)
            if owner == article_id
        )


@cache
def _form() -> TypeAdapter[_Saved]:
    """Converts a saved conversation to JSON and back; made when first needed."""
    from pydantic import TypeAdapter

    return TypeAdapter(_Saved)


def _is_settled(turn: Turn) -> bool:
    return turn.state in _SETTLED


def _stopped(turn: Turn) -> Turn:
    return turn if _is_settled(turn) else replace(turn, state="stopped")
