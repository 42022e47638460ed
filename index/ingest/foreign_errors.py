"""What the libraries that parse documents raise, and its translation into SourceError.

A document comes from anybody, so every class a parser may raise is listed, with those that Python
itself raises while foreign data is taken apart. KeyboardInterrupt and SystemExit are not among
them. ``GENERAL`` holds Python's own classes; ``errors_of`` adds those of one kind of document.
"""

from __future__ import annotations

import importlib
import lzma
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from konkyo.index.errors import SourceError

__all__ = ["GENERAL", "LIBRARIES", "errors_of", "reason", "translated"]

GENERAL: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    EOFError,
    LookupError,
    MemoryError,
    NameError,
    OSError,
    ReferenceError,
    RuntimeError,
    StopIteration,
    SystemError,
    TypeError,
    ValueError,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)

_LXML = ("lxml.etree:Error", "lxml.etree:_TargetParserResult")
_ZIP = ("zipfile:BadZipFile", "zipfile:LargeZipFile")
_XML = ("xml.sax:SAXException", "pyexpat:ExpatError")

LIBRARIES: dict[str, tuple[str, ...]] = {
    "text/html": (
        "dateparser.languages.dictionary:UnknownTokenError",
        "justext.core:JustextError",
        "trafilatura.downloads:_SSLRetryError",
        *_LXML,
    ),
    "text/markdown": ("yaml:YAMLError",),
    "text/csv": ("csv:Error",),
    "multipart/related": (
        "email.errors:MessageError",
        "dateparser.languages.dictionary:UnknownTokenError",
        "justext.core:JustextError",
        "trafilatura.downloads:_SSLRetryError",
        *_LXML,
    ),
    "application/pdf": (
        "pypdf.errors:PyPdfError",
        "pypdf.errors:DependencyError",
        "pypdf.errors:DeprecationError",
        "pypdf._text_extraction:OrientationNotFoundError",
    ),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (
        "docx.exceptions:PythonDocxError",
        "docx.opc.exceptions:OpcError",
        "docx.oxml.exceptions:XmlchemyError",
        "docx.image.exceptions:InvalidImageStreamError",
        "docx.image.exceptions:UnexpectedEndOfFileError",
        "docx.image.exceptions:UnrecognizedImageError",
        *_LXML,
        *_ZIP,
    ),
    "application/epub+zip": (*_LXML, *_ZIP),
    "application/feed+xml": (
        "feedparser.exceptions:ThingsNobodyCaresAboutButMe",
        "feedparser.exceptions:UndeclaredNamespace",
        *_LXML,
        *_XML,
    ),
}
"""By media type: what its libraries raise beside Python's own classes, as ``module:class``."""


@cache
def errors_of(media_type: str) -> tuple[type[Exception], ...]:
    """Every class that reading a document of a media type may raise."""
    return (*GENERAL, *(_class(name) for name in LIBRARIES.get(media_type, ())))


@contextmanager
def translated(source: str, media_type: str) -> Iterator[None]:
    """Raise SourceError, with the name of the document, for what its parser raises."""
    try:
        yield
    except (MemoryError, RecursionError) as exc:
        raise SourceError(source, reason(exc)) from exc
    except errors_of(media_type) as exc:
        raise SourceError(source, reason(exc, media_type)) from exc


_NAMES = {
    "application/pdf": "the PDF",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "the Word file",
    "application/epub+zip": "the EPUB",
}


def reason(error: Exception, media_type: str = "") -> str:
    """Why a document cannot be read, in words."""
    if isinstance(error, MemoryError):
        return "reading it takes more memory than is allowed; split it, or raise reading.memory"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    said = " ".join(str(error).encode("utf-8", "replace").decode().split())[:200]
    kind = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return f"{_NAMES.get(media_type, 'it')} is damaged ({kind})"


def _class(name: str) -> type[Exception]:
    module, _, attribute = name.partition(":")
    found: type[Exception] = getattr(importlib.import_module(module), attribute)
    return found
