"""Questions that the articles answer, for readers who have not asked yet."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from konkyo.index.errors import KonkyoError
from konkyo.ui.web.i18n import LANGUAGES, Language

__all__ = ["ExampleQuestions"]

_log = logging.getLogger(__name__)


class ExampleQuestions:
    """Finds out what is to be offered in each language. Threads may share it.

    ``suggested`` returns questions in a language; ``version`` tells the states of the index apart.
    """

    def __init__(
        self, suggested: Callable[[Language], tuple[str, ...]], version: Callable[[], int]
    ) -> None:
        self._suggested = suggested
        self._version = version
        self._found: Mapping[Language, tuple[str, ...]] = {}
        self._finding = threading.Lock()

    def of(self, language: Language) -> tuple[str, ...] | None:
        """Returns the questions in a language; None while they are being found."""
        return self._found.get(language)

    def find(self) -> None:
        """Ask what is to be offered, unless that is under way.

        Again where the index changed meanwhile: what was found may be about articles that are gone.
        """
        version = None
        while version != self._version() and self._finding.acquire(blocking=False):
            version = self._version()
            try:
                for language in LANGUAGES:
                    self._found = {**self._found, language: self._suggested(language)}
            except KonkyoError as exc:
                _log.warning("no example questions: %s", exc)
            finally:
                self._found = {code: self._found.get(code, ()) for code in LANGUAGES}
                self._finding.release()

    def find_in_background(self) -> None:
        """The same in a thread of its own."""
        threading.Thread(target=self.find, name="konkyo-examples", daemon=True).start()
