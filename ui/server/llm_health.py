"""Whether the language model answers: what questions showed, and now and then its server itself."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from konkyo.index.errors import LLMError, LLMRefused, LLMUnreachable

__all__ = ["CHECK_SECONDS", "LLMHealth"]

CHECK_SECONDS = 30.0
"""How long what was found out is kept."""
_SILENT_SECONDS = 10.0

_log = logging.getLogger(__name__)


class LLMHealth:
    """Remembers why a model does not answer, and finds out by itself where it has a server.

    ``check`` asks that server whether it is there, in a thread of its own: it raises LLMError where
    it is not. It is called at most once in so many ``seconds`` and only where no question showed
    anything meanwhile. ``clock`` counts seconds.

    A server that is there again clears a problem of reaching it, and one that it had before it was
    away. A model that refused or wrote nothing, or a question that took too long, is no such
    problem: only the next answer clears it.
    """

    def __init__(
        self,
        name: str,
        check: Callable[[], object] | None = None,
        *,
        seconds: float = CHECK_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._check = check
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._problem = ""
        self._away = False
        self._learned: float | None = None
        self._checking: float | None = None
        self._questions = 0

    def wrote(self, anything: bool) -> None:
        """Note that a question ended, and whether anything was written."""
        self._note("" if anything else f"{self._name}: wrote nothing", away=False)

    def failed(self, error: LLMError) -> None:
        """Note the error in which a question ended."""
        unreachable = isinstance(error, LLMUnreachable) and not isinstance(error, LLMRefused)
        self._note(str(error), away=unreachable)

    def problem(self, *, busy: bool) -> str:
        """Why the model does not answer; empty if it does. Waits for nothing.

        The server is asked again, in the background, where that was long ago; not while it is
        ``busy`` for us.
        """
        with self._lock:
            if not busy:
                self._check_if_due()
            began = self._checking
            silent = began is not None and self._clock() - began >= _SILENT_SECONDS
            return self._problem or (f"{self._name}: no answer yet" if silent else "")

    def _check_if_due(self) -> None:
        now = self._clock()
        known = self._learned is not None and now - self._learned < self._seconds
        if self._check is None or self._checking is not None or known:
            return
        self._checking = self._learned = now
        about = (self._check, self._questions)
        threading.Thread(target=self._ask, args=about, name="konkyo-llm-check", daemon=True).start()

    def _note(self, problem: str, *, away: bool) -> None:
        with self._lock:
            self._questions += 1
            self._learned = self._clock()
            self._problem, self._away = problem, away

    def _ask(self, check: Callable[[], object], questions: int) -> None:
        problem = "the check failed; the log says why"
        try:
            check()
            problem = ""
        except LLMError as exc:
            problem = str(exc)
        finally:
            with self._lock:
                self._checking = None
                # What a question showed meanwhile is newer.
                if questions == self._questions:
                    self._take(problem)

    def _take(self, problem: str) -> None:
        if problem:
            if not self._away:
                _log.warning("the language model does not answer: %s", problem)
            self._problem, self._away = problem, True
        elif self._away:
            self._problem, self._away = "", False
