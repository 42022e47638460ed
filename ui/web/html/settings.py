"""The page on which editors change settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from konkyo.ui.web.html.elements import phrase
from konkyo.ui.web.i18n import Language, say

__all__ = ["Change", "settings_form"]


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that can be changed: its key (``llm.kind``), its form and its value now.

    ``set_by`` is the environment variable that sets it instead; empty where none does.
    """

    key: str
    field: FieldInfo
    value: object
    set_by: str = ""

    @property
    def words(self) -> str:
        """The key of the words that name it."""
        return f"set_{self.key.replace('.', '_')}"


def settings_form(changes: Sequence[Change], file: str, language: Language) -> str:
    """Returns the form; ``file`` is the settings file it writes."""
    rows = "".join(_row(change, language) for change in changes)
    return (
        f'<p class="k-note">{phrase(language, "settings_note")}'
        f' <bdi class="k-path">{escape(file)}</bdi></p>'
        f'<form id="k-settings" class="k-settings">{rows}'
        f'<p class="k-row-of"><button type="submit" class="k-button k-main-button">'
        f"{phrase(language, 'save')}</button>"
        f'<button type="button" class="k-button" data-act="test-model">'
        f"{phrase(language, 'test_model')}</button></p></form>"
        '<p id="k-told" role="status" dir="auto" hidden></p>'
    )


def _row(change: Change, language: Language) -> str:
    label = phrase(language, change.words)
    if change.set_by:
        set_by = phrase(language, "set_by", variable=change.set_by)
        label = say(language, "aside", said=label, x=set_by)
    return f"<label><span>{label}</span>{_control(change, language)}</label>"


def _control(change: Change, language: Language) -> str:
    kind = change.field.annotation
    shown = ", ".join(change.value) if isinstance(change.value, tuple) else str(change.value)
    value, fixed = escape(shown), " disabled" if change.set_by else ""
    named = f'name="{escape(change.key)}"{fixed}'
    if get_origin(kind) is Literal:
        options = "".join(
            f'<option value="{escape(one)}"{" selected" if one == change.value else ""}>'
            f"{phrase(language, f'choice_{one}')}</option>"
            for one in get_args(kind)
        )
        return f"<select {named}>{options}</select>"
    if kind in (int, float):
        bounds = "".join(
            f' {attribute}="{limit:g}"'
            for attribute, limits in (("min", ("ge", "gt")), ("max", ("le", "lt")))
            for limit in _limits(change.field, limits)
        )
        step, value = ("1" if kind is int else "any"), f"{change.value:g}"
        return f'<input type="number" {named} value="{value}" step="{step}"{bounds}>'
    return f'<input {named} value="{value}" spellcheck="false" dir="auto">'


def _limits(field: FieldInfo, names: Sequence[str]) -> list[float]:
    found = [getattr(one, name, None) for one in field.metadata for name in names]
    return [float(limit) for limit in found if limit is not None]
