"""The chat without a framework: readiness, conversations, and what to show after each event."""

from __future__ import annotations

import logging
import os
import secrets
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Literal, Protocol

from konkyo.index.errors import ArticleMissing, KonkyoError, LLMTimeout
from konkyo.index.records import Article, ArticleSummary, Filter
from konkyo.index.text.unicode import well_formed
from konkyo.rag.conversation import Turn as Past
from konkyo.rag.generation.llm import LLM, NoLLM
from konkyo.rag.generation.translate import LONGEST_QUOTE, Translation, translated
from konkyo.rag.types import Answer, Event
from konkyo.ui.server.llm_queue import Heartbeat, Queued, in_line
from konkyo.ui.server.telemetry import Channel, Telemetry
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.turns import (
    IndexSummary,
    Mark,
    QuoteTranslation,
    Turn,
    advance,
    foreign_quotes,
    quotes_of,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "QUESTION_LIMIT",
    "ChatService",
    "Conversation",
    "NoQuote",
    "NotReady",
    "Reader",
    "Sessions",
    "Shelves",
]

QUESTION_LIMIT = 500

_CONVERSATIONS = 2000
_CONVERSATIONS_EACH = 50
_TURNS = 50
_HISTORY = 6
_NEWEST = 40
_BEAT_SECONDS = 1.0
_TRANSLATION_SECONDS = 180.0
_SEARCHES_A_CORE = 2
_OUTLETS = 200
_SUGGESTIONS = 4
_NO_FILTER = Filter()
_log = logging.getLogger(__name__)
_SETTLED = frozenset({"done", "failed", "stopped"})

Readiness = Literal["loading", "ready", "failed", "draining"]


class NotReady(KonkyoError):
    """Questions cannot be answered yet, or not at all; the message says why."""


class NoQuote(KonkyoError):
    """A span is not one of the article's, or holds nothing that could be translated."""


class Sessions(Protocol):
    """Where conversations are saved, so that another server can go on with them."""

    def load(self, key: str) -> str | None:
        """What was saved under a key. Raises KonkyoError."""

    def save(self, key: str, content: str) -> None:
        """Save it in place of what was there. Raises KonkyoError."""


@dataclass(frozen=True, slots=True)
class _Saved:
    """A conversation as it is saved: its name, its filter and the turns that are settled."""

    name: str
    where: Filter
    turns: tuple[Turn, ...]


class Shelves(Protocol):
    """The part of a store that lists articles."""

    def articles(self, where: Filter = ...) -> Iterator[ArticleSummary]:
        """All articles that pass, newest first, undated last."""


class Reader(Protocol):
    """What the chat needs of a pipeline; ``konkyo.rag.pipeline.Pipeline`` is one."""

    @property
    def store(self) -> Shelves:
        """The articles themselves."""

    @property
    def llm(self) -> LLM:
        """The language model, or ``NoLLM``."""

    def stream(
        self, question: str, *, history: Sequence[Past] = ..., where: Filter = ...
    ) -> Iterator[Event]:
        """Events in order; the last one carries the outcome. Raises KonkyoError."""

    def article(self, article_id: str) -> Article:
        """One whole article. Raises ArticleMissing."""

    def refresh(self) -> bool:
        """Move to the newest generation of the store; say whether it changed."""


class Conversation:
    """The turns of one reader. Safe to share by threads."""

    def __init__(self, key: str = "", reader: str = "") -> None:
        self.key = key
        """By which the browser's tab names it."""
        self.reader = reader
        """Whose it is."""
        self._lock = threading.Lock()
        self._turns: tuple[Turn, ...] = ()
        self.reading = False
        """Whether the reader has opened a source of their own since the last question."""
        self.edition: int | None = None
        """The state of the index the last question was answered from."""
        self.room = False
        """Whether a page for editors lies open, which no answer may turn over."""
        self.where = Filter()
        """Which articles the reader's next question may use."""
        self.name = secrets.token_hex(8)
        """Names the conversation where feedback is kept; tells nothing of the reader."""

    @property
    def turns(self) -> tuple[Turn, ...]:
        """All turns, oldest first."""
        return self._turns

    def saved(self) -> str:
        """What another server needs to go on with it, as JSON; translations are not kept."""
        settled = tuple(replace(t, translations=()) for t in self._turns if t.state in _SETTLED)
        kept: str = _form().dump_json(_Saved(self.name, self.where, settled)).decode()
        return kept

    def restore(self, content: str) -> None:
        """Become what was saved; what an older version saved in another form is passed over."""
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
        return any(turn.state not in _SETTLED for turn in self._turns)

    def begin(self, question: str, state: Literal["waiting", "searching"], filtered: bool) -> Turn:
        """Add a turn; a turn still being answered is stopped first."""
        with self._lock:
            number = self._turns[-1].number + 1 if self._turns else 1
            turn = Turn(number, question, state, filtered=filtered)
            self.reading = False
            self._turns = (*map(_stopped, self._turns), turn)[-_TURNS:]
            return turn

    def update(self, turn: Turn) -> bool:
        """Put a newer value of a turn in place; False when the reader has stopped it meanwhile."""
        with self._lock:
            for place, old in enumerate(self._turns):
                if old.number == turn.number and old.state not in _SETTLED:
                    self._turns = (*self._turns[:place], turn, *self._turns[place + 1 :])
                    return True
            return False

    def answering(self, number: int) -> bool:
        """Whether one turn is still being answered."""
        return any(t.number == number and t.state not in _SETTLED for t in self._turns)

    def stop(self) -> None:
        """Stop whatever is being answered."""
        with self._lock:
            self._turns = tuple(map(_stopped, self._turns))

    def abandon(self) -> None:
        """Stop whatever is under way, translations too: the reader is gone."""
        with self._lock:
            self._turns = tuple(replace(_stopped(turn), translations=()) for turn in self._turns)

    def clear(self) -> None:
        """Forget everything but the filters."""
        with self._lock:
            self._turns = ()
            self.name = secrets.token_hex(8)

    def set_opinion(self, number: int, verdict: Literal["up", "down"]) -> Turn | None:
        """Note what the reader thinks of one finished turn; None when there is none like it."""
        with self._lock:
            for place, old in enumerate(self._turns):
                if old.number == number and old.outcome is not None:
                    new = replace(old, opinion=verdict)
                    self._turns = (*self._turns[:place], new, *self._turns[place + 1 :])
                    return new
            return None

    def put_translation(self, number: int, translation_state: QuoteTranslation) -> Turn | None:
        """Put a rendition of one quote below a turn that is settled; None when there is none.

        It stands beside the outcome and is no part of it.
        """
        with self._lock:
            for place, old in enumerate(self._turns):
                if old.number != number or old.state not in _SETTLED:
                    continue
                if translation_state.place not in foreign_quotes(old):
                    continue
                others = [r for r in old.translations if r.place != translation_state.place]
                new = replace(old, translations=(*others, translation_state))
                self._turns = (*self._turns[:place], new, *self._turns[place + 1 :])
                return new
            return None

    def is_translating(self, number: int, place: tuple[str, int, int]) -> bool:
        """Whether a rendition of one quote of a turn is under way."""
        return any(
            r.place == place and r.busy
            for one in self._turns
            if one.number == number
            for r in one.translations
        )

    def history(self, before: int) -> tuple[Past, ...]:
        """The last answered questions before one turn, oldest first, for follow-ups."""
        answered = [
            Past(one.question, one.outcome.text)
            for one in self._turns
            if one.number < before and isinstance(one.outcome, Answer)
        ]
        return tuple(answered[-_HISTORY:])

    def marks(self, turn: int, article_id: str, number: int) -> tuple[Mark, ...]:
        """The quotes of one turn in one article, the one of that number as the primary."""
        return tuple(
            replace(mark, primary=mark.number == number)
            for one in self._turns
            if one.number == turn and isinstance(one.outcome, Answer | None)
            for owner, mark in quotes_of(one)
            if owner == article_id
        )


class ChatService:
    """Everything one server of the chat knows.

    ``load`` makes the reader; it runs once, in the background, when ``open`` is called, and may
    take seconds. Until then questions wait.
    """

    def __init__(
        self,
        load: Callable[[], Reader],
        telemetry: Telemetry | None = None,
        sessions: Sessions | None = None,
    ) -> None:
        self._load = load
        self._sessions = sessions
        self._draining = False
        self._answering = 0
        self.telemetry = telemetry or Telemetry()
        self._settled = threading.Event()
        self._reader: Reader | None = None
        self._problem = ""
        self._shelf: IndexSummary | None = None
        self._edition = 0
        self._searching = threading.Semaphore(_SEARCHES_A_CORE * (os.cpu_count() or 1))
        self._lock = threading.Lock()
        self._conversations: OrderedDict[str, Conversation] = OrderedDict()

    def open(self) -> None:
        """Start getting ready, in the background."""
        threading.Thread(target=self._prepare, name="konkyo-load", daemon=True).start()

    def _prepare(self) -> None:
        try:
            reader = self._load()
            self._shelf = _shelf(reader)
            self._reader = reader
        except KonkyoError as exc:
            self._problem = str(exc)
        finally:
            if self._reader is None and not self._problem:
                self._problem = "unexpected error while loading; see the terminal"
            self._settled.set()

    @property
    def readiness(self) -> Readiness:
        """Whether questions can be answered now; not for long where it is draining."""
        if self._draining:
            return "draining"
        if not self._settled.is_set():
            return "loading"
        return "ready" if self._reader is not None else "failed"

    @property
    def problem(self) -> str:
        """Why it is not ready; empty if it is, or may still be."""
        return self._problem

    @property
    def index_summary(self) -> IndexSummary | None:
        """What the index holds; None before that is known."""
        return self._shelf

    def suggestions(self, language: Language) -> tuple[ArticleSummary, ...]:
        """Articles to ask about: the reader's language alone if it has a few, newest first."""
        newest = self._shelf.newest if self._shelf is not None else ()
        own = [s for s in newest if s.language == language]
        others = [s for s in newest if s.language != language]
        return tuple((own if len(own) > 1 else own + others)[:_SUGGESTIONS])

    def conversation(self, key: str, reader: str = "") -> Conversation:
        """The conversation of one browser tab of a reader, by the key that tab was given.

        A reader has at most so many: the longest unused is forgotten for a new one. Where all
        readers have too many, it is one of whoever has the most.
        """
        with self._lock:
            known = key in self._conversations
        restored = None if known else self._restored(key)
        with self._lock:
            found = self._conversations.pop(key, None) or restored or Conversation(key, reader)
            found.reader = reader
            self._conversations[key] = found
            if not known:
                self._make_room(reader)
            return found

    def _make_room(self, reader: str) -> None:
        held = Counter(one.reader for one in self._conversations.values())
        if held[reader] > _CONVERSATIONS_EACH:
            crowd = reader
        elif held.total() > _CONVERSATIONS:
            crowd = held.most_common(1)[0][0]
        else:
            return
        oldest = next(key for key, one in self._conversations.items() if one.reader == crowd)
        self._conversations.pop(oldest).abandon()

    def forget_reader(self, reader: str) -> None:
        """Drop all conversations of a reader who has signed out, and stop what they waited for."""
        with self._lock:
            gone = [key for key, one in self._conversations.items() if one.reader == reader]
        for key in gone:
            self.forget(key)

    def _restored(self, key: str) -> Conversation | None:
        try:
            content = self._sessions.load(key) if self._sessions is not None else None
        except KonkyoError as exc:
            _log.warning("a conversation cannot be read: %s", exc)
            return None
        if content is None:
            return None
        found = Conversation(key)
        found.restore(content)
        return found

    def remember(self, conversation: Conversation) -> None:
        """Save a conversation where there is a place for it; an answer never fails for that."""
        if self._sessions is None or not conversation.key:
            return
        try:
            self._sessions.save(conversation.key, conversation.saved())
        except KonkyoError as exc:
            _log.warning("a conversation cannot be saved: %s", exc)

    def drain(self) -> None:
        """Say from now on that no questions should be sent here; those that come are answered."""
        self._draining = True

    @property
    def answering(self) -> int:
        """How many questions are being answered."""
        return self._answering

    def forget(self, key: str) -> None:
        """Drop a conversation whose tab was closed, and stop what it was waiting for."""
        with self._lock:
            gone = self._conversations.pop(key, None)
        if gone is not None:
            gone.abandon()

    def ask(
        self,
        conversation: Conversation,
        question: str,
        language: Language,
        where: Filter = _NO_FILTER,
        refused: str = "",
    ) -> Iterator[Turn]:
        """Answer one question: a turn for every change, ending when it is done or stopped.

        Errors become a turn that says so; the iterator itself raises none of ours. ``refused`` is
        why the question may not be asked at all.
        """
        question = well_formed(question)
        ready = self._settled.is_set()
        filtered = not where.empty
        turn = conversation.begin(question, "searching" if ready else "waiting", filtered)
        if len(question) > QUESTION_LIMIT:
            refused = say(language, "too_long", limit=QUESTION_LIMIT)
        if refused:
            turn = replace(turn, state="failed", error=refused)
            conversation.update(turn)
            yield turn
            return
        yield turn
        if not ready:
            self._settled.wait()
            turn = replace(turn, state="searching")
            if not conversation.update(turn):
                return
            yield turn
        yield from self._answer(conversation, turn, language, where)

    def _answer(
        self, conversation: Conversation, turn: Turn, language: Language, where: Filter
    ) -> Iterator[Turn]:
        finished = False
        history = conversation.history(turn.number)
        try:
            self.renew()
            if conversation.edition not in (None, self._edition):
                turn = replace(turn, notes=(say(language, "newer"),))
            conversation.edition = self._edition
            for event in self.events(turn.question, "page", history=history, where=where):
                if isinstance(event, Heartbeat):
                    if not conversation.answering(turn.number):
                        return
                    continue
                turn = advance(turn, event)
                if not conversation.update(turn):
                    return
                finished = turn.state == "done"
                yield turn
        except KonkyoError as exc:
            turn = replace(turn, state="failed", error=str(exc))
            finished = True
            if conversation.update(turn):
                yield turn
        finally:
            if not finished:
                # Stopped, or an error that is not ours and that the server will log.
                failed = replace(turn, state="failed", claims=())
                conversation.update(failed)

    def renew(self) -> bool:
        """Read the newest generation of the index from now on; say whether it changed."""
        reader = self._reader
        if reader is None or not reader.refresh():
            return False
        self._shelf = _shelf(reader)
        self._edition += 1
        return True

    def events(
        self,
        question: str,
        channel: Channel,
        *,
        history: Sequence[Past] = (),
        where: Filter = _NO_FILTER,
        gone: threading.Event | None = None,
    ) -> Iterator[Event | Queued | Heartbeat]:
        """Everything that happens while one question is answered, by whatever door it came.

        Something comes at least every second, so that a reader who left is noticed; whoever knows it
        sooner sets ``gone``. Raises KonkyoError, also while the models are not ready.
        """
        reader = self.reader
        watch = self.telemetry.watch(channel)
        with self._lock:
            self._answering += 1
        try:
            self.renew()
            run = partial(reader.stream, question, history=history, where=where)
            with closing(in_line(partial(self._gated, run), _BEAT_SECONDS, gone=gone)) as events:
                for event in events:
                    if not isinstance(event, Heartbeat):
                        watch.saw(event)
                    yield event
        except KonkyoError as exc:
            watch.failed(exc)
            raise
        finally:
            with self._lock:
                self._answering -= 1
            watch.end()

    def _gated(self, run: Callable[[], Iterator[Event]]) -> Iterator[Event]:
        """The events of a run; only a few search at once, so that all have their evidence sooner."""
        events = run()
        with self._searching:
            first = next(events, None)
        if first is not None:
            yield first
            yield from events

    @property
    def translates(self) -> bool:
        """Whether there is a language model that quotes can be translated by."""
        return self._reader is not None and not isinstance(self._reader.llm, NoLLM)

    def translation(
        self,
        article_id: str,
        start: int,
        end: int,
        language: str,
        channel: Channel,
        gone: threading.Event | None = None,
    ) -> Iterator[Translation | Queued | Heartbeat]:
        """A model's translation of one span of an article, after all questions that wait; last.

        Something comes at least every second. Raises NotReady, ArticleMissing, NoQuote and
        LLMError, the last also when the questions leave the model no time for it.
        """
        reader = self.reader
        quote = reader.article(article_id).text[start:end]
        if not 0 <= start < end or len(quote) < end - start or not quote.strip():
            raise NoQuote(f"the article has no text from {start} to {end}")
        if len(quote) > LONGEST_QUOTE:
            raise NoQuote(f"at most {LONGEST_QUOTE} letters can be translated at once")
        status = "stopped"
        until = time.monotonic() + _TRANSLATION_SECONDS

        def run() -> Iterator[Translation]:
            yield translated(reader.llm, quote, language)

        try:
            with closing(in_line(run, _BEAT_SECONDS, patient=True, gone=gone)) as events:
                for event in events:
                    if isinstance(event, Translation):
                        status = "doubtful" if event.doubtful else "made"
                    elif time.monotonic() > until:
                        raise LLMTimeout(
                            f"{reader.llm.name}: no translation in {_TRANSLATION_SECONDS:g} s;"
                            " questions go first; try again later"
                        )
                    yield event
        except KonkyoError:
            status = "failed"
            raise
        finally:
            self.telemetry.translations.labels(channel, status).inc()

    def translate(
        self,
        conversation: Conversation,
        number: int,
        place: tuple[str, int, int],
        language: Language,
        refused: str = "",
    ) -> Iterator[Turn]:
        """Translate one quote that a settled turn shows: a turn for every change.

        Errors become a rendition that says so. ``refused`` is why it may not be asked for.
        """
        translation_state = QuoteTranslation(*place)
        if conversation.is_translating(number, place):
            return
        if refused:
            turn = conversation.put_translation(number, replace(translation_state, problem=refused))
            yield from () if turn is None else (turn,)
            return
        if (turn := conversation.put_translation(number, translation_state)) is None:
            return
        yield turn
        ended = replace(translation_state, problem=say(language, "error_internal"))
        try:
            for event in self.translation(*place, turn.language, "page"):
                if not conversation.is_translating(number, place):
                    return
                if isinstance(event, Translation):
                    ended = replace(translation_state, translation=event)
                elif isinstance(event, Queued):
                    turn = conversation.put_translation(
                        number, replace(translation_state, ahead=event.ahead)
                    )
                    yield from () if turn is None else (turn,)
        except ArticleMissing:
            ended = replace(translation_state, problem=say(language, "article_gone"))
        except KonkyoError as exc:
            ended = replace(translation_state, problem=str(exc))
        finally:
            turn = conversation.put_translation(number, ended)
        yield from () if turn is None else (turn,)

    @property
    def reader(self) -> Reader:
        """The pipeline. Raises NotReady while there is none."""
        if self._reader is None:
            raise NotReady(self._problem or "the models are still being loaded; try again soon")
        return self._reader

    def wait(self, seconds: float) -> bool:
        """Wait until it is settled whether questions can be answered; say whether it is."""
        return self._settled.wait(seconds)

    def article(self, article_id: str) -> Article:
        """One article. Raises ArticleMissing, also while not ready."""
        if self._reader is None:
            raise ArticleMissing(article_id)
        return self._reader.article(article_id)


def _shelf(reader: Reader) -> IndexSummary:
    newest: list[ArticleSummary] = []
    languages: Counter[str] = Counter()
    outlets: Counter[str] = Counter()
    for summary in reader.store.articles(_NO_FILTER):
        if len(newest) < _NEWEST:
            newest.append(summary)
        languages[summary.language] += 1
        if summary.outlet:
            outlets[summary.outlet] += 1
    return IndexSummary(
        languages.total(),
        tuple(newest),
        tuple(name for name, _ in languages.most_common()),
        tuple(sorted(name for name, _ in outlets.most_common(_OUTLETS))),
    )


@cache
def _form() -> TypeAdapter[_Saved]:
    """Between a saved conversation and JSON; made when first needed."""
    from pydantic import TypeAdapter

    return TypeAdapter(_Saved)


def _stopped(turn: Turn) -> Turn:
    if turn.state in _SETTLED:
        return turn
    return replace(turn, state="stopped")
