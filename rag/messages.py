"""What Konkyo itself says to a reader, by language; the texts are in ``messages.toml``."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Literal, get_args

from konkyo.index.errors import KonkyoError
from konkyo.rag.types import RefusalReason, RemovedReason

__all__ = [
    "Messages",
    "NoticeKey",
    "notice_text",
    "parse_messages",
    "refusal_text",
    "removed_text",
    "translation_text",
]

NoticeKey = Literal[
    "conflict",
    "premise",
    "premise_unwon",
    "llm_unavailable",
    "llm_stopped",
    "filter_opened",
    "filter_applied",
    "quotes_only",
]
TranslationKey = Literal["machine", "doubtful"]

_FILE = "messages.toml"
_LANGUAGES = frozenset({"en", "ja", "ko", "zh"})
_FALLBACK = "en"

_Table = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Messages:
    """Texts by group, key and language (ISO 639-1)."""

    refusal: _Table
    removed: _Table
    notice: _Table
    translation: _Table


_KEYS: dict[str, tuple[str, ...]] = {
    "refusal": get_args(RefusalReason),
    "removed": get_args(RemovedReason),
    "notice": get_args(NoticeKey),
    "translation": get_args(TranslationKey),
}


def parse_messages(text: str, file: str = _FILE) -> Messages:
    """Read and check messages. Raises KonkyoError, naming file and key."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise KonkyoError(f"{file}: not TOML: {exc}; reinstall konkyo") from exc
    _require_same(file, "", data, [f.name for f in fields(Messages)])
    for group, keys in _KEYS.items():
        _require_same(file, group, data[group], keys)
        for key in keys:
            _check(file, f"{group}.{key}", data[group][key])
    return Messages(**data)


def _require_same(file: str, key: str, found: object, wanted: Collection[str]) -> None:
    names = set(found) if isinstance(found, dict) else set()
    if wrong := names ^ set(wanted):
        where = ", ".join(sorted(f"{key}.{name}".lstrip(".") for name in wrong))
        raise KonkyoError(f"{file}: {where}: missing or not known; reinstall konkyo")


def _check(file: str, key: str, texts: Mapping[str, object]) -> None:
    """Every language has a text, and all texts have the same placeholders."""
    _require_same(file, key, texts, _LANGUAGES)
    wanted = _placeholders(texts[_FALLBACK])
    for language, text in texts.items():
        if wanted is None or not text or _placeholders(text) != wanted:
            raise KonkyoError(
                f"{file}: {key}.{language}: must be a text with the placeholders"
                f" {sorted(wanted or ())}; reinstall konkyo"
            )


def _placeholders(text: object) -> set[str] | None:
    """Names in braces; ``None`` for what is no text or has a brace too many."""
    if not isinstance(text, str):
        return None
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}
    except ValueError:
        return None


@cache
def _shipped() -> Messages:
    return parse_messages(resources.files("konkyo.rag").joinpath(_FILE).read_text("utf-8"))


def _in_language(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language, texts[_FALLBACK])


def refusal_text(reason: RefusalReason, language: str) -> str:
    """What a reader is told when the articles do not say."""
    return _in_language(_shipped().refusal[reason], language)


def removed_text(reason: RemovedReason, language: str) -> str:
    """Why a sentence was removed."""
    return _in_language(_shipped().removed[reason], language)


def notice_text(key: NoticeKey, language: str, **values: str) -> str:
    """A notice by its key, with its values filled in."""
    return _in_language(_shipped().notice[key], language).format(**values)


def translation_text(key: TranslationKey, language: str, *, model: str) -> str:
    """What stands beside a translation: who made it, and that it is not the source."""
    return _in_language(_shipped().translation[key], language).format(model=model)
