"""The chat without a web framework: readiness, questions, and the turn after each event."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from typing import Literal

from cachetools import LRUCache

from konkyo.index.errors import KonkyoError
from konkyo.index.records import Article, ArticleSummary, Filter
from konkyo.index.text.unicode import well_formed
from konkyo.rag.answer_style import Phrasing, writes_well
from konkyo.rag.citation_state import CitedStore
from konkyo.rag.conversation import Turn as Past
from konkyo.rag.generation.llm import NoLLM
from konkyo.rag.suggestions import suggested_questions
from konkyo.rag.types import Event
from konkyo.ui.server.conversation_store import ConversationStore
from konkyo.ui.server.llm_queue import Heartbeat, LLMQueue, Queued, in_line
from konkyo.ui.server.telemetry import Channel, Telemetry
from konkyo.ui.web.citation_notes import CitationNotes
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.conversations import Conversations
from konkyo.ui.web.error_words import error_message
from konkyo.ui.web.example_questions import ExampleQuestions
from konkyo.ui.web.i18n import Language, Message
from konkyo.ui.web.index_check import IndexCheck
from konkyo.ui.web.index_retry import IndexRetry
from konkyo.ui.web.index_summary import days_since, summary_of
from konkyo.ui.web.pipeline_protocol import ChatPipeline, IndexAway, NotReady
from konkyo.ui.web.quote_translator import HEARTBEAT_SECONDS, QuoteTranslator
from konkyo.ui.web.turns import LENIENT, IndexSummary, Turn, advance

__all__ = ["QUESTION_LIMIT", "ChatService"]

QUESTION_LIMIT = 500

_IN_LINE = 5
_SEARCHES_A_CORE = 1
_REMEMBERED = 1000
_SUGGESTIONS = 4
_PATIENCE, _LOOK_SECONDS = 5.0, 0.05
_NO_FILTER = Filter()
_LOADING = "the models are still being loaded; try again soon"
_AWAY = "the server of the index does not answer; try again soon"
_UNUSABLE = "the index or a model cannot be used; the server's log says why"

_log = logging.getLogger(__name__)

Readiness = Literal["loading", "ready", "failed", "draining"]


class ChatService:
    """Answers the questions of all readers of one server.

    ``stale_after`` is the age of the newest article, in days, from which readers are warned (0:
    never).

    ``load`` makes the pipeline; it runs in the background when ``open`` is called, and may take
    seconds. Until then questions wait. Where the server of the index is away it runs again after a
    ``pause``, which waits some seconds and returns whether to give up.
    """

    def __init__(
        self,
        load: Callable[[], ChatPipeline],
        telemetry: Telemetry | None = None,
        conversation_store: ConversationStore | None = None,
        stale_after: int = 0,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        self._stale_after = stale_after
        self.failing_sources: Callable[[], int] = lambda: 0
        self._load = load
        self.conversations = Conversations(conversation_store)
        self._draining = threading.Event()
        self._answering = 0
        self.telemetry = telemetry or Telemetry()
        self._settled = threading.Event()
        # Nobody waits while the index is away.
        self._retry = IndexRetry(self._settled.set, pause or self._draining.wait)
        self._reader: ChatPipeline | None = None
        self._problem = ""
        self._index_summary: IndexSummary | None = None
        self._index_version = 0
        self._examples = ExampleQuestions(self._suggested_examples, lambda: self._index_version)
        self._searched: LRUCache[str, bool] = LRUCache(_REMEMBERED)
        self._searching = threading.Semaphore(_SEARCHES_A_CORE * (os.cpu_count() or 1))
        self._lock = threading.Lock()
        self._index_check = IndexCheck(self.renew)
        self.citations = CitationNotes(self._indexed)
        self.translator = QuoteTranslator(lambda: self.reader, self.telemetry)

    def open(self) -> None:
        """Start loading the pipeline, in the background."""
        threading.Thread(target=self._prepare, name="konkyo-load", daemon=True).start()

    def _prepare(self) -> None:
        self.conversations.purge()
        try:
            reader = self._retry.until_done(self._load)
            self._index_summary = self._retry.until_done(partial(summary_of, reader))
            self._reader = reader
        except KonkyoError as exc:
            self._problem = str(exc)
            _log.error("%s", exc)
        finally:
            self._retry.problem = ""
            if self._reader is None and not self._problem:
                self._problem = "unexpected error while loading; see the terminal"
            self._settled.set()
        self._examples.find()

    @property
    def readiness(self) -> Readiness:
        """Whether questions can be answered now; not for long where it is draining."""
        if self._draining.is_set():
            return "draining"
        if not self._settled.is_set():
            return "loading"
        return "ready" if self._reader is not None else "failed"

    def check_index(self) -> Readiness:
        """Ask the index now whether it can be read; a database may be gone and come back."""
        if self.readiness == "ready" and not self._index_check.now():
            return "failed"
        return self.readiness

    @property
    def index_readable(self) -> bool:
        """Whether the index could be read some seconds ago; a page may ask this at any time."""
        return not self._retry.problem and (self._reader is None or self._index_check.readable)

    @property
    def will_be_ready(self) -> bool:
        """Whether it gets ready by itself: it is loading, or waits for the index's server."""
        away = self.readiness == "failed" and bool(self._retry.problem)
        return away or self.readiness == "loading"

    @property
    def problem(self) -> str:
        """Why it is not ready; empty if it is, or may still be."""
        return self._problem or self._retry.problem

    @property
    def index_summary(self) -> IndexSummary | None:
        """What the index holds; None before that is known."""
        return self._index_summary

    def examples(self, language: Language) -> tuple[str, ...] | None:
        """Returns questions that the articles answer; None while that is being found out."""
        return self._examples.of(language)

    def suggested_questions(
        self,
        articles: Sequence[ArticleSummary],
        language: Language,
        count: int = _SUGGESTIONS,
        asked: Sequence[str] = (),
        where: Filter = _NO_FILTER,
        pause: Callable[[], object] = lambda: None,
    ) -> tuple[str, ...]:
        """Returns questions that articles answer under a filter, none of them in ``asked``.

        Asks those that were not asked before, some tenths of a second each.
        """
        if self._reader is None:
            return ()
        return suggested_questions(
            self._reader, articles, language, count, asked=asked, where=where, pause=pause
        )

    def wait_until_idle(self) -> bool:
        """Wait, for some seconds at most, until none is answered; returns whether none is."""
        until = time.monotonic() + _PATIENCE
        while self._answering and time.monotonic() < until and not self._draining.is_set():
            time.sleep(_LOOK_SECONDS)
        return not self._answering

    def _suggested_examples(self, language: Language) -> tuple[str, ...]:
        """Returns questions on the newest articles, those in the language before others."""
        newest = self._index_summary.newest if self._index_summary is not None else ()
        articles = sorted(newest, key=lambda article: article.language != language)
        return self.suggested_questions(articles, language, pause=self.wait_until_idle)

    def drain(self) -> None:
        """Report from now on that no questions should be sent here; answer those that come."""
        self._draining.set()

    @property
    def answering(self) -> int:
        """How many questions are being answered."""
        return self._answering

    def ask(
        self,
        conversation: Conversation,
        question: str,
        where: Filter = _NO_FILTER,
        refused: Message | None = None,
        *,
        details: bool = False,
        lenient: bool = False,
    ) -> Iterator[Turn]:
        """Answer one question; yields the turn after each change, until it is done or stopped.

        It waits behind earlier questions of its conversation. Errors become a turn that says so.
        ``refused`` is why the question may not be asked at all; ``details`` tells the message of
        an error too, which may name folders and machines; ``lenient`` tells what is unsure, too.
        """
        question = well_formed(question)
        ready = self._settled.is_set()
        if len(question) > QUESTION_LIMIT:
            refused = Message("too_long", {"limit": QUESTION_LIMIT})
        elif conversation.waiting >= _IN_LINE:
            refused = Message("too_many_waiting")
        state: Literal["waiting", "searching"] = "searching" if ready else "waiting"
        turn = conversation.begin(question, state, filtered=not where.empty, lenient=lenient)
        if refused is not None:
            turn = replace(turn, state="failed", failure=refused)
            conversation.update(turn)
            yield turn
            return
        self.conversations.save(conversation, turn)
        yield turn
        try:
            yield from self._in_turn(conversation, turn, where, details)
        finally:
            self.conversations.save(conversation, conversation.turn(turn.number))

    def _in_turn(
        self, conversation: Conversation, turn: Turn, where: Filter, details: bool
    ) -> Iterator[Turn]:
        yield from conversation.wait_for_earlier(turn)
        if turn.state != "searching":
            self._settled.wait()
            turn = replace(turn, state="searching", ahead=0)
            if not conversation.update(turn):
                return
            yield turn
        yield from self._answer(conversation, turn, where, details)

    def _answer(
        self, conversation: Conversation, turn: Turn, where: Filter, details: bool
    ) -> Iterator[Turn]:
        finished = False
        history = conversation.history(turn.number)
        try:
            self.renew()
            turn = self._dated(turn)
            if conversation.index_version not in (None, self._index_version):
                turn = replace(turn, messages=(*turn.messages, Message("newer")))
            conversation.index_version = self._index_version
            level = LENIENT if turn.lenient else None
            events = self.events(
                turn.question, "page", history=history, where=where, strictness=level
            )
            for event in events:
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
            why = self.problem if isinstance(exc, NotReady) else str(exc)
            _log.warning("a question was not answered: %s", why)
            told = error_message(exc)
            detail = why if details else ""
            turn = replace(turn, state="failed", failure=told, error_detail=detail)
            finished = True
            if conversation.update(turn):
                yield turn
        finally:
            if not finished:
                # Stopped, or an error that is not ours and that the server will log.
                failed = replace(turn, state="failed", claims=())
                conversation.update(failed)

    def _dated(self, turn: Turn) -> Turn:
        """Returns a turn that says how new the articles are, and which model there is."""
        newest = self._index_summary.newest_date if self._index_summary is not None else ""
        messages = turn.messages
        if self._stale_after and newest and days_since(newest) > self._stale_after:
            messages = (*messages, Message("stale", {"date": newest}))
        if failing := self.failing_sources():
            messages = (*messages, Message("sources_failing", {"count": failing}))
        reader = self._reader
        model = reader.llm.name if reader is not None and reader.llm.name != NoLLM.name else ""
        return replace(turn, newest=newest, model=model, messages=messages)

    def renew(self) -> bool:
        """Read the newest generation of the index from now on; returns whether it changed."""
        reader = self._reader
        if reader is None or not reader.refresh():
            return False
        self._index_summary = summary_of(reader)
        self._index_version += 1
        self._examples.find_in_background()
        return True

    def events(
        self,
        question: str,
        channel: Channel,
        *,
        history: Sequence[Past] = (),
        where: Filter = _NO_FILTER,
        gone: threading.Event | None = None,
        phrasing: Phrasing | None = None,
        strictness: float | None = None,
    ) -> Iterator[Event | Queued | Heartbeat]:
        """Yields what happens while one question is answered, for the page and for programs.

        Something comes at least every second, so that a reader who left is noticed; a caller who
        knows it sooner sets ``gone``. ``phrasing`` and ``strictness`` win over the settings.
        Raises KonkyoError, also while the models are not ready.
        """
        reader = self.reader
        watch = self.telemetry.watch(channel)
        with self._lock:
            self._answering += 1
        try:
            self.renew()
            if phrasing is not None or strictness is not None:
                reader = reader.styled(phrasing, strictness)
            run = partial(reader.stream, question, history=history, where=where)
            few = partial(self._few_at_once, run, question)
            queued = in_line(few, HEARTBEAT_SECONDS, gone=gone)
            with closing(queued) as events:
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

    def _few_at_once(self, run: Callable[[], Iterator[Event]], question: str) -> Iterator[Event]:
        """Yields the events of a run; few search at once, so that all have evidence sooner.

        What was asked before waits for nobody: what it needs was read then.
        """
        events = run()
        with self._lock:
            known = question in self._searched
        with nullcontext() if known else self._searching:
            first = next(events, None)
        with self._lock:
            self._searched[question] = True
        if first is not None:
            yield first
            yield from events

    @property
    def translates(self) -> bool:
        """Whether there is a language model that writes well enough to translate quotes."""
        return self._reader is not None and writes_well(self._reader.llm.name)

    def _indexed(self) -> tuple[CitedStore, int] | None:
        """The store and a number that tells its states apart; None while there is none."""
        return None if self._reader is None else (self._reader.store, self._index_version)

    @property
    def model_problem(self) -> str:
        """Why the language model does not answer, as far as is known; empty if it does."""
        llm = self._reader.llm if self._reader is not None else None
        return llm.problem if isinstance(llm, LLMQueue) else ""

    @property
    def reader(self) -> ChatPipeline:
        """The pipeline. Raises NotReady while there is none."""
        if self._reader is None:
            if self._retry.problem:
                raise IndexAway(_AWAY)
            raise NotReady(_UNUSABLE if self._problem else _LOADING)
        return self._reader

    def wait(self, seconds: float) -> bool:
        """Wait until loading has ended; returns whether it has."""
        return self._settled.wait(seconds)

    def article(self, article_id: str) -> Article:
        """Returns one article. Raises ArticleMissing, NotReady."""
        return self.reader.article(article_id)
