"""What an address of a store on servers says, apart from its secrets."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

from konkyo.index.errors import UsageError
from konkyo.index.stores.address import kind_of, masked

__all__ = ["MilvusAddress", "SqlAddress", "parse"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_PASSWORD = "KONKYO_STORE_PASSWORD"  # The name of a variable, not a secret.
_TOKEN = "KONKYO_MILVUS_TOKEN"


@dataclass(frozen=True, slots=True)
class MilvusAddress:
    """Where Milvus is and which collection; ``options`` go to its client (TLS and the like)."""

    uri: str
    collection: str
    token: str = field(repr=False)
    options: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SqlAddress:
    """Where PostgreSQL is and which store in it.

    ``dsn`` is in libpq's own form and may hold a password, as may ``replicas`` (None: read
    where is written); ``shown`` is for people.
    """

    shown: str
    dsn: str = field(repr=False)
    replicas: str | None = field(repr=False)
    store: str
    milvus: MilvusAddress | None
    password: str = field(repr=False)


def parse(address: str) -> SqlAddress:
    """Read an address: ``postgresql://...`` or ``milvus://...?truth=postgresql://...``.

    Raises UsageError, which never holds a password.
    """
    shown = masked(address)
    try:
        if kind_of(address) == "milvus":
            head, mark, truth = address.partition("truth=")
            truth = unquote(truth) if re.match(r"[a-z]+%3a", truth, re.IGNORECASE) else truth
            if not mark or kind_of(truth) != "postgresql":
                raise UsageError(
                    f"{shown}: Milvus keeps vectors only; name the database of the articles at the"
                    " end: milvus://HOST:19530/COLLECTION?truth=postgresql://..."
                )
            milvus = _milvus(head.rstrip("?&"), shown)
            return _sql(truth, shown, milvus, milvus.collection)
        return _sql(address, shown, None, "konkyo")
    except ValueError as exc:
        raise UsageError(f"{shown}: not a valid address") from exc


def _sql(address: str, shown: str, milvus: MilvusAddress | None, default: str) -> SqlAddress:
    parts = urlsplit(address)
    # Of ours are two; all others are libpq's: TLS, time-outs, passfile, target_session_attrs ...
    ours = {"store": default, "replicas": ""}
    theirs = []
    for key, value in parse_qsl(parts.query, keep_blank_values=True):
        if key in ours:
            ours[key] = value
        else:
            theirs.append((key, value))
    if not _NAME.fullmatch(ours["store"]):
        raise UsageError(
            f"{shown}: {ours['store']!r} cannot be a store's name: small letters, digits and _,"
            " at most 31"
        )
    query = "&".join(f"{quote(key)}={quote(value, safe='')}" for key, value in theirs)
    dsn = urlunsplit(("postgresql", parts.netloc, parts.path, query, ""))
    user, _, hosts = parts.netloc.rpartition("@")
    password = os.environ.get(_PASSWORD, "") if ":" not in user else ""
    replicas = None
    if ours["replicas"]:
        # The primary comes last: it is read when no replica answers.
        every = f"{ours['replicas']},{hosts}" if hosts else ours["replicas"]
        netloc = f"{user}@{every}" if user else every
        kept = [
            (k, v) for k, v in theirs if k not in ("target_session_attrs", "load_balance_hosts")
        ]
        kept.append(("target_session_attrs", "prefer-standby"))
        query = "&".join(f"{quote(key)}={quote(value, safe='')}" for key, value in kept)
        replicas = urlunsplit(("postgresql", netloc, parts.path, query, ""))
    return SqlAddress(shown, dsn, replicas, ours["store"], milvus, password)


def _milvus(address: str, shown: str) -> MilvusAddress:
    parts = urlsplit(address)
    collection = parts.path.strip("/") or "konkyo"
    if not parts.hostname:
        raise UsageError(f"{shown}: names no host of Milvus")
    if not _NAME.fullmatch(collection):
        raise UsageError(
            f"{shown}: {collection!r} cannot be a collection's name: small letters, digits and _,"
            " at most 31"
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    secure = options.pop("secure", "false").lower() in ("1", "true", "yes")
    token = os.environ.get(_TOKEN, "")
    if parts.username:
        token = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    scheme = "https" if secure else "http"
    uri = f"{scheme}://{parts.hostname}:{parts.port or 19530}"
    return MilvusAddress(uri, collection, token, options)
