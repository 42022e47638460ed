"""Addresses of stores: what kind each is, and how it is shown without its secrets."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import unquote

from konkyo.index.errors import UsageError

__all__ = ["Kind", "beside", "kind_of", "masked", "without_scheme"]

Kind = Literal["local", "postgresql", "milvus"]

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
_ALIASES = {"file": "local", "postgres": "postgresql"}
# What stands between a scheme's slashes and the last @ before the path: users and passwords.
_USER = re.compile(r"(://)([^/?#@:]*)(:[^/?#]*)?(@)")
_SECRET = re.compile(
    r"([?&](?:password|sslpassword|passwd|token|secret|key)=)[^&#]*", re.IGNORECASE
)


def kind_of(address: str | Path) -> Kind:
    """What kind of store an address names. Raises UsageError for a scheme nobody knows."""
    match = _SCHEME.match(str(address))
    if match is None or isinstance(address, Path):
        return "local"
    scheme = _ALIASES.get(match[1].lower(), match[1].lower())
    for kind in get_args(Kind):
        if scheme == kind:
            found: Kind = kind
            return found
    raise UsageError(
        f"{masked(address)}: an index at {match[1]}:// is not supported by this version; give a"
        " folder, postgresql://... or milvus://..."
    )


def without_scheme(address: str | Path) -> Path:
    """The path of a local address, with or without ``file://``."""
    text = str(address)
    match = None if isinstance(address, Path) else _SCHEME.match(text)
    return Path(text if match is None else text[len(match[0]) :])


def masked(address: str | Path) -> str:
    """An address fit to be shown or logged: passwords and tokens give way to ``***``."""
    text = str(address)
    if isinstance(address, Path) or not _SCHEME.match(text):
        return text
    # An address inside an address (?truth=postgresql%3A//...) may be percent-encoded.
    if re.search(r"=[a-z0-9+.-]+%3a", text, re.IGNORECASE):
        text = unquote(text)
    text = _USER.sub(lambda m: m[1] + m[2] + (":***" if m[3] else "") + m[4], text)
    return _SECRET.sub(r"\1***", text)


def beside(address: str | Path, kind: Literal["cache", "data"]) -> Path:
    """A folder of this user's for a store on a server, named by its address without secrets."""
    import platformdirs

    base = (
        platformdirs.user_cache_path("konkyo")
        if kind == "cache"
        else platformdirs.user_data_path("konkyo")
    )
    name = hashlib.blake2b(masked(address).encode(), digest_size=8).hexdigest()
    return base / "stores" / name
