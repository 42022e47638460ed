"""One event on the page, without Gradio's types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from konkyo.index.text.unicode import well_formed
from konkyo.ui.web.conversation import Conversation
from konkyo.ui.web.i18n import Language

__all__ = ["Visit"]

_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Visit:
    """Who caused an event, and what it carries.

    ``session`` is that of the browser's tab. ``limited_as`` is by what the reader's questions are
    counted; ``editor`` is whether they may change the index; ``data`` is what the page's script
    sent along; ``user`` is their name, or where they are.
    """

    language: Language
    conversation: Conversation
    session: str
    editor: bool
    limited_as: str
    data: Mapping[str, object] = field(default_factory=dict)
    user: str = ""

    def value(self, name: str) -> str:
        """Returns one value of the data as text; empty if there is none."""
        value = self.data.get(name)
        return well_formed(str(value)) if isinstance(value, (str, int)) else ""

    def number(self, name: str) -> int | None:
        """Returns one value of the data as a number; None if it is not a number."""
        value = self.value(name)
        return int(value) if value.isdecimal() and len(value) <= _DIGITS else None
