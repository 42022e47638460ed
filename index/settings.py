"""Frozen settings, read once: flags over environment over ``konkyo.toml`` over defaults.

    store = ".konkyo/store"
    calibration = "own.json"        what konkyo eval calibrate wrote; empty: the shipped one
    [embedding]     model, threads
    [chunks]        budget, overlap
    [index]         removal_limit
    [reading]       seconds, memory
    [llm]           kind, model, base_url, api_key_env, timeout, retries, contract,
                    price_in, price_out
    [retrieval]     dense_weight, candidates, top_k
    [answers]       phrasing, strictness
    [watch]         sources, hours
    [chat]          host, port, rate, concurrent, password_file, editor_password_file,
                    keys_file, log, names, origins, user_header, editors, grace, stale_after,
                    conversations, turns, conversation_days, sharing
    [oidc]          issuer, client_id, client_secret_env, scope, role_claim, editors, readers,
                    hours

In the environment a section and its key are joined by two underscores
(``KONKYO_LLM__MODEL``). A key nobody knows is an error that names it and where it stands.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from konkyo.index.errors import SettingsError

__all__ = [
    "CONFIG_NAME",
    "AnswerSettings",
    "ChatSettings",
    "ChunkSettings",
    "EmbeddingSettings",
    "IndexSettings",
    "LLMSettings",
    "OpenIDSettings",
    "ReadingSettings",
    "RetrievalSettings",
    "Settings",
    "WatchSettings",
    "config_file",
    "load_settings",
]

CONFIG_NAME = "konkyo.toml"

_CONFIG_VARIABLE = "KONKYO_CONFIG"
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_ORIGIN = re.compile(r"https?://[a-z0-9_.-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EmbeddingSettings(_Section):
    """Which model turns text into vectors; ``threads`` 0 means one a core."""

    model: str = "multilingual-e5-small"
    threads: int = Field(default=0, ge=0)


class ChunkSettings(_Section):
    """How articles are cut, in tokens of the encoder's own tokenizer."""

    budget: int = Field(default=192, ge=8)
    overlap: int = Field(default=0, ge=0)


class IndexSettings(_Section):
    """``removal_limit`` is the share of all articles that may be removed without asking."""

    removal_limit: float = Field(default=0.2, ge=0, le=1)


class ReadingSettings(_Section):
    """What one document may cost before it is given up as a failure.

    ``seconds`` is for reading and cutting it, and on Linux does not count waiting for a processor
    that has other work; ``memory`` is in MB beyond what the process that reads holds before it
    (Linux; elsewhere time alone is limited).
    """

    seconds: float = Field(default=30.0, gt=0)
    memory: int = Field(default=500, ge=16)


class LLMSettings(_Section):
    """Which language model there is; ``answers.phrasing`` says whether it phrases.

    A key for it is named by its environment variable, never stored. An empty ``model`` means the
    default of that kind; ``timeout`` is for a whole call, in seconds. Of a server: ``retries``
    after a fault that may pass; ``contract`` is how it is held to claims with citations (``auto``:
    by what it supports); prices are for a million tokens.
    """

    kind: Literal["embedded", "openai", "ollama", "none"] = "embedded"
    model: str = ""
    base_url: str = ""
    api_key_env: str = ""
    timeout: float = Field(default=120.0, gt=0)
    retries: int = Field(default=2, ge=0, le=10)
    contract: Literal["auto", "grammar", "json", "lines"] = "auto"
    price_in: float = Field(default=0.0, ge=0)
    price_out: float = Field(default=0.0, ge=0)


class RetrievalSettings(_Section):
    """How passages are found. None: the fitted default.

    ``dense_weight`` is the share of meaning against words; ``candidates`` is how many passages
    each of the two proposes; twice ``top_k`` are found in the question's language; ``reranker``
    names a cross-encoder (a folder or a hub id) that puts the best of them in order.
    """

    dense_weight: float | None = Field(default=None, ge=0, le=1)
    candidates: int | None = Field(default=None, ge=1)
    top_k: int | None = Field(default=None, ge=1)
    reranker: str = ""


class AnswerSettings(_Section):
    """How answers are put.

    ``phrasing``: whether a language model may phrase them (``auto``: one that is not embedded and
    small). ``strictness`` is from 0 (answer even if unsure) to 1 (only if certain); 0.5 is the
    threshold that was fitted, and each 0.1 multiplies the odds asked for by 2.2. ``languages`` are
    those whose articles may answer, by their codes (ja, en); none named: all.
    """

    phrasing: Literal["auto", "always", "never"] = "auto"
    strictness: float = Field(default=0.5, ge=0, le=1)
    languages: tuple[str, ...] = ()

    @field_validator("languages")
    @classmethod
    def _are_codes(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        for code in languages:
            if not _LANGUAGE.fullmatch(code):
                raise ValueError(f"{code} is not the code of a language, like ja or en")
        return languages


class WatchSettings(_Section):
    """What the chat reads again on a schedule: files, folders, pages and feeds; nothing by default.

    ``hours`` is how long after one reading the next one begins. Addresses are fetched from the
    network.
    """

    sources: tuple[str, ...] = ()
    hours: float = Field(default=6.0, ge=0.25, le=8760)


class ChatSettings(_Section):
    """Where the chat listens, who may come in and how often.

    ``rate`` is questions a minute and ``concurrent`` questions at once for each caller of the
    HTTP interface (0: no limit); the files hold passwords and keys, never the settings.
    ``names`` are host names by which a proxy on this machine passes requests on; ``origins`` are
    those of other sites whose pages may call the HTTP interface (https://a.example);
    ``user_header`` is the header in which that proxy says who signed in, and ``editors`` are those
    of them who may change the index. ``grace`` is how long, in seconds, a server that is told to
    end (SIGTERM) goes on with the answers under way. ``stale_after`` is the age of the newest
    article, in days, from which answers warn that newer events are not known (0: never). A reader
    keeps so many ``conversations`` of so many ``turns`` each; the one changed longest ago makes
    room for a new one, unless it is pinned, and one not changed for ``conversation_days`` goes
    (0: it stays). ``sharing`` lets readers share an answer by a link, for those who may use the
    page (``readers``) or for ``anyone`` who has it.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    rate: int = Field(default=120, ge=0)
    concurrent: int = Field(default=8, ge=0)
    password_file: str = ""
    editor_password_file: str = ""
    keys_file: str = ""
    log: Literal["text", "json"] = "text"
    names: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    user_header: str = ""
    editors: tuple[str, ...] = ()
    grace: float = Field(default=30.0, ge=0)
    stale_after: int = Field(default=0, ge=0)
    conversations: int = Field(default=100, ge=1, le=1000)
    turns: int = Field(default=50, ge=1, le=500)
    conversation_days: int = Field(default=365, ge=0)
    sharing: Literal["off", "readers", "anyone"] = "off"

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin.lower()):
                raise ValueError(f"{origin} is not an origin like https://a.example")
        return tuple(origin.lower() for origin in origins)


class OpenIDSettings(_Section):
    """Signing in through an OpenID provider, instead of passwords.

    ``issuer`` is its address as it names itself, ``client_id`` the name it knows this server by;
    ``client_secret_env`` names the environment variable that holds the secret (empty: a public
    client, by PKCE alone). ``role_claim`` is the claim whose values make somebody one of
    ``editors`` or ``readers``; without ``readers`` whoever signs in may read. A sign-in is good
    for ``hours``.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret_env: str = ""
    scope: str = "openid email profile"
    role_claim: str = ""
    editors: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()
    hours: float = Field(default=12.0, gt=0, le=168)


class Settings(BaseSettings):
    """Everything that may be set; make it with ``load_settings``."""

    model_config = SettingsConfigDict(
        env_prefix="KONKYO_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )
    toml_values: ClassVar[Mapping[str, object]] = {}

    store: str = ".konkyo/store"
    calibration: str = ""
    embedding: EmbeddingSettings = EmbeddingSettings()
    chunks: ChunkSettings = ChunkSettings()
    index: IndexSettings = IndexSettings()
    reading: ReadingSettings = ReadingSettings()
    llm: LLMSettings = LLMSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answers: AnswerSettings = AnswerSettings()
    watch: WatchSettings = WatchSettings()
    chat: ChatSettings = ChatSettings()
    oidc: OpenIDSettings = OpenIDSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags over environment over file."""
        file = InitSettingsSource(settings_cls, init_kwargs=dict(cls.toml_values))
        return init_settings, env_settings, file


def config_file() -> Path:
    """Returns the file that KONKYO_CONFIG names, else ``konkyo.toml`` of the current folder."""
    return Path(os.environ.get(_CONFIG_VARIABLE) or CONFIG_NAME)


def load_settings(
    config: Path | None = None, flags: Mapping[str, Mapping[str, object] | object] | None = None
) -> Settings:
    """Read the settings once.

    ``config`` names the file; without it, KONKYO_CONFIG does. Where neither is given,
    ``konkyo.toml`` of the current folder is read if there is one. ``flags`` are values given on
    the command line, by section; None values are ignored. Raises SettingsError that names the key
    and the file.
    """
    file = config or config_file()
    values = _read(file, must_exist=config is not None or bool(os.environ.get(_CONFIG_VARIABLE)))
    if "toml_values" in values:
        raise SettingsError(f"{file}: toml_values is not a setting")
    loaded = type("Settings", (Settings,), {"toml_values": values, "__doc__": Settings.__doc__})
    try:
        settings: Settings = loaded(**_given(flags or {}))
    except ValidationError as exc:
        raise _translated(exc, file, values) from exc
    if settings.chunks.overlap >= settings.chunks.budget:
        raise SettingsError(
            f"chunks.overlap ({settings.chunks.overlap}) must be smaller than chunks.budget"
            f" ({settings.chunks.budget})"
        )
    return settings


def _read(file: Path, *, must_exist: bool) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError as exc:
        if must_exist:
            raise SettingsError(f"{file}: no such settings file") from exc
        return {}
    except OSError as exc:
        raise SettingsError(f"{file}: cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{file}: not UTF-8; save it as UTF-8") from exc
    except tomllib.TOMLDecodeError as exc:
        raise SettingsError(f"{file}: not valid TOML: {exc}") from exc


def _given(flags: Mapping[str, Mapping[str, object] | object]) -> dict[str, object]:
    given: dict[str, object] = {}
    for key, value in flags.items():
        if isinstance(value, Mapping):
            inner = {k: v for k, v in value.items() if v is not None}
            if inner:
                given[key] = inner
        elif value is not None:
            given[key] = value
    return given


def _translated(exc: ValidationError, file: Path, values: Mapping[str, object]) -> SettingsError:
    """Name the first wrong key, where it stands and what was meant or is allowed."""
    problem = exc.errors()[0]
    path = [str(part) for part in problem["loc"]]
    key = ".".join(path)
    where = str(file) if _holds(values, path) else f"KONKYO_{'__'.join(path).upper()} or a flag"
    if problem["type"] == "extra_forbidden":
        known = _known(Settings.model_fields, path[:-1])
        near = difflib.get_close_matches(path[-1], known, 1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
        return SettingsError(f"{where}: no setting is called {key}; {hint}")
    return SettingsError(f"{where}: {key}: {problem['msg']} (given: {problem['input']!r})")


def _holds(values: object, path: list[str]) -> bool:
    for part in path:
        if not isinstance(values, Mapping) or part not in values:
            return False
        values = values[part]
    return True


def _known(fields: Mapping[str, FieldInfo], path: list[str]) -> list[str]:
    for part in path:
        annotation = fields[part].annotation if part in fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        fields = annotation.model_fields
    return list(fields)
