"""What Konkyo itself says to a reader, by language; the texts are in ``data/messages.toml``."""

from __future__ import annotations

import string
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator
from pydantic.dataclasses import dataclass

from konkyo.index.text.word_data import CHECKED, word_data
from konkyo.rag.spoken import ByLanguage
from konkyo.rag.types import RefusalReason, RemovedReason

__all__ = [
    "MessageTable",
    "Messages",
    "NoticeKey",
    "notice_text",
    "refusal_text",
    "removed_text",
    "translation_text",
]

NoticeKey = Literal[
    "conflict",
    "changed",
    "greater",
    "sooner",
    "told_by",
    "one_article",
    "more_articles",
    "apart",
    "premise",
    "llm_unavailable",
    "llm_stopped",
    "llm_silent",
    "filter_opened",
    "filter_applied",
    "quotes_only",
    "source_corrected",
    "source_retracted",
    "as_of",
    "day_passed",
    "unsure",
    "searched_for",
    "part_missing",
    "left_out",
]
TranslationKey = Literal["machine", "doubtful"]

_Text = Annotated[str, Field(min_length=1)]


@dataclass(config=CHECKED, frozen=True)
class Messages(ByLanguage[str]):
    """One message in every language Konkyo speaks, each with the same placeholders."""

    en: _Text
    ja: _Text
    ko: _Text
    zh: _Text

    @field_validator("ja", "ko", "zh")
    @classmethod
    def _same_placeholders(cls, text: str, info: ValidationInfo) -> str:
        wanted = _placeholders(info.data.get("en", ""))
        if _placeholders(text) != wanted:
            raise ValueError(f"its placeholders must be {sorted(wanted)}, those of en")
        return text


@dataclass(config=CHECKED, frozen=True)
class MessageTable:
    """All messages by group and key."""

    refusal: dict[RefusalReason, Messages]
    removed: dict[RemovedReason, Messages]
    notice: dict[NoticeKey, Messages]
    translation: dict[TranslationKey, Messages]

    @field_validator("*")
    @classmethod
    def _complete(cls, group: dict[str, Messages], info: ValidationInfo) -> dict[str, Messages]:
        if missing := set(_KEYS[str(info.field_name)]) - set(group):
            raise ValueError(f"no message {', '.join(sorted(missing))}")
        return group


_KEYS: dict[str, tuple[str, ...]] = {
    "refusal": get_args(RefusalReason),
    "removed": get_args(RemovedReason),
    "notice": get_args(NoticeKey),
    "translation": get_args(TranslationKey),
}


def _placeholders(text: str) -> set[str]:
    """Names in braces. Raises ValueError for a brace too many."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _table() -> MessageTable:
    return word_data(MessageTable, "messages", "konkyo.rag")


def refusal_text(reason: RefusalReason, language: str) -> str:
    """What a reader is told when the articles do not say."""
    return _table().refusal[reason].by_language(language)


def removed_text(reason: RemovedReason, language: str) -> str:
    """Why a sentence was removed."""
    return _table().removed[reason].by_language(language)


def notice_text(key: NoticeKey, language: str, **values: str) -> str:
    """A notice by its key, with its values filled in."""
    return _table().notice[key].by_language(language).format(**values)


def translation_text(key: TranslationKey, language: str, *, model: str) -> str:
    """What stands beside a translation: who made it, and that it is not the source."""
    return _table().translation[key].by_language(language).format(model=model)
