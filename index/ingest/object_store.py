"""Files on object stores (s3://, gs://, ...) as sources. The one owner of fsspec.

Who may read is settled by what each store's own library finds in the environment (AWS_*,
GOOGLE_APPLICATION_CREDENTIALS, the machine's role); nothing of it is ever part of an address.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

from konkyo.index.errors import ExtraMissing, SourceError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["StoredObject", "find_objects", "is_object_address", "object_head", "open_object"]

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
# The object stores themselves, whose servers the environment names and no address can.
_STORES = frozenset({"abfs", "abfss", "az", "gcs", "gs", "memory", "oss", "s3", "s3a"})
_NOT_OBJECTS = frozenset({"http", "https", "file"})
# What stores call the thing that changes with the content, the most exact first.
_MARKS = ("ETag", "etag", "md5Hash", "generation", "LastModified", "updated", "mtime", "created")
# What clients raise that is neither an OSError nor a ValueError, where they are loaded.
_FOREIGN = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("aiohttp", "ClientError"),
)


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object: its address, and a mark that changes with it (None: it has none)."""

    address: str
    stamp: str | None


def is_object_address(source: str) -> bool:
    """Whether a source is an address of an object store, not a path, a web page or file://."""
    match = _SCHEME.match(source)
    return match is not None and match[1].lower() not in _NOT_OBJECTS


def find_objects(address: str) -> list[StoredObject]:
    """The object of that address, all below it, or all that fit its pattern, by address.

    Below a prefix, names that begin with a dot are left out. Raises SourceError, ExtraMissing.
    """
    with _translated(address):
        system, path = _system(address)
        system.invalidate_cache()
        if any(c in path for c in "*?["):
            found = system.glob(path, detail=True)
            if not found:
                raise SourceError(address, "no object matches this pattern")
            objects = {k: v for k, v in found.items() if v.get("type") != "directory"}
            return _sorted(system, objects)
        if system.isfile(path):
            return _sorted(system, {path: system.info(path)})
        objects = system.find(path, detail=True)
        if not objects:
            raise SourceError(address, "no object is there; check the address and who may read it")
        root = path.rstrip("/")
        return _sorted(
            system, {k: v for k, v in objects.items() if "/." not in k.removeprefix(root)}
        )


@contextmanager
def open_object(address: str) -> Iterator[BinaryIO]:
    """The content of an object as a file, read as it comes. Raises SourceError, ExtraMissing."""
    with _translated(address):
        system, path = _system(address)
        with system.open(path, "rb") as file:
            yield file


def object_head(address: str, size: int) -> bytes:
    """The first bytes of an object. Raises SourceError, ExtraMissing."""
    with _translated(address):
        system, path = _system(address)
        return bytes(system.cat_file(path, start=0, end=size))


def _sorted(
    system: AbstractFileSystem, found: Mapping[str, Mapping[str, object]]
) -> list[StoredObject]:
    return [
        StoredObject(str(system.unstrip_protocol(path)), _stamp(facts))
        for path, facts in sorted(found.items())
    ]


def _stamp(facts: Mapping[str, object]) -> str | None:
    """Size and mark of an object in one word."""
    mark = next((facts[name] for name in _MARKS if facts.get(name) is not None), None)
    if mark is None:
        return None
    said = mark.isoformat() if isinstance(mark, datetime) else str(mark)
    return f"{facts.get('size')}-{re.sub(r'[^0-9A-Za-z.:+_-]', '', said)}"


def _system(address: str) -> tuple[AbstractFileSystem, str]:
    from fsspec.core import url_to_fs

    scheme = address.split("://", 1)[0].lower()
    if scheme not in _STORES or "::" in address:
        # fsspec also knows web pages, other machines' disks and chains of such (zip://a::http://b),
        # none of which passes the checks of addresses that are fetched.
        raise SourceError(
            address, f"not the address of an object; Konkyo reads {', '.join(sorted(_STORES))}"
        )
    try:
        system, path = url_to_fs(address)
    except ImportError as exc:
        raise ExtraMissing(
            f"{address}: its client is not installed ({exc}); pip install 'konkyo[objects]'"
        ) from exc
    return system, str(path)


@contextmanager
def _translated(address: str) -> Iterator[None]:
    try:
        yield
    except _failures() as exc:
        raise SourceError(address, _why(exc)) from exc


def _failures() -> tuple[type[Exception], ...]:
    loaded = ((sys.modules.get(module), name) for module, name in _FOREIGN)
    foreign = [getattr(module, name) for module, name in loaded if module is not None]
    return (OSError, ValueError, *foreign)


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such object"
    if isinstance(error, PermissionError):
        return "the store does not let us read it; check the credentials in the environment"
    return " ".join(str(error).split())[:300] or type(error).__name__
