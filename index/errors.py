"""Every error Konkyo raises on purpose.

KonkyoError                 exit code 1
├── UsageError              exit code 2: what was asked for cannot be asked
│   ├── QuestionTooLong     a question has more letters than are read
│   ├── RemovalRefused      too many articles would be removed without anybody's consent
│   └── SettingsError       a setting is unknown or out of range
├── SourceError             a source cannot be read (names it and the reason)
├── ModelError              a model is missing, damaged or cannot be had
│   ├── ModelUnknown        no such name in the catalogue
│   ├── ModelMissing        known, but not pulled yet
│   ├── ModelDamaged        its bytes are not what the catalogue promises
│   └── ModelUnreachable    the download failed
├── StoreError              the index cannot be used
│   ├── StoreMissing        nothing is there
│   ├── StoreDamaged        the database itself is damaged
│   ├── StoreFull           there is no room on its disk
│   ├── StoreLocked         somebody else is writing
│   ├── StoreMismatch       built with another model or other settings
│   ├── StoreUnreachable    its server does not answer
│   └── ArticleMissing      no article with that identifier
│       └── ArticleGone     it was in the index once
├── LLMError                the language model cannot answer
│   ├── LLMUnreachable      no answer from its address, or it cannot be loaded
│   │   └── LLMRefused      its server is there and refuses what it is asked
│   └── LLMTimeout          it took too long
├── QuestionTimeout         one question took more work than one may
├── WorkersLost             processes or machines that share the work are gone
├── DatasetError            an evaluation file is malformed (names file and line)
└── ExtraMissing            an optional dependency is not installed (names the install)

Each message says what happened and what to do next.
"""

from __future__ import annotations

__all__ = [
    "ArticleGone",
    "ArticleMissing",
    "DatasetError",
    "ExtraMissing",
    "KonkyoError",
    "LLMError",
    "LLMRefused",
    "LLMTimeout",
    "LLMUnreachable",
    "ModelDamaged",
    "ModelError",
    "ModelMissing",
    "ModelUnknown",
    "ModelUnreachable",
    "QuestionTimeout",
    "QuestionTooLong",
    "RemovalRefused",
    "SettingsError",
    "SourceError",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreLocked",
    "StoreMismatch",
    "StoreMissing",
    "StoreUnreachable",
    "UsageError",
    "WorkersLost",
]


class KonkyoError(Exception):
    """The root of the tree; ``exit_code`` is what the command line ends with."""

    exit_code = 1


class UsageError(KonkyoError):
    """What was asked for cannot be asked."""

    exit_code = 2


class QuestionTooLong(UsageError):
    """A question has more letters than are read."""


class RemovalRefused(UsageError):
    """More articles would be removed than the settings allow without asking."""

    def __init__(self, removed: int, total: int, limit: float) -> None:
        super().__init__(
            f"this would remove {removed} of {total} articles, a larger share than"
            f" index.removal_limit = {limit:g} allows; nothing was changed. Check that all sources"
            " are named and can be read; if this is what you want, repeat the command with --yes"
        )
        self.removed = removed
        self.total = total


class SettingsError(UsageError):
    """A setting is unknown, malformed or out of range."""


class SourceError(KonkyoError):
    """A source cannot be read; carries its name and the reason."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"{source}: {reason}")
        self.source = source
        self.reason = reason


class ModelError(KonkyoError):
    """A model is missing, damaged or cannot be had."""


class ModelUnknown(ModelError):
    """No model of that name is in the catalogue."""

    exit_code = 2


class ModelMissing(ModelError):
    """The model is known but has not been pulled."""


class ModelDamaged(ModelError):
    """The bytes of a model are not those the catalogue promises."""


class ModelUnreachable(ModelError):
    """A model could not be downloaded."""


class StoreError(KonkyoError):
    """The index cannot be used."""


class StoreMissing(StoreError):
    """There is no index where one was named."""


class StoreDamaged(StoreError):
    """The database itself, not merely a cache of it, is damaged."""


class StoreFull(StoreError):
    """The disk has no room for a change; nothing of it was kept."""


class StoreLocked(StoreError):
    """Another process is writing to the store."""


class StoreMismatch(StoreError):
    """The store was built with another model or other settings."""


class StoreUnreachable(StoreError):
    """The server that holds the store does not answer, or refuses us."""


class ArticleMissing(StoreError):
    """No article has the identifier that was asked for."""


class ArticleGone(ArticleMissing):
    """The article was in the index once, and is not there any more."""


class LLMError(KonkyoError):
    """The language model cannot answer."""


class LLMUnreachable(LLMError):
    """The language model cannot be reached or loaded."""


class LLMRefused(LLMUnreachable):
    """The server of the language model is there, and refuses or fails what it is asked."""


class LLMTimeout(LLMError):
    """The language model took longer than it may."""


class QuestionTimeout(KonkyoError):
    """The work on one question took more processor time than one question may."""


class WorkersLost(KonkyoError):
    """Processes or machines that share the work are gone, or cannot be reached."""


class DatasetError(KonkyoError):
    """An evaluation file is malformed; the message names file and line."""

    exit_code = 2


class ExtraMissing(KonkyoError):
    """An optional dependency is not installed; the message names the install."""
