"""The settings that editors change on a page, without a web framework."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from konkyo.index.errors import KonkyoError, SettingsError
from konkyo.index.settings import LLMSettings, Settings, config_file, load_settings
from konkyo.index.settings_file import Value, change_settings
from konkyo.ui.web.html.settings import Change, settings_form
from konkyo.ui.web.i18n import Language, say
from konkyo.ui.web.reasons import reason_words

__all__ = ["CHANGEABLE", "SettingsPage"]

CHANGEABLE = (
    "llm.kind",
    "llm.model",
    "llm.base_url",
    "answers.phrasing",
    "answers.strictness",
    "answers.languages",
    "watch.hours",
    "chat.stale_after",
    "chat.sharing",
)
"""The settings that can be changed on the page; secrets and passwords are none."""

_AT_ONCE = frozenset({"watch.hours", "chat.sharing"})
"""Those that hold at once; others hold from the next start."""

_LONGEST = 500


class SettingsPage:
    """Shows and writes the settings file of one server; ``changed`` is called with what holds now.

    ``environment`` is that of the program: what it sets is shown and cannot be changed here.
    A key is for the server it was set for: with another address or kind of model it is not sent
    along, and its name is taken out of the file; where the environment names the key, address and
    kind cannot be changed here.
    """

    def __init__(
        self,
        file: Path | None = None,
        changed: Callable[[Settings], object] = lambda settings: None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._file = file or config_file()
        self._changed = changed
        self._variables = {name.upper() for name in environment}

    def page(self, language: Language) -> str:
        """Returns the form with the values of now. Raises SettingsError."""
        settings = self._settings()
        changes = [
            Change(key, *_field(settings, key), set_by=self._variable(key)) for key in CHANGEABLE
        ]
        return settings_form(changes, str(self._file.resolve()), language)

    def save(self, said: Mapping[str, object], language: Language) -> tuple[bool, str]:
        """Write what was changed; returns whether it was written, and what to say."""
        try:
            settings = self._settings()
            changes = _changes(settings, said)
            self._require_no_key_sent(changes)
            self._require_llm_opens(changes)
            if changes:
                self._changed(change_settings(changes, self._file))
        except KonkyoError as exc:
            return False, reason_words(str(exc), language)
        now = changes and changes.keys() <= _AT_ONCE
        return True, say(language, "settings_hold" if now else "settings_saved")

    def test(self, said: Mapping[str, object], language: Language) -> tuple[bool, str]:
        """Ask the model that the form names for a word; returns whether it answered, and what."""
        from konkyo.rag.factory import try_llm

        try:
            answered = try_llm(self._llm(_changes(self._settings(), said)))
        except KonkyoError as exc:
            return False, reason_words(str(exc), language)
        return True, say(language, "model_answers", said=answered)

    def _require_no_key_sent(self, changes: Mapping[str, Value]) -> None:
        """Raise SettingsError where a key named by the environment would go to another server."""
        variable = self._variable("llm.api_key_env") or self._variable("llm")
        if "llm.api_key_env" in changes and variable:
            raise SettingsError(
                f"the environment variable {variable} sets the key, which would be sent to the new"
                " address; change them together where the server is started"
            )

    def _require_llm_opens(self, changes: Mapping[str, Value]) -> None:
        """Raise SettingsError where the server would not start again: no name or no address."""
        from konkyo.rag.factory import open_llm

        llm = self._llm(changes)
        if llm.kind in ("openai", "ollama") and any(key.startswith("llm.") for key in changes):
            open_llm(llm.kind, model=llm.model, base_url=llm.base_url)

    def _llm(self, changes: Mapping[str, Value]) -> LLMSettings:
        """What is set of the model after some changes. Raises SettingsError."""
        wanted = {
            key.removeprefix("llm."): "" if value is None else value
            for key, value in changes.items()
            if key.startswith("llm.")
        }
        return self._settings({"llm": wanted}).llm

    def _variable(self, key: str) -> str:
        """The environment variable that sets a key, whatever the file says; empty without one."""
        name = f"KONKYO_{key.replace('.', '__')}".upper()
        return name if name in self._variables else ""

    def _settings(self, instead: Mapping[str, Mapping[str, object]] | None = None) -> Settings:
        return load_settings(self._file if self._file.exists() else None, instead)


def _field(settings: Settings, key: str) -> tuple[FieldInfo, object]:
    section, _, name = key.partition(".")
    part = getattr(settings, section)
    assert isinstance(part, BaseModel)
    return type(part).model_fields[name], getattr(part, name)


def _changes(settings: Settings, said: Mapping[str, object]) -> dict[str, Value]:
    """What differs from the values of now; a number that is none is left to the settings to refuse.

    An empty text takes the key out of the file.
    """
    changes: dict[str, Value] = {}
    for key in CHANGEABLE:
        if key not in said:
            continue
        text = str(said[key]).strip()[:_LONGEST]
        current = _field(settings, key)[1]
        value: Value = text or None
        if isinstance(current, tuple):
            parts = re.split(r"[\s,、，]+", text.lower())
            value, current = [part for part in parts if part] or None, list(current) or None
        if isinstance(current, int | float) and text:
            try:
                value = float(text) if isinstance(current, float) else int(text)
            except ValueError:
                value = text
        if value != current and not (value is None and current == ""):
            changes[key] = value
    if changes.keys() & {"llm.base_url", "llm.kind"} and settings.llm.api_key_env:
        changes["llm.api_key_env"] = None
    return changes
