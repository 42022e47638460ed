"""File, folder, glob, object store, URL or feed -> raw documents, with a stamp of their state."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol, cast
from urllib.parse import unquote, urlsplit

from konkyo.index.errors import SourceError
from konkyo.index.ingest.feeds import is_feed, is_news_xml
from konkyo.index.ingest.file_stamp import file_stamp
from konkyo.index.ingest.media_types import (
    FEED,
    MEDIA_TYPES,
    media_type_of,
    media_type_served,
)
from konkyo.index.ingest.object_store import (
    StoredObject,
    find_objects,
    is_object_address,
    object_head,
    open_object,
)

__all__ = [
    "FEED",
    "Fetched",
    "Fetcher",
    "Listing",
    "RawDocument",
    "SourceFailure",
    "expand",
    "fingerprint",
    "served_type",
]

# A file larger than this is a mistake or an attack; a packed one counts unpacked.
_LARGEST_FILE = 512 * 1024 * 1024
_EMPTY = "no document is in it; is its disk mounted, is its name right?"
_PIECE = 1024 * 1024
_HEAD = 4096
_DAMAGED = (EOFError, lzma.LZMAError, zlib.error)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a web server sent: final address, media type, charset if it named one, content.

    ``validators`` name this version to the server, in one word. ``unchanged``: it is still the one
    whose validators were sent, and there is no content.
    """

    url: str
    media_type: str
    charset: str | None
    content: bytes
    validators: str = ""
    unchanged: bool = False


class Fetcher(Protocol):
    """Gets one URL; refuses and fails with SourceError."""

    def __call__(self, url: str, validators: str = ...) -> Fetched:
        """Fetch a page or a feed, unless it is as it was when it had some validators."""


@dataclass(frozen=True, slots=True)
class RawDocument:
    """One document as found: ``source`` is how its owner would name it (a path or a URL).

    ``validators`` and ``unchanged`` are those of ``Fetched``.
    """

    source: str
    media_type: str
    content: bytes = field(repr=False)
    charset: str | None = None
    url: str | None = None
    validators: str = ""
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """A source that could not be read, and why; the rest goes on."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A document not read yet.

    ``stamp`` is cheap (size and time of change); equal stamps mean an unchanged document, None
    means that only reading can tell. Compare ``fingerprint`` of the content then. ``portable``:
    another process, or another machine that sees the same files, may read it.
    """

    source: str
    media_type: str
    stamp: str | None
    _read: Callable[[], RawDocument] = field(repr=False, compare=False)
    portable: bool = True
    _if_changed: Callable[[str], RawDocument] | None = field(
        default=None, repr=False, compare=False
    )

    def read(self, validators: str = "") -> RawDocument:
        """Read the content; a server that is sent ``validators`` may say that it is unchanged.

        Raises SourceError.
        """
        if validators and self._if_changed is not None:
            return self._if_changed(validators)
        return self._read()


def expand(
    sources: Sequence[str],
    *,
    fetch: Fetcher | None = None,
    unknown_kinds: Counter[str] | None = None,
) -> Iterator[Listing | SourceFailure]:
    """Everything the sources name, folders in sorted order, each document once.

    In a folder hidden files and files of unknown kinds are passed over, the latter counted by
    ending in ``unknown_kinds``; named directly, they are failures. URLs and feeds need ``fetch``.
    A source of which nothing is there is a failure.
    """
    unknown = Counter[str]() if unknown_kinds is None else unknown_kinds
    seen: set[str] = set()
    for source in sources:
        empty = True
        try:
            for found in _expand_one(source, fetch, unknown):
                empty = False
                if found.source not in seen:
                    seen.add(found.source)
                    yield found
        except OSError as exc:
            # A path that is too long, may not be looked at, or lies on a disk that is gone.
            empty = False
            yield SourceFailure(source, _why(exc))
        if empty:
            yield SourceFailure(source, _EMPTY)


def fingerprint(content: bytes) -> str:
    """The sha256 of a content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _expand_one(
    source: str, fetch: Fetcher | None, unknown: Counter[str]
) -> Iterator[Listing | SourceFailure]:
    if source.lower().startswith(("http://", "https://")):
        yield from _addresses(source, fetch)
        return
    if is_object_address(source):
        yield from _objects(source, unknown)
        return
    if source.lower().startswith("file://"):
        source = unquote(urlsplit(source).path)
    path = Path(source)
    if path.is_dir():
        yield from _folder(path, unknown)
    elif path.exists():
        yield _file(path)
    elif any(c in source for c in "*?["):
        yield from _glob(source, unknown)
    else:
        yield SourceFailure(source, "no such file or folder")


def _addresses(url: str, fetch: Fetcher | None) -> Iterator[Listing | SourceFailure]:
    if fetch is None:
        yield SourceFailure(url, "fetching from the network is off; allow it with --fetch")
        return

    def document(got: Fetched) -> RawDocument:
        return RawDocument(
            url,
            served_type(got),
            got.content,
            got.charset,
            got.url,
            got.validators,
            got.unchanged,
        )

    yield Listing(
        url,
        "",
        None,
        lambda: document(fetch(url)),
        portable=False,
        _if_changed=lambda validators: document(fetch(url, validators)),
    )


def served_type(got: Fetched) -> str:
    """The media type, as Konkyo names it, of what a server sent."""
    return media_type_served(got.media_type, urlsplit(got.url).path)


def _objects(address: str, unknown: Counter[str]) -> Iterator[Listing | SourceFailure]:
    try:
        found = find_objects(address)
    except SourceError as exc:
        yield SourceFailure(exc.source, exc.reason)
        return
    named = len(found) == 1 and Path(found[0].address).name == Path(address).name
    for one in found:
        media_type = media_type_of(Path(one.address))
        if media_type is None and named:
            yield SourceFailure(address, _unknown(Path(address)))
        elif media_type is not None and (named or _wanted_object(one)):
            read = partial(_read_object, one.address, media_type)
            yield Listing(one.address, media_type, one.stamp, read)
        else:
            unknown[Path(one.address).suffix.lower()] += 1


def _wanted_object(one: StoredObject) -> bool:
    """As ``_wanted``, of an object."""
    if not one.address.lower().endswith(".xml"):
        return True
    try:
        return _is_news(object_head(one.address, _HEAD))
    except SourceError:
        return True


def _read_object(address: str, media_type: str) -> RawDocument:
    try:
        with open_object(address) as file:
            content = _unpacked(file, Path(address).suffix)
    except _DAMAGED as exc:
        raise SourceError(address, _why(exc)) from exc
    return _checked(RawDocument(address, media_type, content))


def _folder(root: Path, unknown: Counter[str]) -> Iterator[Listing | SourceFailure]:
    failures: list[SourceFailure] = []

    def unreadable(error: OSError) -> None:
        failures.append(SourceFailure(Path(error.filename).as_posix(), _why(error)))

    for folder, folders, files in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(folder) / name
            if name.startswith("."):
                continue
            if _wanted(path):
                yield _file(path)
            else:
                unknown[path.suffix.lower()] += 1
        yield from failures
        failures.clear()
    # The folder itself, or the last one in it, may be what cannot be listed.
    yield from failures


def _glob(pattern: str, unknown: Counter[str]) -> Iterator[Listing | SourceFailure]:
    path = Path(pattern)
    anchor = Path(path.anchor) if path.is_absolute() else Path()
    relative = str(path.relative_to(path.anchor)) if path.is_absolute() else pattern
    try:
        matches = sorted(anchor.glob(relative))
    except (ValueError, NotImplementedError) as exc:
        yield SourceFailure(pattern, f"not a pattern ({exc})")
        return
    if not matches:
        yield SourceFailure(pattern, "no file matches this pattern")
    for match in matches:
        if match.is_dir():
            yield from _folder(match, unknown)
        elif match.name.startswith("."):
            continue
        elif _wanted(match):
            yield _file(match)
        else:
            unknown[match.suffix.lower()] += 1


def _file(path: Path) -> Listing | SourceFailure:
    source = path.as_posix()
    media_type = media_type_of(path)
    if media_type is None:
        return SourceFailure(source, _unknown(path))
    if not _encodable(source):
        shown = source.encode("utf-8", "backslashreplace").decode()
        return SourceFailure(shown, "its name is not UTF-8; rename it")
    try:
        status = path.stat()
    except OSError as exc:
        return SourceFailure(source, _why(exc))
    if not path.is_file():
        return SourceFailure(source, "not a regular file")
    return Listing(source, media_type, file_stamp(status), partial(_read, path, source, media_type))


def _encodable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _unknown(path: Path) -> str:
    known = ", ".join(sorted(MEDIA_TYPES))
    kind = f"that end in {path.suffix!r}" if path.suffix else "without an ending"
    return f"Konkyo does not read files {kind}; it reads {known} (also packed as .gz or .xz)"


def _wanted(path: Path) -> bool:
    """Whether a file of a folder is one to read; of XML, feeds and agencies' news are."""
    if path.suffix.lower() != ".xml":
        return media_type_of(path) is not None
    try:
        with path.open("rb") as file:
            return _is_news(file.read(_HEAD))
    except OSError:
        return True


def _is_news(head: bytes) -> bool:
    """Whether an XML document is a feed, NITF or NewsML-G2, by its first kilobytes."""
    return is_feed(head) or is_news_xml(head)


def _read(path: Path, source: str, media_type: str) -> RawDocument:
    try:
        with path.open("rb") as file:
            content = _unpacked(file, path.suffix)
    except (OSError, *_DAMAGED) as exc:
        raise SourceError(source, _why(exc)) from exc
    return _checked(RawDocument(source, media_type, content))


def _checked(raw: RawDocument) -> RawDocument:
    if len(raw.content) > _LARGEST_FILE:
        raise SourceError(raw.source, f"larger than {_LARGEST_FILE // 2**20} MB; split it")
    return raw


def _unpacked(file: BinaryIO, suffix: str) -> bytes:
    """The content of a file, at most one byte more than is allowed."""
    if suffix.lower() == ".gz":
        with gzip.open(file, "rb") as packed:
            return _bounded(cast("BinaryIO", packed))
    if suffix.lower() == ".xz":
        with lzma.open(file, "rb") as packed_xz:
            return _bounded(cast("BinaryIO", packed_xz))
    return _bounded(file)


def _bounded(file: BinaryIO) -> bytes:
    """Piece by piece: Python allocates at once as much as is asked for."""
    content = bytearray()
    while len(content) <= _LARGEST_FILE:
        piece = file.read(min(_PIECE, _LARGEST_FILE + 1 - len(content)))
        if not piece:
            break
        content += piece
    return bytes(content)


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"it is damaged ({error})"
