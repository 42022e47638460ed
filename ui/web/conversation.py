"""The turns of one conversation."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from konkyo.index.records import Filter
from konkyo.rag.conversation import Turn as Past
from konkyo.rag.types import Answer, Citation
from konkyo.ui.web.turns import (
    Mark,
    QuoteTranslation,
    Turn,
    foreign_quotes,
    is_settled,
    quotes_of,
)

__all__ = ["Conversation"]

_TURNS = 50
_HISTORY = 6
_LOOK_SECONDS = 1.0


class Conversation:
    """The turns of one conversation of a reader. Threads may share it."""

    def __init__(self, key: str = "", reader: str = "", most_turns: int = _TURNS) -> None:
        self.key = key
        """Its name among those of its reader."""
        self.reader = reader
        """The reader it belongs to."""
        self._most_turns = most_turns
        self._changed = threading.Condition()
        self._turns: tuple[Turn, ...] = ()
        self._at_work = 0
        self.version = 0
        """Grows with every change of a turn."""
        self.revision: int | None = None
        """What was last read from or written to where it is kept; None: not kept yet."""
        self.deleted = False
        """Whether its reader has deleted it: nothing of it is kept any more."""
        self.source_opened = False
        """Whether the reader has opened a source of their own since the last question."""
        self.index_version: int | None = None
        """The state of the index the last question was answered from."""
        self.admin_page_open = False
        """Whether a page for editors is shown, which an answer must not replace."""
        self.where = Filter()
        """Which articles the reader's next question may use."""

    @property
    def name(self) -> str:
        """A name under which feedback is kept, which tells nothing of the reader."""
        return hashlib.sha256(f"feedback {self.reader} {self.key}".encode()).hexdigest()[:16]

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns, oldest first."""
        return self._turns

    @property
    def busy(self) -> bool:
        """Whether a turn is still being answered, or waits for that."""
        return not all(map(is_settled, self._turns))

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Count what is done for a turn, after its answer too, for as long as this lasts."""
        with self._changed:
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1

    @property
    def changing(self) -> bool:
        """Whether a turn may still change by itself."""
        return self.busy or self._at_work > 0

    def turn(self, number: int) -> Turn | None:
        """Returns the turn of that number; None if there is none."""
        return next((turn for turn in self._turns if turn.number == number), None)

    @property
    def current(self) -> Turn | None:
        """The turn that is being answered, else the last one; None: there is none."""
        turns = self._turns
        return next((t for t in turns if not is_settled(t)), turns[-1] if turns else None)

    @property
    def waiting(self) -> int:
        """How many turns are being answered or wait for that."""
        return sum(not is_settled(turn) for turn in self._turns)

    def restore(self, turns: Sequence[Turn], where: Filter, revision: int) -> None:
        """Take over what was kept; not while something is done for a turn, which would be lost."""
        with self._changed:
            if self.changing:
                return
            self.deleted = False
            self.where, self.revision = where, revision
            self._set(tuple(turns))

    def _set(self, turns: tuple[Turn, ...]) -> None:
        self._turns = turns
        self.version += 1
        self._changed.notify_all()

    def begin(
        self,
        question: str,
        state: Literal["waiting", "searching"],
        filtered: bool,
        lenient: bool = False,
    ) -> Turn:
        """Add a turn; it waits in line behind those still being answered."""
        with self._changed:
            number = self._turns[-1].number + 1 if self._turns else 1
            ahead = self.waiting
            now = datetime.now(UTC).isoformat(timespec="seconds")
            turn = Turn(number, question, state, filtered=filtered, lenient=lenient, asked=now)
            if ahead:
                turn = replace(turn, state="queued", ahead=ahead)
            self.source_opened = False
            self._set((*self._turns, turn)[-self._most_turns :])
            return turn

    def wait_for_earlier(self, turn: Turn) -> Iterator[Turn]:
        """Yield a turn whenever fewer are before it, until it is the next or was stopped."""
        ahead = turn.ahead
        while ahead:
            with self._changed:
                now = self._ahead(turn)
                if now == ahead:
                    self._changed.wait(_LOOK_SECONDS)
                    continue
            if now is None:
                return
            if now:
                waiting = replace(turn, ahead=now)
                self.update(waiting)
                yield waiting
            ahead = now

    def _ahead(self, turn: Turn) -> int | None:
        """How many turns are answered before one; None where it was stopped."""
        open_ = [t.number for t in self._turns if not is_settled(t)]
        return open_.index(turn.number) if turn.number in open_ else None

    def update(self, turn: Turn) -> bool:
        """Replace a turn by a newer value; False if the reader has stopped it meanwhile."""
        return self._change(turn.number, lambda old: None if is_settled(old) else turn) is not None

    def answering(self, number: int) -> bool:
        """Whether one turn is still being answered."""
        return any(t.number == number and not is_settled(t) for t in self._turns)

    def stop(self) -> Turn | None:
        """Stop the answer under way; those that wait behind it go on. Returns the stopped turn."""
        turn = self.current
        return None if turn is None else self._change(turn.number, _newly_stopped)

    def abandon(self) -> None:
        """Stop all answers and translations: the reader is gone, or has deleted it."""
        with self._changed:
            self._set(tuple(replace(_stopped(turn), translations=()) for turn in self._turns))

    def set_follow_ups(self, number: int, questions: tuple[str, ...]) -> Turn | None:
        """Set the questions to go on with after one turn; None if there is no such turn."""
        return self._change(number, lambda old: replace(old, follow_ups=questions))

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
            if not is_settled(old) or translation.place not in foreign_quotes(old):
                return None
            others = [t for t in old.translations if t.place != translation.place]
            return replace(old, translations=(*others, translation))

        return self._change(number, with_translation)

    def _change(self, number: int, change: Callable[[Turn], Turn | None]) -> Turn | None:
        """Replace one turn by what ``change`` returns; None if there is no turn or no change."""
        with self._changed:
            for place, old in enumerate(self._turns):
                if old.number == number and (new := change(old)) is not None:
                    self._set((*self._turns[:place], new, *self._turns[place + 1 :]))
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


def _stopped(turn: Turn) -> Turn:
    return turn if is_settled(turn) else replace(turn, state="stopped")


def _newly_stopped(turn: Turn) -> Turn | None:
    return None if is_settled(turn) else _stopped(turn)
